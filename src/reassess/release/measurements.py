"""The numbers of a datasheet, measured by the same functions as the commands raters, curve, labels and status."""

import warnings
from dataclasses import dataclass

import numpy as np

from reassess.aggregation import (
    Goal,
    MeasuredCurve,
    Reliability,
    golden_truth,
    golden_votes,
    measure_curves,
    rater_reliability,
)
from reassess.comparison import OriginalLabelChanges, original_changes
from reassess.core import Questions
from reassess.data import are_scores_from_golden
from reassess.errors import DataError, MissingResult, ReassessWarning
from reassess.release.release_parts import ReleaseParts

DOUBTFUL_PROBABILITIES = 0.05, 0.95  # a question is doubtful if its score is strictly between these


@dataclass(frozen=True)
class VoteCounts:
    """How many votes the items with votes have."""

    item: str  # question or image
    smallest: int
    median: float
    largest: int


@dataclass(frozen=True)
class Doubts:
    """How certain the label sets are, by their scores."""

    n_questions: int
    n_doubtful: int  # questions with a score between the bounds
    n_doubtful_images: int  # images with such a question
    n_labels: int  # labels from scores
    n_expected_invalid: float  # expected number of invalid classes among these labels


@dataclass(frozen=True)
class Measurements:
    """What was measured on the parts of a release; a part that cannot be measured is `MissingResult`."""

    votes: VoteCounts | None
    reliability: Reliability | MissingResult
    curve: MeasuredCurve | MissingResult
    changes: OriginalLabelChanges | MissingResult
    doubts: Doubts | None


def measure(parts: ReleaseParts) -> Measurements:
    """Measure raters, labels and changes of the original labels. Warnings are not repeated."""
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return Measurements(
            votes=_count_votes(parts),
            reliability=_measure_raters(parts),
            curve=_measure_curve(parts),
            changes=MissingResult("original labels are missing")
            if parts.original is None
            else original_changes(parts.labels, parts.original),
            doubts=_count_doubts(parts),
        )


def _count_votes(parts: ReleaseParts) -> VoteCounts | None:
    if parts.votes is None or not len(parts.votes):
        return None
    sizes = parts.votes.sizes[parts.votes.sizes > 0]
    item = "question" if isinstance(parts.votes.items, Questions) else "image"
    return VoteCounts(item, int(sizes.min()), float(np.median(sizes)), int(sizes.max()))


def _measure_raters(parts: ReleaseParts) -> Reliability | MissingResult:
    if parts.votes is None:
        return MissingResult("votes are missing")
    golden = None
    try:
        if parts.golden is not None and parts.has_rated_golden:
            rated = parts.votes if parts.rater_golden is None else parts.rater_golden
            golden = golden_votes(parts.golden, rated)
        return rater_reliability(parts.votes, golden)
    except DataError as error:
        return MissingResult.from_error(error)


def _measure_curve(parts: ReleaseParts) -> MeasuredCurve | MissingResult:
    if parts.scores is None or parts.golden is None:
        return MissingResult("golden answers are missing" if parts.golden is None else "scores are missing")
    try:
        truth = golden_truth(parts.golden, scored_questions=[parts.scores.questions])
        if parts.votes is not None and isinstance(parts.votes.items, Questions):
            truth = truth.without_unrated_questions(parts.votes_with_golden, [parts.scores])
        (curve,) = measure_curves(
            "scores",
            parts.scores,
            truth,
            original=parts.original,
            in_sample=are_scores_from_golden(parts.paths["scores"], parts.paths["golden"], benchmark=parts.benchmark),
            goal=Goal("threshold", parts.threshold),
        )
    except DataError as error:
        return MissingResult.from_error(error)
    return curve


def _count_doubts(parts: ReleaseParts) -> Doubts | None:
    if parts.scores is None:
        return None
    values, questions = parts.scores.values, parts.scores.questions
    low, high = DOUBTFUL_PROBABILITIES
    is_doubtful, is_label = (values > low) & (values < high), values >= parts.threshold
    return Doubts(
        n_questions=values.size,
        n_doubtful=int(is_doubtful.sum()),
        n_doubtful_images=np.unique(questions.image_ids[is_doubtful]).size,
        n_labels=int(is_label.sum()),
        n_expected_invalid=float((1 - values[is_label]).sum()),
    )
