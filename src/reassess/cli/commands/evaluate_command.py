"""`reassess evaluate`: measure models by reassessed and by original labels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    OUTPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    reject_repeated_files,
)
from reassess.cli.duplicate_inputs import ExcludedImages, load_excluded_images
from reassess.cli.evaluation_inputs import EvaluationInputs, load_evaluation_inputs, load_judged_mistakes
from reassess.cli.help_pages import Choice, Command
from reassess.cli.options import (
    add_image_matching_options,
    add_label_options,
    add_prediction_options,
    part_option,
    table_option,
)
from reassess.cli.prediction_inputs import iter_predictions, repeat_arguments_for_next_command
from reassess.cli.sampled_evaluation import (
    add_sample_options,
    evaluate_with_sample,
    find_sample,
    find_scores_of_answers,
)
from reassess.cli.tables.evaluate_table import (
    EvaluationResults,
    EvaluationsByFile,
    LabelSetKey,
    comparisons_to_json,
    evaluations_to_json,
    make_accuracy_table,
    print_evaluations,
)
from reassess.cli.tables.sample_results_table import (
    make_sampled_models_table,
    print_sampled_models,
    sample_to_json,
)
from reassess.comparison import ModelOrders, compare_orders, restrict_to_common_images
from reassess.core import Benchmark, FreeText
from reassess.errors import DataError, MissingResult, add_error_place
from reassess.evaluation import (
    ExclusionEffect,
    FoundClassList,
    Outcomes,
    describe_rated_images,
    exclusion_effects_by_k,
    find_class_list,
    multi_label_accuracy_of_outcomes,
    outcomes_table,
    sort_by_accuracy,
    summarize,
)
from reassess.evaluation.evaluation_words import warn_if_other_class_list
from reassess.formats.files import atomic_writes
from reassess.formats.result_files import RESULT_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import count_noun

_NumbersOption = tuple[float, ...] | None


def _make_number_parser(
    number_type: click.FloatRange | click.IntRange, example: str
) -> Callable[[click.Context, click.Parameter, str | None], _NumbersOption]:
    """Return an option callback that parses numbers separated by commas, and drops repeated numbers."""

    def parse_numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> _NumbersOption:
        try:
            return (
                None
                if value is None
                else tuple(dict.fromkeys(number_type(number, parameter, context) for number in value.split(",")))
            )
        except click.BadParameter as error:
            raise click.BadParameter(f"{error.message} Give numbers such as {example}.") from error

    return parse_numbers


@click.command(
    cls=Command,
    docs="docs/evaluate.md",
    examples=["reassess evaluate a.npz b.npz", "reassess evaluate a.csv --benchmark pets --by class"],
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="FILE...")
@table_option
@click.option(
    "--details", type=OUTPUT_PATH_TYPE, metavar="TABLE", help="Write a row for each image, with label errors marked."
)
@partial(add_label_options, is_repeatable=True)
@part_option("scores", "Scores")
@click.option(
    "--threshold",
    "thresholds",
    callback=_make_number_parser(click.FloatRange(0, 1), "0.5,0.8,0.95"),
    metavar="T,...",
    help="Evaluate with labels made from the scores at each threshold.",
)
@add_prediction_options
@add_image_matching_options
@click.option(
    "--top-k",
    callback=_make_number_parser(click.IntRange(1), "1,5"),
    metavar="K,...",
    help="Count hits among the top K.  [default: 1,5; with fewer than 10 classes, 1]",
)
@click.option(
    "--duplicates",
    metavar="F[:SET]",
    help="Exclude images that have duplicates in other sets. F: the table that `reassess scan` wrote. SET: the set "
    "in that table with the benchmark's images, if image names do not show which set this is.",
)
@click.option(
    "--by",
    "breakdown",
    type=Choice(["label-count", "class"]),
    help="Show the results for each group of images too: by number of valid classes, or by class.",
)
@add_sample_options
@add_common_options
def evaluate(
    run: CommandRun,
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
    breakdown: str | None,
    sample: str | None,
    anytime: bool,
) -> None:
    """Measure models by reassessed and by original labels.

    Each FILE contains the predictions of one model, as an array or a table: class ids, best first, or the scores of all
    classes. Images are joined by name. If a label set also has unclear, wrong or problematic labels, multi-label
    accuracy is measured too. A warning tells if a model's ids are from another class list. With several label sets,
    the order of the models is compared.
    """
    _check_options(run, files, labels, thresholds, details, breakdown)
    run.check_output(output, RESULT_SUFFIXES, "a table of results", benchmark=benchmark)
    refused: dict[str, object] = {"--details": details, "--threshold": thresholds, "--top-k": top_k}
    refused |= {"--duplicates": duplicates, "--by": breakdown, "More than one --labels": labels[1:]}
    sample_path = find_sample(benchmark, sample, anytime, refused)
    if sample_path is not None:
        inputs = load_evaluation_inputs(run, benchmark, labels, original, find_scores_of_answers(benchmark, scores))
        _evaluate_with_sample(run, files, inputs, sample_path, output, is_anytime=anytime)
        return
    run.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    inputs = load_evaluation_inputs(run, benchmark, labels, original, scores, thresholds)
    excluded = None if duplicates is None else load_excluded_images(run, duplicates, inputs)
    with atomic_writes():
        results, outcomes = _evaluate_models(run, files, inputs, top_k, excluded)
        if output is not None:
            make_accuracy_table(results).write(output, force=run.force)
        if details is not None:
            table = outcomes_table(
                outcomes,
                inputs.labels,
                original=inputs.original,
                scores=inputs.scores,
                experts=inputs.experts,
                multi_labels=inputs.reviewed_labels,
                judged=load_judged_mistakes(run, inputs),
            )
            write_table(details, table, force=run.force)
    next_words = (
        ["compare", *repeat_arguments_for_next_command(files)]
        if len(files) > 1
        else ["report", *repeat_arguments_for_next_command(files), "-o", find_unused_path("report.html")]
    )
    run.suggest_command(*next_words)
    if run.json:
        run.print_json("evaluate", evaluations_to_json(results, breakdown), **comparisons_to_json(results))
        return
    print_evaluations(run, results, breakdown)
    match = inputs.benchmark.match or "path"
    if len(labels) < 2 and (
        unrated := describe_rated_images(inputs.labels, inputs.original, inputs.scores, match=match)
    ):
        run.print_line(unrated)
    if excluded is not None:
        run.print_line(str(excluded))
    if output is not None:
        run.print_line(f"{output}: {count_noun(len(files), 'model')}")
    if details is not None:
        n_errors = table.filter("label_error")["image"].n_unique()  # of several models, a row each
        errors = "" if inputs.original is None else f", {count_noun(n_errors, 'label error')}"
        run.print_line(f"{details}: {count_noun(table.height, 'image' if len(files) == 1 else 'row')}{errors}")
    if inputs.class_names_note and (breakdown == "class" or details is not None):
        run.print_line(inputs.class_names_note)
    if inputs.original is None and original is None and "original" in inputs.benchmark.sources:
        run.print_line(
            "the order of rows and classes cannot be checked without original labels: "
            f"reassess fetch {inputs.benchmark.sources['original']}"
        )
    run.print_inputs("labels", "original", "scores", "golden")


def _evaluate_with_sample(
    run: CommandRun,
    files: tuple[Path, ...],
    inputs: EvaluationInputs,
    sample: Path,
    output: Path | None,
    *,
    is_anytime: bool,
) -> None:
    """Evaluate models with the labels of the images of a sample."""
    findings = evaluate_with_sample(run, files, inputs, sample, is_anytime=is_anytime)
    if output is not None:
        make_sampled_models_table(findings).write(output, force=run.force)
    if len(files) > 1 and (inputs.scores is None or inputs.benchmark.folder is not None):  # compare has no --scores
        run.suggest_command("compare", *repeat_arguments_for_next_command(files))
    if run.json:
        run.print_json("evaluate", [model.to_json() for model in findings.models], **sample_to_json(findings))
        return
    print_sampled_models(run, findings)
    if output is not None:
        run.print_line(f"{output}: {count_noun(len(files), 'model')}")
    run.print_inputs("labels", "original", "scores", "sample")


def _evaluate_models(
    run: CommandRun,
    files: tuple[Path, ...],
    inputs: EvaluationInputs,
    top_k: tuple[int, ...] | None,
    excluded: ExcludedImages | None,
) -> tuple[EvaluationResults, dict[str, Outcomes]]:
    """Evaluate each model with each label set; return the results, and outcomes for --details."""
    results: dict[LabelSetKey, EvaluationsByFile] = {key: {} for key in inputs.label_sets}
    outcomes: dict[LabelSetKey, dict[str, Outcomes]] = {key: {} for key in inputs.label_sets}
    class_lists: dict[str, FoundClassList | None] = {}
    free_texts: dict[str, FreeText | None] = {}
    effects: dict[LabelSetKey, dict[str, dict[int, ExclusionEffect]]] = {key: {} for key in inputs.label_sets}
    matching_arguments = inputs.make_image_matching_arguments(run)
    for file, predictions in iter_predictions(run, files, inputs):
        class_lists[file], free_texts[file] = None, predictions.free_text
        with add_error_place(file):
            for key, sets in inputs.label_sets.items():
                outcome = inputs.compute_outcomes(
                    predictions, sets, allow_other_class_list=True, name=file, **matching_arguments
                )
                judge = partial(summarize, labels=sets, scores=inputs.scores, experts=inputs.experts, top_k=top_k)
                remaining = outcome if excluded is None else outcome.mark_excluded(excluded.images)
                outcomes[key][file] = remaining
                results[key][file] = judge(remaining)
                if excluded is not None:
                    effects[key][file] = exclusion_effects_by_k(judge(outcome), results[key][file])
                class_lists[file] = class_lists[file] or find_class_list(outcome, sets, inputs.original)
        warn_if_other_class_list(file, class_lists[file], inputs.labels.classes, stacklevel=2)
    last = next(reversed(outcomes.values()))
    common = _rank_on_common_images(outcomes, inputs, top_k)
    reviewed = inputs.reviewed_labels
    sorted_evaluations = {key: _sort_by_rank(evaluations, common, key) for key, evaluations in results.items()}
    return EvaluationResults(
        evaluations=sorted_evaluations,
        common_evaluations=common,
        class_lists=class_lists,
        free_texts=free_texts,
        multi_label_accuracies={}
        if reviewed is None
        else {
            file: multi_label_accuracy_of_outcomes(last[file], reviewed, inputs.original)
            for file in next(reversed(sorted_evaluations.values()))
        },
        model_orders=_compare_model_orders(outcomes) if isinstance(next(iter(outcomes)), str) else None,
        classes=inputs.labels.classes,
        excluded_images=None if excluded is None else excluded.to_json(),
        exclusion_effects=effects,
    ), last


def _rank_on_common_images(
    outcomes: dict[LabelSetKey, dict[str, Outcomes]], inputs: EvaluationInputs, top_k: tuple[int, ...] | None
) -> dict[LabelSetKey, EvaluationsByFile] | MissingResult | None:
    """Rank the models on their common images; None if all models have the same images."""
    if len(next(iter(outcomes.values()))) == 1:
        return None
    rankings: dict[LabelSetKey, EvaluationsByFile] = {}
    for key, outcomes_by_model in outcomes.items():
        common = restrict_to_common_images(outcomes_by_model)
        if common is None or isinstance(common, MissingResult):
            return common
        judge = partial(
            summarize, labels=inputs.label_sets[key], scores=inputs.scores, experts=inputs.experts, top_k=top_k
        )
        rankings[key] = sort_by_accuracy({file: judge(model_outcomes) for file, model_outcomes in common.items()})
    return rankings


def _sort_by_rank(
    evaluations: EvaluationsByFile,
    common_evaluations: dict[LabelSetKey, EvaluationsByFile] | MissingResult | None,
    label_set_key: LabelSetKey,
) -> EvaluationsByFile:
    """Sort the models by their accuracy on common images, if there are common images."""
    if common_evaluations is None:
        return sort_by_accuracy(evaluations)
    return (
        evaluations
        if isinstance(common_evaluations, MissingResult)
        else {file: evaluations[file] for file in common_evaluations[label_set_key]}
    )


def _compare_model_orders(outcomes: dict[LabelSetKey, dict[str, Outcomes]]) -> ModelOrders | MissingResult:
    try:
        return compare_orders({str(name): outcomes_by_model for name, outcomes_by_model in outcomes.items()})
    except DataError as error:
        return MissingResult.from_error(error)


def _check_options(
    run: CommandRun,
    files: tuple[Path, ...],
    labels: tuple[str, ...],
    thresholds: tuple[float, ...] | None,
    details: Path | None,
    breakdown: str | None,
) -> None:
    """Raise an error if options cannot be combined."""
    reject_repeated_files(files)
    reject_repeated_files(labels)
    has_several_label_sets = len(labels) > 1
    if has_several_label_sets and thresholds is not None:
        raise click.UsageError("--threshold makes labels from one file of scores, so --labels can be given only once.")
    if has_several_label_sets and details is not None:
        raise click.UsageError("--details cannot be used with several --labels.")
    if has_several_label_sets and breakdown is not None and not run.json:
        raise click.UsageError("With several --labels, --by needs --json.")
    if len(thresholds or ()) > 1 and details is not None:
        raise click.UsageError("--details cannot be used with several thresholds.")
    if len(thresholds or ()) > 1 and breakdown is not None and not run.json:
        raise click.UsageError("With several thresholds, --by needs --json.")
