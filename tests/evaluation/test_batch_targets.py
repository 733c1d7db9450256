"""Valid classes survive the way to a framework's arrays and back, and what is none is refused."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.errors import DataError
from reassess.evaluation import multi_hot, padded_ids
from reassess.evaluation.batch_targets import even, read_targets
from tests.helpers import numbered_labels

sets = st.lists(st.sets(st.integers(0, 12), max_size=5).map(sorted), max_size=9)


def read(target: npt.NDArray[Any], outputs: int) -> list[list[int]]:
    indptr, classes = read_targets(target, outputs)
    return [classes[a:b].tolist() for a, b in pairwise(indptr)]


@given(sets)
def test_multi_hot_and_back(lists: list[list[int]]) -> None:
    hot = multi_hot(numbered_labels(lists), np.arange(len(lists)), 13)
    for kind in (bool, np.uint8, np.int64, np.float32):
        assert read(hot.astype(kind), 13) == lists
    assert read(np.asfortranarray(hot), 13) == lists


@given(sets, st.integers(5, 9))
def test_padded_ids_and_back(lists: list[list[int]], width: int) -> None:
    rows = np.arange(len(lists))
    assert read(padded_ids(numbered_labels(lists), rows, width), 13) == lists
    assert read(padded_ids(numbered_labels(lists), rows)[:, ::-1].astype(np.int32), 13) == [ids[::-1] for ids in lists]


@pytest.mark.parametrize("dtype", ["u1", "u8", "i1", ">i4"])
def test_ids_of_any_type_come_as_one(dtype: str) -> None:
    for outputs in (3, 1000):
        indptr, classes = read_targets(np.array([[2, 0]], dtype), outputs)
        assert (indptr.dtype, classes.dtype, classes.tolist()) == (np.int64, np.int64, [2, 0])


@given(sets.filter(bool))
def test_lists_of_any_length_and_back(lists: list[list[int]]) -> None:
    assert read(np.array(even(lists)), 13) == lists


def test_rows_may_be_in_any_order_and_repeat() -> None:
    labels = numbered_labels([[2, 0], [], [1]])
    assert read(padded_ids(labels, np.array([2, 0, 0, 1])), 3) == [[1], [0, 2], [0, 2], []]


def test_many_classes_of_which_few_are_valid_are_found_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    for classes in (1000, 997, 64, 7):
        hot = rng.random((37, classes)) < 0.01
        hot[:, -1] = hot[0, :] = True
        assert read(hot, classes) == [np.flatnonzero(row).tolist() for row in hot]


def test_of_many_valid_classes_none_is_dropped() -> None:
    """Also where they are as many as there is room for at first, or one more or less."""
    for size in range(3 * 4 - 1, 3 * 4 + 2):
        hot = np.zeros((3, 30), bool)
        hot.reshape(-1)[7 * np.arange(size)] = True
        assert read(hot, 30) == [np.flatnonzero(row).tolist() for row in hot]
    assert read(np.ones((3, 97), bool), 97) == [[*range(97)]] * 3


def test_multi_hot_needs_a_number_of_classes() -> None:
    with pytest.raises(DataError) as raised:
        multi_hot(numbered_labels([[0]]), np.arange(1))
    assert str(raised.value) == ("label sets do not give the number of classes\n  fix:     give the number of classes")


NEITHER = (
    "target is neither multi-hot nor ids padded with -1\n"
    "  allowed: 0 or 1 of shape (images, 3), or integers of shape (images, most classes of an image)\n"
    "  found:   {}\n"
    "  fix:     a folder reader's label is not the set of valid classes; to give names, use RealAccuracy(labels=...)"
)
BAD = {
    "a label an image": (np.array([1, 2]), NEITHER.format("int64 (2,)")),
    "too wide": (np.zeros((2, 4), bool), NEITHER.format("bool (2, 4)")),
    "too narrow": (np.zeros((2, 2), np.float32), NEITHER.format("float32 (2, 2)")),
    "text": (np.array([["0", "1", "0"]]), NEITHER.format("str32 (1, 3)")),
    "objects": (np.array([[None, 1, 0]]), NEITHER.format("object (1, 3)")),
    "numbers without a type": (np.zeros((1, 3), "V4"), NEITHER.format("void32 (1, 3)")),
    "a probability": (
        np.array([[0, 0, 1], [0.5, 0, 0]]),
        "multi-hot target has a number other than 0 and 1\n"
        "  where:   row 1, column 0\n"
        "  allowed: 0 or 1 for each class; ids padded with -1 have fewer columns than there are classes\n"
        "  found:   0.5",
    ),
    "out of range": (
        np.array([[0, -1], [1, 3]]),
        "class id out of range\n"
        "  where:   target, row 1, column 1\n"
        "  allowed: 0 to 2, and -1 where there are no more\n"
        "  found:   3",
    ),
    "below": (
        np.array([[0, -2]]),
        "class id out of range\n"
        "  where:   target, row 0, column 1\n"
        "  allowed: 0 to 2, and -1 where there are no more\n"
        "  found:   -2",
    ),
    "above what fits into the type of the ids": (
        np.array([[0, 2**64 - 1]], np.uint64),
        "class id out of range\n"
        "  where:   target, row 0, column 1\n"
        "  allowed: 0 to 2, and -1 where there are no more\n"
        "  found:   18446744073709551615",
    ),
    "multi-hot integers that lack a column": (
        np.array([[0, -1], [0, 0]]),
        "class is listed twice for one image\n"
        "  where:   target, row 1\n"
        "  allowed: each class once, then -1\n"
        "  found:   [0, 0]\n"
        "  fix:     a multi-hot target must have as many columns as the scores, 3, and has 2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_target_is_refused(case: str) -> None:
    target, message = BAD[case]
    with pytest.raises(DataError) as raised:
        read_targets(target, 3)
    assert str(raised.value) == message
