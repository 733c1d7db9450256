"""Intervals of ratios, at any level.

The interval of a value contains each x with |x - value| <= quantile * sqrt(V(x)). In Wilson's interval, V(x) has the
slope (1 - 2 value) / n at the value: if more mistakes are assumed, the variance grows as if all images counted equally.
In a stratified sample, the slope is the third central moment of the estimate / its variance, if the mistakes are added
where the variance is. It is steeper if single mistakes in large strata count much. At the end where this makes the
interval wider, the slope is moved from Wilson's to this one, by the factor

    quantile^2 / (quantile^2 + V / slope^2)

where V / slope^2 is how many such mistakes together have the variance V. With many of them, Wilson's slope is good
enough.
"""

import math
from typing import NamedTuple

from reassess.numeric.bootstrap import MIN_NORMAL_P_VALUE

_LEVEL = 0.05  # 1 - the probability that an interval covers the truth


class Interval(NamedTuple):
    """What the intervals of a ratio depend on, except their level."""

    value: float
    variance: float
    slope: float | None  # of the variance, as a function of the value; None for Wilson's
    freedom: float  # degrees of freedom of the variance
    least: float  # smallest possible value
    most: float  # largest possible value
    worst: float  # the inverse of the number of images that counts if no difference was seen

    @property
    def standard_error(self) -> float:
        """Standard error of the ratio."""
        return math.sqrt(self.variance)

    def ends(self, level: float = _LEVEL, widening: float = 1.0) -> tuple[float, float]:
        """Return the ends of the interval."""
        from scipy.special import stdtrit

        quantile = -widening * float(stdtrit(self.freedom, level / 2))
        return _wilson(self.value, self.variance, quantile, self.least, self.most, self.worst, self.slope)

    @property
    def p_value(self) -> float:
        """The smallest level whose interval excludes 0; at least `MIN_NORMAL_P_VALUE`."""
        from scipy.optimize import brentq

        if self.value == 0:
            return 1.0
        if self._distance_from_zero(math.log(MIN_NORMAL_P_VALUE)) > 0:
            return MIN_NORMAL_P_VALUE
        return math.exp(brentq(self._distance_from_zero, math.log(MIN_NORMAL_P_VALUE), 0.0))

    def _distance_from_zero(self, log_level: float) -> float:
        """Return the distance of the interval from 0; negative if it contains 0."""
        low, high = self.ends(math.exp(log_level))
        return low if self.value > 0 else -high


def _wilson(
    value: float,
    variance: float,
    quantile: float,
    least: float,
    most: float,
    worst: float,
    slope: float | None = None,
) -> tuple[float, float]:
    """Compute Wilson's interval of a value between `least` and `most` with a variance, and optionally a slope."""
    # `worst` is the inverse of the number of images that counts if no difference was seen.
    if worst == variance == 0:
        return value, value
    scale = most - least
    share = min(max((value - least) / scale, 0.0), 1.0)
    margin = max(worst, variance / scale**2) / 2
    spread = min(max(share, margin), 1 - margin)
    n = spread * (1 - spread) * scale**2 / variance if variance > 0 else 1 / worst
    if not variance > 0:
        variance = share * (1 - share) * scale**2 / n
    wilsons = low_slope = high_slope = (1 - 2 * share) * scale / n
    if slope is not None and slope != wilsons:
        moved = wilsons + (slope - wilsons) * (quantile * slope) ** 2 / ((quantile * slope) ** 2 + variance)
        low_slope, high_slope = min(wilsons, moved), max(wilsons, moved)

    def move(slope: float, sign: int) -> float:
        shift = slope * quantile**2 / 2
        root = quantile * math.sqrt((slope * quantile / 2) ** 2 + variance * (1 + quantile**2 / n))
        return value + (shift + sign * root) / (1 + quantile**2 / n)

    low, high = move(low_slope, -1), move(high_slope, 1)
    return min(max(low, least), most), max(min(high, most), least)
