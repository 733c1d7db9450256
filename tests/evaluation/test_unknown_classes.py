"""A first prediction with an unknown class name is a mistake in every result, and has no class id."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, MultiLabels, Predictions, UnknownClasses
from reassess.evaluation import evaluate, find_outcomes, image_sheet, multi_label_accuracy, outcomes_table
from tests.helpers import message, numbered_labels, scores_of

# Random models are at chance level.
pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")

CLASSES = Classes(5)  # no label contains class 4, so it can represent an unknown class
JAR = UnknownClasses(2, ("jar",))
SCORES = scores_of({("0.png", 0): 0.9, ("0.png", 3): 0.8, ("1.png", 1): 0.7, ("1.png", 3): 0.1, ("2.png", 2): 0.2})


def predicted(ids: Any, unknown: UnknownClasses = JAR) -> Predictions:
    return Predictions.from_ids(ids, [f"{row}.png" for row in range(len(ids))], unknown_classes=unknown)


@given(st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=1, max_size=8), st.data())
def test_unknown_class_counts_like_a_class_without_images(sets: list[set[int]], data: Any) -> None:
    """All counts equal those with class 4 instead, except the predicted class and the kinds of mistakes."""
    row = st.lists(st.integers(0, 4), min_size=3, max_size=3, unique=True)
    ids = np.array(data.draw(st.lists(row, min_size=len(sets), max_size=len(sets))))
    labels, original = numbered_labels(sets, CLASSES), numbered_labels([[len(ids)] for ids in sets], CLASSES)
    options: dict[str, Any] = {"original": original, "scores": SCORES, "ignore_unknown": True}
    result = evaluate(predicted(np.where(ids == 4, -1, ids)), labels, **options)
    expected = evaluate(predicted(ids, UnknownClasses()), labels, **options)
    instead = np.where(expected.per_class.confused_class_pairs == 4, -1, expected.per_class.confused_class_pairs)
    expected = replace(
        expected, per_class=replace(expected.per_class, confused_class_pairs=instead), unknown_classes=JAR
    )
    assert result.per_class == expected.per_class
    no_class = int(np.count_nonzero([valid and first == 4 for valid, first in zip(sets, ids[:, 0], strict=True)]))
    assert (result.mistakes.n_no_class, expected.mistakes.n_no_class) == (no_class, 0)
    assert replace(result, mistakes=None).to_json() == replace(expected, mistakes=None).to_json()


def test_unknown_class_is_its_own_kind_of_mistake_without_an_id() -> None:
    labels = numbered_labels([[0, 3], [1], [2]], CLASSES)
    outcomes = find_outcomes(predicted([[-1, 3], [-1, 3], [2, -1]]), labels, scores=SCORES)
    columns = ["top1", "correct", "rank", "score", "mistake"]
    assert outcomes_table({"m": outcomes}, labels, scores=SCORES).select(columns).rows() == [
        (None, False, 2, 0, "no_class"),
        (None, False, None, 0, "no_class"),
        (2, True, 1, 0.2, None),
    ]


def test_unknown_classes_of_batches_add_up() -> None:
    labels = numbered_labels([[0], [1], [2]], CLASSES)
    first = evaluate(predicted([-1, -1, 2]), labels)
    assert "unknown classes  2 predictions with 1 unknown class name" in str(first).splitlines()
    assert "unknown classes" not in str(evaluate(predicted([0, 1, 2], UnknownClasses()), labels))
    total = first + evaluate(predicted([-1, 1, 2], UnknownClasses(1, ("tin",))), labels)
    assert total.unknown_classes == UnknownClasses(3, ("jar", "tin"))
    assert total.to_json()["unknown_classes"] == {"predictions": 3, "names": 2}


@pytest.mark.parametrize("own_class", [0, 1, 99])
def test_unknown_class_is_not_shifted_to_the_first_class(own_class: int) -> None:
    """100 images are of one class: if it is class 0, adding 1 to the id -1 would make all of them correct."""
    truth = np.r_[np.full(100, own_class), np.arange(100)]
    labels = numbered_labels(truth[:, None].tolist(), Classes(100))
    ids = np.r_[np.full(100, -1), (truth[100:] + 50) % 100]
    text = message(evaluate, predicted(ids), labels, original=labels)
    assert "found:   0.00 % (0 of 200)\n" in text
    assert "no predefined order of the images matches, and no other predefined order of the classes" in text


def test_unknown_class_is_unreviewed() -> None:
    valid, unclear, wrong = (numbered_labels(sets, CLASSES) for sets in ([[0], [1]], [[4], []], [[], [4]]))
    reviewed = MultiLabels(valid, unclear, wrong, np.array([False, False]))
    result = multi_label_accuracy(predicted([-1, -1]), reviewed)
    assert (result.n_valid, result.n_unclear, result.n_wrong, result.n_unreviewed) == (0, 0, 0, 2)


def test_sheet_shows_unknown_classes_except_at_the_end() -> None:
    labels = numbered_labels([[0], [1]], CLASSES)
    models = {"m": predicted([[-1, 2, -1, 3, -1], [0, 1, 2, 3, 4]]), "n": predicted([-1, 1])}
    sheet = image_sheet("0.png", labels=labels, predictions=models)
    assert sheet.predictions == {"m": (None, 2, None, 3), "n": ()}
    two, three = ({"class": i, "name": str(i), "kind": None} for i in (2, 3))
    assert sheet.to_json(CLASSES)["predictions"] == {"m": [None, two, None, three], "n": []}
