"""Trend of ReaL accuracy with original accuracy: lines in bands of original accuracy, and their slopes.

All intervals are over families of models, because errors of models of the same family are correlated. The images are
fixed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.comparison_words import TOO_FEW_FAMILIES
from reassess.core import Leaderboard, LeaderboardRow
from reassess.core.checks import check_type
from reassess.errors import DataError
from reassess.numeric import Estimate
from reassess.numeric.regression import PolynomialFit, fit_polynomial
from reassess.text import Printable

_FENCE_RANGES = 3  # interquartile ranges from a quartile to its outer fence


@dataclass(frozen=True)
class Band:
    """A range of original accuracies, low <= accuracy < high, in percent."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < math.inf:
            raise DataError(
                "empty",
                "wrong range of accuracies",
                allowed="LOW to HIGH in percent, where LOW is at least 0 and below HIGH",
                found=str(self),
            )

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def contains(self, original_accuracies: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return whether each accuracy is in the band; bool, same shape."""
        return np.asarray((original_accuracies >= self.low) & (original_accuracies < self.high))

    def to_json(self) -> dict[str, float]:
        """Return a dict for JSON output."""
        return {"low": self.low, "high": self.high}


BANDS = (Band(70, 78), Band(78, 84), Band(82, 90))


@dataclass(frozen=True, eq=False, repr=False)
class TrendLine(Printable):
    """A line fitted to the leaderboard rows in a band: ReaL accuracy by original accuracy."""

    band: Band | None  # None for all rows
    n_rows: int  # number of rows
    n_models: int  # number of models
    n_families: int  # number of families
    fit: PolynomialFit | None  # ReaL accuracy on original accuracy; None if there are too few families

    def __str__(self) -> str:
        return "all" if self.band is None else str(self.band)

    @property
    def slope(self) -> Estimate | None:
        """Slope of the line: points of ReaL accuracy per point of original accuracy."""
        return None if self.fit is None else self.fit.coefficient(1)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "band": None if self.band is None else self.band.to_json(),
            "rows": self.n_rows,
            "models": self.n_models,
            "families": self.n_families,
            "slope": None if self.slope is None else self.slope.to_json(),
            **({"slope_reason": TOO_FEW_FAMILIES} if self.slope is None else {}),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Outliers(Printable):
    """Rows that are so far from the other rows that they would dominate a line fitted to all rows.

    A row counts as far out only if all rows of its model family are far out. So the smallest model of an ordinary
    family is not an outlier.

    Source of the fences, and of the term far out: Tukey, "Exploratory data analysis" (1977), chapter 2.
    """

    # lower_fence, upper_fence: outer fences of original accuracy, in percent: three interquartile ranges below the
    # lower quartile and above the upper quartile. If the quartiles are equal, all accuracies are within the fences
    lower_fence: float
    upper_fence: float
    rows: tuple[LeaderboardRow, ...]  # rows of families that are entirely beyond the fences, by original accuracy
    line_without_outliers: TrendLine  # line of all other rows

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        rows = [entry.to_json() for entry in self.rows]
        return {
            "low": self.lower_fence,
            "high": self.upper_fence,
            "rows": rows,
            "line": self.line_without_outliers.to_json(),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Trend(Printable):
    """Lines fitted to a leaderboard in bands of original accuracy, and how the slope changes between bands."""

    leaderboard: Leaderboard
    overall_line: TrendLine  # line of all rows
    outliers: Outliers  # outliers, and the line without them
    band_lines: tuple[TrendLine, ...]  # line of each band
    # by a parabola fitted to the rows in all bands; None if there are too few families
    slope_change_per_point: Estimate | None

    @property
    def band_slope_changes(self) -> list[tuple[TrendLine, TrendLine, Estimate]]:
        """Slope of each band's line minus the slope of the previous band's line; bands without a line are skipped."""
        return [
            (before, after, after.fit.coefficient_difference(before.fit, 1))
            for before, after in pairwise(self.band_lines)
            if before.fit is not None and after.fit is not None
        ]

    @property
    def kendall_tau(self) -> float | None:
        """Kendall's tau-b of the two accuracies over all rows; None if either accuracy is constant."""
        from scipy.stats import kendalltau

        return self._compute_rank_correlation(kendalltau)

    @property
    def spearman_correlation(self) -> float | None:
        """Spearman's rank correlation of the two accuracies over all rows; None if either is constant."""
        from scipy.stats import spearmanr

        return self._compute_rank_correlation(spearmanr)

    def _compute_rank_correlation(self, method: Callable[..., Any]) -> float | None:
        """Compute a rank correlation of the two accuracies; None if either is constant."""
        columns = self.leaderboard.original_accuracies, self.leaderboard.reassessed_accuracies
        if any(np.ptp(column) == 0 for column in columns):
            return None
        return float(method(*columns).statistic)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "interval": "95 %, jackknife over families, all rows of a family together",
            "lines": [line.to_json() for line in (self.overall_line, *self.band_lines)],
            "far_out": self.outliers.to_json(),
            "changes": [
                {"from": before.band.to_json(), "to": after.band.to_json(), **change.to_json()}
                for before, after, change in self.band_slope_changes
                if before.band is not None and after.band is not None
            ],
            "bend": None if self.slope_change_per_point is None else self.slope_change_per_point.to_json(),
            **({"bend_reason": TOO_FEW_FAMILIES} if self.slope_change_per_point is None else {}),
        }


def fit_trend(leaderboard: Leaderboard, bands: Sequence[Band] = BANDS) -> Trend:
    """Fit lines of ReaL accuracy by original accuracy: one to all rows, and one in each band.

    Parameters
    ----------
    leaderboard
        The leaderboard.
    bands
        Bands of original accuracy. The slope in each band is compared with the previous band's; bands may overlap.

    Returns
    -------
    Trend

    Examples
    --------
    >>> import string
    >>> original = np.arange(70, 90)
    >>> real = 100 - (100 - original) ** 2 / 40
    >>> rows = zip(string.ascii_letters, original.tolist(), real.tolist())
    >>> board = Leaderboard(tuple(LeaderboardRow(name, x, y) for name, x, y in rows))
    >>> result = fit_trend(board, [Band(70, 80), Band(80, 90)])
    >>> [round(line.slope.value, 6) for line in result.band_lines], round(result.slope_change_per_point.value, 6)
    ([1.275, 0.775], -0.05)

    Notes
    -----
    Source of the question: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 4.
    """
    check_type(Leaderboard, leaderboard)
    in_bands = [band.contains(leaderboard.original_accuracies) for band in bands]
    inside = np.any([np.zeros(len(leaderboard), np.bool_), *in_bands], axis=0)
    parabola = fit_polynomial(
        leaderboard.original_accuracies,
        leaderboard.reassessed_accuracies,
        leaderboard.family_ids,
        is_used=inside,
        degree=2,
    )
    bend = None
    if parabola is not None:
        square = parabola.coefficient(2)  # the slope of a parabola changes by twice this per point
        bend = Estimate(value=2 * square.value, standard_error=2 * square.standard_error, df=square.df)
    return Trend(
        leaderboard=leaderboard,
        overall_line=_fit_line(leaderboard, np.ones(len(leaderboard), np.bool_)),
        outliers=_find_outliers(leaderboard),
        band_lines=tuple(_fit_line(leaderboard, rows, band) for band, rows in zip(bands, in_bands, strict=True)),
        slope_change_per_point=bend,
    )


def _find_outliers(leaderboard: Leaderboard) -> Outliers:
    """Find the model families whose rows are all beyond Tukey's fences, and fit a line to the other rows."""
    first, third = np.percentile(leaderboard.original_accuracies, [25, 75]).tolist()
    reach = _FENCE_RANGES * (third - first) or 100.0  # equal quartiles do not measure spread, so nothing is far out
    low, high = first - reach, third + reach
    is_between = (leaderboard.original_accuracies >= low) & (leaderboard.original_accuracies <= high)
    is_ordinary = np.bincount(leaderboard.family_ids, is_between)[leaderboard.family_ids] > 0
    entries = [leaderboard.entries[row] for row in np.flatnonzero(~is_ordinary).tolist()]
    return Outliers(
        lower_fence=low,
        upper_fence=high,
        rows=tuple(sorted(entries, key=lambda entry: (entry.original_accuracy, str(entry)))),
        line_without_outliers=_fit_line(leaderboard, is_ordinary),
    )


def _fit_line(leaderboard: Leaderboard, is_inside: npt.NDArray[np.bool_], band: Band | None = None) -> TrendLine:
    """Fit a line to some rows of a leaderboard."""
    return TrendLine(
        band=band,
        n_rows=int(is_inside.sum()),
        n_models=np.unique(leaderboard.model_ids[is_inside]).size,
        n_families=np.unique(leaderboard.family_ids[is_inside]).size,
        fit=fit_polynomial(
            leaderboard.original_accuracies,
            leaderboard.reassessed_accuracies,
            leaderboard.family_ids,
            is_used=is_inside,
        ),
    )
