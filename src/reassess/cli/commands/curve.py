"""`reassess curve`: measure scores against golden answers, and choose a threshold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from reassess.aggregation.baseline_rules import Rule, simple_rules
from reassess.aggregation.golden import Golden, golden_truth
from reassess.aggregation.golden_items import golden_answers, golden_part, golden_sources
from reassess.aggregation.measured_curves import MeasuredCurve, measure_curves
from reassess.aggregation.operating_points import Goal
from reassess.aggregation.provenance import Provenance, find_provenance, known_provenance, likely_makings
from reassess.cli.common import Call, call_options, refuse_repeated, tracked
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.inputs import OUTPUT, answers_option, benchmark_option, match_option, max_bytes_option, part_option
from reassess.cli.judges import (
    NONE,
    joined_parts,
    matched,
    needed_part,
    read_classes_of,
    read_original_of,
    refuse_two_kinds,
)
from reassess.cli.screen import print_table
from reassess.cli.tables.curve_points import write_points
from reassess.core.benchmark import IMAGENET, Benchmark, benchmark_of
from reassess.core.class_lists import Classed
from reassess.core.classes import Classes
from reassess.core.image_names import Match
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.data.benchmark_folders import part_path
from reassess.data.in_sample import known_in_sample
from reassess.data.loading import load_scores, load_votes
from reassess.errors import DataError, at
from reassess.formats.archives import MAX_BYTES
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report.curve_figure import draw_curves
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.text import counted, some

__all__ = ["Answers", "curve", "load_curves", "measure"]

_MOST_VARIANTS = 8
_LeaveOut = Literal["image"] | int | None


@dataclass(frozen=True)
class Answers:
    """What judges the scores, and what else is known of the golden pairs."""

    benchmark: Benchmark
    golden_file: Path
    experts: Votes
    golden: Golden
    at_least: int | None
    votes: Votes | None
    rater_golden: Votes | None
    original: LabelSets | None
    rules: tuple[Rule, ...]


class _GoalType(click.ParamType[Goal]):
    name = "goal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Goal:
        try:
            return Goal.parse(value)
        except DataError as error:
            self.fail(f"{value!r} is {error.what}: {error.allowed}", param, ctx)


class _LeaveOutType(click.ParamType[Literal["image"] | int]):
    name = "image or number of folds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Literal["image"] | int:
        if value == "image":
            return "image"
        if not (value.isascii() and value.isdigit()):
            self.fail(f"{value!r} is neither image nor a number of folds", param, ctx)
        return int(value)


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
@in_benchmark(
    "--golden",
    metavar="NAME|FILE",
    help=f"Experts' answers.  [default: {IMAGENET.sources['golden']}, if the images are ImageNet's]",
)
@in_benchmark(
    "--golden-at-least",
    type=int,
    metavar="M",
    help="How many experts must say yes for a pair to be valid, or choose its class.  [default: more than "
    "half of those who answered]",
)
@in_benchmark(
    "--votes",
    metavar="NAME|FILE",
    help="Raters' votes, for the rule that keeps a pair if enough raters say yes, or none.  [default: those of a "
    "--benchmark folder]",
)
@in_benchmark(
    "--rater-golden",
    metavar="NAME|FILE",
    help="Raters' votes on golden pairs, for the rule that follows one rater, or none apart from those in --votes.  "
    f"[default: those in --votes; of ImageNet's golden answers, {IMAGENET.sources['rater-golden']}]",
)
@part_option("original", "Original labels")
@answers_option
@click.option(
    "--leave-out",
    type=_LeaveOutType(),
    metavar="image|FOLDS",
    help="Make the scores again without the golden answers of the image, or fold of images, that is judged.",
)
@click.option(
    "--choose",
    "goal",
    type=_GoalType(),
    metavar="precision=P|recall=R|f1|threshold=T",
    help="Choose a threshold: the highest recall that reaches a precision, the highest precision that reaches a "
    "recall, the highest F1, or a given one.",
)
@match_option
@max_bytes_option
@click.option(
    "-o", "--output", type=OUTPUT, metavar="FIGURE|CSV", help="A figure (svg, png, pdf) or a table of points."
)
@call_options
def curve(
    call: Call,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    golden: str | None,
    golden_at_least: int | None,
    votes: str | None,
    rater_golden: str | None,
    original: str | None,
    answers: tuple[Id, ...] | None,
    leave_out: _LeaveOut,
    goal: Goal | None,
    match: Match | None,
    max_bytes: int,
    output: Path | None,
) -> None:
    """Measure precision and recall of scores, and choose a threshold.

    SCORES are files, or names of known data such as imagenet-real-scores; by default those of the --benchmark. They are
    judged by experts' golden answers.
    """
    _check_call(call, files, golden, output, benchmark)
    if benchmark is None and not files:
        raise click.UsageError("Give SCORES, or --benchmark.")
    scores, known = load_curves(
        call,
        files,
        benchmark,
        golden,
        votes,
        rater_golden,
        original,
        at_least=golden_at_least,
        answers=answers,
        votes_needed=leave_out is not None,
        match=match,
        max_bytes=max_bytes,
    )
    measured = [
        one for file, (path, part) in scores.items() for one in measure(call, file, path, part, known, leave_out, goal)
    ]
    if output is not None:
        _write(call, output, measured, known.rules)
    if call.json:
        call.print_document("curve", [one.to_json() for one in measured] + [rule.to_json() for rule in known.rules])
    else:
        _print(call, measured, known, leave_out, goal)


def _check_call(
    call: Call, files: tuple[str, ...], golden: str | None, output: Path | None, benchmark: Benchmark | None
) -> None:
    """Refuse, before any work, what cannot be done."""
    refuse_repeated(files)
    if golden == NONE:
        raise click.UsageError("The scores are judged by --golden, which cannot be none.")
    call.check_output(output, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "a curve", benchmark=benchmark)


def load_curves(
    call: Call,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    golden: str | None = None,
    votes: str | None = None,
    rater_golden: str | None = None,
    original: str | None = None,
    *,
    at_least: int | None = None,
    answers: tuple[Id, ...] | None = None,
    votes_needed: bool = False,
    match: Match | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[dict[str, tuple[Path, Scores]], Answers]:
    """The files of scores, each with its path, and what judges them; as the options say."""
    files = files or (str(needed_part(call, benchmark, "scores")),)
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    paths = {file: call.resolve("scores", file) for file in files}
    read = [load_scores(path, classes=classes, max_bytes=max_bytes) for path in paths.values()]
    if benchmark is None:
        benchmark = _common_benchmark(read)
    elif benchmark.folder is not None:
        votes = votes or benchmark.sources.get("votes")
    benchmark = matched(benchmark, match)
    if votes_needed:
        votes = votes or benchmark.sources.get("votes")
        if votes in (None, NONE):
            raise click.UsageError("--leave-out needs --votes, of which the scores were made.")
    given = {f"scores {number}": part for number, part in enumerate(zip(paths.values(), read, strict=True), 1)}
    scores, known = _load_answers(
        call, benchmark, given, golden, at_least, votes, rater_golden, original, answers, classes, max_bytes
    )
    return dict(zip(files, zip(paths.values(), scores, strict=True), strict=True)), known


def _common_benchmark(scores: Sequence[Scores]) -> Benchmark:
    """The known benchmark to which the images of all scores belong."""
    benchmarks = [benchmark_of(each.questions.images) for each in scores]
    same = all(benchmark.name == benchmarks[0].name for benchmark in benchmarks)
    return benchmarks[0] if same else Benchmark()


def _load_answers(
    call: Call,
    benchmark: Benchmark,
    scores: Mapping[str, tuple[Path, Scores]],
    golden: str | None,
    at_least: int | None,
    votes: str | None,
    rater_golden: str | None,
    original: str | None,
    answers: tuple[Id, ...] | None,
    classes: Classes | None,
    max_bytes: int,
) -> tuple[list[Scores], Answers]:
    """The scores, and what judges them; all in one list of classes and with the benchmark's names of images."""
    sources = golden_sources(benchmark, golden)
    if "golden" not in sources:
        if benchmark.folder is not None:
            part_path(benchmark, "golden", needed_by="curve")
        raise click.UsageError(
            "Give --golden or --benchmark: only ImageNet's validation images have known golden answers."
        )
    votes = None if votes == NONE else votes
    if votes is not None and rater_golden is None:
        rater_golden = sources.get("rater-golden")
    rater_golden = None if rater_golden == NONE else rater_golden

    order = answers or benchmark.answers
    given: dict[str, tuple[Path, Classed]] = dict(scores)
    for part, source in {"votes": votes, "golden": sources["golden"], "rater-golden": rater_golden}.items():
        if source is not None:
            path = call.resolve(part, source)
            read = load_votes(path, answers=order, classes=classes, max_bytes=max_bytes)
            order = order or golden_answers(read)
            given[part] = path, read
    if (of_original := read_original_of(call, benchmark, original, classes)) is not None:
        given["original"] = of_original
    refuse_two_kinds(given)
    parts = joined_parts(given, benchmark, classes)
    experts, rater_votes, original_labels = parts["golden"], parts.get("votes"), parts.get("original")
    golden_votes = parts.get("rater-golden")
    judged = [parts[part] for part in scores]
    if rater_votes is not None:
        golden_votes = golden_part(rater_votes, experts, golden_votes)
    truth = golden_truth(experts, at_least=at_least, among=[each.questions for each in judged])
    files = {
        "votes": votes or "",
        "rater_golden": rater_golden or votes or "",
        "original": original or benchmark.sources.get("original", ""),
    }
    return judged, Answers(
        benchmark=benchmark,
        golden_file=given["golden"][0],
        experts=experts,
        golden=truth,
        at_least=at_least,
        votes=rater_votes,
        rater_golden=golden_votes,
        original=original_labels,
        rules=simple_rules(truth, votes=rater_votes, rater_golden=golden_votes, original=original_labels, files=files),
    )


def measure(
    call: Call, file: str, path: Path, scores: Scores, answers: Answers, leave_out: _LeaveOut, goal: Goal | None
) -> tuple[MeasuredCurve, ...]:
    """The curve of a file; and, if asked for, that of its scores made again without the image that is judged."""
    with at(file):
        return measure_curves(
            file,
            scores,
            answers.golden,
            origin=_provenance(scores, answers, must=leave_out is not None),
            leave_out=leave_out,
            in_sample=known_in_sample(path, answers.golden_file, benchmark=answers.benchmark),
            goal=goal,
            original=answers.original,
            track=partial(tracked, call, what=f"{file}, made again"),
        )


def _provenance(scores: Scores, answers: Answers, *, must: bool) -> Provenance | None:
    """How the scores follow from the votes; None if that is not known, which is an error if it must be."""
    if answers.votes is None or answers.rater_golden is None:
        return None
    find = find_provenance if must else known_provenance
    makings = likely_makings(
        answers.votes,
        answers.experts,
        answers.original,
        published=answers.benchmark.recipe,
        at_least=answers.at_least,
        em=must,
    )
    return find(scores, answers.votes, answers.experts, answers.rater_golden, makings)


def _write(call: Call, output: Path, measured: Sequence[MeasuredCurve], rules: Sequence[Rule]) -> None:
    call.keep_inputs(output)
    if output.suffix.lower() in FIGURE_SUFFIXES:
        draw_curves(output, measured, rules, force=call.force)
    else:
        write_points(output, measured, rules, force=call.force)


def _print(
    call: Call, measured: Sequence[MeasuredCurve], answers: Answers, leave_out: _LeaveOut, goal: Goal | None
) -> None:
    headings = ["scores", "average precision"]
    if goal is not None:
        headings += ["threshold", "precision", "95 %", "recall", "95 %", "labels", "empty images"]
    print_table(headings, [_row(one) for one in measured])
    if answers.rules:
        click.echo()
        rows = [row for rule in answers.rules for row in _rule_rows(rule)]
        print_table(["rule", "variant", "precision", "recall"], rows, text_columns=2)
    golden = answers.golden
    pairs, images = counted(len(golden), "golden pair"), counted(len(golden.questions.images), "image")
    call.tell(f"{pairs} on {images}, {golden.positives:,} of them valid")
    if golden.by_experts is not None and golden.by_experts.note is not None:
        call.tell(golden.by_experts.note)
    if golden.exclusive:
        call.note("a golden image is judged on every class; a class without a score counts as a score of 0")
    if any(one.curve.in_sample for one in measured):
        call.tell("in-sample: the scores were made with the golden answers that judge them")
        if leave_out is None:
            call.note("(--leave-out image makes them again without the image that is judged)")
    unmoved = [one.file for one in measured if one.curve.in_sample is False and one.left_out is None]
    if leave_out is not None and unmoved:
        call.tell(f"no golden answers made {some(unmoved)}: leaving them out changes nothing")
    if goal is not None:
        call.note("95 %: bootstrap over images; all golden pairs of an image together")
        unrated = "left out" if answers.original is None else "given their original label"
        call.note(f"labels and empty images: of all images, those never rated being {unrated}")


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
