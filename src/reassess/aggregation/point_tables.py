"""Points of precision and recall as columns of a table."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Point
from reassess.aggregation.measured_curves import MeasuredCurve

__all__ = ["curve_points"]

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
