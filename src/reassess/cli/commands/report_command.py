"""`reassess report`: write an HTML report, or one chart of it."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from reassess.cli.call import (
    INPUT_PATH_TYPE,
    Call,
    add_call_options,
    format_percent_cell,
    reject_repeated_files,
    with_progress,
)
from reassess.cli.evaluation_inputs import load_evaluation_inputs
from reassess.cli.help_pages import Choice, Command
from reassess.cli.options import add_join_options, add_label_options, add_prediction_options, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import find_images_path
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.screen import print_table
from reassess.comparison import Findings
from reassess.comparison.comparison_words import describe_different_images
from reassess.core import IMAGENET, Benchmark
from reassess.evaluation.evaluation_words import describe_missing_class_names, shorten_label_set_name
from reassess.evaluation.result import describe_label_errors
from reassess.formats import read_leaderboard
from reassess.formats.result_files import short_names
from reassess.report import CHARTS, ShownMistakes, write_chart, write_report
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.report.writing import REPORT_SUFFIXES
from reassess.text import count_noun, merge_equal_texts

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
@output_option("PAGE|FIGURE", "Write the report: html; with --chart, svg, png or pdf.")
@click.option(
    "--chart", "kind", type=Choice(list(CHARTS)), metavar="KIND", help=f"Draw one chart: {', '.join(CHARTS)}."
)
@click.option("--short", is_flag=True, help="Write one printable page of tables, for an appendix.")
@click.option(
    "--images", type=INPUT_PATH_TYPE, metavar="DIR|ZIP|TAR", help="Images of the mistakes.  [default: the benchmark's]"
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="N",
    help="Mistakes shown per model, drawn at random.",
)
@click.option(
    "--leaderboard",
    "tables",
    type=INPUT_PATH_TYPE,
    multiple=True,
    metavar="TABLE",
    help="Published results to compare the models with, as for leaderboard; repeatable.",
)
@add_label_options
@add_prediction_options
@add_join_options
@add_call_options
def report(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    kind: str | None,
    short: bool,
    images: Path | None,
    limit: int,
    **other_options: Any,
) -> None:
    """Write an HTML report, or one chart of it.

    Each FILE contains the predictions of one model, as for evaluate. PAGE is a single file that works offline. It shows
    accuracies with intervals, comparisons, label errors, kinds of mistakes, classes, confusions, the quality of the
    labels, and how the report was made. Each chart has its numbers as CSV.
    """
    if short and (kind is not None or images is not None or other_options["tables"]):
        raise click.UsageError("--short cannot be combined with --chart, --images or --leaderboard.")
    if kind is not None:
        _draw_chart(call, files, output, kind, other_options)
        return
    check_packages("report", "a report")
    call.check_output(output, REPORT_SUFFIXES, "a report", benchmark=other_options["benchmark"])
    findings = _load_findings(call, files, **other_options)
    image_place = images
    if images is None and not short and "images" in findings.benchmark.sources:
        image_place = find_images_path(call, findings.benchmark)
    file_by_name = {name: file for file, name in short_names([str(path) for path in files]).items()}
    gallery = write_report(
        output,
        findings,
        images=image_place,
        max_mistakes=limit,
        is_short=short,
        file_names=file_by_name,
        **call.describe_command(),
        force=call.force,
        show_progress=partial(with_progress, call),
    )
    if call.json:
        call.print_json("report", _to_json(findings, file_by_name, output, gallery))
    else:
        _print_findings(call, findings, output, gallery, is_short=short)


def _load_findings(
    call: Call,
    files: tuple[Path, ...],
    *,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    tables: tuple[Path, ...],
) -> Findings:
    """Read predictions, labels and the other parts, and compute the findings."""
    reject_repeated_files(files)
    inputs = load_evaluation_inputs(call, benchmark, labels, original, needs_votes=True)
    inputs.add_class_tables(call)
    score_sources = [str(entry["name"]) for entry in call.inputs if entry["name"] in _SCORE_INPUT_NAMES]
    names = short_names([str(path) for path in files]).values()
    predictions_by_file = iter_predictions(call, files, inputs)
    return Findings.from_predictions(
        ((name, predictions) for name, (_, predictions) in zip(names, predictions_by_file, strict=True)),
        inputs.labels,
        **inputs.findings_arguments,
        threshold=inputs.threshold,
        score_source=score_sources[0] if score_sources else _SCORE_INPUT_NAMES[0],
        in_sample=inputs.is_in_sample,
        leaderboard=read_leaderboard(*(call.add_input("leaderboard", path) for path in tables)) if tables else None,
        show_progress=lambda items: with_progress(call, items, "resampling raters"),
        **inputs.join_arguments(call),
    )


def _draw_chart(call: Call, files: tuple[Path, ...], output: Path, kind: str, other_options: dict[str, Any]) -> None:
    call.check_output(output, FIGURE_SUFFIXES, "a figure", benchmark=other_options["benchmark"])
    chart = write_chart(output, kind, _load_findings(call, files, **other_options), force=call.force)
    if call.json:
        table = chart.table
        results = {"output": str(output), "kind": kind, "title": chart.title}
        call.print_json("report", results | {"columns": table.csv_columns, "rows": table.csv_rows})
    else:
        call.add_note(f"{output}: {chart.title}")
        if chart.note:
            call.add_note(chart.note)


def _to_json(
    findings: Findings, file_by_name: dict[str, str], output: Path, gallery: ShownMistakes | None
) -> dict[str, Any]:
    return {
        "output": str(output),
        "bytes": output.stat().st_size,
        "label_set": findings.labels.title,
        "models": [{"name": name, "file": file_by_name[name]} for name in findings.models],
        "gallery": None if gallery is None else _gallery_to_dict(gallery),
        **({} if gallery is not None else {"gallery_reason": "images are missing"}),
    }


def _gallery_to_dict(gallery: ShownMistakes) -> dict[str, int]:
    return {
        "images": gallery.n_images,
        "pictures": gallery.n_thumbnails,
        "missing": gallery.n_missing,
        "unreadable": gallery.n_unreadable,
    }


def _print_findings(
    call: Call, findings: Findings, output: Path, gallery: ShownMistakes | None, *, is_short: bool
) -> None:
    rows = [
        [name, format_percent_cell(result.real_accuracy.get(1)), format_percent_cell(result.original_accuracy_at(1))]
        for name, result in findings.evaluations.items()
    ]
    print_table(["model", f"{shorten_label_set_name(findings.labels.title)} top-1 %", "original top-1 %"], rows)
    for line in describe_different_images(findings.panel):
        call.print_line(line)
    for line in merge_equal_texts(
        {model: describe_label_errors(result) for model, result in findings.evaluations.items()}
    ):
        call.print_line(line)
    call.print_line(f"{output}: {count_noun(len(rows), 'model')} on one {'printable page' if is_short else 'page'}")
    if is_short:
        return
    if without_names := describe_missing_class_names(findings.benchmark, findings.classes):
        call.print_line(without_names)
    if gallery is None:
        call.print_line("without a gallery of mistakes: images are missing (--images DIR)")
        return
    call.print_line(f"gallery: {count_noun(gallery.n_images, 'mistake')}, {gallery.n_thumbnails:,} with an image")
    if gallery.n_missing or gallery.n_unreadable:
        call.print_line(
            f"mistakes without an image: {gallery.n_missing:,} not in the folder, {gallery.n_unreadable:,} unreadable"
        )
