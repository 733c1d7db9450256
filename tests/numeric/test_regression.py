"""Least-squares polynomials: compared with statsmodels and with fits that drop each group; coverage."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from reassess.numeric import Estimate
from reassess.numeric.regression import PolynomialFit, fit_polynomial
from tests.helpers import Needs

Draw = Callable[[np.random.Generator], tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]]


def fit_or_fail(x: npt.NDArray[Any], y: npt.NDArray[Any], groups: npt.NDArray[Any], **options: object) -> PolynomialFit:
    fit = fit_polynomial(x, y, groups, **options)
    assert fit is not None
    return fit


def noisy(seed: int, rows: int = 60, models: int = 60) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(70, 90, rows)
    return x, 20 + 0.8 * x - 0.01 * (x - 80) ** 2 + rng.normal(0, (95 - x) / 20), rng.permutation(rows) % models


@pytest.mark.parametrize("degree", [1, 2])
def test_standard_errors_with_one_row_per_group_are_hc3(degree: int, needs: Needs) -> None:
    needs("statsmodels")
    from statsmodels import api

    x, y, groups = noisy(0)
    fit = fit_or_fail(x, y, groups, degree=degree)
    powers = (x - fit.centre)[:, None] ** np.arange(degree + 1)
    expected = api.OLS(y, powers).fit(cov_type="HC3", use_t=True)
    for power in range(degree + 1):
        coefficient = fit.coefficient(power)
        assert coefficient.value == pytest.approx(expected.params[power], rel=1e-9)
        assert coefficient.standard_error == pytest.approx(expected.bse[power], rel=1e-9)


@pytest.mark.parametrize("groups", [60, 25, 4])
def test_prediction_interval_adds_held_out_and_line_variance(groups: int) -> None:
    x, y, of = noisy(1, models=groups)
    fit = fit_or_fail(x, y, of)
    lines = {g: np.polyfit(x[of != g], y[of != g], 1) for g in range(groups)}
    held_out = np.array([b - np.polyval(lines[g], a) for a, b, g in zip(x, y, of, strict=True)])
    assert fit.held_out_residuals == pytest.approx(held_out, rel=1e-7)
    at, line = 88.0, np.polyfit(x, y, 1)
    variance = sum((np.polyval(line, at) - np.polyval(without, at)) ** 2 for without in lines.values())
    half = t.ppf(0.975, groups - 2) * np.sqrt(np.mean(held_out**2) + variance)
    assert fit.value_at(at) == pytest.approx(np.polyval(line, at), rel=1e-10)
    assert fit.prediction_interval(at) == pytest.approx((fit.value_at(at) - half, fit.value_at(at) + half), rel=1e-9)


@pytest.mark.parametrize(("degree", "groups"), [(1, 60), (2, 60), (1, 12), (2, 5)])
def test_degrees_of_freedom_equal_satterthwaite_from_covariance_of_shifts(degree: int, groups: int) -> None:
    """The shifts are linear in y, so fits to unit errors give their covariance."""
    x, y, of = noisy(8, models=groups)
    shifts = np.array([fit_or_fail(x, error, of, degree=degree).coefficient_shifts for error in np.eye(60)])
    fit = fit_or_fail(x, y, of, degree=degree)
    for power in range(degree + 1):
        covariance = shifts[:, :, power].T @ shifts[:, :, power]
        roots = np.linalg.eigvalsh(covariance)
        assert fit.coefficient(power).df == pytest.approx(roots.sum() ** 2 / (roots**2).sum(), rel=1e-6)


def test_difference_of_slopes_equals_interaction_in_statsmodels(needs: Needs) -> None:
    """The ranges have no common rows; the p-values differ only by the degrees of freedom."""
    needs("statsmodels")
    from statsmodels import api

    x, y, groups = noisy(2, rows=90, models=90)
    low = x < 80
    first, second = fit_or_fail(x, y, groups, is_used=low), fit_or_fail(x, y, groups, is_used=~low)
    design = np.column_stack([low, ~low, np.where(low, x - 75, 0), np.where(low, 0, x - 85)]).astype(float)
    joint = api.OLS(y, design).fit(cov_type="HC3", use_t=True)
    test = joint.t_test(np.array([0, 0, -1, 1]))
    change = second.coefficient_difference(first, 1)
    assert change.value == pytest.approx(float(test.effect[0]), rel=1e-9)
    assert change.standard_error == pytest.approx(float(test.sd[0, 0]), rel=1e-9)


def slopes_without_groups(
    x: npt.NDArray[Any], y: npt.NDArray[Any], groups: npt.NDArray[Any], ranges: list[npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    """Fit the slope of each range without each group, by numpy; shape (groups, ranges)."""
    slopes = [[np.polyfit(x[r & (groups != g)], y[r & (groups != g)], 1)[0] for r in ranges] for g in np.unique(groups)]
    return np.array(slopes)


def test_standard_errors_equal_jackknife_for_large_groups_and_overlapping_ranges() -> None:
    x, y, groups = noisy(3, rows=80, models=45)
    ranges = [x < 82, x >= 76]
    first, second = (fit_or_fail(x, y, groups, is_used=inside) for inside in ranges)
    slopes = np.array([np.polyfit(x[r], y[r], 1)[0] for r in ranges])
    shifts = slopes - slopes_without_groups(x, y, groups, ranges)
    assert first.coefficient(1).standard_error == pytest.approx(np.sqrt((shifts[:, 0] ** 2).sum()), rel=1e-8)
    change = second.coefficient_difference(first, 1)
    assert change.value == pytest.approx(slopes[1] - slopes[0], rel=1e-8)
    assert change.standard_error == pytest.approx(np.sqrt(((shifts[:, 1] - shifts[:, 0]) ** 2).sum()), rel=1e-8)
    assert change.df == min(first.coefficient(1).df, second.coefficient(1).df)


# --- coverage -------------------------------------------------------------------------------------------------------


def models_at_sizes(models: int, sizes: int, slope: float = 0.7) -> Draw:
    """Draw models at several sizes with a common error, which is larger at low accuracies."""

    def draw(rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        groups = np.repeat(np.arange(models), rng.integers(1, sizes + 1, models))
        x = rng.uniform(78, 84, models)[groups] + rng.uniform(0, 1, groups.size)
        errors = rng.standard_t(6, models)[groups] + 0.5 * rng.normal(size=groups.size)
        return x, slope * x + 0.1 * (86 - x) * errors, groups

    return draw


@pytest.mark.parametrize(("models", "sizes", "draws"), [(500, 3, 1_000), (20, 2, 2_000), (6, 1, 2_000)])
def test_interval_of_slope_has_stated_coverage(models: int, sizes: int, draws: int) -> None:
    draw, rng = models_at_sizes(models, sizes), np.random.default_rng(4)
    intervals = np.array([fit_or_fail(*draw(rng)).coefficient(1).interval for _ in range(draws)])
    assert 0.93 <= np.mean((intervals[:, 0] <= 0.7) & (intervals[:, 1] >= 0.7)) <= 0.99


def families_of_models(families: int, *, share: float, largest: int = 1, gap: float = 0.0) -> Draw:
    """Draw models from families of uneven sizes, whose common errors are a share of the variance.

    The first family may be larger than the others, or lower in accuracy by `gap`.
    """

    def draw(rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        sizes = rng.geometric(0.25, families)
        sizes[0] *= largest
        groups = np.repeat(np.arange(families), sizes)
        centres = rng.normal(80, 2, families)
        centres[0] -= gap
        x = centres[groups] + rng.normal(0, 1.5, groups.size)
        errors = np.sqrt(share) * rng.normal(size=families)[groups] + np.sqrt(1 - share) * rng.normal(size=groups.size)
        return x, 0.7 * x + 0.3 * errors, groups

    return draw


FAMILIES = {
    "4 families": families_of_models(4, share=0.4),
    "12 families": families_of_models(12, share=0.4),
    "60 families": families_of_models(60, share=0.4),
    "60 families, one of them large": families_of_models(60, share=0.4, largest=15),
    "60 families, one of them far below": families_of_models(60, share=0.4, largest=3, gap=30),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_interval_of_slope_covers_at_least_94_percent_with_families(name: str) -> None:
    rng = np.random.default_rng(9)
    intervals = np.array([fit_or_fail(*FAMILIES[name](rng)).coefficient(1).interval for _ in range(600)])
    assert np.mean((intervals[:, 0] <= 0.7) & (intervals[:, 1] >= 0.7)) >= 0.94


def test_simulation_detects_intervals_that_ignore_families() -> None:
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(600):
        x, y, groups = FAMILIES["60 families, one of them large"](rng)
        low, high = fit_or_fail(x, y, np.arange(groups.size)).coefficient(1).interval
        covered += low <= 0.7 <= high
    assert covered / 600 < 0.8


@pytest.mark.parametrize("name", ["4 families", "60 families, one of them large"])
def test_prediction_interval_covers_models_of_new_families(name: str) -> None:
    rng = np.random.default_rng(10)
    covered = 0
    for _ in range(600):
        x, y, groups = FAMILIES[name](rng)
        others = groups != groups[-1]
        low, high = fit_or_fail(x, y, groups, is_used=others).prediction_interval(x[-1])
        covered += low <= y[-1] <= high
    assert covered / 600 >= 0.93


def test_difference_of_slopes_rejects_a_true_hypothesis_in_5_percent() -> None:
    rng = np.random.default_rng(6)
    rejected = 0
    for _ in range(1_000):
        x, y, groups = models_at_sizes(250, 2)(rng)
        change = fit_or_fail(x, y, groups, is_used=x >= 80.5).coefficient_difference(
            fit_or_fail(x, y, groups, is_used=x < 82.5), 1
        )
        rejected += change.p_value < 0.05
    assert 0.03 <= rejected / 1_000 <= 0.07


# --- laws and ends --------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_slope_does_not_depend_on_units_or_order_of_rows(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x, y, groups = noisy(seed, rows=30, models=20)
    order = rng.permutation(30)
    slope = fit_or_fail(x, y, groups).coefficient(1)
    scaled = fit_or_fail(scale * x[order] + shift, y[order] + shift, groups[order]).coefficient(1)
    assert scaled.value * scale == pytest.approx(slope.value, rel=1e-6, abs=1e-9)
    assert scaled.standard_error * scale == pytest.approx(slope.standard_error, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "groups"),
    [
        ([], []),
        ([1.0], [0]),
        ([1.0, 2.0], [0, 1]),
        ([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]),
        ([1.0, 1.0, 1.0, 1.0], [0, 1, 2, 3]),
        ([1.0, 1.0, 1.0, 2.0], [0, 1, 2, 3]),
        ([0.1 + 0.2, 0.3, 0.3, 0.3], [0, 1, 2, 3]),  # the same x except for rounding
    ],
)
def test_fit_is_none_if_undetermined_without_one_group(x: list[float], groups: list[int]) -> None:
    y = np.arange(len(x), dtype=np.float64)
    assert fit_polynomial(np.array(x, np.float64), y, np.array(groups, np.int64)) is None


def test_three_groups_give_a_wide_interval_and_exact_data_an_exact_fit() -> None:
    fit = fit_or_fail(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.5, 4.0]), np.arange(3)).coefficient(1)
    assert fit.df == pytest.approx(1)
    assert fit.interval[0] < 0 < 2 < fit.interval[1]
    x = np.array([70.0, 71.0, 73.0, 78.0, 84.0, 90.0])
    whole = fit_or_fail(x, 3 + 0.5 * x - 0.02 * x**2, np.arange(6), degree=2)
    assert (whole.coefficient(2).value, whole.value_at(80.0)) == pytest.approx((-0.02, 3 + 40 - 128))


@pytest.mark.parametrize(
    ("df", "factor"), [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)]
)
def test_interval_uses_students_t(df: int, factor: float) -> None:
    # Student's t, two-sided 5 %: Fisher and Yates, "Statistical tables", table III.
    low, high = Estimate(0.0, standard_error=1.0, df=df).interval
    assert (low, high) == (pytest.approx(-factor, abs=5e-4), pytest.approx(factor, abs=5e-4))
    assert Estimate(factor, standard_error=1.0, df=df).p_value == pytest.approx(0.05, rel=1e-3)


def test_small_p_value_of_student_t_is_accurate() -> None:
    # With one degree of freedom t is Cauchy: P(|T| > t) = 1 - 2 atan(t) / pi, for large t 2 / (pi t).
    assert Estimate(1e9, standard_error=1.0, df=1).p_value == pytest.approx(2 / (math.pi * 1e9), rel=1e-9)
    assert Estimate(4.587, standard_error=1.0, df=10).p_value == pytest.approx(0.001, rel=1e-3)
    known = (Estimate(0.0, standard_error=1.0, df=5), Estimate(0.0, 0.0, 3), Estimate(0.1, 0.0, 3))
    assert [estimate.p_value for estimate in known] == [1, 1, 0]
