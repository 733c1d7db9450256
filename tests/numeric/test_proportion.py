"""Wilson's interval contains the proportions that the score test does not reject."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.numeric import Proportion
from reassess.numeric.proportions import difference_interval, wilson_interval

Z = NormalDist().inv_cdf(0.975)
COUNTS = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def rejection_limit(hits: int, n: int, outside: float) -> float:
    """Find the limit, between hits / n and `outside`, where the score test starts to reject."""
    estimate = inside = hits / n
    for _ in range(200):
        middle = (inside + outside) / 2
        if abs(estimate - middle) <= Z * math.sqrt(middle * (1 - middle) / n):
            inside = middle
        else:
            outside = middle
    return inside


@given(COUNTS)
def test_wilson_bounds_solve_the_score_equation(counts: tuple[int, int]) -> None:
    """The bounds enclose hits / n, are symmetric, and are exactly 0 or 1 for 0 or n hits."""
    hits, n = counts
    low, high = wilson_interval(hits, n)
    ends = rejection_limit(hits, n, 0.0), rejection_limit(hits, n, 1.0)
    assert (low, high) == pytest.approx(ends, abs=1e-9)
    assert 0 <= low <= hits / n <= high <= 1
    assert wilson_interval(n - hits, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    assert (wilson_interval(0, n)[0], wilson_interval(n, n)[1]) == (0, 1)
    assert Proportion(hits, n).to_json() == {"hits": hits, "n": n, "accuracy": hits / n, "low": low, "high": high}


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_published_values(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_proportion_of_0_images_has_no_value_and_no_interval() -> None:
    empty = Proportion(0, 0)
    assert (empty.value, empty.interval) == (None, None)
    assert empty.to_json() == {"hits": 0, "n": 0, "accuracy": None, "low": None, "high": None}
    assert difference_interval(Proportion(1, 2), empty) is difference_interval(empty, Proportion(1, 2)) is None


@given(COUNTS, COUNTS)
def test_sum_of_proportions_adds_counts(first: tuple[int, int], second: tuple[int, int]) -> None:
    total = Proportion(*first) + Proportion(*second)
    assert total == Proportion(first[0] + second[0], first[1] + second[1])
    assert total.value == (first[0] + second[0]) / (first[1] + second[1])
    assert Proportion(*first) + Proportion(0, 0) == Proportion(*first)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_difference_interval_gives_published_values(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    interval = difference_interval(Proportion(*first), Proportion(*second))
    assert interval == pytest.approx((low, high), abs=5e-5)
    reverse = difference_interval(Proportion(*second), Proportion(*first))
    assert reverse == pytest.approx((-high, -low), abs=5e-5)
