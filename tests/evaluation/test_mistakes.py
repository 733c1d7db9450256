"""What is known of a class that is not valid: whom it was put to, and what they said; by scores and by votes alike."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import aggregate
from reassess.core import Classes, LabelSets, Predictions, Questions, Scores, Votes
from reassess.evaluation import MISTAKE_KINDS, find_outcomes, invalid_kinds
from reassess.proposals import unasked_candidates
from tests.helpers import votes_of

IMAGES = tuple(f"{i}.png" for i in range(8))
CLASSES = Classes(6)
VOTES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=12)
PREDICTED = st.lists(st.integers(-1, 5), min_size=8, max_size=8)


def chosen(rows: Any) -> Votes:
    """Votes for one class an image; nobody votes on the last two images."""
    return votes_of(rows, IMAGES, answers=range(6), classes=CLASSES)


def kinds(predicted: npt.ArrayLike, rated: Scores | Votes, experts: Votes | None = None) -> list[str]:
    return [MISTAKE_KINDS[kind] for kind in invalid_kinds(IMAGES, np.array(predicted), rated, experts)]


@given(VOTES, PREDICTED)
def test_where_people_chose_one_class_of_all_every_class_was_proposed(rows: Any, predicted: Any) -> None:
    votes, voted = chosen(rows), {i for i, _, _ in rows}
    expected = [
        "no_class" if class_id < 0 else "asked_and_rejected" if i in voted else "never_rated"
        for i, class_id in enumerate(predicted)
    ]
    assert kinds(predicted, votes) == kinds(predicted, aggregate(votes, "majority").scores) == expected


@given(VOTES, VOTES, PREDICTED)
def test_experts_who_choose_a_class_judge_every_class_of_the_image(rows: Any, golden: Any, predicted: Any) -> None:
    """More than half of the experts must have chosen a class for it to be valid to them."""
    votes, experts = chosen(rows), chosen(golden)
    for i, (class_id, kind) in enumerate(zip(predicted, kinds(predicted, votes, experts), strict=True)):
        of_image = [answer for image, _, answer in golden if image == i]
        if class_id < 0:
            assert kind == "no_class"
        elif of_image:
            is_valid = 2 * of_image.count(class_id) > len(of_image)
            assert kind == ("expert_valid" if is_valid else "rejected_by_experts")
        else:
            assert kind == kinds(predicted, votes)[i]


def test_a_question_that_nobody_answered_was_not_asked() -> None:
    questions = Questions.from_columns(["0.png", "0.png", "1.png"], np.array([1, 2, 1]), CLASSES)
    votes = votes_of([(0, 0, 2)], questions)
    assert kinds([1, 1, 1, 1, 1, 1, 1, 1], votes)[:2] == ["asked_and_rejected", "never_rated"]
    assert kinds([2, 1, 1, 1, 1, 1, 1, 1], votes)[0] == "not_asked"


@given(VOTES, PREDICTED)
def test_no_question_is_open_on_an_image_of_which_people_chose_the_class(rows: Any, predicted: Any) -> None:
    scores, voted = aggregate(chosen(rows), "majority").scores, {IMAGES[i] for i, _, _ in rows}
    labels = LabelSets.from_lists(IMAGES, [[] for _ in IMAGES], CLASSES)
    predictions = Predictions.from_ids(np.maximum(predicted, 0), images=IMAGES)
    found = unasked_candidates([("m", predictions, find_outcomes(predictions, labels))], labels, scores)
    assert {found.image(row) for row in range(len(found))} == set(IMAGES) - voted
