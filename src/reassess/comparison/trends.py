"""How ReaL accuracy grows with original accuracy: lines in bands of original accuracy, and whether the slope changes.

All intervals are over models, the images being given. Rows of one model go together; different models count as
independent, although relatives are not, so that intervals are rather too narrow than too wide.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.words import TOO_FEW_MODELS
from reassess.core.leaderboard import Leaderboard
from reassess.errors import DataError
from reassess.numeric.regression import Estimate, Polynomial, fit_polynomial

__all__ = ["BANDS", "Band", "Line", "Trend", "trend"]


@dataclass(frozen=True)
class Band:
    """Original accuracies from `low` up to, and without, `high`, in percent.

    >>> print(Band(70, 78))
    70 to 78
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < math.inf:
            raise DataError(
                "a band that holds no accuracy", allowed="from a lower to a higher percent", found=str(self)
            )

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def holds(self, original: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which accuracies are in the band; bool, of the same shape."""
        return np.asarray((original >= self.low) & (original < self.high))

    def to_json(self) -> dict[str, float]:
        """The object that JSON documents hold."""
        return {"low": self.low, "high": self.high}


BANDS = (Band(70, 78), Band(78, 84), Band(82, 90))


@dataclass(frozen=True, eq=False)
class Line:
    """The line of the rows in a band.

    Parameters
    ----------
    band
        None for all rows.
    rows, models
        How many rows and models there are.
    fit
        ReaL accuracy on original accuracy; None where there are too few models.
    """

    band: Band | None
    rows: int
    models: int
    fit: Polynomial | None

    def __str__(self) -> str:
        return "all" if self.band is None else str(self.band)

    @property
    def slope(self) -> Estimate | None:
        """Points of ReaL accuracy for each point of original accuracy."""
        return None if self.fit is None else self.fit.coefficient(1)

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "band": None if self.band is None else self.band.to_json(),
            "rows": self.rows,
            "models": self.models,
            "slope": None if self.slope is None else self.slope.to_json(),
            **({"slope_reason": TOO_FEW_MODELS} if self.slope is None else {}),
        }


@dataclass(frozen=True, eq=False)
class Trend:
    """Lines through a leaderboard, and how the slope changes.

    Parameters
    ----------
    board
        The leaderboard.
    overall
        The line of all rows.
    lines
        The line of each band.
    bend
        By how much the slope changes for each point of original accuracy, of a parabola through the rows that are in
        any of the bands; None where there are too few models.
    """

    board: Leaderboard
    overall: Line
    lines: tuple[Line, ...]
    bend: Estimate | None

    @property
    def changes(self) -> list[tuple[Line, Line, Estimate]]:
        """The slope of each band less that of the band before, where both have one; the bands may overlap."""
        return [
            (before, after, after.fit.less(before.fit, 1))
            for before, after in pairwise(self.lines)
            if before.fit is not None and after.fit is not None
        ]

    @property
    def kendall(self) -> float | None:
        """Kendall's tau-b of the two accuracies over all rows; None where all rows are equal by one of them."""
        from scipy.stats import kendalltau

        return self._correlation(kendalltau)

    @property
    def spearman(self) -> float | None:
        """Spearman's rank correlation of the two accuracies over all rows; None as for `kendall`."""
        from scipy.stats import spearmanr

        return self._correlation(spearmanr)

    def _correlation(self, method: Callable[..., Any]) -> float | None:
        columns = self.board.original, self.board.real
        if any(np.ptp(column) == 0 for column in columns):
            return None
        return float(method(*columns).statistic)

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "interval": "95 %, jackknife over models, all rows of a model together",
            "lines": [line.to_json() for line in (self.overall, *self.lines)],
            "changes": [
                {"from": before.band.to_json(), "to": after.band.to_json(), **change.to_json()}
                for before, after, change in self.changes
                if before.band is not None and after.band is not None
            ],
            "bend": None if self.bend is None else self.bend.to_json(),
            **({"bend_reason": TOO_FEW_MODELS} if self.bend is None else {}),
        }


def trend(board: Leaderboard, bands: Sequence[Band] = BANDS) -> Trend:
    """Fit lines of ReaL accuracy on original accuracy, to all rows and in bands.

    Parameters
    ----------
    board
        The leaderboard.
    bands
        In the order in which their slopes are compared, each with the one before; they may overlap.

    Returns
    -------
    Trend

    Examples
    --------
    >>> from reassess.core.leaderboard import Entry
    >>> original = np.arange(70, 90)
    >>> real = 100 - (100 - original) ** 2 / 40
    >>> board = Leaderboard(tuple(Entry(f"m{x}", float(x), y) for x, y in zip(original, real)))
    >>> result = trend(board, [Band(70, 80), Band(80, 90)])
    >>> [round(line.slope.value, 6) for line in result.lines], round(result.bend.value, 6)
    ([1.275, 0.775], -0.05)

    Notes
    -----
    Source of the question: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """
    lines = tuple(_line(board, band) for band in bands)
    nowhere = np.zeros(len(board), np.bool_)
    inside = np.any([nowhere, *(line.band.holds(board.original) for line in lines if line.band is not None)], axis=0)
    parabola = fit_polynomial(board.original, board.real, board.model_ids, inside=inside, degree=2)
    bend = None
    if parabola is not None:
        half = parabola.coefficient(2)
        bend = Estimate(value=2 * half.value, error=2 * half.error, df=half.df)
    return Trend(board=board, overall=_line(board, None), lines=lines, bend=bend)


def _line(board: Leaderboard, band: Band | None) -> Line:
    inside = np.ones(len(board), np.bool_) if band is None else band.holds(board.original)
    return Line(
        band=band,
        rows=int(inside.sum()),
        models=np.unique(board.model_ids[inside]).size,
        fit=fit_polynomial(board.original, board.real, board.model_ids, inside=inside),
    )
