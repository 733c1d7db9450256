"""Figures of precision and recall."""

import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.aggregation import Curve, Goal, GoldenQuestions, MeasuredCurve, MeasuredRule, Point, operating_point
from reassess.core import Questions, Scores
from reassess.errors import MissingPackageError, OutputError
from reassess.report import (
    save_calibration_figure,
    save_curve_figure,
    save_leaderboard_figure,
    save_model_choice_figure,
)
from reassess.report.figures import FIGURE_SUFFIXES
from tests.helpers import message
from tests.report.cases import FIRST_BYTES, assert_no_overlap
from tests.report.test_choice_figure import choice
from tests.report.test_leaderboard_figure import MINE, TREND

pytestmark = pytest.mark.usefixtures("report_extra")


def measure(file: str, seed: int, *, in_sample: bool | None = None, goal: str | None = None) -> MeasuredCurve:
    rng = np.random.default_rng(seed)
    questions = Questions.from_columns([f"{i % 40}" for i in range(200)], np.arange(200))
    valid = rng.random(200) < 0.3
    values = np.clip(0.4 * valid + 0.6 * rng.random(200), 0, 1)
    curve = Curve(GoldenQuestions(questions, valid), values, in_sample)
    chosen = None if goal is None else operating_point(curve, Goal.parse(goal), Scores(questions, values))
    return MeasuredCurve(file, curve, operating_point=chosen)


CLOUD = MeasuredRule("one rater: yes", tuple(range(20)), tuple(Point(None, 10 + i, 20 + i, 60) for i in range(20)))
SHARES = MeasuredRule("share of yes", ("2 of 2 yes", "1 of 2 yes"), (Point(1.0, 20, 22, 60), Point(0.5, 45, 70, 60)))
CURVES = [measure("one.npz", 0, in_sample=True, goal="f1"), measure("two.csv", 1)]


@pytest.mark.parametrize("suffix", FIGURE_SUFFIXES)
def test_figures_are_reproducible_in_each_format(tmp_path: Path, suffix: str) -> None:
    first, second = paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for draw in (
        partial(save_curve_figure, curves=CURVES, rules=[CLOUD, SHARES]),
        partial(save_leaderboard_figure, trend=TREND, placements=[MINE], original_label_percent=90.02),
        partial(save_model_choice_figure, choice=choice()),
    ):
        for path in paths:
            draw(path, force=True)
        assert first.read_bytes().startswith(FIRST_BYTES[suffix])
        assert first.read_bytes() == second.read_bytes()


def test_file_describes_the_figure(tmp_path: Path) -> None:
    save_curve_figure(tmp_path / "f.svg", CURVES, [CLOUD, SHARES])
    text = (tmp_path / "f.svg").read_text()
    assert "<title>Precision and recall</title>" in text
    (description,) = re.findall(r"<dc:description>(.*?)</dc:description>", text)
    assert description.startswith("200 golden questions on 40 images")
    assert "Horizontal axis: recall: share of valid golden questions that are kept. Vertical axis: prec" in description
    average = CURVES[1].curve.average_precision
    assert f"two.csv, average precision {average:.3f}. " in description


def test_curves_points_and_rules_have_labels_that_do_not_overlap(tmp_path: Path, drawings: list[Any]) -> None:
    save_curve_figure(tmp_path / "f.png", CURVES, [CLOUD, SHARES])
    texts = drawings[0].axes.texts
    first, second = (f"average precision {line.curve.average_precision:.3f}" for line in CURVES)
    point = CURVES[0].operating_point.point
    chosen = f"threshold {point.threshold:.3g}\nprecision {point.precision.value:.3f}\nrecall {point.recall.value:.3f}"
    rules = ["one rater: yes (20 raters)", "2 of 2 yes", "1 of 2 yes"]
    labels = {text.get_text() for text in texts}
    assert labels == {f"one.npz, in-sample\n{first}", f"two.csv\n{second}", chosen, *rules}
    assert len(texts) == 6
    assert_no_overlap(drawings[0].axes)


def test_axes_include_all_points_of_rules(tmp_path: Path, drawings: list[Any]) -> None:
    low = MeasuredRule("low", ("x",), (Point(None, 3, 60, 60),))
    for rules in ([], [low]):
        save_curve_figure(tmp_path / "f.svg", CURVES, rules, force=True)
    limits = [drawing.axes.get_ylim() for drawing in drawings]
    assert limits[0][0] > 0.1
    assert limits[1][0] < 0.05
    assert all(top > 1 for _, top in limits)


def test_reliability_diagram_shows_each_bin_and_labels_each_curve(tmp_path: Path, drawings: list[Any]) -> None:
    calibrations = {curve.name: curve.curve.calibration() for curve in CURVES}
    save_calibration_figure(tmp_path / "f.svg", calibrations)
    axes = drawings[0].axes
    points = {tuple(point) for line in axes.lines for point in line.get_xydata().tolist()}
    for calibration in calibrations.values():
        assert {(each.mean_probability, each.share_valid) for each in calibration.bins} <= points
    assert {text.get_text() for text in axes.texts} == {
        f"{name}\nlog loss {calibration.log_loss:.3f}" for name, calibration in calibrations.items()
    }
    assert_no_overlap(axes)


@pytest.mark.parametrize("goal", ["threshold=1", "threshold=0", "precision=1"])
def test_ends_of_a_curve_can_be_chosen(tmp_path: Path, goal: str) -> None:
    golden = GoldenQuestions(Questions.from_columns(["a"], np.array([1])), np.array([True]))
    save_curve_figure(
        tmp_path / "f.svg", [measure("s", 0, goal=goal), MeasuredCurve("one", Curve(golden, np.array([0.5])))]
    )
    assert (tmp_path / "f.svg").stat().st_size > 1_000


def test_six_curves_look_different(tmp_path: Path, drawings: list[Any]) -> None:
    save_curve_figure(tmp_path / "f.svg", [measure(f"{i}", i) for i in range(6)])
    assert len({(line.get_color(), line.get_linestyle()) for line in drawings[0].axes.lines[:6]}) == 6


def test_missing_matplotlib_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match="package matplotlib is missing") as caught:
        save_curve_figure(tmp_path / "f.svg", CURVES)
    assert caught.value.fix == "pip install 'reassess[report]'"
    assert list(tmp_path.iterdir()) == []


def test_wrong_suffix_and_existing_file_raise(tmp_path: Path) -> None:
    path = tmp_path / "f.gif"
    assert message(save_curve_figure, path, CURVES) == (
        f"wrong kind of file for a figure\n  where:   {path}\n  allowed: .svg, .png, .pdf\n  found:   .gif"
    )
    (tmp_path / "f.svg").write_text("old")
    with pytest.raises(OutputError):
        save_curve_figure(tmp_path / "f.svg", CURVES)
    assert (tmp_path / "f.svg").read_text() == "old"
