"""Student's t: p-values and the factor of 95 % intervals, against scipy."""

import math
from collections.abc import Callable

import pytest

from reassess.numeric.student import critical, two_sided

DF = [1, 2, 3, 7, 30, 219, 1264, 10**6]


@pytest.mark.parametrize("df", DF)
@pytest.mark.parametrize("t", [0.0, 0.1, 1.0, -2.0, 5.0, 12.0, 25.0])
def test_p_values_are_those_of_scipy_however_small(t: float, df: int, needs: Callable[[str], None]) -> None:
    needs("scipy")
    from scipy import stats

    assert two_sided(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("df", DF)
def test_the_factor_of_an_interval_is_that_of_scipy(df: int, needs: Callable[[str], None]) -> None:
    needs("scipy")
    from scipy import stats

    assert critical(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-10)


def test_the_ends_are_exact() -> None:
    assert [two_sided(t, 5) for t in (0.0, math.inf, -math.inf)] == [1.0, 0.0, 0.0]


def test_of_many_degrees_of_freedom_it_is_the_normal_distribution() -> None:
    assert critical(10**9) == pytest.approx(1.959963984540054, rel=1e-8)
