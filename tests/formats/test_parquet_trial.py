"""Damaged Parquet files that end the process in which polars reads them."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reassess import read_leaderboard
from reassess.errors import DataError
from reassess.formats.tables import read_table
from tests.helpers import python


def damaged(path: Path) -> Path:
    """A table of which the head of a run of nulls says that it is 2^62 long."""
    pl.DataFrame({"x": [None, 1.0] * 40}).write_parquet(path, compression="uncompressed")
    content = path.read_bytes()
    head = content.index(b"\x0b\0\0\0\x15")  # 11 bytes of levels, which are packed by eight, ten times
    path.write_bytes(content[: head + 4] + b"\xfe" + b"\xff" * 8 + b"\x01\x01" + content[head + 15 :])
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    return str(caught.value)


def ended(path: Path) -> str:
    return (
        "the table cannot be read\n"
        f"  where:   {path}\n"
        "  found:   reading it ends a process (SIGABRT)\n"
        "  to mend: get or write the file again"
    )


def test_a_file_that_ends_polars_is_an_error_and_others_are_read(tmp_path: Path) -> None:
    path = damaged(tmp_path / "a.parquet")
    good = tmp_path / "b.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(good)
    for _ in range(2):
        assert read_table(good).rows() == [(1,)]
        assert refused(path) == ended(path)


def test_a_file_that_was_found_by_chance_is_an_error(real_file: Callable[[str], Path]) -> None:
    path = real_file("aborts-in-polars.parquet")
    with pytest.raises(DataError) as caught:
        read_leaderboard(path)
    assert str(caught.value) == ended(path)


def test_a_relative_path_is_that_of_the_folder_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        pl.DataFrame({"x": [name]}).write_parquet("t.parquet")
        assert read_table(Path("t.parquet")).rows() == [(name,)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found as on Linux")
def test_a_process_that_was_ended_is_begun_again(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "a.parquet")
    code = """
import os, sys
from pathlib import Path
from reassess.formats.tables import read_table
for _ in range(2):
    assert read_table(Path(sys.argv[1])).height == 1
    children = [pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]
    os.kill(int(children[-1]), 9)
"""
    python("-c", code, tmp_path / "a.parquet")
