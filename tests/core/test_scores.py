"""Scores: a probability for each question."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reassess.core import Questions, Scores


def of(*values: float) -> Scores:
    questions = Questions.from_columns(["a", "b", "a"], np.array([7, 7, 3]))
    return Scores(questions, np.array(values))


def test_a_pair_that_was_not_scored_has_no_score() -> None:
    rows = np.array([0, 0, 1, 1, -1])
    scores = of(0.9, 0.4, 0.0).at(rows, np.array([7, 3, 7, 3, 7]))
    assert np.array_equal(scores, [0.9, 0.0, 0.4, np.nan, np.nan], equal_nan=True)


def test_no_scores_find_nothing() -> None:
    none = Scores(Questions.from_columns([], np.array([], np.int64)), np.array([]))
    assert np.isnan(none.at(np.array([-1]), np.array([0]))).all()


def test_the_highest_score_of_each_image() -> None:
    assert of(0.2, 0.4, 0.3).highest().tolist() == [0.3, 0.4]


@pytest.mark.parametrize("value", [np.nan, -1e-9, 1.0000001, np.inf])
def test_a_value_that_is_no_probability_is_an_error_that_names_the_question(
    refused: Callable[..., str], value: Any
) -> None:
    assert refused(lambda: of(0.0, 1.0, value)) == "out-of-range at image a, class 3"


def test_one_score_a_question(refused_text: Callable[..., str]) -> None:
    assert refused_text(lambda: of(0.5, 0.5)) == (
        "wrong shape of the scores\n  allowed: shape (3,)\n  found:   shape (2,)"
    )
