"""The compiled count of what changes of a subset cover, against sets, one change after another."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from reassess.numeric.change_kernels import count_changes


def slow(first: Any, second: Any, weights: Any, subset: set[int], things: int) -> list[list[int]]:
    """The weight of the rows of which a subset has a first and a second thing; row by drop, column by add."""
    rows = [
        (set(np.flatnonzero(one)), set(np.flatnonzero(other)), int(weight))
        for one, other, weight in zip(first, second, weights, strict=True)
    ]
    counts = np.zeros((things + 1, things + 1), int)
    for drop, add in product(range(things + 1), repeat=2):
        changed = (subset - {drop}) | ({add} - {things})
        counts[drop, add] = sum(weight for one, other, weight in rows if one & changed and other & changed)
    return counts.tolist()


@pytest.mark.parametrize("count", [count_changes, getattr(count_changes, "py_func", count_changes)])
@pytest.mark.parametrize("seed", range(12))
def test_what_every_change_of_a_subset_covers(count: Callable[..., None], seed: int) -> None:
    rng = np.random.default_rng(seed)
    things, rows = int(rng.integers(1, 6)), int(rng.integers(0, 25))
    first, second = rng.random((2, rows, things)) < rng.random((2, 1, things))
    weights, subset = rng.integers(1, 9, rows), rng.random(things) < rng.random()
    counts = np.zeros((things + 1, things + 1), np.int64)
    count(first, second, weights, subset, counts)
    assert counts.tolist() == slow(first, second, weights, set(np.flatnonzero(subset).tolist()), things)


def test_a_row_that_one_thing_covers_alone_is_lost_with_it() -> None:
    first = np.array([[True, False, False], [True, True, False]])
    second = np.ones((2, 3), bool)
    counts = np.zeros((4, 4), np.int64)
    count_changes(first, second, np.array([5, 7]), np.array([True, False, False]), counts)
    assert counts[3, 3] == 12
    assert counts[0].tolist() == [12, 7, 0, 0], "back again; the second instead; the third instead; none"
