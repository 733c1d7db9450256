"""The largest values of a stream, compared with a sort of all values."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.arrays import LargestValues, SortedScores

VALUE = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)


@given(st.lists(st.lists(VALUE, max_size=9), max_size=9), st.integers(1, 12), st.integers(1, 5))
def test_largest_equals_sort(parts: list[list[float]], most: int, step: int) -> None:
    largest, start = LargestValues(most), 0
    for part in parts:
        largest.add_batch(np.array(part, float), start + step * np.arange(len(part)))
        start += step * len(part)
    every = [value for part in parts for value in part]
    expected = sorted(zip(every, range(0, start, step), strict=True), key=lambda pair: (-pair[0], pair[1]))[:most]
    values, positions = largest.in_descending_order()
    assert list(zip(values.tolist(), positions.tolist(), strict=True)) == expected


def test_largest_keeps_less_than_2_n_values() -> None:
    largest = LargestValues(10)
    for start in range(0, 10_000, 5):
        largest.add_batch(np.arange(start, start + 5, dtype=float), np.arange(start, start + 5))
        assert largest._count < 20
    assert largest.in_descending_order()[0].tolist() == list(range(9_999, 9_989, -1))


@given(st.lists(VALUE, max_size=12), st.lists(VALUE, max_size=12), st.randoms(use_true_random=False))
def test_count_before_equals_sort(old: list[float], new: list[float], random: random.Random) -> None:
    order = random.sample(range(40), len(old) + len(new))
    stored = sorted(zip(old, order, strict=False), key=lambda pair: (-pair[0], pair[1]))
    values, positions = (np.array(column) for column in zip(*stored, strict=True)) if old else (np.zeros(0),) * 2
    at = order[len(old) :]
    before = SortedScores(values, positions.astype(int), 40).count_scores_ranked_before(
        np.array(new, float), np.array(at, int)
    )
    assert before.tolist() == [
        sum((-stored_value, stored_at) < (-value, position) for stored_value, stored_at in stored)
        for value, position in zip(new, at, strict=True)
    ]
