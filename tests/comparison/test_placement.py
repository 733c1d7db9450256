"""A model's position on a leaderboard: rank, neighbours, and distance from the line of the nearest rows."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import Placement, place_models
from reassess.core import Leaderboard, LeaderboardRow

EACH = re.compile(".+")  # each model is a family
BOARD = Leaderboard(
    tuple(LeaderboardRow("abcdef"[i], 75.0 + i, real) for i, real in enumerate([83.0, 83.4, 84.6, 84.6, 86.1, 86.3]))
)


def place(board: Leaderboard, model: LeaderboardRow, **options: int) -> Placement:
    (placement,) = place_models(board, [model], **options)
    return placement


def test_rank_counts_better_rows_and_neighbours_are_nearest() -> None:
    placement = place(BOARD, LeaderboardRow("mine", 76.5, 84.6), n_neighbours=2)
    assert (placement.real_rank, placement.original_rank, placement.n_rows) == (3, 5, 7)
    assert [entry.model for entry in placement.better_rows] == ["f", "e"]
    assert [entry.model for entry in placement.worse_or_equal_rows] == ["d", "c"]
    for real, rank, better, others in ((99.0, 1, 0, 3), (1.0, 7, 3, 0)):
        placement = place(BOARD, LeaderboardRow("mine", 76.5, real))
        assert (placement.real_rank, len(placement.better_rows), len(placement.worse_or_equal_rows)) == (
            rank,
            better,
            others,
        )


def test_line_is_fitted_to_nearest_rows(real_leaderboard: Leaderboard) -> None:
    expected = place(real_leaderboard, LeaderboardRow("mine", 83.1, 88.4)).expected_accuracy
    distance = np.abs(real_leaderboard.original_accuracies - 83.1)
    nearest = np.argsort(distance, kind="stable")[: expected.n_rows]
    x, y = real_leaderboard.original_accuracies[nearest], real_leaderboard.reassessed_accuracies[nearest]
    slope, constant = np.polyfit(x, y, 1)
    assert 100 <= expected.n_rows <= 110
    assert distance[nearest].max() < np.delete(distance, nearest).min()
    assert expected.accuracy_on_line == pytest.approx(constant + slope * 83.1, rel=1e-10)
    assert expected.residual == pytest.approx(88.4 - constant - slope * 83.1, rel=1e-8)
    assert (expected.side_of_line, expected.is_extrapolated) == ("above", False)
    assert expected.share_of_rows_below == np.mean(y - constant - slope * x < expected.residual)
    for original, real in ((92.0, 92.0), (30.0, 35.0)):
        assert place(real_leaderboard, LeaderboardRow("mine", original, real)).expected_accuracy.is_extrapolated


@pytest.fixture(scope="module")
def of_other_families(real_leaderboard: Leaderboard) -> list[tuple[LeaderboardRow, Any]]:
    """Every row of the public tables, with its expected accuracy from the rows of other families."""
    families = dict.fromkeys(real_leaderboard.families)
    rows = list(zip(real_leaderboard.families, real_leaderboard.entries, strict=True))
    others = {each: Leaderboard(tuple(entry for family, entry in rows if family != each)) for each in families}
    return [(entry, place(others[family], entry).expected_accuracy) for family, entry in rows]


def test_intervals_from_other_families_cover_95_percent_of_public_rows(
    of_other_families: list[tuple[LeaderboardRow, Any]],
) -> None:
    """A single line for all rows would fail, because it is too high at both ends."""
    ordinary = [(entry, expected) for entry, expected in of_other_families if not entry.model.startswith("test_")]
    inside = np.array(
        [expected.interval_low <= entry.reassessed_accuracy <= expected.interval_high for entry, expected in ordinary]
    )
    residuals = np.array([expected.residual for _, expected in ordinary])
    original = np.array([entry.original_accuracy for entry, _ in ordinary])
    assert 0.94 <= inside.mean() <= 0.97
    for low, high in ((0, 70), (70, 76), (76, 80), (80, 82), (82, 84), (84, 86), (86, 100)):
        part = (original >= low) & (original < high)
        assert inside[part].mean() >= 0.93
        assert abs(residuals[part].mean()) < 0.12


def test_toy_models_are_extrapolated_and_below_line(
    of_other_families: list[tuple[LeaderboardRow, Any]],
) -> None:
    toys = [(entry, expected) for entry, expected in of_other_families if entry.model.startswith("test_")]
    assert all(expected.is_extrapolated and expected.residual < 0 for _, expected in toys)


def test_too_few_families_give_no_expected_accuracy() -> None:
    placement = place(Leaderboard(BOARD.entries[:2]), LeaderboardRow("mine", 80.0, 85.0))
    document = placement.to_json()
    assert (placement.expected_accuracy, document["expected"], document["real_rank"]) == (None, None, 1)
    assert document["expected_reason"] == "too few families of models"


def test_rows_of_one_family_widen_interval() -> None:
    """The line and the position do not change; the interval is wider, and does not exist for two families."""
    rows = [("vit" if i < 6 else "cnn" if i < 11 else "mlp", 75.0 + i, 83.0 + 0.7 * i + i % 3) for i in range(16)]
    entries = tuple(LeaderboardRow(f"{family}{i}", x, y) for i, (family, x, y) in enumerate(rows))
    mine = LeaderboardRow("mine", 80.0, 87.0)
    related, each = (
        place(Leaderboard(entries), mine).expected_accuracy,
        place(Leaderboard(entries, family_pattern=EACH), mine).expected_accuracy,
    )
    assert (related.n_rows, related.n_families) == (16, 3)
    assert (each.n_rows, each.n_families) == (16, 16)
    assert (related.accuracy_on_line, related.residual, related.share_of_rows_below) == (
        each.accuracy_on_line,
        each.residual,
        each.share_of_rows_below,
    )
    assert related.interval_low < each.interval_low < each.interval_high < related.interval_high
    assert place(Leaderboard(entries[:11]), mine).expected_accuracy is None


def test_interval_is_clipped_to_0_and_100() -> None:
    board = Leaderboard(tuple(LeaderboardRow(f"{'abc'[i]}", 60.0 + 10 * i, (70.0, 95.0, 75.0)[i]) for i in range(3)))
    expected = place(board, LeaderboardRow("mine", 65.0, 80.0)).expected_accuracy
    assert (expected.interval_low, expected.interval_high) == (0, 100)


@given(st.integers(0, 500), st.floats(70, 90), st.floats(70, 95))
def test_rank_is_monotonic_and_independent_of_row_order(seed: int, original: float, real: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(70, 90, 150).astype(float)  # many ties in distance
    y = 20 + 0.8 * x + rng.normal(0, 1, 150)
    entries = [LeaderboardRow(f"m{i}", a, b) for i, (a, b) in enumerate(zip(x, y, strict=True))]
    board, mixed = (
        Leaderboard(tuple(entries[i] for i in o), family_pattern=EACH) for o in (range(150), rng.permutation(150))
    )
    placement, same = (place(each, LeaderboardRow("mine", original, real)) for each in (board, mixed))
    assert (placement.real_rank, placement.better_rows, placement.worse_or_equal_rows) == (
        same.real_rank,
        same.better_rows,
        same.worse_or_equal_rows,
    )
    assert placement.expected_accuracy.n_rows == same.expected_accuracy.n_rows
    by_line = placement.expected_accuracy.accuracy_on_line
    assert by_line == pytest.approx(same.expected_accuracy.accuracy_on_line, rel=1e-9)
    better = place(board, LeaderboardRow("mine", original, real + 1))
    assert better.real_rank <= placement.real_rank
    assert better.expected_accuracy.share_of_rows_below >= placement.expected_accuracy.share_of_rows_below
    assert better.expected_accuracy.residual == pytest.approx(placement.expected_accuracy.residual + 1)
