"""Points of curves and rules as tables."""

from pathlib import Path

import numpy as np
import polars as pl

from reassess.aggregation import Curve, Goal, Golden, MeasuredCurve, Point, Rule, operating_point
from reassess.cli.tables.curve_table import write_points
from reassess.core import Questions, Scores

QUESTIONS = Questions.from_columns(["a", "b"], np.array([1, 1]))
CURVE = Curve(Golden(QUESTIONS, np.array([True, False])), np.array([0.9, 0.25]), in_sample=True)
POINTS = Point(threshold=None, hits=1, kept=2, valid=1), Point(threshold=None, hits=0, kept=0, valid=1)
RULE = Rule(name="one rater: yes", variants=(7, 8), points=POINTS, file="rg.npz")


def chosen(goal: str) -> MeasuredCurve:
    point = operating_point(CURVE, Goal.parse(goal), Scores(QUESTIONS, CURVE.values))
    return MeasuredCurve(file="s.npz", curve=CURVE, left_out="each image left out", chosen=point)


def test_a_table_has_a_row_for_each_point(tmp_path: Path) -> None:
    write_points(tmp_path / "p.csv", [chosen("f1")], [RULE])
    assert (tmp_path / "p.csv").read_text() == (
        "file,rule,variant,left_out,in_sample,chosen,threshold,hits,kept,valid,precision,recall\n"
        "s.npz,,,each image left out,true,true,0.9,1,1,1,1.0,1.0\n"
        "s.npz,,,each image left out,true,false,0.25,1,2,1,0.5,1.0\n"
        "rg.npz,one rater: yes,7,,false,false,,1,2,1,0.5,1.0\n"
        "rg.npz,one rater: yes,8,,false,false,,0,0,1,,0.0\n"
    )


def test_columns_have_their_types_also_where_every_value_is_missing(tmp_path: Path) -> None:
    write_points(tmp_path / "p.parquet", [MeasuredCurve(file="s.npz", curve=Curve(CURVE.golden, CURVE.values))])
    types = dict(pl.read_parquet_schema(tmp_path / "p.parquet"))
    assert {name: types[name] for name in ("rule", "in_sample", "hits", "threshold")} == {
        "rule": pl.String,
        "in_sample": pl.Boolean,
        "hits": pl.Int64,
        "threshold": pl.Float64,
    }
