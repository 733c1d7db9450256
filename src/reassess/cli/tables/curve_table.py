"""The output of `reassess curve`: precision and recall of scores and of simple rules."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from reassess.aggregation import Goal, MeasuredCurve, MeasuredRule, StopReplay, curve_points
from reassess.cli.call import Call
from reassess.cli.curve_inputs import CurveParts
from reassess.cli.screen import print_table
from reassess.core import StopRule
from reassess.formats.tables import write_table
from reassess.text import count_noun, format_percent, join_first

_MAX_PRINTED_VARIANTS = 8


def print_curves(
    call: Call, curves: Sequence[MeasuredCurve], curve_parts: CurveParts, *, is_out_of_sample: bool, goal: Goal | None
) -> None:
    """Print the curves, the chosen thresholds, the simple rules, and the golden answers used."""
    headings = ["scores", "average precision"]
    if goal is not None:
        headings += ["threshold", "precision", "95 %", "recall", "95 %", "labels", "empty images"]
    print_table(headings, [_curve_row(curve) for curve in curves], best_columns=["average precision"])
    if curve_parts.rules:
        click.echo()
        rows = [row for rule in curve_parts.rules for row in _rule_rows(rule)]
        print_table(["rule", "variant", "precision", "recall"], rows, n_text_columns=2)
    golden = curve_parts.golden
    questions, images = count_noun(len(golden), "golden question"), count_noun(len(golden.questions.images), "image")
    call.print_line(f"{questions} on {images}, {golden.n_valid:,} valid")
    if golden.expert_truth is not None and golden.expert_truth.note is not None:
        call.print_line(golden.expert_truth.note)
    _print_golden_votes(call, curve_parts)
    if golden.n_unrated:
        questions = count_noun(golden.n_unrated, "golden question")
        call.print_line(f"not used: {questions} on images where raters have not answered all golden questions")
    if golden.has_one_class_per_image:
        call.add_note("golden images are measured on all classes; a class without a score has the score 0")
    if any(curve.curve.in_sample for curve in curves):
        call.print_line("in-sample: the golden answers used here also made the scores")
        if not is_out_of_sample:
            call.add_note("for out-of-sample scores: --leave-out image")
    unchanged = [
        curve.file for curve in curves if curve.curve.in_sample is False and curve.out_of_sample_description is None
    ]
    if is_out_of_sample and unchanged:
        call.print_line(f"{join_first(unchanged)}: made without golden answers, so --leave-out changes nothing")
    if goal is not None:
        call.add_note("95 %: bootstrap over images, with all golden questions of an image together")
        unrated_text = "not included" if curve_parts.original is None else "included with their original label"
        call.add_note(
            "labels and empty images (without a valid class) are counted on all images; unrated images are "
            f"{unrated_text}"
        )


def _print_golden_votes(call: Call, curve_parts: CurveParts) -> None:
    """Print how many golden votes are used. With more votes, scores are more accurate."""
    votes, all_votes = curve_parts.votes, curve_parts.all_votes
    if votes is None or all_votes is None or all_votes is votes:
        return
    voted, scored = (int(np.count_nonzero(kind_votes.sizes)) for kind_votes in (votes, all_votes))
    items = count_noun(scored - voted, "golden item has", "golden items have")
    mean = (len(all_votes) - len(votes)) / (scored - voted)
    suffix = f" (other items: {len(votes) / voted:.1f})" if voted else ""
    call.print_line(f"{items} only golden votes: {mean:.1f} votes per item{suffix}")


def _curve_row(curve: MeasuredCurve) -> list[str | None]:
    cells: list[str | None] = [curve.name, f"{curve.curve.average_precision:.4f}"]
    if curve.operating_point is None:
        return cells
    point = curve.operating_point.point
    cells.append(repr(point.threshold))  # not rounded, since a rounded threshold may select other questions
    values = (
        (point.precision, curve.operating_point.precision_interval),
        (point.recall, curve.operating_point.recall_interval),
    )
    for part, interval in values:
        cells.append(None if part.value is None else f"{part.value:.4f}")
        cells.append(None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}")
    return [*cells, f"{curve.operating_point.n_labels:,}", f"{curve.operating_point.n_empty_images:,}"]


def _rule_rows(rule: MeasuredRule) -> Iterator[list[str]]:
    """Return a row for each variant of a rule; of many variants, the median and the range."""
    values = np.array([(point.precision.value, point.recall.value) for point in rule.points], np.float64)
    if len(values) <= _MAX_PRINTED_VARIANTS:
        for variant, (precision, recall) in zip(rule.variants, values.tolist(), strict=True):
            yield [rule.name, "" if variant == rule.name else str(variant), f"{precision:.4f}", f"{recall:.4f}"]
        return
    cells = [f"{np.median(part):.4f} ({part.min():.2f} to {part.max():.2f})" for part in values.T]
    yield [rule.name, f"median of {len(values)}", *cells]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule] = (), *, force: bool = False
) -> None:
    """Write the points of the curves as a table, with the columns of `curve_points`; NaN becomes null."""
    import polars as pl

    types: dict[str, type[pl.DataType]] = dict.fromkeys(("in_sample", "chosen"), pl.Boolean)
    types |= dict.fromkeys(("hits", "kept", "valid"), pl.Int64)
    types |= dict.fromkeys(("threshold", "precision", "recall"), pl.Float64)
    columns = curve_points(curves, rules)
    table = pl.DataFrame(
        [pl.Series(name, column.tolist(), types.get(name, pl.String)) for name, column in columns.items()]
    )
    write_table(path, table.fill_nan(None), force=force)


def print_replays(call: Call, file: str, replays: Sequence[StopReplay], requested_rules: Sequence[StopRule]) -> None:
    """Print a table with a row for each stop rule, then a sentence for each requested rule."""
    headings = ["stop rule", "votes used %", "questions changed", "images changed", "labels in common %"]
    print_table(headings, [_replay_row(replay) for replay in replays])
    for replay in replays:
        if replay.rule in requested_rules:
            call.print_line(
                f"{file}, stop rule {_format_bounds(replay.rule)}: {format_percent(replay.share_of_votes_used)} % of "
                f"{replay.n_votes:,} votes "
                f"used; {replay.n_changed_labels.mean():,.1f} of {replay.n_questions:,} questions decided differently "
                f"({replay.n_changed_labels.min():,} to {replay.n_changed_labels.max():,})"
            )
    orders = replays[0].n_used_votes.size
    call.add_note(
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
            "share_taken": replay.share_of_votes_used,
            "questions_changed": float(replay.n_changed_labels.mean()),
            "images_changed": float(replay.n_changed_images.mean()),
            "labels_in_common": replay.label_jaccard_index,
        }
        for file, file_replays in replays.items()
        for replay in file_replays
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def _replay_row(replay: StopReplay) -> list[str]:
    counts = (f"{replay.n_changed_labels.mean():,.1f}", f"{replay.n_changed_images.mean():,.1f}")
    return [
        _format_bounds(replay.rule),
        format_percent(replay.share_of_votes_used),
        *counts,
        format_percent(replay.label_jaccard_index),
    ]


def _format_bounds(rule: StopRule) -> str:
    return f"{rule.low:g}, {rule.high:g}"
