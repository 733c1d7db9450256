"""A table in a temporary file: rows are appended, and read back in blocks with equal numbers of rows."""

import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl


class TemporaryTable:
    """A table in a temporary file. The file is removed even if the process is killed.

    Rows are read back in blocks of `rows_per_block` rows, whatever the size of the tables that were appended.
    """

    def __init__(self, folder: Path, rows_per_block: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".reassess-")  # noqa: SIM115
        finalize(self, self._file.close)
        self._rows_per_block = rows_per_block
        self._ends = [0]  # in bytes
        self._pending: list[pl.DataFrame] = []
        self._n_rows = 0

    def __len__(self) -> int:
        return self._n_rows

    def append(self, table: "pl.DataFrame") -> None:
        """Append the rows of a table."""
        import polars as pl

        self._n_rows += len(table)
        self._pending.append(table)
        if sum(map(len, self._pending)) < self._rows_per_block:
            return
        joined = pl.concat(self._pending)
        n_full = len(joined) // self._rows_per_block * self._rows_per_block
        for start in range(0, n_full, self._rows_per_block):
            self._write(joined.slice(start, self._rows_per_block))
        self._pending = [joined.slice(n_full)]

    def _write(self, frame: "pl.DataFrame") -> None:
        stream = BytesIO()
        frame.write_ipc_stream(stream, compression="lz4")
        self._file.seek(self._ends[-1])
        self._file.write(stream.getbuffer())
        self._file.flush()
        self._ends.append(self._file.tell())

    def iterate_blocks(self) -> Iterator[tuple[int, "pl.DataFrame"]]:
        """Yield the position of each block's first row in the table, and the block."""
        return (self._read_block(number) for number in range(self._n_blocks))

    def iterate_blocks_with_rows(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, "pl.DataFrame"]]:
        """Yield only the blocks that contain one of the `rows`, in the same form as `iterate_blocks`."""
        return (self._read_block(number) for number in np.unique(rows // self._rows_per_block).tolist())

    @property
    def _n_blocks(self) -> int:
        return -(-self._n_rows // self._rows_per_block)

    def _read_block(self, number: int) -> tuple[int, "pl.DataFrame"]:
        import polars as pl

        start = number * self._rows_per_block
        if number == len(self._ends) - 1:
            return start, pl.concat(self._pending)
        self._file.seek(self._ends[number])
        return start, pl.read_ipc_stream(self._file.read(self._ends[number + 1] - self._ends[number]))
