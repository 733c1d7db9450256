"""A chosen threshold comes with its intervals and with the labels that would follow."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.aggregation import Goal, Point, golden_truth, label_sets, operating_point, precision_recall
from reassess.core import LabelSets, Questions, Scores, Votes
from reassess.errors import DataError
from tests.helpers import CURVE

QUESTIONS = Questions.from_columns(["a", "a", "b", "c"], np.array([1, 2, 1, 1]))
SCORES = Scores(QUESTIONS, np.array([0.9, 0.6, 0.7, 0.2]))


@pytest.mark.parametrize(
    ("text", "threshold"), [("precision=0.9", 0.7), ("recall=0.4", 0.7), ("f1", 0.7), ("threshold=0.65", 0.65)]
)
def test_a_goal_is_read_and_reached(text: str, threshold: float) -> None:
    assert Goal.parse(text).on(CURVE).threshold == threshold


@pytest.mark.parametrize(
    "text", ["", "0.8", "precision", "precision=", "precision=1.5", "recall=nan", "f1=0.5", "f2", "recall=x", "=1"]
)
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        Goal.parse(text)
    found_line = f"\n  found:   {text}"
    assert str(caught.value) == (
        "unknown way to choose a threshold\n"
        "  allowed: precision=P, recall=R or threshold=T, each from 0 to 1; or f1" + found_line
    )


def test_labels_and_empty_images_are_those_of_the_label_sets_that_would_follow() -> None:
    original = LabelSets.from_lists(["a", "d"], [[5], [6]])
    for originals, labels in ((None, 2), (original, 3)):
        chosen = operating_point(CURVE, Goal("recall", 1.0), SCORES, original=originals)
        assert (chosen.point, chosen.labels, chosen.empty_images) == (Point(0.7, 2, 2, 2), labels, 1)
        cut = label_sets(SCORES, 0.7, original=originals)
        assert (cut.indices.size, cut.empty_images) == (labels, 1)


def test_json_holds_both_figures_their_bounds_and_the_counts() -> None:
    chosen = operating_point(CURVE, Goal("threshold", 0.6), SCORES)
    assert chosen.to_json() == {
        "threshold": 0.6,
        "precision": 2 / 3,
        "recall": 1.0,
        "low": {"precision": 0.5, "recall": 1.0},
        "high": {"precision": 1.0, "recall": 1.0},
        "hits": 2,
        "kept": 3,
        "valid": 2,
        "labels": 3,
        "empty_images": 1,
    }


def test_where_nothing_is_kept_precision_and_its_bounds_are_null() -> None:
    point = operating_point(CURVE, Goal("threshold", 1.0), SCORES).to_json()
    assert (point["precision"], point["recall"]) == (None, 0.0)
    assert (point["low"], point["high"]) == ({"precision": None, "recall": 0.0},) * 2
    assert (point["labels"], point["empty_images"]) == (0, 3)


def test_the_published_threshold_gives_the_published_numbers_of_labels_and_empty_images(
    real_scores: Scores, real_original: LabelSets, real_votes: Callable[[str], Votes]
) -> None:
    curve = precision_recall(real_scores, golden_truth(real_votes("golden.npz")))
    chosen = operating_point(curve, Goal("threshold", 0.8), real_scores, original=real_original)
    assert (chosen.labels, chosen.empty_images) == (57_553, 3_163)
    assert chosen.precision_interval == pytest.approx((0.858, 0.934), abs=0.002)
    assert chosen.recall_interval == pytest.approx((0.724, 0.830), abs=0.002)
