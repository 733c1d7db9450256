"""Predictions and labels with different class lists: matched by class name, never by position, or an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import Panel
from reassess.core import Classes, LabelSets, Predictions, Questions, Scores, align_classes
from reassess.core.classes import ADD_CLASS_LIST
from reassess.evaluation import evaluate, find_outcomes, image_sheet
from reassess.formats import read_label_file, read_predictions
from reassess.proposals import unasked_candidates
from tests.helpers import code_of, message, write_files

NAMES = ("ant", "bee", "cat", "dog", "eel")
IMAGES = tuple(f"{row}.png" for row in range(12))
ONE_LIST = "correct the spelling, or read all files with one class list"
ANT_BEE = LabelSets.from_lists(["a", "b"], [[0], [1]], Classes.from_texts(["ant", "bee"]))


def class_list(order: Any) -> Classes:
    return Classes(len(NAMES), names=tuple(NAMES[i] for i in order))


def places_in(order: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the position of each class of NAMES in another order."""
    return np.argsort(np.array(order))


@st.composite
def models(draw: Any) -> Predictions:
    """Draw predictions: ids or scores, with or without a list of outputs where one is not a class."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    kind = draw(st.sampled_from(["ids", "scores", "ids of outputs", "scores of outputs"]))
    columns = None
    if kind.endswith("outputs"):
        columns = np.array([-1, *rng.permutation(len(NAMES))])[rng.permutation(6)]
    outputs = len(NAMES) if columns is None else len(columns)
    scores = rng.permuted(np.tile(np.arange(float(outputs)), (len(IMAGES), 1)), axis=1)
    if kind.startswith("scores"):
        return Predictions.from_scores(scores, IMAGES, output_class_ids=columns, classes=class_list(range(5)))
    return Predictions.from_ids(
        np.argsort(-scores)[:, :3], IMAGES, output_class_ids=columns, classes=class_list(range(5))
    )


@given(model=models(), order=st.permutations(range(5)), seed=st.integers(0, 99), has_local_ids=st.booleans())
def test_evaluation_does_not_depend_on_the_class_order_of_the_labels(
    model: Predictions, order: list[int], seed: int, has_local_ids: bool
) -> None:
    """Only the class ids differ."""
    rng = np.random.default_rng(seed)
    sets = [rng.choice(5, rng.integers(0, 4), replace=False).tolist() for _ in IMAGES]
    classes = Classes.from_texts(NAMES) if has_local_ids else class_list(order)
    place = np.arange(5) if has_local_ids else places_in(order)
    same_order = LabelSets.from_lists(IMAGES, sets, class_list(range(5)))
    labels = LabelSets.from_lists(IMAGES, [[int(place[i]) for i in ids] for ids in sets], classes)
    expected, outcomes = find_outcomes(model, same_order), find_outcomes(model, labels)
    assert np.array_equal(outcomes.best_ranks, expected.best_ranks)
    assert np.array_equal(outcomes.n_valid_found, expected.n_valid_found)
    assert np.array_equal(outcomes.top1, np.append(place, -1)[expected.top1])
    assert evaluate(model, labels).real_accuracy == evaluate(model, same_order).real_accuracy


def test_class_list_of_a_benchmark_can_be_unsorted(tmp_path: Path) -> None:
    classes = class_list([3, 0, 4, 2, 1])
    write_files(
        tmp_path,
        {
            "labels.csv": "image,class\na,dog\nb,ant\nc,eel\n",
            "p.csv": "image,prediction\na,dog\nb,ant\nc,ant\n",
            "s.csv": "image,dog,ant,eel\na,.9,.1,.1\nb,.1,.9,.1\nc,.1,.1,.9\n",
        },
    )
    labels = read_label_file(tmp_path / "labels.csv")
    predictions = read_predictions(tmp_path / "p.csv", classes)
    assert (labels.classes.has_local_ids, predictions.classes) == (True, classes)
    assert evaluate(predictions, labels).real_accuracy[1].hits == 2
    assert evaluate(read_predictions(tmp_path / "s.csv", classes), labels).real_accuracy[1].hits == 3
    panel = Panel.from_predictions({"one": predictions}, labels)
    assert panel.is_valid.tolist() == [[True, True, False]]


def test_predicted_class_missing_from_the_labels_raises_with_a_fix() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[1], [0]], Classes.from_texts(["ant", "dog"]))
    predictions = Predictions.from_ids([3, 1], ["a", "b"], classes=class_list(range(5)))
    assert message(evaluate, predictions, labels) == (
        f"unknown class\n  where:   the predictions\n  found:   bee\n  fix:     {ONE_LIST}"
    )
    aligned: Any = align_classes({"labels": labels, "predictions": predictions})
    assert evaluate(aligned["predictions"], aligned["labels"]).real_accuracy[1].hits == 1
    whole = Predictions.from_scores(np.eye(2, 5), ["a", "b"], classes=class_list(range(5)))
    assert code_of(evaluate, whole, labels) == code_of(evaluate, predictions, labels)


@pytest.mark.parametrize(
    "ids",
    [
        np.array([0, 1]),
        Predictions.from_ids([0, 1], ["a", "b"]),
        Predictions.from_scores(np.eye(2), ["a", "b"], output_class_ids=np.array([1, 0])),
    ],
)
def test_ids_raise_if_labels_have_only_class_names(ids: Any) -> None:
    """Scores of all classes are accepted: they have the order of the list."""
    assert message(evaluate, ids, ANT_BEE) == (
        "class ids cannot be used: only class names are known\n  where:   the predictions\n"
        f"  found:   ant, bee, and ids\n  fix:     name the classes; or {ADD_CLASS_LIST}"
    )
    assert code_of(Panel.from_ids, ["one"], np.array([[0, 1]]), ANT_BEE) == "ids-of-names"
    assert evaluate(np.eye(2), ANT_BEE).real_accuracy[1].hits == 2


def test_names_raise_if_labels_have_only_class_ids() -> None:
    labels = LabelSets.from_lists(["a"], [[0]])
    predictions = Predictions.from_ids([0], ["a"], classes=ANT_BEE.classes)
    assert message(evaluate, predictions, labels) == (
        "class names cannot be used: a class list is missing\n  where:   the predictions\n"
        f"  found:   ant, bee\n  fix:     {ADD_CLASS_LIST}"
    )
    both: dict[str, Any] = {"p.csv": predictions, "l.csv": labels}
    assert message(align_classes, both).startswith(
        "one file has class names, another has class ids\n  where:   p.csv and l.csv\n"
    )
    beyond = Predictions.from_ids([5], ["a"], classes=class_list(range(5)))
    assert code_of(evaluate, beyond, LabelSets.from_lists(["a"], [[0]], class_list(range(5)))) == "out-of-range"


def test_questions_and_sheets_use_the_classes_of_the_labels() -> None:
    labels = LabelSets.from_lists(["a", "b"], [[0], [1]], class_list([3, 1, 2, 0, 4]))
    model = Predictions.from_ids([[3, 0], [0, 1]], ["a", "b"], classes=class_list(range(5)))
    assert image_sheet("b", labels=labels, predictions={"m": model}).predictions == {"m": (3, 1)}
    pending = unasked_candidates([("m", model, find_outcomes(model, labels))], labels, None, top_k=2)
    ant = 3  # in the list of the labels
    assert {(pending.image_of(row), int(pending.questions.class_ids[row])) for row in range(len(pending))} == {
        ("a", ant),
        ("b", ant),
    }


def test_sheet_without_labels_has_one_class_list() -> None:
    questions = Questions.from_columns(["a"], np.array([0]), Classes.from_texts(["dog"]))
    model = Predictions.from_ids([0], ["a"], classes=Classes.from_texts(["bee"]))
    sheet = image_sheet("a", scores=Scores(questions, np.array([0.5])), predictions={"m": model})
    assert (sheet.candidates[0].class_id, sheet.predictions) == (1, {"m": (0,)})
