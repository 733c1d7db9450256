"""Ranks, and how far two orders agree."""

import math

import numpy as np
import numpy.typing as npt

__all__ = ["kendall", "ranks", "spearman"]

Floats = npt.NDArray[np.float64]


def ranks(values: npt.NDArray[np.floating | np.integer]) -> npt.NDArray[np.int64]:
    """Rank of each value, the highest being 1: 1 and the number of higher ones, so that equals share a rank.

    >>> ranks(np.array([3.0, 5.0, 3.0, 1.0]))
    array([2, 1, 2, 4])
    """
    return values.size - np.searchsorted(np.sort(values), values, side="right") + 1


def spearman(first: Floats, second: Floats) -> float | None:
    """Spearman's rank correlation, equals having the mean of their ranks; None where all of one are equal.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.5
    """
    # Twice the mean rank, less its mean, is how many are lower less how many are higher.
    a, b = (np.searchsorted(s := np.sort(v), v) + np.searchsorted(s, v, side="right") - v.size for v in (first, second))
    size = math.sqrt(int(a @ a) * int(b @ b))
    return int(a @ b) / size if size else None


def kendall(first: Floats, second: Floats) -> float | None:
    """Kendall's tau-b, which allows for equals; None where all of one are equal.

    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.3333333333333333
    """
    agree = first_differs = second_differs = 0
    for i in range(1, first.size):  # one row of pairs at a time
        a, b = np.sign(first[:i] - first[i]), np.sign(second[:i] - second[i])
        agree += int(a @ b)
        first_differs += int(np.count_nonzero(a))
        second_differs += int(np.count_nonzero(b))
    size = math.sqrt(first_differs * second_differs)
    return agree / size if size else None
