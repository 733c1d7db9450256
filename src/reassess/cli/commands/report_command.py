"""`reassess report`: all about some models on one page."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, call_options, percent, tracked
from reassess.cli.findings_inputs import findings_options, load_findings
from reassess.cli.help_pages import Command
from reassess.cli.inputs import FILE, OUTPUT
from reassess.cli.prediction_inputs import short_names
from reassess.cli.screen import print_table
from reassess.comparison.comparison_words import unlike_images
from reassess.comparison.findings import Findings
from reassess.evaluation.evaluation_words import heading
from reassess.report.writing import REPORT_SUFFIXES, ShownMistakes, write_report
from reassess.text import counted

__all__ = ["report"]


@click.command(
    cls=Command,
    docs="docs/report.md",
    examples=[
        "reassess report a.npz b.npz -o report.html",
        "reassess report a.csv --benchmark pets -o pets.html",
    ],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", required=True, type=OUTPUT, metavar="PAGE", help="The page: html.")
@click.option("--title", metavar="TEXT", help="The title of the page.  [default: the model, or how many there are]")
@click.option(
    "--images",
    type=FILE,
    metavar="DIR",
    help="The folder of the images, or a zip or tar: mistakes are shown with pictures.  [default: the benchmark's]",
)
@click.option(
    "--mistakes",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="N",
    help="With --images, how many mistakes of each model to show, drawn at random, and how many images without a valid "
    "class or with an original label that is not valid.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of that draw.")
@findings_options
@call_options
def report(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    title: str | None,
    images: Path | None,
    mistakes: int,
    seed: int,
    **parts: Any,
) -> None:
    """Write an HTML report about models.

    Each FILE holds one model's predictions, as for evaluate. PAGE needs no network and no other file: accuracies with
    intervals, comparisons, kinds of mistakes, classes, confusions, how good the labels are, and where all of it comes
    from; charts give their numbers as CSV.
    """
    call.check_output(output, REPORT_SUFFIXES, "a report", benchmark=parts["benchmark"])
    findings = load_findings(call, files, **parts)
    place = findings.benchmark.sources.get("images") if images is None else images
    file_of = {name: file for file, name in short_names([str(path) for path in files]).items()}
    shown = write_report(
        output,
        findings,
        title=title,
        images=place,
        mistakes=mistakes,
        seed=seed,
        files=file_of,
        **call.record(),
        force=call.force,
        track=partial(tracked, call),
    )
    if call.json:
        call.print_document("report", _to_json(findings, file_of, output, shown))
    else:
        _print(call, findings, output, shown)


def _to_json(findings: Findings, file_of: dict[str, str], output: Path, shown: ShownMistakes | None) -> dict[str, Any]:
    return {
        "output": str(output),
        "bytes": output.stat().st_size,
        "label_set": findings.labels.title,
        "models": [{"name": name, "file": file_of[name]} for name in findings.models],
        "gallery": None if shown is None else vars(shown),
        **({} if shown is not None else {"gallery_reason": "no folder of images was given"}),
    }


def _print(call: Call, findings: Findings, output: Path, shown: ShownMistakes | None) -> None:
    rows = []
    for name, result in findings.evaluations.items():
        parts = (result.real.get(1), result.original_accuracy(1))
        values = [None if part is None else percent(part.value) for part in parts]
        rows.append([name, *values])
    print_table(["model", f"{heading(findings.labels.title)} top-1 %", "original top-1 %"], rows)
    for line in unlike_images(findings.panel):
        call.tell(line)
    call.tell(f"{output}: {counted(len(rows), 'model')} on one page")
    if shown is None:
        call.tell("mistakes are not shown: no folder of images was given (--images DIR)")
        return
    images = counted(shown.images, "image is", "images are")
    call.tell(f"{images} shown, {shown.pictures:,} of them with a picture")
    if shown.missing or shown.unreadable:
        call.tell(f"no picture: {shown.missing:,} are not in the folder, {shown.unreadable:,} cannot be read")
