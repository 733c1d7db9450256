"""Tables: the same table from every kind of file, and no row or type misread."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.formats.tables import TABLE_SUFFIXES, find_column, read_table, to_floats, to_integers, write_table
from tests.helpers import File, Refused, fault_of

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=10)
rows = st.lists(st.tuples(texts, st.none() | st.integers(-(2**31), 2**31)), min_size=1, max_size=8)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
@given(rows)
def test_table_survives_round_trip(scratch: Path, suffix: Any, rows: Any) -> None:
    table = pl.DataFrame(rows, schema={"image": pl.String, "class": pl.Int64}, orient="row")
    path = scratch / f"table{suffix}"
    write_table(path, table, force=True)
    result = read_table(path, text_columns=("image",))
    assert result["image"].to_list() == table["image"].to_list()
    assert to_integers(path, result["class"]).to_list() == table["class"].to_list()


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
@given(st.lists(st.floats(allow_nan=False, width=32) | st.floats(allow_nan=False), min_size=1))
def test_numbers_survive_round_trip_exactly(scratch: Path, suffix: Any, values: list[float]) -> None:
    path = scratch / f"numbers{suffix}"
    finite = [v for v in values if abs(v) != float("inf") or suffix != ".jsonl"] or [0.0]  # JSON has no infinity
    write_table(path, pl.DataFrame({"score": finite}, schema={"score": pl.Float64}), force=True)
    assert to_floats(path, read_table(path)["score"]).to_list() == finite


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", "image,class\n00012,1\nb,\n"),
        ("upper.CSV", "image,class\n00012,1\nb,\n"),
        ("no-last-end.csv", "image,class\n00012,1\nb,"),
        ("windows.csv", "image,class\r\n00012,1\r\nb,\r\n"),
        ("byte-order-mark.csv", "\ufeffimage,class\n00012,1\nb,\n"),
        ("quoted.csv", '"image","class"\n"00012","1"\n"b",""\n'),
        ("floats.csv", "image,class\n00012,1.0\nb,\n"),  # pandas writes whole numbers like this if one is missing
        ("spaced.csv", 'image,class\n00012," 1 "\nb,\n'),
        ("plain.tsv", "image\tclass\n00012\t1\nb\t\n"),
        ("plain.jsonl", '{"image": "00012", "class": 1}\n{"image": "b", "class": null}\n'),
        ("absent.jsonl", '{"image": "00012", "class": 1}\n{"image": "b"}\n'),
        ("byte-order-mark.jsonl", '\ufeff{"image": "00012", "class": 1}\n{"image": "b"}\n'),
        ("keys-in-text.jsonl", '{"image": "00012", "class": 1, "class of": "\\"class\\""}\n{"image": "b"}\n'),
    ],
)
def test_equivalent_files_are_read_alike(file: File, name: str, content: str) -> None:
    path = file(name, content)
    table = read_table(path, text_columns=("image",))
    assert table["image"].to_list() == ["00012", "b"]
    assert to_integers(path, table["class"]).to_list() == [1, None]


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a", "b"]), pl.Binary])
def test_text_columns_of_any_type_are_read(tmp_path: Path, dtype: Any) -> None:
    pl.DataFrame({"image": pl.Series(["a", "b"]).cast(dtype)}).write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", text_columns=("image",))["image"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (pl.Series([b"a", b"\xff"]), "Binary"),
        (pl.Series([1, 2]).cast(pl.Duration("us")), "Duration(time_unit='us')"),
        (pl.Series([["a"], ["b"]]), "List(String)"),
    ],
)
def test_column_that_is_not_text_raises(tmp_path: Path, column: pl.Series, found: str) -> None:
    pl.DataFrame({"image": column}).write_parquet(tmp_path / "t.parquet")
    assert fault_of(read_table, tmp_path / "t.parquet", text_columns=("image",)) == ("wrong-type", found)


def test_all_rows_decide_the_type_of_a_column(file: File) -> None:
    content = "image,score\n" + "a,1\n" * 500 + "b,0.25\n"
    assert read_table(file("t.csv", content))["score"][-1] == 0.25


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "image,class\n", "empty-file at t.csv"),
        ("t.csv", 'image,class\n"a, 1",2\nb\nc,3\n', "wrong-row at t.csv, line 3"),
        ("t.tsv", "image\tclass\na\t1\nval/ILSVRC20", "wrong-row at t.tsv, line 3"),
        ("t.csv", b"image,class\n\xe9,1\n", "not-utf-8 at t.csv"),
        ("t.xlsx", "PK", "wrong-suffix at t.xlsx"),
    ],
)
def test_malformed_table_raises(refused: Refused, file: File, name: str, content: str | bytes, expected: str) -> None:
    assert refused(read_table, file(name, content), text_columns=("image",)) == expected


@pytest.fixture
def two_rows(file: File) -> Path:
    return file("t.jsonl", "{}\n{}\n")


def test_error_in_json_lines_names_the_line(refused: Refused, file: File) -> None:
    path = file("t.jsonl", '{"n": 1}\n\n{"n": "x"}\n')
    assert read_table(path).height == 2
    assert refused(to_integers, path, pl.Series("n", ["1", "x"])) == "not-a-number at t.jsonl, line 3, column n"


def test_too_large_parquet_raises_before_reading(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASSESS_MAX_BYTES", "1000000")
    pl.select(image=pl.repeat("a.png", 10**5)).write_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    assert refused(read_table, tmp_path / "t.parquet") == "too-large at t.parquet"


@pytest.mark.parametrize("second", ['"class": 2', '"cl\\u0061ss": 2', '"class"  :2'])
def test_duplicate_key_in_json_lines_raises(refused: Refused, file: File, second: str) -> None:
    path = file("t.jsonl", f'{{"image": "a", "class": 1}}\n\n{{"image": "b", "class": 1, {second}}}\n')
    assert refused(read_table, path) == "duplicate-name at t.jsonl, line 3"


@pytest.mark.parametrize("row", [r'{"image": "\ud800.png"}', r'{"image": "a", "b": ["x\"", "\ud800.png"]}'])
def test_lone_surrogate_in_json_lines_raises(refused: Refused, file: File, row: str) -> None:
    path = file("t.jsonl", f'{{"image": "\\ud83d\\ude00"}}\n{row}\n')
    assert refused(read_table, path) == "invalid-text at t.jsonl, line 2"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.parquet", None, "unreadable-file at t.parquet"),
        ("t.jsonl", '{"image": "a", "class": 1}\n{"image": "b", "cla', "unreadable-file at t.jsonl, line 2"),
        ("\udcff.csv", "a\n1\n", "unreadable-file at \udcff.csv"),
    ],
)
def test_truncated_table_or_undecodable_path_raises(
    refused: Refused, file: File, tmp_path: Path, name: str, content: Any, expected: str
) -> None:
    pl.DataFrame({"image": ["a"] * 100}).write_parquet(tmp_path / "whole.parquet")
    content = content or (tmp_path / "whole.parquet").read_bytes()[:-20]
    assert refused(read_table, file(name, content), text_columns=("image",)) == expected


def test_panic_of_polars_becomes_data_error(refused: Refused, file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(path: Any, **options: Any) -> Any:
        raise pl.exceptions.PanicException("called `Result::unwrap()` on an `Err` value\nand more")

    monkeypatch.setattr(pl, "scan_parquet", panic)
    assert refused(read_table, file("t.parquet", "PAR1")) == "unreadable-file at t.parquet"


def test_find_column_returns_the_heading_in_the_table(refused_text: Refused, tmp_path: Path) -> None:
    table = pl.DataFrame({"b": [1], "c": [2]})
    assert find_column(tmp_path, table, "a", "c") == "c"
    assert refused_text(find_column, tmp_path / "t.csv", table, "a", "d") == (
        "column 'a' is missing\n  where:   DIR/t.csv\n  allowed: a or d\n  found:   b, c\n"
        "  fix:     rename the column, or add it"
    )


LARGE = 2**53 + 1  # the smallest whole number that float64 cannot store


@pytest.mark.parametrize(
    ("values", "dtype", "whole"),
    [
        ([1, None, -3], pl.Int8, [1, None, -3]),
        ([1, LARGE], pl.UInt64, [1, LARGE]),
        ([1.0, None, -3.0], pl.Float32, [1, None, -3]),
        (["1", None, "-3", "2.0", " 7", "007", str(LARGE)], pl.String, [1, None, -3, 2, 7, 7, LARGE]),
        ([None, None], pl.Null, [None, None]),
        (["5"], pl.Decimal(10, 2), [5]),
    ],
)
def test_whole_numbers_are_read_from_any_type(tmp_path: Path, values: Any, dtype: Any, whole: Any) -> None:
    series = pl.Series("class", values, dtype=pl.String if dtype == pl.Decimal(10, 2) else dtype).cast(dtype)
    assert to_integers(tmp_path, series).to_list() == whole


@pytest.mark.parametrize(
    ("values", "dtype", "value"),
    [
        ([1.0, 2.5], pl.Float64, "2.5"),
        ([1.0, float("nan")], pl.Float64, "nan"),
        ([1.0, float("inf")], pl.Float64, "inf"),
        ([1.0, 1e30], pl.Float64, "1e+30"),
        (["1", "n01440764"], pl.String, "'n01440764'"),
        (["1", ""], pl.String, "''"),
        (["1", "1e400"], pl.String, "'1e400'"),
        ([True, True], pl.Boolean, "True"),
        ([1, 2**64 - 1], pl.UInt64, "18446744073709551615"),
    ],
)
@pytest.mark.parametrize("entries_per_row", [1, 2])
def test_invalid_whole_number_error_names_the_row(
    refused_text: Refused, two_rows: Path, values: Any, dtype: Any, value: str, entries_per_row: int
) -> None:
    series = pl.Series("class", values, dtype=dtype)
    row = 0 if dtype == pl.Boolean else 1 // entries_per_row
    text = "number is too large" if dtype == pl.UInt64 else "not a whole number"
    assert refused_text(to_integers, two_rows, series, entries_per_row=entries_per_row) == (
        f"{text}\n  where:   DIR/t.jsonl, line {row + 1}, column class\n  found:   {value}"
    )


@pytest.mark.parametrize(
    ("values", "floats"), [([1, 2], [1.0, 2.0]), (["1", "-inf", "1e-3"], [1.0, -float("inf"), 1e-3]), ([0.5], [0.5])]
)
def test_numbers_are_read_from_any_type(tmp_path: Path, values: Any, floats: Any) -> None:
    assert to_floats(tmp_path, pl.Series("score", values)).to_list() == floats


def test_numbers_keeps_nan_and_single_precision(tmp_path: Path) -> None:
    for nan in ("nan", "NaN", float("nan")):
        assert to_floats(tmp_path, pl.Series("score", [nan])).is_nan().all()
    assert to_floats(tmp_path, pl.Series("score", [0.5], dtype=pl.Float32)).dtype == pl.Float32


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, None], "missing-value at t.jsonl, line 2, column score"),
        (["1", "x"], "not-a-number at t.jsonl, line 2, column score"),
        ([True, True], "not-a-number at t.jsonl, line 1, column score"),
    ],
)
def test_invalid_number_error_names_the_row(refused: Refused, two_rows: Path, values: Any, expected: str) -> None:
    assert refused(to_floats, two_rows, pl.Series("score", values)) == expected


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_existing_table_needs_force(refused: Refused, file: File, suffix: Any) -> None:
    path = file(f"t{suffix}", "old")
    assert refused(write_table, path, pl.DataFrame({"a": [1]})) == f"output-exists at t{suffix}"
    assert path.read_text() == "old"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ["run[1]", "run?", "r*"])
def test_file_name_is_not_a_glob_pattern(tmp_path: Path, name: str, suffix: str) -> None:
    write_table(tmp_path / f"run1{suffix}", pl.DataFrame({"a": [1]}))
    write_table(tmp_path / f"{name}{suffix}", pl.DataFrame({"a": [2]}))
    assert read_table(tmp_path / f"{name}{suffix}")["a"].to_list() == [2]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tilde_is_not_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("~").mkdir()
    table = pl.DataFrame({"image": ["a.png"]})
    write_table(Path("~", f"table.{suffix}"), table)
    assert (tmp_path / "~" / f"table.{suffix}").exists()
    assert read_table(Path("~", f"table.{suffix}")).equals(table)
