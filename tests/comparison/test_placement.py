"""Where a model stands: rank, neighbours, and the distance to the line of those nearest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison.placement import place
from reassess.core.leaderboard import Entry, Leaderboard

BOARD = Leaderboard(
    tuple(Entry(f"m{i}", 75.0 + i, real) for i, real in enumerate([83.0, 83.4, 84.6, 84.6, 86.1, 86.3]))
)


def without(board: Leaderboard, model: str) -> Leaderboard:
    return Leaderboard(tuple(entry for entry in board.entries if entry.model != model))


def test_the_rank_counts_better_rows_only_and_neighbours_are_the_nearest() -> None:
    placement = place(BOARD, Entry("mine", 76.5, 84.6), neighbours=2)
    assert (placement.real_rank, placement.original_rank, placement.of) == (3, 5, 7)
    assert [entry.model for entry in placement.better] == ["m5", "m4"]
    assert [entry.model for entry in placement.others] == ["m3", "m2"]


@pytest.mark.parametrize(("real", "rank", "better", "others"), [(99.0, 1, 0, 3), (1.0, 7, 3, 0)])
def test_at_the_ends_there_are_neighbours_on_one_side(real: float, rank: int, better: int, others: int) -> None:
    placement = place(BOARD, Entry("mine", 76.5, real))
    assert (placement.real_rank, len(placement.better), len(placement.others)) == (rank, better, others)


def test_the_line_is_that_of_the_rows_nearest_in_original_accuracy(real_leaderboard: Leaderboard) -> None:
    placement = place(real_leaderboard, Entry("mine", 83.1, 88.4))
    expected = placement.expected
    nearest = np.argsort(np.abs(real_leaderboard.original - 83.1), kind="stable")[: expected.rows]
    x, y = real_leaderboard.original[nearest], real_leaderboard.real[nearest]
    slope, constant = np.polyfit(x, y, 1)
    line = constant + slope * x
    assert 100 <= expected.rows <= 110
    assert (
        np.abs(real_leaderboard.original - 83.1)[nearest].max()
        < np.delete(np.abs(real_leaderboard.original - 83.1), nearest).min()
    )
    assert expected.real == pytest.approx(constant + slope * 83.1, rel=1e-10)
    assert expected.residual == pytest.approx(88.4 - constant - slope * 83.1, rel=1e-8)
    assert expected.side == "above"
    assert expected.share_below == np.mean(y - line < expected.residual)
    assert not expected.extrapolated


def test_of_the_public_tables_95_percent_of_models_are_where_the_others_say_in_every_part(
    real_leaderboard: Leaderboard,
) -> None:
    """A model's other sizes are left out with it. The line of all rows would fail: it is too high at both ends."""
    rows = range(0, len(real_leaderboard), 3)
    inside, residuals = [], []
    for row in rows:
        entry = real_leaderboard.entries[row]
        expected = place(without(real_leaderboard, entry.model), entry).expected
        inside.append(expected.low <= entry.real <= expected.high)
        residuals.append(expected.residual)
    assert 0.94 <= np.mean(inside) <= 0.97
    original = real_leaderboard.original[list(rows)]
    for low, high in ((0, 74), (74, 78), (78, 82), (82, 86), (86, 100)):
        part = (original >= low) & (original < high)
        assert np.mean(np.array(inside)[part]) > 0.9
        assert abs(np.mean(np.array(residuals)[part])) < 0.1


def test_a_model_outside_of_all_others_is_said_to_be(real_leaderboard: Leaderboard) -> None:
    assert place(real_leaderboard, Entry("mine", 92.0, 92.0)).expected.extrapolated
    assert place(real_leaderboard, Entry("mine", 30.0, 35.0)).expected.extrapolated


def test_with_too_few_models_nothing_is_expected() -> None:
    placement = place(Leaderboard(BOARD.entries[:2]), Entry("mine", 80.0, 85.0))
    assert placement.expected is None
    document = placement.to_json()
    assert (document["expected"], document["expected_reason"], document["real_rank"]) == (None, "too few models", 1)


@given(st.integers(0, 500), st.floats(70, 90), st.floats(70, 95))
def test_the_order_of_the_rows_makes_no_difference_and_a_better_model_never_ranks_lower(
    seed: int, original: float, real: float
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(70, 90, 150).astype(float)  # many are equally near
    y = 20 + 0.8 * x + rng.normal(0, 1, 150)
    entries = [Entry(f"m{i}", a, b) for i, (a, b) in enumerate(zip(x, y, strict=True))]
    one = place(Leaderboard(tuple(entries)), Entry("mine", original, real))
    other = place(Leaderboard(tuple(entries[i] for i in rng.permutation(150))), Entry("mine", original, real))
    assert (one.real_rank, one.better, one.others) == (other.real_rank, other.better, other.others)
    assert one.expected.rows == other.expected.rows
    assert one.expected.real == pytest.approx(other.expected.real, rel=1e-9)
    better = place(Leaderboard(tuple(entries)), Entry("mine", original, real + 1))
    assert better.real_rank <= one.real_rank
    assert better.expected.share_below >= one.expected.share_below
    assert better.expected.residual == pytest.approx(one.expected.residual + 1)
