"""Groups of pictures: those of the same pixels, and those that look the same."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from reassess.data.picture_prints import THUMBNAIL_PIXELS, Print
from reassess.numeric.near_kernels import join_near

__all__ = ["LEAST_CORRELATION", "MOST_BITS", "exact_groups", "near_groups"]

MOST_BITS = 10  # of 64, in which the hashes of near pictures may differ
LEAST_CORRELATION = 0.92  # of their thumbnails
_BLOCK = 1024  # pictures that are compared with all others between two reports
Groups = list[list[int]]


def exact_groups(prints: Sequence[Print]) -> Groups:
    """Positions of pictures of equal pixels, in the order of the first of each group; groups of one are left out."""
    return [group for group in _by_digest(prints) if len(group) > 1]


def near_groups(prints: Sequence[Print], progress: Callable[[int, int], object]) -> Groups:
    """Positions of pictures that look the same, in the order of the first of each group.

    Two pictures are near if their hashes differ in at most `MOST_BITS` bits and their thumbnails correlate at least at
    `LEAST_CORRELATION`, both of the whole pictures, or of the one and of the middle of the other. What is near in steps
    is one group, and holds the exact copies of its pictures too; exact copies alone are none. A picture of one colour
    is near to no other.

    Parameters
    ----------
    prints
        With hashes and thumbnails.
    progress
        Is told how many different pictures are compared, and how many there are.
    """
    copies = _by_digest(prints)
    groups: dict[int, Groups] = {}
    for row, first in enumerate(_joined([prints[group[0]] for group in copies], progress).tolist()):
        groups.setdefault(first, []).append(copies[row])
    return [sorted(chain.from_iterable(near)) for near in groups.values() if len(near) > 1]


def _by_digest(prints: Sequence[Print]) -> Groups:
    """Positions of pictures by their pixels."""
    groups: dict[bytes, list[int]] = {}
    for position, each in enumerate(prints):
        groups.setdefault(each.digest, []).append(position)
    return list(groups.values())


def _joined(prints: Sequence[Print], progress: Callable[[int, int], object]) -> npt.NDArray[np.int64]:
    """For each of some different pictures the first one of its group."""
    hashes = np.frombuffer(b"".join(each.hashes for each in prints), np.int64).reshape(-1, 2)
    small = np.frombuffer(b"".join(each.thumbnails for each in prints), np.uint8).reshape(-1, 2, THUMBNAIL_PIXELS)
    group = np.arange(len(prints))
    for start in range(0, len(prints), _BLOCK):
        stop = min(start + _BLOCK, len(prints))
        join_near(hashes, small, start, stop, MOST_BITS, LEAST_CORRELATION, group)
        progress(stop, len(prints))
    for row in range(len(group)):  # a picture of the same group, always an earlier one
        group[row] = group[group[row]]
    return group
