"""A chosen threshold comes with its intervals and with the labels that would follow."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.aggregation import Goal, Point, golden_truth, label_sets, operating_point, precision_recall
from reassess.core import LabelSets, Questions, Scores, Votes
from tests.helpers import CURVE, fault_of

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
    assert fault_of(Goal.parse, text) == ("unknown-choice", text)


def test_labels_and_empty_images_are_those_of_the_label_sets_that_would_follow() -> None:
    original = LabelSets.from_lists(["a", "d"], [[5], [6]])
    for originals, labels in ((None, 2), (original, 3)):
        chosen = operating_point(CURVE, Goal("recall", 1.0), SCORES, original=originals)
        assert (chosen.point, chosen.labels, chosen.empty_images) == (Point(0.7, 2, 2, 2), labels, 1)
        cut = label_sets(SCORES, 0.7, original=originals)
        assert (cut.indices.size, cut.empty_images) == (labels, 1)


@pytest.mark.parametrize(
    ("threshold", "precision", "recall", "counts"),
    [(0.6, (2 / 3, 0.5, 1.0), (1.0, 1.0, 1.0), (2, 3, 2, 3, 1)), (1.0, (None,) * 3, (0.0,) * 3, (0, 0, 2, 0, 3))],
)
def test_json_holds_both_figures_their_bounds_and_the_counts(
    threshold: float, precision: tuple[float, ...], recall: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    """Where nothing is kept, there is no precision."""
    chosen = operating_point(CURVE, Goal("threshold", threshold), SCORES)
    assert chosen.to_json() == {
        "threshold": threshold,
        "precision": precision[0],
        "recall": recall[0],
        "low": {"precision": precision[1], "recall": recall[1]},
        "high": {"precision": precision[2], "recall": recall[2]},
        **dict(zip(("hits", "kept", "valid", "labels", "empty_images"), counts, strict=True)),
    }


def test_the_published_threshold_gives_the_published_numbers_of_labels_and_empty_images(
    real_scores: Scores, real_original: LabelSets, real_votes: Callable[[str], Votes]
) -> None:
    curve = precision_recall(real_scores, golden_truth(real_votes("golden.npz")))
    chosen = operating_point(curve, Goal("threshold", 0.8), real_scores, original=real_original)
    assert (chosen.labels, chosen.empty_images) == (57_553, 3_163)
    assert chosen.precision_interval == pytest.approx((0.858, 0.934), abs=0.002)
    assert chosen.recall_interval == pytest.approx((0.724, 0.830), abs=0.002)
