"""Figures of accuracy by reassessed labels over accuracy by original labels: a leaderboard, and a few models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from reassess.comparison import Placement, Trend
from reassess.comparison.trends import TrendLine
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.evaluation.evaluation_words import label_set_heading
from reassess.numeric import Estimate
from reassess.report.chart_figures import LONGEST, MUTED, SERIES, Mark, Series, format_number
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import format_percent_value, shorten

_COLOURS = ("#0072b2", "#b34700", "#000000", "#7b3294")  # differ in lightness, for print in grey
_DASHES = ("-", "--", "-.", ":")
_POINTS = "#9a9a9a"
_FRAME = "#444444"
_MANY = 200  # with more rows, points are smaller
_MARGIN = 0.04  # of the range of the points, on each side
_SAMPLES = 120  # points along a line that labels should not cover
MOST_NAMED = 10  # models
_OTHERS = Series(MUTED, ".")
_INTERVAL_SAMPLES = 24  # points along an interval that labels should not cover


def draw_leaderboard(
    path: Path, trend: Trend, placements: Sequence[Placement] = (), *, level: float | None = None, force: bool = False
) -> None:
    """Draw a leaderboard, its lines, and the user's models."""
    draw = partial(plot_leaderboard, trend=trend, placements=placements, level=level)
    save_figure(path, draw, title="Leaderboard", force=force)


def plot_leaderboard(
    drawing: Drawing, trend: Trend, placements: Sequence[Placement], level: float | None, *, brief: bool = False
) -> None:
    """Plot a leaderboard; if `brief`, a model's label has only its name and rank."""
    start = _start(trend, placements)
    _draw_points(drawing, trend, start)
    for i, line in enumerate(trend.band_lines):
        _draw_line(drawing, trend, line, _COLOURS[i % len(_COLOURS)], _DASHES[i % len(_DASHES)])
    for placement in placements:
        _draw_placement(drawing, placement, label_set_heading(trend.board.label_set), brief)
    _finish_axes(drawing, trend, start)
    draw_levels(drawing, level)


def _start(trend: Trend, placements: Sequence[Placement]) -> float:
    """The lowest original accuracy in the plot; a few rows far below would leave little room for the others."""
    starts = [line.band.low for line in trend.band_lines if line.band is not None and line.fit is not None]
    return min(starts + [placement.entry.original_accuracy for placement in placements]) if starts else -np.inf


def _draw_points(drawing: Drawing, trend: Trend, start: float) -> None:
    board = trend.board
    at = np.column_stack([board.original_accuracies, board.reassessed_accuracies])[board.original_accuracies >= start]
    size = 2.6 if len(at) > _MANY else 4.5
    drawing.line(at, "o", markersize=size, color=_POINTS, alpha=0.55, markeredgewidth=0, zorder=2)


def _draw_line(drawing: Drawing, trend: Trend, line: TrendLine, colour: str, dashes: str) -> None:
    if line.fit is None or line.slope is None or line.band is None:
        return
    inside = trend.board.original_accuracies[line.band.contains(trend.board.original_accuracies)]
    ends = np.array([[x, line.fit.evaluate(x)] for x in (inside.min(), inside.max())])
    drawing.line(ends, places=_SAMPLES, linestyle=dashes, color=colour, linewidth=1.8, zorder=4)
    slope = _format_slope(line.slope, between="\n")
    drawing.name(f"{line} %: slope {slope}", along(ends, 9)[1:-1], color=colour)


def _format_slope(slope: Estimate, between: str = " ") -> str:
    value, low, high = (format_number(part, ".2f") for part in (slope.value, *slope.interval))
    return f"{value}{between}({low} to {high})"


def _draw_placement(drawing: Drawing, placement: Placement, judge: str, brief: bool) -> None:
    entry = placement.entry
    at = np.array([[entry.original_accuracy, entry.reassessed_accuracy]])
    drawing.line(at, "*", color="#d00000", markersize=14, markeredgecolor="white", zorder=6)
    rank = f"rank {placement.real_rank:,} of {placement.n_rows:,}"
    text = (
        f"{shorten(str(entry), LONGEST)}\n{rank}"
        if brief
        else f"{entry}\n{judge} {format_percent_value(entry.reassessed_accuracy)} %, {rank}"
    )
    if (expected := placement.expected) is not None and not brief:
        text += f"\n{abs(expected.residual):.2f} {expected.side} the line of the {expected.rows:,} nearest"
    drawing.name(text, at, color="#a00000", fontweight="bold")


def draw_levels(drawing: Drawing, level: float | None) -> None:
    """Draw the accuracy of the original labels by reassessed labels, and the line of equal accuracies."""
    axes = drawing.axes
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    if level is not None:
        margin = _MARGIN * (top - bottom)
        bottom, top = min(bottom, level - margin), max(top, level + margin)
        axes.set_ylim(bottom, top)
    diagonal = np.array([[x, x] for x in (max(left, bottom), min(right, top))])
    if diagonal[0, 0] < diagonal[1, 0]:
        drawing.line(diagonal, ":", places=_SAMPLES, color=_FRAME, linewidth=0.9, zorder=3)
        drawing.name("equal accuracy by both labels", along(diagonal, 9)[1:-1], color=_FRAME)
    if level is not None:
        ends = np.array([[x, level] for x in (left, right)])
        drawing.line(ends, "-", places=_SAMPLES, color=_FRAME, linewidth=0.8, zorder=3)
        drawing.name(f"the original labels: {format_percent_value(level)} %", along(ends, 12)[1:-1], color=_FRAME)


def _finish_axes(drawing: Drawing, trend: Trend, start: float) -> None:
    board = trend.board
    frame_accuracies(drawing, label_set_heading(board.label_set))
    hidden = int(np.sum(board.original_accuracies < start))
    not_shown = f", {hidden:,} of them below {start:g} % and not shown" if hidden else ""
    parts = [f"{len(board):,} results of {board.n_models:,} models{not_shown}"]
    if trend.overall_line.slope is not None:
        parts.append(f"slope of all rows: {_format_slope(trend.overall_line.slope)}")
    far_out = trend.outliers
    if far_out.rows and far_out.line_without.slope is not None:
        parts.append(f"without {len(far_out.rows):,} far out: {_format_slope(far_out.line_without.slope)}")
    drawing.heading("; ".join([*parts, "95 % intervals of slopes are over families"]))


def frame_accuracies(drawing: Drawing, label_set: str) -> None:
    """Set titles and limits of the axes; `label_set` is the heading for the label sets."""
    name = "" if label_set == DEFAULT_LABEL_SET_NAME else f" ({label_set})"
    points = np.concatenate(drawing.obstacles)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.maximum(_MARGIN * (high - low), 0.1)
    axes = drawing.axes
    axes.set(
        xlabel="top-1 accuracy by the original labels, %",
        ylabel=f"top-1 accuracy by the reassessed labels{name}, %",
        xlim=(low[0] - margin[0], high[0] + margin[0]),
        ylim=(low[1] - margin[1], high[1] + margin[1]),
    )
    axes.grid()


@dataclass(frozen=True)
class ModelPoint:
    """A model with its accuracies by original and by reassessed labels, in percent."""

    name: str
    original: Mark
    real: Mark


def plot_scatter(drawing: Drawing, points: Sequence[ModelPoint], level: float | None, label_set: str) -> None:
    """Plot models by their accuracies, and the level of the original labels.

    The first `MOST_NAMED` models have names; if each model has its own colour, also their accuracies.
    """
    for i, point in enumerate(points):
        style = SERIES[i] if i < len(SERIES) else _OTHERS
        at = np.array([[point.original.value, point.real.value]])
        for axis, part in enumerate((point.original, point.real)):
            ends = np.repeat(at, 2, axis=0)
            ends[:, axis] = part.interval or part.value
            drawing.line(ends, "-", places=_INTERVAL_SAMPLES, color=style.colour, linewidth=1.2, zorder=4)
        drawing.axes.plot(*at.T, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=5)
        values = f"{format_percent_value(point.original.value)}, {label_set} {format_percent_value(point.real.value)}"
        drawing.descriptions.append(f"{point.name}: original {values}")
        if i < MOST_NAMED:
            name = shorten(point.name, LONGEST)
            text = name if len(points) > len(SERIES) else f"{name}\n{values}"
            drawing.name(text, at, color=style.colour)
    frame_accuracies(drawing, label_set)
    draw_levels(drawing, level)
