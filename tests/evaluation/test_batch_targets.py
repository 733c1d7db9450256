"""Arrays of valid classes for frameworks: round trips, and errors for wrong targets."""

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.evaluation import multi_hot, padded_ids
from reassess.evaluation.batch_targets import pad_lists, read_targets
from tests.helpers import fault_of, message, numbered_labels

sets = st.lists(st.sets(st.integers(0, 12), max_size=5).map(sorted), max_size=9)


def read(target: npt.NDArray[Any], outputs: int) -> list[list[int]]:
    indptr, classes = read_targets(target, outputs)
    return [classes[a:b].tolist() for a, b in pairwise(indptr)]


@given(sets)
def test_multi_hot_round_trip(lists: list[list[int]]) -> None:
    hot = multi_hot(numbered_labels(lists), np.arange(len(lists)), 13)
    for kind in (bool, np.uint8, np.int64, np.float32):
        assert read(hot.astype(kind), 13) == lists
    assert read(np.asfortranarray(hot), 13) == lists


@given(sets, st.integers(5, 9), st.randoms(use_true_random=False))
def test_padded_ids_round_trip(lists: list[list[int]], width: int, random: Random) -> None:
    """Rows can be in any order, and can be repeated."""
    rows = np.array([random.randrange(len(lists)) for _ in range(3 * bool(lists))], int)
    expected = [lists[row] for row in rows]
    assert read(padded_ids(numbered_labels(lists), rows, width), 13) == expected
    assert read(padded_ids(numbered_labels(lists), rows)[:, ::-1].astype(np.int32), 13) == [
        ids[::-1] for ids in expected
    ]


@pytest.mark.parametrize("dtype", ["u1", "u8", "i1", ">i4"])
def test_ids_of_any_type_become_int64(dtype: str) -> None:
    for outputs in (3, 1000):
        indptr, classes = read_targets(np.array([[2, 0]], dtype), outputs)
        assert (indptr.dtype, classes.dtype, classes.tolist()) == (np.int64, np.int64, [2, 0])


@given(sets.filter(bool))
def test_lists_round_trip(lists: list[list[int]]) -> None:
    assert read(np.array(pad_lists(lists)), 13) == lists


def test_few_valid_classes_are_found_in_any_column() -> None:
    rng = np.random.default_rng(0)
    for classes in (1000, 997, 64, 7):
        hot = rng.random((37, classes)) < 0.01
        hot[:, -1] = hot[0, :] = True
        assert read(hot, classes) == [np.flatnonzero(row).tolist() for row in hot]


def test_no_valid_class_is_dropped() -> None:
    """The number of valid classes is near the size of the first buffer, or is all classes."""
    for size in range(3 * 4 - 1, 3 * 4 + 2):
        hot = np.zeros((3, 30), bool)
        hot.reshape(-1)[7 * np.arange(size)] = True
        assert read(hot, 30) == [np.flatnonzero(row).tolist() for row in hot]
    assert read(np.ones((3, 97), bool), 97) == [[*range(97)]] * 3


NEITHER = (
    "target is neither multi-hot nor ids padded with -1\n"
    "  allowed: 0 or 1 of shape (images, 3), or integers of shape (images, largest number of classes of an image)\n"
    "  found:   int64 (2,)\n"
    "  fix:     pass all valid classes of each image, not the single label that ImageFolder and other readers return; "
    "or pass image names, with RealAccuracy(labels=...)"
)
PROBABILITY = (
    "multi-hot target has a number other than 0 and 1\n  where:   row 1, column 0\n"
    "  allowed: 0 or 1 for each class\n  found:   0.5\n"
    "  fix:     if these are class ids padded with -1, use fewer columns than classes: a target with one column "
    "per class is read as multi-hot"
)
TOO_LARGE = (
    "class id out of range\n  where:   target, row 1, column 1\n"
    "  allowed: 0 to 2, or -1 as padding at the end of the row\n  found:   3"
)
CLASS_TWICE = (
    "class is listed twice for one image\n  where:   target, row 1\n  allowed: each class once, then -1\n"
    "  found:   [0, 0]\n"
    "  fix:     list each class once; a multi-hot target needs 3 columns, like the scores, but has 2"
)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (np.array([1, 2]), NEITHER),
        (np.array([[0, 0, 1], [0.5, 0, 0]]), PROBABILITY),
        (np.array([[0, -1], [1, 3]]), TOO_LARGE),
        (np.array([[0, -1], [0, 0]]), CLASS_TWICE),
    ],
)
def test_error_of_a_wrong_target_has_a_fix(target: npt.NDArray[Any], text: str) -> None:
    assert message(read_targets, target, 3) == text


@pytest.mark.parametrize(
    ("target", "code", "found"),
    [
        (np.zeros((2, 4), bool), "wrong-target", "bool (2, 4)"),  # too wide
        (np.zeros((2, 2), np.float32), "wrong-target", "float32 (2, 2)"),  # too narrow
        (np.array([["0", "1", "0"]]), "wrong-target", "str32 (1, 3)"),
        (np.array([[None, 1, 0]]), "wrong-target", "object (1, 3)"),
        (np.zeros((1, 3), "V4"), "wrong-target", "void32 (1, 3)"),
        (np.array([[0, -2]]), "out-of-range", "-2"),
        (np.array([[0, 2**64 - 1]], np.uint64), "out-of-range", "18446744073709551615"),
    ],
)
def test_wrong_target_raises(target: npt.NDArray[Any], code: str, found: str) -> None:
    assert fault_of(read_targets, target, 3) == (code, found)


def test_multi_hot_needs_the_number_of_classes() -> None:
    assert message(multi_hot, numbered_labels([[0]]), np.arange(1)) == (
        "label sets do not declare the number of classes\n  fix:     pass the number of classes"
    )
