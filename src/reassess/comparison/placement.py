"""Positions of models on a leaderboard: rank, neighbours, and distance from a line fitted to similar models."""

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
    """The ReaL accuracy expected from a model's original accuracy, by a line fitted to similar models."""

    n_rows: int  # number of rows that the line is fitted to: the rows nearest in original accuracy
    n_families: int  # number of families of these rows
    accuracy_on_line: float  # in percent
    # interval_low, interval_high: 95 % prediction interval for a model of this original accuracy from a new family, if
    # the relation is linear and errors are normal; clipped to 0 and 100
    interval_low: float
    interval_high: float
    residual: float  # ReaL accuracy of the model minus that on the line, in points
    share_of_rows_below: float  # share of rows with a smaller residual, in [0, 1]; equal residuals count one half
    is_extrapolated: bool  # whether the original accuracy is outside the range of all rows

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "rows": self.n_rows,
            "families": self.n_families,
            "real": self.accuracy_on_line,
            "low": self.interval_low,
            "high": self.interval_high,
            "residual": self.residual,
            "share_below": self.share_of_rows_below,
            "extrapolated": self.is_extrapolated,
        }

    @property
    def side_of_line(self) -> str:
        """``above`` if the model's ReaL accuracy is on or above the line, otherwise ``below``."""
        return "above" if self.residual >= 0 else "below"


@dataclass(frozen=True, repr=False)
class Placement(Printable):
    """A model's position among published results."""

    model_row: LeaderboardRow  # the model
    n_rows: int  # number of rows, including the model's
    real_rank: int  # rank by ReaL accuracy
    original_rank: int  # rank by original accuracy
    better_rows: tuple[LeaderboardRow, ...]  # nearest rows with a higher ReaL accuracy, the best first
    worse_or_equal_rows: tuple[LeaderboardRow, ...]  # nearest rows with an equal or lower ReaL accuracy, the best first
    expected_accuracy: _ExpectedAccuracy | None  # None if there are too few families for a line

    @property
    def caveat(self) -> str:
        """Why the expected accuracy is missing, or why its interval is uncertain; otherwise empty."""
        if self.expected_accuracy is None:
            return f"no expected accuracy: {TOO_FEW_FAMILIES} for a line"
        if self.expected_accuracy.is_extrapolated:
            return (
                "the original accuracy is outside the range of the leaderboard: the line is extrapolated, and the "
                "interval assumes that it stays straight"
            )
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return self.model_row.to_json() | {
            "of": self.n_rows,
            "real_rank": self.real_rank,
            "original_rank": self.original_rank,
            "better": [entry.to_json() for entry in self.better_rows],
            "others": [entry.to_json() for entry in self.worse_or_equal_rows],
            "expected": None if self.expected_accuracy is None else self.expected_accuracy.to_json(),
            **({"expected_reason": TOO_FEW_FAMILIES} if self.expected_accuracy is None else {}),
        }


def place_models(
    leaderboard: Leaderboard, models: Iterable[LeaderboardRow], *, n_neighbours: int = 3
) -> tuple[Placement, ...]:
    """Find the position of each model on a leaderboard that does not contain it.

    Parameters
    ----------
    leaderboard
        The leaderboard.
    models
        The models.
    n_neighbours
        Number of nearest rows to return on each side: better rows, and rows that are worse or equal.

    Returns
    -------
    tuple of Placement
        One for each model.

    Examples
    --------
    >>> real = [83.0, 83.4, 84.6, 85.0, 86.1]
    >>> board = Leaderboard(tuple(LeaderboardRow("abcde"[i], 75.0 + i, y) for i, y in enumerate(real)))
    >>> (placement,) = place_models(board, [LeaderboardRow("mine", 77.5, 85.2)], n_neighbours=1)
    >>> near = *placement.better_rows, *placement.worse_or_equal_rows
    >>> placement.real_rank, placement.n_rows, [row.model for row in near]
    (2, 6, ['e', 'd'])
    >>> expected = placement.expected_accuracy
    >>> round(expected.accuracy_on_line, 2), round(expected.residual, 2), expected.share_of_rows_below
    (84.81, 0.39, 1.0)

    Notes
    -----
    The expected accuracy is on a line fitted to the 100 rows nearest in original accuracy. The overall relation is not
    linear: a line fitted to all rows would be above the models at both ends. On the public leaderboard of timm, 95.2 %
    of the rows are within the interval that is computed from the rows of other families.
    """
    check_type(Leaderboard, leaderboard)
    return tuple(_place_model(leaderboard, model, n_neighbours) for model in models)


def _place_model(leaderboard: Leaderboard, model_row: LeaderboardRow, n_neighbours: int) -> Placement:
    """Find the position of one model on the leaderboard."""
    ranked = [leaderboard.entries[row] for row in leaderboard.rows_by_reassessed_accuracy]
    better = int(np.count_nonzero(leaderboard.reassessed_accuracies > model_row.reassessed_accuracy))
    return Placement(
        model_row=model_row,
        n_rows=len(leaderboard) + 1,
        real_rank=1 + better,
        original_rank=1 + int(np.count_nonzero(leaderboard.original_accuracies > model_row.original_accuracy)),
        better_rows=tuple(ranked[max(0, better - n_neighbours) : better]),
        worse_or_equal_rows=tuple(ranked[better : better + n_neighbours]),
        expected_accuracy=_estimate_real_accuracy(leaderboard, model_row),
    )


def measure_original_label_accuracy(labels: LabelSets, original: LabelSets) -> Proportion:
    """Compute the ReaL accuracy of the original labels, over images that also have a nonempty label set."""
    rows = match_images(labels.images, original.images, known_where="the original labels")
    scored = np.flatnonzero((rows >= 0) & (labels.sizes > 0))
    valid, sizes = labels.classes_of_rows(scored)
    own = original.indices[original.indptr[rows[scored]]]
    return Proportion(hits=int(np.count_nonzero(valid == np.repeat(own, sizes))), n=scored.size)


def _estimate_real_accuracy(leaderboard: Leaderboard, model_row: LeaderboardRow) -> _ExpectedAccuracy | None:
    """Predict a model's ReaL accuracy by a line fitted to similar models; None if too few families are similar."""
    distance = np.abs(leaderboard.original_accuracies - model_row.original_accuracy)
    # With ties at the largest distance.
    is_near = distance <= np.sort(distance)[min(_N_NEAREST_ROWS, distance.size) - 1]
    line = fit_polynomial(
        leaderboard.original_accuracies, leaderboard.reassessed_accuracies, leaderboard.family_ids, is_used=is_near
    )
    if line is None:
        return None
    expected = line.value_at(model_row.original_accuracy)
    residual = model_row.reassessed_accuracy - expected
    below = int(np.sum(line.residuals < residual)) + int(np.sum(line.residuals <= residual))
    low, high = np.clip(line.prediction_interval(model_row.original_accuracy), 0, 100).tolist()
    x = leaderboard.original_accuracies
    return _ExpectedAccuracy(
        n_rows=line.residuals.size,
        n_families=int(line.has_rows.sum()),
        accuracy_on_line=expected,
        interval_low=low,
        interval_high=high,
        residual=residual,
        share_of_rows_below=below / (2 * line.residuals.size),
        is_extrapolated=not bool(x.min() <= model_row.original_accuracy <= x.max()),
    )
