"""Questions, their scores, tasks, and stop rules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Questions, Scores, StopRule, Tasks
from tests.helpers import Refused

pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2**31 - 1)), max_size=20, unique=True)


def of(pairs: Sequence[tuple[str, int]]) -> Questions:
    return Questions.from_columns([image for image, _ in pairs], np.array([c for _, c in pairs], np.int64))


@given(pairs)
def test_questions_keep_pairs_and_order(pairs: Any) -> None:
    questions = of(pairs)
    images = [questions.images[i] for i in questions.image_ids]
    assert list(zip(images, questions.class_ids.tolist(), strict=True)) == pairs


@given(pairs, pairs)
def test_find_returns_position_or_minus_1(existing: Any, sought: Any) -> None:
    questions = of(existing)
    images = [image for image, _ in sought]
    row_of = dict(zip("abcdef", questions.rows_of("abcdef"), strict=True))
    rows = np.array([row_of[image] for image in images], np.int64)
    positions = questions.find_positions(rows, np.array([c for _, c in sought], np.int64))
    assert positions.tolist() == [existing.index(pair) if pair in existing else -1 for pair in sought]


def test_duplicate_question_raises(refused: Refused) -> None:
    assert refused(lambda: of([("a", 7), ("b", 7), ("a", 7)])) == "duplicate-question at image a, class 7"


@pytest.mark.parametrize("class_id", [-1, 2**31, 2**32 + 7])
def test_class_id_out_of_range_raises_and_does_not_wrap(refused: Refused, class_id: Any) -> None:
    assert refused(lambda: of([("a", 7), ("b", class_id)])) == "out-of-range at image b"


def test_one_image_with_two_names_raises(refused: Refused) -> None:
    names = ["ILSVRC2012_val_00000001.png", "ILSVRC2012_val_00000001.JPEG"]
    assert refused(lambda: Questions.from_columns(names, np.array([1, 2]))) == "duplicate-image at the questions"


def three_scores(*values: float) -> Scores:
    questions = Questions.from_columns(["a", "b", "a"], np.array([7, 7, 3]))
    return Scores(questions, np.array(values))


def test_question_without_score_is_nan() -> None:
    empty = Scores(Questions.from_columns([], np.array([], np.int64)), np.array([]))
    assert np.isnan(empty.scores_of(np.array([-1]), np.array([0]))).all()
    rows = np.array([0, 0, 1, 1, -1])
    scores = three_scores(0.9, 0.4, 0.0).scores_of(rows, np.array([7, 3, 7, 3, 7]))
    assert np.array_equal(scores, [0.9, 0.0, 0.4, np.nan, np.nan], equal_nan=True)


def test_highest_is_maximum_score_of_each_image() -> None:
    assert three_scores(0.2, 0.4, 0.3).highest_score_per_image().tolist() == [0.3, 0.4]


@pytest.mark.parametrize("value", [np.nan, -1e-9, 1.0000001, np.inf])
def test_error_about_invalid_probability_shows_the_question(refused: Refused, value: Any) -> None:
    assert refused(lambda: three_scores(0.0, 1.0, value)) == "out-of-range at image a, class 3"


def test_wrong_number_of_scores_raises(refused: Refused) -> None:
    assert refused(lambda: three_scores(0.5, 0.5)) == "wrong-shape"


QUESTIONS = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([7, 3, 7]))


def tasks_of(indptr: list[int], numbers: list[int], reasons: list[str] | None = None) -> Tasks:
    return Tasks(QUESTIONS, np.array(indptr), np.array(numbers), reasons or ["why"] * len(numbers))


def test_effort_counts_votes_and_hours() -> None:
    effort = tasks_of([0, 2, 3], [0, 1]).effort(5, 36.0)
    assert (effort.n_images, effort.n_tasks, effort.n_questions, effort.n_votes, effort.hours) == (2, 2, 3, 15, 0.15)
    assert tasks_of([0, 2, 3], [0, 1]).effort(5).hours is None
    assert str(effort) == "Effort(n_images=2, n_tasks=2, n_questions=3, n_votes=15, seconds_per_vote=36.0)"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: tasks_of([0, 3], [4]), "mixed-task at task 4"),
        (lambda: tasks_of([0, 1, 3], [4, 5]), "mixed-task at task 5"),
        (lambda: tasks_of([0, 2, 2, 3], [4, 5, 6]), "empty at task 5"),
        (lambda: tasks_of([0, 2, 3], [4, 4]), "duplicate-name"),
        (lambda: tasks_of([0, 2, 3], [-1, 4]), "out-of-range"),
        (lambda: tasks_of([0, 2], [4]), "wrong-indptr"),
        (lambda: tasks_of([0, 2, 3], [4, 5], ["why"]), "wrong-length"),
        (lambda: tasks_of([0, 3], [4, 5]), "wrong-length"),
        (lambda: tasks_of([0, 2, 3], [4, 5], ["why", "\ud800"]), "invalid-text"),
        (lambda: tasks_of([0, 2, 3], [4, 5]).effort(0), "out-of-range"),
        (lambda: tasks_of([0, 2, 3], [4, 5]).effort(1, -1.0), "out-of-range"),
    ],
)
def test_invalid_tasks_raise(refused: Refused, call: Any, code: str) -> None:
    assert refused(call) == code


def test_probability_equal_to_bound_closes_question() -> None:
    rule = StopRule(0.25, 0.75)
    assert [bool(rule.is_closed(p, 2)) for p in (0.25, 0.251, 0.749, 0.75)] == [True, False, False, True]


def test_question_stays_open_below_least_number_of_votes() -> None:
    assert rule_of("0.1,0.9").is_closed(1.0, [0, 1, 2, 3]).tolist() == [False, False, True, True]


def rule_of(text: str) -> StopRule:
    return StopRule.parse(text)


@pytest.mark.parametrize("text", ["", "0.1", "0.9,0.1", "0.5,0.5", "-0.1,0.9", "0.1,1.1", "nan,0.9", "a,b", "0,0.5,1"])
def test_invalid_stop_rule_raises(refused: Refused, text: str) -> None:
    assert rule_of("0,1") == StopRule(0, 1, min_votes=2)
    assert refused(rule_of, text) == "wrong-syntax"
    assert refused(StopRule, 0.1, 0.9, 0) == "out-of-range"
