"""Precision and recall of scores on golden questions at every threshold; the choice of a threshold.

A golden question is an image and a class. A threshold keeps the questions with score >= threshold. Precision is the
share of kept questions that are valid; recall is the share of valid questions that are kept. Their counts are divided
last, so precision and recall are exact.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import GoldenQuestions
from reassess.aggregation.probability_calibration import Calibration, measure_calibration
from reassess.core import Scores
from reassess.core.checks import check_number, check_range, check_type
from reassess.errors import DataError
from reassess.numeric import Proportion
from reassess.numeric.bootstrap import draw_replicate_counts, percentile_bounds
from reassess.numeric.proportions import share_interval
from reassess.text import Printable

N_REPLICATES = 10_000
_IMAGES_PER_BLOCK = 1 << 20  # number of images drawn at a time

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """Precision and recall at one threshold, or of a rule that has no threshold."""

    threshold: float | None
    n_hits: int  # kept questions that are valid
    n_kept_questions: int  # kept questions
    n_valid: int  # valid questions

    @property
    def precision(self) -> Proportion:
        """Share of kept questions that are valid; its value is None if no question is kept."""
        return Proportion(self.n_hits, self.n_kept_questions)

    @property
    def recall(self) -> Proportion:
        """Share of valid questions that are kept."""
        return Proportion(self.n_hits, self.n_valid)

    def to_json(self) -> dict[str, float | None]:
        """Return a dict for JSON output."""
        return {"threshold": self.threshold, "precision": self.precision.value, "recall": self.recall.value}


@dataclass(frozen=True, eq=False, repr=False)
class Bands(Printable):
    """95 % confidence intervals of precision and recall at some thresholds, by bootstrap over images."""

    thresholds: npt.NDArray[np.float64]  # shape (thresholds,)
    precision: tuple[tuple[float, float] | None, ...]  # bounds at each threshold; None if no question is kept
    recall: tuple[tuple[float, float] | None, ...]  # bounds at each threshold


class _CurvePoints(NamedTuple):
    """The points of a curve, each at a distinct score; shape (points,)."""

    thresholds: npt.NDArray[np.float64]
    n_kept_questions: npt.NDArray[np.int64]
    n_hits: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall of scores on golden questions, at every threshold."""

    golden: GoldenQuestions
    golden_scores: npt.NDArray[np.float64]  # the score of each golden question, in [0, 1]
    # Whether the scores were computed with the same golden answers, so that the curve is too good; None if unknown.
    in_sample: bool | None = None

    def __post_init__(self) -> None:
        Scores(self.golden.questions, self.golden_scores)  # checks shape and range

    def __repr__(self) -> str:
        return f"Curve({self.thresholds.size:,} thresholds, average precision {self.average_precision:.4f})"

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """The distinct scores, highest first; float64, shape (points,)."""
        return self._points.thresholds

    @property
    def n_kept_questions(self) -> npt.NDArray[np.int64]:
        """Number of kept questions at each threshold; int64, shape (points,)."""
        return self._points.n_kept_questions

    @property
    def n_hits(self) -> npt.NDArray[np.int64]:
        """Number of kept questions that are valid, at each threshold; int64, shape (points,)."""
        return self._points.n_hits

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Precision at each threshold, in [0, 1]; shape (points,)."""
        return self.n_hits / self.n_kept_questions

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Recall at each threshold, in [0, 1]; shape (points,)."""
        return self.n_hits / self.golden.n_valid

    @property
    def average_precision(self) -> float:
        """Average precision: sum over thresholds of (gain in recall) * precision."""
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)

    def point_at_row(self, row: int) -> Point:
        """Return the point at `thresholds[row]`."""
        threshold, kept, hits = (column[row].item() for column in self._points)
        return Point(threshold, hits, kept, n_valid=self.golden.n_valid)

    def point_at_threshold(self, threshold: float) -> Point:
        """Return the point at any threshold in [0, 1], even if no question is kept."""
        check_range(threshold, 0, 1, value_name="threshold")
        row = int(np.count_nonzero(self.thresholds >= threshold)) - 1
        point = (
            self.point_at_row(row)
            if row >= 0
            else Point(threshold, n_hits=0, n_kept_questions=0, n_valid=self.golden.n_valid)
        )
        return replace(point, threshold=threshold)

    def max_recall_at_precision(self, min_precision: float) -> Point:
        """Find the point of highest recall with at least this precision; ties go to the higher precision."""
        check_range(min_precision, 0, 1, value_name="precision to reach")
        rows = np.flatnonzero(self.precision >= min_precision)
        if not rows.size:
            best = int(np.argmax(self.precision))
            raise DataError(
                "not-reached",
                "no threshold reaches this precision",
                allowed=f"up to {self.precision[best]!s}, at threshold {self.thresholds[best]!s}",
                found=min_precision,
            )
        max_hits = self.n_hits[rows[-1]]
        return self.point_at_row(int(rows[np.argmax(self.n_hits[rows] == max_hits)]))

    def max_precision_at_recall(self, min_recall: float) -> Point:
        """Find the point of highest precision with at least this recall; ties go to the higher recall.

        The lowest threshold keeps everything, so such a point always exists.
        """
        check_range(min_recall, 0, 1, value_name="recall to reach")
        return self.point_at_row(_last_index_of_maximum(np.where(self.recall >= min_recall, self.precision, -1.0)))

    def max_f1_point(self) -> Point:
        """Find the point of highest F1 = 2 hits / (kept + valid); ties go to the higher recall."""
        return self.point_at_row(
            _last_index_of_maximum(2 * self.n_hits / (self.n_kept_questions + self.golden.n_valid))
        )

    def bands(self, thresholds: npt.NDArray[np.floating], *, replicates: int = N_REPLICATES, seed: int = 0) -> Bands:
        """Compute 95 % intervals of precision and recall by percentile bootstrap over images.

        The questions of an image are drawn together. Precision is undefined in a replicate without kept questions, and
        recall in a replicate without valid questions. The interval then uses only the other replicates. If the share
        is 0 or 1, all replicates are equal, so the interval is the exact one of `share_interval`.
        """
        check_number(seed, 0, value_name="seed", is_whole=True)
        levels, questions = np.asarray(thresholds, np.float64), self.golden.questions
        is_kept = self.golden_scores >= levels[:, None]
        pairs = np.concatenate([is_kept, is_kept & self.golden.is_valid, self.golden.is_valid[None]])
        counts = np.array([np.bincount(questions.image_ids, is_counted, len(questions.images)) for is_counted in pairs])
        kept, hits, valid = np.split(counts, [levels.size, 2 * levels.size])
        sums = _resample_sums(counts, replicates, seed)
        kept_sums, hit_sums, valid_sums = np.split(sums, [levels.size, 2 * levels.size])
        return Bands(
            thresholds=levels,
            precision=tuple(map(_compute_share_interval, hits, kept, hit_sums, kept_sums)),
            recall=tuple(
                _compute_share_interval(hits_at_level, valid[0], sums_at_level, valid_sums[0])
                for hits_at_level, sums_at_level in zip(hits, hit_sums, strict=True)
            ),
        )

    def calibration(self) -> Calibration:
        """Compare the scores of golden questions, as probabilities, with the golden answers."""
        return measure_calibration(self.golden, self.golden_scores)

    @cached_property
    def _points(self) -> _CurvePoints:
        """The points of the curve: one per distinct score, highest threshold first."""
        order = np.argsort(-self.golden_scores, kind="stable")
        ranked = self.golden_scores[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)  # last of the questions with an equal score
        points = _CurvePoints(ranked[last], last + 1, np.cumsum(self.golden.is_valid[order])[last])
        for column in points:
            column.flags.writeable = False
        return points


def precision_recall(scores: Scores, golden: GoldenQuestions, *, in_sample: bool | None = None) -> Curve:
    """Measure precision and recall of scores on golden questions.

    Each golden question needs a score. `in_sample` says whether the scores were computed with the same golden answers;
    None if unknown.

    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, figure 3.

    >>> from reassess.core import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> golden = GoldenQuestions(questions, np.array([True, False, True]))
    >>> precision_recall(Scores(questions, np.array([0.9, 0.6, 0.7])), golden).average_precision
    1.0
    """
    check_type(Scores, scores)
    check_type(GoldenQuestions, golden, value_name="golden answers", fix="golden_truth(EXPERTS)")
    return Curve(golden=golden, golden_scores=golden.scores_of_questions(scores), in_sample=in_sample)


def _last_index_of_maximum(values: npt.NDArray[np.float64]) -> int:
    """Return the last position of the highest value."""
    return values.size - 1 - int(np.argmax(values[::-1]))


def _resample_sums(counts: npt.NDArray[np.float64], n_replicates: int, seed: int) -> npt.NDArray[np.float64]:
    """Sum counts (rows, images) over images drawn with replacement; shape (rows, replicates)."""
    n_images = counts.shape[1]
    rng = np.random.default_rng(seed)
    sums = np.empty((len(counts), n_replicates))
    step = max(1, _IMAGES_PER_BLOCK // n_images)
    for start in range(0, n_replicates, step):
        part = sums[:, start : start + step]
        # Counts are whole numbers, so the products are exact, whatever the order of summation.
        part[:] = counts @ draw_replicate_counts(rng, n_images, part.shape[1]).T.astype(np.float64)
    return sums


def _compute_share_interval(
    hits_by_image: _Floats, pairs_by_image: _Floats, hit_sums: _Floats, pair_sums: _Floats
) -> tuple[float, float] | None:
    """Compute the interval of a share from its replicates, or the exact one if the share is 0 or 1."""
    n_hits, n_pairs = hits_by_image.sum(), pairs_by_image.sum()
    if n_pairs and n_hits in (0, n_pairs):
        return share_interval(hits_by_image.astype(np.int64), pairs_by_image.astype(np.int64))
    is_defined = pair_sums > 0
    if not is_defined.any():
        return None
    low, high = percentile_bounds(hit_sums[is_defined] / pair_sums[is_defined])
    return float(low), float(high)
