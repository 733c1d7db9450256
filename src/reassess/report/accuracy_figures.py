"""A leaderboard as a figure: ReaL accuracy over original accuracy, the lines of the bands, and the user's models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from reassess.comparison import Placement, Trend
from reassess.comparison.trends import TrendLine
from reassess.core.labels import UNNAMED
from reassess.evaluation.evaluation_words import heading
from reassess.numeric import Estimate
from reassess.report.chart_figures import LONGEST, MUTED, SERIES, Mark, Series, number
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import percentage, shortened

_COLOURS = ("#0072b2", "#b34700", "#000000", "#7b3294")  # of different lightness, too
_DASHES = ("-", "--", "-.", ":")
_POINTS = "#9a9a9a"
_FRAME = "#444444"
_MANY = 200  # with more rows, points are smaller
_MARGIN = 0.04  # of what is drawn, around it
_SAMPLES = 120  # places along a line that names should not cover
MOST_NAMED = 10
_OTHERS = Series(MUTED, ".")
_INTERVAL_SAMPLES = 24  # places along an interval that names should not cover


def draw_leaderboard(
    path: Path, trend: Trend, placements: Sequence[Placement] = (), *, level: float | None = None, force: bool = False
) -> None:
    """Draw a leaderboard, its lines, and models among the others."""
    draw = partial(leaderboard_on, trend=trend, placements=placements, level=level)
    save_figure(path, draw, title="Leaderboard", force=force)


def leaderboard_on(
    drawing: Drawing, trend: Trend, placements: Sequence[Placement], level: float | None, *, brief: bool = False
) -> None:
    """Draw what `draw_leaderboard` draws; if `brief`, a model's label has its name and rank only."""
    start = _start(trend, placements)
    _draw_points(drawing, trend, start)
    for i, line in enumerate(trend.band_lines):
        _draw_line(drawing, trend, line, _COLOURS[i % len(_COLOURS)], _DASHES[i % len(_DASHES)])
    for placement in placements:
        _draw_placement(drawing, placement, heading(trend.board.label_set), brief)
    _finish_axes(drawing, trend, start)
    draw_levels(drawing, level)


def _start(trend: Trend, placements: Sequence[Placement]) -> float:
    """The lowest original accuracy that is drawn; a few rows far below would squeeze all others into a corner."""
    starts = [line.band.low for line in trend.band_lines if line.band is not None and line.fit is not None]
    return min(starts + [placement.entry.original for placement in placements]) if starts else -np.inf


def _draw_points(drawing: Drawing, trend: Trend, start: float) -> None:
    board = trend.board
    at = np.column_stack([board.original, board.real])[board.original >= start]
    size = 2.6 if len(at) > _MANY else 4.5
    drawing.line(at, "o", markersize=size, color=_POINTS, alpha=0.55, markeredgewidth=0, zorder=2)


def _draw_line(drawing: Drawing, trend: Trend, line: TrendLine, colour: str, dashes: str) -> None:
    if line.fit is None or line.slope is None or line.band is None:
        return
    inside = trend.board.original[line.band.contains(trend.board.original)]
    ends = np.array([[x, line.fit.at(x)] for x in (inside.min(), inside.max())])
    drawing.line(ends, places=_SAMPLES, linestyle=dashes, color=colour, linewidth=1.8, zorder=4)
    slope = _in_words(line.slope, between="\n")
    drawing.name(f"{line} %: slope {slope}", along(ends, 9)[1:-1], color=colour)


def _in_words(slope: Estimate, between: str = " ") -> str:
    value, low, high = (number(part, ".2f") for part in (slope.value, *slope.interval))
    return f"{value}{between}({low} to {high})"


def _draw_placement(drawing: Drawing, placement: Placement, judge: str, brief: bool) -> None:
    entry = placement.entry
    at = np.array([[entry.original, entry.real]])
    drawing.line(at, "*", color="#d00000", markersize=14, markeredgecolor="white", zorder=6)
    rank = f"rank {placement.real_rank:,} of {placement.n_rows:,}"
    text = (
        f"{shortened(str(entry), LONGEST)}\n{rank}" if brief else f"{entry}\n{judge} {percentage(entry.real)} %, {rank}"
    )
    if (expected := placement.expected) is not None and not brief:
        text += f"\n{abs(expected.residual):.2f} {expected.side} the line of the {expected.rows:,} nearest"
    drawing.name(text, at, color="#a00000", fontweight="bold")


def draw_levels(drawing: Drawing, level: float | None) -> None:
    """Draw the ReaL accuracy of the original labels themselves, and the line of equal accuracies."""
    axes = drawing.axes
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    if level is not None:
        free = _MARGIN * (top - bottom)
        bottom, top = min(bottom, level - free), max(top, level + free)
        axes.set_ylim(bottom, top)
    same = np.array([[x, x] for x in (max(left, bottom), min(right, top))])
    if same[0, 0] < same[1, 0]:
        drawing.line(same, ":", places=_SAMPLES, color=_FRAME, linewidth=0.9, zorder=3)
        drawing.name("the same accuracy by both", along(same, 9)[1:-1], color=_FRAME)
    if level is not None:
        ends = np.array([[x, level] for x in (left, right)])
        drawing.line(ends, "-", places=_SAMPLES, color=_FRAME, linewidth=0.8, zorder=3)
        drawing.name(f"the original labels themselves: {percentage(level)} %", along(ends, 12)[1:-1], color=_FRAME)


def _finish_axes(drawing: Drawing, trend: Trend, start: float) -> None:
    board = trend.board
    frame_accuracies(drawing, heading(board.label_set))
    hidden = int(np.sum(board.original < start))
    left_out = f", {hidden:,} of them below {start:g} % and not shown" if hidden else ""
    parts = [f"{len(board):,} results of {board.models:,} models{left_out}"]
    if trend.overall_line.slope is not None:
        parts.append(f"slope of all {_in_words(trend.overall_line.slope)}")
    far_out = trend.outliers
    if far_out.rows and far_out.line_without.slope is not None:
        parts.append(f"without {len(far_out.rows):,} far out {_in_words(far_out.line_without.slope)}")
    drawing.heading("; ".join([*parts, "95 % intervals of slopes are over families"]))


def frame_accuracies(drawing: Drawing, label_set: str) -> None:
    """Both accuracies as the axes, around all that is drawn; the label sets by what headings call them."""
    name = "" if label_set == UNNAMED else f" ({label_set})"
    drawn = np.concatenate(drawing.drawn)
    low, high = drawn.min(axis=0), drawn.max(axis=0)
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
class Spot:
    """A model, and its accuracies by original and by reassessed labels, in percent."""

    name: str
    original: Mark
    real: Mark


def scatter_on(drawing: Drawing, spots: Sequence[Spot], level: float | None, label_set: str) -> None:
    """Draw models by their accuracies, and the level of the original labels themselves.

    The first few have names, and if there are no more of them than colours, their accuracies beside these.
    """
    for i, spot in enumerate(spots):
        style = SERIES[i] if i < len(SERIES) else _OTHERS
        at = np.array([[spot.original.value, spot.real.value]])
        for axis, part in enumerate((spot.original, spot.real)):
            ends = np.repeat(at, 2, axis=0)
            ends[:, axis] = part.interval or part.value
            drawing.line(ends, "-", places=_INTERVAL_SAMPLES, color=style.colour, linewidth=1.2, zorder=4)
        drawing.axes.plot(*at.T, style.marker, color=style.colour, markersize=6, markeredgecolor="white", zorder=5)
        values = f"{percentage(spot.original.value)}, {label_set} {percentage(spot.real.value)}"
        drawing.words.append(f"{spot.name}: original {values}")
        if i < MOST_NAMED:
            name = shortened(spot.name, LONGEST)
            text = name if len(spots) > len(SERIES) else f"{name}\n{values}"
            drawing.name(text, at, color=style.colour)
    frame_accuracies(drawing, label_set)
    draw_levels(drawing, level)
