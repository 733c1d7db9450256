"""Precision and recall of scores against golden truth at every threshold, and the choice of a threshold.

A threshold keeps the golden pairs with score >= threshold. Precision is the share of kept pairs that are valid; recall
is the share of valid pairs that are kept. Both stay integer counts until they are divided, so they are exact.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.core import Scores
from reassess.core.checks import check_number, check_range, check_type
from reassess.errors import DataError
from reassess.numeric import Proportion
from reassess.numeric.bootstrap import draw_replicate_counts, percentile_bounds
from reassess.text import Printable

REPLICATES = 10_000
_BLOCK = 1 << 20  # number of images drawn at a time


@dataclass(frozen=True)
class Point:
    """Counts at one threshold, or of a rule without a threshold: `hits` are pairs that are kept and valid."""

    threshold: float | None
    hits: int
    kept: int
    valid: int

    @property
    def precision(self) -> Proportion:
        """Hits among kept pairs; without a value if nothing is kept."""
        return Proportion(self.hits, self.kept)

    @property
    def recall(self) -> Proportion:
        """Hits among valid pairs."""
        return Proportion(self.hits, self.valid)

    def to_json(self) -> dict[str, float | None]:
        """The object that JSON documents hold."""
        return {"threshold": self.threshold, "precision": self.precision.value, "recall": self.recall.value}


@dataclass(frozen=True, eq=False, repr=False)
class Bands(Printable):
    """95 % confidence intervals of precision and recall at some thresholds, by bootstrap over images."""

    thresholds: npt.NDArray[np.float64]  # shape (thresholds,)
    precision: tuple[tuple[float, float] | None, ...]  # bounds at each threshold; None if nothing is kept
    recall: tuple[tuple[float, float] | None, ...]  # bounds at each threshold


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall at every threshold."""

    golden: Golden
    values: npt.NDArray[np.float64]  # the score of each golden pair, in [0, 1]
    # Whether the scores were made from the same golden answers, which makes the curve too good; None if unknown.
    in_sample: bool | None = None

    def __post_init__(self) -> None:
        Scores(self.golden.questions, self.values)  # checks shape and range

    def __repr__(self) -> str:
        return f"Curve({self.thresholds.size:,} thresholds, average precision {self.average_precision:.4f})"

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """The distinct scores, highest first; float64, shape (points,)."""
        return self._steps[0]

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """Number of kept pairs at each threshold; int64, shape (points,)."""
        return self._steps[1]

    @property
    def hits(self) -> npt.NDArray[np.int64]:
        """Number of kept valid pairs at each threshold; int64, shape (points,)."""
        return self._steps[2]

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Precision at each threshold, in [0, 1]; shape (points,)."""
        return self.hits / self.kept

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Recall at each threshold, in [0, 1]; shape (points,)."""
        return self.hits / self.golden.positives

    @property
    def average_precision(self) -> float:
        """Sum over thresholds of (gain in recall) * precision, without interpolation."""
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)

    def point(self, row: int) -> Point:
        """Return the point at `thresholds[row]`."""
        threshold, kept, hits = (column[row].item() for column in self._steps)
        return Point(threshold, hits, kept, valid=self.golden.positives)

    def at(self, threshold: float) -> Point:
        """Return the point at any threshold in [0, 1]; it may keep nothing."""
        check_range(threshold, 0, 1, value_name="threshold")
        row = int(np.count_nonzero(self.thresholds >= threshold)) - 1
        kept = self.point(row) if row >= 0 else Point(threshold, hits=0, kept=0, valid=self.golden.positives)
        return replace(kept, threshold=threshold)

    def best_at_precision(self, least: float) -> Point:
        """Find the point of highest recall with at least this precision; ties go to the higher precision."""
        check_range(least, 0, 1, value_name="precision to reach")
        rows = np.flatnonzero(self.precision >= least)
        if not rows.size:
            best = int(np.argmax(self.precision))
            raise DataError(
                "not-reached",
                "no threshold reaches this precision",
                allowed=f"up to {self.precision[best]!s}, at threshold {self.thresholds[best]!s}",
                found=least,
            )
        most = self.hits[rows[-1]]
        return self.point(int(rows[np.argmax(self.hits[rows] == most)]))

    def best_at_recall(self, least: float) -> Point:
        """Find the point of highest precision with at least this recall; ties go to the higher recall.

        The lowest threshold keeps everything, so such a point always exists.
        """
        check_range(least, 0, 1, value_name="recall to reach")
        return self.point(_last_best(np.where(self.recall >= least, self.precision, -1.0)))

    def best_by_f1(self) -> Point:
        """Find the point of highest F1 = 2 hits / (kept + valid); ties go to the higher recall."""
        return self.point(_last_best(2 * self.hits / (self.kept + self.golden.positives)))

    def bands(self, thresholds: npt.NDArray[np.floating], *, replicates: int = REPLICATES, seed: int = 0) -> Bands:
        """Compute 95 % intervals by percentile bootstrap over images; all pairs of an image are drawn together.

        Precision is undefined in a replicate without kept pairs, and recall in a replicate without valid pairs. The
        interval is then that of the other replicates.
        """
        check_number(seed, 0, value_name="seed", is_whole=True)
        levels, questions = np.asarray(thresholds, np.float64), self.golden.questions
        keeps = self.values >= levels[:, None]
        pairs = np.concatenate([keeps, keeps & self.golden.valid, self.golden.valid[None]])
        counts = [np.bincount(questions.image_ids, of_pairs, len(questions.images)) for of_pairs in pairs]
        sums = _resampled_sums(np.array(counts), replicates, seed)
        kept, hits = sums[: levels.size], sums[levels.size : -1]
        valid = np.broadcast_to(sums[-1], (levels.size, replicates))
        return Bands(thresholds=levels, precision=_intervals(hits, kept), recall=_intervals(hits, valid))

    @cached_property
    def _steps(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        order = np.argsort(-self.values, kind="stable")
        ranked = self.values[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)  # last pair of each run of equal scores
        steps = ranked[last], last + 1, np.cumsum(self.golden.valid[order])[last]
        for column in steps:
            column.flags.writeable = False
        return steps


def precision_recall(scores: Scores, golden: Golden, *, in_sample: bool | None = None) -> Curve:
    """Measure precision and recall of scores on golden pairs.

    Each golden pair needs a score. `in_sample` says whether the same golden answers made the scores, None if unknown.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, figure 3.

    >>> from reassess.core import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> golden = Golden(questions, np.array([True, False, True]))
    >>> precision_recall(Scores(questions, np.array([0.9, 0.6, 0.7])), golden).average_precision
    1.0
    """
    check_type(Scores, scores)
    check_type(Golden, golden, value_name="golden answers", fix="golden_truth(EXPERTS)")
    return Curve(golden=golden, values=golden.values_of(scores), in_sample=in_sample)


def _last_best(values: npt.NDArray[np.float64]) -> int:
    return values.size - 1 - int(np.argmax(values[::-1]))


def _resampled_sums(counts: npt.NDArray[np.float64], replicates: int, seed: int) -> npt.NDArray[np.float64]:
    """Sum counts (rows, images) over images drawn with replacement; shape (rows, replicates)."""
    images = counts.shape[1]
    rng = np.random.default_rng(seed)
    sums = np.empty((len(counts), replicates))
    step = max(1, _BLOCK // images)
    for start in range(0, replicates, step):
        part = sums[:, start : start + step]
        # Counts are whole numbers, so the products are exact, whatever the order of summation.
        part[:] = counts @ draw_replicate_counts(rng, images, part.shape[1]).T.astype(np.float64)
    return sums


def _intervals(hits: npt.NDArray[np.float64], n: npt.NDArray[np.float64]) -> tuple[tuple[float, float] | None, ...]:
    """Percentile interval of hits / n over replicates (columns) for each threshold (row)."""
    intervals: list[tuple[float, float] | None] = []
    for hits_at, n_at in zip(hits, n, strict=True):
        is_defined = n_at > 0
        shares = hits_at[is_defined] / n_at[is_defined]
        low, high = percentile_bounds(shares) if shares.size else (np.nan, np.nan)
        intervals.append((float(low), float(high)) if shares.size else None)
    return tuple(intervals)
