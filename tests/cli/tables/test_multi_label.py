"""`reassess evaluate` with label sets that have unclear, wrong or problematic labels."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Runner, output_of, results_of

REVIEWED: dict[str, dict[str, Any]] = {
    "1.jpg": {"valid": ["cup", "mug"], "unclear": ["bowl"], "wrong": ["plate"]},
    "2.jpg": {"valid": ["plate"], "unclear": ["bowl"]},
    "3.jpg": {"valid": ["cup"], "wrong": ["bowl"]},
    "4.jpg": {"valid": ["cup"]},
    "5.jpg": {"unclear": ["mug"]},
    "6.jpg": {"valid": ["mug"], "problematic": True},
}
# cup is valid, bowl unclear, bowl wrong, mug not reviewed; the other images are not judged.
PREDICTED = {"1.jpg": "cup", "2.jpg": "bowl", "3.jpg": "bowl", "4.jpg": "mug", "5.jpg": "mug", "6.jpg": "mug"}
ORIGINAL = {"1.jpg": "mug", "2.jpg": "plate", "3.jpg": "cup", "4.jpg": "mug", "5.jpg": "mug", "6.jpg": "mug"}


@pytest.fixture(autouse=True)
def _tableware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None) -> None:
    """Reviewed label sets in two formats, original labels, and two models."""
    monkeypatch.chdir(tmp_path)
    Path("reviewed.json").write_text(json.dumps(REVIEWED))
    rows = [
        f"{image},{name},{answer}"
        for image, review in REVIEWED.items()
        for answer in ("valid", "unclear", "wrong")
        for name in review.get(answer, [])
    ]
    Path("reviewed.csv").write_text("\n".join(["image,class,answer", *rows, "6.jpg,,problematic", ""]))
    for path, heading, classes in (
        ("poor.csv", "prediction", PREDICTED),
        ("good.csv", "prediction", PREDICTED | {"4.jpg": "cup"}),
        ("original.csv", "class", ORIGINAL),
    ):
        Path(path).write_text("\n".join([f"image,{heading}", *map(",".join, classes.items()), ""]))


def test_table_has_strict_and_lenient_accuracy(run: Runner) -> None:
    argv = ("evaluate", "poor.csv", "good.csv", "--labels", "reviewed.json", "--original", "original.csv")
    lines = output_of(run(*argv)).splitlines()
    assert [line.split()[:2] for line in lines[2:4]] == [["good.csv", "50.00"], ["poor.csv", "25.00"]]
    assert "all files: 2 images not scored (empty label set)" in lines
    start = next(row for row, line in enumerate(lines) if line.startswith("multi-label"))
    assert lines[start].split() == [
        *("multi-label", "valid", "unclear", "wrong", "unreviewed"),
        *("strict", "%", "95", "%", "over", "classes", "%", "lenient", "%", "95", "%", "over", "classes", "%"),
    ]
    # poor, strict: mug 1 of 2, plate none, cup 0 of 1; lenient: mug 1 of 2, plate 1 of 1, cup 0 of 1.
    assert [line.split() for line in lines[start + 2 : start + 4]] == [
        ["good.csv", *"2110", "66.67", "20.77", "to", "93.85", "50.00", "75.00", "30.06", "to", "95.44", "66.67"],
        ["poor.csv", *"1111", "33.33", "6.15", "to", "79.23", "25.00", "50.00", "15.00", "to", "85.00", "50.00"],
    ]
    note = "all files: multi-label: 2 images not scored (1 problematic, 1 without a valid class, 0 not reviewed)"
    assert lines[start + 4] == note


def test_json_has_multi_label_accuracy_and_classes(run: Runner) -> None:
    argv = ["evaluate", "poor.csv", "--labels", "reviewed.csv", "--original", "original.csv"]
    plain, by_class = (results_of(run, *argv, *more)[0] for more in ([], ["--by", "class"]))
    assert (plain["images"], plain["scored"], plain["scorable"], plain["not_scored"]["empty"]) == (6, 4, 4, 2)
    assert (plain["real"]["1"]["hits"], plain["real"]["1"]["n"]) == (1, 4)
    counts = plain["multi_label"]
    assert [counts[name] for name in ("valid", "unclear", "wrong", "unreviewed")] == [1, 1, 1, 1]
    assert counts["not_scored"] == {"problematic": 1, "empty": 1, "unknown": 0}
    keys = ("hits", "n", "mean_over_classes")
    assert [counts["unclear_excluded"][name] for name in keys] == [1, 3, 0.25]
    assert [counts["unclear_is_correct"][name] for name in keys] == [2, 4, 0.5]
    classes = by_class["multi_label"].pop("by_class")
    assert by_class["multi_label"] == counts
    assert [tuple(entry.values()) for entry in classes] == [
        (1, "cup", 1, 0, 0, 0.0, 0.0),
        (2, "mug", 2, 1, 0, 0.5, 0.5),
        (3, "plate", 1, 0, 1, None, 1.0),
    ]


def test_details_contain_reviews_of_the_first_class(run: Runner) -> None:
    Path("one-more.csv").write_text(Path("poor.csv").read_text() + "7.jpg,cup\n")
    argv = ["evaluate", "one-more.csv", "good.csv", "--labels", "reviewed.json", "--ignore-unknown"]
    assert run(*argv, "--details", "out.csv").code == 0
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-2:] == ["mistake", "verdict"]
    assert [row["verdict"] for row in rows] == [
        *("valid", "unclear", "wrong", "unreviewed", "empty", "problematic", "unknown"),
        *("valid", "unclear", "wrong", "valid", "empty", "problematic"),
    ]
    assert [row["state"] for row in rows[4:7]] == ["empty", "empty", "unknown"]


def test_compare_uses_valid_classes_of_unproblematic_images(run: Runner) -> None:
    valid = {image: [] if review.get("problematic") else review.get("valid", []) for image, review in REVIEWED.items()}
    Path("valid").mkdir()
    Path("valid/reviewed.json").write_text(json.dumps(valid))
    by_all, by_valid = (
        run("compare", "poor.csv", "good.csv", "--labels", name, "--quiet")
        for name in ("reviewed.csv", "valid/reviewed.json")
    )
    assert by_all.code == 0
    assert by_all.out == by_valid.out
