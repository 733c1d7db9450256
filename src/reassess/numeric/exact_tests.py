"""Exact tests of counts, and Holm's correction for many tests."""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["SMALLEST", "chance_p_value", "holm", "mcnemar", "sign_flips"]

SMALLEST = 1e-300  # a p-value of it stands for all that is smaller


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of McNemar's test: two models are right equally often, on images of which one is right.

    Parameters
    ----------
    only_a, only_b
        Number of images that only the one, or only the other, gets right.

    Returns
    -------
    Twice the probability of at most min(only_a, only_b) heads in only_a + only_b tosses of a coin, at most 1.

    Examples
    --------
    >>> round(mcnemar(1, 5), 9), mcnemar(3, 3), mcnemar(0, 0)
    (0.21875, 1.0, 1.0)

    Notes
    -----
    Source: McNemar (1947), Psychometrika 12; the exact form uses the binomial distribution.
    """
    from scipy.special import betainc

    if abs(only_a - only_b) <= 1:  # twice the tail is 1 or more
        return 1.0
    # The binomial tail as an incomplete beta function, which is more exact than bdtr where there are many images.
    return min(1.0, 2 * float(betainc(max(only_a, only_b), min(only_a, only_b) + 1, 0.5)))


def sign_flips(total: int, ones: int, twos: int) -> float:
    """Exact two-sided p-value of a sum of ones and twos with signs, if a fair coin gave the sign of each.

    With the change of a lead, image by image, this is McNemar's test for two label sets and two models: on an image the
    lead of one model over the other, -1, 0 or 1, may change by 1 or by 2.

    Parameters
    ----------
    total
        The sum.
    ones, twos
        How many ones and how many twos were added or taken away.

    Returns
    -------
    The probability that such a sum is as far from 0.

    Examples
    --------
    >>> sign_flips(4, 6, 0) == mcnemar(5, 1), sign_flips(4, 0, 2), sign_flips(0, 2, 5)
    (True, 0.5, 1.0)

    Notes
    -----
    Source: Fisher (1935), The Design of Experiments, section 21: a difference may have either sign.
    """
    from scipy.special import betainc, gammaln

    if not total:
        return 1.0
    added = np.arange(twos + 1)  # how many of the twos
    chances = np.exp(gammaln(twos + 1) - gammaln(added + 1) - gammaln(twos - added + 1) - twos * np.log(2))
    least = (ones + abs(total)) // 2 + twos - 2 * added  # how many of the ones must be added to reach the sum
    tails = betainc(np.clip(least, 1, None), np.clip(ones - least + 1, 0.5, None), 0.5)
    tails = np.where(least <= 0, 1.0, np.where(least > ones, 0.0, tails))
    return min(1.0, 2 * float(chances @ tails))


def chance_p_value(hits: int, images: Mapping[int, int]) -> float:
    """Exact two-sided p-value of a number of hits, if on each image one of several classes was taken at random.

    Parameters
    ----------
    hits
        Number of images on which the class that was taken is the one in question.
    images
        Number of images by number of classes, each at least 1: of n classes, the one in question is taken with a
        chance of 1 / n.

    Returns
    -------
    Twice the probability of as many hits or more, or of as many or fewer, whichever is smaller; at most 1, and at least
    1e-300, which stands for all that is smaller.

    Examples
    --------
    >>> round(chance_p_value(9, {2: 10}), 9), chance_p_value(5, {2: 10})
    (0.021484375, 1.0)

    Notes
    -----
    The number of hits follows the Poisson binomial distribution. The probability of many hits is found as that of few
    misses, so that a small p-value is as accurate as a large one.
    """
    from scipy.stats import poisson_binom

    chances = np.repeat([1 / classes for classes in images], list(images.values()))
    if not chances.size:
        return 1.0
    fewer = float(poisson_binom.cdf(hits, chances))
    more = float(poisson_binom.cdf(chances.size - hits, 1 - chances))
    return min(1.0, max(SMALLEST, 2 * min(fewer, more)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected so that the chance of any false discovery among all tests is at most the level.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)

    Notes
    -----
    Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for tests_left, test in zip(range(len(order), 0, -1), order, strict=True):
        highest = max(highest, min(1.0, tests_left * p_values[test]))
        corrected[test] = highest
    return tuple(corrected)
