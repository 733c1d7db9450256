"""McNemar's exact test of two models on the same images, and Holm's correction for many tests."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["holm", "mcnemar"]


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
    n, fewer = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    # The terms of the tail are the last one times 1, fewer / (n - fewer + 1), ...: each but a ratio from the next.
    k = np.arange(fewer, 0, -1)
    tail = 1 + float(np.cumprod(k / (n + 1 - k)).sum())
    last = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - (n - 1) * math.log(2)
    return min(1.0, tail * math.exp(last))


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
