"""What `reassess evaluate` prints, as tables and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reassess.cli.call import Call, percent, percents
from reassess.cli.result_table import ResultTable
from reassess.cli.screen import print_table, say
from reassess.cli.tables.labels_table import label_sets_table, orders_to_json, print_orders
from reassess.comparison import ModelOrders
from reassess.core import Classes
from reassess.errors import Missing
from reassess.evaluation import ClassList, Evaluation, Exclusion, MultiLabelAccuracy, ranks_of
from reassess.evaluation.evaluation_words import MISTAKES_IN_WORDS, heading, missing_in_words
from reassess.evaluation.result import ceiling_in_words, label_errors_in_words, not_scored_in_words
from reassess.formats.result_files import Printed, printed_count
from reassess.numeric import Proportion
from reassess.text import counted, shared

_MOST_CLASSES = 20

Evaluations = dict[str, Evaluation]
Cut = float | str | None  # the threshold or the name of a label set among several
# What JSON documents hold of a model on the images that all have seen.
_COMMON = ("images", "scored", "not_scored", "real", "original", "original_reason", "original_scored")


@dataclass(frozen=True, eq=False)
class Measured:
    """What is shown of some models; evaluations are by label set, and the best model comes first."""

    own: Mapping[Cut, Evaluations]  # of each model on its own images
    common: Mapping[Cut, Evaluations] | Missing | None  # on the images of all models; None if all have the same images
    class_lists: Mapping[str, ClassList | None]  # the list of each model's ids, if it differs from the labels'
    reviewed: Mapping[str, MultiLabelAccuracy]  # of each model, if label sets have more than valid classes
    orders: ModelOrders | Missing | None  # how the order of the models moves between label sets; None for one
    classes: Classes  # of the labels
    excluded: Mapping[str, Any] | None = None  # the images that --duplicates excludes, as in JSON documents
    # How far that moves each model's accuracy at each k, by label set.
    moved: Mapping[Cut, Mapping[str, Mapping[int, Exclusion]]] = field(default_factory=dict)

    @property
    def rankings(self) -> Mapping[Cut, Evaluations]:
        """The evaluations by which models are ranked; empty where no image is common to them."""
        if self.common is None:
            return self.own
        return {} if isinstance(self.common, Missing) else self.common


def to_json(measured: Measured, by: str | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The results of the JSON document, one a label set and model; and what stands beside them."""
    beside = {} if measured.orders is None else orders_to_json(measured.orders)
    if measured.excluded is not None:
        beside["excluded"] = {**measured.excluded, "interval": "95 %, Newcombe, over images"}
    return list(_documents(measured, by)), beside


def accuracy_table(measured: Measured) -> ResultTable:
    """The accuracies of the models: on common images if there are any, otherwise each on its own."""
    return _table(measured, measured.rankings or measured.own, ranked=bool(measured.rankings))


def print_measured(call: Call, measured: Measured, by: str | None) -> None:
    """One table of models, or a row for each label set or threshold; then what the numbers mean.

    Of models on different images there are two: on the images that all have seen, and each on its own, unranked.
    """
    if isinstance(measured.common, Missing):
        say(f"no ranking: {measured.common}")
    elif measured.common is not None:
        images = next(iter(next(iter(measured.common.values())).values())).images
        say(f"on the {counted(images, 'image')} that all files contain:")
        _table(measured, measured.common, ranked=True).print()
    if measured.common is not None:
        say("each file on its own images (not a ranking: the images differ):")
    _table(measured, measured.own, ranked=measured.common is None).print()
    if measured.excluded is not None:
        _print_moved(call, measured)
    if measured.orders is not None:
        print_orders(call, _by_name(measured.own), measured.orders)
    elif len(measured.own) > 1:
        _note_cuts(call, measured.own)
    else:
        _print_rest(call, next(iter(measured.own.values())), measured.classes, by)
        if measured.reviewed:
            _print_multi_label(call, dict(measured.reviewed), measured.classes, by_class=by == "class")


def _table(measured: Measured, rankings: Mapping[Cut, Evaluations], *, ranked: bool) -> ResultTable:
    if measured.orders is not None:
        return label_sets_table(_by_name(rankings), ranked=ranked)
    if len(rankings) > 1:
        return _cuts_table(rankings, ranked=ranked)
    return _accuracies(next(iter(rankings.values())), ranked=ranked)


def _print_moved(call: Call, measured: Measured) -> None:
    """A row for each model and label set: accuracy of all images, of the rest, and how far it moves."""
    several = len(measured.own) > 1
    rows = []
    for cut, ranking in measured.own.items():
        for file, result in ranking.items():
            k, moved = next(iter(measured.moved[cut][file].items()))
            points = None if moved.difference is None else f"{100 * moved.difference:+.2f}"
            bounds = " to ".join(f"{100 * bound:+.2f}" for bound in moved.interval or ()) or None
            judge = f"at {cut:g}" if isinstance(cut, float) else str(cut)
            cells = [
                f"{result.excluded:,}",
                percent(moved.accuracy_on_all),
                percent(moved.accuracy_on_rest),
                points,
                bounds,
            ]
            rows.append([file, *([judge] if several else []), *cells])
    say("")
    numbers = ["excluded", f"top-{k} % of all", "of the rest", "change", "95 %"]
    print_table(["file", *(["labels"] if several else []), *numbers], rows, text_columns=1 + several)
    call.note("change: in points; 95 %: Newcombe intervals, over images")


def _by_name(rankings: Mapping[Cut, Evaluations]) -> dict[str, Evaluations]:
    return {str(name): ranking for name, ranking in rankings.items()}


def _documents(measured: Measured, by: str | None) -> Iterator[dict[str, Any]]:
    classes = measured.classes
    for cut, own in measured.own.items():
        rank_of = ranks_of(measured.rankings.get(cut, {}))
        for file, result in own.items():
            judged_by = "labels" if isinstance(cut, str) else "threshold"
            place = {} if cut is None else {judged_by: cut, "rank": rank_of.get(file)}
            other = measured.class_lists[file]
            document = {"file": file} | place | result.to_json() | _common_to_json(measured.common, cut, file)
            document["class_list"] = None if other is None else other.to_json(classes)
            document |= {"by_class": result.per_class.to_json(classes)} if by == "class" else {}
            if measured.excluded is not None:
                moved = measured.moved[cut][file]
                document["exclusion"] = {"real": {str(k): part.to_json() for k, part in moved.items()}}
            if file in measured.reviewed:
                part = measured.reviewed[file]
                by_class = {"by_class": part.classes_to_json(classes)} if by == "class" else {}
                document["multi_label"] = part.to_json() | by_class
            yield document


def _common_to_json(common: Mapping[Cut, Evaluations] | Missing | None, cut: Cut, file: str) -> dict[str, Any]:
    """A model on the images that all have seen; nothing where all have seen the same images."""
    if common is None:
        return {}
    if isinstance(common, Missing):
        return {"common": None, "common_reason": common.why}
    document = common[cut][file].to_json()
    return {"common": {name: part for name, part in document.items() if name in _COMMON}}


def _accuracies(ranking: Evaluations, *, ranked: bool) -> ResultTable:
    top_k = sorted({k for result in ranking.values() for k in result.real})
    judge = heading(next(iter(ranking.values())).label_set)
    headings = ["file"]
    for k in top_k:
        headings += [f"{judge} top-{k} %", "95 %"]
    headings += [f"original top-{k} %" for k in top_k]
    headings += ["soft", "recall", "scored", "not scored"]
    best = [name for name in headings if name.endswith("%") or name in ("soft", "recall")] if ranked else []
    return ResultTable(headings, [_row(file, result, top_k) for file, result in ranking.items()], best=best)


def _print_rest(call: Call, ranking: Evaluations, classes: Classes, by: str | None) -> None:
    """The results of each model broken down, and what the table's numbers mean."""
    _print_mistakes(ranking)
    for file, result in ranking.items():
        if by == "label-count":
            _print_by_label_count(file, result)
        elif by == "class":
            _print_by_class(call, file, result, classes)
    for line in shared({file: result.detected for file, result in ranking.items()}):
        call.tell(line)
    for line in shared({file: not_scored_in_words(result) for file, result in ranking.items()}):
        call.tell(line)
    for line in shared({file: label_errors_in_words(result) for file, result in ranking.items()}):
        call.tell(line)
    if others := "; ".join(_on_scored_images(ranking)):
        call.tell(f"original accuracy on the scored images: {others}")
    for line in _footnotes(ranking):
        call.note(line)


def _row(file: str, result: Evaluation, top_k: list[int]) -> list[object]:
    cells: list[object] = [file]
    for k in top_k:
        cells += [percent(result.real.get(k)), percents(result.real.get(k))]
    cells += [percent(result.original_accuracy(k)) for k in top_k]
    soft = None if result.soft is None else result.soft.accuracy
    shares = [None if share is None else Printed(f"{share:.4f}", share) for share in (soft, result.recall_at_size)]
    return [*cells, *shares, printed_count(result.scored), printed_count(result.images - result.scored)]


def _footnotes(ranking: Evaluations) -> Iterator[str]:
    """What the tables' numbers mean: the ceiling of soft accuracy, and why a column is empty."""
    yield "95 %: Wilson intervals, over images"
    if ceiling := ceiling_in_words(ranking.values()):
        yield f"soft: {ceiling}"
    if any(result.mistakes is not None and result.mistakes.not_asked for result in ranking.values()):
        yield "not asked about: raters did not judge this class, so it counts as wrong (reassess propose --unasked)"
    yield from missing_in_words(ranking)


def _on_scored_images(ranking: Evaluations) -> Iterator[str]:
    """Original accuracy on the images of ReaL accuracy, of each file of which it is another one."""
    for file, result in ranking.items():
        if result.original_scored and result.original_scored != result.original:
            shares = ", ".join(f"top-{k} {percent(part) or '-'} %" for k, part in result.original_scored.items())
            yield f"{file} {shares}"


def _print_mistakes(ranking: Evaluations) -> None:
    """Count mistakes by kind; a kind without mistakes has no column."""
    counts = {
        file: {kind: getattr(result.mistakes, kind) for kind in MISTAKES_IN_WORDS}
        for file, result in ranking.items()
        if result.mistakes is not None
    }
    kinds = [kind for kind in MISTAKES_IN_WORDS if any(of_file[kind] for of_file in counts.values())]
    if not kinds:
        return
    rows = [
        [file, f"{sum(of_file[kind] or 0 for kind in kinds):,}", *(_count(of_file[kind]) for kind in kinds)]
        for file, of_file in counts.items()
    ]
    say("")
    print_table(["file", "mistakes", *(MISTAKES_IN_WORDS[kind] for kind in kinds)], rows)


def _count(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"


def _print_by_label_count(file: str, result: Evaluation) -> None:
    say("")
    top_k = list(result.real)
    rows = []
    for size, part in result.by_label_count.items():
        counts = [Proportion(part.hits[k], part.n) for k in top_k]
        cells = [cell for count in counts for cell in (percent(count), percents(count))]
        rows.append([size, f"{part.n:,}", *cells])
    judge = heading(result.label_set)
    headings = [text for k in top_k for text in (f"{judge} top-{k} %", "95 %")]
    print_table(["valid labels", "images", *headings], rows, title=file, text_columns=0)


def _print_by_class(call: Call, file: str, result: Evaluation, classes: Classes) -> None:
    """The classes of the lowest accuracy come first; those without an image last."""
    say("")
    rows = []
    entries = result.per_class.to_json(classes, max_confusions=1)
    entries.sort(key=lambda entry: (entry["hits"] / entry["images"] if entry["images"] else 2, entry["class"]))
    for entry in entries[: call.first_rows(len(entries), _MOST_CLASSES, f"classes of {file}")]:
        instead = entry["instead"][0] if entry["instead"] else None
        most_often = None if instead is None else f"{instead['name'] or 'unknown class'} ({instead['images']})"
        accuracy = percent(Proportion(entry["hits"], entry["images"]))
        rows.append([entry["class"], entry["name"], most_often, entry["images"], accuracy, entry["predictions"]])
    headings = ["class", "name", "most often instead", "images", f"{heading(result.label_set)} top-1 %", "predicted"]
    print_table(headings, rows, title=file, text_columns=3)
    call.note(
        "predicted: images of the class whose first prediction is the class; top-1 counts other valid classes too"
    )
    call.note("most often instead: the most frequent wrong prediction for images of the class (number of images)")


def _cuts_table(rankings: Mapping[Cut, Evaluations], *, ranked: bool) -> ResultTable:
    """Top-1 accuracy and rank of each model at each threshold."""
    rows: dict[str, list[object]] = {}
    for ranking in rankings.values():
        rank_of = ranks_of(ranking)
        for file, result in ranking.items():
            first = next(iter(result.real.values()))
            rows.setdefault(file, []).extend([percent(first), *([rank_of[file]] if ranked else [])])
    headings = [text for cut in rankings for text in (f"at {cut:g}, %", *(["rank"] if ranked else []))]
    best = [name for name in headings if name != "rank"] if ranked else []
    return ResultTable(["file", *headings], [[file, *cells] for file, cells in rows.items()], best=best)


def _note_cuts(call: Call, rankings: Mapping[Cut, Evaluations]) -> None:
    for cut, ranking in rankings.items():
        result = next(iter(ranking.values()))
        labelled = counted(result.scorable, "image")
        call.tell(f"at {cut:g}: {labelled} with a label, {result.empty:,} without")


def _print_multi_label(
    call: Call, reviewed: dict[str, MultiLabelAccuracy], classes: Classes, *, by_class: bool
) -> None:
    """Print each model's multi-label accuracy, by file and, if asked, by class, and what it means."""
    counts = ["valid", "unclear", "wrong", "unreviewed"]
    headings = ["multi-label", *counts, "strict %", "95 %", "over classes %", "lenient %", "95 %", "over classes %"]
    print_table(headings, [_multi_label_row(file, part, counts) for file, part in reviewed.items()])
    for file, part in reviewed.items():
        if by_class and part.counts_by_class is not None:
            _print_multi_label_classes(file, part, classes)
    for line in shared({file: _multi_label_not_scored(part) for file, part in reviewed.items()}):
        call.tell(line)
    for line in _multi_label_footnotes(reviewed):
        call.note(line)


def _multi_label_row(file: str, part: MultiLabelAccuracy, counts: list[str]) -> list[str | None]:
    cells: list[str | None] = [file, *(f"{getattr(part, f'n_{name}'):,}" for name in counts)]
    for of_images, of_classes in (
        (part.accuracy, part.mean_class_accuracy),
        (part.lenient_accuracy, part.mean_class_lenient_accuracy),
    ):
        cells += [percent(of_images), percents(of_images), percent(of_classes)]
    return cells


def _print_multi_label_classes(file: str, part: MultiLabelAccuracy, classes: Classes) -> None:
    rows = [
        [
            *(entry[name] for name in ("class", "name", "images", "valid", "unclear")),
            percent(entry["unclear_excluded"]),
            percent(entry["unclear_is_correct"]),
        ]
        for entry in part.classes_to_json(classes)
    ]
    headings = ["original label", "name", "images", "valid", "unclear", "strict %", "lenient %"]
    print_table(headings, rows, title=file, text_columns=2)


def _multi_label_not_scored(part: MultiLabelAccuracy) -> str:
    counts = (
        f"{part.n_problematic:,} problematic, {part.n_empty:,} without a valid class, {part.n_unknown:,} not reviewed"
    )
    images = counted(part.n_problematic + part.n_empty + part.n_unknown, "image")
    return f"multi-label: {images} not scored ({counts})"


def _multi_label_footnotes(reviewed: dict[str, MultiLabelAccuracy]) -> Iterator[str]:
    yield "strict: without images whose first class is unclear; lenient: unclear is correct; unreviewed is wrong"
    for reason in dict.fromkeys(part.missing_reason for part in reviewed.values() if part.missing_reason is not None):
        yield f"no mean over classes: {reason}"
