"""`reassess report`: write an HTML report, or one chart of it."""

from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    format_percent_cell,
    reject_repeated_files,
    with_progress,
)
from reassess.cli.evaluation_inputs import load_evaluation_inputs
from reassess.cli.help_pages import Choice, Command
from reassess.cli.options import add_image_matching_options, add_label_options, add_prediction_options, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import find_images_path
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.sampled_evaluation import (
    add_sample_options,
    evaluate_with_sample,
    find_sample,
    find_scores_of_answers,
)
from reassess.cli.screen import print_table
from reassess.cli.tables.sample_results_table import print_sampled_models, sample_to_json
from reassess.comparison import Findings
from reassess.comparison.comparison_words import explain_ranking_by_shared_images
from reassess.core import IMAGENET, Benchmark
from reassess.evaluation.evaluation_words import describe_missing_class_names, shorten_label_set_name
from reassess.evaluation.result import describe_mistakes_by_original
from reassess.formats import read_leaderboard
from reassess.formats.result_files import short_model_names
from reassess.report import CHARTS, GalleryCounts, write_chart, write_report, write_sample_report
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.report.writing import REPORT_SUFFIXES
from reassess.text import count_noun, group_files_with_same_text

_SCORE_INPUT_NAMES = ("scores", IMAGENET.sources["scores"])


@click.command(
    cls=Command,
    docs="docs/report.md",
    examples=[
        "reassess report a.npz b.npz -o report.html",
        "reassess report a.csv --benchmark pets --chart taxonomy -o mistakes.png",
    ],
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="FILE...")
@output_option("PAGE|FIGURE", "Write the report: html; with --chart or --sample, also svg, png or pdf.")
@click.option(
    "--chart", "chart_kind", type=Choice(list(CHARTS)), metavar="KIND", help=f"Draw one chart: {', '.join(CHARTS)}."
)
@click.option("--short", "is_short", is_flag=True, help="Write one printable page of tables, for an appendix.")
@click.option(
    "--images",
    type=INPUT_PATH_TYPE,
    metavar="DIR|ZIP|TAR",
    help="Images for the gallery of mistakes.  [default: the benchmark's]",
)
@click.option(
    "--limit",
    "max_mistakes",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="N",
    help="Mistakes shown per model, drawn at random.",
)
@click.option(
    "--leaderboard",
    "leaderboards",
    type=INPUT_PATH_TYPE,
    multiple=True,
    metavar="TABLE",
    help="Published results to compare the models with, as for leaderboard; repeatable.",
)
@add_label_options
@add_sample_options
@add_prediction_options
@add_image_matching_options
@add_common_options
def report(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path,
    chart_kind: str | None,
    is_short: bool,
    images: Path | None,
    max_mistakes: int,
    sample: str | None,
    anytime: bool,
    **findings_options: Any,
) -> None:
    """Write an HTML report, or one chart of it.

    Each FILE contains the predictions of one model, as for `evaluate`. PAGE is a single file that works offline. It
    shows accuracies with intervals, comparisons, label errors, kinds of mistakes, accuracy by class, confused classes,
    the quality of the labels, and how the report was made. Each chart has its numbers as CSV.

    With --sample, PAGE shows what the labels of a sample tell about all images, and FIGURE shows the differences, or
    the shares of images whose first class is valid.
    """
    refused: dict[str, object] = {"--chart": chart_kind, "--short": is_short, "--images": images}
    is_limit_given = click.get_current_context().get_parameter_source("max_mistakes") is ParameterSource.COMMANDLINE
    refused |= {"--leaderboard": findings_options["leaderboards"], "--limit": is_limit_given}
    sample_path = find_sample(findings_options["benchmark"], sample, anytime, refused)
    if sample_path is not None:
        del findings_options["leaderboards"]
        _write_sample_report(run, files, output, sample_path, is_anytime=anytime, **findings_options)
        return
    if is_short and (chart_kind is not None or images is not None or findings_options["leaderboards"]):
        raise click.UsageError("--short cannot be combined with --chart, --images or --leaderboard.")
    if chart_kind is not None:
        _draw_chart(run, files, output, chart_kind, findings_options)
        return
    check_packages("report", "a report")
    run.check_output(output, REPORT_SUFFIXES, "a report", benchmark=findings_options["benchmark"])
    findings = _load_findings(run, files, **findings_options)
    image_place = images
    if images is None and not is_short and "images" in findings.benchmark.sources:
        image_place = find_images_path(run, findings.benchmark)
    file_by_name = {name: file for file, name in short_model_names([str(path) for path in files]).items()}
    gallery_counts = write_report(
        output,
        findings,
        images=image_place,
        max_mistakes=max_mistakes,
        is_short=is_short,
        file_names=file_by_name,
        **run.describe_command(),
        force=run.force,
        show_progress=partial(with_progress, run),
    )
    if run.json:
        run.print_json("report", _to_json(findings, file_by_name, output, gallery_counts))
    else:
        _print_findings(run, findings, output, gallery_counts, is_short=is_short)


def _write_sample_report(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path,
    sample: Path,
    *,
    is_anytime: bool,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
) -> None:
    """Write a report about the labels of a sample."""
    check_packages("report", "a report")
    run.check_output(output, (*REPORT_SUFFIXES, *FIGURE_SUFFIXES), "a report about a sample", benchmark=benchmark)
    reject_repeated_files(files)
    inputs = load_evaluation_inputs(run, benchmark, labels, original, find_scores_of_answers(benchmark, None))
    findings = evaluate_with_sample(run, files, inputs, sample, is_anytime=is_anytime)
    write_sample_report(output, findings, **run.describe_command(), force=run.force)
    if run.json:
        models = [model.to_json() for model in findings.models]
        results = {"output": str(output), "bytes": output.stat().st_size, "models": models}
        run.print_json("report", results, **sample_to_json(findings))
    else:
        print_sampled_models(run, findings)
        run.print_line(f"{output}: {count_noun(len(findings.models), 'model')}, estimated from a sample")


def _load_findings(
    run: CommandRun,
    files: tuple[Path, ...],
    *,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    leaderboards: tuple[Path, ...],
) -> Findings:
    """Read predictions, labels and other parts of the benchmark, and compute the report's results."""
    reject_repeated_files(files)
    inputs = load_evaluation_inputs(run, benchmark, labels, original, needs_votes=True)
    inputs.add_class_tables_to_inputs(run)
    score_sources = [str(entry["name"]) for entry in run.inputs if entry["name"] in _SCORE_INPUT_NAMES]
    tables = [run.add_input("leaderboard", path) for path in leaderboards]
    names = short_model_names([str(path) for path in files]).values()
    predictions_by_file = iter_predictions(run, files, inputs)
    return Findings.from_predictions(
        ((name, predictions) for name, (_, predictions) in zip(names, predictions_by_file, strict=True)),
        inputs.labels,
        **inputs.keyword_arguments_for_findings,
        threshold=inputs.threshold,
        score_source=score_sources[0] if score_sources else _SCORE_INPUT_NAMES[0],
        in_sample=inputs.are_scores_in_sample,
        leaderboard=read_leaderboard(*tables) if tables else None,
        show_progress=lambda items: with_progress(run, items, "resampling raters"),
        **inputs.make_image_matching_arguments(run),
    )


def _draw_chart(
    run: CommandRun, files: tuple[Path, ...], output: Path, chart_kind: str, findings_options: dict[str, Any]
) -> None:
    run.check_output(output, FIGURE_SUFFIXES, "a figure", benchmark=findings_options["benchmark"])
    chart = write_chart(output, chart_kind, _load_findings(run, files, **findings_options), force=run.force)
    if run.json:
        table = chart.table
        results = {"output": str(output), "kind": chart_kind, "title": chart.title}
        run.print_json("report", results | {"columns": table.csv_columns, "rows": table.csv_rows})
    else:
        run.add_note(f"{output}: {chart.title}")
        if chart.note:
            run.add_note(chart.note)


def _to_json(
    findings: Findings, file_by_name: dict[str, str], output: Path, gallery_counts: GalleryCounts | None
) -> dict[str, Any]:
    return {
        "output": str(output),
        "bytes": output.stat().st_size,
        "label_set": findings.labels.title,
        "models": [{"name": name, "file": file_by_name[name]} for name in findings.models],
        "gallery": None if gallery_counts is None else _gallery_counts_to_json(gallery_counts),
        **({} if gallery_counts is not None else {"gallery_reason": "images are missing"}),
    }


def _gallery_counts_to_json(gallery_counts: GalleryCounts) -> dict[str, int]:
    return {
        "images": gallery_counts.n_images,
        "pictures": gallery_counts.n_thumbnails,
        "missing": gallery_counts.n_missing,
        "unreadable": gallery_counts.n_unreadable,
    }


def _print_findings(
    run: CommandRun, findings: Findings, output: Path, gallery_counts: GalleryCounts | None, *, is_short: bool
) -> None:
    rows = [
        [name, format_percent_cell(result.real_accuracy.get(1)), format_percent_cell(result.original_accuracy_at(1))]
        for name, result in findings.evaluations.items()
    ]
    print_table(["model", f"{shorten_label_set_name(findings.labels.title)} top-1 %", "original top-1 %"], rows)
    for line in explain_ranking_by_shared_images(findings.panel):
        run.print_line(line)
    for line in group_files_with_same_text(
        {model: describe_mistakes_by_original(result) for model, result in findings.evaluations.items()}
    ):
        run.print_line(line)
    run.print_line(f"{output}: {count_noun(len(rows), 'model')} on one {'printable page' if is_short else 'page'}")
    if is_short:
        return
    if without_names := describe_missing_class_names(findings.benchmark, findings.classes):
        run.print_line(without_names)
    if gallery_counts is None:
        run.print_line("without a gallery of mistakes: images are missing (--images DIR)")
        return
    run.print_line(
        f"gallery: {count_noun(gallery_counts.n_images, 'mistake')}, image shown for {gallery_counts.n_thumbnails:,}"
    )
    if gallery_counts.n_missing or gallery_counts.n_unreadable:
        run.print_line(
            f"mistakes without an image: {gallery_counts.n_missing:,} not in the folder, "
            f"{gallery_counts.n_unreadable:,} unreadable"
        )
