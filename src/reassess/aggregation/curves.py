"""Precision and recall of scores against golden truth, at every threshold, and the choice of one.

Precision: of the golden pairs that are kept (score >= threshold), the share that is valid. Recall: of the valid golden
pairs, the share that is kept. Every figure is a count over another until the last moment.
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
from reassess.numeric.bootstrap import draw_count_rows, percentile_bounds
from reassess.text import Shown

REPLICATES = 10_000
_BLOCK = 1 << 20  # so many images are drawn at a time


@dataclass(frozen=True)
class Point:
    """What one threshold keeps, or a rule without one: `hits` of the `kept` pairs, and of the `valid` pairs."""

    threshold: float | None
    hits: int
    kept: int
    valid: int

    @property
    def precision(self) -> Proportion:
        """Hits of kept; without a value where nothing is kept."""
        return Proportion(self.hits, self.kept)

    @property
    def recall(self) -> Proportion:
        """Hits of valid."""
        return Proportion(self.hits, self.valid)

    def to_json(self) -> dict[str, float | None]:
        """The object that JSON documents hold."""
        return {"threshold": self.threshold, "precision": self.precision.value, "recall": self.recall.value}


@dataclass(frozen=True, eq=False, repr=False)
class Bands(Shown):
    """95 % intervals of precision and recall, over images, at some thresholds."""

    thresholds: npt.NDArray[np.float64]  # shape (thresholds,)
    precision: tuple[tuple[float, float] | None, ...]  # the bounds at each threshold; None if nothing is kept
    recall: tuple[tuple[float, float] | None, ...]  # as `precision`


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall at every threshold."""

    golden: Golden
    values: npt.NDArray[np.float64]  # the score of each golden pair, in [0, 1]
    # Whether the golden answers that judge the scores also made them, which flatters; None if that is unknown.
    in_sample: bool | None = None

    def __post_init__(self) -> None:
        Scores(self.golden.questions, self.values)  # the checks are the same

    def __repr__(self) -> str:
        return f"Curve({self.thresholds.size:,} thresholds, average precision {self.average_precision:.4f})"

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """Every score that occurs, the highest first; float64, shape (points,)."""
        return self._steps[0]

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """Number of pairs that each threshold keeps; int64, shape (points,)."""
        return self._steps[1]

    @property
    def hits(self) -> npt.NDArray[np.int64]:
        """Number of valid pairs that each threshold keeps; int64, shape (points,)."""
        return self._steps[2]

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """At each threshold, in [0, 1]; shape (points,)."""
        return self.hits / self.kept

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """At each threshold, in [0, 1]; shape (points,)."""
        return self.hits / self.golden.positives

    @property
    def average_precision(self) -> float:
        """Sum over thresholds of the gain in recall times the precision: step-wise, pairs of one score together."""
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)

    def point(self, row: int) -> Point:
        """The point of one threshold of `thresholds`."""
        threshold, kept, hits = (column[row].item() for column in self._steps)
        return Point(threshold, hits, kept, valid=self.golden.positives)

    def at(self, threshold: float) -> Point:
        """The point of any threshold in [0, 1]; it may keep nothing."""
        check_range(threshold, 0, 1, what="threshold")
        row = int(np.count_nonzero(self.thresholds >= threshold)) - 1
        kept = self.point(row) if row >= 0 else Point(threshold, hits=0, kept=0, valid=self.golden.positives)
        return replace(kept, threshold=threshold)

    def with_precision(self, least: float) -> Point:
        """The point of highest recall among those that reach a precision; of equals, the most precise."""
        check_range(least, 0, 1, what="precision to reach")
        reaching = np.flatnonzero(self.precision >= least)
        if not reaching.size:
            best = int(np.argmax(self.precision))
            raise DataError(
                "not-reached",
                "no threshold reaches this precision",
                allowed=f"up to {self.precision[best]!s}, at threshold {self.thresholds[best]!s}",
                found=least,
            )
        most = self.hits[reaching[-1]]
        return self.point(int(reaching[np.argmax(self.hits[reaching] == most)]))

    def with_recall(self, least: float) -> Point:
        """The point of highest precision among those that reach a recall; of equals, the one of highest recall.

        The lowest threshold keeps everything, so that every recall is reached.
        """
        check_range(least, 0, 1, what="recall to reach")
        return self.point(_last_best(np.where(self.recall >= least, self.precision, -1.0)))

    def with_best_f1(self) -> Point:
        """The point of highest F1, which is 2 hits / (kept + valid); of equals, the one of highest recall."""
        return self.point(_last_best(2 * self.hits / (self.kept + self.golden.positives)))

    def bands(self, thresholds: npt.NDArray[np.floating], *, replicates: int = REPLICATES, seed: int = 0) -> Bands:
        """95 % intervals at some thresholds: percentile bootstrap over images, all pairs of an image together.

        A replicate without a kept (or a valid) pair has no precision (or recall), and is left out of its interval.
        """
        check_number(seed, 0, what="seed", whole=True)
        cut, questions = np.asarray(thresholds, np.float64), self.golden.questions
        keeps = self.values >= cut[:, None]
        pairs = np.concatenate([keeps, keeps & self.golden.valid, self.golden.valid[None]])
        counts = [np.bincount(questions.image_ids, of_pairs, len(questions.images)) for of_pairs in pairs]
        sums = _resampled_sums(np.array(counts), replicates, seed)
        kept, hits, valid = sums[: cut.size], sums[cut.size : -1], np.broadcast_to(sums[-1], (cut.size, replicates))
        return Bands(thresholds=cut, precision=_intervals(hits, kept), recall=_intervals(hits, valid))

    @cached_property
    def _steps(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        order = np.argsort(-self.values, kind="stable")
        ranked = self.values[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)  # of each run of equal scores
        steps = ranked[last], last + 1, np.cumsum(self.golden.valid[order])[last]
        for column in steps:
            column.flags.writeable = False
        return steps


def precision_recall(scores: Scores, golden: Golden, *, in_sample: bool | None = None) -> Curve:
    """Measure precision and recall of scores on golden pairs, each of which needs a score; `in_sample` as in `Curve`.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, figure 3.

    >>> from reassess.core import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> golden = Golden(questions, np.array([True, False, True]))
    >>> precision_recall(Scores(questions, np.array([0.9, 0.6, 0.7])), golden).average_precision
    1.0
    """
    check_type(Scores, scores)
    check_type(Golden, golden, what="golden answers", fix="golden_truth(EXPERTS)")
    return Curve(golden=golden, values=golden.values_of(scores), in_sample=in_sample)


def _last_best(figure: npt.NDArray[np.float64]) -> int:
    return figure.size - 1 - int(np.argmax(figure[::-1]))


def _resampled_sums(counts: npt.NDArray[np.float64], replicates: int, seed: int) -> npt.NDArray[np.float64]:
    """Sums over images drawn with replacement; counts (figures, images) to (figures, replicates).

    Counts are whole numbers, so that the products are exact and do not depend on the order of summation.
    """
    images = counts.shape[1]
    rng = np.random.default_rng(seed)
    sums = np.empty((len(counts), replicates))
    step = max(1, _BLOCK // images)
    for start in range(0, replicates, step):
        part = sums[:, start : start + step]
        part[:] = counts @ draw_count_rows(rng, images, part.shape[1]).T.astype(np.float64)
    return sums


def _intervals(hits: npt.NDArray[np.float64], n: npt.NDArray[np.float64]) -> tuple[tuple[float, float] | None, ...]:
    """Percentile interval of hits / n over replicates (columns) for each threshold (row)."""
    intervals: list[tuple[float, float] | None] = []
    for hits_at, n_at in zip(hits, n, strict=True):
        known = n_at > 0
        shares = hits_at[known] / n_at[known]
        low, high = percentile_bounds(shares) if shares.size else (np.nan, np.nan)
        intervals.append((float(low), float(high)) if shares.size else None)
    return tuple(intervals)
