"""Questions: (image, class) pairs, each once; their scores, the tasks they are asked in, and when they are closed."""

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
def test_the_order_and_the_pairs_are_kept(pairs: Any) -> None:
    questions = of(pairs)
    images = [questions.images[i] for i in questions.image_ids]
    assert list(zip(images, questions.class_ids.tolist(), strict=True)) == pairs


@given(pairs, pairs)
def test_a_question_is_found_where_it_is_and_minus_1_where_it_was_not_asked(asked: Any, wanted: Any) -> None:
    questions = of(asked)
    images = [image for image, _ in wanted]
    row_of = dict(zip("abcdef", questions.rows_of("abcdef"), strict=True))
    rows = np.array([row_of[image] for image in images], np.int64)
    places = questions.find(rows, np.array([c for _, c in wanted], np.int64))
    assert places.tolist() == [asked.index(pair) if pair in asked else -1 for pair in wanted]


def test_a_question_that_is_asked_twice_is_an_error(refused: Refused) -> None:
    assert refused(lambda: of([("a", 7), ("b", 7), ("a", 7)])) == "duplicate-question at image a, class 7"


@pytest.mark.parametrize("class_id", [-1, 2**31, 2**32 + 7])
def test_an_id_that_no_class_has_is_an_error_and_never_wraps(refused: Refused, class_id: Any) -> None:
    assert refused(lambda: of([("a", 7), ("b", class_id)])) == "out-of-range at image b"


def test_one_image_under_two_names_is_an_error(refused: Refused) -> None:
    names = ["ILSVRC2012_val_00000001.png", "ILSVRC2012_val_00000001.JPEG"]
    assert refused(lambda: Questions.from_columns(names, np.array([1, 2]))) == "duplicate-image at the questions"


def three_scores(*values: float) -> Scores:
    questions = Questions.from_columns(["a", "b", "a"], np.array([7, 7, 3]))
    return Scores(questions, np.array(values))


def test_a_pair_that_was_not_scored_has_no_score() -> None:
    none = Scores(Questions.from_columns([], np.array([], np.int64)), np.array([]))
    assert np.isnan(none.at(np.array([-1]), np.array([0]))).all()
    rows = np.array([0, 0, 1, 1, -1])
    scores = three_scores(0.9, 0.4, 0.0).at(rows, np.array([7, 3, 7, 3, 7]))
    assert np.array_equal(scores, [0.9, 0.0, 0.4, np.nan, np.nan], equal_nan=True)


def test_the_highest_score_of_each_image() -> None:
    assert three_scores(0.2, 0.4, 0.3).highest().tolist() == [0.3, 0.4]


@pytest.mark.parametrize("value", [np.nan, -1e-9, 1.0000001, np.inf])
def test_a_value_that_is_no_probability_is_an_error_that_names_the_question(refused: Refused, value: Any) -> None:
    assert refused(lambda: three_scores(0.0, 1.0, value)) == "out-of-range at image a, class 3"


def test_one_score_a_question(refused: Refused) -> None:
    assert refused(lambda: three_scores(0.5, 0.5)) == "wrong-shape"


QUESTIONS = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([7, 3, 7]))


def tasks_of(indptr: list[int], numbers: list[int], reasons: list[str] | None = None) -> Tasks:
    return Tasks(QUESTIONS, np.array(indptr), np.array(numbers), reasons or ["why"] * len(numbers))


def test_the_effort_adds_up() -> None:
    effort = tasks_of([0, 2, 3], [0, 1]).effort(5, 36.0)
    assert (effort.images, effort.tasks, effort.questions, effort.votes, effort.hours) == (2, 2, 3, 15, 0.15)
    assert tasks_of([0, 2, 3], [0, 1]).effort(5).hours is None
    assert str(effort) == "Effort(images=2, tasks=2, questions=3, votes=15, seconds_per_vote=36.0)"


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
def test_what_are_no_tasks_is_refused(refused: Refused, call: Any, code: str) -> None:
    assert refused(call) == code


def test_a_probability_that_equals_a_bound_has_left_it() -> None:
    rule = StopRule(0.25, 0.75)
    assert [bool(rule.is_closed(p, 2)) for p in (0.25, 0.251, 0.749, 0.75)] == [True, False, False, True]


def test_no_question_is_closed_before_its_least_number_of_votes() -> None:
    assert rule_of("0.1,0.9").is_closed(1.0, [0, 1, 2, 3]).tolist() == [False, False, True, True]


def rule_of(text: str) -> StopRule:
    return StopRule.parse(text)


@pytest.mark.parametrize("text", ["", "0.1", "0.9,0.1", "0.5,0.5", "-0.1,0.9", "0.1,1.1", "nan,0.9", "a,b", "0,0.5,1"])
def test_what_is_no_rule_is_refused(refused: Refused, text: str) -> None:
    assert rule_of("0,1") == StopRule(0, 1, at_least=2)
    assert refused(rule_of, text) == "wrong-syntax"
    assert refused(StopRule, 0.1, 0.9, 0) == "out-of-range"
