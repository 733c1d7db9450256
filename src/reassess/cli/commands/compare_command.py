"""`reassess compare`: test whether models differ on the same images."""

from pathlib import Path

import click
from click.core import ParameterSource

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    OUTPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    reject_repeated_files,
    with_progress,
)
from reassess.cli.evaluation_inputs import EvaluationInputs, load_evaluation_inputs
from reassess.cli.help_pages import Command
from reassess.cli.options import add_image_matching_options, add_label_options, add_prediction_options, table_option
from reassess.cli.prediction_inputs import iter_predictions, repeat_arguments_for_next_command
from reassess.cli.sampled_evaluation import (
    add_sample_options,
    evaluate_with_sample,
    find_sample,
    find_scores_of_answers,
)
from reassess.cli.tables.compare_table import make_comparison_table, print_comparison, to_json
from reassess.cli.tables.sample_results_table import (
    make_sampled_differences_table,
    print_sampled_differences,
    sample_to_json,
)
from reassess.comparison import Findings, disagreements_table
from reassess.core import Benchmark
from reassess.formats.files import atomic_writes
from reassess.formats.result_files import RESULT_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import count_noun


@click.command(
    cls=Command,
    docs="docs/compare.md",
    examples=["reassess compare a.npz b.npz", "reassess compare a.csv b.csv --benchmark pets --details differ.csv"],
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="A B...")
@table_option
@click.option(
    "--details",
    type=OUTPUT_PATH_TYPE,
    metavar="TABLE",
    help="Write a row for each image that only one of two models predicts correctly.",
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="S", default=0, show_default=True, help="Seed of the bootstrap."
)
@add_label_options
@add_prediction_options
@add_image_matching_options
@add_sample_options
@add_common_options
def compare(
    run: CommandRun,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    output: Path | None,
    details: Path | None,
    seed: int,
    sample: str | None,
    anytime: bool,
) -> None:
    """Test whether models differ on the same images.

    Each file contains the predictions of one model, as for `evaluate`. The models are compared on the images that are
    in all files. Three or more models are also ranked.
    """
    if len(files) < 2:
        raise click.UsageError("Give at least two models; for one model, use `reassess evaluate`.")
    reject_repeated_files(files)
    run.check_output(output, RESULT_SUFFIXES, "a table of results", benchmark=benchmark)
    run.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    is_seed_given = click.get_current_context().get_parameter_source("seed") is ParameterSource.COMMANDLINE
    sample_path = find_sample(benchmark, sample, anytime, {"--details": details, "--seed": is_seed_given})
    if sample_path is not None:
        scores = find_scores_of_answers(benchmark, None)
        inputs = load_evaluation_inputs(run, benchmark, labels, original, scores)
        _compare_with_sample(run, files, inputs, sample_path, output, is_anytime=anytime)
        return
    inputs = load_evaluation_inputs(run, benchmark, labels, original, needs_votes=True)
    inputs.add_class_tables_to_inputs(run)
    findings = Findings.from_predictions(
        iter_predictions(run, files, inputs),
        inputs.labels,
        **inputs.keyword_arguments_for_findings,
        threshold=inputs.threshold,
        seed=seed,
        show_progress=lambda items: with_progress(run, items, "resampling raters"),
        **inputs.make_image_matching_arguments(run),
    )
    with atomic_writes():
        if output is not None:
            make_comparison_table(findings).write(output, force=run.force)
        if details is not None:
            pairs = [(pair.model_a, pair.model_b) for pair in findings.comparisons]
            write_table(details, disagreements_table(findings.panel, pairs, findings.classes), force=run.force)
    run.suggest_command("report", *repeat_arguments_for_next_command(files), "-o", find_unused_path("report.html"))
    if run.json:
        run.print_json("compare", to_json(findings))
    else:
        print_comparison(run, findings)
        if findings.rated_images_text:
            run.print_line(findings.rated_images_text)
        if output is not None:
            run.print_line(f"{output}: {count_noun(len(files), 'model')}")
        if inputs.class_names_note and len(findings.co_occurrence):
            run.add_note(inputs.class_names_note)
        run.print_inputs("labels", "original", "scores", "votes", "golden", "rater-golden")


def _compare_with_sample(
    run: CommandRun,
    files: tuple[Path, ...],
    inputs: EvaluationInputs,
    sample: Path,
    output: Path | None,
    *,
    is_anytime: bool,
) -> None:
    """Compare models with the labels of the images of a sample."""
    findings = evaluate_with_sample(run, files, inputs, sample, is_anytime=is_anytime)
    if output is not None:
        make_sampled_differences_table(findings).write(output, force=run.force)
    if run.json:
        models = [model.to_json() for model in findings.models]
        pairs = [difference.to_json() for difference in findings.differences]
        run.print_json("compare", {"models": models, "pairs": pairs, **sample_to_json(findings)})
        return
    print_sampled_differences(run, findings)
    if output is not None:
        run.print_line(f"{output}: {count_noun(len(findings.differences), 'pair')} of models")
    run.print_inputs("labels", "original", "scores", "sample")
