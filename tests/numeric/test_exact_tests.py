"""Exact tests compared with fractions and statsmodels; Holm's correction with its definition."""

from fractions import Fraction
from itertools import accumulate
from math import comb

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reassess.numeric.proportions import (
    MIN_P_VALUE,
    adjust_p_values,
    chance_p_value,
    mcnemar_p_value,
    sign_flip_p_values,
)
from tests.helpers import Needs
from tests.references import signed_sums


@given(st.integers(0, 1500), st.integers(0, 1500))
@example(10, 1065)  # 3e-300
@example(5, 5)
def test_mcnemar_is_twice_the_smaller_binomial_tail(a: int, b: int) -> None:
    tail = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    exact = float(min(Fraction(1), Fraction(2 * tail, 2 ** (a + b))))
    assert mcnemar_p_value(a, b) == mcnemar_p_value(b, a) == pytest.approx(exact, rel=1e-12, abs=1e-315)


@pytest.mark.parametrize(
    ("a", "b"), [(0, 1), (3, 12), (121, 59), (1500, 1400), (25_000, 24_500), (24_800, 25_200), (500_000, 498_000)]
)
def test_mcnemar_agrees_with_statsmodels(needs: Needs, a: int, b: int) -> None:
    needs("statsmodels")
    from scipy.stats import binomtest
    from statsmodels.stats.contingency_tables import mcnemar as reference

    assert mcnemar_p_value(a, b) == pytest.approx(binomtest(a, a + b).pvalue, rel=1e-8)
    assert mcnemar_p_value(a, b) == pytest.approx(reference([[7, a], [b, 9]], exact=True).pvalue, rel=1e-8)
    assert (mcnemar_p_value(a, a + 1), mcnemar_p_value(a + 1, a), mcnemar_p_value(0, 10_000)) == (1, 1, 0)


def flips(total: int, ones: int, twos: int) -> float:
    """Return the p-value of a single sum."""
    return float(sign_flip_p_values(np.array([total]), np.array([ones]), np.array([twos]))[0])


@given(st.integers(0, 60), st.integers(0, 40), st.data())
def test_sign_flips_equal_enumeration_of_all_signs(ones: int, twos: int, data: st.DataObject) -> None:
    sums = signed_sums([1] * ones + [2] * twos)
    total = data.draw(st.sampled_from(sorted(sums)))
    extreme = sum(ways for value, ways in sums.items() if abs(value) >= abs(total))
    expected = float(Fraction(extreme, 2 ** (ones + twos)))
    assert flips(total, ones, twos) == pytest.approx(expected, rel=1e-11)
    assert flips(-total, ones, twos) == flips(total, ones, twos)


def test_small_p_value_of_sign_flips_is_accurate() -> None:
    """900 ones and 250 twos, whose sum of 900 is 20 standard deviations from 0, by exact integers."""
    total, ones, twos = 900, 900, 250
    tails = list(accumulate((comb(ones, k) for k in range(ones, -1, -1)), initial=0))[::-1]  # k ones or more
    least = ((ones + total) // 2 + twos - 2 * j for j in range(twos + 1))
    ways = sum(comb(twos, j) * tails[min(k, ones + 1)] for j, k in enumerate(least))
    assert flips(total, ones, twos) == pytest.approx(float(Fraction(2 * ways, 2 ** (ones + twos))), rel=1e-9)


def test_sign_flips_of_array_equal_single_calls() -> None:
    totals, ones, twos = np.array([4, 0, 3, -500]), np.array([6, 2, 9, 900]), np.array([0, 5, 2, 300])
    each = [flips(*row) for row in zip(totals.tolist(), ones.tolist(), twos.tolist(), strict=True)]
    assert sign_flip_p_values(totals, ones, twos).tolist() == each


@given(st.integers(0, 30_000), st.integers(0, 30_000))
@example(10, 1065)
def test_sign_flips_of_equal_sizes_equal_mcnemar(a: int, b: int) -> None:
    assert flips(a - b, a + b, 0) == pytest.approx(mcnemar_p_value(a, b), rel=1e-8, abs=1e-315)
    assert flips(2 * (a - b), 0, a + b) == pytest.approx(mcnemar_p_value(a, b), rel=1e-8, abs=1e-315)


def slow_holm(p_values: list[float]) -> list[float]:
    """Correct by definition: sorted p-value i times (n - i), then the running maximum, at most 1."""
    ranked = sorted(p_values)
    steps = [min(1.0, (len(ranked) - i) * p) for i, p in enumerate(ranked)]
    return [max(steps[: 1 + max(i for i, value in enumerate(ranked) if value == p)]) for p in p_values]


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1e-300, 0.01, 0.5, 1.0]), min_size=1, max_size=30))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    assert adjust_p_values(p_values).tolist() == pytest.approx(slow_holm(p_values), rel=1e-12)


def test_holm_gives_published_example() -> None:
    # Aickin and Gensler (1996), American Journal of Public Health 86, describe the steps: 4 x .005, 3 x .01, 2 x .03.
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_p_values([]).tolist() == []


def exact(hits: int, sizes: list[int]) -> Fraction:
    """Compute the p-value from the probability of each number of hits, updated image by image."""
    chances = [Fraction(1)]
    for hit in (Fraction(1, size) for size in sizes):
        chances = [
            a * (1 - hit) + b * hit for a, b in zip([*chances, Fraction(0)], [Fraction(0), *chances], strict=True)
        ]
    return min(Fraction(1), 2 * min(sum(chances[: hits + 1], Fraction(0)), sum(chances[hits:], Fraction(0))))


@given(st.dictionaries(st.integers(1, 9), st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_chance_p_value_equals_exact_fractions(images: dict[int, int], data: st.DataObject) -> None:
    sizes = [size for size, n in images.items() for _ in range(n)]
    hits = data.draw(st.integers(0, len(sizes)))
    expected = float(exact(hits, sizes))
    p_value = chance_p_value(hits, images)
    assert p_value == pytest.approx(max(expected, MIN_P_VALUE), rel=1e-12)
    assert p_value == pytest.approx(chance_p_value(hits, dict(reversed(images.items()))), rel=1e-12)


def test_chance_p_value_with_two_classes_is_sign_test() -> None:
    for hits in (0, 2_000, 2_700, 2_900, 3_300, 4_000):
        expected = max(mcnemar_p_value(hits, 5_400 - hits), MIN_P_VALUE)
        assert chance_p_value(hits, {2: 5_400}) == pytest.approx(expected, rel=1e-9)


def test_small_chance_p_value_is_accurate_and_not_0() -> None:
    assert chance_p_value(300, {2: 300}) == pytest.approx(2 / 2**300, rel=1e-12)
    tail = Fraction(sum(comb(900, k) for k in range(101)), 2**900)
    assert chance_p_value(100, {2: 900}) == pytest.approx(float(2 * tail), rel=1e-11)
    assert (chance_p_value(5_400, {2: 5_400, 3: 1}), chance_p_value(0, {})) == (MIN_P_VALUE, 1)
