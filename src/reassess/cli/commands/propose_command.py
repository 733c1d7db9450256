"""`reassess propose`: choose candidate classes to ask about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from reassess.aggregation import golden_truth
from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    OUTPUT_PATH_TYPE,
    CommandRun,
    FiniteRange,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    reject_repeated_files,
)
from reassess.cli.evaluation_inputs import (
    EvaluationInputs,
    load_original_of_benchmark_or_imagenet,
)
from reassess.cli.help_pages import Command, benchmark_section_option
from reassess.cli.options import (
    ParsedType,
    add_image_matching_options,
    add_prediction_options,
    benchmark_option,
    output_option,
    part_option,
)
from reassess.cli.part_inputs import NO_SOURCE
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.tables.propose_table import (
    format_rounded_down,
    print_candidate_count,
    print_model_choice,
    print_proposal,
    write_model_subsets,
)
from reassess.cli.unasked_classes import write_unasked_classes
from reassess.core import Benchmark, Candidates, ModelChoice, Predictions, ProposalResult
from reassess.errors import DataError
from reassess.formats import write_candidates
from reassess.formats.files import atomic_writes
from reassess.formats.result_files import short_model_names
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals import DEFAULT_PER_IMAGE, choose_models
from reassess.proposals import propose as propose_classes
from reassess.report import save_model_choice_figure
from reassess.report.figures import FIGURE_SUFFIXES

_RECALL_PREFIX = "recall="


def _parse_recall(text: str) -> float:
    try:
        recall = float(text.removeprefix(_RECALL_PREFIX))
    except ValueError:
        recall = -1.0
    if not text.startswith(_RECALL_PREFIX) or not 0 < recall <= 1:
        raise DataError("wrong-syntax", "not a recall", allowed="recall=R, with R above 0 and at most 1")
    return recall


@dataclass
class _PredictionsByModel:
    """The short name and the predictions of each model. Each loop reads the files again."""

    run: CommandRun
    files: tuple[Path, ...]
    inputs: EvaluationInputs
    detected_formats: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Predictions]]:
        names = short_model_names([str(file) for file in self.files]).values()
        predictions_by_file = iter_predictions(self.run, self.files, self.inputs)
        for name, (_, predictions) in zip(names, predictions_by_file, strict=True):
            self.detected_formats[name] = predictions.detected_format
            yield name, predictions


@click.command(
    cls=Command,
    examples=[
        "reassess propose a.csv b.csv --benchmark pets --choose recall=0.5 --golden experts.csv",
        "reassess propose a.csv b.csv --benchmark pets --unasked -o unasked.jsonl",
    ],
    docs="docs/proposals.md",
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="FILE...")
@output_option(
    "CANDIDATES",
    "Write the candidates: csv, tsv, jsonl or parquet. With --choose: only the candidates of the chosen models.",
    required=False,
)
@click.option(
    "--per-image",
    "candidates_per_image",
    type=FiniteRange(1),
    default=DEFAULT_PER_IMAGE,
    show_default=True,
    metavar="N",
    help="Upper limit for the mean number of candidates, over the images that raters will see.",
)
@click.option(
    "--choose",
    "recall",
    type=ParsedType("recall=R", _parse_recall),
    metavar="recall=R",
    help="Choose models that have few candidates together, and whose recall is at least R with 90 % confidence. Recall "
    "is the share of valid golden questions that are candidates.",
)
@click.option(
    "--details",
    type=OUTPUT_PATH_TYPE,
    metavar="TABLE|FIGURE",
    help="With --choose, write recall and number of candidates of the best subsets of models, as a table or a figure.",
)
@click.option(
    "--unasked", "lists_unasked", is_flag=True, help="List predicted classes that raters were not asked about."
)
@click.option(
    "--top-k",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="With --unasked, use the K best classes of each model.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="With --unasked, write only N candidates.  [default: all]"
)
@benchmark_option
@part_option("original", "Original labels", default_applies_when="without --benchmark")
@benchmark_section_option(
    "--golden", metavar="NAME|FILE", help="Experts' answers, for --choose.  [default: the benchmark's]"
)
@add_prediction_options
@add_image_matching_options
@add_common_options
def propose(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path | None,
    candidates_per_image: float,
    recall: float | None,
    details: Path | None,
    lists_unasked: bool,
    top_k: int,
    limit: int | None,
    benchmark: Benchmark | None,
    original: str | None,
    golden: str | None,
) -> None:
    """Choose candidate classes to ask about.

    Each FILE contains one model's predictions, as for `evaluate`. Candidates are the original label, the first class of
    each model, and the N most probable (image, class) pairs of each model. N is the largest number with a mean of at
    most --per-image candidates per image. An image has no candidates if all models agree with the original label.

    --choose looks for a few models whose candidates include enough of the valid classes in the golden answers; N stays
    the same. --unasked lists classes that many models predict first; raters were asked about classes with a score.
    """
    reject_repeated_files(files)
    _check_options(run, output, lists_unasked, golden, recall, details, benchmark)
    if lists_unasked and output is not None:
        write_unasked_classes(run, files, output, top_k, limit, benchmark, original)
        return
    inputs = load_original_of_benchmark_or_imagenet(run, benchmark, original, golden, needs_golden=recall is not None)
    models = _PredictionsByModel(run, files, inputs)
    result = propose_classes(
        models,
        inputs.original,
        per_image=candidates_per_image,
        benchmark=inputs.benchmark,
        match=inputs.benchmark.match or "path",
        ignore_unknown=run.reading_options.ignore_unknown,
    )
    choice = None
    if recall is not None and inputs.experts is not None:
        choice = choose_models(result, golden_truth(inputs.experts), recall=recall)
    candidates = _find_candidates_to_write(result, choice)
    _write_outputs(run, output, candidates, details, choice)
    if output is not None and candidates is not None:
        run.suggest_command(
            "tasks", output, *make_benchmark_arguments(inputs.benchmark), "-o", find_unused_path("tasks.jsonl")
        )
    _print_candidates(run, result, choice, output, candidates, models.detected_formats)
    if choice is not None and choice.chosen is None:
        raise _make_recall_not_reached_error(choice)


def _check_options(
    run: CommandRun,
    output: Path | None,
    lists_unasked: bool,
    golden: str | None,
    recall: float | None,
    details: Path | None,
    benchmark: Benchmark | None,
) -> None:
    """Raise an error, before any work, if options or outputs are invalid."""
    if recall is None and output is None:
        raise click.UsageError("Give -o CANDIDATES, or --choose recall=R.")
    if recall is None and (golden is not None or details is not None):
        raise click.UsageError("--golden and --details need --choose.")
    if lists_unasked and recall is not None:
        raise click.UsageError("--unasked and --choose cannot be combined.")
    if golden == NO_SOURCE:
        raise click.UsageError("--choose needs golden answers, so --golden cannot be none.")
    run.check_output(output, TABLE_SUFFIXES, "candidates", benchmark=benchmark)
    run.check_output(details, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "subsets of models", benchmark=benchmark)


def _find_candidates_to_write(result: ProposalResult, model_choice: ModelChoice | None) -> Candidates | None:
    """Return the candidates of all models or, with --choose, of the chosen models; None if no models were chosen."""
    if model_choice is None:
        return result.candidates
    return None if model_choice.chosen is None else result.candidates_of_models(model_choice.chosen.models)


def _write_outputs(
    run: CommandRun,
    output: Path | None,
    candidates: Candidates | None,
    details: Path | None,
    choice: ModelChoice | None,
) -> None:
    """Write the candidates and, for --details, the recall of each subset of models that was tried.

    If --choose has found no models, there are no candidates to write.
    """
    with atomic_writes():
        if output is not None and candidates is not None:
            write_candidates(output, candidates, force=run.force)
        if details is not None and choice is not None:
            write = save_model_choice_figure if details.suffix.lower() in FIGURE_SUFFIXES else write_model_subsets
            write(details, choice, force=run.force)


def _print_candidates(
    run: CommandRun,
    result: ProposalResult,
    choice: ModelChoice | None,
    output: Path | None,
    candidates: Candidates | None,
    detected_formats: Mapping[str, str],
) -> None:
    """Print the candidates and the chosen models, as JSON or as text."""
    written = output if candidates is not None else None
    if run.json:
        results = {"output": None if written is None else str(written), **result.to_json()}
        run.print_json("propose", results | {"choice": None if choice is None else choice.to_json()})
        return
    if written is not None and candidates is not None:
        print_candidate_count(run, written, candidates)
    if choice is not None:
        print_model_choice(run, choice)
    print_proposal(run, result, detected_formats, has_source_table=choice is None)
    run.print_inputs("original", "golden")


def _make_recall_not_reached_error(choice: ModelChoice) -> DataError:
    recall = choice.recall_of_all_models
    if choice.target_recall == 1:  # a sample cannot show that nothing is missed
        advice = ""
    elif recall.value is not None and recall.value < choice.target_recall:
        advice = f", or more candidates per image: {choice.n_valid_not_candidates:,} of {recall.n:,} golden labels "
        advice += "are not candidates of any model"
    else:
        advice = f", or more golden answers: all models together name {recall.hits:,} of {recall.n:,} golden labels"
    return DataError(
        "not-reached",
        "recall is too high: judged by the golden answers, even all models together may not reach it",
        allowed=f"up to {format_rounded_down(choice.highest_target)}" if choice.highest_target else "no recall",
        found=choice.target_recall,
        fix=f"choose a lower recall{advice}",
    )
