"""Figures of precision and recall, calibration, stop rules and the choice of models; readable in grey print."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.aggregation import Calibration, Curve, MeasuredCurve, MeasuredRule, OperatingPoint, StopReplay
from reassess.core import ModelChoice, ModelSubset
from reassess.report.figures import Drawing, points_along, save_figure
from reassess.text import count_noun

_COLOURS = ("#000000", "#0072b2", "#c46a10", "#6e6e6e")  # differ in lightness, for print in grey
_DASH_STYLES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_MARKERS = ("o", "x", "^", "D")
_DashStyle = str | tuple[int, tuple[float, ...]]
_BAND_POINTS = 150
_MIN_KEPT_QUESTIONS = 20  # if fewer questions are kept, precision varies too much to set the scale of the axis
_CURVE_SAMPLES = 250  # points along a curve that labels should not cover
_ANCHOR_COUNT = 36  # points along a curve that its label may point at
_MAX_LABELLED_VARIANTS = 8  # a rule with more variants is a cloud of points with one label
_STOP_COLOURS = ("#0072b2", "#000000", "#c46a10", "#6e6e6e")
_STOP_SAMPLES = 200  # points along a line that labels should not cover
_BEST_COLOUR, _CHOSEN_COLOUR, _ALL_COLOUR = "#0072b2", "#000000", "#6e6e6e"
_CHOICE_SAMPLES = 200  # points along the line that labels should not cover


def save_curve_figure(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule] = (), *, force: bool = False
) -> None:
    """Save a figure of precision-recall curves, with baseline rules such as the majority vote as points."""
    save_figure(path, partial(plot_curves, curves=curves, rules=rules), title="Precision and recall", force=force)


def plot_curves(drawing: Drawing, curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule] = ()) -> None:
    """Plot precision-recall curves, and baseline rules such as the majority vote as points."""
    for i, measured_curve in enumerate(curves):
        other_curves = [other_curve for other_curve in curves if other_curve is not measured_curve]
        _draw_line(
            drawing, measured_curve, other_curves, _COLOURS[i % len(_COLOURS)], _DASH_STYLES[i % len(_DASH_STYLES)]
        )
    for i, rule in enumerate(rules):
        _draw_points_of_rule(drawing, rule, _MARKERS[i % len(_MARKERS)])
    _finish_axes(drawing, curves, rules)


def _draw_line(
    drawing: Drawing,
    measured_curve: MeasuredCurve,
    other_curves: Sequence[MeasuredCurve],
    colour: str,
    dashes: _DashStyle,
) -> None:
    curve, points = measured_curve.curve, _curve_points(measured_curve.curve)
    drawing.draw_line(points, n_obstacles=_CURVE_SAMPLES, linestyle=dashes, color=colour, linewidth=1.6, zorder=3)
    rows = np.unique(np.linspace(0, len(points) - 1, _BAND_POINTS).astype(np.int64))
    bands = curve.bands(curve.thresholds[rows])
    low, high = np.array([interval or (np.nan, np.nan) for interval in bands.precision]).T
    drawing.axes.fill_between(curve.recall[rows], low, high, color=colour, alpha=0.12, linewidth=0, zorder=1)
    text = f"{measured_curve.name}\naverage precision {curve.average_precision:.3f}"
    drawing.add_label(
        text,
        _select_anchors_far_from_curves(
            points_along(points[_find_reliable_points(curve)], _ANCHOR_COUNT), other_curves
        ),
        color=colour,
    )
    if measured_curve.operating_point is not None:
        _draw_chosen_threshold(drawing, measured_curve.operating_point, colour)


def _draw_chosen_threshold(drawing: Drawing, operating_point: OperatingPoint, colour: str) -> None:
    """Draw the chosen threshold; a cross shows the intervals of precision and recall."""
    precision, recall = operating_point.point.precision.value, operating_point.point.recall.value
    if precision is None or recall is None:
        return
    for interval, value, axis in (
        (operating_point.recall_interval, precision, 0),
        (operating_point.precision_interval, recall, 1),
    ):
        if interval is not None:
            ends = np.full((2, 2), value)
            ends[:, axis] = interval
            drawing.draw_line(ends, "-", n_obstacles=16, color=colour, linewidth=1.2, zorder=4)
    point = np.array([[recall, precision]])
    drawing.axes.plot(*point.T, "*", color=colour, markersize=15, markeredgecolor="white", zorder=6)
    text = f"threshold {operating_point.point.threshold:.3g}\nprecision {precision:.3f}\nrecall {recall:.3f}"
    drawing.add_label(text, point, color=colour, fontweight="bold")


def _draw_points_of_rule(drawing: Drawing, rule: MeasuredRule, marker: str) -> None:
    points = np.array([(point.recall.value, point.precision.value) for point in rule.points], np.float64)
    is_cloud = len(points) > _MAX_LABELLED_VARIANTS
    size, colour, fill = (3.5, "#9a9a9a", "none") if is_cloud else (6.5, "#333333", "white")
    drawing.draw_line(points, marker, markersize=size, markerfacecolor=fill, color=colour, zorder=2 if is_cloud else 5)
    if is_cloud:
        middle = np.argsort(np.abs(points - np.median(points, axis=0)).sum(axis=1))[: len(points) // 2]
        drawing.add_label(f"{rule.name} ({len(points)} raters)", points[middle], color="#5a5a5a")
        return
    for variant, point in zip(rule.point_names, points, strict=True):
        drawing.add_label(str(variant), point[None], color="#333333")


def _finish_axes(drawing: Drawing, curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule]) -> None:
    axes = drawing.axes
    lowest = [
        measured_curve.curve.precision[_find_reliable_points(measured_curve.curve)].min() for measured_curve in curves
    ]
    lowest += [point.precision.value for rule in rules for point in rule.points]
    axes.set(
        xlabel="recall: share of valid golden questions that are kept",
        ylabel="precision: share of kept golden questions that are valid",
        xlim=(-0.01, 1.01),
        ylim=(np.floor(10 * min(lowest)) / 10 - 0.01, 1.01),
    )
    axes.grid()
    golden = curves[0].curve.golden
    drawing.write_heading(
        f"{len(golden):,} golden questions on {len(golden.questions.images):,} images, "
        f"{golden.n_valid:,} of them valid; bands and crosses: 95 % intervals, bootstrap over images"
    )


def _curve_points(curve: Curve) -> npt.NDArray[np.float64]:
    return np.column_stack([curve.recall, curve.precision])


def _find_reliable_points(curve: Curve) -> npt.NDArray[np.bool_]:
    """Return which points of a curve keep enough questions for a reliable precision; bool, shape (points,)."""
    return curve.n_kept_questions >= min(_MIN_KEPT_QUESTIONS, len(curve.golden))


def _select_anchors_far_from_curves(
    anchors: npt.NDArray[np.float64], other_curves: Sequence[MeasuredCurve]
) -> npt.NDArray[np.float64]:
    """Return the half of the anchors (possible points of a text label) that is farthest from other curves.

    Without other curves, return all anchors.
    """
    if not other_curves:
        return anchors
    points = np.concatenate(
        [points_along(_curve_points(other_curve.curve), _CURVE_SAMPLES) for other_curve in other_curves]
    )
    gaps = np.hypot(*(anchors[:, None] - points).transpose(2, 0, 1)).min(axis=1)
    return anchors[np.argsort(-gaps, kind="stable")[: len(anchors) // 2]]


def save_calibration_figure(path: Path, calibrations: Mapping[str, Calibration], *, force: bool = False) -> None:
    """Save a reliability diagram: the share of valid questions against the mean probability, for each bin."""
    save_figure(path, partial(_plot_calibrations, calibrations=calibrations), title="Calibration", force=force)


def _plot_calibrations(drawing: Drawing, calibrations: Mapping[str, Calibration]) -> None:
    diagonal = np.array([[0.0, 0.0], [1.0, 1.0]])  # where probabilities agree with golden answers
    drawing.draw_line(diagonal, ":", n_obstacles=_CURVE_SAMPLES, color=_ALL_COLOUR, linewidth=1.2, zorder=2)
    for i, (name, calibration) in enumerate(calibrations.items()):
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]
        points = np.array([(each.mean_probability, each.share_valid) for each in calibration.bins])
        for each in calibration.bins:
            ends = np.column_stack([np.full(2, each.mean_probability), each.interval])
            drawing.draw_line(ends, "-", n_obstacles=16, color=colour, linewidth=0.8, zorder=3)
        drawing.draw_line(points, f"{marker}-", color=colour, markersize=5, linewidth=1.2, zorder=4)
        drawing.add_label(f"{name}\nlog loss {calibration.log_loss:.3f}", points, color=colour)
    first = next(iter(calibrations.values()))
    what = "golden images" if first.is_of_images else "golden questions"
    drawing.axes.set(
        xlabel="mean probability" + (" of the most probable class" if first.is_of_images else ""),
        ylabel="share that is correct" if first.is_of_images else "share of valid golden questions",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
    )
    drawing.axes.grid()
    n = sum(each.n_questions for each in first.bins)
    drawing.write_heading(
        f"{n:,} {what} in bins of similar probability; bars: 95 % intervals of the share; dotted line: "
        "probability equals share"
    )


def save_replay_figure(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Save a figure of stop rules: the share of votes that each rule uses, and how similar its labels stay."""
    save_figure(
        path, partial(_plot_replays, replays=replays), title="Votes that a stop rule does not need", force=force
    )


def _plot_replays(drawing: Drawing, replays: Mapping[str, Sequence[StopReplay]]) -> None:
    for i, (file, file_replays) in enumerate(replays.items()):
        colour = _STOP_COLOURS[i % len(_COLOURS)]
        points = np.array(
            [(100 * replay.share_of_votes_used, 100 * replay.label_jaccard_index) for replay in file_replays]
        )
        points = points[np.argsort(points[:, 0])]
        drawing.draw_line(points, "o-", n_obstacles=_STOP_SAMPLES, color=colour, linewidth=1.4, markersize=5, zorder=3)
        if len(replays) > 1:
            drawing.add_label(file, points[len(points) // 2 :][:1], color=colour, fontweight="bold")
        for replay in file_replays:
            point = np.array([[100 * replay.share_of_votes_used, 100 * replay.label_jaccard_index]])
            drawing.add_label(f"{replay.rule.low:g}, {replay.rule.high:g}", point, color=colour)
    first_replay = next(iter(replays.values()))[0]
    drawing.axes.set(
        xlabel="votes used, % of all votes",
        ylabel="labels in common with all votes, % (Jaccard index)",
    )
    drawing.axes.grid()
    drawing.write_heading(
        f"{count_noun(first_replay.n_votes, 'vote')} on {count_noun(first_replay.n_questions, 'question')}, replayed "
        f"in {first_replay.n_used_votes.size} "
        "random orders; a question closes when the probability of its class is outside the bounds next to each point, "
        f"after at least {first_replay.rule.min_votes} votes; labels at threshold {first_replay.threshold:g}"
    )


def save_model_choice_figure(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Save a figure of the recall and the number of candidates of subsets of models, with the chosen subset."""
    save_figure(path, partial(_plot_choice, choice=choice), title="Models to propose candidates", force=force)


def _plot_choice(drawing: Drawing, choice: ModelChoice) -> None:
    line = np.array([_get_candidate_count_and_recall(subset) for subset in choice.frontier])
    steps = np.column_stack([np.repeat(line[:, 0], 2)[1:], np.repeat(line[:, 1], 2)[:-1]])
    drawing.axes.plot(*steps.T, color=_BEST_COLOUR, linewidth=1.6, zorder=3)
    drawing.axes.plot(*line.T, ".", color=_BEST_COLOUR, markersize=4, zorder=3)
    if len(line) > 1:
        edges = np.stack([steps[:-1], steps[1:]], axis=1)
        drawing.obstacles += [points_along(edge, _CHOICE_SAMPLES // len(line) + 2) for edge in edges]
    best = "best subset" if choice.is_exact else "best subset found"
    drawing.add_label(best, line[len(line) // 2 :][:1], color=_BEST_COLOUR)
    subsets = [(choice.all_models, "all models", _ALL_COLOUR)]
    subsets += [] if choice.chosen is None else [(choice.chosen, "chosen", _CHOSEN_COLOUR)]
    for subset, title, colour in subsets:
        points = np.array([_get_candidate_count_and_recall(subset)])
        drawing.draw_line(points, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        text = f"{title}: {count_noun(len(subset.models), 'model')}\nrecall {subset.recall.value or 0:.3f}"
        drawing.add_label(text, points, color=colour)
    _draw_recall_bound(drawing, choice)
    drawing.axes.axhline(choice.target_recall, color=_ALL_COLOUR, linewidth=0.8, linestyle=":", zorder=2)
    drawing.axes.set(
        xlabel="candidates of all images with questions",
        ylabel="recall: share of valid golden questions that are candidates",
        ylim=(None, 1.01),
    )
    drawing.axes.grid()
    drawing.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawing.write_heading(
        f"{count_noun(choice.n_subsets, 'subset')} of {count_noun(len(choice.all_models.models), 'model')}, "
        f"{choice.search_method} search; {count_noun(choice.recall_of_all_models.n, 'valid golden question')}, "
        f"{choice.n_valid_not_candidates:,} not candidates of any model; "
        f"recall measured on {count_noun(choice.n_check_images, 'golden image')} not used in the search"
        f"{'' if choice.chosen is None else '; bar: down to the lower 90 % confidence bound of recall'}"
    )


def _draw_recall_bound(drawing: Drawing, choice: ModelChoice) -> None:
    """Draw a line from the chosen models' recall to its lower confidence bound."""
    if choice.chosen is None or choice.recall_bound is None:
        return
    candidates, recall = choice.chosen.n_candidates, choice.recall_of_chosen_or_all_models.value or 0.0
    ends = np.array([[candidates, choice.recall_bound], [candidates, recall]])
    drawing.draw_line(ends, "-", n_obstacles=16, color=_CHOSEN_COLOUR, linewidth=1.2, zorder=4)


def _get_candidate_count_and_recall(subset: ModelSubset) -> tuple[float, float]:
    """Return the coordinates of a set of models in the plot."""
    return subset.n_candidates, subset.recall.value or 0.0
