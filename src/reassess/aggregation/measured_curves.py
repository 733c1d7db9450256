"""Precision-recall curves of scores, in-sample and out-of-sample.

Out-of-sample, the scores are computed again without the golden answers that measure them.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.baseline_rules import MeasuredRule
from reassess.aggregation.curves import Curve, Point, precision_recall
from reassess.aggregation.golden import GoldenQuestions
from reassess.aggregation.golden_items import select_golden_votes, split_into_folds
from reassess.aggregation.methods import METHODS, compute_by_method, parse_method, remove_weights
from reassess.aggregation.thresholds import Goal, OperatingPoint, operating_point
from reassess.core import Items, LabelSets, Questions, Scores, Votes
from reassess.core.checks import check_range, check_type
from reassess.core.image_names import match_images
from reassess.core.items import find_items, list_names, require_questions, take_items
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix, ReassessWarning
from reassess.text import Printable, join_first

LeaveOut = Literal["image"] | int  # the golden answers of one image at a time, or of one fold of this number of folds

_COLUMN_TYPES = {
    "file": object,
    "rule": object,
    "variant": object,
    "left_out": object,
    "in_sample": object,
    "chosen": np.bool_,
    "threshold": np.float64,
    "hits": np.int64,
    "kept": np.int64,
    "valid": np.int64,
    "precision": np.float64,
    "recall": np.float64,
}


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredCurve(Printable):
    """The precision-recall curve of a file of scores, and the threshold chosen on it."""

    file: str
    curve: Curve
    # Which golden answers were left out, for example "each image left out".
    out_of_sample_description: str | None = None
    operating_point: OperatingPoint | None = None  # the threshold chosen on the curve

    @property
    def name(self) -> str:
        """The name of the file, and whether the curve is in-sample."""
        mark = "in-sample" if self.curve.in_sample else self.out_of_sample_description
        return self.file if mark is None else f"{self.file}, {mark}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "file": self.file,
            "rule": None,
            "average_precision": self.curve.average_precision,
            "in_sample": self.curve.in_sample,
            "points": [self.curve.point_at_row(row).to_json() for row in range(self.curve.thresholds.size)],
            "chosen": None if self.operating_point is None else self.operating_point.to_json(),
            "golden": self.curve.golden.to_json(),
        }


def measure_curves(
    name: str,
    scores: Scores,
    golden: GoldenQuestions,
    *,
    votes: Votes | None = None,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    leave_out: LeaveOut | None = None,
    in_sample: bool | None = None,
    goal: Goal | None = None,
    show_progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[MeasuredCurve, ...]:
    """Measure the precision and recall of scores on golden questions; with `leave_out`, also out-of-sample.

    Parameters
    ----------
    name
        The name of the scores.
    scores
        P(class valid) of each question, and how they were made (`Scores.method`).
    golden
        Golden truth.
    votes, experts, rater_golden
        With `leave_out`: the raters' votes, the experts' votes on golden items, and the raters' votes on golden items,
        which are by default taken from `votes`.
    original
        Original labels. Unrated images keep them when a threshold is chosen. With `leave_out`, they vote again if they
        voted in the scores.
    leave_out
        "image" to leave out the golden answers of one image at a time, or a number of folds of images. The second curve
        exists only if the scores were computed with golden answers.
    in_sample
        Whether the scores were computed with the golden answers. Used only if the scores do not record it.
    goal
        As for `reassess.operating_point`; without a goal, no threshold is chosen.
    show_progress
        A function that wraps the iterable over folds, to show progress.

    Raises
    ------
    DataError
        A golden question has no score; no threshold reaches the goal; the number of folds is out of range; with
        `leave_out`, the method of the scores is unknown, or it needs votes, experts or original labels that are
        missing.

    Examples
    --------
    >>> import numpy as np
    >>> from reassess import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> golden = GoldenQuestions(questions, np.array([True, False, True]))
    >>> (measured,) = measure_curves("mine", Scores(questions, np.array([0.9, 0.6, 0.7])), golden)
    >>> measured.name, measured.curve.average_precision
    ('mine', 1.0)
    """
    check_type(Scores, scores)
    check_type(GoldenQuestions, golden)
    check_type(Votes, votes, experts, rater_golden, is_optional=True)
    check_type(LabelSets, original, is_optional=True)
    check_type(Goal, goal, fix='Goal.parse("precision=0.9")', is_optional=True)
    out_of_sample = None
    if leave_out is not None:
        if votes is None or experts is None:
            raise DataError(
                "missing-votes",
                "leaving out golden answers needs the votes that the scores were made from",
                fix="give votes and experts",
            )
        out_of_sample = compute_out_of_sample_scores(
            scores, votes, experts, rater_golden, original, leave_out, show_progress=show_progress
        )
    sources = (  # the first source that is not None decides
        golden.is_in_sample(scores),
        False if is_method_known(scores) and not is_made_with_golden(scores) else None,
        in_sample,
        None if out_of_sample is None else True,
    )
    curve = precision_recall(scores, golden, in_sample=next((each for each in sources if each is not None), None))
    curves = [MeasuredCurve(file=name, curve=curve)]
    if out_of_sample is not None:
        left_out = "each image left out" if leave_out == "image" else f"{leave_out} folds left out"
        curve = precision_recall(out_of_sample, golden, in_sample=False)
        curves.append(MeasuredCurve(name, curve, out_of_sample_description=left_out))
    if goal is None:
        return tuple(curves)
    return tuple(
        replace(each, operating_point=operating_point(each.curve, goal, scores, original=original)) for each in curves
    )


def compute_out_of_sample_scores(
    scores: Scores,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes | None,
    original: LabelSets | None,
    leave_out: LeaveOut,
    *,
    show_progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Scores | None:
    """Compute the scores of each golden image without its golden answers.

    The raters' votes on the image are still used. Golden items that are not among the votes have no scores. The result
    is None if the scores were made without golden answers.
    """
    if is_method_known(scores) and not is_made_with_golden(scores):
        return None
    images = len(experts.images)
    check_range(images, 2, value_name="number of golden images, or folds")
    fold_of = np.arange(images) if leave_out == "image" else split_into_folds(images, leave_out)
    # The warning of golden items without votes was shown when the scores were made.
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        votes_on_golden = select_golden_votes(votes, experts)
    items = experts.items
    golden = votes_on_golden if rater_golden is None else rater_golden
    fold = fold_of[items.image_ids] if isinstance(items, Questions) else fold_of
    if is_method_known(scores):
        name, options = parse_method(scores.method)
        if not METHODS[name].uses_all_votes and not options.get("tempering"):
            votes = votes_on_golden
    rows = votes.find_positions(items)
    plain_scores = replace(scores, method=remove_weights(scores.method))  # golden answers may have chosen the weights
    parts = []
    for number in show_progress(np.unique(fold_of).tolist()):
        out_rows = np.flatnonzero(fold == number)
        others = experts.without_votes_on(out_rows)
        with _suggest_smaller_folds(leave_out):
            result = recompute_scores(plain_scores, votes, experts=others, rater_golden=golden, original=original)
        parts.append(_select_scores(result.scores, take_items(votes.items, rows[out_rows][rows[out_rows] >= 0])))
    return _concatenate_scores(parts, experts.images)


@contextmanager
def _suggest_smaller_folds(leave_out: LeaveOut) -> Iterator[None]:
    """Add to errors about too few golden answers in the block that fewer images can be left out at a time."""
    try:
        yield
    except DataError as error:
        if error.code == "too-few" and leave_out != "image":
            smaller = Fix("leave out fewer images at a time ({leave_out})", leave_out='"image"')
            error.fix = Fix.join(", or ", error.fix, smaller)
        raise


def _select_scores(scores: Scores, items: Items) -> Scores:
    """Select the scores of some questions, or of all questions about some images."""
    questions = scores.questions
    if isinstance(items, Questions):
        rows = find_items(questions, items)
    else:
        rows = np.flatnonzero(
            np.isin(questions.image_ids, questions.rows_of([str(image) for image in list_names(items)]))
        )
    return Scores(require_questions(take_items(questions, rows)), scores.values[rows], is_exclusive=scores.is_exclusive)


def _concatenate_scores(parts: list[Scores], images: Sequence[str]) -> Scores:
    """Concatenate scores of different images, in the order of `images`."""
    names = [part.images[image] for part in parts for image in part.questions.image_ids.tolist()]
    class_ids = np.concatenate([part.questions.class_ids for part in parts])
    questions = Questions.from_columns(names, class_ids, parts[0].questions.classes)
    order = np.lexsort((class_ids, match_images(questions.images, images)[questions.image_ids]))
    values = np.concatenate([part.values for part in parts])[order]
    return Scores(require_questions(take_items(questions, order)), values, is_exclusive=parts[0].is_exclusive)


def curve_points(curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule] = ()) -> dict[str, npt.NDArray[Any]]:
    """Return the points of curves and of baseline rules for keeping classes, as columns of a table; one row per point.

    Each curve starts at its highest threshold; the rules come last. A chosen threshold has its own row, also if it is
    not the score of a golden question. Unknown values are None or NaN.
    """
    rows = [row for curve in curves for row in _curve_rows(curve)]
    for rule in rules:
        columns = {"file": rule.file, "rule": rule.name, "in_sample": False, "chosen": False}
        points = zip(rule.point_names, rule.points, strict=True)
        rows += [columns | {"variant": str(variant)} | _point_columns(point) for variant, point in points]
    return {name: np.array([row.get(name) for row in rows], dtype) for name, dtype in _COLUMN_TYPES.items()}


def _curve_rows(measured_curve: MeasuredCurve) -> Iterator[dict[str, Any]]:
    """Yield a table row for each point of a curve, and for the chosen threshold."""
    curve = measured_curve.curve
    points = [curve.point_at_row(row) for row in range(curve.thresholds.size)]
    chosen = None if measured_curve.operating_point is None else measured_curve.operating_point.point
    if chosen is not None and chosen not in points:
        points = sorted([*points, chosen], key=lambda point: -(point.threshold or 0.0))
    for point in points:
        row = {
            "file": measured_curve.file,
            "left_out": measured_curve.out_of_sample_description,
            "in_sample": curve.in_sample,
        }
        yield row | {"chosen": point == chosen} | _point_columns(point)


def _point_columns(point: Point) -> dict[str, Any]:
    """Return the threshold, precision, recall and counts of a point, by column name."""
    return point.to_json() | {"hits": point.n_hits, "kept": point.n_kept_questions, "valid": point.n_valid}


def is_method_known(scores: Scores) -> bool:
    """Return whether the scores record their method, and it is one of `METHODS`."""
    return scores.method.partition(", ")[0] in METHODS


def is_made_with_golden(scores: Scores) -> bool:
    """Return whether the scores were made with experts' answers, according to the recorded method."""
    name, options = parse_method(scores.method)
    if "experts" in METHODS[name].required_options or options.get("tempering"):
        return True
    return "experts" in METHODS[name].options and scores.is_golden is not None


def recompute_scores(
    scores: Scores, votes: Votes, *, experts: Votes | None, rater_golden: Votes | None, original: LabelSets | None
) -> Aggregation:
    """Compute scores again by their recorded method, without warnings."""
    if not is_method_known(scores):
        is_missing = scores.method == UNKNOWN_METHOD
        raise DataError(
            "unknown-method",
            f"method that made the scores is {'not recorded' if is_missing else 'unknown'}",
            allowed=join_first(tuple(METHODS), max_items=9),
            found=None if is_missing else scores.method,
            fix=Fix("name the method: {method}", method='"NAME"'),
        )
    name, options = parse_method(scores.method)
    if options.pop("original", METHODS[name].defaults.get("original")):
        if original is None:
            raise DataError(
                "missing-original",
                "these scores were made with original labels",
                found=scores.method,
                fix="give the original labels",
            )
        options["original"] = original
    if options.pop("classifier", False):
        raise DataError(
            "unused-option",
            "scores that were made with a classifier cannot be computed again",
            found=scores.method,
            fix="measure them by golden answers that did not make the scores",
        )
    if is_made_with_golden(scores):
        options |= {"experts": experts, "rater_golden": rater_golden}
    # The same warnings were shown when the scores were made.
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return compute_by_method(name, votes, **options)
