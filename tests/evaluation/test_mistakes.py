"""Kinds of classes that are not valid: the same from scores and from votes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import aggregate
from reassess.core import Classes, LabelSets, Predictions, Questions, Scores, Votes
from reassess.evaluation import MISTAKE_KINDS, find_outcomes, kinds_of_invalid_classes
from reassess.proposals import unasked_candidates
from tests.helpers import votes_of

IMAGES = tuple(f"{i}.png" for i in range(8))
CLASSES = Classes(6)
VOTES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=12)
PREDICTED = st.lists(st.integers(-1, 5), min_size=8, max_size=8)


def class_votes(rows: Any) -> Votes:
    """Make votes for one class per image; nobody votes on the last two images."""
    return votes_of(rows, IMAGES, answers=range(6), classes=CLASSES)


def kinds(predicted: npt.ArrayLike, rated: Scores | Votes, experts: Votes | None = None) -> list[str]:
    return [MISTAKE_KINDS[kind] for kind in kinds_of_invalid_classes(IMAGES, np.array(predicted), rated, experts)]


@given(VOTES, PREDICTED)
def test_raters_who_chose_one_class_were_asked_about_every_class(rows: Any, predicted: Any) -> None:
    votes, with_votes = class_votes(rows), {i for i, _, _ in rows}
    expected = [
        "no_class" if class_id < 0 else "asked_and_rejected" if i in with_votes else "never_rated"
        for i, class_id in enumerate(predicted)
    ]
    assert kinds(predicted, votes) == kinds(predicted, aggregate(votes, "majority").scores) == expected


@given(VOTES, VOTES, PREDICTED)
def test_experts_who_chose_a_class_judge_every_class(rows: Any, golden: Any, predicted: Any) -> None:
    """A class is valid to the experts if more than half of them chose it."""
    votes, experts = class_votes(rows), class_votes(golden)
    for i, (class_id, kind) in enumerate(zip(predicted, kinds(predicted, votes, experts), strict=True)):
        choices = [answer for image, _, answer in golden if image == i]
        if class_id < 0:
            assert kind == "no_class"
        elif choices:
            is_valid = 2 * choices.count(class_id) > len(choices)
            assert kind == ("expert_valid" if is_valid else "rejected_by_experts")
        else:
            assert kind == kinds(predicted, votes)[i]


def test_question_without_an_answer_counts_as_not_asked() -> None:
    questions = Questions.from_columns(["0.png", "0.png", "1.png"], np.array([1, 2, 1]), CLASSES)
    votes = votes_of([(0, 0, 2)], questions)
    assert kinds([1, 1, 1, 1, 1, 1, 1, 1], votes)[:2] == ["asked_and_rejected", "never_rated"]
    assert kinds([2, 1, 1, 1, 1, 1, 1, 1], votes)[0] == "not_asked"


@given(VOTES, PREDICTED)
def test_image_with_class_votes_has_no_unasked_candidates(rows: Any, predicted: Any) -> None:
    scores, with_votes = aggregate(class_votes(rows), "majority").scores, {IMAGES[i] for i, _, _ in rows}
    labels = LabelSets.from_lists(IMAGES, [[] for _ in IMAGES], CLASSES)
    predictions = Predictions.from_ids(np.maximum(predicted, 0), images=IMAGES)
    candidates = unasked_candidates([("m", predictions, find_outcomes(predictions, labels))], labels, scores)
    assert {candidates.image_of(row) for row in range(len(candidates))} == set(IMAGES) - with_votes
