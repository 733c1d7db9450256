"""FiftyOne: classifications are read as predictions; predictions and label sets are written for its importer."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.core import Classes, LabelSets, Predictions
from reassess.errors import ReassessWarning
from reassess.formats import read_label_file, read_original_file, read_predictions, write_labels, write_predictions
from tests.helpers import Refused

PETS = Classes(3, names=("cat", "dog", "rabbit"))
NAMES = ["dog", "rabbit", "cat"]  # in another order than the benchmark's


def save(folder: Path, document: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(document))
    return path


def sample(path: str, confidence: float = 0.5) -> dict[str, Any]:
    return {"filepath": path, "model": {"_cls": "Classification", "label": "cat", "confidence": confidence}}


def test_labels_with_confidences_are_read_best_first(tmp_path: Path) -> None:
    labels = {
        "a": [{"label": 0, "confidence": 0.2}, {"label": 2, "confidence": 0.7}],
        "b": {"label": 1, "confidence": 0.9, "attributes": {}},
        "c": None,
    }
    with pytest.warns(ReassessWarning) as caught:
        predictions = read_predictions(save(tmp_path, {"classes": NAMES, "labels": labels}), PETS)
    assert predictions.images == ("a", "b")
    assert predictions.class_ids.tolist() == [[0, 1], [2, -1]]
    assert [str(warning.message).partition("labels.json: ")[2].splitlines()[0] for warning in caught] == [
        "not used: 1 image without a prediction",
        "1 prediction with 1 unknown class name, counted as wrong: -",
    ]


def test_images_beside_the_file_name_the_rows(tmp_path: Path) -> None:
    (tmp_path / "data" / "x").mkdir(parents=True)
    (tmp_path / "data" / "x" / "a.png").touch()
    path = save(tmp_path, {"classes": None, "labels": {"x/a": "dog", "x/b": "cat"}})
    predictions = read_predictions(path, PETS)
    assert predictions.images == ("x/a.png", "x/b")
    assert predictions.class_ids.tolist() == [[1], [0]]


def test_file_whose_suffix_is_ambiguous_keeps_its_name_without_suffix(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.png", "a.txt", "b.png"):
        (tmp_path / "data" / name).touch()
    path = save(tmp_path, {"classes": NAMES, "labels": {"a": 0, "b": 1}})
    assert read_predictions(path, PETS).images == ("a", "b.png")


def test_samples_have_predictions_in_the_field_with_confidences(tmp_path: Path) -> None:
    truth = {"_cls": "Classification", "label": "cat", "confidence": None}
    samples = [
        {"filepath": f"data/{name}.png", "tags": [], "ground_truth": truth}
        | {"model": {"_cls": "Classification", "label": label, "confidence": 0.5}}
        for name, label in (("a", "dog"), ("b", "rabbit"))
    ]
    predictions = read_predictions(save(tmp_path, {"samples": samples}), PETS)
    assert predictions.images == ("a.png", "b.png")
    assert predictions.class_ids.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"classes": NAMES, "labels": {"a": 3}}, "out-of-range at labels.json, image a"),
        ({"classes": NAMES, "labels": {"a": {"label": [0]}}}, "wrong-json at labels.json, image a"),
        ({"classes": 3, "labels": {"a": 0}}, "wrong-json at labels.json"),
        ({"classes": NAMES, "labels": {}}, "empty-file at labels.json"),
        ({"samples": [{"filepath": "a.png"}]}, "missing-column at labels.json"),
        ({"samples": [{"id": 1}]}, "wrong-json at labels.json"),
        ({"samples": [sample("data/a.png"), sample("a.png")]}, "duplicate-image at labels.json"),
        ({"samples": [sample("a.png", math.nan)]}, "wrong-json at labels.json, sample a.png"),
        ({"samples": [sample("a.png", 10**400)]}, "wrong-json at labels.json, sample a.png"),
        (
            {"samples": [{"filepath": "a.png", **{m: {"_cls": "Classification", "label": "cat"} for m in ("m", "n")}}]},
            "ambiguous-column at labels.json",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, refused: Refused, document: Any, expected: str) -> None:
    assert refused(read_predictions, save(tmp_path, document), PETS) == expected


@pytest.mark.parametrize("top_k", [1, 3])
def test_written_predictions_are_read_back(tmp_path: Path, top_k: int) -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    path = tmp_path / "model.fiftyone.json"
    write_predictions(path, Predictions.from_scores(scores, ["x/a.png", "b.png"], classes=PETS), top_k=top_k)
    document = json.loads(path.read_text())
    best = {"label": 1, "confidence": 0.7}
    assert document["classes"] == ["cat", "dog", "rabbit"]
    assert document["labels"]["x/a"] == best if top_k == 1 else document["labels"]["x/a"][0] == best
    predictions = read_predictions(path, PETS)
    assert predictions.images == ("x/a", "b")
    assert predictions.top_classes(top_k)[0].tolist() == [[1, 2, 0][:top_k], [0, 2, 1][:top_k]]


@pytest.mark.parametrize("top_k", [1, 2])
def test_unknown_class_keeps_its_rank(tmp_path: Path, top_k: int) -> None:
    table, path = tmp_path / "model.csv", tmp_path / "model.fiftyone.json"
    table.write_text("image,prediction_1,prediction_2\na.png,cow,rabbit\nb.png,cat,cow\n")
    with pytest.warns(ReassessWarning, match="unknown class name"):
        write_predictions(path, read_predictions(table, PETS), top_k=top_k)
    assert json.loads(path.read_text())["classes"] == ["cat", "dog", "rabbit", "-"]
    with pytest.warns(ReassessWarning, match="unknown class name"):
        predictions = read_predictions(path, PETS)
    assert predictions.class_ids.tolist() == ([[-1, 2], [0, -1]] if top_k == 2 else [[-1], [0]])


def test_scores_that_are_not_confidences_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.fiftyone.json"
    write_predictions(path, Predictions.from_scores(np.array([[3.0, -1.0, 0.0]]), ["a.png"], classes=PETS))
    assert json.loads(path.read_text())["labels"] == {"a": [0, 2, 1]}


def test_original_labels_are_read(tmp_path: Path) -> None:
    path = save(tmp_path, {"classes": NAMES, "labels": {"a": 0, "b": {"label": 2}, "c": None}})
    assert list(read_original_file(path, classes=PETS).classes_by_image().values()) == [{1}, {0}]


def test_label_sets_are_written_and_read_with_empty_sets(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "real.fiftyone.json"
    write_labels(path, LabelSets.from_lists(["x/a.png", "b.png"], [[2, 0], []], PETS))
    assert json.loads(path.read_text()) == {"classes": ["cat", "dog", "rabbit"], "labels": {"x/a": [0, 2], "b": []}}
    labels = read_label_file(path, classes=PETS)
    assert isinstance(labels, LabelSets)
    assert {name: sorted(ids) for name, ids in labels.classes_by_image().items()} == {"x/a": [0, 2], "b": []}
    twins = LabelSets.from_lists(["a.png", "a.jpg"], [[0], [1]], PETS)
    assert refused(write_labels, path, twins, force=True) == "duplicate-image at real.fiftyone.json"
