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
from typing import Any

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


def format_p_value(p_value: float, *, at_most: bool = False) -> str:
    """Format a p-value after ``=``, or after ``<=`` with `at_most`, which marks an upper bound."""
    if p_value <= MIN_P_VALUE:
        return f"< {MIN_P_VALUE:g}"
    return f"{'<=' if at_most else '='} {p_value:.2g}"


@dataclass(frozen=True, repr=False)
class Difference(Printable, ABC):
    """The mean difference of two models over images, with its interval and test."""

    n: int  # number of images
    # standard deviation of the mean over images and raters; None if raters are not resampled
    standard_deviation: float | None = field(default=None, kw_only=True)
    # p-value with Holm's correction for all compared pairs of models; None if only these two are compared
    holm_p_value: float | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def counts(self) -> Mapping[int, int]:
        """Number of images by their difference, an integer from -2 to 2; without 0."""

    @property
    def mean_difference(self) -> float | None:
        """The mean difference over images; None without images."""
        return self._sum_of_differences / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % percentile bootstrap interval, over images; None without images."""
        return mean_interval(self.counts, self.n)

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value over images, by sign flips; None without images."""
        ones, twos = (self.counts.get(size, 0) + self.counts.get(-size, 0) for size in (1, 2))
        return float(sign_flip_p_values(*np.array([[self._sum_of_differences], [ones], [twos]]))[0]) if self.n else None

    @property
    def raters_interval(self) -> tuple[float, float] | None:
        """95 % interval over images and raters; None if raters are not resampled."""
        if self.mean_difference is None or self.standard_deviation is None:
            return None
        return normal_interval(self.mean_difference, self.standard_deviation, -2, 2)

    @property
    def raters_p_value(self) -> float | None:
        """Two-sided p-value over images and raters; None if raters are not resampled."""
        if self.mean_difference is None or self.standard_deviation is None:
            return None
        return max(float(normal_p_values(self.mean_difference, self.standard_deviation)), self.p_value or 0)

    @property
    def final_p_value(self) -> float | None:
        """P-value for verdicts: with Holm's correction, and over raters if they are resampled."""
        if not self.n or self.holm_p_value is not None:
            return self.holm_p_value
        return self.p_value if self.standard_deviation is None else self.raters_p_value

    def p_value_texts(self) -> dict[str, str]:
        """Available p-values as text: ``p_value``, ``raters_p_value`` and ``final_p_value``; see `format_p_value`."""
        is_bound = self.raters_p_value == MIN_NORMAL_P_VALUE
        values = {
            "p_value": (self.p_value, False),
            "raters_p_value": (self.raters_p_value, is_bound),
            "final_p_value": (self.final_p_value, is_bound),
        }
        return {
            name: format_p_value(value, at_most=at_most)
            for name, (value, at_most) in values.items()
            if value is not None
        }

    @property
    def winner_sign(self) -> int:
        """1 if the first model is significantly better (`final_p_value` below 0.05), -1 if the second is, else 0."""
        return (
            int(np.sign(self._sum_of_differences)) if self.n and (self.final_p_value or 0) < SIGNIFICANCE_LEVEL else 0
        )

    @property
    def _sum_of_differences(self) -> int:
        return sum(value * images for value, images in self.counts.items())

    def raters_to_json(self) -> dict[str, Any] | None:
        """Return the interval and the p-value over images and raters for JSON output."""
        if self.raters_interval is None:
            return None
        low, high = self.raters_interval
        return {"low": low, "high": high, "p_value": self.raters_p_value}


@dataclass(frozen=True, repr=False)
class AccuracyChange(Difference):
    """The change of one model's lead over another from original to reassessed labels, on the same images."""

    n_images_by_change: Mapping[int, int]  # number of images by change of the first model's lead, in hits: -2 to 2

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of images by change of the first model's lead, in hits, from original to reassessed labels."""
        return self.n_images_by_change


@dataclass(frozen=True, eq=False, repr=False)
class PairTests(Printable):
    """Tests of one kind of difference for every pair of M models."""

    # float64, shape (M, M): p-value of each pair, with Holm's correction for all pairs; 1 on the diagonal
    holm_p_values: _Floats
    # int8, shape (M, M): 1 if the row's model is significantly better, -1 if the column's model is, else 0
    winner_signs: npt.NDArray[np.int8]
    # float64, shape (M, M): standard deviation of each difference over images and raters; None if the tests cover only
    # images
    standard_deviations: _Floats | None

    def __post_init__(self) -> None:
        freeze(self, "holm_p_values", "winner_signs")

    def to_difference_fields(self, index_a: int, index_b: int) -> dict[str, float | None]:
        """Return the results of the tests of two models, as keyword arguments of `Difference`."""
        deviation = None if self.standard_deviations is None else float(self.standard_deviations[index_a, index_b])
        return {"standard_deviation": deviation, "holm_p_value": float(self.holm_p_values[index_a, index_b])}


@dataclass(frozen=True, eq=False, repr=False)
class PairwiseTests(Printable):
    """Tests of every pair of M models."""

    models: tuple[str, ...]  # names, shape (M,)
    real_tests: PairTests  # tests by reassessed labels
    original_tests: PairTests | None  # tests by original labels; None if no image has an original label
    # tests of the change of the lead from original to reassessed labels; None if no scored image has an original label
    change_tests: PairTests | None


def compare_every_pair(panel: Panel, uncertainty: LabelUncertainty | None = None) -> PairwiseTests:
    """Test every pair of models of a panel, with Holm's correction for all pairs.

    With the label uncertainty of the same models, the tests cover images and raters; otherwise only images.

    Sources: Fisher (1935), The Design of Experiments, for the exact test; Holm (1979), Scandinavian Journal of
    Statistics 6, for the correction.
    """
    scored, has_original = panel.is_scored, panel.has_original
    both = scored & has_original
    valid, hits = panel.is_valid[:, both], panel.is_original_hit[:, both]
    change = None
    if both.any():
        spread = None if uncertainty is None else uncertainty.change_deviations
        change = _test_pairs(valid & ~hits, spread, has_minus_1=hits & ~valid)
    return PairwiseTests(
        models=panel.models,
        real_tests=_test_pairs(
            panel.is_valid[:, scored], None if uncertainty is None else uncertainty.difference_deviations
        ),
        original_tests=_test_pairs(panel.is_original_hit[:, has_original]) if has_original.any() else None,
        change_tests=change,
    )


def sum_and_count_pair_differences(has_plus_1: _Bools, has_minus_1: _Bools) -> tuple[_Ints, _Ints, _Ints]:
    """Sum and count the differences of every pair of M models.

    On each of N images, each model has a value of 1 (`has_plus_1`), -1 (`has_minus_1`) or 0; both masks have shape
    (M, N). Return three arrays over the pairs: the sum of the differences, the number of images where the absolute
    difference is 1, and the number of images where it is 2.
    """
    a, b = np.triu_indices(len(has_plus_1), 1)
    equal, opposite = (
        count_common_hits(has_plus_1, has_plus_1) + count_common_hits(has_minus_1, has_minus_1),
        count_common_hits(has_plus_1, has_minus_1),
    )
    gains, losses = np.count_nonzero(has_plus_1, axis=1), np.count_nonzero(has_minus_1, axis=1)
    totals, sizes = gains - losses, gains + losses
    twos = (opposite + opposite.T)[a, b]
    return totals[a] - totals[b], sizes[a] + sizes[b] - 2 * (equal[a, b] + twos), twos


def _test_pairs(
    has_plus_1: _Bools, standard_deviations: _Floats | None = None, *, has_minus_1: _Bools | None = None
) -> PairTests:
    """Test the differences of every pair of models, with Holm's correction."""
    totals, ones, twos = sum_and_count_pair_differences(
        has_plus_1, np.zeros_like(has_plus_1) if has_minus_1 is None else has_minus_1
    )
    models, pairs = len(has_plus_1), np.triu_indices(len(has_plus_1), 1)
    p_values = sign_flip_p_values(totals, ones, twos)
    if standard_deviations is not None:
        p_values = np.maximum(p_values, normal_p_values(totals / has_plus_1.shape[1], standard_deviations[pairs]))
    corrected, better = np.ones((models, models)), np.zeros((models, models), np.int8)
    corrected[pairs] = corrected.T[pairs] = adjust_p_values(p_values)
    better[pairs] = np.sign(totals) * (corrected[pairs] < SIGNIFICANCE_LEVEL)
    better.T[pairs] = -better[pairs]
    return PairTests(holm_p_values=corrected, winner_signs=better, standard_deviations=standard_deviations)
