"""Points of precision and recall as a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Point
from reassess.aggregation.measured_curves import MeasuredCurve
from reassess.formats.tables import write_table

__all__ = ["write_points"]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[tuple[str, Rule]] = (), *, force: bool = False
) -> None:
    """Write a row for each point of each curve and rule.

    Columns: file, rule (null for scores), variant (of the rule), left_out (what the scores were made again without),
    in_sample (null where that is not known), chosen (whether the point is the chosen one), threshold (null for a rule
    without one), hits, kept, valid (counts of golden pairs), precision, recall. A chosen threshold that is no score of
    a golden pair has a row of its own.
    """
    import polars as pl

    rows = [row for curve in curves for row in _rows_of_curve(curve)]
    rows += [row for file, rule in rules for row in _rows_of_rule(file, rule)]
    text = {"file": pl.String, "rule": pl.String, "variant": pl.String, "left_out": pl.String}
    flags = {"in_sample": pl.Boolean, "chosen": pl.Boolean}
    counts = {"hits": pl.Int64, "kept": pl.Int64, "valid": pl.Int64}
    schema = text | flags | {"threshold": pl.Float64} | counts | {"precision": pl.Float64, "recall": pl.Float64}
    write_table(path, pl.DataFrame(rows, schema=schema), force=force)


def _rows_of_curve(measured: MeasuredCurve) -> Iterator[dict[str, Any]]:
    curve = measured.curve
    points = [curve.point(row) for row in range(curve.thresholds.size)]
    chosen = None if measured.chosen is None else measured.chosen.point
    if chosen is not None and chosen not in points:
        points = sorted([*points, chosen], key=lambda point: -(point.threshold or 0.0))
    for point in points:
        known = {"file": measured.file, "left_out": measured.left_out, "in_sample": curve.in_sample}
        yield known | {"chosen": point == chosen} | _figures(point)


def _rows_of_rule(file: str, rule: Rule) -> Iterator[dict[str, Any]]:
    for variant, point in zip(rule.variants, rule.points, strict=True):
        known = {"file": file, "rule": rule.name, "variant": str(variant), "in_sample": False, "chosen": False}
        yield known | _figures(point)


def _figures(point: Point) -> dict[str, Any]:
    return point.to_json() | {"hits": point.hits, "kept": point.kept, "valid": point.valid}
