"""`evaluate --sample` and `compare --sample`: read a sample, and evaluate models with the labels of its images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun
from reassess.cli.evaluation_inputs import EvaluationInputs
from reassess.cli.part_inputs import NO_SOURCE
from reassess.cli.prediction_inputs import iter_predictions
from reassess.comparison import SampleFindings
from reassess.core import Benchmark, Tasks
from reassess.data import to_benchmark_names
from reassess.errors import DataError
from reassess.formats import read_tasks
from reassess.formats.files import sha256


def add_sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --sample and --anytime."""
    options = (
        click.option(
            "--sample",
            metavar="TASKS",
            help="Estimate results for all images from labels of the images in TASKS, which reassess sample drew; none: "
            "use the labels without an estimate.  [default: the benchmark's]",
        ),
        click.option(
            "--anytime",
            is_flag=True,
            help="With --sample: intervals that stay valid if you look after each answer, and stop when you like.",
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
    for file in files:
        _check_sample_is_of_file(tasks, sample, file)
    return SampleFindings.from_predictions(
        iter_predictions(run, files, inputs),
        inputs.labels,
        tasks,
        original=inputs.original,
        scores=inputs.scores,
        is_anytime=is_anytime,
        **inputs.make_image_matching_arguments(run),
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


def _check_sample_is_of_file(tasks: Tasks, sample: Path, file: Path) -> None:
    """Raise if a sample was drawn with other predictions."""
    known = () if tasks.sample is None else tasks.sample.input_hashes
    if tasks.sample is not None and sha256(file) not in known:
        raise DataError(
            "sample-other-predictions",
            "the sample was drawn with other predictions",
            where=sample,
            allowed=f"files with sha256 {', '.join(text[:12] for text in known)}",
            found=f"{file} (sha256 {sha256(file)[:12]})",
            fix="use the files that the sample was drawn with, or draw a new sample",
        )
