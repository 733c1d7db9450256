"""A first prediction that is no class is wrong in every number, and no class is taken for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, MultiLabels, Predictions, UnknownClasses
from reassess.evaluation import evaluate, find_outcomes, image_sheet, multi_label_accuracy, outcomes_table
from tests.helpers import message, numbered_labels, scores_of

pytestmark = pytest.mark.filterwarnings("ignore:.* agrees with the original labels on")  # drawn models are by chance

CLASSES = Classes(5)  # nothing holds class 4: what stands for no class may as well be it
JAR = UnknownClasses(2, ("jar",))
SCORES = scores_of({("0.png", 0): 0.9, ("0.png", 3): 0.8, ("1.png", 1): 0.7, ("1.png", 3): 0.1, ("2.png", 2): 0.2})


def predicted(ids: Any, unknown: UnknownClasses = JAR) -> Predictions:
    return Predictions.from_ids(ids, [f"{row}.png" for row in range(len(ids))], unknown_classes=unknown)


@given(st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=1, max_size=8), st.data())
def test_no_class_counts_as_a_class_that_no_image_has(sets: list[set[int]], data: Any) -> None:
    """All counts are those of the same predictions with another class in its place, but for what was predicted.

    What is known of the mistakes is not: it is no class.
    """
    row = st.lists(st.integers(0, 4), min_size=3, max_size=3, unique=True)
    ids = np.array(data.draw(st.lists(row, min_size=len(sets), max_size=len(sets))))
    labels, original = numbered_labels(sets, CLASSES), numbered_labels([[len(one)] for one in sets], CLASSES)
    options: dict[str, Any] = {"original": original, "scores": SCORES, "ignore_unknown": True}
    result = evaluate(predicted(np.where(ids == 4, -1, ids)), labels, **options)
    expected = evaluate(predicted(ids, UnknownClasses()), labels, **options)
    instead = np.where(expected.per_class.mistakes == 4, -1, expected.per_class.mistakes)
    expected = replace(expected, per_class=replace(expected.per_class, mistakes=instead), unknown_classes=JAR)
    assert result.per_class == expected.per_class
    no_class = int(np.count_nonzero([valid and first == 4 for valid, first in zip(sets, ids[:, 0], strict=True)]))
    assert (result.mistakes.no_class, expected.mistakes.no_class) == (no_class, 0)
    assert replace(result, mistakes=None).to_json() == replace(expected, mistakes=None).to_json()


def test_a_mistake_that_is_no_class_is_a_kind_of_its_own_and_has_no_id() -> None:
    labels = numbered_labels([[0, 3], [1], [2]], CLASSES)
    outcomes = find_outcomes(predicted([[-1, 3], [-1, 3], [2, -1]]), labels, scores=SCORES)
    columns = ["top1", "correct", "rank", "score", "mistake"]
    assert outcomes_table({"m": outcomes}, labels, scores=SCORES).select(columns).rows() == [
        (None, False, 2, 0, "no_class"),
        (None, False, None, 0, "no_class"),
        (2, True, 1, 0.2, None),
    ]


def test_evaluations_of_parts_add_up_and_say_so() -> None:
    labels = numbered_labels([[0], [1], [2]], CLASSES)
    first = evaluate(predicted([-1, -1, 2]), labels)
    assert "unknown classes  2 predictions with 1 unknown class name" in str(first).splitlines()
    assert "unknown classes" not in str(evaluate(predicted([0, 1, 2], UnknownClasses()), labels))
    total = first + evaluate(predicted([-1, 1, 2], UnknownClasses(1, ("tin",))), labels)
    assert total.unknown_classes == UnknownClasses(3, ("jar", "tin"))
    assert total.to_json()["unknown_classes"] == {"predictions": 3, "names": 2}


@pytest.mark.parametrize("own_class", [0, 1, 99])
def test_no_class_is_not_the_first_class_of_ids_that_count_otherwise(own_class: int) -> None:
    """100 images are of one class; a shift of -1 by one would make all of them right where that is the first."""
    truth = np.r_[np.full(100, own_class), np.arange(100)]
    labels = numbered_labels(truth[:, None].tolist(), Classes(100))
    ids = np.r_[np.full(100, -1), (truth[100:] + 50) % 100]
    text = message(evaluate, predicted(ids), labels, original=labels)
    assert "found:   0.00 % as given (0 of 200)\n" in text
    assert "no known order of the images matches, and no other known order of the classes" in text


def test_reviewers_judged_no_class_on_no_image() -> None:
    valid, unclear, wrong = (numbered_labels(sets, CLASSES) for sets in ([[0], [1]], [[4], []], [[], [4]]))
    reviewed = MultiLabels(valid, unclear, wrong, np.array([False, False]))
    result = multi_label_accuracy(predicted([-1, -1]), reviewed)
    assert (result.valid, result.unclear, result.wrong, result.unreviewed) == (0, 0, 0, 2)


def test_an_image_shows_no_class_in_its_place_but_not_at_the_end() -> None:
    labels = numbered_labels([[0], [1]], CLASSES)
    models = {"m": predicted([[-1, 2, -1, 3, -1], [0, 1, 2, 3, 4]]), "n": predicted([-1, 1])}
    sheet = image_sheet("0.png", labels=labels, predictions=models)
    assert sheet.predictions == {"m": (None, 2, None, 3), "n": ()}
    two, three = ({"class": i, "name": str(i), "kind": None} for i in (2, 3))
    assert sheet.to_json(CLASSES)["predictions"] == {"m": [None, two, None, three], "n": []}
