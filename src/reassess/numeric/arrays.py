"""Array helpers: arrays in temporary files, conversion from other libraries, ranks, the n largest of many values."""

import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

_BFLOAT16 = "bfloat16"  # numpy has no such type, so its bits are kept as int16
_BLOCK_ROWS = 1 << 20
_SCORE_BYTES = (2, 4, 8)
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def freeze(instance: object, *field_names: str) -> None:
    """Replace arrays in fields of a frozen dataclass by read-only views; the caller's arrays stay writeable."""
    for field_name in field_names:
        array = getattr(instance, field_name)
        if array is not None:
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(instance, field_name, view)


def release_memory(array: npt.NDArray[Any]) -> None:
    """Free the memory of a memory-mapped array; the system may still cache the file."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def create_mapped_array(folder: Path, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Create an array of zeros in a temporary file of `folder`; `OSError` if the disk is full.

    It is for data larger than memory. The file is removed from its folder as soon as it is mapped, and its space is
    freed with the array. So nothing is left behind, even if the process is killed.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if not size:
        return np.zeros(shape, dtype)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".reassess-", suffix=".array") as file:
        # Without reserved space, writing to the array on a full disk would end the process.
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            error.filename = str(folder)
            raise
        return np.memmap(file.name, dtype, "r+", shape=shape)


def allocate_like(source: npt.NDArray[Any], shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Create an array of zeros: in a file if `source` is mapped from a file, otherwise in memory."""
    if isinstance(source, np.memmap) and source.filename is not None:
        return create_mapped_array(Path(source.filename).parent, shape, dtype)
    return np.zeros(shape, dtype)


def split_rows(n_rows: int, block_rows: int = _BLOCK_ROWS) -> Iterator[slice]:
    """Split rows into blocks, so that temporary arrays stay small."""
    return (slice(start, min(start + block_rows, n_rows)) for start in range(0, n_rows, block_rows))


def concatenate_ranges(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Concatenate the ranges start, start + 1, ..., start + size - 1."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes))


def encode_pairs(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Combine each pair, such as (row, class id), into one sortable number.

    The second number of a pair must be from 0 to 2**32 - 1.
    """
    return (np.asarray(first, np.int64) << 32) | np.asarray(second, np.int64)


class ConvertedArray(NamedTuple):
    """A numpy array that was converted from an array of any library."""

    array: npt.NDArray[Any]
    are_bits: bool  # whether the array is int16, with the bits of bfloat16 numbers


def convert_to_numpy(values: Any) -> ConvertedArray:
    """Convert an array of any library to numpy."""
    try:
        return _convert_or_raise(values)
    except Exception as error:  # each library raises its own
        raise DataError(
            "wrong-type",
            "numpy cannot read this array",
            allowed="an array with values, on the CPU or a device that numpy can copy from",
            found=f"{type(values).__module__}.{type(values).__qualname__}: {str(error).splitlines()[0]}",
            fix="in a compiled function (tf.function, jax.jit), use the functions of reassess.integrations",
        ) from error


def _convert_or_raise(values: Any) -> ConvertedArray:
    if isinstance(values, np.ndarray):  # np.asarray would lose the type of a memory map
        array = values
    elif (torch := sys.modules.get("torch")) is not None and isinstance(values, torch.Tensor):
        is_bfloat16 = values.dtype is torch.bfloat16
        return ConvertedArray((values.view(torch.int16) if is_bfloat16 else values).numpy(force=True), is_bfloat16)
    else:
        has_only_dlpack = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
        array = np.from_dlpack(values) if has_only_dlpack else np.asarray(values)
    is_bfloat16 = array.dtype.kind == "V" and array.dtype.name == _BFLOAT16
    return ConvertedArray(array.view(np.int16) if is_bfloat16 else array, is_bfloat16)


def rank_descending(values: npt.NDArray[np.floating | np.integer]) -> npt.NDArray[np.int64]:
    """Return the rank of each value: 1 + the number of higher values."""
    return values.size - np.searchsorted(np.sort(values), values, side="right") + 1


def as_scores(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Convert scores of any library, shape (N, outputs), to the form in `Predictions`, without a copy."""
    array, are_bits = convert_to_numpy(values)
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
    """Convert scores to numpy floats; int16 scores are the bits of bfloat16 numbers."""
    if scores.dtype == np.int16:  # bfloat16 is the upper half of a float32
        return (scores.astype(np.int32) << 16).view(np.float32)
    return np.asarray(scores)


def infinity_bits(dtype: np.dtype[Any]) -> np.signedinteger[Any]:
    """Return the bits of +inf as an integer. The bits of a NaN with sign bit 0 are a larger integer."""
    if dtype == np.int16:
        return np.int16(0x7F80)  # bfloat16
    return cast("np.signedinteger[Any]", np.array(np.inf, dtype).view(f"i{dtype.itemsize}")[()])


class LargestValues:
    """The n largest values of many batches, with their positions; lower positions win ties.

    The memory is that of 2 n values and one batch.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._values: list[_Floats] = []
        self._positions: list[_Ints] = []
        self._count = 0
        self.lower_bound = -np.inf
        """Only values above this bound can still be among the largest."""

    def add_batch(self, values: _Floats, positions: _Ints) -> None:
        """Add a batch of values. Positions must be ascending, and higher than all earlier positions."""
        fits = values > self.lower_bound
        self._values.append(values[fits])
        self._positions.append(positions[fits])
        self._count += self._values[-1].size
        if self._count >= 2 * self._n:
            self._keep_n_largest(*self._all_values_and_positions())

    def in_descending_order(self) -> tuple[_Floats, _Ints]:
        """Return the largest values in descending order, and their positions."""
        values, positions = self._all_values_and_positions()
        order = np.argsort(-values, kind="stable")[: self._n]
        return values[order], positions[order]

    def _all_values_and_positions(self) -> tuple[_Floats, _Ints]:
        return np.concatenate([np.empty(0), *self._values]), np.concatenate([np.empty(0, np.int64), *self._positions])

    def _keep_n_largest(self, values: _Floats, positions: _Ints) -> None:
        """Keep the n largest values, in order of position."""
        lowest = np.partition(values, values.size - self._n)[values.size - self._n]
        is_large = values > lowest
        ties = np.flatnonzero(values == lowest)[: self._n - np.count_nonzero(is_large)]
        is_large[ties] = True
        self._values, self._positions = [values[is_large]], [positions[is_large]]
        self._count, self.lower_bound = self._n, float(lowest)


class SortedScores:
    """Scores in descending order, ties by position. Counts the scores that rank before a new score."""

    def __init__(self, values: _Floats, positions: _Ints, n_positions: int) -> None:
        self._levels, level = np.unique(-values, return_inverse=True)
        self._n_positions = n_positions
        self._codes = level * n_positions + positions

    def count_scores_ranked_before(self, new_values: _Floats, new_positions: _Ints) -> _Ints:
        """For each new value, count the stored values that are larger, or equal and at a lower position."""
        slot = np.searchsorted(self._levels, -new_values)
        is_level = np.append(self._levels, np.nan)[slot] == -new_values
        return np.searchsorted(self._codes, slot * self._n_positions + np.where(is_level, new_positions, 0))
