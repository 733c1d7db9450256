"""The probability of a class from any kind of scores, compared with a simple softmax."""

import math
import random
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reassess.core import Predictions
from reassess.core.probabilities import class_probabilities, score_kind
from tests.helpers import message

INF = math.inf


def softmax(scores: list[float], at: int) -> float:
    """Compute the softmax of logits; infinite logits share the probability 1."""
    best = max(scores)
    weights = [1.0 if score == best else math.exp(score - best) for score in scores]
    return weights[at] / sum(weights)


SCORE = st.floats(-50, 50, width=16) | st.sampled_from([0.0, 1.0, INF, -INF])


def random_places(scores: npt.NDArray[Any], random: random.Random) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    rows, columns = scores.shape
    return np.array([random.randrange(rows) for _ in range(7)]), np.array([random.randrange(columns) for _ in range(7)])


@given(st.lists(st.lists(SCORE, min_size=4, max_size=4), min_size=1, max_size=5), st.randoms(use_true_random=False))
@example([[-INF] * 4] * 5, random.Random(0))
@example([[INF, -INF, INF, 0.0]] * 5, random.Random(0))
def test_scores_are_logits_if_any_is_outside_0_to_1(rows: list[list[Any]], random: Random) -> None:
    rows = [*rows, [0.0, 0.5, 1.0, 2.0]]
    for dtype in (np.float16, np.float32, np.float64):
        which, at = random_places(np.array(rows), random)
        expected = [softmax(rows[row], column) for row, column in zip(which, at, strict=True)]
        probabilities = class_probabilities(Predictions.from_scores(np.array(rows, dtype)), which, at)
        assert probabilities == pytest.approx(expected, abs=1e-12)


@given(
    st.lists(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_rows_that_add_up_to_1_within_rounding_are_probabilities(
    rows: list[list[float]], random: Random, dtype: type
) -> None:
    weights = np.array(rows)
    scores = (weights / weights.sum(axis=1, keepdims=True)).astype(dtype)
    which, at = random_places(scores, random)
    predictions = Predictions.from_scores(scores)
    assert score_kind(predictions) == "probabilities"
    assert class_probabilities(predictions, which, at).tolist() == scores[which, at].tolist()


@pytest.mark.parametrize("row", [[0.25, 0.25, 0.5], [0.25, 0.25, 0.509], [0.0, 0.0, 1.0]])
def test_scores_are_probabilities_if_every_row_adds_up(row: list[float]) -> None:
    scores = np.array([[0.5, 0.25, 0.25]] * 2_000 + [row])
    assert score_kind(Predictions.from_scores(scores)) == "probabilities"
    assert score_kind(Predictions.from_scores(scores, output_class_ids=np.array([0, -1, 1]))) == "probabilities"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ([0.25, 0.25, 0.511], "0.25 to 0.511, and a sum of 1.011"),
        ([0.25, 0.25, 0.489], "0.25 to 0.489, and a sum of 0.989"),
        ([0.9, 0.8, 0.7], "0.7 to 0.9, and a sum of 2.4"),
        ([0.0, 0.0, 0.0], "0 to 0, and a sum of 0"),
        ([-0.5, 0.5, 1.0], "-0.5 to 1, and a sum of 1"),
        ([0.0, 0.0, INF], "0 to inf, and a sum of inf"),
    ],
)
def test_one_wrong_row_among_probabilities_raises_on_request(row: list[float], found: str) -> None:
    scores = np.array([[0.5, 0.25, 0.25]] * 1_500 + [row] + [[0.5, 0.25, 0.25]] * 1_500)
    assert score_kind(Predictions.from_scores(scores)) != "probabilities"
    assert message(score_kind, Predictions.from_scores(scores), raise_if_mixed=True) == (
        "scores of an image do not add up to 1, but scores of other images do\n  where:   row 1500\n"
        f"  allowed: 0 to 1, and a sum of 1 within 0.01\n  found:   {found}; 3,000 of 3,001 images have a sum of 1\n"
        "  fix:     give the probabilities of each image, or logits of all"
    )
    named = Predictions.from_scores(scores[1_499:1_502], images=["a.png", "b.png", "c.png"])
    assert "where:   image b.png" in message(score_kind, named, raise_if_mixed=True)


def test_one_row_of_probabilities_raises_among_bounded_scores_but_not_among_logits() -> None:
    """A row of logits can look like probabilities by chance."""
    bounded = np.array([[0.5, 0.25, 0.25]] + [[0.9, 0.8, 0.7]] * 2_000)
    assert score_kind(Predictions.from_scores(bounded)) == "bounded"
    assert "a sum of 2.4; 1 of 2,001 images have a sum of 1" in message(
        score_kind, Predictions.from_scores(bounded), raise_if_mixed=True
    )
    assert score_kind(Predictions.from_scores(bounded[1:]), raise_if_mixed=True) == "bounded"
    logits = np.array([[0.5, 0.25, 0.25], [3.0, -1.0, 0.5]])
    assert score_kind(Predictions.from_scores(logits), raise_if_mixed=True) == "logits"
    assert "1 of 1" not in message(score_kind, Predictions.from_scores(logits[[0, 0, 1]]), raise_if_mixed=True)


def test_outputs_of_sigmoids_are_treated_as_logits() -> None:
    rows = [[0.9, 0.8, 0.1], [0.1, 0.2, 0.1]] * 1_500  # more than one block of rows
    at = np.arange(3_000) % 3
    expected = [softmax(rows[row], column) for row, column in enumerate(at.tolist())]
    predictions = Predictions.from_scores(np.array(rows))
    assert class_probabilities(predictions, np.arange(3_000), at) == pytest.approx(expected)


@pytest.mark.parametrize(("row", "expected"), [([0.5, 0.25, 0.25], [0.25, 0.25]), ([9.0, 4.0, 4.0], [0.5, 0.5])])
def test_outputs_without_a_class_count_for_probabilities_but_not_for_logits(
    row: list[float], expected: list[float]
) -> None:
    predictions = Predictions.from_scores(np.array([row]), output_class_ids=np.array([-1, 5, 2]))
    assert class_probabilities(predictions, np.array([0, 0]), np.array([2, 5])).tolist() == expected
    assert np.isnan(class_probabilities(Predictions.from_ids([1, 2]), np.array([1]), np.array([2]))).all()
