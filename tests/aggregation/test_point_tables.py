"""Points of curves and rules as columns."""

import numpy as np
import pytest

from reassess.aggregation.baseline_rules import Rule
from reassess.aggregation.curves import Curve, Point
from reassess.aggregation.golden import Golden
from reassess.aggregation.measured_curves import MeasuredCurve, curve_points
from reassess.aggregation.thresholds import Goal, operating_point
from reassess.core.questions import Questions
from reassess.core.scores import Scores

QUESTIONS = Questions.from_columns(["a", "b"], np.array([1, 1]))
CURVE = Curve(Golden(QUESTIONS, np.array([True, False])), np.array([0.9, 0.25]), in_sample=True)
POINT = Point(threshold=None, hits=0, kept=0, valid=1)
RULE = Rule(name="one rater: yes", variants=(7,), points=(POINT,), file="rg.npz")


def chosen(goal: str) -> MeasuredCurve:
    point = operating_point(CURVE, Goal.parse(goal), Scores(QUESTIONS, CURVE.values))
    return MeasuredCurve(file="s.npz", curve=CURVE, left_out="each image left out", chosen=point)


def test_columns_have_an_entry_for_each_point_and_none_or_nan_where_there_is_no_value() -> None:
    columns = curve_points([chosen("f1")], [RULE])
    assert {name: column.tolist() for name, column in columns.items() if column.dtype != np.float64} == {
        "file": ["s.npz", "s.npz", "rg.npz"],
        "rule": [None, None, "one rater: yes"],
        "variant": [None, None, "7"],
        "left_out": ["each image left out", "each image left out", None],
        "in_sample": [True, True, False],
        "chosen": [True, False, False],
        "hits": [1, 1, 0],
        "kept": [1, 2, 0],
        "valid": [1, 1, 1],
    }
    np.testing.assert_array_equal(columns["threshold"], [0.9, 0.25, np.nan])
    np.testing.assert_array_equal(columns["precision"], [1, 0.5, np.nan])
    np.testing.assert_array_equal(columns["recall"], [1, 1, 0])


def test_the_figures_are_those_of_the_curve() -> None:
    rng = np.random.default_rng(0)
    questions = Questions.from_columns([f"{i}" for i in range(50)], np.zeros(50, int))
    curve = Curve(Golden(questions, rng.random(50) < 0.5), rng.integers(0, 9, 50) / 9)
    columns = curve_points([MeasuredCurve(file="s.npz", curve=curve)])
    for name in ("hits", "kept", "precision", "recall"):
        np.testing.assert_array_equal(columns[name], getattr(curve, name))
    assert columns["threshold"].tolist() == curve.thresholds.tolist()
    assert columns["in_sample"].tolist() == [None] * curve.thresholds.size


def test_without_curves_and_rules_the_columns_are_empty() -> None:
    columns = curve_points([])
    assert {len(column) for column in columns.values()} == {0}
    assert [columns[name].dtype for name in ("chosen", "kept", "recall")] == [np.bool_, np.int64, np.float64]


@pytest.mark.parametrize(("threshold", "row"), [(1.0, 0), (0.5, 1), (0.1, 2)])
def test_a_chosen_threshold_between_scores_has_a_row_of_its_own(threshold: float, row: int) -> None:
    columns = curve_points([chosen(f"threshold={threshold}")])
    assert columns["threshold"].tolist() == sorted([0.9, 0.25, threshold], reverse=True)
    assert np.flatnonzero(columns["chosen"]).tolist() == [row]
