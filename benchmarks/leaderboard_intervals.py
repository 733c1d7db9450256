"""How often the intervals of `reassess leaderboard` hold: python benchmarks/leaderboard_intervals.py IMAGENET REAL.

IMAGENET and REAL are the tables of timm. First slopes, in simulations with their accuracies and families, where the
slope is known; the share of the variance that families, models and single rows have is that of their residuals. Then
what is expected of each row, where its whole family is left out.
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
OF_FAMILY, OF_MODEL, OF_ROW = 0.4, 0.45, 0.15
SIZES = [60, 75, 85, 90], [0.45, 0.32, 0.26, 0.15]  # standard deviation of the residuals by original accuracy
RANGES = [0, 57.9, 70, 76, 78, 80, 82, 84, 86, 88, 100]
Mask = npt.NDArray[np.bool_]


def parts(board: Leaderboard) -> Iterator[tuple[str, Mask]]:
    """The rows of each line."""
    yield "all", np.ones(len(board), np.bool_)
    far_out = set(map(str, fit_trend(board).far_out.entries))
    yield "all but those far out", np.array([str(entry) not in far_out for entry in board.entries])
    yield from ((str(band), band.holds(board.original)) for band in BANDS)


def covered(board: Leaderboard, inside: Mask, groups: npt.NDArray[np.int64], rng: np.random.Generator) -> float:
    """How often the interval over groups holds the slope."""
    x, size, held = board.original, np.interp(board.original, *SIZES), 0
    for _ in range(DRAWS):
        errors = (
            np.sqrt(OF_FAMILY) * rng.standard_normal(len(board))[board.family_ids]
            + np.sqrt(OF_MODEL) * rng.standard_normal(len(board))[board.model_ids]
            + np.sqrt(OF_ROW) * rng.standard_normal(len(board))
        )
        fit = fit_polynomial(x, SLOPE * x + size * errors, groups, inside=inside)
        assert fit is not None
        low, high = fit.coefficient(1).interval
        held += low <= SLOPE <= high
    return held / DRAWS


def left_out(board: Leaderboard) -> Iterator[tuple[float, bool]]:
    """Original accuracy of each row, and whether it is where other families say."""
    rows = list(zip(board.families, board.entries, strict=True))
    for left in dict.fromkeys(board.families):
        others = Leaderboard(tuple(entry for family, entry in rows if family != left))
        for entry in (entry for family, entry in rows if family == left):
            expected = place_models(others, [entry])[0].expected
            assert expected is not None
            yield entry.original, expected.low <= entry.real <= expected.high


def main() -> None:
    board = read_leaderboard(*sys.argv[1:])
    rng = np.random.default_rng(0)
    print(f"{'slope':24}{'over models':>12}{'over families':>15}")
    for name, inside in parts(board):
        shares = [covered(board, inside, groups, rng) for groups in (board.model_ids, board.family_ids)]
        print(f"{name:24}{100 * shares[0]:10.1f} %{100 * shares[1]:13.1f} %")
    original, held = map(np.array, zip(*left_out(board), strict=True))
    for low, high in pairwise(RANGES):
        inside = (original >= low) & (original < high)
        print(f"expected, {low:g} to {high:g} %: {held[inside].sum()} of {inside.sum()} rows are in the interval")


if __name__ == "__main__":
    main()
