"""A chosen threshold has intervals, and counts the labels it gives."""

import numpy as np
import pytest

from reassess.aggregation import Goal, Point, label_sets, operating_point
from reassess.core import LabelSets, Questions, Scores
from tests.helpers import CURVE, fault_of

QUESTIONS = Questions.from_columns(["a", "a", "b", "c"], np.array([1, 2, 1, 1]))
SCORES = Scores(QUESTIONS, np.array([0.9, 0.6, 0.7, 0.2]))


@pytest.mark.parametrize(
    ("text", "threshold"), [("precision=0.9", 0.7), ("recall=0.4", 0.7), ("f1", 0.7), ("threshold=0.65", 0.65)]
)
def test_goal_is_read_and_reached(text: str, threshold: float) -> None:
    assert Goal.parse(text).find_point_at_goal(CURVE).threshold == threshold


@pytest.mark.parametrize(
    "text", ["", "0.8", "precision", "precision=", "precision=1.5", "recall=nan", "f1=0.5", "f2", "recall=x", "=1"]
)
def test_invalid_goal_raises(text: str) -> None:
    assert fault_of(Goal.parse, text) == ("unknown-name", text)


def test_operating_point_counts_labels_and_empty_images() -> None:
    original = LabelSets.from_lists(["a", "d"], [[5], [6]])
    for originals, labels in ((None, 2), (original, 3)):
        chosen = operating_point(CURVE, Goal("recall", 1.0), SCORES, original=originals)
        assert (chosen.point, chosen.n_labels, chosen.n_empty_images) == (Point(0.7, 2, 2, 2), labels, 1)
        sets = label_sets(SCORES, 0.7, original=originals)
        assert (sets.indices.size, sets.n_empty_images) == (labels, 1)


def test_nothing_kept_has_no_precision_and_recall_0() -> None:
    point = operating_point(CURVE, Goal("threshold", 1.0), SCORES).to_json()
    assert (point["precision"], point["recall"]) == (None, 0.0)
    assert point["low"] == {"precision": None, "recall": 0.0}
    assert point["high"] == {"precision": None, "recall": pytest.approx(1 - 0.025 ** (1 / 2))}  # exact
    assert (point["labels"], point["empty_images"]) == (0, 3)
