"""Tables of duplicates: round trips, columns, and errors."""

from pathlib import Path

import numpy as np
import pytest

from reassess.core import Duplicates
from reassess.formats import read_duplicates, write_duplicates
from tests.helpers import File, Refused

HEADINGS = "set,image,group,kind\n"
DUPLICATES = Duplicates.from_columns(
    ["00", "val, new", "val, new", "00"],
    ["a/1.png", '"q"\n.png', "001.png", "7.png"],
    [1, 1, 0, 0],
    ["near", "near", "unreadable", "empty"],
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("rows", [DUPLICATES, Duplicates.from_columns([], [], [], [])], ids=["rows", "none"])
def test_written_file_is_read_back(tmp_path: Path, suffix: str, rows: Duplicates) -> None:
    path = tmp_path / f"duplicates{suffix}"
    write_duplicates(path, rows)
    read = read_duplicates(path)
    assert (read.sets, read.images, read.kinds) == (rows.sets, rows.images, rows.kinds)
    np.testing.assert_array_equal(read.set_ids, rows.set_ids)
    np.testing.assert_array_equal(read.group_numbers, rows.group_numbers)


def test_columns_are_as_documented(tmp_path: Path) -> None:
    rows = Duplicates.from_columns(["a", "b", "b"], ["1.png", "2.png", "3.png"], [1, 1, 0], ["exact", "exact", "tiny"])
    write_duplicates(tmp_path / "x.csv", rows)
    assert (tmp_path / "x.csv").read_text() == HEADINGS + "a,1.png,1,exact\nb,2.png,1,exact\nb,3.png,,tiny\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADINGS + "a,,,tiny\n", "missing-value at x.csv, line 2, column image"),
        (HEADINGS + "a,1.png,1,exact\na,2.png,0,exact\n", "out-of-range at x.csv, line 3, column group"),
        (HEADINGS + "a,1.png,x,exact\n", "not-a-number at x.csv, line 2, column group"),
        (HEADINGS + "a,1.png,1,exact\n", "small-group at x.csv, group 1"),
        ("", "empty-file at x.csv"),
    ],
)
def test_invalid_table_of_duplicates_raises(refused: Refused, file: File, content: str, expected: str) -> None:
    assert refused(read_duplicates, file("x.csv", content)) == expected


def test_json_lines_of_duplicates_raise(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert refused(write_duplicates, path, DUPLICATES) == refused(read_duplicates, path) == "wrong-suffix at x.jsonl"
