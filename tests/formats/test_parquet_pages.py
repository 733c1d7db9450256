"""Damaged Parquet files that would make polars abort the process."""

import time
from pathlib import Path

import polars as pl
import pytest

from reassess import read_leaderboard
from reassess.formats.tables import read_table
from tests.helpers import RealFile, message

TABLE = pl.DataFrame({"text": ["a", None, "b"] * 30, "number": [0.5, None, 1.0] * 30})
HEADER = b"\x2c\x15\xb4\x01\x15"  # of a page of 90 values, stored as 180: the lowest bit is the sign


def unreadable_message(path: Path, found: str) -> str:
    return f"table cannot be read\n  where:   {path}\n  found:   {found}\n  fix:     get or write the file again"


@pytest.mark.parametrize("page", [0, 1])
def test_page_with_negative_size_raises(tmp_path: Path, page: int) -> None:
    path = tmp_path / "a.parquet"
    TABLE.write_parquet(path, compression="uncompressed")
    content = path.read_bytes()
    parts = content.split(HEADER)
    assert len(parts) == 3
    at = content.index(HEADER) if page == 0 else content.rindex(HEADER)
    path.write_bytes(content[: at + 2] + b"\xb5" + content[at + 3 :])
    assert "found:   a page of -91 values at byte " in message(read_table, path)


def test_file_with_one_changed_bit_raises(real_file: RealFile) -> None:
    path = real_file("aborts-in-polars.parquet")
    assert message(read_leaderboard, path) == unreadable_message(path, "a page of -13 values at byte 246")


@pytest.mark.parametrize(
    "metadata",
    [
        b"\x19\xf3" + b"\x80" * 4 + b"\x20\x00",  # a list of 2^33 bytes
        b"\x19\xf7" + b"\x80" * 4 + b"\x20\x00",  # a list of 2^33 floats
        b"\x15" + b"\xff" * 3_000_000 + b"\x00\x00",  # a number of 3 million bytes
    ],
)
def test_endless_metadata_raises_quickly(tmp_path: Path, metadata: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + metadata + len(metadata).to_bytes(4, "little") + b"PAR1")
    begin = time.process_time()
    assert "table cannot be read" in message(read_table, path)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "snappy", "lz4", "gzip", "brotli"])
@pytest.mark.parametrize("rows", [1, 7, 90])
def test_valid_file_has_no_bad_page(tmp_path: Path, compression: str, rows: int) -> None:
    path = tmp_path / "a.parquet"
    TABLE.write_parquet(path, compression=compression, row_group_size=rows, data_page_size=64)
    assert read_table(path).equals(TABLE)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_files_of_pyarrow_are_read(tmp_path: Path, version: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(TABLE.to_arrow(), path, data_page_version=version, write_page_index=True, data_page_size=64)
    assert read_table(path).equals(TABLE)
