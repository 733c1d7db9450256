"""Checks of values: each fails exactly for invalid values, and names the first of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from reassess.core.checks import (
    check_distribution,
    check_known,
    check_length,
    check_range,
    check_shape,
    check_unique,
    find_first_duplicate,
)
from reassess.errors import DataError


def error_of(check: Callable[[], None]) -> DataError | None:
    try:
        check()
    except DataError as error:
        return error
    return None


TABLE = np.array([[0.5, 0.5], [0.25, 0.5], [math.nan, 1.0]])
MESSAGES: dict[str, tuple[Callable[[], None], str]] = {
    "number": (
        lambda: check_range(1.5, 0, 1, value_name="threshold"),
        "threshold out of range\n  allowed: 0 to 1\n  found:   1.5",
    ),
    "infinity without upper bound": (
        lambda: check_range(math.inf, 0, value_name="smoothing"),
        "smoothing out of range\n  allowed: a finite number, 0 or more\n  found:   inf",
    ),
    "infinity without bounds": (
        lambda: check_range([1, -math.inf], value_name="weight", where="answer {}".format, fix="give it"),
        "weight out of range\n  where:   answer 1\n  allowed: a finite number\n  found:   -inf\n  fix:     give it",
    ),
    "upper bound with a meaning": (
        lambda: check_range(8, 2, 7, value_name="number of folds", high_name="the number of images"),
        "number of folds out of range\n  allowed: 2 to 7, the number of images\n  found:   8",
    ),
    "first value of a table": (
        lambda: check_range(np.array([[0, 1], [7, -1]]), 0, 6, value_name="class id", where="row {}, column {}".format),
        "class id out of range\n  where:   row 1, column 0\n  allowed: 0 to 6\n  found:   7",
    ),
    "uint64": (
        lambda: check_range(np.array([0, 2**64 - 1], np.uint64), -1, 6, value_name="truth"),
        "truth out of range\n  allowed: -1 to 6\n  found:   18446744073709551615",
    ),
    "shape": (
        lambda: check_shape(np.zeros((3, 2)), (3,), value_name="the scores", where="a.npz", fix="transpose it"),
        "wrong shape of the scores\n  where:   a.npz\n  allowed: shape (3,)\n  found:   shape (3, 2)\n"
        "  fix:     transpose it",
    ),
    "shape with type": (
        lambda: check_shape(np.zeros((3, 2)), ("questions", 3), value_name="the scores", kind="floats"),
        "wrong shape of the scores\n  allowed: floats of shape (questions, 3)\n  found:   float64 (3, 2)",
    ),
    "type": (
        lambda: check_shape(np.zeros((3, 2)), ("questions", 2), value_name="the pairs", kind="integers or text"),
        "wrong type of the pairs\n  allowed: integers or text of shape (questions, 2)\n  found:   float64 (3, 2)",
    ),
    "length": (
        lambda: check_length(1000, 50_000, plural_name="names", item_name="row", where="a.npy"),
        "wrong number of names\n  where:   a.npy\n  allowed: 50,000, one for each row\n  found:   1,000",
    ),
    "duplicate name": (
        lambda: check_unique(("ann", "bo", "bo", "ann"), value_name="a rater", where="row {}".format, fix="drop it"),
        "a rater is named twice\n  where:   row 2\n  found:   bo\n  fix:     drop it",
    ),
    "unknown name": (
        lambda: check_known(
            ["no", "sure", 7], ("no", "yes"), value_name="answer", where="row {}".format, fix="ask again"
        ),
        "unknown answer\n  where:   row 1\n  allowed: no, yes\n  found:   'sure', 7\n  fix:     ask again",
    ),
    "row of a table": (
        lambda: check_distribution(TABLE, value_name="a weight", where="answer {}".format),
        "a weight is not a distribution\n  where:   answer 1\n  allowed: 0 or more, adding up to 1\n"
        "  found:   [0.25, 0.5]",
    ),
    "single row with NaN": (
        lambda: check_distribution(TABLE[2], value_name="the prior"),
        "the prior is not a distribution\n  allowed: 0 or more, adding up to 1\n  found:   [nan, 1.0]",
    ),
    "text": (lambda: check_range("0.5", 0, 1, value_name="threshold"), "threshold is not a number\n  found:   '0.5'"),
    "name that is not hashable": (
        lambda: check_known([[1]], ("no", "yes"), value_name="answer"),
        "unknown answer\n  allowed: no, yes\n  found:   [1]",
    ),
    "single value without position": (
        lambda: check_range(np.nan, 0, 9, value_name="x", where="row {}".format),
        "x out of range\n  allowed: 0 to 9\n  found:   nan",
    ),
    "row with a negative number": (
        lambda: check_distribution(
            np.array([[[0.5, 0.5], [1.5, -0.5]]]), value_name="a row", where="row {}, {}".format
        ),
        "a row is not a distribution\n  where:   row 0, 1\n  allowed: 0 or more, adding up to 1\n"
        "  found:   [1.5, -0.5]",
    ),
}


@pytest.mark.parametrize(("check", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_message_is_complete(check: Callable[[], None], expected: str) -> None:
    assert str(error_of(check)) == expected


@given(
    arrays(np.float64, array_shapes(max_dims=2, min_side=0, max_side=4), elements=st.floats(-3, 3) | st.floats()),
    st.sampled_from([-math.inf, -2, 0.5]),
    st.sampled_from([1, 2.5, math.inf]),
)
def test_range_contains_finite_numbers_between_bounds(values: Any, low: float, high: float) -> None:
    error = error_of(lambda: check_range(values, low, high, value_name="value", where=lambda *at: at))
    bad = [at for at in np.ndindex(values.shape) if not (math.isfinite(values[at]) and low <= values[at] <= high)]
    assert (error.where if error else None) == (bad[0] if bad else None)


@given(st.lists(st.integers(-(2**70), 2**70) | st.integers(-3, 3)), st.integers(-3, 3), st.integers(0, 2**66))
def test_range_check_accepts_integers_of_any_size(values: list[int], low: int, high: int) -> None:
    array = np.array(values, object)
    error = error_of(lambda: check_range(array, low, high, value_name="value", where=lambda at: at))
    bad = [at for at, value in enumerate(values) if not low <= value <= high]
    assert (error.where if error else None) == (bad[0] if bad else None)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.float32])
def test_range_can_be_wider_than_dtype(dtype: type) -> None:
    check_range(np.arange(3).astype(dtype), -300, 2**31 - 1, value_name="value")
    check_range(np.arange(3).astype(dtype), value_name="value")


@given(array_shapes(max_dims=3, min_side=0, max_side=3), st.lists(st.integers(0, 3) | st.just("any"), max_size=3))
def test_shape_is_compared_by_axis_and_named_axis_has_any_size(shape: Any, allowed: list[Any]) -> None:
    fits = len(shape) == len(allowed) and all(b in ("any", a) for a, b in zip(shape, allowed, strict=True))
    assert (error_of(lambda: check_shape(np.zeros(shape), allowed, value_name="it")) is None) == fits


@given(st.lists(st.integers(0, 9) | st.sampled_from(["0", "a", "b"])))
def test_first_repeat_is_first_name_seen_before(names: list[Any]) -> None:
    again = next((i for i, name in enumerate(names) if name in names[:i]), None)
    assert find_first_duplicate(names) == (None if again is None else (names.index(names[again]), again))
    error = error_of(lambda: check_unique(names, value_name="a name", where=lambda at: at))
    assert (error.where if error else None) == again


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_known_check_fails_at_first_unknown_name(names: list[int], known: list[int]) -> None:
    error = error_of(lambda: check_known(names, known, value_name="name", where=lambda at: at))
    unknown = [at for at, name in enumerate(names) if name not in known]
    assert (error.where if error else None) == (unknown[0] if unknown else None)


@given(arrays(np.float64, (3, 2), elements=st.sampled_from([0, 0.25, 0.75, 1, 1 + 9e-7, -0.5, 1.5, math.nan])))
def test_distribution_has_no_negative_number_and_adds_up_to_1(rows: Any) -> None:
    error = error_of(lambda: check_distribution(rows, value_name="row", where=lambda at: at))
    bad = [at for at, row in enumerate(rows) if not (all(p >= 0 for p in row) and abs(sum(row) - 1) <= 1e-6)]
    assert (error.where if error else None) == (bad[0] if bad else None)
