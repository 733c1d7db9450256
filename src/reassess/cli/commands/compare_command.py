"""`reassess compare`: which of two or more models is better, on the same images."""

from pathlib import Path

import click

from reassess.cli.common import Call, call_options, refuse_repeated, tracked
from reassess.cli.help_pages import Command
from reassess.cli.inputs import (
    FILE,
    golden_options,
    joining_options,
    judge_options,
    prediction_options,
    threshold_option,
    votes_option,
)
from reassess.cli.judges import load_judges
from reassess.cli.prediction_inputs import each_prediction
from reassess.cli.tables.compare_table import print_compared, to_json
from reassess.comparison.findings import Findings
from reassess.comparison.pairs import disagreements_table
from reassess.core.benchmark import Benchmark
from reassess.formats.tables import TABLE_SUFFIXES, write_table

__all__ = ["compare"]


@click.command(
    cls=Command,
    docs="docs/compare.md",
    examples=[
        "reassess compare a.npz b.npz",
        "reassess compare a.csv b.csv --benchmark pets --disagreements differ.csv",
    ],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B [...]")
@judge_options
@votes_option("how sure the labels are")
@golden_options
@threshold_option
@prediction_options
@joining_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the bootstrap.")
@click.option(
    "--replicates",
    type=click.IntRange(40),
    default=Findings.replicates,
    show_default=True,
    metavar="B",
    help="The number of bootstrap replicates of images, and of images and raters.",
)
@click.option(
    "--disagreements",
    type=FILE,
    metavar="OUT",
    help="Write a table of the images that only one of two models gets right.",
)
@call_options
def compare(
    call: Call,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    scores: str | None,
    votes: str | None,
    golden: str | None,
    rater_golden: str | None,
    threshold: float | None,
    seed: int,
    replicates: int,
    disagreements: Path | None,
) -> None:
    """Test whether models differ on the same images.

    A, B and any further file hold one model's predictions each, as for evaluate. The models are compared on the images
    that all of them have seen. Two models give one comparison, more of them a ranking too.
    """
    _check_call(files)
    call.check_output(disagreements, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    judges = load_judges(
        call,
        benchmark,
        labels,
        original,
        scores,
        votes=votes,
        golden=golden,
        rater_golden=rater_golden,
    )
    joining = judges.joining(call)
    findings = Findings.from_predictions(
        each_prediction(call, files, judges),
        judges.labels,
        **judges.known,
        threshold=judges.threshold(threshold),
        replicates=replicates,
        seed=seed,
        track=lambda items: tracked(call, items, "resampling raters"),
        **joining,
    )
    if disagreements is not None:
        pairs = [(pair.a, pair.b) for pair in findings.pairs]
        write_table(disagreements, disagreements_table(findings.panel, pairs, findings.classes), force=call.force)
    if call.json:
        call.print_document("compare", to_json(findings))
    else:
        print_compared(call, findings)
        if judges.no_names and len(findings.co_occurrence):
            call.note(judges.no_names)
        call.note_hashes("labels", "original", "scores", "votes", "golden", "rater-golden")


def _check_call(files: tuple[Path, ...]) -> None:
    """Refuse, before any work, what cannot be done."""
    if len(files) < 2:
        raise click.UsageError("Give two models or more; reassess evaluate measures one.")
    refuse_repeated(files)
