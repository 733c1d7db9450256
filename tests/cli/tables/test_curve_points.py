"""Points of curves and rules as tables."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Curve, Point
from reassess.aggregation.golden import Golden
from reassess.aggregation.measured_curves import MeasuredCurve
from reassess.aggregation.operating_points import Goal, operating_point
from reassess.cli.tables.curve_points import write_points
from reassess.core.questions import Questions
from reassess.core.scores import Scores

QUESTIONS = Questions.from_columns(["a", "b"], np.array([1, 1]))
CURVE = Curve(Golden(QUESTIONS, np.array([True, False])), np.array([0.9, 0.25]), in_sample=True)
RULE = Rule("one rater: yes", (7,), (Point(None, 1, 2, 1),))


def chosen(goal: str) -> MeasuredCurve:
    point = operating_point(CURVE, Goal.parse(goal), Scores(QUESTIONS, CURVE.values))
    return MeasuredCurve("s.npz", CURVE, "each image left out", point)


def test_a_table_has_a_row_for_each_point(tmp_path: Path) -> None:
    write_points(tmp_path / "p.csv", [chosen("f1")], [("rg.npz", RULE)])
    assert (tmp_path / "p.csv").read_text() == (
        "file,rule,variant,left_out,in_sample,chosen,threshold,hits,kept,valid,precision,recall\n"
        "s.npz,,,each image left out,true,true,0.9,1,1,1,1.0,1.0\n"
        "s.npz,,,each image left out,true,false,0.25,1,2,1,0.5,1.0\n"
        "rg.npz,one rater: yes,7,,false,false,,1,2,1,0.5,1.0\n"
    )


@pytest.mark.parametrize(("threshold", "row"), [(1.0, 0), (0.5, 1), (0.1, 2)])
def test_a_chosen_threshold_between_scores_has_a_row_of_its_own(tmp_path: Path, threshold: float, row: int) -> None:
    write_points(tmp_path / "p.parquet", [chosen(f"threshold={threshold}")])
    table = pl.read_parquet(tmp_path / "p.parquet")
    assert table["threshold"].to_list() == sorted([0.9, 0.25, threshold], reverse=True)
    assert table["chosen"].arg_true().to_list() == [row]
