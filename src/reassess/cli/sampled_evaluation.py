"""`evaluate --sample` and `compare --sample`: read a sample, and evaluate models with the labels of its images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun
from reassess.cli.evaluation_inputs import EvaluationInputs
from reassess.cli.part_inputs import NO_SOURCE
from reassess.cli.prediction_inputs import iter_predictions
from reassess.comparison import SampleFindings
from reassess.core import Benchmark, LabelSets, Questions, Tasks
from reassess.data import to_benchmark_names
from reassess.formats import read_tasks
from reassess.formats.files import exists
from reassess.formats.question_columns import questions_from_table
from reassess.formats.tables import find_column, read_table


def add_sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --sample and --anytime."""
    options = (
        click.option(
            "--sample",
            metavar="TASKS",
            help="Estimate results for all images from the labels of the images in TASKS, which `reassess sample` "
            "drew; none: use the labels without an estimate.  [default: the benchmark's]",
        ),
        click.option(
            "--anytime",
            is_flag=True,
            help="With --sample: intervals that hold if you look after each answer, and stop when you like.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def find_sample(
    benchmark: Benchmark | None, sample: str | None, anytime: bool, other_options: Mapping[str, object]
) -> Path | None:
    """Return the file of a sample; raise a usage error if other options do not fit."""
    default = None if benchmark is None else benchmark.sources.get("sample")
    source = default if sample is None else sample
    if source is None or source == NO_SOURCE:
        if anytime:
            raise click.UsageError("--anytime needs --sample.")
        return None
    for name, value in other_options.items():
        if value:
            of_benchmark = f" of the benchmark ({source}): give --sample none too" if sample is None else ""
            raise click.UsageError(f"{name} cannot be used with --sample{of_benchmark}.")
    path: Path = INPUT_PATH_TYPE.convert(source, None, click.get_current_context())
    return path


def find_scores_of_answers(benchmark: Benchmark | None, scores: str | None) -> str | None:
    """Return the source of scores that tell which questions are answered: not ImageNet's, unless given."""
    return NO_SOURCE if scores is None and (benchmark is None or benchmark.folder is None) else scores


def evaluate_with_sample(
    run: CommandRun, files: Sequence[Path], inputs: EvaluationInputs, sample: Path, *, is_anytime: bool
) -> SampleFindings:
    """Read a sample and the models that it was drawn with, and evaluate the models."""
    tasks = _read_sample_tasks(run, sample, inputs)
    states = _read_question_states(run, inputs)
    findings = SampleFindings.from_predictions(
        iter_predictions(run, files, inputs),
        inputs.labels if states is None else _add_skipped_images(inputs.labels, states.skipped_images),
        tasks,
        original=inputs.original,
        groups=inputs.benchmark.find_class_groups(inputs.labels.classes) or inputs.benchmark.default_groups,
        scores=inputs.scores,
        open_questions=None if states is None else states.open_questions,
        is_anytime=is_anytime,
        **inputs.make_image_matching_arguments(run),
    )
    if not is_anytime and len(findings.answered.images) < len(findings.answered.drawn):
        run.add_note("if you stopped because of results that you have seen, use --anytime")
    return findings


class _QuestionStates(NamedTuple):
    """The state of the questions in an exported campaign."""

    open_questions: Questions
    skipped_images: list[str]  # by all raters


def _read_question_states(run: CommandRun, inputs: EvaluationInputs) -> _QuestionStates | None:
    """Read the states of questions in the benchmark's folder; None if there are none."""
    from reassess.annotation.export_folder import QUESTION_STATES_FILE, STATE_TEXTS

    folder = inputs.benchmark.folder
    if folder is None or not exists(folder / QUESTION_STATES_FILE):
        return None
    path = run.add_input("question states", folder / QUESTION_STATES_FILE)
    table = read_table(path, requires_rows=False)
    state = find_column(path, table, "state")
    is_open, is_skipped = (table.filter(table[state] == text) for text in (STATE_TEXTS[None], STATE_TEXTS["skipped"]))
    return _QuestionStates(
        questions_from_table(path, is_open, inputs.labels.classes),
        is_skipped[find_column(path, table, "image")].cast(str).unique(maintain_order=True).to_list(),
    )


def _add_skipped_images(labels: LabelSets, images: Sequence[str]) -> LabelSets:
    """Add an empty label set for each image that has none."""
    new = [image for image, row in zip(images, labels.find(images).tolist(), strict=True) if row < 0]
    return LabelSets.from_pairs(
        [*labels.images, *new], labels.image_ids, labels.indices, labels.classes, name=labels.name
    )


def _read_sample_tasks(run: CommandRun, path: Path, inputs: EvaluationInputs) -> Tasks:
    """Read the tasks of a sample, with the benchmark's image names."""
    tasks = read_tasks(run.add_input("sample", path), inputs.labels.classes)
    questions, sample, benchmark = tasks.questions, tasks.sample, inputs.benchmark
    return replace(
        tasks,
        questions=questions.with_images(to_benchmark_names(questions.images, benchmark)),
        sample=None if sample is None else sample.with_images(to_benchmark_names(sample.images, benchmark)),
    )
