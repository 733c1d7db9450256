"""How likely a number of hits is by chance, against exact fractions and scipy's binomial test."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric.chance import SMALLEST, chance_p_value


def exact(hits: int, sizes: list[int]) -> Fraction:
    """Image by image: the chance of each number of hits so far."""
    chances = {0: Fraction(1)}
    for size in sizes:
        hit, later = Fraction(1, size), dict.fromkeys(range(len(chances) + 1), Fraction(0))
        for so_far, chance in chances.items():
            later[so_far] += chance * (1 - hit)
            later[so_far + 1] += chance * hit
        chances = later
    fewer = sum((chance for k, chance in chances.items() if k <= hits), Fraction(0))
    more = sum((chance for k, chance in chances.items() if k >= hits), Fraction(0))
    return min(Fraction(1), 2 * min(fewer, more))


@given(st.dictionaries(st.integers(1, 9), st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_the_p_value_is_that_of_exact_fractions(images: dict[int, int], data: st.DataObject) -> None:
    sizes = [size for size, n in images.items() for _ in range(n)]
    hits = data.draw(st.integers(0, len(sizes)))
    expected = float(exact(hits, sizes))
    found = chance_p_value(hits, images)
    assert found == pytest.approx(max(expected, SMALLEST), rel=1e-12)
    assert found == pytest.approx(chance_p_value(hits, dict(reversed(images.items()))), rel=1e-12)


def test_of_images_with_two_classes_it_is_the_sign_test(needs: Callable[[str], None]) -> None:
    needs("scipy")
    from scipy.stats import binomtest

    for hits in (0, 2_000, 2_700, 2_900, 3_300, 4_000):
        assert chance_p_value(hits, {2: 5_400}) == pytest.approx(binomtest(hits, 5_400).pvalue, rel=1e-9, abs=SMALLEST)


def test_a_small_p_value_is_as_accurate_as_a_large_one() -> None:
    assert chance_p_value(300, {2: 300}) == pytest.approx(2 / 2**300, rel=1e-12)
    tail = Fraction(sum(comb(900, k) for k in range(101)), 2**900)
    assert chance_p_value(100, {2: 900}) == pytest.approx(float(2 * tail), rel=1e-11)


def test_what_is_too_small_for_a_number_is_not_zero() -> None:
    assert chance_p_value(5_400, {2: 5_400, 3: 1}) == SMALLEST
    assert chance_p_value(0, {}) == 1
