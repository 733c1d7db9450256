"""`reassess evaluate`: measure models by reassessed and by original labels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from reassess.cli.call import FILE, OUTPUT, Call, call_options, free_name, refuse_repeated
from reassess.cli.duplicate_inputs import Excluded, load_excluded
from reassess.cli.help_pages import Choice, Command
from reassess.cli.judges import Judges, load_judges
from reassess.cli.options import joining_options, judge_options, part_option, prediction_options
from reassess.cli.prediction_inputs import each_prediction, same_inputs
from reassess.cli.result_table import table_option
from reassess.cli.tables.evaluate_table import Cut, Evaluations, Measured, accuracy_table, print_measured, to_json
from reassess.comparison import ModelOrders, compare_orders, on_common_images, unrated_in_words
from reassess.core import Benchmark
from reassess.errors import DataError, Missing, at
from reassess.evaluation import (
    ClassList,
    Exclusion,
    Outcomes,
    exclusions,
    find_class_list,
    outcomes_table,
    sort_by_accuracy,
    summarize,
    summarize_verdicts,
)
from reassess.evaluation.evaluation_words import warn_of_class_list
from reassess.formats.files import write_atomically
from reassess.formats.result_files import RESULT_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import counted

_Numbers = tuple[float, ...] | None


def _numbers(
    kind: click.FloatRange | click.IntRange, example: str
) -> Callable[[click.Context, click.Parameter, str | None], _Numbers]:
    """A callback for an option that takes numbers of one kind, separated by commas: each of them once."""

    def parse(context: click.Context, parameter: click.Parameter, value: str | None) -> _Numbers:
        try:
            return (
                None
                if value is None
                else tuple(dict.fromkeys(kind(part, parameter, context) for part in value.split(",")))
            )
        except click.BadParameter as error:
            raise click.BadParameter(f"{error.message} Give numbers such as {example}.") from error

    return parse


@click.command(
    cls=Command,
    docs="docs/evaluate.md",
    examples=["reassess evaluate a.npz b.npz", "reassess evaluate a.csv --benchmark pets --by class"],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@table_option
@click.option("--details", type=OUTPUT, metavar="TABLE", help="Write a row for each image; label errors are marked.")
@partial(judge_options, several=True)
@part_option("scores", "Scores")
@click.option(
    "--threshold",
    "thresholds",
    callback=_numbers(click.FloatRange(0, 1), "0.5,0.8,0.95"),
    metavar="T,...",
    help="Judge by labels made from the scores at each threshold.",
)
@prediction_options
@joining_options
@click.option(
    "--top-k",
    callback=_numbers(click.IntRange(1), "1,5"),
    metavar="K,...",
    help="Count hits among the top K.  [default: 1,5; 1 below 10 classes]",
)
@click.option(
    "--duplicates",
    metavar="F[:SET]",
    help="Exclude images that have duplicates in other sets, by the table of scan. SET: the benchmark's set in the "
    "table, if the image names do not tell.",
)
@click.option("--by", type=Choice(["label-count", "class"]), help="Break the results down.")
@call_options
def evaluate(
    call: Call,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: tuple[str, ...],
    thresholds: tuple[float, ...] | None,
    original: str | None,
    scores: str | None,
    top_k: tuple[int, ...] | None,
    output: Path | None,
    details: Path | None,
    duplicates: str | None,
    by: str | None,
) -> None:
    """Measure models by reassessed and by original labels.

    Each FILE contains the predictions of one model, as an array or a table: class ids, best first, or the scores of all
    classes. Images are joined by name. Label sets with unclear, wrong or problematic labels give multi-label accuracy
    too. A warning says if a model's ids are plainly from another class list. Several label sets also show how the order
    of the models changes.
    """
    _check_call(call, files, labels, thresholds, details, by)
    call.check_output(output, RESULT_SUFFIXES, "a table of results", benchmark=benchmark)
    call.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    judges = load_judges(
        call, benchmark, labels[0] if labels else None, original, scores, thresholds, more_labels=labels[1:]
    )
    excluded = None if duplicates is None else load_excluded(call, duplicates, judges)
    with write_atomically():
        measured, outcomes = _measure(call, files, judges, top_k, excluded)
        if output is not None:
            accuracy_table(measured).write(output, force=call.force)
        if details is not None:
            table = outcomes_table(
                outcomes,
                judges.labels,
                original=judges.original,
                scores=judges.scores,
                experts=judges.experts,
                reviewed=judges.reviewed,
            )
            write_table(details, table, force=call.force)
    more = (
        ["compare", *same_inputs(files)]
        if len(files) > 1
        else ["report", *same_inputs(files), "-o", free_name("report.html")]
    )
    call.next(*more)
    if call.json:
        results, beside = to_json(measured, by)
        call.print_document("evaluate", results, **beside)
        return
    print_measured(call, measured, by)
    match = judges.benchmark.match or "path"
    if len(labels) < 2 and (unrated := unrated_in_words(judges.labels, judges.original, judges.scores, match=match)):
        call.tell(unrated)
    if excluded is not None:
        call.tell(str(excluded))
    if output is not None:
        call.tell(f"{output}: {counted(len(files), 'model')}")
    if details is not None:
        errors = f", {counted(int(table['label_error'].sum()), 'label error')}" if judges.original is not None else ""
        call.tell(f"{details}: {counted(table.height, 'image' if len(files) == 1 else 'row')}{errors}")
    if judges.no_names and (by == "class" or details is not None):
        call.tell(judges.no_names)
    if judges.original is None and original is None and "original" in judges.benchmark.sources:
        call.tell(
            "without the original labels nothing checks the order of rows and classes: "
            f"reassess fetch {judges.benchmark.sources['original']}"
        )
    call.note_hashes("labels", "original", "scores", "golden")


def _measure(
    call: Call, files: tuple[Path, ...], judges: Judges, top_k: tuple[int, ...] | None, excluded: Excluded | None
) -> tuple[Measured, dict[str, Outcomes]]:
    """Judge every model by every label set, its file being read once; and what happened to each image by the last."""
    measured: dict[Cut, Evaluations] = {cut: {} for cut in judges.sets}
    outcomes: dict[Cut, dict[str, Outcomes]] = {cut: {} for cut in judges.sets}
    class_lists: dict[str, ClassList | None] = {}
    moved: dict[Cut, dict[str, dict[int, Exclusion]]] = {cut: {} for cut in judges.sets}
    joining = judges.joining(call)
    for file, predictions in each_prediction(call, files, judges):
        class_lists[file] = None
        with at(file):
            for cut, sets in judges.sets.items():
                outcome = judges.outcomes(predictions, sets, any_class_list=True, name=file, **joining)
                judge = partial(summarize, labels=sets, scores=judges.scores, experts=judges.experts, top_k=top_k)
                rest = outcome if excluded is None else outcome.mark_excluded(excluded.images)
                outcomes[cut][file] = rest
                measured[cut][file] = judge(rest)
                if excluded is not None:
                    moved[cut][file] = exclusions(judge(outcome), measured[cut][file])
                class_lists[file] = class_lists[file] or find_class_list(outcome, sets, judges.original)
        warn_of_class_list(file, class_lists[file], judges.labels.classes, depth=2)
    last = next(reversed(outcomes.values()))
    common = _common(outcomes, judges, top_k)
    reviewed = judges.reviewed
    own = {cut: _in_order(evaluations, common, cut) for cut, evaluations in measured.items()}
    return Measured(
        own=own,
        common=common,
        class_lists=class_lists,
        reviewed={}
        if reviewed is None
        else {file: summarize_verdicts(last[file], reviewed, judges.original) for file in next(reversed(own.values()))},
        orders=_orders(outcomes) if isinstance(next(iter(outcomes)), str) else None,
        classes=judges.labels.classes,
        excluded=None if excluded is None else excluded.to_json(),
        moved=moved,
    ), last


def _common(
    outcomes: dict[Cut, dict[str, Outcomes]], judges: Judges, top_k: tuple[int, ...] | None
) -> dict[Cut, Evaluations] | Missing | None:
    """The models ranked on the images that all of them have seen; None if these are all images."""
    if len(next(iter(outcomes.values()))) == 1:
        return None
    rankings: dict[Cut, Evaluations] = {}
    for cut, of_models in outcomes.items():
        common = on_common_images(of_models)
        if common is None or isinstance(common, Missing):
            return common
        judge = partial(summarize, labels=judges.sets[cut], scores=judges.scores, experts=judges.experts, top_k=top_k)
        rankings[cut] = sort_by_accuracy({file: judge(each) for file, each in common.items()})
    return rankings


def _in_order(evaluations: Evaluations, common: dict[Cut, Evaluations] | Missing | None, cut: Cut) -> Evaluations:
    """The models in the order of their ranking, which is that on common images; as given where there is none."""
    if common is None:
        return sort_by_accuracy(evaluations)
    return evaluations if isinstance(common, Missing) else {file: evaluations[file] for file in common[cut]}


def _orders(outcomes: dict[Cut, dict[str, Outcomes]]) -> ModelOrders | Missing:
    try:
        return compare_orders({str(name): of_models for name, of_models in outcomes.items()})
    except DataError as error:
        return Missing.because(error)


def _check_call(
    call: Call,
    files: tuple[Path, ...],
    labels: tuple[str, ...],
    thresholds: tuple[float, ...] | None,
    details: Path | None,
    by: str | None,
) -> None:
    """Refuse options that do not go together."""
    refuse_repeated(files)
    refuse_repeated(labels)
    several = len(labels) > 1
    if several and thresholds is not None:
        raise click.UsageError("--threshold makes label sets from scores: it goes with one --labels.")
    if several and details is not None:
        raise click.UsageError("--details goes with one --labels.")
    if several and by is not None and not call.json:
        raise click.UsageError("--by goes with one --labels, or with --json.")
    if len(thresholds or ()) > 1 and details is not None:
        raise click.UsageError("--details goes with one --threshold.")
    if len(thresholds or ()) > 1 and by is not None and not call.json:
        raise click.UsageError("--by goes with one --threshold, or with --json.")
