"""The probability of a class from any kind of scores, against a plain softmax."""

import math
import random
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reassess.core.predictions import Predictions
from reassess.proposals.probabilities import class_probabilities

INF = math.inf


def plain(scores: list[float], at: int) -> float:
    """The softmax of logits; infinite ones share all."""
    best = max(scores)
    weights = [1.0 if score == best else math.exp(score - best) for score in scores]
    return weights[at] / sum(weights)


SCORE = st.floats(-50, 50, width=16) | st.sampled_from([0.0, 1.0, INF, -INF])


def drawn(scores: npt.NDArray[Any], random: random.Random) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    rows, columns = scores.shape
    return np.array([random.randrange(rows) for _ in range(7)]), np.array([random.randrange(columns) for _ in range(7)])


@given(st.lists(st.lists(SCORE, min_size=4, max_size=4), min_size=1, max_size=5), st.randoms(use_true_random=False))
@example([[-INF] * 4] * 5, random.Random(0))
@example([[INF, -INF, INF, 0.0]] * 5, random.Random(0))
def test_scores_are_logits_if_any_of_them_is_no_probability(rows: list[list[Any]], random: Random) -> None:
    rows = [*rows, [0.0, 0.5, 1.0, 2.0]]
    for dtype in (np.float16, np.float32, np.float64):
        which, at = drawn(np.array(rows), random)
        expected = [plain(rows[row], column) for row, column in zip(which, at, strict=True)]
        probabilities = class_probabilities(Predictions.from_scores(np.array(rows, dtype)), which, at)
        assert probabilities == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5), st.randoms())
def test_scores_that_are_probabilities_are_taken_as_they_are(rows: list[list[float]], random: Random) -> None:
    scores = np.array(rows)
    which, at = drawn(scores, random)
    assert class_probabilities(Predictions.from_scores(scores), which, at).tolist() == scores[which, at].tolist()


def test_outputs_that_are_no_class_have_no_part() -> None:
    predictions = Predictions.from_scores(np.array([[9.0, 4.0, 4.0]]), columns=np.array([-1, 5, 2]))
    assert class_probabilities(predictions, np.array([0, 0]), np.array([2, 5])).tolist() == [0.5, 0.5]


def test_many_rows_are_taken_block_by_block() -> None:
    scores = np.random.default_rng(0).normal(size=(3_000, 3))
    columns = [
        class_probabilities(Predictions.from_scores(scores), np.arange(3_000), np.full(3_000, c)) for c in range(3)
    ]
    np.testing.assert_allclose(sum(columns), 1)
    assert columns[1][2_999] == pytest.approx(plain(scores[2_999].tolist(), 1))


def test_ids_have_no_probability() -> None:
    assert np.isnan(class_probabilities(Predictions.from_ids([1, 2]), np.array([1]), np.array([2]))).all()
