"""Proportions and counts: intervals, exact tests, and Holm's correction for many tests."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.text import percent

_Ints = npt.NDArray[np.int64]

SMALLEST = 1e-300  # a p-value of it stands for all that is smaller
_Z = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(hits: float, n: int) -> tuple[float, float] | None:
    """95 % interval of a proportion, by Wilson's score method without continuity correction; None if n is 0.

    >>> low, high = wilson(42_164, 46_837)
    >>> round(low, 5), round(high, 5)
    (0.89748, 0.90291)

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


def lower_bound(hits: _Ints, of: _Ints, *, confidence: float) -> float:
    """One-sided lower confidence bound of a share of pairs, where each draw is an image with all its pairs.

    Clopper and Pearson's bound for the number of independent pairs that says as much as these. That number is the
    smaller of two: what it would be if all pairs of an image were hits or none (Kish), and what the variance between
    images says, which is too small where hits or misses are few.

    Source: Korn and Graubard (1998), Survey Methodology 24, 193-201.
    """
    from scipy.special import betaincinv

    there = of > 0
    hits, of = hits[there], of[there]
    n, share = int(of.sum()), hits.sum() / max(of.sum(), 1)
    if not share:
        return 0.0
    independent = n**2 / (of**2).sum()
    variance = ((hits - share * of) ** 2).sum() / n**2 * of.size / max(of.size - 1, 1)
    if variance:
        independent = min(independent, share * (1 - share) / variance)
    return float(betaincinv(share * independent, (1 - share) * independent + 1, 1 - confidence))


@dataclass(frozen=True)
class Proportion:
    """`hits` of `n` images; the ratio is derived, and is None where n is 0.

    Parameters
    ----------
    hits
        Number of images that count, from 0 to n.
    n
        Number of images.

    Examples
    --------
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

    Source: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; the example is the first of its Table II.
    """
    if first.value is None or second.value is None or first.interval is None or second.interval is None:
        return None
    (low, high), (other_low, other_high) = first.interval, second.interval
    difference = first.value - second.value
    below = math.hypot(first.value - low, other_high - second.value)
    above = math.hypot(high - first.value, second.value - other_low)
    return difference - below, difference + above


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of McNemar's test: two models are right equally often, on images of which one is right.

    Source: McNemar (1947), Psychometrika 12; the exact form uses the binomial distribution.
    """
    from scipy.special import betaincc

    if abs(only_a - only_b) <= 1:  # twice the tail is 1 or more
        return 1.0
    # The binomial tail as an incomplete beta function: bdtr is less exact, and betainc is 0 for all below 1e-252.
    return min(1.0, 2 * float(betaincc(min(only_a, only_b) + 1, max(only_a, only_b), 0.5)))


def sign_flips(totals: _Ints, ones: _Ints, twos: _Ints) -> npt.NDArray[np.float64]:
    """Exact two-sided p-values of sums of ones and twos with signs, if a fair coin gave the sign of each.

    With the change of a lead, image by image, this is McNemar's test for two label sets and two models: on an image the
    lead of one model over the other, -1, 0 or 1, may change by 1 or by 2. Without twos it is McNemar's test.

    Source: Fisher (1935), The Design of Experiments, section 21: a difference may have either sign. The test is exact
    if each difference is as likely to have either sign. Where only the mean is 0, its level is right for many images,
    since the sum of squares estimates the variance.
    """
    from reassess.numeric.resampling_kernels import sign_flip_tails

    result = np.empty(len(totals))
    sign_flip_tails(np.abs(totals), ones, twos, result)
    return result


def chance_p_value(hits: int, images: Mapping[int, int]) -> float:
    """Exact two-sided p-value of a number of hits, if on each image one of several classes was taken at random.

    The number of hits follows the Poisson binomial distribution: a sum of binomial ones, one a number of classes.
    The probability of many hits is found as that of few misses, so that a small p-value is as accurate as a large one.
    """
    if not images:
        return 1.0
    mean = sum(count / classes for classes, count in images.items())
    # The median is the mean rounded down or up (Jogdeo and Samuels, 1968), so that the other tail is half or more.
    if hits > mean:
        tail = _at_most(sum(images.values()) - hits, [(count, 1 - 1 / classes) for classes, count in images.items()])
    else:
        tail = _at_most(hits, [(count, 1 / classes) for classes, count in images.items()])
    return min(1.0, max(SMALLEST, 2 * tail))


def _at_most(most: int, trials: Sequence[tuple[int, float]]) -> float:
    """Probability of at most so many successes in trials, so many of each chance of success."""
    from scipy.special import gammaln, xlog1py, xlogy

    total = np.ones(1)
    for count, chance in trials:
        n = np.arange(min(count, most) + 1)
        ways = gammaln(count + 1) - gammaln(n + 1) - gammaln(count - n + 1)
        total = np.convolve(total, np.exp(ways + xlogy(n, chance) + xlog1py(count - n, -chance)))[: most + 1]
    return float(total.sum())


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values corrected so that the chance of any false discovery among all tests is at most the level.

    Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    given = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    steps = np.minimum(1, np.arange(given.size, 0, -1) * given[order])
    corrected = np.empty(given.size)
    corrected[order] = np.maximum.accumulate(steps)
    return corrected
