"""`reassess evaluate`: measure models against re-assessed labels."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options, percent, percents, print_table, refuse_repeated
from reassess.cli.inputs import FILE, each_prediction, joining_options, judge_options, prediction_options
from reassess.cli.judges import load_judges
from reassess.cli.tables.class_list import report_class_list
from reassess.cli.tables.label_sets import orders_to_json, print_label_sets
from reassess.cli.tables.multi_label import print_multi_label
from reassess.comparison.model_orders import ModelOrders, compare_orders
from reassess.core.benchmark import Benchmark
from reassess.core.classes import Classes
from reassess.core.missing import Missing
from reassess.errors import DataError, at
from reassess.evaluation.class_list import ClassList, find_class_list
from reassess.evaluation.measure import summarize
from reassess.evaluation.multi_label_accuracy import MultiLabelAccuracy, summarize_verdicts
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.outcomes_table import outcomes_table
from reassess.evaluation.result import Evaluation, ranked, ranks_of
from reassess.evaluation.words import MISTAKES_IN_WORDS, ceiling_in_words, heading, left_out_in_words, missing_in_words
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.numeric.proportion import Proportion

__all__ = ["evaluate"]

_Ranking = dict[str, Evaluation]
_Cut = float | str | None  # the threshold or the name of a label set among several
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


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@partial(judge_options, several=True)
@click.option(
    "--threshold",
    "thresholds",
    callback=_numbers(click.FloatRange(0, 1), "0.5,0.8,0.95"),
    metavar="T,...",
    help="Judge by label sets cut from the scores at each threshold.",
)
@prediction_options
@joining_options
@click.option(
    "--topk",
    "top_k",
    callback=_numbers(click.IntRange(1), "1,5"),
    metavar="K,...",
    help="Count hits among the top k.  [default: 1,5]",
)
@click.option("--per-image", type=FILE, metavar="OUT", help="Write a table with a row for each image.")
@click.option(
    "--write-classes",
    type=FILE,
    metavar="OUT",
    help="If the ids are those of another class list, write the class of each output, for --classes.",
)
@click.option("--by", type=click.Choice(["label-count", "class"]), help="Break the results down.")
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
    per_image: Path | None,
    write_classes: Path | None,
    by: str | None,
    **reading: Any,
) -> None:
    """Measure models against re-assessed labels.

    Each FILE holds one model's predictions: class ids, best first, or the scores of all classes, as npy, npz, csv, tsv,
    jsonl, parquet, pt or safetensors, or as timm's inference script writes them. Images are joined by name. Label sets
    that also say what is unclear, wrong or problematic give multi-label accuracy too. A warning says if a model's ids
    are plainly those of another class list. Several label sets also show how the order of the models moves.
    """
    _check_call(call, files, labels, thresholds, per_image, write_classes, by)
    first, more = (labels[0] if labels else None), labels[1:]
    judges = load_judges(
        call, benchmark, first, original, scores, thresholds, more_labels=more, max_bytes=reading["max_bytes"]
    )
    measured: dict[_Cut, _Ranking] = {cut: {} for cut in judges.sets}
    outcomes: dict[_Cut, dict[str, Outcomes]] = {}  # by each label set; of thresholds, by the last
    others: dict[str, ClassList | None] = {}
    joining = judges.joining(reading)
    for file, predictions in each_prediction(call, files, judges, **reading):
        with at(file):
            for cut, sets in judges.sets.items():
                outcome = judges.outcomes(predictions, sets, any_class_list=True, **joining)
                outcomes.setdefault(cut if more else None, {})[file] = outcome
                measured[cut][file] = summarize(
                    outcome, sets, scores=judges.scores, experts=judges.experts, top_k=top_k
                )
            others[file] = find_class_list(outcome, sets, judges.original)
        report_class_list(
            call, file, predictions, others[file], sets.classes, write_classes, max_bytes=reading["max_bytes"]
        )
    rankings = {cut: ranked(evaluations) for cut, evaluations in measured.items()}
    last = next(reversed(outcomes.values()))
    if per_image is not None:
        call.keep_inputs(per_image)
        table = outcomes_table(
            last, judges.labels, scores=judges.scores, experts=judges.experts, reviewed=judges.reviewed
        )
        write_table(per_image, table, force=call.force)
    reviewed: dict[str, MultiLabelAccuracy] = {}
    if judges.reviewed is not None:
        (ranking,) = rankings.values()
        reviewed = {file: summarize_verdicts(last[file], judges.reviewed, judges.original) for file in ranking}
    orders = _orders(outcomes) if more else None
    if call.json:
        results = list(_to_json(rankings, others, reviewed, judges.labels.classes, by))
        call.print_document("evaluate", results, **({} if orders is None else orders_to_json(orders)))
    elif orders is not None:
        print_label_sets(call, {str(name): ranking for name, ranking in rankings.items()}, orders)
    elif len(rankings) > 1:
        _print_cuts(call, rankings)
    else:
        _print_ranking(call, next(iter(rankings.values())), judges.labels.classes, by)
        if reviewed:
            print_multi_label(call, reviewed, judges.labels.classes, by_class=by == "class")
    if not call.json:
        if judges.original is None and original is None and "original" in judges.benchmark.sources:
            call.note(
                "without the original labels nothing checks the order of rows and classes: "
                f"reassess data fetch {judges.benchmark.sources['original']}"
            )
        call.note_hashes("labels", "original", "scores")


def _orders(outcomes: dict[_Cut, dict[str, Outcomes]]) -> ModelOrders | Missing:
    try:
        return compare_orders({str(name): of_models for name, of_models in outcomes.items()})
    except DataError as error:
        return Missing.because(error)


def _check_call(
    call: Call,
    files: tuple[Path, ...],
    labels: tuple[str, ...],
    thresholds: tuple[float, ...] | None,
    per_image: Path | None,
    write_classes: Path | None,
    by: str | None,
) -> None:
    """Refuse, before any work, what cannot be done."""
    refuse_repeated(files)
    if len(files) > 1 and write_classes is not None:
        raise click.UsageError("--write-classes goes with one FILE.")
    refuse_repeated(labels)
    several = len(labels) > 1
    if several and thresholds is not None:
        raise click.UsageError("--threshold cuts label sets from scores: it goes with one --labels.")
    if several and per_image is not None:
        raise click.UsageError("--per-image goes with one --labels.")
    if several and by is not None and not call.json:
        raise click.UsageError("--by goes with one --labels, or with --json.")
    if len(thresholds or ()) > 1 and per_image is not None:
        raise click.UsageError("--per-image goes with one --threshold.")
    if len(thresholds or ()) > 1 and by is not None and not call.json:
        raise click.UsageError("--by goes with one --threshold, or with --json.")
    call.check_output(per_image, TABLE_SUFFIXES, "a table")
    call.check_output(write_classes, (".txt",), "a list of classes")


def _to_json(
    rankings: dict[_Cut, _Ranking],
    others: dict[str, ClassList | None],
    reviewed: dict[str, MultiLabelAccuracy],
    classes: Classes,
    by: str | None,
) -> Iterator[dict[str, Any]]:
    for cut, ranking in rankings.items():
        rank_of = ranks_of(ranking)
        for file, result in ranking.items():
            judged_by = "labels" if isinstance(cut, str) else "threshold"
            place = {} if cut is None else {judged_by: cut, "rank": rank_of[file]}
            other = others[file]
            document = {"file": file} | place | result.to_json()
            document["class_list"] = None if other is None else other.to_json(classes)
            document |= {"by_class": result.per_class.to_json(classes)} if by == "class" else {}
            if file in reviewed:
                part = reviewed[file]
                by_class = {"by_class": part.classes_to_json(classes)} if by == "class" else {}
                document["multi_label"] = part.to_json() | by_class
            yield document


def _print_ranking(call: Call, ranking: _Ranking, classes: Classes, by: str | None) -> None:
    top_k = sorted({k for result in ranking.values() for k in result.real})
    judge = heading(next(iter(ranking.values())).label_set)
    headings = ["file"]
    for k in top_k:
        headings += [f"{judge} top-{k} %", "95 %"]
    headings += [f"original top-{k} %" for k in top_k]
    headings += ["soft", "recall", "scored", "left out"]
    print_table(headings, [_row(file, result, top_k) for file, result in ranking.items()])
    for file, result in ranking.items():
        if by == "label-count":
            _print_by_label_count(file, result)
        elif by == "class":
            _print_by_class(file, result, classes)
    for file, result in ranking.items():
        call.note(f"{file}: {result.detected}")
    for line in _footnotes(ranking):
        call.note(line)


def _row(file: str, result: Evaluation, top_k: list[int]) -> list[str | None]:
    cells: list[str | None] = [file]
    for k in top_k:
        cells += [_percent(result.real.get(k)), _interval(result.real.get(k))]
    cells += [_percent(result.original_accuracy(k)) for k in top_k]
    soft = None if result.soft is None or result.soft.accuracy is None else f"{result.soft.accuracy:.4f}"
    recall = None if result.recall_at_size is None else f"{result.recall_at_size:.4f}"
    return [*cells, soft, recall, f"{result.scored:,}", f"{result.images - result.scored:,}"]


def _percent(part: Proportion | None) -> str | None:
    return None if part is None else percent(part.value)


def _interval(part: Proportion | None) -> str | None:
    return None if part is None else percents(part.interval)


def _footnotes(ranking: _Ranking) -> Iterator[str]:
    """What the table's numbers mean: what was left out, the ceiling of soft accuracy, and why a column is empty."""
    yield "95 %: Wilson intervals, over images"
    for file, result in ranking.items():
        if result.mistakes is not None:
            yield f"{file}: mistakes: {_mistakes(result)}"
        if left_out := left_out_in_words(result):
            yield f"{file}: left out: {left_out}"
    if ceiling := ceiling_in_words(ranking.values()):
        yield f"soft: {ceiling}"
    yield from missing_in_words(ranking)


def _mistakes(result: Evaluation) -> str:
    """How many mistakes there are, and what is known of them."""
    counts = {text: getattr(result.mistakes, name) for name, text in MISTAKES_IN_WORDS.items()}
    known = [f"{count:,} {text}" for text, count in counts.items() if count is not None]
    return f"{sum(count or 0 for count in counts.values()):,}: {', '.join(known)}"


def _print_by_label_count(file: str, result: Evaluation) -> None:
    top_k = list(result.real)
    rows = []
    for size, part in result.by_label_count.items():
        counts = [Proportion(part.hits[k], part.n) for k in top_k]
        cells = [cell for count in counts for cell in (_percent(count), _interval(count))]
        rows.append([size, f"{part.n:,}", *cells])
    judge = heading(result.label_set)
    headings = [text for k in top_k for text in (f"{judge} top-{k} %", "95 %")]
    print_table(["valid labels", "images", *headings], rows, title=file, text_columns=0)


def _print_by_class(file: str, result: Evaluation, classes: Classes) -> None:
    rows = []
    for entry in result.per_class.to_json(classes, most=1):
        instead = entry["instead"][0] if entry["instead"] else None
        most_often = None if instead is None else f"{instead['name'] or 'no class'} ({instead['images']})"
        percent = _percent(Proportion(entry["hits"], entry["images"]))
        rows.append([entry["class"], entry["name"], entry["images"], percent, entry["predictions"], most_often])
    headings = ["class", "name", "images", f"{heading(result.label_set)} top-1 %", "predicted", "most often instead"]
    print_table(headings, rows, title=file, text_columns=2)


def _print_cuts(call: Call, rankings: dict[_Cut, _Ranking]) -> None:
    """Top-1 accuracy and rank of each model at each threshold."""
    places: dict[str, list[str]] = {}
    for ranking in rankings.values():
        rank_of = ranks_of(ranking)
        for file, result in ranking.items():
            first = next(iter(result.real.values()))
            places.setdefault(file, []).extend([_percent(first) or "-", str(rank_of[file])])
    headings = [text for cut in rankings for text in (f"at {cut:g}, %", "rank")]
    print_table(["file", *headings], [[file, *cells] for file, cells in places.items()])
    for cut, ranking in rankings.items():
        result = next(iter(ranking.values()))
        call.note(f"at {cut:g}: {result.scorable:,} images have a label, {result.empty:,} have none")
