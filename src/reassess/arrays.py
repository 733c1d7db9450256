"""Small helpers on arrays that more than one room needs."""

import numpy as np
import numpy.typing as npt

__all__ = ["freeze", "pair_keys", "runs"]


def freeze(noun: object, *fields: str) -> None:
    """Make array fields of a frozen dataclass read-only, as views, so that the caller's arrays stay as they are."""
    for field in fields:
        array = getattr(noun, field)
        if array is not None:
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(noun, field, view)


def runs(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions start, start + 1, ..., start + size - 1 of each run, one run after another.

    >>> runs(np.array([7, 0]), np.array([2, 3]))
    array([7, 8, 0, 1, 2])
    """
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes))


def pair_keys(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """One number for each two, such as a row and a class id, in their order; the second from 0 to 2**32 - 1.

    >>> pair_keys(np.array([0, 1]), np.array([7, 7])).tolist()
    [7, 4294967303]
    """
    return (np.asarray(first, np.int64) << 32) | np.asarray(second, np.int64)
