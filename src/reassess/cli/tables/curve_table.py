"""The output of `reassess curve`: precision and recall of scores and of baseline rules, calibration and stop rules."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import click
import numpy as np

from reassess.aggregation import Calibration, Goal, MeasuredCurve, MeasuredRule, StopErrors, StopReplay, curve_points
from reassess.cli.command_run import CommandRun
from reassess.cli.curve_inputs import CurveInputs
from reassess.cli.screen import print_table
from reassess.core import StopRule
from reassess.formats.tables import write_table
from reassess.text import count_noun, format_percent, join_first

_MAX_PRINTED_VARIANTS = 8


def print_curves(
    run: CommandRun,
    curves: Sequence[MeasuredCurve],
    curve_inputs: CurveInputs,
    *,
    is_out_of_sample: bool,
    goal: Goal | None,
) -> None:
    """Print the curves, the chosen thresholds and the baseline rules, then describe the golden answers."""
    headings = ["scores", "average precision"]
    if goal is not None:
        headings += ["threshold", "precision", "95 %", "recall", "95 %", "labels", "empty images"]
    print_table(headings, [_make_curve_row(curve) for curve in curves], best_columns=["average precision"])
    if curve_inputs.rules:
        click.echo()
        rows = [row for rule in curve_inputs.rules for row in _make_rule_rows(rule)]
        print_table(["rule", "variant", "precision", "recall"], rows, n_text_columns=2)
    golden = curve_inputs.golden_questions
    questions, images = count_noun(len(golden), "golden question"), count_noun(len(golden.questions.images), "image")
    run.print_line(f"{questions} on {images}, {golden.n_valid:,} valid")
    if golden.expert_truth is not None and golden.expert_truth.note is not None:
        run.print_line(golden.expert_truth.note)
    _print_golden_vote_count(run, curve_inputs)
    if golden.n_unrated:
        questions = count_noun(golden.n_unrated, "golden question")
        run.print_line(f"not used: {questions} on images where raters have not answered all golden questions")
    if golden.has_one_class_per_image:
        run.add_note("precision and recall include all classes of golden images; classes without a score have score 0")
    if any(curve.curve.in_sample for curve in curves):
        run.print_line("in-sample: the golden answers used here also made the scores")
        if not is_out_of_sample and not any(Path(curve.file).is_dir() for curve in curves):
            run.add_note("for out-of-sample scores: --leave-out image")
    unchanged = [
        curve.file for curve in curves if curve.curve.in_sample is False and curve.out_of_sample_description is None
    ]
    if is_out_of_sample and unchanged:
        run.print_line(f"{join_first(unchanged)}: made without golden answers, so --leave-out changes nothing")
    if goal is not None:
        run.add_note("95 %: intervals by a bootstrap over images; all golden questions of an image are drawn together")
        unrated_text = "not included" if curve_inputs.original is None else "included with their original label"
        run.add_note(
            "labels and empty images (without a valid class) are counted on all images, not only on golden images; "
            f"unrated images are {unrated_text}"
        )


def _print_golden_vote_count(run: CommandRun, curve_inputs: CurveInputs) -> None:
    """Print the number of golden items whose votes are in the separate file of raters' golden votes."""
    votes, votes_with_golden = curve_inputs.rater_votes, curve_inputs.rater_votes_with_golden
    if votes is None or votes_with_golden is None or votes_with_golden is votes:
        return
    voted, scored = (int(np.count_nonzero(kind_votes.sizes)) for kind_votes in (votes, votes_with_golden))
    items = count_noun(scored - voted, "golden item")
    mean = (len(votes_with_golden) - len(votes)) / (scored - voted)
    suffix = f" (other items: {len(votes) / voted:.1f})" if voted else ""
    run.print_line(f"votes on {items} are from the separate file rater-golden: {mean:.1f} per item{suffix}")


def _make_curve_row(curve: MeasuredCurve) -> list[str | None]:
    cells: list[str | None] = [curve.name, f"{curve.curve.average_precision:.4f}"]
    if curve.operating_point is None:
        return cells
    point = curve.operating_point.point
    cells.append(repr(point.threshold))  # not rounded, since a rounded threshold may select other questions
    values = (
        (point.precision, curve.operating_point.precision_interval),
        (point.recall, curve.operating_point.recall_interval),
    )
    for proportion, interval in values:
        cells.append(None if proportion.value is None else f"{proportion.value:.4f}")
        cells.append(None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}")
    return [*cells, f"{curve.operating_point.n_labels:,}", f"{curve.operating_point.n_empty_images:,}"]


def _make_rule_rows(rule: MeasuredRule) -> Iterator[list[str]]:
    """Yield a row for each variant of a rule, or one row with the median and range of many variants."""
    values = np.array([(point.precision.value, point.recall.value) for point in rule.points], np.float64)
    if len(values) <= _MAX_PRINTED_VARIANTS:
        for variant, (precision, recall) in zip(rule.point_names, values.tolist(), strict=True):
            yield [rule.name, "" if variant == rule.name else str(variant), f"{precision:.4f}", f"{recall:.4f}"]
        return
    cells = [f"{np.median(column):.4f} ({column.min():.2f} to {column.max():.2f})" for column in values.T]
    yield [rule.name, f"median of {len(values)}", *cells]


def write_points(
    path: Path, curves: Sequence[MeasuredCurve], rules: Sequence[MeasuredRule] = (), *, force: bool = False
) -> None:
    """Write the points of the curves as a table, with the columns of `curve_points`. NaN becomes null."""
    import polars as pl

    types: dict[str, type[pl.DataType]] = dict.fromkeys(("in_sample", "chosen"), pl.Boolean)
    types |= dict.fromkeys(("hits", "kept", "valid"), pl.Int64)
    types |= dict.fromkeys(("threshold", "precision", "recall"), pl.Float64)
    columns = curve_points(curves, rules)
    table = pl.DataFrame(
        [pl.Series(name, column.tolist(), types.get(name, pl.String)) for name, column in columns.items()]
    )
    write_table(path, table.fill_nan(None), force=force)


def print_calibration(run: CommandRun, name: str, calibration: Calibration) -> None:
    """Print the bins of probabilities, then log loss, Brier score and calibration error."""
    what, share = ("golden images", "correct") if calibration.is_of_images else ("golden questions", "valid")
    rows = [
        [
            f"{each.low:g} to {each.high:g}",
            f"{each.n_questions:,}",
            f"{each.mean_probability:.3f}",
            f"{each.share_valid:.3f}",
            f"{each.interval[0]:.3f} to {each.interval[1]:.3f}",
        ]
        for each in calibration.bins
    ]
    print_table(
        ["probability", what, "mean probability", f"share {share}", "95 %"], rows, title=f"calibration of {name}"
    )
    run.print_line(
        f"log loss {calibration.log_loss:.4f}, Brier score {calibration.brier_score:.4f}, calibration error "
        f"{calibration.calibration_error:.4f}"
    )


def write_calibrations(path: Path, calibrations: Mapping[str, Calibration], *, force: bool = False) -> None:
    """Write a row for each bin of probabilities."""
    import polars as pl

    rows = [
        {"scores": name} | each.to_json() for name, calibration in calibrations.items() for each in calibration.bins
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def print_replays(
    run: CommandRun, file: str, replays: Sequence[StopReplay], requested_rules: Sequence[StopRule]
) -> None:
    """Print a table of stop rules, then a sentence for each requested rule."""
    headings = ["stop rule", "votes used %", "questions changed", "images changed", "labels in common %"]
    print_table(headings, [_make_replay_row(replay) for replay in replays])
    orders = replays[0].n_used_votes.size
    for replay in replays:
        if replay.rule in requested_rules:
            changed = replay.n_changed_labels
            run.print_line(
                f"{file}, stop rule {_format_bounds(replay.rule)}: {format_percent(replay.share_of_votes_used)} % of "
                f"{replay.n_votes:,} votes used; {changed.mean():,.1f} of {replay.n_questions:,} questions decided "
                f"differently than by all votes (mean of {orders} random orders of the votes; lowest: "
                f"{changed.min():,}, highest: {changed.max():,})"
            )
    run.add_note(
        f"means over {orders} random orders of the votes; threshold of labels: {replays[0].threshold:g}; at least "
        f"{replays[0].rule.min_votes} votes per question; the accuracy of each rater is assumed to be known "
        "before the first vote"
    )
    all_errors = [replay.golden_errors for replay in replays if replay.golden_errors is not None]
    if all_errors:
        _print_golden_errors(run, all_errors, replays[0].power)


def _print_golden_errors(run: CommandRun, all_errors: Sequence[StopErrors], power: float) -> None:
    """Print a table of wrong answers among the golden questions that each rule closes, and the strictest good rule."""
    click.echo()
    headings = ["stop rule", "closed %", "as invalid: wrong %", "as valid: wrong %", "wrong %", "95 %"]
    rows = [_make_errors_row(errors) for errors in all_errors]
    print_table(headings, rows, title="golden questions closed by each rule")
    golden_questions = count_noun(all_errors[0].n_questions, "golden question")
    run.print_line(f"tempering power: {power:.2f} (by {golden_questions})")
    run.print_line(_describe_supported_rule(all_errors, golden_questions))
    run.add_note("wrong: closed with another answer than the experts'; 95 %: interval over images")


def _describe_supported_rule(all_errors: Sequence[StopErrors], golden_questions: str) -> str:
    """Name the strictest rule that golden answers support, or the lowest error that they can support.

    Rules are tested from the least strict one on, until one is not supported, so that testing several rules does not
    raise the probability of a wrong result.
    """
    from_least_strict = sorted(all_errors, key=lambda each: each.rule.low, reverse=True)
    supported = list(takewhile(lambda each: each.is_supported, from_least_strict))
    if supported and supported[-1].interval is not None:
        limit = f"at most {100 * supported[-1].interval[1]:.1f} % of closed questions are wrong"
        return f"strictest rule that golden answers support: {_format_bounds(supported[-1].rule)} ({limit})"
    lowest = f"{golden_questions} cannot support an error below {100 * all_errors[0].lowest_supported_error:.1f} %"
    return f"golden answers support none of these rules; {lowest}"


def _make_errors_row(errors: StopErrors) -> list[str | None]:
    shares = (
        (errors.n_closed, errors.n_questions),
        (errors.valid_closed_as_invalid, errors.closed_as_invalid),
        (errors.invalid_closed_as_valid, errors.closed_as_valid),
        (errors.valid_closed_as_invalid + errors.invalid_closed_as_valid, errors.n_closed),
    )
    cells = [f"{100 * part / total:.1f}" if total else None for part, total in shares]
    interval = errors.interval and f"{100 * errors.interval[0]:.1f} to {100 * errors.interval[1]:.1f}"
    return [_format_bounds(errors.rule), *cells, interval]


def write_replays(path: Path, replays: Mapping[str, Sequence[StopReplay]], *, force: bool = False) -> None:
    """Write a row for each file and stop rule. Counts are means over random orders of the votes."""
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
            **_make_golden_columns(replay),
        }
        for file, file_replays in replays.items()
        for replay in file_replays
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def _make_golden_columns(replay: StopReplay) -> dict[str, float | None]:
    errors = replay.golden_errors
    low, high = (None, None) if errors is None or errors.interval is None else errors.interval
    return {
        "golden_wrong": None if errors is None else errors.share_wrong,
        "golden_wrong_low": low,
        "golden_wrong_high": high,
    }


def _make_replay_row(replay: StopReplay) -> list[str]:
    counts = (f"{replay.n_changed_labels.mean():,.1f}", f"{replay.n_changed_images.mean():,.1f}")
    return [
        _format_bounds(replay.rule),
        format_percent(replay.share_of_votes_used),
        *counts,
        format_percent(replay.label_jaccard_index),
    ]


def _format_bounds(rule: StopRule) -> str:
    return f"{rule.low:g}, {rule.high:g}"
