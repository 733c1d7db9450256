"""The difference of two models, and of every two of many: one whole number an image, its interval and its tests.

On an image, the lead of one model over another is 1 where only the first is right, -1 where only the second is, else 0.
From one kind of labels to another it changes by -2 to 2. The mean over images is the difference of two accuracies, or
the change of that difference.

Over images the test is exact: each number may have either sign. Where raters are resampled too, the p-value is that
of the normal distribution with the standard deviation of the replicates, but never less than the exact one. Wherever
the exact p-value is below 0.05, the 95 % interval over images leaves out 0; the reverse need not hold.
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
from reassess.numeric.bootstrap import LOWEST_NORMAL_P, common_hits, mean_interval, normal_interval, normal_p_values
from reassess.numeric.proportions import SMALLEST, holm, sign_flips
from reassess.text import Shown

LEVEL = 0.05  # of a corrected p-value, below which two models are told apart
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


def p_text(p_value: float, *, at_most: bool = False) -> str:
    """A p-value with the sign before it; `at_most` if it stands for all that is lower."""
    if p_value <= SMALLEST:
        return f"< {SMALLEST:g}"
    return f"{'<=' if at_most else '='} {p_value:.2g}"


@dataclass(frozen=True, repr=False)
class Difference(Shown, ABC):
    """The mean over images of a whole number from -2 to 2, with its interval and test."""

    n: int  # Number of images
    # Standard deviation of the mean over images and raters; None where raters are not resampled
    deviation: float | None = field(default=None, kw_only=True)
    # The p-value, by Holm's correction for all pairs of models that are compared; None if these are the only two
    holm: float | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def counts(self) -> Mapping[int, int]:
        """Number of images with each number that is not 0."""

    @property
    def difference(self) -> float | None:
        """The mean; None without images."""
        return self._total / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % percentile bootstrap interval, over images; None without images."""
        return mean_interval(self.counts, self.n)

    @property
    def p_value(self) -> float | None:
        """Exact two-sided p-value, over images, if each number may have either sign; None without images."""
        ones, twos = (self.counts.get(size, 0) + self.counts.get(-size, 0) for size in (1, 2))
        return float(sign_flips(*np.array([[self._total], [ones], [twos]]))[0]) if self.n else None

    @property
    def raters_interval(self) -> tuple[float, float] | None:
        """95 % interval, over images and raters; None where raters are not resampled."""
        if self.difference is None or self.deviation is None:
            return None
        return normal_interval(self.difference, self.deviation, -2, 2)

    @property
    def raters_p_value(self) -> float | None:
        """Two-sided p-value, over images and raters; None where raters are not resampled."""
        if self.difference is None or self.deviation is None:
            return None
        return max(float(normal_p_values(self.difference, self.deviation)), self.p_value or 0)

    @property
    def corrected(self) -> float | None:
        """The p-value that decides: by Holm's correction, and over raters too where these are resampled."""
        if not self.n or self.holm is not None:
            return self.holm
        return self.p_value if self.deviation is None else self.raters_p_value

    def p_texts(self) -> dict[str, str]:
        """Each p-value that there is, by its name: ``p_value``, ``raters_p_value`` and ``corrected``; see `p_text`."""
        bound = self.raters_p_value == LOWEST_NORMAL_P
        values = {"p_value": (self.p_value, False), "raters_p_value": (self.raters_p_value, bound)}
        values["corrected"] = self.corrected, bound
        return {name: p_text(value, at_most=bound) for name, (value, bound) in values.items() if value is not None}

    @property
    def better(self) -> int:
        """1 if the mean is above 0 and `corrected` below 0.05, so that the first model is better; -1 or 0 likewise."""
        return int(np.sign(self._total)) if self.n and (self.corrected or 0) < LEVEL else 0

    @property
    def _total(self) -> int:
        return sum(value * images for value, images in self.counts.items())

    def raters_to_json(self) -> dict[str, Any] | None:
        """The interval and the p-value over images and raters."""
        if self.raters_interval is None:
            return None
        low, high = self.raters_interval
        return {"low": low, "high": high, "p_value": self.raters_p_value}


@dataclass(frozen=True, repr=False)
class AccuracyChange(Difference):
    """How the lead of one model over another changes from original to reassessed labels, on the same images."""

    changes: Mapping[int, int]  # Number of images by how much the lead changes on them, -2 to 2

    @property
    def counts(self) -> Mapping[int, int]:
        """The changes."""
        return self.changes


@dataclass(frozen=True, eq=False, repr=False)
class PairTests(Shown):
    """One kind of difference, tested for every two of M models."""

    # float64, shape (M, M): p-value of each two, by Holm's correction over all of them; 1 for a model and itself
    holm: _Floats
    # int8, shape (M, M): 1 if the difference is above 0 and that p-value below 0.05, -1 if it is below 0, else 0
    better: npt.NDArray[np.int8]
    # float64, shape (M, M): standard deviation of each difference over images and raters; None where the tests
    # cover images alone
    deviations: _Floats | None

    def __post_init__(self) -> None:
        freeze(self, "holm", "better")

    def of(self, a: int, b: int) -> dict[str, float | None]:
        """What `Difference` holds of the test of two models."""
        deviation = None if self.deviations is None else float(self.deviations[a, b])
        return {"deviation": deviation, "holm": float(self.holm[a, b])}


@dataclass(frozen=True, eq=False, repr=False)
class EveryPair(Shown):
    """Every two of M models tested."""

    models: tuple[str, ...]  # Names, shape (M,)
    # real, original, change: By reassessed labels, by original labels, and how the lead changes from these to
    # those; the latter two None where no image has an original label, or none of the scored images has
    real: PairTests
    original: PairTests | None
    change: PairTests | None


def every_pair(panel: Panel, uncertainty: LabelUncertainty | None = None) -> EveryPair:
    """Test every two models of a panel, with Holm's correction for their number.

    With the uncertainty of the label sets, for the same models, the tests cover images and raters.
    Sources: Fisher (1935), The Design of Experiments; Holm (1979), Scandinavian Journal of Statistics 6.
    """
    scored, known = panel.scored, panel.original_known
    both = scored & known
    valid, hits = panel.valid[:, both], panel.original_hit[:, both]
    change = None
    if both.any():
        spread = None if uncertainty is None else uncertainty.change_deviations
        change = _test(valid & ~hits, spread, downs=hits & ~valid)
    return EveryPair(
        models=panel.models,
        real=_test(panel.valid[:, scored], None if uncertainty is None else uncertainty.deviations),
        original=_test(panel.original_hit[:, known]) if known.any() else None,
        change=change,
    )


def sums_of_pairs(ups: _Bools, downs: _Bools) -> tuple[_Ints, _Ints, _Ints]:
    """The difference of every two of M models, where each model has 1, -1 or 0 on each of N images."""
    a, b = np.triu_indices(len(ups), 1)
    alike, opposite = common_hits(ups, ups) + common_hits(downs, downs), common_hits(ups, downs)
    gains, losses = np.count_nonzero(ups, axis=1), np.count_nonzero(downs, axis=1)
    totals, moved = gains - losses, gains + losses
    twos = (opposite + opposite.T)[a, b]
    return totals[a] - totals[b], moved[a] + moved[b] - 2 * (alike[a, b] + twos), twos


def _test(ups: _Bools, deviations: _Floats | None = None, *, downs: _Bools | None = None) -> PairTests:
    totals, ones, twos = sums_of_pairs(ups, np.zeros_like(ups) if downs is None else downs)
    models, pairs = len(ups), np.triu_indices(len(ups), 1)
    p_values = sign_flips(totals, ones, twos)
    if deviations is not None:
        p_values = np.maximum(p_values, normal_p_values(totals / ups.shape[1], deviations[pairs]))
    corrected, better = np.ones((models, models)), np.zeros((models, models), np.int8)
    corrected[pairs] = corrected.T[pairs] = holm(p_values)
    better[pairs] = np.sign(totals) * (corrected[pairs] < LEVEL)
    better.T[pairs] = -better[pairs]
    return PairTests(holm=corrected, better=better, deviations=deviations)
