"""Tables of repeats: what is written is read again, and what is no such table is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reassess import Repeats, read_repeats, write_repeats

HEADINGS = "set,image,repeat,kind\n"
REPEATS = Repeats.from_rows(
    ["00", "val, new", "val, new", "00"],
    ["a/1.png", '"q"\n.png', "001.png", "7.png"],
    [1, 1, 0, 0],
    ["near", "near", "unreadable", "empty"],
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("rows", [REPEATS, Repeats.from_rows([], [], [], [])], ids=["rows", "none"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, rows: Repeats) -> None:
    path = tmp_path / f"repeats{suffix}"
    write_repeats(path, rows)
    read = read_repeats(path)
    assert (read.sets, read.images, read.kinds) == (rows.sets, rows.images, rows.kinds)
    np.testing.assert_array_equal(read.set_ids, rows.set_ids)
    np.testing.assert_array_equal(read.groups, rows.groups)


def test_a_table_is_written_as_the_docs_say(tmp_path: Path) -> None:
    rows = Repeats.from_rows(["a", "b", "b"], ["1.png", "2.png", "3.png"], [1, 1, 0], ["exact", "exact", "tiny"])
    write_repeats(tmp_path / "x.csv", rows)
    assert (tmp_path / "x.csv").read_text() == HEADINGS + "a,1.png,1,exact\nb,2.png,1,exact\nb,3.png,,tiny\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "set,image,kind\na,1.png,tiny\n",
            (
                "column 'repeat' is missing\n"
                "  where:   DIR/x.csv\n"
                "  found:   set, image, kind\n"
                "  fix:     rename the column, or add it"
            ),
        ),
        (
            HEADINGS + "a,,,tiny\n",
            ("value is missing\n  where:   DIR/x.csv, line 2, column image\n  fix:     fill it in, or delete the row"),
        ),
        (
            HEADINGS + "a,1.png,1,exact\na,2.png,0,exact\n",
            (
                "number of a group out of range\n"
                "  where:   DIR/x.csv, line 3, column repeat\n"
                "  allowed: 1 to 2147483647\n"
                "  found:   0"
            ),
        ),
        (
            HEADINGS + "a,1.png,x,exact\n",
            ("not a whole number\n  where:   DIR/x.csv, line 2, column repeat\n  found:   'x'"),
        ),
        (
            HEADINGS + "a,1.png,1,exact\n",
            ("group has only one image\n  where:   DIR/x.csv, repeat 1\n  found:   image 1.png of a"),
        ),
        ("", ("file is empty\n  where:   DIR/x.csv\n  fix:     write it again")),
    ],
)
def test_what_is_no_table_of_repeats_is_refused(
    refused_text: Callable[..., str], tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content)
    assert refused_text(read_repeats, path) == expected


def test_json_lines_are_no_form_of_repeats(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert refused(write_repeats, path, REPEATS) == refused(read_repeats, path) == "wrong-suffix at x.jsonl"
