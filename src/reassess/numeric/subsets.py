"""Counts for every subset of up to some twenty things at once, by bits: thing i is in subset S if bit i of S is set."""

import numpy as np
import numpy.typing as npt

__all__ = ["subset_sums", "sums_outside"]

_Ints = npt.NDArray[np.int64]


def subset_sums(counts: _Ints) -> _Ints:
    """For every subset, the sum of the counts of all its subsets; int64, shape (2 ** things,).

    >>> subset_sums(np.array([1, 10, 100, 1000]))
    array([   1,   11,  101, 1111])

    Source: Yates (1937), The Design and Analysis of Factorial Experiments: one pass for each thing.
    """
    sums = counts.copy()
    step = 1
    while step < sums.size:
        pairs = sums.reshape(-1, 2, step)
        pairs[:, 1] += pairs[:, 0]
        step *= 2
    return sums


def sums_outside(things: int, masks: _Ints, weights: _Ints | None = None) -> _Ints:
    """For every subset, how many masks share nothing with it, or the sum of their weights.

    >>> sums_outside(2, np.array([1, 2, 3]))
    array([3, 1, 1, 0])
    """
    counts = np.zeros(2**things, np.int64)
    np.add.at(counts, masks, 1 if weights is None else weights)
    return subset_sums(counts)[::-1]  # of the complement
