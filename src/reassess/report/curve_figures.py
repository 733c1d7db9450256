"""Figures of precision and recall, of stop rules, and of the choice of models; all can be printed in grey."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Curve, MeasuredCurve, OperatingPoint, Rule, StopReplay
from reassess.core import ModelChoice, ModelSubset
from reassess.report.figures import Drawing, along, save_figure
from reassess.text import count_noun

_COLOURS = ("#000000", "#0072b2", "#c46a10", "#6e6e6e")  # differ in lightness, for print in grey
_DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_MARKERS = ("o", "x", "^", "D")
_Dashes = str | tuple[int, tuple[float, ...]]
_BAND_POINTS = 150
_STEADY = 20  # questions kept; with fewer, precision varies too much to set the scale
_SAMPLES = 250  # points along a curve that labels should not cover
_ANCHORS = 36  # points along a curve that its label may point at
_CLOUD = 8  # a rule with more variants is a cloud of points with one label
_STOP_COLOURS = ("#0072b2", "#000000", "#c46a10", "#6e6e6e")
_STOP_SAMPLES = 200  # points along a line that labels should not cover
_BEST, _CHOSEN, _ALL = "#0072b2", "#000000", "#6e6e6e"
_CHOICE_SAMPLES = 200  # points along the line that labels should not cover


def draw_curves(path: Path, lines: Sequence[MeasuredCurve], rules: Sequence[Rule] = (), *, force: bool = False) -> None:
    """Draw curves and simple rules into one figure."""
    save_figure(path, partial(plot_curves, lines=lines, rules=rules), title="Precision and recall", force=force)


def plot_curves(drawing: Drawing, lines: Sequence[MeasuredCurve], rules: Sequence[Rule] = ()) -> None:
    """Plot curves and simple rules."""
    for i, line in enumerate(lines):
        others = [other for other in lines if other is not line]
        _draw_line(drawing, line, others, _COLOURS[i % len(_COLOURS)], _DASHES[i % len(_DASHES)])
    for i, rule in enumerate(rules):
        _draw_rule(drawing, rule, _MARKERS[i % len(_MARKERS)])
    _finish_axes(drawing, lines, rules)


def _draw_line(
    drawing: Drawing, line: MeasuredCurve, others: Sequence[MeasuredCurve], colour: str, dashes: _Dashes
) -> None:
    curve, at = line.curve, _path(line.curve)
    drawing.line(at, places=_SAMPLES, linestyle=dashes, color=colour, linewidth=1.6, zorder=3)
    rows = np.unique(np.linspace(0, len(at) - 1, _BAND_POINTS).astype(np.int64))
    bands = curve.bands(curve.thresholds[rows])
    low, high = np.array([interval or (np.nan, np.nan) for interval in bands.precision]).T
    drawing.axes.fill_between(curve.recall[rows], low, high, color=colour, alpha=0.12, linewidth=0, zorder=1)
    text = f"{line.name}\naverage precision {curve.average_precision:.3f}"
    drawing.name(text, _farthest_half(along(at[_steady(curve)], _ANCHORS), others), color=colour)
    if line.chosen is not None:
        _draw_chosen(drawing, line.chosen, colour)


def _draw_chosen(drawing: Drawing, chosen: OperatingPoint, colour: str) -> None:
    """Draw the chosen threshold, with the intervals of precision and recall as a cross."""
    precision, recall = chosen.point.precision.value, chosen.point.recall.value
    if precision is None or recall is None:
        return
    for interval, value, axis in ((chosen.recall_interval, precision, 0), (chosen.precision_interval, recall, 1)):
        if interval is not None:
            ends = np.full((2, 2), value)
            ends[:, axis] = interval
            drawing.line(ends, "-", places=16, color=colour, linewidth=1.2, zorder=4)
    at = np.array([[recall, precision]])
    drawing.axes.plot(*at.T, "*", color=colour, markersize=15, markeredgecolor="white", zorder=6)
    text = f"threshold {chosen.point.threshold:.3g}\nprecision {precision:.3f}\nrecall {recall:.3f}"
    drawing.name(text, at, color=colour, fontweight="bold")


def _draw_rule(drawing: Drawing, rule: Rule, marker: str) -> None:
    at = np.array([(point.recall.value, point.precision.value) for point in rule.points], np.float64)
    is_cloud = len(at) > _CLOUD
    size, colour, fill = (3.5, "#9a9a9a", "none") if is_cloud else (6.5, "#333333", "white")
    drawing.line(at, marker, markersize=size, markerfacecolor=fill, color=colour, zorder=2 if is_cloud else 5)
    if is_cloud:
        middle = np.argsort(np.abs(at - np.median(at, axis=0)).sum(axis=1))[: len(at) // 2]
        drawing.name(f"{rule.name} ({len(at)} raters)", at[middle], color="#5a5a5a")
        return
    for variant, point in zip(rule.variants, at, strict=True):
        drawing.name(str(variant), point[None], color="#333333")


def _finish_axes(drawing: Drawing, lines: Sequence[MeasuredCurve], rules: Sequence[Rule]) -> None:
    axes = drawing.axes
    lowest = [line.curve.precision[_steady(line.curve)].min() for line in lines]
    lowest += [point.precision.value for rule in rules for point in rule.points]
    axes.set(
        xlabel="recall: share of valid golden questions that are kept",
        ylabel="precision: share of kept golden questions that are valid",
        xlim=(-0.01, 1.01),
        ylim=(np.floor(10 * min(lowest)) / 10 - 0.01, 1.01),
    )
    axes.grid()
    golden = lines[0].curve.golden
    drawing.heading(
        f"{len(golden):,} golden questions on {len(golden.questions.images):,} images, "
        f"{golden.positives:,} of them valid; bands and crosses: 95 % intervals, bootstrap over images"
    )


def _path(curve: Curve) -> npt.NDArray[np.float64]:
    return np.column_stack([curve.recall, curve.precision])


def _steady(curve: Curve) -> npt.NDArray[np.bool_]:
    """Mark the points that keep enough questions, or all."""
    return curve.kept >= min(_STEADY, len(curve.golden))


def _farthest_half(anchors: npt.NDArray[np.float64], others: Sequence[MeasuredCurve]) -> npt.NDArray[np.float64]:
    """Return the half of the anchors that is farthest from other curves, where a label is unambiguous."""
    if not others:
        return anchors
    points = np.concatenate([along(_path(other.curve), _SAMPLES) for other in others])
    gaps = np.hypot(*(anchors[:, None] - points).transpose(2, 0, 1)).min(axis=1)
    return anchors[np.argsort(-gaps, kind="stable")[: len(anchors) // 2]]


def draw_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Draw, for each stop rule, the share of votes used and the agreement of its labels with those of all votes."""
    save_figure(path, partial(_plot_replays, replays=replays), title="Votes that a stop rule saves", force=force)


def _plot_replays(drawing: Drawing, replays: Mapping[str, Sequence[StopReplay]]) -> None:
    for i, (file, file_replays) in enumerate(replays.items()):
        colour = _STOP_COLOURS[i % len(_COLOURS)]
        at = np.array([(100 * replay.share_taken, 100 * replay.labels_in_common) for replay in file_replays])
        at = at[np.argsort(at[:, 0])]
        drawing.line(at, "o-", places=_STOP_SAMPLES, color=colour, linewidth=1.4, markersize=5, zorder=3)
        if len(replays) > 1:
            drawing.name(file, at[len(at) // 2 :][:1], color=colour, fontweight="bold")
        for replay in file_replays:
            point = np.array([[100 * replay.share_taken, 100 * replay.labels_in_common]])
            drawing.name(f"{replay.rule.low:g}, {replay.rule.high:g}", point, color=colour)
    first = next(iter(replays.values()))[0]
    drawing.axes.set(
        xlabel="votes used, % of all votes",
        ylabel="labels in common with all votes, % (Jaccard index)",
    )
    drawing.axes.grid()
    drawing.heading(
        f"{count_noun(first.votes, 'vote')} on {count_noun(first.questions, 'question')}, replayed in "
        f"{first.taken.size} "
        "random orders; a question closes when the probability of its class is outside the bounds next to each point, "
        f"after at least {first.rule.min_votes} votes; labels at threshold {first.threshold:g}"
    )


def draw_choice(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Draw recall over candidates for the best subsets of models, and the chosen subset, if any, with its bound."""
    save_figure(path, partial(_plot_choice, choice=choice), title="Models to propose candidates", force=force)


def _plot_choice(drawing: Drawing, choice: ModelChoice) -> None:
    line = np.array([_position(subset) for subset in choice.frontier])
    steps = np.column_stack([np.repeat(line[:, 0], 2)[1:], np.repeat(line[:, 1], 2)[:-1]])
    drawing.axes.plot(*steps.T, color=_BEST, linewidth=1.6, zorder=3)
    drawing.axes.plot(*line.T, ".", color=_BEST, markersize=4, zorder=3)
    if len(line) > 1:
        edges = np.stack([steps[:-1], steps[1:]], axis=1)
        drawing.obstacles += [along(edge, _CHOICE_SAMPLES // len(line) + 2) for edge in edges]
    best = "best subset" if choice.is_exact else "best subset found"
    drawing.name(best, line[len(line) // 2 :][:1], color=_BEST)
    subsets = [(choice.all_models, "all models", _ALL)]
    subsets += [] if choice.chosen is None else [(choice.chosen, "chosen", _CHOSEN)]
    for subset, title, colour in subsets:
        at = np.array([_position(subset)])
        drawing.line(at, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        text = f"{title}: {count_noun(len(subset.models), 'model')}\nrecall {subset.recall.value or 0:.3f}"
        drawing.name(text, at, color=colour)
    _draw_bound(drawing, choice)
    drawing.axes.axhline(choice.target_recall, color=_ALL, linewidth=0.8, linestyle=":", zorder=2)
    drawing.axes.set(
        xlabel="candidates of all images with questions",
        ylabel="recall: share of valid golden questions that are candidates",
        ylim=(None, 1.01),
    )
    drawing.axes.grid()
    drawing.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawing.heading(
        f"{count_noun(choice.n_subsets, 'subset')} of {count_noun(len(choice.all_models.models), 'model')}, "
        f"{choice.search_kind} "
        f"search; {count_noun(choice.recall.n, 'valid golden question')}, {choice.n_not_candidates:,} not candidates "
        f"of any model; recall measured on {count_noun(choice.n_check_images, 'golden image')} not used in the search"
        f"{'' if choice.chosen is None else '; bar: down to the lower 90 % confidence bound of recall'}"
    )


def _draw_bound(drawing: Drawing, choice: ModelChoice) -> None:
    """Draw the lower bound of the recall of the chosen models."""
    if choice.chosen is None or choice.recall_bound is None:
        return
    candidates, recall = choice.chosen.n_candidates, choice.bounded_recall.value or 0.0
    ends = np.array([[candidates, choice.recall_bound], [candidates, recall]])
    drawing.line(ends, "-", places=16, color=_CHOSEN, linewidth=1.2, zorder=4)


def _position(subset: ModelSubset) -> tuple[float, float]:
    return subset.n_candidates, subset.recall.value or 0.0
