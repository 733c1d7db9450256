"""`reassess evaluate`: measure models against re-assessed labels."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options, percent, percents, print_table, refuse_repeated, tracked
from reassess.cli.inputs import (
    FILE,
    Judges,
    joining_options,
    judge_options,
    load_judges,
    load_predictions,
    prediction_options,
)
from reassess.cli.tables.multi_label import print_multi_label
from reassess.cli.tables.per_image import write_outcomes
from reassess.core.classes import Classes
from reassess.core.image_names import are_validation_images
from reassess.errors import at
from reassess.evaluation.measure import examine, summarize
from reassess.evaluation.multi_label_accuracy import MultiLabelAccuracy, count_verdicts
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.result import Evaluation
from reassess.formats.files import check_output, suffix_of
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.numeric.proportion import Proportion

__all__ = ["evaluate"]

_Ranking = list[tuple[str, Evaluation]]


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
@judge_options
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
    callback=_numbers(click.IntRange(1), "1,5"),
    metavar="K,...",
    help="Count hits among the top k.  [default: 1,5]",
)
@click.option("--per-image", type=FILE, metavar="OUT", help="Write a table with a row for each image.")
@click.option("--by", type=click.Choice(["label-count", "class"]), help="Break the results down.")
@call_options
def evaluate(
    call: Call,
    files: tuple[Path, ...],
    labels: str | None,
    thresholds: tuple[float, ...] | None,
    original: str | None,
    scores: str | None,
    match: str,
    ignore_unknown: bool,
    topk: tuple[int, ...] | None,
    per_image: Path | None,
    by: str | None,
    **reading: Any,
) -> None:
    """Measure models against re-assessed labels.

    Each FILE holds one model's predictions: class ids, best first, or the scores of all classes, as npy, npz, csv, tsv,
    jsonl, parquet, pt or safetensors, or as timm's inference script writes them. Images are joined by name. Label sets
    that also say what is unclear, wrong or problematic give multi-label accuracy too.
    """
    _check_call(call, files, thresholds, per_image, by)
    judges = load_judges(call, labels, original, scores, thresholds, max_bytes=reading["max_bytes"], multi_label=True)
    joining: dict[str, Any] = {"match": match, "ignore_unknown": ignore_unknown}
    measured, each = _measure_files(call, files, judges, reading, joining, topk)
    rankings = {cut: _ranked(measured[cut]) for cut in judges.cuts}
    if per_image is not None:
        call.keep_inputs(per_image)
        write_outcomes(per_image, each, judges.labels, judges.scores, judges.experts, judges.reviewed, force=call.force)
    reviewed: dict[str, MultiLabelAccuracy] = {}
    if judges.reviewed is not None:
        (ranking,) = rankings.values()
        reviewed = {file: count_verdicts(each[file], judges.reviewed, judges.original) for file, _ in ranking}
    if call.json:
        call.print_document("evaluate", list(_to_json(rankings, reviewed, judges.labels.classes, by)))
    elif len(rankings) > 1:
        _print_cuts(call, rankings)
    else:
        _print_ranking(call, next(iter(rankings.values())), judges.labels.classes, by)
        if reviewed:
            print_multi_label(call, reviewed, judges.labels.classes, by_class=by == "class")
    if not call.json:
        if judges.original is None and original is None and are_validation_images(judges.labels.images):
            call.note(
                "without the original labels nothing checks the order of rows and classes: "
                "reassess data fetch imagenet-original"
            )
        call.note_hashes("labels", "original", "scores")


def _check_call(
    call: Call, files: tuple[Path, ...], thresholds: tuple[float, ...] | None, per_image: Path | None, by: str | None
) -> None:
    """Refuse, before any work, what cannot be done."""
    refuse_repeated(files)
    if len(thresholds or ()) > 1 and per_image is not None:
        raise click.UsageError("--per-image goes with one --threshold.")
    if len(thresholds or ()) > 1 and by is not None and not call.json:
        raise click.UsageError("--by goes with one --threshold, or with --json.")
    if per_image is not None:
        suffix_of(per_image, TABLE_SUFFIXES, "a table")
        check_output(per_image, force=call.force)


def _measure_files(
    call: Call,
    files: tuple[Path, ...],
    judges: Judges,
    reading: dict[str, Any],
    joining: dict[str, Any],
    topk: tuple[int, ...] | None,
) -> tuple[dict[float | None, _Ranking], dict[str, Outcomes]]:
    """Evaluate each file by each cut, one file in memory at a time; and the outcomes by the last cut."""
    measured: dict[float | None, _Ranking] = {cut: [] for cut in judges.cuts}
    each: dict[str, Outcomes] = {}
    for path in tracked(call, files, "evaluating"):
        said = load_predictions(call, path, judges, **reading)
        with at(path):
            for cut, labels in judges.cuts.items():
                found = examine(said, labels, original=judges.original, scores=judges.scores, **joining)
                result = summarize(found, labels, scores=judges.scores, experts=judges.experts, topk=topk)
                measured[cut].append((str(path), result))
                each[str(path)] = found
    return measured, each


def _ranked(results: _Ranking) -> _Ranking:
    """The best ReaL accuracy at the smallest k first, then by file."""

    def key(entry: tuple[str, Evaluation]) -> tuple[float, str]:
        first = next(iter(entry[1].real.values()))
        return -(first.value or 0), entry[0]

    return sorted(results, key=key)


def _with_ranks(ranking: _Ranking) -> Iterator[tuple[int, str, Evaluation]]:
    """Each model with its rank: 1 and the number of those with a better accuracy, so that equals share a rank."""
    accuracies = [next(iter(result.real.values())).value or 0 for _, result in ranking]
    for accuracy, (file, result) in zip(accuracies, ranking, strict=True):
        yield 1 + sum(other > accuracy for other in accuracies), file, result


def _to_json(
    rankings: dict[float | None, _Ranking], reviewed: dict[str, MultiLabelAccuracy], classes: Classes, by: str | None
) -> Iterator[dict[str, Any]]:
    for cut, ranking in rankings.items():
        for rank, file, result in _with_ranks(ranking):
            document = {"file": file} | ({} if cut is None else {"threshold": cut, "rank": rank}) | result.to_json()
            document |= {"by_class": result.per_class.to_json(classes)} if by == "class" else {}
            if file in reviewed:
                part = reviewed[file]
                by_class = {"by_class": part.classes_to_json(classes)} if by == "class" else {}
                document["multi_label"] = part.to_json() | by_class
            yield document


def _print_ranking(call: Call, ranking: _Ranking, classes: Classes, by: str | None) -> None:
    topk = sorted({k for _, result in ranking for k in result.real})
    headings = ["file"]
    for k in topk:
        headings += [f"ReaL top-{k} %", "95 %"]
    headings += [f"original top-{k} %" for k in topk]
    headings += ["soft", "recall", "scored", "left out"]
    print_table(headings, [_row(file, result, topk) for file, result in ranking])
    for file, result in ranking:
        if by == "label-count":
            _print_by_label_count(file, result)
        elif by == "class":
            _print_by_class(file, result, classes)
    for file, result in ranking:
        call.note(f"{file}: {result.detected}")
    for line in _footnotes(ranking):
        call.note(line)


def _row(file: str, result: Evaluation, topk: list[int]) -> list[str | None]:
    cells: list[str | None] = [file]
    for k in topk:
        cells += [_percent(result.real.get(k)), _interval(result.real.get(k))]
    cells += [_percent((result.original or {}).get(k)) for k in topk]
    soft = None if result.soft is None or result.soft.accuracy is None else f"{result.soft.accuracy:.4f}"
    recall = None if result.recall_at_size is None else f"{result.recall_at_size:.4f}"
    return [*cells, soft, recall, f"{result.scored:,}", f"{result.images - result.scored:,}"]


def _percent(part: Proportion | None) -> str | None:
    return None if part is None else percent(part.value)


def _interval(part: Proportion | None) -> str | None:
    return None if part is None else percents(part.interval)


def _footnotes(ranking: _Ranking) -> Iterator[str]:
    """What the table's numbers mean: what was left out, the ceiling of soft accuracy, and why a column is empty."""
    parts = {
        "{:,} with an empty label set": "empty",
        "{:,} never rated": "unlabelled",
        "{:,} unknown": "unknown",
    }
    yield "95 %: Wilson intervals, over images"
    for file, result in ranking:
        if result.mistakes is not None:
            yield f"{file}: mistakes: {_mistakes(result)}"
        left_out = [text.format(getattr(result, name)) for text, name in parts.items() if getattr(result, name)]
        missing = result.scorable - result.scored
        if missing:
            left_out.append(f"{missing:,} of the {result.scorable:,} labelled images have no prediction")
        if left_out:
            yield f"{file}: left out: {', '.join(left_out)}"
    ceilings = {
        f"{result.soft.ceiling:.4f}" for _, result in ranking if result.soft and result.soft.ceiling is not None
    }
    if ceilings:
        yield f"soft: the best that any model can reach is {' or '.join(sorted(ceilings))}"
    reasons = dict.fromkeys((name, why) for _, result in ranking for name, why in result.reasons.items())
    for name, why in reasons:
        yield f"no {name.replace('_', ' ')}: {why}"


def _mistakes(result: Evaluation) -> str:
    """How many mistakes there are, and what is known of them."""
    kinds = {
        "{:,} rejected by experts": "expert_rejected",
        "{:,} rated and rejected": "rejected",
        "{:,} of classes never proposed for the image": "never_proposed",
        "{:,} on images never rated": "never_rated",
    }
    counts = {text: getattr(result.mistakes, name) for text, name in kinds.items()}
    known = [text.format(n) for text, n in counts.items() if n is not None]
    return f"{sum(n or 0 for n in counts.values()):,}: {', '.join(known)}"


def _print_by_label_count(file: str, result: Evaluation) -> None:
    topk = list(result.real)
    rows = []
    for size, part in result.by_label_count.items():
        counts = [Proportion(part.hits[k], part.n) for k in topk]
        cells = [cell for count in counts for cell in (_percent(count), _interval(count))]
        rows.append([size, f"{part.n:,}", *cells])
    headings = [heading for k in topk for heading in (f"ReaL top-{k} %", "95 %")]
    print_table(["valid labels", "images", *headings], rows, title=file, text_columns=0)


def _print_by_class(file: str, result: Evaluation, classes: Classes) -> None:
    rows = []
    for entry in result.per_class.to_json(classes, most=1):
        instead = entry["instead"][0] if entry["instead"] else None
        said = None if instead is None else f"{instead['name']} ({instead['images']})"
        percent = _percent(Proportion(entry["hits"], entry["images"]))
        rows.append([entry["class"], entry["name"], entry["images"], percent, entry["predictions"], said])
    headings = ["class", "name", "images", "ReaL top-1 %", "predicted", "most often instead"]
    print_table(headings, rows, title=file, text_columns=2)


def _print_cuts(call: Call, rankings: dict[float | None, _Ranking]) -> None:
    """ReaL top-1 accuracy and rank of each model at each threshold."""
    places: dict[str, list[str]] = {}
    for ranking in rankings.values():
        for rank, file, result in _with_ranks(ranking):
            first = next(iter(result.real.values()))
            places.setdefault(file, []).extend([_percent(first) or "-", str(rank)])
    headings = [heading for cut in rankings for heading in (f"at {cut:g}, %", "rank")]
    print_table(["file", *headings], [[file, *cells] for file, cells in places.items()])
    for cut, ranking in rankings.items():
        result = ranking[0][1]
        call.note(f"at {cut:g}: {result.scorable:,} images have a label, {result.empty:,} have none")
