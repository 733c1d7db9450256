"""Arrays in temporary files that are mapped into memory, for data larger than memory.

Each file is removed from its folder as soon as it is mapped, and its space is freed with the array. So nothing is left
behind, even if the process is killed.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 1 << 20


def create_mapped_array(folder: Path, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Create an array of zeros in a temporary file of `folder`; `OSError` if the disk is full."""
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
    """Create an array of zeros in memory; or in a file, if `source` is mapped from a file."""
    if isinstance(source, np.memmap) and source.filename is not None:
        return create_mapped_array(Path(source.filename).parent, shape, dtype)
    return np.zeros(shape, dtype)


def split_rows(n_rows: int, block_rows: int = _BLOCK_ROWS) -> Iterator[slice]:
    """Split rows into blocks, so that temporary arrays stay small."""
    return (slice(start, min(start + block_rows, n_rows)) for start in range(0, n_rows, block_rows))
