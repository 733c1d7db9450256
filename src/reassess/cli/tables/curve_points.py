"""Points of precision and recall as a table."""

from collections.abc import Sequence
from pathlib import Path

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.measured_curves import MeasuredCurve
from reassess.aggregation.point_tables import curve_points
from reassess.formats.tables import write_table

__all__ = ["write_points"]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[Rule] = (), *, force: bool = False
) -> None:
    """Write the columns of `curve_points`; what is not known, and NaN, is null."""
    import polars as pl

    types: dict[str, type[pl.DataType]] = dict.fromkeys(("in_sample", "chosen"), pl.Boolean)
    types |= dict.fromkeys(("hits", "kept", "valid"), pl.Int64)
    types |= dict.fromkeys(("threshold", "precision", "recall"), pl.Float64)
    columns = curve_points(curves, rules)
    table = pl.DataFrame(
        [pl.Series(name, column.tolist(), types.get(name, pl.String)) for name, column in columns.items()]
    )
    write_table(path, table.fill_nan(None), force=force)
