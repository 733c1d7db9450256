"""Figures of leaderboards: labels of lines and models, and notes on rows that are not shown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.comparison import Placement, Trend, fit_trend, place_models
from reassess.core import Leaderboard, LeaderboardRow
from reassess.report import save_leaderboard_figure
from tests.report.cases import assert_no_overlap

pytestmark = pytest.mark.usefixtures("report_extra")


def board(lowest: float = 60.0, rows: int = 80) -> Leaderboard:
    rng = np.random.default_rng(0)
    original = rng.uniform(lowest, 90, rows)
    real = 100 - (100 - original) ** 2 / 60 + rng.normal(0, 0.3, rows)
    entries = [LeaderboardRow(f"m{i}", x, y) for i, (x, y) in enumerate(zip(original, real, strict=True))]
    return Leaderboard(tuple(entries), family_pattern=re.compile(".+"))


TREND = fit_trend(board())


def place(board: Leaderboard, model: LeaderboardRow, **options: int) -> Placement:
    (placement,) = place_models(board, [model], **options)
    return placement


MINE = place(TREND.leaderboard, LeaderboardRow("mine", 81.0, 94.5))


DrawLeaderboard = Callable[..., Any]


@pytest.fixture
def draw(drawings: list[Any], tmp_path: Path) -> DrawLeaderboard:
    """A function that draws a leaderboard, and returns its axes."""

    def draw(slopes: Trend, *placements: Placement, level: float | None = None) -> Any:
        save_leaderboard_figure(tmp_path / "f.svg", slopes, placements, original_label_percent=level, force=True)
        return drawings[-1].axes

    return draw


def test_leaderboard_of_one_model_is_drawn(draw: DrawLeaderboard) -> None:
    only = Leaderboard((LeaderboardRow("only", 76.0, 82.0),))
    assert draw(fit_trend(only), place(only, LeaderboardRow("mine", 76.0, 82.0))).lines


def test_lines_and_models_have_labels_that_do_not_overlap(draw: DrawLeaderboard) -> None:
    axes = draw(TREND, MINE, level=90.02)
    texts = [text.get_text() for text in axes.texts]
    slopes = [
        f"{line} %: slope {line.slope.value:.2f}\n({line.slope.interval[0]:.2f} to {line.slope.interval[1]:.2f})"
        for line in TREND.band_lines
    ]
    side = (
        f"{abs(MINE.expected_accuracy.residual):.2f} {MINE.expected_accuracy.side_of_line} the line of the 80 nearest"
    )
    user_model = f"mine\nReaL 94.50 %, rank {MINE.real_rank} of 81\n{side}"
    assert sorted(texts) == sorted(
        [*slopes, user_model, "equal accuracy by both labels", "the original labels: 90.02 %"]
    )
    assert_no_overlap(axes)


def test_file_describes_the_leaderboard_and_hidden_rows(tmp_path: Path) -> None:
    save_leaderboard_figure(tmp_path / "f.svg", TREND, [MINE], original_label_percent=90.02)
    text = (tmp_path / "f.svg").read_text()
    hidden = int((TREND.leaderboard.original_accuracies < 70).sum())
    assert "<title>Leaderboard</title>" in text
    (description,) = re.findall(r"<dc:description>(.*?)</dc:description>", text)
    assert description.startswith(
        f"80 results of 80 models, {hidden} of them below 70 % and not shown; "
        "slope of all rows: 0.82 (0.78 to 0.86); 95 % "
    )
    assert f"78 to 84 %: slope {TREND.band_lines[1].slope.value:.2f}, (" in description
    assert "mine, ReaL 94.50 %, rank" in description


@pytest.mark.parametrize(
    "user_model", [MINE, place(TREND.leaderboard, LeaderboardRow("mine", 62.0, 50.0))], ids=["inside", "far away"]
)
def test_axes_include_the_users_model_and_the_level(user_model: Placement, draw: DrawLeaderboard) -> None:
    axes = draw(TREND, user_model, level=99.0)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < user_model.model_row.original_accuracy < right
    assert bottom < user_model.model_row.reassessed_accuracy < top
    assert bottom < 99.0 < top


def test_rows_below_the_first_band_with_a_line_are_hidden(draw: DrawLeaderboard) -> None:
    """A line ends at the last row of its band."""
    axes, x = draw(TREND), TREND.leaderboard.original_accuracies
    assert axes.lines[0].get_xdata().size == int((x >= 70).sum()) < 80
    inside = x[(x >= 82) & (x < 90)]
    assert axes.lines[3].get_xdata().tolist() == [inside.min(), inside.max()]
    low = fit_trend(board(lowest=40.0, rows=12), [])
    axes = draw(low)
    assert axes.lines[0].get_xdata().size == 12
    assert axes.get_title(loc="left").replace("\n", " ") == (
        "12 results of 12 models; slope of all rows: 1.26 (1.10 to 1.43); 95 % intervals of slopes are over families"
    )


def test_heading_counts_far_out_rows_and_has_the_slope_without_them(draw: DrawLeaderboard) -> None:
    ordinary = board(lowest=70.0).entries
    slopes = fit_trend(Leaderboard((*ordinary, LeaderboardRow("toy", 30.0, 33.0)), family_pattern=re.compile(".+")))
    low, high = slopes.outliers.line_without_outliers.slope.interval
    heading = draw(slopes).get_title(loc="left").replace("\n", " ")
    assert (
        f"; slope without 1 far-out row: {slopes.outliers.line_without_outliers.slope.value:.2f} ({low:.2f} to "
        f"{high:.2f}); 95 %" in heading
    )
    assert heading.startswith("81 results of 81 models, 1 of them below 70 % and not shown; slope of all rows: ")


def test_names_are_drawn_literally(tmp_path: Path, draw: DrawLeaderboard) -> None:
    user_model = place(TREND.leaderboard, LeaderboardRow("$x$ <b>\x1b[1m", 81.0, 94.5))
    axes = draw(TREND, user_model)
    (text,) = [text for text in axes.texts if "rank" in text.get_text()]
    assert text.get_text().startswith("$x$ <b>\\x1b[1m\n")
    assert not text.get_parse_math()
    svg = (tmp_path / "f.svg").read_text()
    assert "$x$ &lt;b&gt;\\x1b[1m" in svg
    assert "\x1b" not in svg
