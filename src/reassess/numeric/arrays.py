"""Helpers on arrays, arrays of other libraries as numpy arrays, and the largest of values that come a few at a time."""

import mmap
import sys
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

_BFLOAT16 = "bfloat16"  # its name in every library; numpy has no such type, and is given its bits
_SCORE_BYTES = (2, 4, 8)
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


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
    """Positions start, start + 1, ..., start + size - 1 of each run, one run after another."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes))


def pair_keys(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """One number for each two, such as a row and a class id, in their order; the second from 0 to 2**32 - 1."""
    return (np.asarray(first, np.int64) << 32) | np.asarray(second, np.int64)


def as_array(given: Any) -> tuple[npt.NDArray[Any], bool]:
    """Numpy's view of an array, and whether its int16 are the bits of bfloat16."""
    try:
        return _read(given)
    except Exception as error:  # each library raises its own
        raise DataError(
            "wrong-type",
            "numpy cannot read this array",
            allowed="an array with its values, on the CPU or where they can be fetched from",
            found=f"{type(given).__module__}.{type(given).__qualname__}: {str(error).splitlines()[0]}",
            fix="within a compiled function (tf.function, jax.jit), use the functions of reassess.integrations",
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


def ranks(values: npt.NDArray[np.floating | np.integer]) -> npt.NDArray[np.int64]:
    """Rank of each value, the highest being 1: 1 and the number of higher ones, so that equals share a rank."""
    return values.size - np.searchsorted(np.sort(values), values, side="right") + 1


def as_scores(given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Scores of any library's arrays as `Predictions` hold them, shape (N, outputs), and not copied."""
    array, are_bits = as_array(given)
    is_float = are_bits or (array.dtype.kind == "f" and array.dtype.itemsize in _SCORE_BYTES)
    if not is_float or array.ndim != 2 or not array.shape[1]:
        raise DataError(
            "wrong-type",
            "scores must be floats, one row per image and one column per class",
            allowed="float16, bfloat16, float32 or float64 of shape (N, classes)",
            found=f"{'bfloat16' if are_bits else array.dtype} {array.shape}",
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_floats(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Scores as numpy floats; the bits of bfloat16 are the upper half of a float32."""
    if scores.dtype == np.int16:
        return (scores.astype(np.int32) << 16).view(np.float32)
    return np.asarray(scores)


def infinity_bits(dtype: np.dtype[Any]) -> np.signedinteger[Any]:
    """The bits of +inf as an integer of the size of a score; those of a NaN, without its sign, are a larger number."""
    if dtype == np.int16:
        return np.int16(0x7F80)  # bfloat16
    return cast("np.signedinteger[Any]", np.array(np.inf, dtype).view(f"i{dtype.itemsize}")[()])


class Largest:
    """Keeps the largest of the values that are added, each with its position; of equal ones the lower position.

    Memory is that of twice as many as are kept, and of what is added at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: list[_Floats] = []
        self._positions: list[_Ints] = []
        self._held = 0
        self.above = -np.inf
        """Only values above this one can still be among the largest."""

    def add(self, values: _Floats, positions: _Ints) -> None:
        """Add values, whose positions ascend and are higher than all before."""
        fits = values > self.above
        self._values.append(values[fits])
        self._positions.append(positions[fits])
        self._held += self._values[-1].size
        if self._held >= 2 * self._most:
            self._keep(*self._gathered())

    def ordered(self) -> tuple[_Floats, _Ints]:
        """The values that are kept, from the largest on, and their positions."""
        values, positions = self._gathered()
        order = np.argsort(-values, kind="stable")[: self._most]
        return values[order], positions[order]

    def _gathered(self) -> tuple[_Floats, _Ints]:
        return np.concatenate([np.empty(0), *self._values]), np.concatenate([np.empty(0, np.int64), *self._positions])

    def _keep(self, values: _Floats, positions: _Ints) -> None:
        """Drop all but the largest, in order of position."""
        lowest = np.partition(values, values.size - self._most)[values.size - self._most]
        kept = values > lowest
        level = np.flatnonzero(values == lowest)[: self._most - np.count_nonzero(kept)]
        kept[level] = True
        self._values, self._positions = [values[kept]], [positions[kept]]
        self._held, self.above = self._most, float(lowest)


class Descending:
    """Values from the largest on, equal ones by position, to find where others would stand among them."""

    def __init__(self, values: _Floats, positions: _Ints, span: int) -> None:
        self._levels, level = np.unique(-values, return_inverse=True)
        self._span = span
        self._codes = level * span + positions

    def before(self, others: _Floats, at: _Ints) -> _Ints:
        """How many come before each of other values, whose positions are `at`; int64, from 0 to n."""
        slot = np.searchsorted(self._levels, -others)
        is_level = np.append(self._levels, np.nan)[slot] == -others
        return np.searchsorted(self._codes, slot * self._span + np.where(is_level, at, 0))
