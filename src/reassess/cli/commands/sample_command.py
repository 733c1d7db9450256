"""`reassess sample`: draw images to ask about, so that few answers measure models well."""

import secrets
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    FiniteRange,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    reject_repeated_files,
)
from reassess.cli.evaluation_inputs import (
    EvaluationInputs,
    load_evaluation_inputs,
    load_original_of_benchmark_or_imagenet,
)
from reassess.cli.help_pages import Choice, Command, benchmark_section_option
from reassess.cli.options import (
    add_image_matching_options,
    add_prediction_options,
    benchmark_option,
    output_option,
    part_option,
)
from reassess.cli.sample_inputs import (
    Guesses,
    ModelPredictions,
    PilotFile,
    check_pilot_questions,
    find_answers,
    learn_from_pilot_file,
    make_guesses,
    read_candidate_questions,
    read_model_predictions,
    read_pilot_file,
)
from reassess.cli.tables.sample_table import DrawnTasks, print_sample, to_json
from reassess.core import Benchmark, Tasks
from reassess.errors import DataError
from reassess.evaluation import (
    Purpose,
    add_known_answers,
    draw_images,
    find_question_facts,
    find_sample_size,
    list_sample_questions,
    make_strata,
    name_sample,
    plan_sample,
    smallest_sample,
)
from reassess.formats import write_tasks
from reassess.formats.result_files import short_model_names
from reassess.formats.task_files import TASK_SUFFIXES
from reassess.proposals import make_tasks
from reassess.text import count_noun

_N_SEED_BITS = 63  # seeds in task files are signed 64-bit integers


@click.command(
    cls=Command,
    docs="docs/sample.md",
    examples=[
        "reassess sample a.npz b.npz --for difference --size 500 -o sample.jsonl",
        "reassess sample a.csv --benchmark pets --for accuracy --halfwidth 2 -o half.jsonl",
    ],
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="FILE...")
@output_option("TASKS", "Write the tasks: jsonl.")
@click.option(
    "--for",
    "purpose",
    type=Choice(["accuracy", "difference", "labels"]),
    required=True,
    help="What to estimate: the share of all images whose first class is valid (accuracy), differences of models in "
    "this share, or the share of wrong original labels.",
)
@click.option("--size", type=click.IntRange(1), metavar="N", help="Number of images, including the pilot.")
@click.option(
    "--halfwidth",
    "half_width_in_points",
    type=FiniteRange(0, 100, min_open=True),
    metavar="W",
    help="Choose the number of images, so that an interval of the estimate plus or minus W points is to be expected.",
)
@click.option(
    "--candidates", type=INPUT_PATH_TYPE, metavar="F", help="Ask about these candidates of the drawn images too."
)
@click.option(
    "--pilot",
    type=INPUT_PATH_TYPE,
    metavar="F",
    help="The tasks of an earlier sample whose questions are answered; --labels has the answers. They replace guesses, "
    "and the new file contains these images too.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << _N_SEED_BITS) - 1),
    metavar="S",
    help="Seed of the draw.  [default: the pilot's, or random]",
)
@benchmark_option
@benchmark_section_option(
    "--labels", metavar="NAME|FILE", help="Label sets with the answers to the pilot.  [default: the benchmark's]"
)
@part_option("original", "Original labels", default_applies_when="without --benchmark")
@benchmark_section_option(
    "--scores",
    metavar="FILE",
    help="Probabilities that classes are valid, such as scores from votes of models. They improve guesses.",
)
@add_prediction_options
@add_image_matching_options
@add_common_options
def sample(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path,
    purpose: Purpose,
    size: int | None,
    half_width_in_points: float | None,
    candidates: Path | None,
    pilot: Path | None,
    seed: int | None,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    scores: str | None,
) -> None:
    """Draw images to ask about, so that few answers measure models well.

    Each FILE contains one model's predictions for all images, as for `evaluate`. Raters are asked about each model's
    first class, the original label, and the candidates. Images where the answer is hard to guess are drawn more often:
    where a model is not confident, or differs from the original label or from other models. The file keeps the
    probability of each image, so that estimates are about all images. Tasks are in drawn order.
    """
    _check_options(files, purpose, size, half_width_in_points, pilot, labels)
    run.check_output(output, TASK_SUFFIXES, "tasks", benchmark=benchmark)
    inputs = (
        load_original_of_benchmark_or_imagenet(run, benchmark, original)
        if pilot is None
        else load_evaluation_inputs(run, benchmark, labels, original)
    )
    pilot_file = None if pilot is None else read_pilot_file(run, pilot, inputs)
    if pilot_file is not None:
        inputs = replace(inputs, label_sets={None: add_known_answers(inputs.labels, pilot_file.tasks)})
    models = read_model_predictions(run, files, inputs)
    half_width = None if half_width_in_points is None else half_width_in_points / 100
    guesses = make_guesses(run, models, inputs, scores, purpose)
    result = _draw_tasks(run, models, inputs, guesses, purpose, size, half_width, candidates, pilot_file, seed)
    write_tasks(output, result.tasks, force=run.force)
    run.suggest_command(
        "annotate", "create", find_unused_path("campaign.db"), output, *make_benchmark_arguments(benchmark)
    )
    if run.json:
        run.print_json("sample", to_json(result, output))
    else:
        print_sample(run, result, output)
        run.print_inputs("original", "labels", "scores", "candidates", "pilot")


def _check_options(
    files: tuple[Path, ...],
    purpose: Purpose,
    size: int | None,
    half_width_in_points: float | None,
    pilot: Path | None,
    labels: str | None,
) -> None:
    """Raise a usage error, before any work, if options do not fit together."""
    reject_repeated_files(files)
    if (size is None) == (half_width_in_points is None):
        raise click.UsageError("Give either --size N or --halfwidth W.")
    if purpose == "difference" and len(files) < 2:
        raise click.UsageError("--for difference needs at least two models.")
    if labels is not None and pilot is None:
        raise click.UsageError("--labels needs --pilot: it has the answers to the pilot.")


def _draw_tasks(
    run: CommandRun,
    models: ModelPredictions,
    inputs: EvaluationInputs,
    guesses: Guesses,
    purpose: Purpose,
    size: int | None,
    half_width: float | None,
    candidates: Path | None,
    pilot_file: PilotFile | None,
    seed: int | None,
) -> DrawnTasks:
    """Draw the images, and make the tasks about them."""
    panel, order = models.panel, models.order_by_hash
    strata = make_strata(
        panel.top1[order],
        guesses.of_outcomes[order],
        models.original,
        purpose=purpose,
        label_guesses=guesses.of_labels,
        is_original_listed=models.is_original_listed[order],
    )
    earlier = None
    if pilot_file is not None:
        pilot = learn_from_pilot_file(pilot_file, strata, models, inputs, purpose)
        earlier, strata = pilot.images, pilot.strata
        seed = pilot.seed if seed is None else seed
    seed = secrets.randbits(_N_SEED_BITS) if seed is None else seed
    if size is None:
        assert half_width is not None
        plan = find_sample_size(strata, half_width, earlier=earlier)
    else:
        _check_size(size, smallest_sample(strata, earlier), len(panel.images))
        plan = plan_sample(strata, size, earlier=earlier)
    n_pilot = 0 if earlier is None else len(earlier)
    drawn = draw_images(strata, plan.n - n_pilot, seed=seed, earlier=earlier)
    tasks, rule = _make_tasks(run, models, inputs, drawn.images, n_pilot, candidates)
    if pilot_file is not None:
        check_pilot_questions(pilot_file, tasks.questions, n_pilot)
    named = name_sample(
        drawn, panel.images, purpose=purpose, seed=seed, input_hashes=sorted(models.hashes), question_rule=rule
    )
    return DrawnTasks(
        purpose=purpose,
        models=models,
        guesses=guesses.of_predictions,
        drawn=drawn,
        strata_ids=strata.ids,
        tasks=replace(tasks, sample=named),
        sample=named,
        plan=plan,
        n_pilot=n_pilot,
    )


def _make_tasks(
    run: CommandRun,
    models: ModelPredictions,
    inputs: EvaluationInputs,
    drawn_images: npt.NDArray[np.int64],
    n_pilot: int,
    candidates: Path | None,
) -> tuple[Tasks, tuple[str, ...]]:
    """Make the tasks about drawn images, with the answers about the pilot's images, and return the rule too."""
    panel, order = models.panel, models.order_by_hash
    questions, rule = list_sample_questions(
        drawn_images,
        panel.images,
        panel.top1,
        models.original,
        classes=inputs.labels.classes,
        candidates=None if candidates is None else read_candidate_questions(run, candidates, inputs, models),
        match=panel.match,
    )
    tasks = make_tasks(questions)
    names = list(short_model_names(list(panel.models)).values())
    facts = find_question_facts(
        tasks.questions, drawn_images, [names[i] for i in order.tolist()], panel.top1[order], models.original
    )
    answers = find_answers(run, tasks.questions, inputs.labels, panel.label_rows[drawn_images[:n_pilot]])
    return replace(tasks, facts=replace(facts, answers=answers)), rule


def _check_size(size: int, smallest: int, n_images: int) -> None:
    """Raise if a sample of this size cannot be drawn."""
    if not smallest <= size <= n_images:
        raise DataError(
            "out-of-range",
            "sample is too small" if size < smallest else "sample has more images than there are",
            allowed=f"--size {smallest:,} to {n_images:,}",
            found=f"--size {size:,}",
            fix=f"draw {count_noun(smallest, 'image')} or more" if size < smallest else "draw fewer images",
        )
