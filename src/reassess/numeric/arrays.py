"""Small helpers on arrays, and the arrays of other libraries as numpy arrays."""

import mmap
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

__all__ = ["as_array", "freeze", "pair_keys", "release", "runs"]


def freeze(noun: object, *fields: str) -> None:
    """Make array fields of a frozen dataclass read-only, as views, so that the caller's arrays stay as they are."""
    for field in fields:
        array = getattr(noun, field)
        if array is not None:
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(noun, field, view)


def release(array: npt.NDArray[Any]) -> None:
    """Give the memory of an array that is mapped from a file back to the system, which still has it in its cache."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


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


_BFLOAT16 = "bfloat16"  # its name in every library; numpy has no such type, and is given its bits


def as_array(given: Any) -> tuple[npt.NDArray[Any], bool]:
    """Numpy's view of an array, and whether its int16 are the bits of bfloat16.

    Parameters
    ----------
    given
        A numpy array, memory-mapped or not; a tensor of PyTorch, TensorFlow or JAX; what speaks DLPack; or nested
        sequences. On the CPU nothing is copied; from another device the values are fetched.

    Raises
    ------
    DataError
        The array is not there yet, as within a compiled function, or numpy cannot read it.

    Examples
    --------
    >>> as_array([[0.5, 0.25]])
    (array([[0.5 , 0.25]]), False)
    """
    try:
        return _read(given)
    except Exception as error:  # each library raises its own
        raise DataError(
            "numpy cannot read this array",
            allowed="an array with its values, on the CPU or where they can be fetched from",
            found=f"{type(given).__module__}.{type(given).__qualname__}: {str(error).splitlines()[0]}",
            mend="within a compiled function (tf.function, jax.jit), use the functions of reassess.integrations",
        ) from error


def _read(given: Any) -> tuple[npt.NDArray[Any], bool]:
    if isinstance(given, np.ndarray):  # a map of a file stays one
        array = given
    elif (torch := sys.modules.get("torch")) is not None and isinstance(given, torch.Tensor):
        is_bfloat16 = given.dtype is torch.bfloat16
        return (given.view(torch.int16) if is_bfloat16 else given).numpy(force=True), is_bfloat16
    else:
        speaks_dlpack_alone = hasattr(given, "__dlpack__") and not hasattr(given, "__array__")
        array = np.from_dlpack(given) if speaks_dlpack_alone else np.asarray(given)
    return (array.view(np.int16), True) if array.dtype.kind == "V" and array.dtype.name == _BFLOAT16 else (array, False)
