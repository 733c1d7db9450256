"""Ranks."""

import numpy as np
import numpy.typing as npt

__all__ = ["ranks"]


def ranks(values: npt.NDArray[np.floating | np.integer]) -> npt.NDArray[np.int64]:
    """Rank of each value, the highest being 1: 1 and the number of higher ones, so that equals share a rank.

    >>> ranks(np.array([3.0, 5.0, 3.0, 1.0]))
    array([2, 1, 2, 4])
    """
    return values.size - np.searchsorted(np.sort(values), values, side="right") + 1
