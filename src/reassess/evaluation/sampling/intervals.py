"""Intervals of ratios, at any level."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.evaluation.sampling.drawing import ImageSample
from reassess.numeric.bootstrap import MIN_NORMAL_P_VALUE

_Floats = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating] | npt.NDArray[np.bool_]

_LEVEL = 0.05  # 1 - the probability that an interval covers the truth


class SettledDenominators(NamedTuple):
    """The denominators of settled strata, where all numerators of a difference are 0."""

    share: float  # of all images
    mean: float
    worst: float  # the inverse of the number of images that counts

    @classmethod
    def measure(
        cls, sample: ImageSample, weights: _Floats, factors: _Floats, denominators: _Numbers
    ) -> "SettledDenominators":
        """Measure the denominators of the sample."""
        sizes = np.where(sample.is_settled, sample.stratum_sizes, 0)
        images = sample.is_settled[sample.strata]
        share = float(sizes.sum() / sample.stratum_sizes.sum())
        mean = float(weights[images] @ denominators[images]) / share
        return cls(share, min(max(mean, 0.0), 1.0), float((sizes / sizes.sum()) ** 2 @ factors))

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        return self.mean * (1 - self.mean) * self.worst

    def widen(self, value: float, low: float, high: float, mean: float, quantile: float) -> tuple[float, float]:
        """Widen the interval of a ratio, by the ratios at both ends of Wilson's interval of the mean.

        `mean` is the mean of all denominators. Source: Zou and Donner (2008), Statistics in Medicine 27 (MOVER).
        """
        ends = _wilson(self.mean, self.variance, quantile, 0.0, 1.0, self.worst)
        rest = mean - self.share * self.mean
        ratios = [value * mean / (rest + self.share * end) for end in ends if rest + self.share * end > 0] + [value]
        return value - math.hypot(value - low, value - min(ratios)), value + math.hypot(
            high - value, max(ratios) - value
        )


class Interval(NamedTuple):
    """What the intervals of a ratio depend on, except their level."""

    value: float
    mean: float  # of the denominators
    variance: float  # from strata that are not settled
    freedom: float  # degrees of freedom of the variance
    least: float  # smallest possible value
    most: float  # largest possible value
    worst: float  # the inverse of the number of images that counts if no difference was seen
    settled: "SettledDenominators | None"

    @property
    def standard_error(self) -> float:
        """Standard error of the ratio, with the part of settled strata."""
        settled = self.settled
        added = 0.0 if settled is None else (self.value / self.mean * settled.share) ** 2 * settled.variance
        return math.sqrt(self.variance + added)

    def ends(self, level: float = _LEVEL, widening: float = 1.0) -> tuple[float, float]:
        """Return the ends of the interval."""
        from scipy.special import ndtri, stdtrit

        quantile = -widening * float(stdtrit(self.freedom, level / 2))
        low, high = _wilson(self.value, self.variance, quantile, self.least, self.most, self.worst)
        if self.settled is None:
            return low, high
        return self.settled.widen(self.value, low, high, self.mean, -widening * float(ndtri(level / 2)))

    @property
    def p_value(self) -> float:
        """The smallest level whose interval excludes 0; at least `MIN_NORMAL_P_VALUE`."""
        if self.value == 0:
            return 1.0
        if self._excludes_zero(MIN_NORMAL_P_VALUE):
            return MIN_NORMAL_P_VALUE
        lowest, highest = math.log(MIN_NORMAL_P_VALUE), 0.0
        for _ in range(50):
            middle = (lowest + highest) / 2
            lowest, highest = (lowest, middle) if self._excludes_zero(math.exp(middle)) else (middle, highest)
        return math.exp(highest)

    def _excludes_zero(self, level: float) -> bool:
        low, high = self.ends(level)
        return low > 0 or high < 0


def _wilson(
    value: float, variance: float, quantile: float, least: float, most: float, worst: float
) -> tuple[float, float]:
    """Compute Wilson's interval of a value between `least` and `most` with a given variance.

    `worst` is the inverse of the number of images that counts if no difference was seen.
    """
    if worst == variance == 0:
        return value, value
    scale = most - least
    share = min(max((value - least) / scale, 0.0), 1.0)
    margin = max(worst, variance / scale**2) / 2
    spread = min(max(share, margin), 1 - margin)
    n = spread * (1 - spread) * scale**2 / variance if variance > 0 else 1 / worst
    centre = (share + quantile**2 / (2 * n)) / (1 + quantile**2 / n)
    half = quantile / (1 + quantile**2 / n) * (share * (1 - share) / n + quantile**2 / (4 * n**2)) ** 0.5
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return least + scale * low, least + scale * high
