"""`reassess compare`: test whether models differ on the same images."""

from pathlib import Path

import click

from reassess.cli.call import FILE, OUTPUT, Call, call_options, free_name, refuse_repeated, tracked
from reassess.cli.help_pages import Command
from reassess.cli.judges import load_judges
from reassess.cli.options import joining_options, judge_options, prediction_options
from reassess.cli.prediction_inputs import each_prediction, same_inputs
from reassess.cli.result_table import table_option
from reassess.cli.tables.compare_table import comparison_table, print_compared, to_json
from reassess.comparison import Findings, disagreements_table
from reassess.core import Benchmark
from reassess.formats.files import write_atomically
from reassess.formats.result_files import RESULT_SUFFIXES
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import counted


@click.command(
    cls=Command,
    docs="docs/compare.md",
    examples=["reassess compare a.npz b.npz", "reassess compare a.csv b.csv --benchmark pets --details differ.csv"],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B...")
@table_option
@click.option("--details", type=OUTPUT, metavar="TABLE", help="Write a row for each image that only one model gets.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@judge_options
@prediction_options
@joining_options
@call_options
def compare(
    call: Call,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    output: Path | None,
    details: Path | None,
    seed: int,
) -> None:
    """Test whether models differ on the same images.

    A, B and any further file contain the predictions of one model each, as for evaluate. The models are compared on
    the images that all files contain. Two models give one comparison, more models a ranking too.
    """
    if len(files) < 2:
        raise click.UsageError("Give two models or more; reassess evaluate measures one.")
    refuse_repeated(files)
    call.check_output(output, RESULT_SUFFIXES, "a table of results", benchmark=benchmark)
    call.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    judges = load_judges(call, benchmark, labels, original, with_votes=True)
    judges.note_tables(call)
    findings = Findings.from_predictions(
        each_prediction(call, files, judges),
        judges.labels,
        **judges.known,
        threshold=judges.threshold,
        seed=seed,
        track=lambda items: tracked(call, items, "resampling raters"),
        **judges.joining(call),
    )
    with write_atomically():
        if output is not None:
            comparison_table(findings).write(output, force=call.force)
        if details is not None:
            pairs = [(pair.a, pair.b) for pair in findings.pairs]
            write_table(details, disagreements_table(findings.panel, pairs, findings.classes), force=call.force)
    call.next("report", *same_inputs(files), "-o", free_name("report.html"))
    if call.json:
        call.print_document("compare", to_json(findings))
    else:
        print_compared(call, findings)
        if findings.rated_images_text:
            call.tell(f"{findings.rated_images_text}; this favours a model that chose the images to rate")
        if output is not None:
            call.tell(f"{output}: {counted(len(files), 'model')}")
        if judges.no_names and len(findings.co_occurrence):
            call.note(judges.no_names)
        call.note_hashes("labels", "original", "scores", "votes", "golden", "rater-golden")
