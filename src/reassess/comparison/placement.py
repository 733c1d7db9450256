"""Positions of models on a leaderboard: rank, neighbours, and distance from the line of similar models."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess.comparison.comparison_words import TOO_FEW_FAMILIES
from reassess.core import LabelSets, Leaderboard, LeaderboardRow
from reassess.core.checks import check_type
from reassess.core.image_names import match_images
from reassess.numeric import Proportion
from reassess.numeric.regression import fit_polynomial
from reassess.text import Printable

_N_NEAREST_ROWS = 100  # rows for a line: with more, the relation is not straight; with fewer, the line varies too much


@dataclass(frozen=True)
class _ExpectedAccuracy:
    """The ReaL accuracy expected from a model's original accuracy."""

    rows: int  # number of rows that the line is fitted to: the rows nearest in original accuracy
    families: int  # number of families of these rows
    real: float  # ReaL accuracy on the line, in percent
    # low, high: 95 % prediction interval for a model of this original accuracy from a new family, if the relation is
    # linear and errors are normal; clipped to 0 and 100
    low: float
    high: float
    residual: float  # ReaL accuracy of the model minus that on the line, in points
    share_below: float  # share of rows with a smaller residual, in [0, 1]; equal residuals count one half
    extrapolated: bool  # whether the original accuracy is outside the range of all rows

    @property
    def side(self) -> str:
        """``above`` or ``below``: the side of the line where the model is."""
        return "above" if self.residual >= 0 else "below"


@dataclass(frozen=True, repr=False)
class Placement(Printable):
    """A model's position among published results."""

    entry: LeaderboardRow  # the model
    n_rows: int  # number of rows, including the model's
    real_rank: int  # rank by ReaL accuracy
    original_rank: int  # rank by original accuracy
    better_rows: tuple[LeaderboardRow, ...]  # nearest rows with a higher ReaL accuracy, the best first
    other_rows: tuple[LeaderboardRow, ...]  # nearest rows with an equal or lower ReaL accuracy, the best first
    expected: _ExpectedAccuracy | None  # None if there are too few families for a line

    @property
    def caveat(self) -> str:
        """Reason why the expected accuracy is missing or its interval uncertain; empty if neither."""
        if self.expected is None:
            return f"no expected accuracy: {TOO_FEW_FAMILIES} for a line"
        if self.expected.extrapolated:
            return (
                "the original accuracy is outside the range of the leaderboard: the line is extrapolated, and the "
                "interval assumes that it stays straight"
            )
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return self.entry.to_json() | {
            "of": self.n_rows,
            "real_rank": self.real_rank,
            "original_rank": self.original_rank,
            "better": [entry.to_json() for entry in self.better_rows],
            "others": [entry.to_json() for entry in self.other_rows],
            "expected": None if self.expected is None else dict(vars(self.expected)),
            **({"expected_reason": TOO_FEW_FAMILIES} if self.expected is None else {}),
        }


def place_models(board: Leaderboard, models: Iterable[LeaderboardRow], *, neighbours: int = 3) -> tuple[Placement, ...]:
    """Find the position of each model on a leaderboard that does not contain it.

    Parameters
    ----------
    board
        The leaderboard.
    models
        The models.
    neighbours
        Number of nearest rows to return on each side: better rows, and other rows.

    Returns
    -------
    tuple of Placement
        One for each model.

    Examples
    --------
    >>> real = [83.0, 83.4, 84.6, 85.0, 86.1]
    >>> board = Leaderboard(tuple(LeaderboardRow("abcde"[i], 75.0 + i, y) for i, y in enumerate(real)))
    >>> (placement,) = place_models(board, [LeaderboardRow("mine", 77.5, 85.2)], neighbours=1)
    >>> near = *placement.better_rows, *placement.other_rows
    >>> placement.real_rank, placement.n_rows, [row.model for row in near]
    (2, 6, ['e', 'd'])
    >>> round(placement.expected.real, 2), round(placement.expected.residual, 2), placement.expected.share_below
    (84.81, 0.39, 1.0)

    Notes
    -----
    The expected accuracy is on a line fitted to the 100 rows nearest in original accuracy. The overall relation is not
    linear: a line fitted to all rows would be above the models at both ends. On the public leaderboard of timm, 95.2 %
    of the rows are within the interval that is computed from the rows of other families.
    """
    check_type(Leaderboard, board)
    return tuple(_place_model(board, model, neighbours) for model in models)


def _place_model(board: Leaderboard, entry: LeaderboardRow, n_neighbours: int) -> Placement:
    """Find the position of one model on the leaderboard."""
    ranked = [board.entries[row] for row in board.rows_best_first]
    better = int(np.count_nonzero(board.reassessed_accuracies > entry.reassessed_accuracy))
    return Placement(
        entry=entry,
        n_rows=len(board) + 1,
        real_rank=1 + better,
        original_rank=1 + int(np.count_nonzero(board.original_accuracies > entry.original_accuracy)),
        better_rows=tuple(ranked[max(0, better - n_neighbours) : better]),
        other_rows=tuple(ranked[better : better + n_neighbours]),
        expected=_expect_accuracy(board, entry),
    )


def measure_original_labels(labels: LabelSets, original: LabelSets) -> Proportion:
    """Compute the ReaL accuracy of the original labels, over images with both labels."""
    rows = match_images(labels.images, original.images, known_place="the original labels")
    scored = np.flatnonzero((rows >= 0) & (labels.sizes > 0))
    valid, sizes = labels.classes_of_rows(scored)
    own = original.indices[original.indptr[rows[scored]]]
    return Proportion(hits=int(np.count_nonzero(valid == np.repeat(own, sizes))), n=scored.size)


def _expect_accuracy(board: Leaderboard, entry: LeaderboardRow) -> _ExpectedAccuracy | None:
    """Read a model's ReaL accuracy off a line through the nearest rows; None if families are too few."""
    distance = np.abs(board.original_accuracies - entry.original_accuracy)
    is_near = (
        distance <= np.sort(distance)[min(_N_NEAREST_ROWS, distance.size) - 1]
    )  # with ties at the largest distance
    line = fit_polynomial(board.original_accuracies, board.reassessed_accuracies, board.family_ids, is_used=is_near)
    if line is None:
        return None
    expected = line.evaluate(entry.original_accuracy)
    residual = entry.reassessed_accuracy - expected
    below = int(np.sum(line.residuals < residual)) + int(np.sum(line.residuals <= residual))
    low, high = np.clip(line.prediction_interval(entry.original_accuracy), 0, 100).tolist()
    x = board.original_accuracies
    return _ExpectedAccuracy(
        rows=line.residuals.size,
        families=int(line.has_rows.sum()),
        real=expected,
        low=low,
        high=high,
        residual=residual,
        share_below=below / (2 * line.residuals.size),
        extrapolated=not bool(x.min() <= entry.original_accuracy <= x.max()),
    )
