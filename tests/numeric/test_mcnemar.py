"""McNemar's exact test against scipy and statsmodels, and Holm's correction against statsmodels."""

from collections.abc import Callable
from fractions import Fraction
from math import comb
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.mcnemar import holm, mcnemar


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_p_value_is_twice_the_smaller_tail_of_a_fair_coin(a: int, b: int) -> None:
    tail = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    assert mcnemar(a, b) == pytest.approx(float(min(Fraction(1), Fraction(2 * tail, 2 ** (a + b)))), rel=1e-11)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_both_models_are_treated_alike_and_p_is_a_probability(a: int, b: int) -> None:
    assert mcnemar(a, b) == mcnemar(b, a)
    assert 0 <= mcnemar(a, b) <= 1


@pytest.mark.parametrize(
    ("a", "b"), [(0, 1), (3, 12), (121, 59), (1500, 1400), (25_000, 24_500), (24_800, 25_200), (500_000, 498_000)]
)
def test_small_and_large_counts_agree_with_scipy_and_statsmodels(needs: Callable[[str], None], a: int, b: int) -> None:
    needs("statsmodels")
    from scipy.stats import binomtest
    from statsmodels.stats.contingency_tables import mcnemar as reference

    assert mcnemar(a, b) == pytest.approx(binomtest(a, a + b).pvalue, rel=1e-8)
    assert mcnemar(a, b) == pytest.approx(reference([[7, a], [b, 9]], exact=True).pvalue, rel=1e-8)


def test_a_p_value_too_small_for_a_number_is_0() -> None:
    assert mcnemar(0, 10_000) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holms_correction_agrees_with_statsmodels(needs: Callable[[str], None], p_values: list[float]) -> None:
    needs("statsmodels")
    from statsmodels.stats.multitest import multipletests

    with patch("gc.collect"):  # statsmodels collects garbage at each call, which takes long where much is loaded
        expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected, rel=1e-12)


def test_no_test_needs_no_correction() -> None:
    assert holm([]) == ()
