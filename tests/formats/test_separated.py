"""CSV and TSV files, compared with Python's csv module for all quotes, line ends and blank lines."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.formats.separated import find_line_of_row
from reassess.formats.tables import read_table
from tests.helpers import File, Refused, message

PIECES = ["a", "b", "1", ",", ";", "\t", " ", "'", '"', '""', "\r", "\n", "\r\n", "é", "\ufeff"]
pieces = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@given(pieces)
def test_fields_equal_fields_of_the_csv_module(scratch: Path, suffix: str, body: str) -> None:
    """Files that the csv module cannot read, or that are not tables, raise."""
    path = scratch / f"t{suffix}"
    path.write_text(f"x{_separator(suffix)}y\n{body}", encoding="utf-8", newline="")
    try:
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=_separator(suffix), strict=True)
        expected = [[field or None for field in record] for record in reader if record]
    except csv.Error:
        expected = []
    if not expected or any(len(record) != 2 for record in expected):
        message(read_table, path, text_columns=("x", "y"))
    else:
        assert [list(row) for row in read_table(path, text_columns=("x", "y")).rows()] == expected


def _separator(suffix: str) -> str:
    return {".csv": ",", ".tsv": "\t"}[suffix]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize("quoted", [False, True])
def test_line_ends_quotes_and_blank_lines_do_not_matter(file: File, newline: str, blank: bool, quoted: bool) -> None:
    records = [["image", 'class 5" floppy', "z"], ["00012", "0.5", "1"], ["b", "", "2"]]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator=newline).writerows(records)
    content = text.getvalue().replace(newline, newline * 2) if blank else text.getvalue()
    table = read_table(file("t.csv", content.encode()), text_columns=("image",))
    assert table.to_dict(as_series=False) == {"image": ["00012", "b"], 'class 5" floppy': [0.5, None], "z": [1, 2]}


def test_quote_inside_a_field_is_kept(file: File) -> None:
    path = file("t.csv", 'image,5" floppy,n\na 5" x,0.5,1\nb,0.25,2\n')
    assert read_table(path).rows() == [('a 5" x', 0.5, 1), ("b", 0.25, 2)]
    assert read_table(path).columns == ["image", '5" floppy', "n"]


def test_line_of_row_counts_lines_like_an_editor(file: File) -> None:
    path = file("t.csv", b'\n"image","a\nclass"\r\n\r\n"x\ny",1\n\nz,2\n')
    assert [find_line_of_row(path, row) for row in (0, 1)] == [5, 8]


def test_columns_without_heading_are_named_by_number(file: File) -> None:
    assert read_table(file("t.csv", ",image,,n\n0,a,x,1\n")).columns == ["column 1", "image", "column 3", "n"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "image;prediction\na.png;3\n", "wrong-separator at t.csv"),
        ("t.csv", "image\tprediction\na.png\t3\n", "wrong-separator at t.csv"),
        ("t.csv", 'image,prediction\n"a",1\nb,"2\n', "unreadable-file at t.csv, line 3"),
    ],
)
def test_wrong_separator_or_open_quote_raises(
    refused: Refused, file: File, name: str, content: str, expected: str
) -> None:
    assert refused(read_table, file(name, content)) == expected


@pytest.mark.parametrize("headings", ["tom.JPG,3", "a,0.93"])
def test_first_line_of_values_raises(refused: Refused, file: File, headings: str) -> None:
    path = file("t.csv", f"{headings}\nrex.jpg,4\n")
    assert refused(read_table, path) == "no-heading at t.csv"
