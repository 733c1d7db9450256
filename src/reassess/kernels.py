"""The compiled loops, and nothing else.

Floating-point scores are read as signed integers of the same width and turned into keys that order as the numbers do,
with -0 equal to +0. So float16, bfloat16, float32 and float64 share one loop, integers vectorise where floats would
not, and nothing is converted or copied beyond one row.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = [
    "NOT_A_NUMBER",
    "NO_TARGET",
    "compiled",
    "find_set_bytes",
    "rank_best",
    "rank_best_of_bits",
    "rank_targets",
]

NO_TARGET, NOT_A_NUMBER = -1, -2  # in place of a rank


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
def _read_keys(row, magnitude, lowest, sign_shift, columns, keys):  # type: ignore[no-untyped-def]
    """Write the keys of a row's scores; return the lowest and the highest: a NaN's lies outside those of infinities."""
    low, top = magnitude, lowest
    if columns.size == 0:
        for j in range(row.size):
            sign = row[j] >> sign_shift
            keys[j] = ((row[j] & magnitude) ^ sign) - sign
            key = keys[j]  # of the narrow type, unlike the sum
            low = key if key < low else low
            top = key if key > top else top
    else:
        for j in range(row.size):
            if columns[j] >= 0:
                sign = row[j] >> sign_shift
                keys[columns[j]] = ((row[j] & magnitude) ^ sign) - sign
                key = keys[columns[j]]
                low = key if key < low else low
                top = key if key > top else top
    return low, top


@compiled
def rank_targets(  # type: ignore[no-untyped-def]
    bits, magnitude, lowest, sign_shift, infinity, columns, rows, indptr, targets, ranks, top1, keys
):
    """Rank each row's target classes and find its top-1 class, in one pass over the scores.

    Parameters
    ----------
    bits
        Scores viewed as integers, shape (N, outputs).
    magnitude, lowest, sign_shift, infinity
        Of the integer type, so that no sum is of a wider one: the highest number, which masks all bits but the sign;
        the lowest; position of the sign; bits of +inf.
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
        low, top = _read_keys(bits[rows[i]], magnitude, lowest, sign_shift, columns, keys)
        if low < -infinity or top > infinity:
            return i
        best = -1
        for t in range(indptr[i], indptr[i + 1]):
            ranks[t] = _rank(keys, targets[t])
            if ranks[t] == 0:
                best = targets[t]
        top1[i] = _first(keys, top) if best < 0 else best
    return -1


@compiled
def _rank_in(row, target):  # type: ignore[no-untyped-def]
    """Number of classes before `target` in a row of numbers, or `NOT_A_NUMBER`; `_rank` for what may hold a NaN."""
    value = row[target]
    above, below = np.int32(0), np.int32(0)
    for j in range(row.size):
        above += np.int32(row[j] > value)
        below += np.int32(row[j] < value)
    if above + below < row.size - 1 or value != value:  # ties, or a NaN: neither above nor below nor level
        level = np.int32(0)
        for j in range(row.size):
            level += np.int32(row[j] == value)
        if above + below + level < row.size:
            return np.int32(NOT_A_NUMBER)
        for j in range(row.size):
            above += np.int32((row[j] == value) & (np.int32(j) < np.int32(target)))
    return above


@compiled
def _rank_best(row, targets, start, end):  # type: ignore[no-untyped-def]
    """Rank of the best of ``targets[start:end]``; `NO_TARGET` or `NOT_A_NUMBER`. A row is of floats or of keys."""
    best = targets[start] if start < end else 0
    for t in range(start + 1, end):
        if row[targets[t]] > row[best] or (row[targets[t]] == row[best] and targets[t] < best):
            best = targets[t]
    rank = _rank_in(row, best)
    return rank if start < end or rank == NOT_A_NUMBER else np.int32(NO_TARGET)


@compiled
def rank_best(scores, starts, ends, targets, ranks):  # type: ignore[no-untyped-def]
    """Rank of each row's best target, as `rank_targets` ranks it; row i asks of ``targets[starts[i]:ends[i]]``.

    Parameters
    ----------
    scores
        float32 or float64, shape (n, classes).
    starts, ends
        int64, shape (n,).
    ranks
        Written: int32, shape (n,); `NO_TARGET` for a row without a target, `NOT_A_NUMBER` for one with a NaN.
    """
    for i in range(scores.shape[0]):
        ranks[i] = _rank_best(scores[i], targets, starts[i], ends[i])


@compiled
def rank_best_of_bits(  # type: ignore[no-untyped-def]
    bits, magnitude, lowest, sign_shift, infinity, starts, ends, targets, ranks, keys
):
    """`rank_best` of scores that are given as their bits, see `rank_targets`; `keys` is scratch for a row."""
    for i in range(bits.shape[0]):
        low, top = _read_keys(bits[i], magnitude, lowest, sign_shift, np.empty(0, np.int64), keys)
        ranks[i] = _rank_best(keys, targets, starts[i], ends[i])
        if low < -infinity or top > infinity:
            ranks[i] = NOT_A_NUMBER


@compiled
def find_set_bytes(blocks, found):  # type: ignore[no-untyped-def]
    """Positions of the bytes that are not zero, in blocks of 64 bytes, most of them zero.

    Parameters
    ----------
    blocks
        uint64, shape (blocks, 8).
    found
        Written: int64, ascending.

    Returns
    -------
    How many were found.
    """
    count = 0
    for b in range(blocks.shape[0]):
        union = np.uint64(0)
        for w in range(8):
            union |= blocks[b, w]
        if union:
            for w in range(8):
                for byte in range(8):
                    if (blocks[b, w] >> np.uint64(8 * byte)) & np.uint64(255):
                        found[count] = 64 * b + 8 * w + byte
                        count += 1
    return count
