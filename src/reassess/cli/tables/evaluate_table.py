"""The output of `reassess evaluate`: tables, notes and JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import ResultTable, print_table, print_text
from reassess.cli.tables.labels_table import make_label_sets_table, orders_to_json, print_orders
from reassess.cli.tables.multi_label_table import print_multi_label_accuracy
from reassess.comparison import ModelOrders
from reassess.core import Classes, FreeText
from reassess.errors import MissingResult
from reassess.evaluation import Evaluation, ExclusionEffect, FoundClassList, MultiLabelAccuracy, ranks_by_model
from reassess.evaluation.evaluation_words import MISTAKE_NAMES, describe_missing_results, shorten_label_set_name
from reassess.evaluation.result import (
    describe_images_not_scored,
    describe_mistakes_by_original,
    describe_soft_accuracy_ceiling,
)
from reassess.formats.result_files import PrintedNumbers, format_count
from reassess.numeric import Proportion
from reassess.text import count_noun, group_files_with_same_text

_MAX_PRINTED_CLASSES = 20

EvaluationsByFile = dict[str, Evaluation]
LabelSetKey = float | str | None  # threshold or name of a label set; None for a single label set
# Fields of the JSON object for the common images.
_COMMON_IMAGE_FIELDS = ("images", "scored", "not_scored", "real", "original", "original_reason", "original_scored")


@dataclass(frozen=True, eq=False)
class EvaluationResults:
    """The results of all models. For each label set, the model with the highest accuracy comes first."""

    evaluations: Mapping[LabelSetKey, EvaluationsByFile]  # of each model on its own images
    # On common images; None if all are common.
    common_evaluations: Mapping[LabelSetKey, EvaluationsByFile] | MissingResult | None
    class_lists: Mapping[str, FoundClassList | None]  # class list of each model's ids, if it differs from the labels'
    free_texts: Mapping[str, FreeText | None]  # how classes were found in the texts of each model that wrote texts
    # Of each model, if label sets have more than valid classes.
    multi_label_accuracies: Mapping[str, MultiLabelAccuracy]
    model_orders: ModelOrders | MissingResult | None  # model orders by several label sets; None for one label set
    classes: Classes  # of the labels
    excluded_images: Mapping[str, Any] | None = None  # the images that --duplicates excludes, as in JSON documents
    # Effect of the exclusion on accuracy, by label set, model and k.
    exclusion_effects: Mapping[LabelSetKey, Mapping[str, Mapping[int, ExclusionEffect]]] = field(default_factory=dict)

    @property
    def ranked_evaluations(self) -> Mapping[LabelSetKey, EvaluationsByFile]:
        """The evaluations that rank the models; empty if the models have no common images."""
        if self.common_evaluations is None:
            return self.evaluations
        return {} if isinstance(self.common_evaluations, MissingResult) else self.common_evaluations


def evaluations_to_json(results: EvaluationResults, breakdown: str | None) -> list[dict[str, Any]]:
    """Return an evaluation for JSON for each label set and model."""
    return list(_iter_json_results(results, breakdown))


def comparisons_to_json(results: EvaluationResults) -> dict[str, Any]:
    """Return results that compare label sets, for JSON: the order of the models, and the excluded images."""
    comparisons = {} if results.model_orders is None else orders_to_json(results.model_orders)
    if results.excluded_images is not None:
        comparisons["excluded"] = {**results.excluded_images, "interval": "95 %, Newcombe, over images"}
    return comparisons


def make_accuracy_table(results: EvaluationResults) -> ResultTable:
    """Return a table of accuracies, on common images or, without common images, on each model's images."""
    ranked = results.ranked_evaluations
    return _make_table_by_label_set(results, ranked or results.evaluations, has_ranks=bool(ranked))


def print_evaluations(run: CommandRun, results: EvaluationResults, breakdown: str | None) -> None:
    """Print the accuracy of each model with each label set, then explain the numbers.

    If the models have different images, the first table ranks them on their common images, and the second table
    evaluates each model on its own images.
    """
    if isinstance(results.common_evaluations, MissingResult):
        print_text(f"no ranking: {results.common_evaluations}")
    elif results.common_evaluations is not None:
        images = next(iter(next(iter(results.common_evaluations.values())).values())).n_images
        print_text(f"on the {count_noun(images, 'image')} that all files contain:")
        _make_table_by_label_set(results, results.common_evaluations, has_ranks=True).print()
    if results.common_evaluations is not None:
        print_text("each file on its own images (not a ranking: the images differ):")
    _make_table_by_label_set(results, results.evaluations, has_ranks=results.common_evaluations is None).print()
    if results.excluded_images is not None:
        _print_exclusions(run, results)
    if results.model_orders is not None:
        print_orders(run, _convert_keys_to_text(results.evaluations), results.model_orders)
    elif len(results.evaluations) > 1:
        _print_labelled_image_counts(run, results.evaluations)
    else:
        _print_details(run, next(iter(results.evaluations.values())), results.classes, breakdown)
        if results.multi_label_accuracies:
            print_multi_label_accuracy(
                run, dict(results.multi_label_accuracies), results.classes, by_class=breakdown == "class"
            )


def _make_table_by_label_set(
    results: EvaluationResults, evaluations_by_set: Mapping[LabelSetKey, EvaluationsByFile], *, has_ranks: bool
) -> ResultTable:
    if results.model_orders is not None:
        return make_label_sets_table(_convert_keys_to_text(evaluations_by_set), has_ranks=has_ranks)
    if len(evaluations_by_set) > 1:
        return _make_threshold_table(evaluations_by_set, has_ranks=has_ranks)
    return _make_single_label_set_table(next(iter(evaluations_by_set.values())), has_ranks=has_ranks)


def _print_exclusions(run: CommandRun, results: EvaluationResults) -> None:
    """Print accuracy with and without excluded images, for each model and label set."""
    has_several_label_sets = len(results.evaluations) > 1
    rows = []
    for key, evaluations in results.evaluations.items():
        for file, result in evaluations.items():
            k, effects = next(iter(results.exclusion_effects[key][file].items()))
            points = None if effects.difference is None else f"{100 * effects.difference:+.2f}"
            bounds = " to ".join(f"{100 * bound:+.2f}" for bound in effects.interval or ()) or None
            labels_name = f"at {key:g}" if isinstance(key, float) else str(key)
            cells = [
                f"{result.n_excluded:,}",
                format_percent_cell(effects.accuracy_on_all),
                format_percent_cell(effects.accuracy_without_excluded),
                points,
                bounds,
            ]
            rows.append([file, *([labels_name] if has_several_label_sets else []), *cells])
    print_text("")
    numbers = ["excluded", f"top-{k} %, all images", "without excluded", "change", "95 %"]
    print_table(
        ["file", *(["labels"] if has_several_label_sets else []), *numbers],
        rows,
        n_text_columns=1 + has_several_label_sets,
    )
    run.add_note("change: in percentage points; 95 %: Newcombe intervals, with the images as a random sample")


def _convert_keys_to_text(evaluations_by_set: Mapping[LabelSetKey, EvaluationsByFile]) -> dict[str, EvaluationsByFile]:
    return {str(name): evaluations for name, evaluations in evaluations_by_set.items()}


def _iter_json_results(results: EvaluationResults, breakdown: str | None) -> Iterator[dict[str, Any]]:
    classes = results.classes
    for key, evaluations in results.evaluations.items():
        rank_of = ranks_by_model(results.ranked_evaluations.get(key, {}))
        for file, result in evaluations.items():
            key_name = "labels" if isinstance(key, str) else "threshold"
            key_fields = {} if key is None else {key_name: key, "rank": rank_of.get(file)}
            class_list, free_text = results.class_lists[file], results.free_texts[file]
            document = (
                {"file": file}
                | key_fields
                | result.to_json()
                | _common_results_to_json(results.common_evaluations, key, file)
            )
            document["class_list"] = None if class_list is None else class_list.to_json(classes)
            document |= {} if free_text is None else {"free_text": free_text.to_json()}
            document |= {"by_class": result.per_class.to_json(classes)} if breakdown == "class" else {}
            if results.excluded_images is not None:
                effects = results.exclusion_effects[key][file]
                document["exclusion"] = {"real": {str(k): effect.to_json() for k, effect in effects.items()}}
            if file in results.multi_label_accuracies:
                accuracy = results.multi_label_accuracies[file]
                by_class = {"by_class": accuracy.classes_to_json(classes)} if breakdown == "class" else {}
                document["multi_label"] = accuracy.to_json() | by_class
            yield document


def _common_results_to_json(
    common_evaluations: Mapping[LabelSetKey, EvaluationsByFile] | MissingResult | None, key: LabelSetKey, file: str
) -> dict[str, Any]:
    """Return a model's results on the common images, or nothing if all models have the same images."""
    if common_evaluations is None:
        return {}
    if isinstance(common_evaluations, MissingResult):
        return {"common": None, "common_reason": common_evaluations.reason}
    document = common_evaluations[key][file].to_json()
    return {"common": {name: value for name, value in document.items() if name in _COMMON_IMAGE_FIELDS}}


def _make_single_label_set_table(evaluations: EvaluationsByFile, *, has_ranks: bool) -> ResultTable:
    top_k = sorted({k for result in evaluations.values() for k in result.real_accuracy})
    labels_heading = shorten_label_set_name(next(iter(evaluations.values())).label_set)
    headings = ["file"]
    for k in top_k:
        headings += [f"{labels_heading} top-{k} %", "95 %"]
    headings += [f"original top-{k} %" for k in top_k]
    headings += ["soft", "recall", "scored", "not scored"]
    best = [name for name in headings if name.endswith("%") or name in ("soft", "recall")] if has_ranks else []
    return ResultTable(
        headings, [_make_accuracy_row(file, result, top_k) for file, result in evaluations.items()], best_columns=best
    )


def _print_details(run: CommandRun, evaluations: EvaluationsByFile, classes: Classes, breakdown: str | None) -> None:
    """Print mistakes, accuracy by class or label count, and how files were read."""
    _print_mistakes(evaluations)
    for file, result in evaluations.items():
        if breakdown == "label-count":
            _print_accuracy_by_label_count(file, result)
        elif breakdown == "class":
            _print_accuracy_by_class(run, file, result, classes)
    for line in group_files_with_same_text({file: result.detected_input for file, result in evaluations.items()}):
        run.print_line(line)
    for line in group_files_with_same_text(
        {file: describe_images_not_scored(result) for file, result in evaluations.items()}
    ):
        run.print_line(line)
    for line in group_files_with_same_text(
        {file: describe_mistakes_by_original(result) for file, result in evaluations.items()}
    ):
        run.print_line(line)
    if accuracies := "; ".join(_describe_accuracies_on_scored_images(evaluations)):
        run.print_line(f"original accuracy on the scored images: {accuracies}")
    for line in _make_footnotes(evaluations):
        run.add_note(line)


def _make_accuracy_row(file: str, result: Evaluation, top_k: list[int]) -> list[object]:
    cells: list[object] = [file]
    for k in top_k:
        cells += [format_percent_cell(result.real_accuracy.get(k)), format_interval_cell(result.real_accuracy.get(k))]
    cells += [format_percent_cell(result.original_accuracy_at(k)) for k in top_k]
    soft = None if result.soft_accuracy is None else result.soft_accuracy.accuracy
    shares = [
        None if share is None else PrintedNumbers(f"{share:.4f}", share) for share in (soft, result.recall_at_size)
    ]
    return [*cells, *shares, format_count(result.n_scored), format_count(result.n_images - result.n_scored)]


def _make_footnotes(evaluations: EvaluationsByFile) -> Iterator[str]:
    """Explain the numbers, the highest possible soft accuracy, and empty columns."""
    yield "95 %: Wilson intervals, with the images as a random sample"
    if ceiling := describe_soft_accuracy_ceiling(evaluations.values()):
        yield f"soft: {ceiling}"
    if any(result.mistakes is not None and result.mistakes.n_not_asked for result in evaluations.values()):
        yield (
            "not asked about: raters were not asked about the predicted class, so it counts as wrong (`reassess "
            "propose --unasked`)"
        )
    yield from describe_missing_results(evaluations)


def _describe_accuracies_on_scored_images(evaluations: EvaluationsByFile) -> Iterator[str]:
    """Yield the original accuracy on scored images, if it differs from the accuracy on all images."""
    for file, result in evaluations.items():
        if result.original_accuracy_on_scored and result.original_accuracy_on_scored != result.original_accuracy:
            shares = ", ".join(
                f"top-{k} {format_percent_cell(accuracy) or '-'} %"
                for k, accuracy in result.original_accuracy_on_scored.items()
            )
            yield f"{file} {shares}"


def _print_mistakes(evaluations: EvaluationsByFile) -> None:
    """Print the number of mistakes by kind. A kind without mistakes has no column."""
    counts = {
        file: result.mistakes.n_images_by_kind for file, result in evaluations.items() if result.mistakes is not None
    }
    kinds = [kind for kind in MISTAKE_NAMES if any(counts_of_file[kind] for counts_of_file in counts.values())]
    if not kinds:
        return
    rows = [
        [
            file,
            f"{sum(counts_of_file[kind] or 0 for kind in kinds):,}",
            *(_format_count(counts_of_file[kind]) for kind in kinds),
        ]
        for file, counts_of_file in counts.items()
    ]
    print_text("")
    print_table(["file", "mistakes", *(MISTAKE_NAMES[kind] for kind in kinds)], rows)


def _format_count(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"


def _print_accuracy_by_label_count(file: str, result: Evaluation) -> None:
    print_text("")
    top_k = list(result.real_accuracy)
    rows = []
    for size, size_result in result.by_label_count.items():
        counts = [Proportion(size_result.hits_by_k[k], size_result.n_images) for k in top_k]
        cells = [cell for count in counts for cell in (format_percent_cell(count), format_interval_cell(count))]
        rows.append([size, f"{size_result.n_images:,}", *cells])
    labels_heading = shorten_label_set_name(result.label_set)
    headings = [text for k in top_k for text in (f"{labels_heading} top-{k} %", "95 %")]
    print_table(["valid labels", "images", *headings], rows, title=file, n_text_columns=0)


def _print_accuracy_by_class(run: CommandRun, file: str, result: Evaluation, classes: Classes) -> None:
    """Print the accuracy by class: the lowest accuracy first, and classes without images last."""
    print_text("")
    rows = []
    entries = result.per_class.to_json(classes, max_confusions=1)
    entries.sort(key=lambda entry: (entry["hits"] / entry["images"] if entry["images"] else 2, entry["class"]))
    for entry in entries[: run.limit_printed_rows(len(entries), _MAX_PRINTED_CLASSES, f"classes of {file}")]:
        instead = entry["instead"][0] if entry["instead"] else None
        most_often = None if instead is None else f"{instead['name'] or 'unknown class'} ({instead['images']})"
        accuracy = format_percent_cell(Proportion(entry["hits"], entry["images"]))
        rows.append([entry["class"], entry["name"], most_often, entry["images"], accuracy, entry["predictions"]])
    headings = [
        "class",
        "name",
        "most often instead",
        "images",
        f"{shorten_label_set_name(result.label_set)} top-1 %",
        "predicted",
    ]
    print_table(headings, rows, title=file, n_text_columns=3)
    run.add_note(
        "on images where the class is valid: predicted is the number whose first prediction is this class; top-1 is "
        "the share whose first prediction is any valid class"
    )
    run.add_note("most often instead: the most frequent wrong prediction for images of the class (number of images)")


def _make_threshold_table(
    evaluations_by_set: Mapping[LabelSetKey, EvaluationsByFile], *, has_ranks: bool
) -> ResultTable:
    """Return a table of the top-1 accuracy and the rank of each model at each threshold."""
    rows: dict[str, list[object]] = {}
    for evaluations in evaluations_by_set.values():
        rank_of = ranks_by_model(evaluations)
        for file, result in evaluations.items():
            first_accuracy = next(iter(result.real_accuracy.values()))
            rows.setdefault(file, []).extend(
                [format_percent_cell(first_accuracy), *([rank_of[file]] if has_ranks else [])]
            )
    headings = [text for key in evaluations_by_set for text in (f"at {key:g}, %", *(["rank"] if has_ranks else []))]
    best = [name for name in headings if name != "rank"] if has_ranks else []
    return ResultTable(["file", *headings], [[file, *cells] for file, cells in rows.items()], best_columns=best)


def _print_labelled_image_counts(run: CommandRun, evaluations_by_set: Mapping[LabelSetKey, EvaluationsByFile]) -> None:
    for key, evaluations in evaluations_by_set.items():
        result = next(iter(evaluations.values()))
        labelled = count_noun(result.n_scorable, "image")
        run.print_line(f"at {key:g}: {labelled} with a label, {result.n_empty:,} without")
