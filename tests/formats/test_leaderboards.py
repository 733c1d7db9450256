"""Leaderboard files: tables, timm's two tables, and JSON evaluations."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reassess.core import LeaderboardRow
from reassess.formats import read_leaderboard
from tests.helpers import File, Refused

WHOLE = "model,original,real\na,76.1,82.9\nb,79.5,84.6\n"
ORIGINAL = (
    'model,img_size,top1,param_count\na,224,76.1,"1,013.01"\na,288,77.0,"1,013.01"\nb,224,79.5,\nc,224,70.0,5.5\n'
)
REAL = "model,img_size,top1,top1_diff\nb,224,84.6,+5.100\na,224,82.9,+6.800\nd,224,60.0,-1.0\na,288,83.5,+6.500\n"


def evaluation(file: Any = "m.npz", real: Any = (80, 100), original: Any = (75, 110), **options: Any) -> Any:
    def part(counts: Any) -> Any:
        hits, n = counts
        return {"1": {"hits": hits, "n": n, "accuracy": hits / n if n else None}}

    return {"file": file, "real": part(real), "original": part(original) if original else None, **options}


def document(*results: Any, schema: Any = "reassess/evaluate", version: Any = 1) -> str:
    return json.dumps({"schema": schema, "version": version, "inputs": [], "results": results})


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_table_of_models_is_read_in_any_format(tmp_path: Path, suffix: str) -> None:
    table = pl.DataFrame({"real": [82.9, 84.6], "model": ["a", "00012"], "original": [76.1, 79.5], "note": [None, "x"]})
    path = tmp_path / f"models.{suffix}"
    {
        "csv": table.write_csv,
        "tsv": lambda to: table.write_csv(to, separator="\t"),
        "jsonl": table.write_ndjson,
        "parquet": table.write_parquet,
    }[suffix](path)
    assert read_leaderboard(path).entries == (LeaderboardRow("a", 76.1, 82.9), LeaderboardRow("00012", 79.5, 84.6))


def test_image_size_and_parameters_are_read(file: File) -> None:
    path = file("m.csv", 'model,original,real,img_size,param_count\na,76.1,82.9,224,"1,013.01"\na,77,83,,\n')
    assert read_leaderboard(path).entries == (
        LeaderboardRow("a", 76.1, 82.9, 224, 1013.01),
        LeaderboardRow("a", 77.0, 83.0),
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_two_tables_are_joined_in_any_order(file: File, swapped: bool) -> None:
    paths = [file("original.csv", ORIGINAL), file("real.csv", REAL)]
    board = read_leaderboard(*paths[:: -1 if swapped else 1])
    assert board.entries == (
        LeaderboardRow("a", 76.1, 82.9, 224, 1013.01),
        LeaderboardRow("a", 77.0, 83.5, 288, 1013.01),
        LeaderboardRow("b", 79.5, 84.6, 224),
    )
    assert board.dropped_row_counts == {f"only in {paths[0]}": 1, f"only in {paths[1]}": 1}


def test_evaluations_are_named_by_their_files(file: File) -> None:
    first = file("a.json", document(evaluation(), evaluation("n.csv", real=(90, 100))))
    second = file("b.json", document(evaluation("o.csv", original=(55, 110))))
    assert read_leaderboard(first, second).entries == (
        LeaderboardRow("m.npz", 100 * 75 / 110, 80.0),
        LeaderboardRow("n.csv", 100 * 75 / 110, 90.0),
        LeaderboardRow("o.csv", 50.0, 80.0),
    )


def test_label_set_is_from_evaluations_or_real(file: File) -> None:
    own = file("a.json", document(evaluation(label_set="pets"), evaluation("n.csv", label_set="pets")))
    assert read_leaderboard(own).label_set == read_leaderboard(own, file("m.csv", WHOLE)).label_set == "pets"
    assert read_leaderboard(file("m.csv", WHOLE)).label_set == "ReaL"
    assert read_leaderboard(own, file("real.csv", REAL), file("o.csv", ORIGINAL)).label_set == "ReaL"


def test_low_accuracy_of_evaluation_is_in_percent(file: File) -> None:
    path = file("a.json", document(evaluation(real=(1, 1000), original=(2, 1000))))
    assert read_leaderboard(path).entries == (LeaderboardRow("m.npz", 0.2, 0.1),)


def test_files_of_all_kinds_are_combined(file: File) -> None:
    board = read_leaderboard(
        file("real.csv", REAL), file("m.csv", WHOLE), file("a.json", document(evaluation())), file("o.csv", ORIGINAL)
    )
    assert [str(entry) for entry in board.entries] == ["a", "b", "a at 224", "a at 288", "b at 224", "m.npz"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("m.csv", WHOLE.replace("real", "other"), "missing-column at m.csv"),
        ("m.csv", WHOLE.replace("original", "top1"), "missing-column at m.csv"),
        ("m.csv", WHOLE.replace("model", "name"), "missing-column at m.csv"),
        ("m.csv", WHOLE.replace("\na,", "\n,"), "missing-value at m.csv, line 2, column model"),
        ("m.csv", WHOLE.replace("82.9", "many"), "not-a-number at m.csv, line 2, column real"),
        ("m.csv", WHOLE.replace("79.5", ""), "missing-value at m.csv, line 3, column original"),
        ("m.csv", WHOLE.replace("79.5", "nan"), "out-of-range at m.csv, line 3, column original"),
        ("m.csv", "model,original,real,param_count\na,76.1,82.9,inf\n", "out-of-range at m.csv, a"),
        (
            "m.jsonl",
            '{"model": "a", "original": 76.1, "real": 82.9, "param_count": [5]}\n',
            "wrong-type at m.jsonl, column param_count",
        ),
        ("m.npz", "x", "wrong-suffix at m.npz"),
        ("a.json", document(schema="reassess/curve"), "wrong-json at a.json"),
        ("a.json", "[1, 2]", "wrong-json at a.json"),
        ("a.json", document({"file": "m.npz"}), "wrong-json at a.json"),
        ("a.json", document(evaluation(real=(101, 100))), "wrong-json at a.json, m.npz"),
        ("a.json", document(), "missing-models at a.json"),
        ("o.csv", ORIGINAL.replace("b,224", "b,224.5"), "not-a-number at o.csv, line 4, column img_size"),
        ("o.csv", ORIGINAL.replace("5.5", "few"), "not-a-number at o.csv, line 5, column param_count"),
        ("o.csv", ORIGINAL.replace("1,013.01", "25,6"), "not-a-number at o.csv, line 2, column param_count"),
        ("o.csv", ORIGINAL.replace("1,013.01", "-1"), "out-of-range at o.csv, a at 224"),
    ],
)
def test_file_without_leaderboard_raises(name: str, content: str, code: str, file: File, refused: Refused) -> None:
    real_table = [file("r.csv", REAL)] if name == "o.csv" else []
    assert refused(read_leaderboard, file(name, content), *real_table) == code


@pytest.mark.parametrize(
    ("files", "code", "found"),
    [
        (
            {"m.csv": "model,original,real\na,0.761,0.829\nb,0.795,0.846\n"},
            "out-of-range at m.csv, column original",
            "at most 0.795",
        ),
        ({"m.csv": WHOLE + "a,70,71\n"}, "duplicate-name at m.csv, line 4", "a, as in DIR/m.csv, line 2"),
        (
            {"o.csv": ORIGINAL + "a,288,70.0,1\n", "r.csv": REAL},
            "duplicate-name at o.csv, line 6",
            "a at 288, as in DIR/o.csv, line 3",
        ),
        ({"m.csv": WHOLE, "n.csv": WHOLE}, "duplicate-name at m.csv, n.csv, a", None),
        ({"o.csv": ORIGINAL}, "one-table at o.csv", "1 without top1_diff, 0 with it"),
        (
            {"o.csv": ORIGINAL, "r.csv": REAL.replace("224", "192").replace("288", "320")},
            "nothing-in-common at o.csv and r.csv",
            "a at 224 and b at 192",
        ),
        (
            {"o.csv": ORIGINAL.replace("76.1", "76.2"), "r.csv": REAL},
            "different-tables at r.csv, line 3, a at 224",
            "top1_diff 6.8",
        ),
        ({"a.json": document({"file": "m.npz"})}, "wrong-json at a.json", "a document without 'original'"),
        (
            {"a.json": document(evaluation(original=None, original_reason="original labels are missing"))},
            "missing-accuracy at a.json, m.npz",
            "original labels are missing",
        ),
        (
            {"a.json": document({**evaluation(), "real": {"5": {"hits": 1, "n": 2}}})},
            "missing-accuracy at a.json, m.npz",
            "top 5 only",
        ),
        ({"a.json": document(evaluation(real=(0, 0)))}, "missing-accuracy at a.json, m.npz", None),
        (
            {"a.json": document(evaluation()), "b.json": document(evaluation("n.csv", real=(5, 10)))},
            "different-images at b.json, n.csv",
            "10 and 110",
        ),
        (
            {"a.json": document(evaluation()), "b.json": document(evaluation("n.csv", label_set="pets"))},
            "different-labels at b.json, n.csv",
            "pets",
        ),
    ],
)
def test_inconsistent_leaderboard_files_raise(
    files: dict[str, str], code: str, found: str | None, file: File, refused: Refused, refused_text: Refused
) -> None:
    paths = [file(*each) for each in files.items()]
    assert refused(read_leaderboard, *paths) == code
    assert found is None or f"\n  found:   {found}\n" in refused_text(read_leaderboard, *paths)
