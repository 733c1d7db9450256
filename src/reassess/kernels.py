"""The compiled loops, and nothing else.

Floating-point scores are read as signed integers of the same width and turned into keys that order as the numbers do,
with -0 equal to +0. So float16, bfloat16, float32 and float64 share one loop, integers vectorise where floats would
not, and nothing is converted or copied beyond one row.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = ["compiled", "rank_best", "rank_targets"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, and keep the machine code for the next process where a folder can be written."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return numba.njit(nogil=True)(function)


@compiled
def _rank(keys, target):  # type: ignore[no-untyped-def]
    """Number of classes before `target`: higher keys, and equal keys of lower class id."""
    key = keys[target]
    above = np.int32(0)
    level = np.int32(0)
    for j in range(keys.size):
        above += np.int32(keys[j] > key)
        level += np.int32(keys[j] == key)
    if level > 1:
        for j in range(keys.size):
            above += np.int32((keys[j] == key) & (np.int32(j) < np.int32(target)))
    return above


@compiled
def _first(keys, key):  # type: ignore[no-untyped-def]
    """Lowest class id that has `key`; without an early exit, so that it vectorises."""
    first = np.int32(keys.size)
    for j in range(keys.size):
        first = min(first, np.int32(j) if keys[j] == key else np.int32(keys.size))
    return first


@compiled
def _read_keys(row, magnitude, sign_shift, columns, keys):  # type: ignore[no-untyped-def]
    """Write the keys of a row's scores; return its largest magnitude, which tells of a NaN, and its highest key."""
    largest = magnitude & 0
    top = keys[0] & 0 | ~magnitude
    if columns.size == 0:
        for j in range(row.size):
            size = row[j] & magnitude
            sign = row[j] >> sign_shift
            key = (size ^ sign) - sign
            keys[j] = key
            largest = max(largest, size)
            top = max(top, key)
    else:
        for j in range(row.size):
            if columns[j] >= 0:
                size = row[j] & magnitude
                sign = row[j] >> sign_shift
                key = (size ^ sign) - sign
                keys[columns[j]] = key
                largest = max(largest, size)
                top = max(top, key)
    return largest, top


@compiled
def rank_targets(  # type: ignore[no-untyped-def]
    bits, magnitude, sign_shift, infinity, columns, rows, indptr, targets, ranks, top1, keys
):
    """Rank each row's target classes and find its top-1 class, in one pass over the scores.

    Parameters
    ----------
    bits
        Scores viewed as integers, shape (N, outputs).
    magnitude, sign_shift, infinity
        Of the integer type: mask of all bits but the sign, position of the sign, bits of +inf.
    columns
        int64: class id of each output, -1 to ignore it; empty if output and class are the same.
    rows
        int64, shape (n,): the rows to read.
    indptr, targets
        The targets of row i are ``targets[indptr[i]:indptr[i + 1]]``.
    ranks, top1
        Written: int32, of the shape of `targets`; int32, shape (n,).
    keys
        Scratch, at least as long as there are classes, the integer type's minimum wherever there is no output.

    Returns
    -------
    Position in `rows` of the first row with a NaN, or -1.
    """
    for i in range(rows.size):
        largest, top = _read_keys(bits[rows[i]], magnitude, sign_shift, columns, keys)
        if largest > infinity:
            return i
        best = -1
        for t in range(indptr[i], indptr[i + 1]):
            ranks[t] = _rank(keys, targets[t])
            if ranks[t] == 0:
                best = targets[t]
        top1[i] = _first(keys, top) if best < 0 else best
    return -1


@compiled
def rank_best(  # type: ignore[no-untyped-def]
    bits, magnitude, sign_shift, infinity, starts, ends, targets, ranks
):
    """Rank of each row's best target, as `rank_targets` ranks it; row i asks of ``targets[starts[i]:ends[i]]``.

    Parameters
    ----------
    bits, magnitude, sign_shift, infinity
        See `rank_targets`; as many outputs as classes.
    starts, ends
        int64, shape (n,).
    ranks
        Written: int32, shape (n,); -1 for a row without a target.

    Returns
    -------
    The first row with a NaN, or -1.
    """
    for i in range(bits.shape[0]):
        row = bits[i]
        best, highest = -1, magnitude & 0 | ~magnitude
        for t in range(starts[i], ends[i]):
            bit = row[targets[t]]
            sign = bit >> sign_shift
            key = ((bit & magnitude) ^ sign) - sign
            if best < 0 or key > highest or (key == highest and targets[t] < best):
                best, highest = targets[t], key
        above, level = np.int32(0), np.int32(0)
        largest = magnitude & 0
        for j in range(row.size):
            size = row[j] & magnitude
            sign = row[j] >> sign_shift
            key = (size ^ sign) - sign
            above += np.int32(key > highest)
            level += np.int32(key == highest)
            largest = max(largest, size)
        if largest > infinity:
            return i
        if best >= 0 and level > 1:
            for j in range(row.size):
                sign = row[j] >> sign_shift
                key = ((row[j] & magnitude) ^ sign) - sign
                above += np.int32((key == highest) & (np.int32(j) < np.int32(best)))
        ranks[i] = above if best >= 0 else -1
    return -1
