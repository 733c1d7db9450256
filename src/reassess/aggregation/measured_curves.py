"""The curves that are shown: of scores as given, and of scores made again without what is judged."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Curve, Point, precision_recall
from reassess.aggregation.golden import Golden
from reassess.aggregation.golden_items import image_folds
from reassess.aggregation.provenance import Provenance
from reassess.aggregation.thresholds import Goal, OperatingPoint, operating_point
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores
from reassess.text import Shown

__all__ = [
    "MeasuredCurve",
    "curve_points",
    "measure_curves",
]


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredCurve(Shown):
    """The curve of a file of scores.

    Parameters
    ----------
    file
        The file.
    curve
        Its curve.
    left_out
        What the scores were made again without, such as "each image left out"; None for the scores of the file.
    chosen
        The threshold chosen on the curve.
    """

    file: str
    curve: Curve
    left_out: str | None = None
    chosen: OperatingPoint | None = None

    @property
    def name(self) -> str:
        """What the curve is, in words."""
        mark = "in-sample" if self.curve.in_sample else self.left_out
        return self.file if mark is None else f"{self.file}, {mark}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        points = zip(self.curve.thresholds.tolist(), self.curve.precision, self.curve.recall, strict=True)
        return {
            "file": self.file,
            "rule": None,
            "average_precision": self.curve.average_precision,
            "in_sample": self.curve.in_sample,
            "points": [{"threshold": t, "precision": float(p), "recall": float(r)} for t, p, r in points],
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "golden": self.curve.golden.to_json(),
        }


def measure_curves(
    name: str,
    scores: Scores,
    golden: Golden,
    *,
    origin: Provenance | None = None,
    leave_out: Literal["image"] | int | None = None,
    in_sample: bool | None = None,
    goal: Goal | None = None,
    original: LabelSets | None = None,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[MeasuredCurve, ...]:
    """The curve of some scores, and that of the same scores made again without what is judged.

    Parameters
    ----------
    name
        What the scores are called.
    scores
        P(class valid) of each question.
    golden
        Golden truth.
    origin
        How the scores were made of votes, and of golden answers or without.
    leave_out
        "image" for each image alone, or a number of folds of images; there is a second curve only where the golden
        answers made the scores as `origin` says.
    in_sample
        Whether the golden answers are known to have made the scores, where neither the scores nor `origin` say so.
    goal, original
        As for `reassess.operating_point`; without a goal no threshold is chosen.
    track
        See `Provenance.left_out`.

    Raises
    ------
    DataError
        A golden pair has no score; no threshold reaches the goal; no such number of folds.

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
    known = (golden.made(scores), None if origin is None else origin.making.by_golden, in_sample)
    given = precision_recall(scores, golden, in_sample=next((one for one in known if one is not None), None))
    curves = [MeasuredCurve(file=name, curve=given)]
    if origin is not None and origin.making.by_golden and leave_out is not None:
        folds = None if leave_out == "image" else image_folds(origin.golden_images, leave_out)
        without = "each image left out" if folds is None else f"{leave_out} folds left out"
        again = origin.left_out(folds, track=track)
        curve = precision_recall(again, golden, in_sample=False)
        curves.append(MeasuredCurve(file=name, curve=curve, left_out=without))
    if goal is None:
        return tuple(curves)
    return tuple(replace(one, chosen=operating_point(one.curve, goal, scores, original=original)) for one in curves)


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


def curve_points(curves: Sequence[MeasuredCurve], rules: Sequence[Rule] = ()) -> dict[str, npt.NDArray[Any]]:
    """The points of curves and rules as columns, a row a point: each curve from its highest threshold, then the rules.

    A chosen threshold that is no score of a golden pair has a row of its own.

    Parameters
    ----------
    curves
        As `measure_curves` gives them.
    rules
        As `simple_rules` gives them.

    Returns
    -------
    Arrays of shape (points,), by name:

    - `file`, text: where the scores, or the votes or labels of the rule, came from.
    - `rule`, `variant`, text: which rule; None for scores.
    - `left_out`, text: what the scores were made again without; None for others.
    - `in_sample`: True or False, None where that is not known.
    - `chosen`, bool: whether the point is the chosen one of its curve.
    - `threshold`, float64: NaN for a rule without one.
    - `hits`, `kept`, `valid`, int64: numbers of golden pairs.
    - `precision`, `recall`, float64 in [0, 1]: NaN where nothing is kept.

    Text and `in_sample` are arrays of objects, since they may hold None.

    Examples
    --------
    >>> from reassess.aggregation.curves import Curve
    >>> from reassess.aggregation.golden import Golden
    >>> from reassess.core.questions import Questions
    >>> golden = Golden(Questions.from_columns(["a.png", "b.png"], np.array([1, 1])), np.array([True, False]))
    >>> points = curve_points([MeasuredCurve(file="mine", curve=Curve(golden, np.array([0.9, 0.3])))])
    >>> points["threshold"], points["precision"]
    (array([0.9, 0.3]), array([1. , 0.5]))
    """
    rows = [row for curve in curves for row in _rows_of_curve(curve)]
    rows += [row for rule in rules for row in _rows_of_rule(rule)]
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


def _rows_of_rule(rule: Rule) -> Iterator[dict[str, Any]]:
    for variant, point in zip(rule.variants, rule.points, strict=True):
        row = {"file": rule.file, "rule": rule.name, "variant": str(variant), "in_sample": False, "chosen": False}
        yield row | _figures(point)


def _figures(point: Point) -> dict[str, Any]:
    return point.to_json() | {"hits": point.hits, "kept": point.kept, "valid": point.valid}
