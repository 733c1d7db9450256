"""Intervals of proportions, and the count from which a proportion derives."""

import math
from dataclasses import dataclass

from reassess.text import percent

__all__ = ["Proportion", "difference_interval", "wilson"]

_Z = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """95 % interval of a proportion, by Wilson's score method without continuity correction; None if n is 0.

    >>> low, high = wilson(42_164, 46_837)
    >>> round(low, 5), round(high, 5)
    (0.89748, 0.90291)

    Notes
    -----
    Source: Wilson (1927), Journal of the American Statistical Association 22.
    """
    if n == 0:
        return None
    centre = hits + _Z**2 / 2
    half = _Z * math.sqrt(hits * (n - hits) / n + _Z**2 / 4)
    # The bounds at the ends are exactly 0 and 1; rounding must not move them.
    low = 0.0 if hits == 0 else (centre - half) / (n + _Z**2)
    high = 1.0 if hits == n else (centre + half) / (n + _Z**2)
    return low, high


@dataclass(frozen=True)
class Proportion:
    """`hits` of `n` images; the ratio is derived, and is None where n is 0.

    >>> Proportion(9, 10).value
    0.9
    >>> print(Proportion(9, 10))
    90.00 % [59.58, 98.21] (9 of 10)
    """

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        """Hits / n, in [0, 1]."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % Wilson interval over images."""
        return wilson(self.hits, self.n)

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return "- (no images)"
        low, high = self.interval
        return f"{percent(self.value)} % [{percent(low)}, {percent(high)}] ({self.hits:,} of {self.n:,})"

    def __add__(self, other: "Proportion") -> "Proportion":
        return Proportion(self.hits + other.hits, self.n + other.n)

    def to_json(self) -> dict[str, int | float | None]:
        """The object that JSON documents hold."""
        low, high = self.interval or (None, None)
        return {"hits": self.hits, "n": self.n, "accuracy": self.value, "low": low, "high": high}


def difference_interval(first: Proportion, second: Proportion) -> tuple[float, float] | None:
    """95 % interval of the difference of two proportions of different images; None if one is of no images.

    By Newcombe's hybrid score method, from the Wilson interval of each.

    >>> low, high = difference_interval(Proportion(56, 70), Proportion(48, 80))
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)

    Notes
    -----
    Source: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; the example is the first of its Table II.
    """
    if first.value is None or second.value is None or first.interval is None or second.interval is None:
        return None
    (low, high), (other_low, other_high) = first.interval, second.interval
    difference = first.value - second.value
    below = math.hypot(first.value - low, other_high - second.value)
    above = math.hypot(high - first.value, second.value - other_low)
    return difference - below, difference + above
