"""Ranks and rank correlations, against plain definitions and scipy."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.ranks import kendall, ranks, spearman

columns = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(columns)
def test_a_rank_is_one_and_the_number_of_higher_values(pairs: list[tuple[int, int]]) -> None:
    values = [float(first) for first, _ in pairs]
    assert ranks(np.array(values)).tolist() == [1 + sum(other > value for other in values) for value in values]


@given(columns)
def test_kendall_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    agree = [np.sign(a[0] - b[0]) * np.sign(a[1] - b[1]) for a, b in combinations(pairs, 2)]
    differ = [sum(a[side] != b[side] for a, b in combinations(pairs, 2)) for side in (0, 1)]
    found = kendall(*np.array(pairs, np.float64).T)
    if 0 in differ:
        assert found is None
    else:
        assert found == pytest.approx(sum(agree) / (differ[0] * differ[1]) ** 0.5)
        assert -1 <= found <= 1 + 1e-15


def test_both_are_those_of_scipy_with_many_equals(needs: Callable[[str], None]) -> None:
    needs("scipy")
    from scipy import stats

    rng = np.random.default_rng(0)
    first = rng.integers(0, 60, 400).astype(np.float64)
    second = first + rng.integers(0, 30, 400)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic, rel=1e-12)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, rel=1e-12)


def test_an_order_agrees_with_itself_and_not_with_its_reverse() -> None:
    values = np.array([3.0, 1.0, 2.0, 7.0])
    for correlation in (kendall, spearman):
        assert correlation(values, 2 * values + 1) == 1
        assert correlation(values, -values) == -1
        assert correlation(values, np.ones(4)) is None
