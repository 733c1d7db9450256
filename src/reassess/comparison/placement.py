"""Positions of models on a leaderboard: rank, neighbours, and distance from the line of similar models."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess.comparison.comparison_words import TOO_FEW_FAMILIES
from reassess.core import LabelSets, Leaderboard, LeaderboardRow
from reassess.core.checks import check_type
from reassess.core.image_names import join
from reassess.numeric import Proportion
from reassess.numeric.regression import fit_polynomial
from reassess.text import Shown

_NEAREST = 100  # rows of a line: of more, it is not straight; of fewer, it is not steady


@dataclass(frozen=True)
class _ExpectedAccuracy:
    """What ReaL accuracy goes with a model's original accuracy."""

    # rows, families: How many rows, those nearest in original accuracy, the line goes through, and of how many
    # families they are
    rows: int
    families: int
    real: float  # ReaL accuracy on the line, in percent
    # low, high: A prediction interval: 95 % of models of this original accuracy, and of families that the
    # leaderboard does not hold, are in between, if the line is straight and errors are normal. Accuracies end at
    # 0 and 100, and so does it, also where the line goes on
    low: float
    high: float
    residual: float  # How far the model lies above the line, in points; below it is negative
    # The share of the rows that lie less far above it, in [0, 1]; those that lie as far count half
    share_below: float
    extrapolated: bool  # Whether no row has an original accuracy as low, or none as high, as the model has

    @property
    def side(self) -> str:
        """Above or below: where the model lies, seen from the line."""
        return "above" if self.residual >= 0 else "below"


@dataclass(frozen=True, repr=False)
class Placement(Shown):
    """Where a model stands among others."""

    entry: LeaderboardRow  # The model
    of: int  # Number of rows, its own counted
    # real_rank, original_rank: Its ranks among them
    real_rank: int
    original_rank: int
    # better, others: The rows next to it by ReaL accuracy, the best first: those that are better, and those that
    # are not
    better: tuple[LeaderboardRow, ...]
    others: tuple[LeaderboardRow, ...]
    expected: _ExpectedAccuracy | None  # None where there are too few families for a line

    @property
    def caveat(self) -> str:
        """Why nothing is expected, or why the interval may not hold; empty where neither is so."""
        if self.expected is None:
            return f"nothing is expected: {TOO_FEW_FAMILIES} for a line"
        if self.expected.extrapolated:
            return (
                "no row has an original accuracy like this one: the line is drawn out to it, and the interval does not "
                "allow for a bend"
            )
        return ""

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return self.entry.to_json() | {
            "of": self.of,
            "real_rank": self.real_rank,
            "original_rank": self.original_rank,
            "better": [entry.to_json() for entry in self.better],
            "others": [entry.to_json() for entry in self.others],
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
        How many better rows to name, and how many others.

    Returns
    -------
    A `Placement` for each model.

    Examples
    --------
    >>> real = [83.0, 83.4, 84.6, 85.0, 86.1]
    >>> board = Leaderboard(tuple(LeaderboardRow("abcde"[i], 75.0 + i, y) for i, y in enumerate(real)))
    >>> (placement,) = place_models(board, [LeaderboardRow("mine", 77.5, 85.2)], neighbours=1)
    >>> placement.real_rank, placement.of, [entry.model for entry in (*placement.better, *placement.others)]
    (2, 6, ['e', 'd'])
    >>> round(placement.expected.real, 2), round(placement.expected.residual, 2), placement.expected.share_below
    (84.81, 0.39, 1.0)

    Notes
    -----
    The expected accuracy is on the line through the 100 rows nearest in original accuracy. The relation is not a
    straight line: one line through all rows would be above the models at both ends. On the public leaderboard of timm,
    95.2 % of the rows are within the interval that the rows of other families give.
    """
    check_type(Leaderboard, board)
    return tuple(_place(board, model, neighbours) for model in models)


def _place(board: Leaderboard, entry: LeaderboardRow, neighbours: int) -> Placement:
    ranked = [board.entries[row] for row in board.best_first]
    better = int(np.count_nonzero(board.real > entry.real))
    return Placement(
        entry=entry,
        of=len(board) + 1,
        real_rank=1 + better,
        original_rank=1 + int(np.count_nonzero(board.original > entry.original)),
        better=tuple(ranked[max(0, better - neighbours) : better]),
        others=tuple(ranked[better : better + neighbours]),
        expected=_expectation(board, entry),
    )


def original_level(labels: LabelSets, original: LabelSets) -> Proportion:
    """ReaL accuracy of the original labels themselves, over all images that have both."""
    rows = join(labels.images, original.images, known_where="the original labels")
    scored = np.flatnonzero((rows >= 0) & (labels.sizes > 0))
    valid, sizes = labels.of_rows(scored)
    own = original.indices[original.indptr[rows[scored]]]
    return Proportion(hits=int(np.count_nonzero(valid == np.repeat(own, sizes))), n=scored.size)


def _expectation(board: Leaderboard, entry: LeaderboardRow) -> _ExpectedAccuracy | None:
    distance = np.abs(board.original - entry.original)
    near = distance <= np.sort(distance)[min(_NEAREST, distance.size) - 1]  # and all that are as near as the last
    line = fit_polynomial(board.original, board.real, board.family_ids, inside=near)
    if line is None:
        return None
    expected = line.at(entry.original)
    residual = entry.real - expected
    below = int(np.sum(line.residuals < residual)) + int(np.sum(line.residuals <= residual))
    low, high = np.clip(line.prediction(entry.original), 0, 100).tolist()
    x = board.original
    return _ExpectedAccuracy(
        rows=line.residuals.size,
        families=int(line.has_rows.sum()),
        real=expected,
        low=low,
        high=high,
        residual=residual,
        share_below=below / (2 * line.residuals.size),
        extrapolated=not bool(x.min() <= entry.original <= x.max()),
    )
