"""`reassess propose --unasked`: read the inputs, and write the predicted classes not asked about."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reassess.cli.command_run import (
    CommandRun,
    find_unused_path,
    make_benchmark_arguments,
)
from reassess.cli.evaluation_inputs import (
    EvaluationInputs,
    load_evaluation_inputs,
    suggest_other_benchmark_in_errors,
)
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.tables.propose_table import (
    candidates_not_asked_to_json,
    print_unasked_classes,
)
from reassess.core import IMAGENET, Benchmark, Predictions
from reassess.data import find_part_path
from reassess.errors import DataError, add_error_place
from reassess.evaluation import Outcomes, find_class_list
from reassess.evaluation.evaluation_words import warn_if_other_class_list
from reassess.evaluation.outcomes import UNKNOWN
from reassess.formats import write_candidates
from reassess.proposals import unasked_candidates


def write_unasked_classes(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path,
    top_k: int,
    limit: int | None,
    benchmark: Benchmark | None,
    original: str | None,
) -> None:
    """Write predicted classes that are not labels and that raters were not asked about."""
    inputs = _load_inputs_for_unasked_classes(run, benchmark, original)
    unknown_image_counts: dict[str, int] = {}
    unasked = unasked_candidates(
        _iter_outcomes_and_count_unknown(run, files, inputs, unknown_image_counts),
        inputs.labels,
        inputs.scores,
        top_k=top_k,
    )
    write_candidates(output, unasked, limit=limit, force=run.force)
    if len(unasked):
        run.suggest_command(
            "tasks", output, *make_benchmark_arguments(inputs.benchmark), "-o", find_unused_path("tasks.jsonl")
        )
    if run.json:
        run.print_json("propose", candidates_not_asked_to_json(unasked, output, top_k, limit, unknown_image_counts))
        return
    print_unasked_classes(run, unasked, output, limit, unknown_image_counts)
    if inputs.class_names_note and len(unasked):
        run.add_note(inputs.class_names_note)
    run.print_inputs("labels", "original", "scores")


def _load_inputs_for_unasked_classes(
    run: CommandRun, benchmark: Benchmark | None, original: str | None
) -> EvaluationInputs:
    """Read the labels, if available, and the scores, which tell which classes raters were asked about."""
    inputs = load_evaluation_inputs(run, benchmark, None, original, needs_labels=False)
    if inputs.scores is None and (len(inputs.labels) or "votes" in inputs.benchmark.sources):
        with suggest_other_benchmark_in_errors(inputs.is_imagenet_by_default):
            raise DataError(
                "missing-scores",
                "scores are missing, so it is unknown which classes raters were asked about",
                fix=_describe_how_to_get_scores(inputs.benchmark),
            )
    if not (inputs.labels.images or inputs.benchmark.images or inputs.original):
        find_part_path(inputs.benchmark, "images", needed_by="propose")
    return inputs


def _describe_how_to_get_scores(benchmark: Benchmark) -> str:
    """Tell how to get the scores of a benchmark: which command to run, or which file to write."""
    folder = benchmark.folder
    if folder is None:
        return f"reassess fetch {IMAGENET.sources['scores']}"
    if "votes" in benchmark.sources:
        return shlex.join(["reassess", "aggregate", "--benchmark", str(folder), "-o", str(folder / "scores.csv")])
    return f"write {folder / 'scores.csv'}, with the columns image, class and score"


def _iter_outcomes_and_count_unknown(
    run: CommandRun, files: tuple[Path, ...], inputs: EvaluationInputs, unknown_image_counts: dict[str, int]
) -> Iterator[tuple[str, Predictions, Outcomes]]:
    """Yield each file with its predictions and outcomes; add its unknown images to the counts."""
    matching_arguments = inputs.make_image_matching_arguments(run)
    for file, predictions in iter_predictions(run, files, inputs):
        with add_error_place(file):
            outcomes = inputs.compute_outcomes(
                predictions, inputs.labels, allow_other_class_list=True, name=file, **matching_arguments
            )
        class_list = find_class_list(outcomes, inputs.labels, inputs.original)
        warn_if_other_class_list(file, class_list, inputs.labels.classes, stacklevel=2)
        unknown_image_counts[file] = int(np.count_nonzero(outcomes.states == UNKNOWN))
        yield file, predictions, outcomes
