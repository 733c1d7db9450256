"""The curves that are shown: of given scores, and of scores made again without the golden answers that judge them."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregate import METHODS, is_method_known, parse_method, remake, uses_golden
from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Curve, Point, precision_recall
from reassess.aggregation.golden import Golden
from reassess.aggregation.golden_items import golden_part, image_folds
from reassess.aggregation.thresholds import Goal, OperatingPoint, operating_point
from reassess.core import Items, LabelSets, Questions, Scores, Votes
from reassess.core.checks import check_range, check_type
from reassess.core.image_names import join
from reassess.core.items import as_questions, find_items, take_items
from reassess.errors import DataError, ReassessWarning
from reassess.text import Shown

_TYPES = {
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
class MeasuredCurve(Shown):
    """The curve of a file of scores."""

    file: str
    curve: Curve
    left_out: str | None = None  # what the scores were made again without, such as "each image left out"
    chosen: OperatingPoint | None = None  # the threshold chosen on the curve

    @property
    def name(self) -> str:
        """What the curve is, in words."""
        mark = "in-sample" if self.curve.in_sample else self.left_out
        return self.file if mark is None else f"{self.file}, {mark}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "file": self.file,
            "rule": None,
            "average_precision": self.curve.average_precision,
            "in_sample": self.curve.in_sample,
            "points": [self.curve.point(row).to_json() for row in range(self.curve.thresholds.size)],
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "golden": self.curve.golden.to_json(),
        }


def measure_curves(
    name: str,
    scores: Scores,
    golden: Golden,
    *,
    votes: Votes | None = None,
    experts: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    leave_out: Literal["image"] | int | None = None,
    in_sample: bool | None = None,
    goal: Goal | None = None,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[MeasuredCurve, ...]:
    """Measure the curve of scores, and of the same scores made again without the golden answers that judge them.

    Parameters
    ----------
    name
        What the scores are called.
    scores
        P(class valid) of each question, and how they were made (`Scores.method`).
    golden
        Golden truth.
    votes, experts, rater_golden
        With `leave_out`: the raters' votes, the experts' votes on golden items, and the raters' votes on these; by
        default those among the votes.
    original
        Original labels. Unrated images keep them when a threshold is chosen; they vote again if they did.
    leave_out
        "image" to leave out the golden answers on each image, or a number of folds of images. There is a second curve
        only if golden answers made the scores.
    in_sample
        Whether the golden answers are known to have made the scores, if the scores do not say so.
    goal
        As for `reassess.operating_point`; without a goal no threshold is chosen.
    track
        Passes on the numbers of folds, so that progress can be shown.

    Raises
    ------
    DataError
        A golden pair has no score; no threshold reaches the goal; no such number of folds; with `leave_out`, the method
        of the scores is unknown, or votes, experts or original labels that they were made from are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from reassess import Questions
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> golden = Golden(questions, np.array([True, False, True]))
    >>> (one,) = measure_curves("mine", Scores(questions, np.array([0.9, 0.6, 0.7])), golden)
    >>> one.name, one.curve.average_precision
    ('mine', 1.0)
    """
    check_type(Scores, scores)
    check_type(Golden, golden)
    again = None
    if leave_out is not None:
        if votes is None or experts is None:
            raise DataError(
                "missing-votes",
                "leaving out golden answers needs the votes that the scores were made from",
                fix="give votes and experts",
            )
        again = left_out_scores(scores, votes, experts, rater_golden, original, leave_out, track=track)
    known = (
        golden.made(scores),
        False if is_method_known(scores) and not uses_golden(scores) else None,
        in_sample,
        None if again is None else True,
    )
    given = precision_recall(scores, golden, in_sample=next((one for one in known if one is not None), None))
    curves = [MeasuredCurve(file=name, curve=given)]
    if again is not None:
        without = "each image left out" if leave_out == "image" else f"{leave_out} folds left out"
        curves.append(MeasuredCurve(name, precision_recall(again, golden, in_sample=False), left_out=without))
    if goal is None:
        return tuple(curves)
    return tuple(replace(one, chosen=operating_point(one.curve, goal, scores, original=original)) for one in curves)


def left_out_scores(
    scores: Scores,
    votes: Votes,
    experts: Votes,
    rater_golden: Votes | None,
    original: LabelSets | None,
    leave_out: Literal["image"] | int,
    *,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Scores | None:
    """Make the scores of each golden image again without the golden answers on it; None if these made no score.

    The votes on the image stay. Golden items that are not among the votes have no scores.
    """
    if is_method_known(scores) and not uses_golden(scores):
        return None
    images = len(experts.images)
    check_range(images, 2, what="number of golden images, or folds")
    fold_of = np.arange(images) if leave_out == "image" else image_folds(images, leave_out)
    with warnings.catch_warnings(
        action="ignore", category=ReassessWarning
    ):  # of golden items without votes, given before
        among = golden_part(votes, experts)
    items = experts.items
    golden = among if rater_golden is None else rater_golden
    fold = fold_of[items.image_ids] if isinstance(items, Questions) else fold_of
    if is_method_known(scores) and not METHODS[parse_method(scores.method)[0]].of_all_votes:
        votes = among
    rows = votes.find(items)
    parts = []
    for number in track(np.unique(fold_of).tolist()):
        out = np.flatnonzero(fold == number)
        again = remake(scores, votes, experts=experts.without(out), rater_golden=golden, original=original).scores
        parts.append(_scores_of(again, take_items(votes.items, rows[out][rows[out] >= 0])))
    return _together(parts, experts.images)


def _scores_of(scores: Scores, items: Items) -> Scores:
    """The scores of some questions, or of questions about some images."""
    questions = scores.questions
    if isinstance(items, Questions):
        rows = find_items(questions, items)
    else:
        rows = np.flatnonzero(np.isin(questions.image_ids, questions.rows_of([str(image) for image in items])))
    return Scores(as_questions(take_items(questions, rows)), scores.values[rows], exclusive=scores.exclusive)


def _together(parts: list[Scores], images: Sequence[str]) -> Scores:
    """Scores of different images in one, in the order of some names of these images."""
    names = [part.images[image] for part in parts for image in part.questions.image_ids.tolist()]
    class_ids = np.concatenate([part.questions.class_ids for part in parts])
    questions = Questions.from_columns(names, class_ids, parts[0].questions.classes)
    order = np.lexsort((class_ids, join(questions.images, images)[questions.image_ids]))
    values = np.concatenate([part.values for part in parts])[order]
    return Scores(as_questions(take_items(questions, order)), values, exclusive=parts[0].exclusive)


def curve_points(curves: Sequence[MeasuredCurve], rules: Sequence[Rule] = ()) -> dict[str, npt.NDArray[Any]]:
    """Return the points of curves and rules as columns, one row per point.

    Each curve goes from its highest threshold; then come the rules. A chosen threshold that is not the score of a
    golden pair has a row of its own. What is unknown is None or NaN.
    """
    rows = [row for curve in curves for row in _rows_of_curve(curve)]
    for rule in rules:
        of_rule = {"file": rule.file, "rule": rule.name, "in_sample": False, "chosen": False}
        points = zip(rule.variants, rule.points, strict=True)
        rows += [of_rule | {"variant": str(variant)} | _figures(point) for variant, point in points]
    return {name: np.array([row.get(name) for row in rows], dtype) for name, dtype in _TYPES.items()}


def _rows_of_curve(measured: MeasuredCurve) -> Iterator[dict[str, Any]]:
    curve = measured.curve
    points = [curve.point(row) for row in range(curve.thresholds.size)]
    chosen = None if measured.chosen is None else measured.chosen.point
    if chosen is not None and chosen not in points:
        points = sorted([*points, chosen], key=lambda point: -(point.threshold or 0.0))
    for point in points:
        row = {"file": measured.file, "left_out": measured.left_out, "in_sample": curve.in_sample}
        yield row | {"chosen": point == chosen} | _figures(point)


def _figures(point: Point) -> dict[str, Any]:
    return point.to_json() | {"hits": point.hits, "kept": point.kept, "valid": point.valid}
