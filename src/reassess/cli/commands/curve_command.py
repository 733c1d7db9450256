"""`reassess curve`: measure the precision and recall of scores, and choose a threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import click
import numpy as np

from reassess.aggregation import (
    DEFAULT_STOP_RULES,
    METHODS,
    Calibration,
    Goal,
    MeasuredCurve,
    MeasuredRule,
    StopReplay,
    measure_curves,
    parse_method,
    predict_golden_by_result,
    recompute_scores,
    replay_stops,
)
from reassess.aggregation.stopping import warn_of_early_stop
from reassess.cli.command_run import (
    CommandRun,
    add_common_options,
    make_benchmark_arguments,
    reject_repeated_files,
    with_progress,
)
from reassess.cli.curve_inputs import CurveInputs, ScoresFile, load_curve_inputs
from reassess.cli.help_pages import Command, benchmark_section_option
from reassess.cli.options import (
    STOP_RULE_TYPE,
    ParsedType,
    answers_option,
    benchmark_option,
    golden_at_least_option,
    match_option,
    output_option,
    suggest_making_labels,
)
from reassess.cli.part_inputs import NO_SOURCE
from reassess.cli.tables.curve_table import (
    print_calibration,
    print_curves,
    print_replays,
    write_calibrations,
    write_points,
    write_replays,
)
from reassess.core import IMAGENET, USUAL_THRESHOLD, Benchmark, Scores, StopRule
from reassess.data import are_scores_from_golden
from reassess.errors import DataError, add_error_place
from reassess.formats.score_folders import count_labels
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report import save_calibration_figure, save_curve_figure, save_replay_figure
from reassess.report.figures import FIGURE_SUFFIXES

_MORE_THAN_ONE_MODEL = ("stacking", "ibcc", "ebcc")  # their scores are not the posterior by their raters' matrices
_LeaveOutOption = Literal["image"] | int | None


def _parse_leave_out(text: str) -> _LeaveOutOption:
    if text == "image":
        return "image"
    if not (text.isascii() and text.isdigit()):
        raise click.BadParameter(f"{text!r} is not 'image' or a number of folds.")
    return int(text)


def _check_method(text: str) -> str:
    parse_method(text)
    return text


@click.command(
    cls=Command,
    docs="docs/votes.md",
    examples=[
        "reassess curve imagenet-real-scores --golden imagenet-real-golden",
        "reassess curve --benchmark pets --choose precision=0.9 -o curve.svg",
    ],
)
@click.argument("files", nargs=-1, metavar="[SCORES...]")
@benchmark_option
@benchmark_section_option(
    "--golden",
    metavar="NAME|FILE",
    help=f"Experts' answers.  [default: {IMAGENET.sources['golden']}, if the images are from ImageNet]",
)
@golden_at_least_option
@answers_option
@click.option(
    "--leave-out",
    type=ParsedType("image or number of folds", _parse_leave_out),
    metavar="image|FOLDS",
    help="Also measure out-of-sample scores. The scores of an image, or of a fold of images, are then made without its "
    "own golden answers.",
)
@click.option(
    "--method",
    type=ParsedType("method", _check_method),
    metavar="METHOD",
    help=f"Method that made the scores, if their file does not name it: {', '.join(METHODS)}.",
)
@click.option(
    "--choose",
    "goal",
    type=ParsedType("goal", Goal.parse),
    metavar="precision=P|recall=R|f1|threshold=T",
    help="Choose the threshold with the highest recall at precision P, the highest precision at recall R, or the "
    "highest F1; or measure at threshold T.",
)
@click.option(
    "--stop",
    "stops",
    type=STOP_RULE_TYPE,
    multiple=True,
    metavar="LOW,HIGH",
    help="Replay the votes with this stop rule and with default rules. A stop rule ignores further votes on a question "
    "that has 2 or more votes if its class is valid with a probability of at most LOW or at least HIGH. Prints "
    "the share of votes used, and the number of questions decided differently than by all votes.",
)
@click.option(
    "--calibration",
    "has_calibration",
    is_flag=True,
    help="Also compare probabilities with golden answers: of the classes with a probability of about 0.9, about 90 % "
    "should be valid.",
)
@match_option
@output_option(
    "FIGURE|CSV",
    "Write the curve (with --calibration or --stop: their results) as a figure (svg, png, pdf) or a table.",
    required=False,
)
@add_common_options
def curve(
    run: CommandRun,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    golden: str | None,
    min_experts: int | None,
    leave_out: _LeaveOutOption,
    method: str | None,
    goal: Goal | None,
    stops: tuple[StopRule, ...],
    has_calibration: bool,
    output: Path | None,
) -> None:
    """Measure precision and recall, and choose a threshold.

    SCORES are files, folders that `reassess aggregate` wrote, or known data such as imagenet-real-scores; by default,
    the scores of --benchmark. They are measured by experts' golden answers.
    """
    _check_options(run, files, golden, output, benchmark)
    if benchmark is None and not files:
        raise click.UsageError("Give SCORES, or --benchmark.")
    if stops and has_calibration and output is not None:
        raise click.UsageError("-o writes one result: give --calibration or --stop, not both.")
    scores_files, curve_inputs = load_curve_inputs(
        run,
        files,
        benchmark,
        golden,
        min_experts=min_experts,
        option_that_needs_votes="--stop" if stops else None if leave_out is None else "--leave-out",
        method=method,
    )
    curves_measured: list[MeasuredCurve] = []
    first_curve: MeasuredCurve | None = None  # of the first file; out-of-sample with --leave-out
    replays: dict[str, tuple[StopReplay, ...]] = {}
    for file, scores_file in scores_files.items():
        curves = measure_file_curves(run, file, scores_file, curve_inputs, leave_out, goal)
        curves_measured += curves
        first_curve = first_curve or curves[-1]
        if stops:
            replays[file] = _replay_stop_rules(run, curves[-1], scores_file.scores, curve_inputs, stops)
    if replays and curve_inputs.benchmark.stop is not None:
        warn_of_early_stop(curve_inputs.benchmark.stop, "the savings of a stop rule are underestimated")
    calibrations = {each.name: each.curve.calibration() for each in curves_measured} if has_calibration else {}
    if output is not None:
        _write_output(run, output, curves_measured, curve_inputs.rules, replays, calibrations)
    if (
        first_curve is not None
        and first_curve.operating_point is not None
        and first_curve.operating_point.point.threshold is not None
    ):
        is_own_benchmark = files == () and benchmark is not None and benchmark.folder is not None
        if is_own_benchmark and first_curve.curve.in_sample and golden is None and min_experts is None:
            run.suggest_command("curve", *make_benchmark_arguments(benchmark), "--leave-out", "image", "--choose", goal)
        elif not Path(first_curve.file).is_dir():
            suggest_making_labels(run, benchmark, first_curve.file, first_curve.operating_point.point.threshold)
    if run.json:
        results = [
            each.to_json() | ({"calibration": calibrations[each.name].to_json()} if has_calibration else {})
            for each in curves_measured
        ]
        results += [rule.to_json() for rule in curve_inputs.rules]
        results += [
            {"file": file, "stop": replay.to_json()}
            for file, file_replays in replays.items()
            for replay in file_replays
        ]
        run.print_json("curve", results)
    else:
        print_curves(run, curves_measured, curve_inputs, is_out_of_sample=leave_out is not None, goal=goal)
        for name, calibration in calibrations.items():
            click.echo()
            print_calibration(run, name, calibration)
        for file, file_replays in replays.items():
            click.echo()
            print_replays(run, file, file_replays, stops)
            name, options = parse_method(scores_files[file].scores.method)
            if name in _MORE_THAN_ONE_MODEL or options.get("tempering"):
                run.add_note(
                    f"{file}: the first table makes labels by the raters' matrices, not by the scores of {name}"
                )
        if replays and curve_inputs.rater_votes_with_golden is not curve_inputs.rater_votes:
            run.add_note(
                "votes on golden questions are not among the used votes, because a golden question never closes"
            )


def _check_options(
    run: CommandRun, files: tuple[str, ...], golden: str | None, output: Path | None, benchmark: Benchmark | None
) -> None:
    """Raise an error, before any work, if options or the output are invalid."""
    reject_repeated_files(map(Path, files))
    if golden == NO_SOURCE:
        raise click.UsageError("curve needs golden answers, so --golden cannot be none.")
    run.check_output(output, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "a curve", benchmark=benchmark)


def measure_file_curves(
    run: CommandRun,
    file_name: str,
    scores_file: ScoresFile,
    curve_inputs: CurveInputs,
    leave_out: _LeaveOutOption,
    goal: Goal | None,
) -> tuple[MeasuredCurve, ...]:
    """Measure the curve of a file's scores and, with --leave-out, the curve of out-of-sample scores."""
    with add_error_place(file_name):
        is_in_sample = are_scores_from_golden(
            scores_file.path, curve_inputs.golden_file, benchmark=curve_inputs.benchmark
        )
        curves = measure_curves(
            file_name,
            scores_file.scores,
            curve_inputs.golden_questions,
            votes=curve_inputs.rater_votes_with_golden,
            experts=curve_inputs.expert_votes,
            rater_golden=curve_inputs.rater_golden_votes,
            original=curve_inputs.original,
            leave_out=leave_out,
            in_sample=is_in_sample,
            goal=goal,
            show_progress=partial(with_progress, run, label=f"{file_name}, out-of-sample"),
        )
        if not scores_file.path.is_dir():
            return curves
        return tuple(_with_label_counts_of_all_images(curve, scores_file.path) for curve in curves)


def _with_label_counts_of_all_images(curve: MeasuredCurve, folder: Path) -> MeasuredCurve:
    """Return the curve with the label counts of all images, instead of the counts of only the golden images."""
    chosen = curve.operating_point
    if chosen is None or chosen.point.threshold is None:
        return curve
    return replace(curve, operating_point=replace(chosen, **count_labels(folder, chosen.point.threshold)._asdict()))


def _replay_stop_rules(
    run: CommandRun, curve: MeasuredCurve, scores: Scores, curve_inputs: CurveInputs, stop_rules: Sequence[StopRule]
) -> tuple[StopReplay, ...]:
    """Replay the votes that made the scores, with the requested and the default stop rules."""
    threshold = USUAL_THRESHOLD if curve_inputs.benchmark.threshold is None else curve_inputs.benchmark.threshold
    if curve.operating_point is not None and curve.operating_point.point.threshold is not None:
        threshold = curve.operating_point.point.threshold
    with add_error_place(curve.file):
        assert curve_inputs.rater_votes_with_golden is not None  # --stop needs votes
        assert curve_inputs.rater_votes is not None
        recomputed = recompute_scores(
            scores,
            curve_inputs.rater_votes_with_golden,
            experts=curve_inputs.expert_votes,
            rater_golden=curve_inputs.rater_golden_votes,
            original=curve_inputs.original,
        )
        if recomputed.model is None:
            raise DataError(
                "missing-rater-model",
                "stop rule needs scores made with a rater model",
                found=scores.method,
                fix="make the scores with --method calibrated or em",
            )
        first_votes = recomputed.original_label_votes
        if first_votes is not None:
            first_votes = first_votes.select_items(first_votes.find_positions(curve_inputs.rater_votes.items))
        golden = curve_inputs.golden_questions
        rules = sorted({*stop_rules, *DEFAULT_STOP_RULES}, key=lambda rule: (rule.low, -rule.high))
        show_progress = partial(with_progress, run, label=f"replaying the votes of {curve.file}")
        return replay_stops(
            curve_inputs.rater_votes,
            recomputed.model,
            rules,
            threshold=threshold,
            initial_votes=first_votes,
            golden=predict_golden_by_result(
                recomputed, curve_inputs.rater_golden_votes, golden.questions, golden.is_valid.astype(np.int64)
            ),
            show_progress=show_progress,
        )


def _write_output(
    run: CommandRun,
    output: Path,
    curves: Sequence[MeasuredCurve],
    rules: Sequence[MeasuredRule],
    replays: Mapping[str, Sequence[StopReplay]],
    calibrations: Mapping[str, Calibration],
) -> None:
    is_figure = output.suffix.lower() in FIGURE_SUFFIXES
    if calibrations:
        (save_calibration_figure if is_figure else write_calibrations)(output, calibrations, force=run.force)
    elif replays:
        (save_replay_figure if is_figure else write_replays)(output, replays, force=run.force)
    elif is_figure:
        save_curve_figure(output, curves, rules, force=run.force)
    else:
        write_points(output, curves, rules, force=run.force)
