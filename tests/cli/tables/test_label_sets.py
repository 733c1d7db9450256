"""`reassess evaluate` with several label sets: rows, and changes in the order of models."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Runner, document_of, message_of, output_of, results_of, validation_name, write_csv

OLD = {"1.jpg": ["mug"], "2.jpg": ["plate"], "3.jpg": ["cup"], "4.jpg": ["bowl"]}
NEW = {"1.jpg": ["cup"], "2.jpg": ["plate", "bowl"], "3.jpg": ["cup"], "4.jpg": [], "5.jpg": ["mug"]}
FIRST = {"1.jpg": "mug", "2.jpg": "plate", "3.jpg": "mug", "4.jpg": "bowl", "5.jpg": "cup"}
SECOND = {"1.jpg": "cup", "2.jpg": "bowl", "3.jpg": "cup", "4.jpg": "cup", "5.jpg": "mug"}
BOTH = ["--labels", "old.json", "--labels", "new.json"]


@pytest.fixture(autouse=True)
def tableware(folder: Path) -> Path:
    """Two label sets of tableware with different images, and two models."""
    Path("old.json").write_text(json.dumps(OLD))
    Path("new.json").write_text(json.dumps(NEW))
    write_csv("first.csv", "image,prediction", FIRST.items())
    write_csv("second.csv", "image,prediction", SECOND.items())
    return folder


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_models_have_a_row_for_each_label_set(run: Runner) -> None:
    """Image 5 is only in the new label set, where image 4 has no valid class."""
    out = output_of(run("evaluate", "first.csv", "second.csv", *BOTH))
    table, text = out.splitlines()[:6], out.splitlines()[6:]
    assert table[0].split("  ")[0] == "file"
    assert [line.split() for line in table[:1] + table[2:]] == [
        ["file", "labels", "scored", "top-1", "%", "95", "%", "rank"],
        ["first.csv", "old.json", "4", "75.00", "30.06", "to", "95.44", "1"],
        ["first.csv", "new.json", "4", "25.00", "4.56", "to", "69.94", "2"],
        ["second.csv", "old.json", "4", "25.00", "4.56", "to", "69.94", "2"],
        ["second.csv", "new.json", "4", "100.0", "51.01", "to", "100.0", "1"],
    ]
    assert max(map(len, table)) <= 80
    assert text[:8] == [
        "top-1 accuracy on 3 images that all models and all label sets share:",
        "old.json: first.csv 66.67 %, second.csv 33.33 %",
        "new.json: second.csv 100.0 %, first.csv 33.33 %",
        "who is ahead by old.json, then by new.json; Holm p of the change:",
        "  first.csv by 33.33, then second.csv by 66.67 points: not significant, p = 0.5",
        "all files: csv, image names from 'image', top-1 ids from 'prediction', joined by path",
        "old.json: all files: 1 image not scored (unrated)",
        "new.json: all files: 1 image not scored (empty label set)",
    ]


def test_images_partly_outside_imagenet_have_no_known_benchmark(run: Runner) -> None:
    """So ImageNet's original labels are not needed."""
    Path("of_imagenet.json").write_text(json.dumps({validation_name(1): [65]}))
    Path("mine.json").write_text(json.dumps({"a.jpg": [7], validation_name(1): [66]}))
    write_csv("ids.csv", "image,prediction", [(validation_name(1), 65), ("a.jpg", 7)])
    out = output_of(run("evaluate", "ids.csv", "--labels", "of_imagenet.json", "--labels", "mine.json"))
    assert "cannot be checked without original labels" not in out
    single_result = run("evaluate", "ids.csv", "--labels", "of_imagenet.json", "--ignore-unknown")
    assert "cannot be checked without original labels" in single_result.out


def test_json_has_label_set_names_and_orders(run: Runner) -> None:
    document = document_of(run("evaluate", "first.csv", "second.csv", *BOTH, "--json"), "evaluate")
    assert [(r["labels"], r["file"], r["rank"], r["real"]["1"]["hits"]) for r in document["results"]] == [
        ("old.json", "first.csv", 1, 3),
        ("old.json", "second.csv", 2, 1),
        ("new.json", "second.csv", 1, 4),
        ("new.json", "first.csv", 2, 1),
    ]
    assert [r["not_scored"] for r in document["results"][::2]] == [
        {"empty": 0, "unlabelled": 1, "unknown": 0},
        {"empty": 1, "unlabelled": 0, "unknown": 0},
    ]
    assert document["inputs"][:2] == [
        {"name": "labels", "path": f"{name}.json", "sha256": sha256(f"{name}.json")} for name in ("old", "new")
    ]
    orders = document["orders"]
    assert (orders["images"], [part["scored"] for part in orders["label_sets"]]) == (3, [4, 4])
    assert [(part["first"], part["second"], part["change_places"]) for part in orders["changes"]] == [
        ("old.json", "new.json", 1)
    ]


def test_single_label_set_has_no_orders_in_json(run: Runner) -> None:
    document = document_of(run("evaluate", "first.csv", "--labels", "new.json", "--json"), "evaluate")
    assert "orders" not in document
    assert "labels" not in document["results"][0]
    assert "rank" not in document["results"][0]


def test_three_label_sets_are_compared_in_pairs(run: Runner) -> None:
    Path("third.json").write_text(json.dumps(OLD | {"1.jpg": ["cup"]}))
    argv = ["evaluate", "first.csv", "second.csv", *BOTH, "--labels", "third.json", "--by", "class"]
    document = document_of(run(*argv, "--json"), "evaluate")
    assert [(part["first"], part["second"]) for part in document["orders"]["changes"]] == [
        ("old.json", "new.json"),
        ("old.json", "third.json"),
        ("new.json", "third.json"),
    ]
    assert all(result["by_class"] for result in document["results"])
    result = run(*argv[:-2])
    assert "p: exact sign-flip test of the change of a lead; Holm: corrected for 3 leads" in result.out.splitlines()


def test_unnamed_rows_are_in_the_order_of_the_first_label_set(run: Runner) -> None:
    """The second label set has the same images in another order."""
    labels = {"a.jpg": [0], "b.jpg": [1], "c.jpg": [2]}
    Path("order.json").write_text(json.dumps(labels))
    Path("turned.json").write_text(json.dumps(dict(reversed(labels.items()))))
    np.save("rows.npy", np.array([0, 1, 0]))
    argv = ["evaluate", "rows.npy", "--labels", "order.json", "--labels", "turned.json"]
    assert [r["real"]["1"]["hits"] for r in results_of(run, *argv)] == [2, 2]
    read = "rows.npy: npy 3, top-1 ids, rows in the order of order.json, joined by path"
    assert read in run(*argv).out.splitlines()


def test_label_sets_without_common_images_have_no_orders(run: Runner) -> None:
    Path("other.json").write_text(json.dumps({"5.jpg": ["cup"]}))
    argv = ["evaluate", "first.csv", "second.csv", "--labels", "old.json", "--labels", "other.json"]
    document = document_of(run(*argv, "--json"), "evaluate")
    assert (document["orders"], document["orders_reason"]) == (None, "no image has labels in all label sets")
    lines = run(*argv).out.splitlines()
    assert lines[6] == "model orders cannot be compared: no image has labels in all label sets"
    assert not any(line.startswith("p: ") for line in lines)


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["--labels", "./new.json"], "new.json is given twice."),
        (
            ["--threshold", "0.5"],
            "--threshold makes labels from one file of scores, so --labels can be given only once.",
        ),
        (["--details", "out.csv"], "--details cannot be used with several --labels."),
        (["--by", "class"], "With several --labels, --by needs --json."),
    ],
)
def test_wrong_options_with_several_label_sets_are_usage_errors(argv: list[str], error: str, run: Runner) -> None:
    assert message_of(run("evaluate", "first.csv", *BOTH, *argv), 2) == (
        f"Usage: reassess evaluate [OPTIONS] FILE...\nTry 'reassess evaluate --help' for help.\n\nError: {error}\n"
    )
