"""Scatter plots of models: accuracy by reassessed labels (y) against accuracy by original labels (x)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from reassess.comparison import Placement, Trend
from reassess.comparison.trends import TrendLine
from reassess.core.labels import DEFAULT_LABEL_SET_NAME
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.numeric import Estimate
from reassess.report.chart_figures import (
    MAX_NAME_LENGTH,
    MUTED_COLOUR,
    SERIES_STYLES,
    MeasuredValue,
    SeriesStyle,
    format_number,
)
from reassess.report.figures import Drawing, points_along, save_figure
from reassess.text import count_noun, format_percentage, shorten

_COLOURS = ("#0072b2", "#b34700", "#000000", "#7b3294")  # differ in lightness, for print in grey
_DASH_STYLES = ("-", "--", "-.", ":")
_POINT_COLOUR = "#9a9a9a"
_FRAME_COLOUR = "#444444"
_MAX_LARGE_POINTS = 200  # with more rows, points are smaller
_RELATIVE_MARGIN = 0.04  # of the range of the points, on each side
_LINE_SAMPLES = 120  # points along a line that labels should not cover
MAX_NAMED_MODELS = 10  # the best models, whose points are labelled
_OTHER_STYLE = SeriesStyle(MUTED_COLOUR, ".")
_INTERVAL_SAMPLES = 24  # points along an interval that labels should not cover


def save_leaderboard_figure(
    path: Path,
    trend: Trend,
    placements: Sequence[Placement] = (),
    *,
    original_label_percent: float | None = None,
    force: bool = False,
) -> None:
    """Save a figure of a leaderboard with its trend lines and the user's models."""
    draw = partial(plot_leaderboard, trend=trend, placements=placements, original_label_percent=original_label_percent)
    save_figure(path, draw, title="Leaderboard", force=force)


def plot_leaderboard(
    drawing: Drawing,
    trend: Trend,
    placements: Sequence[Placement],
    original_label_percent: float | None,
    *,
    is_brief: bool = False,
) -> None:
    """Plot a leaderboard; if `is_brief`, the labels of the user's models have only name and rank."""
    lowest_accuracy = _find_lowest_accuracy(trend, placements)
    _draw_points(drawing, trend, lowest_accuracy)
    for i, line in enumerate(trend.band_lines):
        _draw_line(drawing, trend, line, _COLOURS[i % len(_COLOURS)], _DASH_STYLES[i % len(_DASH_STYLES)])
    for placement in placements:
        _draw_model_on_leaderboard(drawing, placement, shorten_label_set_name(trend.leaderboard.label_set), is_brief)
    _finish_axes(drawing, trend, lowest_accuracy)
    draw_reference_lines(drawing, original_label_percent)


def _find_lowest_accuracy(trend: Trend, placements: Sequence[Placement]) -> float:
    """Return the lowest original accuracy to plot; models far below it would compress the plot."""
    starts = [line.band.low for line in trend.band_lines if line.band is not None and line.fit is not None]
    return min(starts + [placement.model_row.original_accuracy for placement in placements]) if starts else -np.inf


def _draw_points(drawing: Drawing, trend: Trend, lowest_accuracy: float) -> None:
    board = trend.leaderboard
    points = np.column_stack([board.original_accuracies, board.reassessed_accuracies])[
        board.original_accuracies >= lowest_accuracy
    ]
    size = 2.6 if len(points) > _MAX_LARGE_POINTS else 4.5
    drawing.draw_line(points, "o", markersize=size, color=_POINT_COLOUR, alpha=0.55, markeredgewidth=0, zorder=2)


def _draw_line(drawing: Drawing, trend: Trend, line: TrendLine, colour: str, dashes: str) -> None:
    if line.fit is None or line.slope is None or line.band is None:
        return
    inside = trend.leaderboard.original_accuracies[line.band.contains(trend.leaderboard.original_accuracies)]
    ends = np.array([[x, line.fit.value_at(x)] for x in (inside.min(), inside.max())])
    drawing.draw_line(ends, n_obstacles=_LINE_SAMPLES, linestyle=dashes, color=colour, linewidth=1.8, zorder=4)
    slope = _format_slope(line.slope, separator="\n")
    drawing.add_label(f"{line} %: slope {slope}", points_along(ends, 9)[1:-1], color=colour)


def _format_slope(slope: Estimate, separator: str = " ") -> str:
    value, low, high = (format_number(part, ".2f") for part in (slope.value, *slope.interval))
    return f"{value}{separator}({low} to {high})"


def _draw_model_on_leaderboard(drawing: Drawing, placement: Placement, label_set: str, is_brief: bool) -> None:
    entry = placement.model_row
    points = np.array([[entry.original_accuracy, entry.reassessed_accuracy]])
    drawing.draw_line(points, "*", color="#d00000", markersize=14, markeredgecolor="white", zorder=6)
    rank = f"rank {placement.real_rank:,} of {placement.n_rows:,}"
    text = (
        f"{shorten(str(entry), MAX_NAME_LENGTH)}\n{rank}"
        if is_brief
        else f"{entry}\n{label_set} {format_percentage(entry.reassessed_accuracy)} %, {rank}"
    )
    if (expected := placement.expected_accuracy) is not None and not is_brief:
        text += f"\n{abs(expected.residual):.2f} {expected.side_of_line} the line of the {expected.n_rows:,} nearest"
    drawing.add_label(text, points, color="#a00000", fontweight="bold")


def draw_reference_lines(drawing: Drawing, original_label_percent: float | None) -> None:
    """Draw a line at the accuracy of the original labels, and the line where both accuracies are equal."""
    axes = drawing.axes
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    if original_label_percent is not None:
        margin = _RELATIVE_MARGIN * (top - bottom)
        bottom, top = min(bottom, original_label_percent - margin), max(top, original_label_percent + margin)
        axes.set_ylim(bottom, top)
    diagonal = np.array([[x, x] for x in (max(left, bottom), min(right, top))])
    if diagonal[0, 0] < diagonal[1, 0]:
        drawing.draw_line(diagonal, ":", n_obstacles=_LINE_SAMPLES, color=_FRAME_COLOUR, linewidth=0.9, zorder=3)
        drawing.add_label("equal accuracy by both labels", points_along(diagonal, 9)[1:-1], color=_FRAME_COLOUR)
    if original_label_percent is not None:
        ends = np.array([[x, original_label_percent] for x in (left, right)])
        drawing.draw_line(ends, "-", n_obstacles=_LINE_SAMPLES, color=_FRAME_COLOUR, linewidth=0.8, zorder=3)
        drawing.add_label(
            f"the original labels: {format_percentage(original_label_percent)} %",
            points_along(ends, 12)[1:-1],
            color=_FRAME_COLOUR,
        )


def _finish_axes(drawing: Drawing, trend: Trend, lowest_accuracy: float) -> None:
    board = trend.leaderboard
    set_accuracy_axes(drawing, shorten_label_set_name(board.label_set))
    hidden = int(np.sum(board.original_accuracies < lowest_accuracy))
    not_shown = f", {hidden:,} of them below {lowest_accuracy:g} % and not shown" if hidden else ""
    parts = [f"{len(board):,} results of {board.n_models:,} models{not_shown}"]
    if trend.overall_line.slope is not None:
        parts.append(f"slope of all rows: {_format_slope(trend.overall_line.slope)}")
    far_out = trend.outliers
    if far_out.rows and far_out.line_without_outliers.slope is not None:
        parts.append(
            f"slope without {count_noun(len(far_out.rows), 'far-out row')}: "
            f"{_format_slope(far_out.line_without_outliers.slope)}"
        )
    drawing.write_heading("; ".join([*parts, "95 % intervals of slopes are over families"]))


def set_accuracy_axes(drawing: Drawing, label_set: str) -> None:
    """Set titles and limits of the axes; `label_set` is the name of the reassessed labels."""
    name = "" if label_set == DEFAULT_LABEL_SET_NAME else f" ({label_set})"
    points = np.concatenate(drawing.obstacles)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.maximum(_RELATIVE_MARGIN * (high - low), 0.1)
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
    original_accuracy: MeasuredValue
    reassessed_accuracy: MeasuredValue


def plot_scatter(
    drawing: Drawing, points: Sequence[ModelPoint], original_label_percent: float | None, label_set: str
) -> None:
    """Plot each model at its two accuracies, and a line at the accuracy of the original labels.

    The first `MAX_NAMED_MODELS` models are labelled with their names. If each model has its own colour, the labels also
    contain the accuracies.
    """
    for i, point in enumerate(points):
        style = SERIES_STYLES[i] if i < len(SERIES_STYLES) else _OTHER_STYLE
        position = np.array([[point.original_accuracy.value, point.reassessed_accuracy.value]])
        for axis, part in enumerate((point.original_accuracy, point.reassessed_accuracy)):
            ends = np.repeat(position, 2, axis=0)
            ends[:, axis] = part.interval or part.value
            drawing.draw_line(ends, "-", n_obstacles=_INTERVAL_SAMPLES, color=style.colour, linewidth=1.2, zorder=4)
        drawing.axes.plot(
            *position.T, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=5
        )
        original_text, reassessed_text = (
            format_percentage(mark.value) for mark in (point.original_accuracy, point.reassessed_accuracy)
        )
        values = f"{original_text}, {label_set} {reassessed_text}"
        drawing.descriptions.append(f"{point.name}: original {values}")
        if i < MAX_NAMED_MODELS:
            name = shorten(point.name, MAX_NAME_LENGTH)
            text = name if len(points) > len(SERIES_STYLES) else f"{name}\n{values}"
            drawing.add_label(text, position, color=style.colour)
    set_accuracy_axes(drawing, label_set)
    draw_reference_lines(drawing, original_label_percent)
