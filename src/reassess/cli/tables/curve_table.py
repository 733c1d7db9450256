"""The output of `reassess curve`: precision and recall of scores and of simple rules."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from reassess.aggregation import Goal, MeasuredCurve, Rule, StopReplay, curve_points
from reassess.cli.call import Call
from reassess.cli.curve_inputs import CurveParts
from reassess.cli.screen import print_table
from reassess.core import StopRule
from reassess.formats.tables import write_table
from reassess.text import count_noun, format_percent, join_first

_MOST_VARIANTS = 8


def print_curves(
    call: Call, curves: Sequence[MeasuredCurve], curve_parts: CurveParts, *, is_out_of_sample: bool, goal: Goal | None
) -> None:
    """Print the curves, the chosen thresholds, the simple rules, and the golden answers used."""
    headings = ["scores", "average precision"]
    if goal is not None:
        headings += ["threshold", "precision", "95 %", "recall", "95 %", "labels", "empty images"]
    print_table(headings, [_row(curve) for curve in curves], best=["average precision"])
    if curve_parts.rules:
        click.echo()
        rows = [row for rule in curve_parts.rules for row in _rule_rows(rule)]
        print_table(["rule", "variant", "precision", "recall"], rows, text_columns=2)
    golden = curve_parts.golden
    questions, images = count_noun(len(golden), "golden question"), count_noun(len(golden.questions.images), "image")
    call.info(f"{questions} on {images}, {golden.positives:,} valid")
    if golden.by_experts is not None and golden.by_experts.note is not None:
        call.info(golden.by_experts.note)
    _print_golden_votes(call, curve_parts)
    if golden.unrated:
        questions = count_noun(golden.unrated, "golden question")
        call.info(f"not used: {questions} on images where raters have not answered all golden questions")
    if golden.exclusive:
        call.note("golden images are measured on all classes; a class without a score has the score 0")
    if any(curve.curve.in_sample for curve in curves):
        call.info("in-sample: the golden answers used here also made the scores")
        if not is_out_of_sample:
            call.note("for out-of-sample scores: --leave-out image")
    unchanged = [curve.file for curve in curves if curve.curve.in_sample is False and curve.left_out is None]
    if is_out_of_sample and unchanged:
        call.info(f"{join_first(unchanged)}: made without golden answers, so --leave-out changes nothing")
    if goal is not None:
        call.note("95 %: bootstrap over images, with all golden questions of an image together")
        unrated_text = "not included" if curve_parts.original is None else "included with their original label"
        call.note(f"labels and empty images: on all images; unrated images are {unrated_text}")


def _print_golden_votes(call: Call, curve_parts: CurveParts) -> None:
    """Print where golden votes are used, and how many; with more votes, scores are more accurate."""
    votes, all_votes = curve_parts.votes, curve_parts.all_votes
    if votes is None or all_votes is None or all_votes is votes:
        return
    voted, scored = (int(np.count_nonzero(each.sizes)) for each in (votes, all_votes))
    items = count_noun(scored - voted, "golden item has", "golden items have")
    mean = (len(all_votes) - len(votes)) / (scored - voted)
    suffix = f" (others: {len(votes) / voted:.1f} votes)" if voted else ""
    call.info(f"{items} only golden votes: {mean:.1f} each{suffix}")


def _row(curve: MeasuredCurve) -> list[str | None]:
    cells: list[str | None] = [curve.name, f"{curve.curve.average_precision:.4f}"]
    if curve.chosen is None:
        return cells
    point = curve.chosen.point
    cells.append(repr(point.threshold))  # not rounded, since a rounded threshold may select other questions
    values = (point.precision, curve.chosen.precision_interval), (point.recall, curve.chosen.recall_interval)
    for part, interval in values:
        cells.append(None if part.value is None else f"{part.value:.4f}")
        cells.append(None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}")
    return [*cells, f"{curve.chosen.labels:,}", f"{curve.chosen.empty_images:,}"]


def _rule_rows(rule: Rule) -> Iterator[list[str]]:
    """Return a row for each variant of a rule; of many variants, the median and the range."""
    values = np.array([(point.precision.value, point.recall.value) for point in rule.points], np.float64)
    if len(values) <= _MOST_VARIANTS:
        for variant, (precision, recall) in zip(rule.variants, values.tolist(), strict=True):
            yield [rule.name, "" if variant == rule.name else str(variant), f"{precision:.4f}", f"{recall:.4f}"]
        return
    cells = [f"{np.median(part):.4f} ({part.min():.2f} to {part.max():.2f})" for part in values.T]
    yield [rule.name, f"median of {len(values)}", *cells]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[Rule] = (), *, force: bool = False
) -> None:
    """Write the columns of `curve_points`; missing values and NaN are null."""
    import polars as pl

    types: dict[str, type[pl.DataType]] = dict.fromkeys(("in_sample", "chosen"), pl.Boolean)
    types |= dict.fromkeys(("hits", "kept", "valid"), pl.Int64)
    types |= dict.fromkeys(("threshold", "precision", "recall"), pl.Float64)
    columns = curve_points(curves, rules)
    table = pl.DataFrame(
        [pl.Series(name, column.tolist(), types.get(name, pl.String)) for name, column in columns.items()]
    )
    write_table(path, table.fill_nan(None), force=force)


def print_replays(call: Call, file: str, replays: Sequence[StopReplay], requested: Sequence[StopRule]) -> None:
    """Print a row for each stop rule, and the requested rules as text."""
    headings = ["stop rule", "votes used %", "questions changed", "images changed", "labels in common %"]
    print_table(headings, [_replay_row(replay) for replay in replays])
    for replay in replays:
        if replay.rule in requested:
            call.info(
                f"{file}, stop rule {_bounds(replay.rule)}: {format_percent(replay.share_taken)} % of "
                f"{replay.votes:,} votes "
                f"used; {replay.changed.mean():,.1f} of {replay.questions:,} questions decided differently "
                f"({replay.changed.min():,} to {replay.changed.max():,})"
            )
    orders = replays[0].taken.size
    call.note(
        f"means over {orders} random orders of the votes; threshold of labels: {replays[0].threshold:g}; at least "
        f"{replays[0].rule.min_votes} votes per question; each rater's accuracy is taken as known from the first vote"
    )


def write_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Write a row for each file and stop rule; counts are means over the orders of votes."""
    import polars as pl

    rows = [
        {
            "file": file,
            "low": replay.rule.low,
            "high": replay.rule.high,
            "at_least": replay.rule.min_votes,
            "threshold": replay.threshold,
            "share_taken": replay.share_taken,
            "questions_changed": float(replay.changed.mean()),
            "images_changed": float(replay.images_changed.mean()),
            "labels_in_common": replay.labels_in_common,
        }
        for file, each in replays.items()
        for replay in each
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def _replay_row(replay: StopReplay) -> list[str]:
    counts = (f"{replay.changed.mean():,.1f}", f"{replay.images_changed.mean():,.1f}")
    return [_bounds(replay.rule), format_percent(replay.share_taken), *counts, format_percent(replay.labels_in_common)]


def _bounds(rule: StopRule) -> str:
    return f"{rule.low:g}, {rule.high:g}"
