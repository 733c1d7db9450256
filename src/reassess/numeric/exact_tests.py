"""Exact tests of counts, and Holm's correction for many tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

_Ints = npt.NDArray[np.int64]

SMALLEST = 1e-300  # a p-value of it stands for all that is smaller


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
