"""Ranks of classes equal a simple sort for every type and memory layout; for equal scores, the lower id is first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Predictions
from reassess.evaluation import top1_hits
from reassess.evaluation.class_ranks import best_ranks, count_hits, ranks_and_top1, ranks_in_top_ids
from tests.helpers import EXACT_VALUES, SMALLEST, bits_of_bfloat16, code_of, message
from tests.references import ranking

TYPES = ("float16", "bfloat16", "float32", "float64")


def table_of(values: npt.ArrayLike, kind: str) -> npt.NDArray[Any]:
    """Convert scores to a type: floats, or the bits of bfloat16."""
    return bits_of_bfloat16(values) if kind == "bfloat16" else np.asarray(values, np.float64).astype(kind)


def predictions_of(table: npt.NDArray[Any], **options: object) -> Predictions:
    read = Predictions.from_bfloat16 if table.dtype == np.int16 else Predictions.from_scores
    return read(table, **options)


def all_ranks(predictions: Predictions, classes: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the rank of every class in every row, shape (N, classes), and the top-1 classes."""
    n = len(predictions)
    indptr, targets = np.arange(n + 1) * classes, np.tile(np.arange(classes), n)
    ranks, top1 = ranks_and_top1(predictions, np.arange(n), indptr, targets)
    return ranks.reshape(n, classes), top1


def assert_ranks_equal_sort(predictions: Predictions, values: npt.ArrayLike) -> None:
    rows = np.asarray(values, np.float64).tolist()
    orders = np.array([ranking(row) for row in rows])
    expected = np.argsort(orders, axis=1)
    ranks, top1 = all_ranks(predictions, orders.shape[1])
    np.testing.assert_array_equal(ranks, expected)
    np.testing.assert_array_equal(top1, orders[:, 0])


LAYOUTS: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "every other column": lambda table: np.repeat(table, 2, axis=1)[:, ::2],
    "backwards": lambda table: table[::-1, ::-1].copy()[::-1, ::-1],
    "big endian": lambda table: table if table.dtype == np.int16 else table.astype(table.dtype.newbyteorder(">")),
    "mapped": np.asarray,
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_ranks_equal_a_sort_in_every_type_and_layout(kind: str, layout: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.choice(EXACT_VALUES, (40, 23))
    values[0], values[1], values[2] = 0.0, -np.inf, np.inf  # all equal: the lower id ranks first
    values[3, ::2], values[4] = -0.0, [0.0, *[-0.0] * 22]
    table = table_of(values, kind)
    np.save(tmp_path / "scores.npy", table)
    laid_out = np.load(tmp_path / "scores.npy", mmap_mode="r") if layout == "mapped" else LAYOUTS[layout](table)
    assert_ranks_equal_sort(predictions_of(laid_out), values)


@pytest.mark.parametrize("kind", TYPES)
def test_distinct_numbers_rank_by_size(kind: str) -> None:
    """The numbers include denormals, the largest numbers and both infinities."""
    tiny = SMALLEST[kind]
    values = np.array([-np.inf, -65280.0, -1.0, -2 * tiny, -tiny, 0.0, tiny, 2 * tiny, 1.0, 65280.0, np.inf])
    shuffled = np.stack([np.random.default_rng(seed).permutation(values) for seed in range(20)])
    assert_ranks_equal_sort(predictions_of(table_of(shuffled, kind)), shuffled)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@given(data=st.data())
def test_ranks_of_any_floats_equal_a_sort(kind: str, data: st.DataObject) -> None:
    floats = st.floats(allow_nan=False, width=int(kind[5:]))
    rows = data.draw(st.lists(st.lists(floats | st.sampled_from([0.0, -0.0]), min_size=6, max_size=6), min_size=1))
    assert_ranks_equal_sort(Predictions.from_scores(np.array(rows, kind)), rows)


@pytest.mark.parametrize("kind", TYPES)
def test_outputs_are_mapped_to_classes_and_ties_are_broken_by_class(kind: str) -> None:
    rng = np.random.default_rng(2)
    columns = np.array([4, -1, 0, 6, -1, 2, 1])  # classes 3 and 5 have no output
    values = rng.choice([-np.inf, 0.0, 1.0, np.inf], (60, columns.size))
    values[:, 1] = np.nan  # NaN in an output without a class is ignored
    predictions = predictions_of(table_of(values, kind), output_class_ids=columns)
    indptr = np.arange(61) * 5
    targets = np.tile([0, 1, 2, 4, 6], 60)
    ranks, top1 = ranks_and_top1(predictions, np.arange(60), indptr, targets)
    orders = [ranking(row, columns) for row in values.tolist()]
    assert ranks.tolist() == [order.index(c) for order in orders for c in (0, 1, 2, 4, 6)]
    assert top1.tolist() == [order[0] for order in orders]


def test_class_without_an_output_ranks_after_minus_infinity() -> None:
    scores = Predictions.from_scores(np.full((1, 2), -np.inf), output_class_ids=np.array([2, 3]))
    ranks, top1 = ranks_and_top1(scores, np.array([0]), np.array([0, 4]), np.arange(4))
    assert ranks.tolist() == [2, 3, 0, 1]
    assert top1.tolist() == [2]


def test_class_ids_can_be_the_largest_int32() -> None:
    largest = 2**31 - 1
    scores = Predictions.from_scores(np.array([[0.5, 0.5, 0.25]]), output_class_ids=np.array([largest, 3, largest - 2]))
    targets = np.array([0, 3, 4, largest - 2, largest - 1, largest])
    ranks, top1 = ranks_and_top1(scores, np.array([0]), np.array([0, 6]), targets)
    assert ranks.tolist() == [3, 0, 6, 2, largest, 1]
    assert top1.tolist() == [3]


def test_only_selected_rows_are_ranked() -> None:
    scores = np.array([[0.0, 1.0], [np.nan, np.nan], [1.0, 0.0]], np.float32)
    ranks, top1 = ranks_and_top1(
        Predictions.from_scores(scores), np.array([2, 0]), np.array([0, 1, 3]), np.array([1, 0, 1])
    )
    assert ranks.tolist() == [1, 1, 0]
    assert top1.tolist() == [0, 1]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("sign", [1, -1], ids=["plus", "minus"])
def test_error_for_nan_of_either_sign_names_the_image(kind: str, sign: int) -> None:
    """A NaN in an output without a class is not named."""
    values = np.zeros((3, 5))
    values[1, [0, 2]] = np.copysign(np.nan, sign)
    values[0, 3] = np.inf  # not a NaN
    columns = np.array([-1, 0, 1, 2, 3])
    predictions = predictions_of(table_of(values, kind), images=["a.png", "b.png", "c.png"], output_class_ids=columns)
    assert message(all_ranks, predictions, 4) == (
        "score is NaN\n"
        "  where:   image b.png, row 1, output 2\n"
        "  allowed: any number, and +inf or -inf\n"
        "  fix:     find out why the model returns NaN for this image"
    )


@pytest.mark.parametrize(
    ("kind", "infinity"),
    [("float16", 0x7C00), ("bfloat16", 0x7F80), ("float32", 0x7F800000), ("float64", 0x7FF0000000000000)],
)
@pytest.mark.parametrize("payload", [1, 2, 0x3F])
def test_nan_with_bits_near_infinity_raises(kind: str, infinity: int, payload: int) -> None:
    bits = np.array([[0, infinity + payload]], f"i{table_of(0.0, kind).itemsize}")
    table = bits if kind == "bfloat16" else bits.view(kind)
    assert code_of(all_ranks, predictions_of(table), 2) == "not-a-number"


@given(ids=st.lists(st.permutations(range(7)).map(lambda p: p[:3]), min_size=1, max_size=8), data=st.data())
def test_ranks_of_ids_are_positions_or_k(ids: list[list[int]], data: st.DataObject) -> None:
    targets = [sorted(data.draw(st.sets(st.integers(0, 8), max_size=4))) for _ in ids]
    indptr = np.cumsum([0, *map(len, targets)])
    flat = np.array([c for row in targets for c in row], np.int32)
    ranks = ranks_in_top_ids(np.array(ids, np.int32), indptr, flat)
    expected = [row.index(c) if c in row else 3 for row, classes in zip(ids, targets, strict=True) for c in classes]
    assert ranks.tolist() == expected


def test_best_rank_is_the_lowest_of_each_row() -> None:
    assert best_ranks(np.array([9, 4, 0, 2, 2], np.int32), np.array([0, 2, 3, 5])).tolist() == [4, 0, 2]
    assert best_ranks(np.array([], np.int32), np.array([0])).tolist() == []


@given(st.lists(st.integers(-1, 12)))
def test_hits_never_fall_as_k_grows(ranks: list[int]) -> None:
    hits = count_hits(np.array(ranks, np.int32), tuple(range(1, 14))).tolist()
    assert hits == sorted(hits)
    assert hits == [sum(0 <= rank < k for rank in ranks) for k in range(1, 15)]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_top1_hits_of_many_models_are_correct_in_every_integer_type(dtype: str) -> None:
    """Labels can be too large for the type of the ids: 300 must not become 44 in a byte."""
    rng = np.random.default_rng(3)
    sets = [
        sorted(rng.choice([0, 1, 2, 44, 100, 300, 356], size, replace=False).tolist()) for size in (0, 1, 2, 3) * 25
    ]
    top1 = rng.choice([0, 1, 2, 44, 100], (9, len(sets))).astype(dtype)
    indptr, flat = np.cumsum([0, *map(len, sets)]), np.array([c for row in sets for c in row])
    expected = [[class_id in valid for class_id, valid in zip(row, sets, strict=True)] for row in top1.tolist()]
    for targets in (flat.astype(np.int32), flat.astype(np.int64)):
        assert top1_hits(top1, indptr, targets).tolist() == expected
        assert top1_hits(top1[0], indptr, targets).tolist() == expected[0]
