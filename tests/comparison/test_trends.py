"""Trends of ReaL accuracy with original accuracy: published numbers and invariances."""

import re
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import Band, Trend, fit_trend
from reassess.core import Leaderboard, LeaderboardRow
from tests.helpers import message

EACH = re.compile(".+")  # each model is a family


@pytest.fixture(scope="module")
def public(real_leaderboard: Leaderboard) -> Trend:
    return fit_trend(real_leaderboard)


def board_of(original: npt.NDArray[Any], real: npt.NDArray[Any], models: npt.NDArray[Any] | None = None) -> Leaderboard:
    names = np.arange(original.size) if models is None else models
    rows = zip(names, original.tolist(), real.tolist(), strict=True)
    entries = [LeaderboardRow(f"m{model}", x, y, size) for size, (model, x, y) in enumerate(rows, start=1)]
    return Leaderboard(tuple(entries), family_pattern=EACH)


def bent_board(seed: int, bend: float = -0.03) -> Leaderboard:
    rng = np.random.default_rng(seed)
    original = rng.uniform(70, 90, 300)
    real = 85 + 0.7 * (original - 80) + bend / 2 * (original - 80) ** 2 + rng.normal(0, 0.3, 300)
    return board_of(original, real, rng.integers(0, 250, 300))


def test_slopes_of_public_tables_equal_published(public: Trend) -> None:
    lines = (public.overall_line, *public.band_lines)
    assert [str(line) for line in lines] == ["all", "70 to 78", "78 to 84", "82 to 90"]
    assert [round(line.slope.value, 4) for line in lines] == [0.8116, 0.8304, 0.6792, 0.5511]
    assert [line.n_rows for line in lines] == [1_556, 254, 838, 753]


def test_slope_of_public_tables_decreases(public: Trend) -> None:
    (_, _, first), (_, _, second) = public.band_slope_changes
    for change in (first, second, public.slope_change_per_point):
        assert change.interval[1] < 0
        assert change.p_value < 1e-5
    assert (round(first.value, 4), round(second.value, 4)) == (-0.1512, -0.1281)
    assert round(public.slope_change_per_point.value, 4) == -0.0274


def test_slope_and_bend_match_numpy(public: Trend) -> None:
    x, y = public.leaderboard.original_accuracies, public.leaderboard.reassessed_accuracies
    inside = (x >= 82) & (x < 90)
    slope, constant = np.polyfit(x[inside], y[inside], 1)
    assert public.band_lines[2].slope.value == pytest.approx(slope, rel=1e-9)
    assert public.band_lines[2].fit.value_at(85.0) == pytest.approx(constant + slope * 85, rel=1e-12)
    inside = (x >= 70) & (x < 90)
    assert public.slope_change_per_point.value == pytest.approx(
        2 * np.polyfit(x[inside] - 80, y[inside], 2)[0], rel=1e-8
    )


@given(st.integers(0, 1_000))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    board = bent_board(seed)
    order = np.random.default_rng(seed).permutation(len(board))
    trend = fit_trend(board)
    shuffled = fit_trend(Leaderboard(tuple(board.entries[row] for row in order), family_pattern=EACH))
    for line, same in zip(
        (trend.overall_line, *trend.band_lines), (shuffled.overall_line, *shuffled.band_lines), strict=True
    ):
        assert (line.n_rows, line.n_models) == (same.n_rows, same.n_models)
        assert line.slope.value == pytest.approx(same.slope.value, rel=1e-8)
        assert line.slope.standard_error == pytest.approx(same.slope.standard_error, rel=1e-8)
    assert trend.slope_change_per_point.value == pytest.approx(shuffled.slope_change_per_point.value, rel=1e-7)


def test_band_with_too_few_families_has_no_slope() -> None:
    """A band includes its lower end, and excludes its upper end."""
    board = board_of(np.arange(70.0, 80.0), 80 + 0.5 * np.arange(10.0) ** 1.5)
    result = fit_trend(board, [Band(70, 75), Band(90, 95), Band(78, 80), Band(74, 80)])
    assert [line.n_rows for line in result.band_lines] == [5, 0, 2, 6]
    assert [line.slope is None for line in result.band_lines] == [False, True, True, False]
    assert result.band_slope_changes == []
    line = {"band": {"low": 90, "high": 95}, "rows": 0, "models": 0, "families": 0}
    assert result.to_json()["lines"][2] == line | {"slope": None, "slope_reason": "too few families of models"}
    result = fit_trend(bent_board(0), [])
    assert (result.band_lines, result.band_slope_changes, result.slope_change_per_point) == ((), [], None)
    assert result.to_json()["bend_reason"] == "too few families of models"


# --- rows far out ----------------------------------------------------------------------------------------------------


def of_families(accuracies: dict[str, list[float]]) -> Trend:
    """Models named after their families, close to a straight line."""
    rows = [(family, x) for family, values in accuracies.items() for x in values]
    entries = [LeaderboardRow(f"{family}{i}", x, 20 + 0.8 * x + 0.1 * (i % 3)) for i, (family, x) in enumerate(rows)]
    return fit_trend(Leaderboard(tuple(entries)))


ORDINARY = {"vit": [74.0, 78.0, 82.0, 86.0], "cnn": [75.0, 77.0, 81.0, 83.0], "mlp": [76.0, 79.0, 80.0]}


def test_family_beyond_outer_fences_is_far_out() -> None:
    result = of_families({"toy": [45.0, 40.0], **ORDINARY})
    x = result.leaderboard.original_accuracies
    first, third = np.quantile(x, [0.25, 0.75])
    far_out = result.outliers
    assert (far_out.lower_fence, far_out.upper_fence) == (first - 3 * (third - first), third + 3 * (third - first))
    assert [str(entry) for entry in far_out.rows] == ["toy1", "toy0"]
    assert (
        result.overall_line.n_rows,
        far_out.line_without_outliers.n_rows,
        far_out.line_without_outliers.n_families,
    ) == (13, 11, 3)
    assert far_out.line_without_outliers.slope.value == pytest.approx(
        np.polyfit(x[2:], result.leaderboard.reassessed_accuracies[2:], 1)[0]
    )
    assert far_out.to_json()["rows"] == [entry.to_json() for entry in far_out.rows]


def test_smallest_model_of_ordinary_family_is_not_far_out() -> None:
    """If the quartiles are equal, no row is far out. An evenly spread board has no far out rows either."""
    result = of_families({"toy": [45.0, 40.0, 79.0], **ORDINARY})
    assert result.outliers.rows == ()
    assert (result.outliers.line_without_outliers.n_rows, result.outliers.line_without_outliers.slope) == (
        14,
        result.overall_line.slope,
    )
    assert fit_trend(board_of(np.linspace(20, 95, 60), np.linspace(30, 96, 60))).outliers.rows == ()
    result = of_families({"a": [80.0] * 6, "b": [80.1], "c": [79.0]})
    assert (result.outliers.rows, result.outliers.line_without_outliers.slope) == ((), result.overall_line.slope)
    low = {family: [x / 4 for x in values] for family, values in ORDINARY.items()}
    assert [str(entry) for entry in of_families({**low, "top": [95.0]}).outliers.rows] == ["top11"]


def test_only_toy_models_of_public_tables_are_far_out(
    public: Trend,
) -> None:
    far_out, board = public.outliers, public.leaderboard
    assert {str(entry) for entry in far_out.rows} == {
        str(entry) for entry in board.entries if entry.model.startswith("test_")
    }
    assert (len(far_out.rows), round(far_out.lower_fence, 2)) == (13, 63.04)
    assert min(entry.original_accuracy for entry in board.entries if entry not in far_out.rows) == 57.918
    assert round(far_out.line_without_outliers.slope.value, 4) == 0.7316
    low, high = public.overall_line.slope.interval
    assert low < 0.7316 < high  # the family that determines the slope of all rows widens its interval


@pytest.mark.parametrize(("low", "high"), [(80, 70), (70, 70), (-1, 5), (70, np.inf), (np.nan, 80)])
def test_empty_band_raises(low: float, high: float) -> None:
    assert message(Band, low, high) == (
        "wrong range of accuracies\n  allowed: LOW to HIGH in percent, where LOW is at least 0 and below HIGH\n"
        f"  found:   {low:g} to {high:g}"
    )


def correlations(original: list[float], real: list[float]) -> tuple[float | None, float | None]:
    entries = tuple(LeaderboardRow(f"m{i}", x, y) for i, (x, y) in enumerate(zip(original, real, strict=True)))
    result = fit_trend(Leaderboard(entries))
    return result.kendall_tau, result.spearman_correlation


def test_rank_correlations_equal_published_example() -> None:
    # Tuna, rated by a machine and by people: Hollander and Wolfe, "Nonparametric statistical methods" (1973), page 188.
    machine = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1]
    people = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8]
    assert correlations(machine, people) == (pytest.approx(0.4444444, abs=5e-8), pytest.approx(0.6))


def test_kendall_matches_pair_counts_with_ties() -> None:
    pairs = np.random.default_rng(0).integers(0, 6, (40, 2))
    signs = [np.sign(a - b) for a, b in combinations(pairs, 2)]
    agree, differ = sum(int(a * b) for a, b in signs), np.abs(signs).sum(axis=0)
    kendall, _ = correlations(*(50.0 + pairs.T).tolist())
    assert kendall == pytest.approx(agree / np.sqrt(np.prod(differ)))
    values = [53.0, 51.0, 52.0, 57.0]
    assert correlations(values, [x + 1 for x in values]) == (pytest.approx(1), pytest.approx(1))
    assert correlations(values, [100 - x for x in values]) == (pytest.approx(-1), pytest.approx(-1))
    assert correlations(values, [60.0] * 4) == (None, None)
