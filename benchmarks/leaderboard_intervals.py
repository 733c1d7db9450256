"""Coverage of the intervals of `reassess leaderboard`: python benchmarks/leaderboard_intervals.py IMAGENET REAL.

IMAGENET and REAL are timm's tables. The first part simulates tables with a known slope, and with timm's accuracies,
families, and shares of the residual variance due to families, models and rows. The second part predicts each row of
timm's tables from the other families.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reassess import fit_trend, place_models, read_leaderboard
from reassess.comparison.trends import BANDS
from reassess.core import Leaderboard
from reassess.numeric.regression import fit_polynomial

SLOPE, DRAWS = 0.7, 1_500
FAMILY_VARIANCE, MODEL_VARIANCE, ROW_VARIANCE = 0.4, 0.45, 0.15  # shares
DEVIATIONS = [60, 75, 85, 90], [0.45, 0.32, 0.26, 0.15]  # standard deviation of the residuals by original accuracy
RANGES = [0, 57.9, 70, 76, 78, 80, 82, 84, 86, 88, 100]
Mask = npt.NDArray[np.bool_]


def parts(board: Leaderboard) -> Iterator[tuple[str, Mask]]:
    """Yield the name and the rows of each fit."""
    yield "all", np.ones(len(board), np.bool_)
    far_out = set(map(str, fit_trend(board).outliers.rows))
    yield "all except far out", np.array([str(entry) not in far_out for entry in board.entries])
    yield from ((str(band), band.contains(board.original_accuracies)) for band in BANDS)


def slope_coverage(board: Leaderboard, inside: Mask, groups: npt.NDArray[np.int64], rng: np.random.Generator) -> float:
    """Return how often the interval over groups contains the slope."""
    x, deviation, contained = board.original_accuracies, np.interp(board.original_accuracies, *DEVIATIONS), 0
    for _ in range(DRAWS):
        errors = (
            np.sqrt(FAMILY_VARIANCE) * rng.standard_normal(len(board))[board.family_ids]
            + np.sqrt(MODEL_VARIANCE) * rng.standard_normal(len(board))[board.model_ids]
            + np.sqrt(ROW_VARIANCE) * rng.standard_normal(len(board))
        )
        fit = fit_polynomial(x, SLOPE * x + deviation * errors, groups, inside=inside)
        assert fit is not None
        low, high = fit.coefficient(1).interval
        contained += low <= SLOPE <= high
    return contained / DRAWS


def check_rows(board: Leaderboard) -> Iterator[tuple[float, bool]]:
    """Yield the original accuracy of each row, and whether the interval from other families contains the row."""
    rows = list(zip(board.families, board.entries, strict=True))
    for held_out in dict.fromkeys(board.families):
        others = Leaderboard(tuple(entry for family, entry in rows if family != held_out))
        for entry in (entry for family, entry in rows if family == held_out):
            expected = place_models(others, [entry])[0].expected_accuracy
            assert expected is not None
            yield entry.original_accuracy, expected.interval_low <= entry.reassessed_accuracy <= expected.interval_high


def main() -> None:
    board = read_leaderboard(*sys.argv[1:])
    rng = np.random.default_rng(0)
    print(f"{'slope':24}{'over models':>12}{'over families':>15}")
    for name, inside in parts(board):
        shares = [slope_coverage(board, inside, groups, rng) for groups in (board.model_ids, board.family_ids)]
        print(f"{name:24}{100 * shares[0]:10.1f} %{100 * shares[1]:13.1f} %")
    original, contained = map(np.array, zip(*check_rows(board), strict=True))
    for low, high in pairwise(RANGES):
        inside = (original >= low) & (original < high)
        print(f"expected, {low:g} to {high:g} %: {contained[inside].sum()} of {inside.sum()} rows are in the interval")


if __name__ == "__main__":
    main()
