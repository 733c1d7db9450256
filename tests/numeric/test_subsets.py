"""Counts for all subsets, against a loop over them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.subsets import subset_sums, sums_outside


@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_sums_are_those_of_a_loop(things: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(-5, 9, 2**things)
    expected = [sum(int(counts[t]) for t in range(2**things) if t & ~s == 0) for s in range(2**things)]
    assert subset_sums(counts).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 31), st.integers(-3, 3)), max_size=20))
def test_what_shares_nothing_with_a_subset_is_that_of_a_loop(pairs: list[tuple[int, int]]) -> None:
    masks = np.array([mask for mask, _ in pairs], np.int64)
    weights = np.array([weight for _, weight in pairs], np.int64)
    expected = [sum(weight for mask, weight in pairs if mask & s == 0) for s in range(32)]
    assert sums_outside(5, masks, weights).tolist() == expected
    assert sums_outside(5, masks).tolist() == [sum(mask & s == 0 for mask, _ in pairs) for s in range(32)]


def test_what_is_given_stays_as_it_is() -> None:
    counts = np.array([1, 2])
    subset_sums(counts)
    assert counts.tolist() == [1, 2]
