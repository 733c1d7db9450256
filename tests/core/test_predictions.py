"""Predictions: ids or scores, and invalid arrays."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Predictions
from tests.helpers import Refused, message

TYPES = ["i1", "u1", "i2", "i4", "i8", "u8", ">i4", ">u8"]


@pytest.mark.parametrize("dtype", TYPES)
def test_ids_can_have_any_integer_type(dtype: Any) -> None:
    predictions = Predictions.from_ids(np.array([[3, 1], [2, 0]], dtype))
    assert predictions.class_ids.tolist() == [[3, 1], [2, 0]]
    assert (predictions.dtype, predictions.max_k, len(predictions)) == ("int32", 2, 2)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([[0.0]], "wrong-type"),
        ([True], "wrong-type"),
        (7, "wrong-type"),
        (np.zeros((2, 21), int), "out-of-range"),
        ([1, -1], "out-of-range at row 1"),
        ([[1, 2], [3, 2**31]], "out-of-range at row 1, column 1"),
        (np.array([2**63 + 1], np.uint64), "out-of-range at row 0"),
        ([[1, 2, 3], [4, 5, 4]], "duplicate-class at row 1"),
    ],
)
def test_error_about_invalid_ids_shows_the_row(refused: Refused, ids: Any, expected: str) -> None:
    assert refused(lambda: Predictions.from_ids(ids)) == expected


def test_names_and_columns_must_match_the_rows(refused: Refused) -> None:
    for names in (["a"], ["a", "b", "c"]):
        assert refused(lambda names=names: Predictions.from_ids([1, 2], names)) == "wrong-length"
    assert refused(lambda: Predictions.from_ids([1, 2], ["a", "a"])) == "duplicate-image at the predictions"
    assert (
        refused(lambda: Predictions.from_ids([0, 3], output_class_ids=np.array([2, -1, 0]))) == "out-of-range at row 1"
    )


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 0)), np.zeros((2, 2), complex)])
def test_invalid_scores_raise(refused: Refused, scores: npt.NDArray[Any]) -> None:
    assert refused(lambda: Predictions.from_scores(scores)) == "wrong-type"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_scores_are_not_copied(dtype: str, order: str) -> None:
    scores = np.ones((4, 3), dtype, order=order)
    assert Predictions.from_scores(scores).scores is scores


def test_scores_can_have_other_byte_order() -> None:
    scores = np.array([[1.5, -2.0]], ">f4")
    predictions = Predictions.from_scores(scores).scores
    assert predictions.dtype == np.float32
    assert predictions.tolist() == [[1.5, -2.0]]


def test_predictions_need_either_ids_or_scores(refused: Refused) -> None:
    for parts in ((), (np.zeros((1, 1), np.int32), np.zeros((1, 1)))):
        assert refused(Predictions, *parts) == "ids-and-scores"


@given(st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1), st.permutations(range(4)))
def test_lower_class_id_wins_tie_in_any_order_of_outputs(rows: list[list[int]], class_of: Any) -> None:
    scores = np.array(rows, np.float32)
    ids, values = Predictions.from_scores(scores, output_class_ids=np.array(class_of)).top_classes(4)
    by_class = scores[:, np.argsort(class_of)]
    expected = [sorted(range(4), key=lambda c: (-row[c], c)) for row in by_class]
    assert ids.tolist() == expected
    assert values.tolist() == [[row[c] for c in order] for row, order in zip(by_class, expected, strict=True)]


def test_outputs_without_class_are_not_ranked() -> None:
    columns = np.array([2, -1, 0])
    scores = Predictions.from_scores(np.array([[0.1, 0.9, 0.3]]), output_class_ids=columns)
    assert (scores.max_k, scores.top_classes(2)[0].tolist()) == (2, [[0, 2]])
    ids = Predictions.from_ids([[1, 2, 0], [0, 1, 2]], output_class_ids=columns)
    assert ids.class_ids.tolist() == [[0, 2, -1], [2, 0, -1]]


def test_bfloat16_bits_are_converted_to_scores() -> None:
    bits = (np.array([[1.5, -2.0, 0.0]], np.float32).view(np.int32) >> 16).astype(np.int16)
    predictions = Predictions.from_bfloat16(bits)
    ids, values = predictions.top_classes(3)
    assert (predictions.dtype, ids.tolist(), values.tolist()) == ("bfloat16", [[0, 2, 1]], [[1.5, 0.0, -2.0]])


def test_best_ranks_infinite_scores_and_many_rows() -> None:
    assert Predictions.from_scores(np.array([[0.0, -np.inf, np.inf, 1.0]])).top_classes(4)[0].tolist() == [[2, 3, 0, 1]]
    scores = np.random.default_rng(0).normal(size=(3000, 7))
    ids, values = Predictions.from_scores(scores).top_classes(3)
    assert np.array_equal(ids, np.argsort(-scores, axis=1)[:, :3])
    assert np.array_equal(values, -np.sort(-scores, axis=1)[:, :3])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "bfloat16"])
def test_error_about_nan_shows_image_row_and_output(refused_text: Refused, dtype: str) -> None:
    """Also in later rows; a NaN in an output without a class is ignored."""
    scores = np.zeros((2000, 3), np.float32)
    scores[1500, 2] = scores[7, 0] = np.nan
    names, columns = [f"{row}.png" for row in range(2000)], np.array([-1, 0, 1])
    if dtype == "bfloat16":
        predictions = Predictions.from_bfloat16(
            (scores.view(np.int32) >> 16).astype(np.int16), names, output_class_ids=columns
        )
    else:
        predictions = Predictions.from_scores(scores.astype(dtype), names, output_class_ids=columns)
    assert refused_text(lambda: predictions.top_classes(1)) == (
        "score is NaN\n  where:   image 1500.png, row 1500, output 2\n  allowed: any number, and +inf or -inf\n"
        "  fix:     find out why the model returns NaN for this image"
    )
    without_names = replace(predictions, images=None)
    assert message(lambda: without_names.top_classes(2)).splitlines()[1] == "  where:   row 1500, output 2"
    assert predictions.top_classes(2, np.array([7, 8]))[0].tolist() == [[0, 1], [0, 1]]


def test_best_of_some_rows_equals_rows_of_best() -> None:
    scores, rows = np.random.default_rng(0).normal(size=(50, 7)), np.array([3, 49, 3, 0])
    whole, part = Predictions.from_scores(scores).top_classes(4), Predictions.from_scores(scores).top_classes(4, rows)
    assert all(np.array_equal(every[rows], some) for every, some in zip(whole, part, strict=True))
    ids = Predictions.from_ids(np.arange(100).reshape(50, 2))
    assert ids.top_classes(1, rows)[0].tolist() == [[6], [98], [6], [0]]
