"""Proportions and counts: intervals, exact tests, and Holm's correction for many tests."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.text import format_percent

_Ints = npt.NDArray[np.int64]

MIN_P_VALUE = 1e-300  # floor of exact p-values
_NORMAL_QUANTILE = 1.959963984540054  # 97.5 % point of the standard normal distribution


def wilson_interval(hits: float, n: int) -> tuple[float, float] | None:
    """Compute the 95 % Wilson score interval, without continuity correction; None if n is 0.

    >>> low, high = wilson_interval(42_164, 46_837)
    >>> round(low, 5), round(high, 5)
    (0.89748, 0.90291)

    Source: Wilson (1927), Journal of the American Statistical Association 22.
    """
    if n == 0:
        return None
    centre = hits + _NORMAL_QUANTILE**2 / 2
    half = _NORMAL_QUANTILE * math.sqrt(hits * (n - hits) / n + _NORMAL_QUANTILE**2 / 4)
    # For 0 or n hits, a bound is exactly 0 or 1, which rounding must not change.
    low = 0.0 if hits == 0 else (centre - half) / (n + _NORMAL_QUANTILE**2)
    high = 1.0 if hits == n else (centre + half) / (n + _NORMAL_QUANTILE**2)
    return low, high


def share_lower_bound(n_hits_by_image: _Ints, n_pairs_by_image: _Ints, *, confidence: float) -> float:
    """Compute a one-sided lower confidence bound of the share of hits among (image, class) pairs.

    Images are sampled, each with all its pairs. The bound is Clopper and Pearson's, for an effective number of
    independent pairs. This is the smaller of two numbers. The first assumes that the pairs of an image are all hits or
    all misses (Kish). The second is computed from the variance between images, and is too small if hits or misses are
    few.

    Source: Korn and Graubard (1998), Survey Methodology 24, 193-201.
    """
    from scipy.special import betaincinv

    has_pairs = n_pairs_by_image > 0
    hits, pairs = n_hits_by_image[has_pairs], n_pairs_by_image[has_pairs]
    n, share = int(pairs.sum()), hits.sum() / max(pairs.sum(), 1)
    if not share:
        return 0.0
    independent = n**2 / (pairs**2).sum()
    variance = ((hits - share * pairs) ** 2).sum() / n**2 * pairs.size / max(pairs.size - 1, 1)
    if variance:
        independent = min(independent, share * (1 - share) / variance)
    return float(betaincinv(share * independent, (1 - share) * independent + 1, 1 - confidence))


def share_interval(n_hits_by_image: _Ints, n_pairs_by_image: _Ints) -> tuple[float, float]:
    """Compute the 95 % interval of the share of hits among (image, class) pairs, from two bounds of 97.5 % each.

    Source: see `share_lower_bound`.
    """
    low = share_lower_bound(n_hits_by_image, n_pairs_by_image, confidence=0.975)
    return low, 1 - share_lower_bound(n_pairs_by_image - n_hits_by_image, n_pairs_by_image, confidence=0.975)


@dataclass(frozen=True)
class Proportion:
    """A share of images, `hits` of `n`, with its 95 % interval.

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
        """Hits / n, in [0, 1]; None if n is 0."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % Wilson interval over images; None if n is 0."""
        return wilson_interval(self.hits, self.n)

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return "- (no images)"
        low, high = self.interval
        return (
            f"{format_percent(self.value)} % [{format_percent(low)}, {format_percent(high)}] ({self.hits:,} of "
            f"{self.n:,})"
        )

    def __add__(self, other: "Proportion") -> "Proportion":
        return Proportion(self.hits + other.hits, self.n + other.n)

    def to_json(self) -> dict[str, int | float | None]:
        """Return the counts, share and interval as a dict for JSON output."""
        low, high = self.interval or (None, None)
        return {"hits": self.hits, "n": self.n, "accuracy": self.value, "low": low, "high": high}


def difference_interval(first: Proportion, second: Proportion) -> tuple[float, float] | None:
    """Compute a 95 % interval of the difference of two proportions, which have no images in common.

    The method is Newcombe's hybrid score method, from the two Wilson intervals. None if either n is 0.

    >>> low, high = difference_interval(Proportion(56, 70), Proportion(48, 80))
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)

    Source: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; the example is the first of its Table II.
    """
    if first.value is None or second.value is None or first.interval is None or second.interval is None:
        return None
    (low1, high1), (low2, high2) = first.interval, second.interval
    difference = first.value - second.value
    below = math.hypot(first.value - low1, high2 - second.value)
    above = math.hypot(high1 - first.value, second.value - low2)
    return difference - below, difference + above


def mcnemar_p_value(n_only_a: int, n_only_b: int) -> float:
    """Compute the exact two-sided p-value of McNemar's test.

    The null hypothesis: on an image where only one model is correct, both models are equally likely to be correct.
    `n_only_a` and `n_only_b` count the images where only the first or only the second model is correct.

    Source: McNemar (1947), Psychometrika 12; the exact form uses the binomial distribution.
    """
    from scipy.special import betaincc

    if abs(n_only_a - n_only_b) <= 1:  # twice the tail is 1 or more
        return 1.0
    # The binomial tail as an incomplete beta function. bdtr is less exact, and betainc is 0 below 1e-252.
    return min(1.0, 2 * float(betaincc(min(n_only_a, n_only_b) + 1, max(n_only_a, n_only_b), 0.5)))


def sign_flip_p_values(totals: _Ints, n_of_size_1: _Ints, n_of_size_2: _Ints) -> npt.NDArray[np.float64]:
    """Compute exact two-sided p-values of sign-flip tests on a sum of differences.

    Each difference has the absolute value 1 or 2. `totals` are the sums; `n_of_size_1` and `n_of_size_2` count the
    differences of each absolute value. The null hypothesis is that a fair coin decides each sign. This extends
    McNemar's test to two models and two label sets: on one image, the lead of a model (-1, 0 or 1) can change by up to
    2 between label sets. Without differences of size 2, this is McNemar's test.

    Source: Fisher (1935), The Design of Experiments, section 21. The test is exact if both signs of each difference are
    equally likely. If the signs are not equally likely but the mean difference is 0, the level is still correct for a
    large number of images, since the sum of squares estimates the variance.
    """
    from reassess.numeric.resampling_kernels import write_sign_flip_p_values

    result = np.empty(len(totals))
    write_sign_flip_p_values(np.abs(totals), n_of_size_1, n_of_size_2, result)
    return result


def chance_p_value(hits: int, n_images_by_n_classes: Mapping[int, int]) -> float:
    """Compute the exact two-sided p-value of a number of hits, compared with random choices of one class per image.

    `n_images_by_n_classes` counts images by their number of classes k; an image with k classes is a hit with
    probability 1 / k. The number of hits follows the Poisson binomial distribution: a sum of one binomial variable for
    each k. The probability of many hits is computed as the probability of few misses, so that small p-values are as
    accurate as large p-values.
    """
    if not n_images_by_n_classes:
        return 1.0
    mean = sum(count / classes for classes, count in n_images_by_n_classes.items())
    # The median is the mean rounded down or up (Jogdeo and Samuels, 1968), so the other tail has probability >= 0.5.
    if hits > mean:
        tail = _poisson_binomial_cdf(
            sum(n_images_by_n_classes.values()) - hits,
            [(count, 1 - 1 / classes) for classes, count in n_images_by_n_classes.items()],
        )
    else:
        tail = _poisson_binomial_cdf(hits, [(count, 1 / classes) for classes, count in n_images_by_n_classes.items()])
    return min(1.0, max(MIN_P_VALUE, 2 * tail))


def _poisson_binomial_cdf(max_successes: int, trials: Sequence[tuple[int, float]]) -> float:
    """Compute the Poisson binomial CDF; each group of trials is a pair (number, success probability)."""
    from scipy.special import gammaln, xlog1py, xlogy

    total = np.ones(1)
    for count, chance in trials:
        n = np.arange(min(count, max_successes) + 1)
        ways = gammaln(count + 1) - gammaln(n + 1) - gammaln(count - n + 1)
        total = np.convolve(total, np.exp(ways + xlogy(n, chance) + xlog1py(count - n, -chance)))[: max_successes + 1]
    return float(total.sum())


def adjust_p_values(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct p-values by Holm's method, which limits the family-wise error rate to the significance level.

    Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    raw = np.asarray(p_values, np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.minimum(1, np.arange(raw.size, 0, -1) * raw[order])
    corrected = np.empty(raw.size)
    corrected[order] = np.maximum.accumulate(steps)
    return corrected
