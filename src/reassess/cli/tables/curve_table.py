"""What `reassess curve` prints: precision and recall of scores, and of the rules beside them."""

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
from reassess.text import counted, percent, some

_MOST_VARIANTS = 8


def print_curves(
    call: Call, measured: Sequence[MeasuredCurve], answers: CurveParts, *, left_out: bool, goal: Goal | None
) -> None:
    """The curves and the chosen thresholds, the rules, and by what they are judged."""
    headings = ["scores", "average precision"]
    if goal is not None:
        headings += ["threshold", "precision", "95 %", "recall", "95 %", "labels", "empty images"]
    print_table(headings, [_row(one) for one in measured], best=["average precision"])
    if answers.rules:
        click.echo()
        rows = [row for rule in answers.rules for row in _rule_rows(rule)]
        print_table(["rule", "variant", "precision", "recall"], rows, text_columns=2)
    golden = answers.golden
    questions, images = counted(len(golden), "golden question"), counted(len(golden.questions.images), "image")
    call.tell(f"{questions} on {images}, {golden.positives:,} of them valid")
    if golden.by_experts is not None and golden.by_experts.note is not None:
        call.tell(golden.by_experts.note)
    _tell_of_golden_votes(call, answers)
    if golden.unrated:
        questions = counted(golden.unrated, "golden question")
        call.tell(f"not used: {questions} on images where raters have not answered all golden questions")
    if golden.exclusive:
        call.note("a golden image is judged on every class; a class without a score counts as a score of 0")
    if any(one.curve.in_sample for one in measured):
        call.tell("in-sample: the scores were made with the golden answers that judge them")
        if not left_out:
            call.note("(--leave-out image makes them again without the image that is judged)")
    unmoved = [one.file for one in measured if one.curve.in_sample is False and one.left_out is None]
    if left_out and unmoved:
        call.tell(f"no golden answers made {some(unmoved)}: leaving them out changes nothing")
    if goal is not None:
        call.note("95 %: bootstrap over images; all golden questions of an image together")
        unrated = "left out" if answers.original is None else "given their original label"
        call.note(f"labels and empty images: of all images, those never rated being {unrated}")


def _tell_of_golden_votes(call: Call, answers: CurveParts) -> None:
    """Say where golden votes count, and how many they are: of more votes come better scores than others have."""
    votes, rated = answers.votes, answers.rated
    if votes is None or rated is None or rated is votes:
        return
    asked, scored = (int(np.count_nonzero(each.sizes)) for each in (votes, rated))
    what = counted(scored - asked, "golden item has", "golden items have")
    each = (len(rated) - len(votes)) / (scored - asked)
    others = f", where others have {len(votes) / asked:.1f} votes" if asked else ""
    call.tell(f"{what} golden votes alone: {each:.1f} each{others}")


def _row(one: MeasuredCurve) -> list[str | None]:
    cells: list[str | None] = [one.name, f"{one.curve.average_precision:.4f}"]
    if one.chosen is None:
        return cells
    point = one.chosen.point
    cells.append(repr(point.threshold))  # in full: a rounded one might keep other pairs
    figures = (point.precision, one.chosen.precision_interval), (point.recall, one.chosen.recall_interval)
    for part, interval in figures:
        cells.append(None if part.value is None else f"{part.value:.4f}")
        cells.append(None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}")
    return [*cells, f"{one.chosen.labels:,}", f"{one.chosen.empty_images:,}"]


def _rule_rows(rule: Rule) -> Iterator[list[str]]:
    """A row for each variant; of many, the median and the extremes."""
    figures = np.array([(point.precision.value, point.recall.value) for point in rule.points], np.float64)
    if len(figures) <= _MOST_VARIANTS:
        for variant, (precision, recall) in zip(rule.variants, figures.tolist(), strict=True):
            yield [rule.name, "" if variant == rule.name else str(variant), f"{precision:.4f}", f"{recall:.4f}"]
        return
    cells = [f"{np.median(part):.4f} ({part.min():.2f} to {part.max():.2f})" for part in figures.T]
    yield [rule.name, f"median of {len(figures)}", *cells]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[Rule] = (), *, force: bool = False
) -> None:
    """Write the columns of `curve_points`; what is not known, and NaN, is null."""
    import polars as pl

    types: dict[str, type[pl.DataType]] = dict.fromkeys(("in_sample", "chosen"), pl.Boolean)
    types |= dict.fromkeys(("hits", "kept", "valid"), pl.Int64)
    types |= dict.fromkeys(("threshold", "precision", "recall"), pl.Float64)
    columns = curve_points(curves, rules)
    table = pl.DataFrame(
        [pl.Series(name, column.tolist(), types.get(name, pl.String)) for name, column in columns.items()]
    )
    write_table(path, table.fill_nan(None), force=force)


def print_replays(call: Call, file: str, replays: Sequence[StopReplay], asked: Sequence[StopRule]) -> None:
    """A row a rule, and those that were asked for in words."""
    headings = ["closed at", "votes taken %", "questions changed", "images changed", "labels in common %"]
    print_table(headings, [_replay_row(one) for one in replays])
    for one in replays:
        if one.rule in asked:
            call.tell(
                f"{file}, closed at {_bounds(one.rule)}: {percent(one.share_taken)} % of {one.votes:,} votes are "
                f"taken; {one.changed.mean():,.1f} of {one.questions:,} questions are decided otherwise than by all "
                f"votes ({one.changed.min():,} to {one.changed.max():,})"
            )
    orders = replays[0].taken.size
    call.note(
        f"means of {orders} random orders of the votes; labels kept at {replays[0].threshold:g}; "
        f"at least {replays[0].rule.at_least} votes a question; the raters taken as known from their first vote on"
    )


def write_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Write a row for each file and rule; counts are means of the orders."""
    import polars as pl

    rows = [
        {
            "file": file,
            "low": one.rule.low,
            "high": one.rule.high,
            "at_least": one.rule.at_least,
            "threshold": one.threshold,
            "share_taken": one.share_taken,
            "questions_changed": float(one.changed.mean()),
            "images_changed": float(one.images_changed.mean()),
            "labels_in_common": one.labels_in_common,
        }
        for file, each in replays.items()
        for one in each
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def _replay_row(one: StopReplay) -> list[str]:
    counts = (f"{one.changed.mean():,.1f}", f"{one.images_changed.mean():,.1f}")
    return [_bounds(one.rule), percent(one.share_taken), *counts, percent(one.labels_in_common)]


def _bounds(rule: StopRule) -> str:
    return f"{rule.low:g}, {rule.high:g}"
