"""Differences of accuracy between models, with intervals and tests.

The lead of one model over another on an image is 1 if only the first is correct, -1 if only the second is correct, and
0 otherwise. Its mean over images is the difference of two accuracies. From original to reassessed labels, the lead on
an image changes by -2 to 2; the mean change is the change of the difference.

Over images, the p-value is exact: under the null hypothesis, the number on each image has either sign with equal
probability. If raters are resampled too, the p-value comes from a normal distribution with the standard deviation of
the replicates, and is at least the exact p-value. If the exact p-value is below 0.05, the 95 % interval over images
excludes 0; the reverse need not hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.comparison.label_uncertainty import LabelUncertainty
from reassess.comparison.panel import Panel
from reassess.numeric.arrays import freeze
from reassess.numeric.bootstrap import (
    MIN_NORMAL_P_VALUE,
    count_common_hits,
    mean_interval,
    normal_interval,
    normal_p_values,
)
from reassess.numeric.proportions import MIN_P_VALUE, adjust_p_values, sign_flip_p_values
from reassess.text import Printable

SIGNIFICANCE_LEVEL = 0.05  # significance level of corrected p-values
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


def format_p_value(p_value: float, *, is_upper_bound: bool = False) -> str:
    """Format a p-value after ``=``; after ``<=`` if it is an upper bound; after ``<`` if it is tiny."""
    if p_value <= MIN_P_VALUE:
        return f"< {MIN_P_VALUE:g}"
    return f"{'<=' if is_upper_bound else '='} {p_value:.2g}"


@dataclass(frozen=True, repr=False)
class Difference(Printable, ABC):
    """The mean difference between two models over images, with its interval and test."""

    n_images: int
    # of the mean, over images and raters; None if raters are not resampled
    standard_error: float | None = field(default=None, kw_only=True)
    # with Holm's correction for all compared pairs of models; None if only these two are compared
    holm_p_value: float | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def counts(self) -> Mapping[int, int]:
        """Number of images where the models' hits differ by -2, -1, 1 or 2, by this difference."""

    @property
    def mean_difference(self) -> float | None:
        """The mean difference over images; None without images."""
        return self._sum_of_differences / self.n_images if self.n_images else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % bootstrap interval of the mean difference, over images; None without images."""
        return mean_interval(self.counts, self.n_images)

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value of a sign-flip test over images; None without images."""
        if not self.n_images:
            return None
        ones, twos = (self.counts.get(size, 0) + self.counts.get(-size, 0) for size in (1, 2))
        return float(sign_flip_p_values(*np.array([[self._sum_of_differences], [ones], [twos]]))[0])

    @property
    def interval_over_raters(self) -> tuple[float, float] | None:
        """95 % interval of the mean difference, over images and raters; None if raters are not resampled."""
        if self.mean_difference is None or self.standard_error is None:
            return None
        return normal_interval(self.mean_difference, self.standard_error, -2, 2)

    @property
    def p_value_over_raters(self) -> float | None:
        """Two-sided p-value over images and raters; None if raters are not resampled."""
        if self.mean_difference is None or self.standard_error is None:
            return None
        return max(float(normal_p_values(self.mean_difference, self.standard_error)), self.p_value or 0)

    @property
    def corrected_p_value(self) -> float | None:
        """Holm-corrected p-value that decides significance; its test includes raters if they are resampled."""
        if not self.n_images or self.holm_p_value is not None:
            return self.holm_p_value
        return self.p_value if self.standard_error is None else self.p_value_over_raters

    def format_p_values(self) -> dict[str, str]:
        """Format each of the three p-values that is not None; the keys are the names of the attributes."""
        is_bound = self.p_value_over_raters == MIN_NORMAL_P_VALUE
        values = {
            "p_value": (self.p_value, False),
            "p_value_over_raters": (self.p_value_over_raters, is_bound),
            "corrected_p_value": (self.corrected_p_value, is_bound),
        }
        return {
            name: format_p_value(value, is_upper_bound=is_upper_bound)
            for name, (value, is_upper_bound) in values.items()
            if value is not None
        }

    @property
    def winner_sign(self) -> int:
        """1 if the first model is significantly better, -1 if the second model is, otherwise 0."""
        is_significant = self.n_images > 0 and (self.corrected_p_value or 0) < SIGNIFICANCE_LEVEL
        return int(np.sign(self._sum_of_differences)) if is_significant else 0

    @property
    def _sum_of_differences(self) -> int:
        return sum(value * images for value, images in self.counts.items())

    def rater_uncertainty_to_json(self) -> dict[str, Any] | None:
        """Return the interval and the p-value over images and raters for JSON output."""
        if self.interval_over_raters is None:
            return None
        low, high = self.interval_over_raters
        return {"low": low, "high": high, "p_value": self.p_value_over_raters}


@dataclass(frozen=True, repr=False)
class LeadChange(Difference):
    """How one model's lead over another changes from original to reassessed labels, on the same images."""

    n_images_by_change_in_hits: Mapping[int, int]  # keys: change of the first model's lead: -2, -1, 1 or 2 hits

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of images that change the first model's lead by -2, -1, 1 or 2 hits."""
        return self.n_images_by_change_in_hits


@dataclass(frozen=True, eq=False, repr=False)
class DifferenceTests(Printable):
    """Results of testing one kind of difference between every pair of M models."""

    # float64, shape (M, M): p-value of each pair, with Holm's correction for all pairs; 1 on the diagonal
    holm_p_values: _Floats
    # int8, shape (M, M): 1 if the row's model is significantly better, -1 if the column's model is, else 0
    winner_signs: npt.NDArray[np.int8]
    # float64, shape (M, M): standard deviation of each difference over images and raters; None if the tests cover only
    # images
    standard_errors: _Floats | None

    def __post_init__(self) -> None:
        freeze(self, "holm_p_values", "winner_signs")

    def results_of_pair(self, index_a: int, index_b: int) -> dict[str, float | None]:
        """Return the test results of two models, as keyword arguments of `Difference`."""
        deviation = None if self.standard_errors is None else float(self.standard_errors[index_a, index_b])
        return {"standard_error": deviation, "holm_p_value": float(self.holm_p_values[index_a, index_b])}


@dataclass(frozen=True, eq=False, repr=False)
class PairwiseTests(Printable):
    """Tests of each pair of M models: by reassessed labels, by original labels, and for a change of the lead."""

    models: tuple[str, ...]  # names, shape (M,)
    reassessed_tests: DifferenceTests  # tests by reassessed labels
    original_tests: DifferenceTests | None  # tests by original labels; None if no image has an original label
    # tests of the change of the lead from original to reassessed labels; None if no scored image has an original label
    lead_change_tests: DifferenceTests | None


def compare_every_pair(panel: Panel, uncertainty: LabelUncertainty | None = None) -> PairwiseTests:
    """Test every pair of models of a panel, with Holm's correction for all pairs.

    With the label uncertainty of the same models, the tests cover images and raters; otherwise only images.

    Sources: Fisher (1935), The Design of Experiments, for the exact test; Holm (1979), Scandinavian Journal of
    Statistics 6, for the correction.
    """
    scored, has_original = panel.is_scored, panel.has_original_label
    both = scored & has_original
    valid, hits = panel.is_valid[:, both], panel.is_original_hit[:, both]
    change = None
    if both.any():
        spread = None if uncertainty is None else uncertainty.lead_change_standard_deviations
        change = _test_model_pairs(valid & ~hits, spread, has_loss=hits & ~valid)
    return PairwiseTests(
        models=panel.models,
        reassessed_tests=_test_model_pairs(
            panel.is_valid[:, scored], None if uncertainty is None else uncertainty.difference_standard_deviations
        ),
        original_tests=_test_model_pairs(panel.is_original_hit[:, has_original]) if has_original.any() else None,
        lead_change_tests=change,
    )


class PairDifferences(NamedTuple):
    """For each pair of models, the difference in hits, summed over images; int64, shape (pairs,)."""

    sums: _Ints  # sum of the differences
    n_images_differing_by_1: _Ints  # number of images where the absolute difference is 1
    n_images_differing_by_2: _Ints  # number of images where it is 2


def sum_hit_differences_of_model_pairs(has_gain: _Bools, has_loss: _Bools) -> PairDifferences:
    """Sum the differences of every pair of M models over N images, and count the images with a difference.

    A model's value on an image is 1 with a gain, such as a hit; -1 with a loss, such as a hit that another label set
    takes away; otherwise 0. Masks have shape (M, N).
    """
    a, b = np.triu_indices(len(has_gain), 1)
    equal, opposite = (
        count_common_hits(has_gain, has_gain) + count_common_hits(has_loss, has_loss),
        count_common_hits(has_gain, has_loss),
    )
    gains, losses = np.count_nonzero(has_gain, axis=1), np.count_nonzero(has_loss, axis=1)
    totals, sizes = gains - losses, gains + losses
    twos = (opposite + opposite.T)[a, b]
    return PairDifferences(totals[a] - totals[b], sizes[a] + sizes[b] - 2 * (equal[a, b] + twos), twos)


def _test_model_pairs(
    has_gain: _Bools, standard_errors: _Floats | None = None, *, has_loss: _Bools | None = None
) -> DifferenceTests:
    """Test the differences of every pair of models, with Holm's correction for all pairs."""
    totals, ones, twos = sum_hit_differences_of_model_pairs(
        has_gain, np.zeros_like(has_gain) if has_loss is None else has_loss
    )
    models, pairs = len(has_gain), np.triu_indices(len(has_gain), 1)
    p_values = sign_flip_p_values(totals, ones, twos)
    if standard_errors is not None:
        p_values = np.maximum(p_values, normal_p_values(totals / has_gain.shape[1], standard_errors[pairs]))
    corrected, better = np.ones((models, models)), np.zeros((models, models), np.int8)
    corrected[pairs] = corrected.T[pairs] = adjust_p_values(p_values)
    better[pairs] = np.sign(totals) * (corrected[pairs] < SIGNIFICANCE_LEVEL)
    better.T[pairs] = -better[pairs]
    return DifferenceTests(holm_p_values=corrected, winner_signs=better, standard_errors=standard_errors)
