"""`reassess compare`: which of two or more models is better, on the same images."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, Range, call_options, refuse_repeated, tracked
from reassess.cli.inputs import (
    FILE,
    Model,
    each_model,
    golden_options,
    joining_options,
    judge_options,
    load_judges,
    prediction_options,
)
from reassess.cli.tables.compare import print_compared, to_json
from reassess.cli.tables.disagreements import write_disagreements
from reassess.cli.vote_inputs import load_rated, votes_option
from reassess.comparison.findings import Findings
from reassess.comparison.panel import Panel
from reassess.evaluation.outcomes import Outcomes
from reassess.formats.tables import TABLE_SUFFIXES

__all__ = ["compare"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B [...]")
@judge_options
@votes_option("how sure the labels are")
@golden_options
@click.option(
    "--threshold",
    type=Range(0, 1),
    default=0.8,
    show_default=True,
    metavar="T",
    help="The threshold at which the label sets were cut from the scores.",
)
@prediction_options
@joining_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the bootstrap.")
@click.option(
    "--replicates",
    type=click.IntRange(40),
    metavar="B",
    help=f"The number of bootstrap replicates.  [default: {Findings.replicates:,} of images, "
    f"{Findings.rater_replicates} of images and raters]",
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
    labels: str | None,
    original: str | None,
    scores: str | None,
    votes: str | None,
    golden: str | None,
    rater_golden: str | None,
    threshold: float,
    seed: int,
    replicates: int | None,
    disagreements: Path | None,
    **reading: Any,
) -> None:
    """Compare models on the same images.

    A, B and any further file hold one model's predictions each, as for evaluate. The models are compared on the images
    that all of them have seen. Two models give one comparison, more of them a ranking too.
    """
    _check_call(call, files, disagreements)
    judges = load_judges(call, labels, original, scores, max_bytes=reading["max_bytes"])
    detected: dict[str, str] = {}
    models = Panel.from_outcomes(_outcomes(each_model(call, files, judges, **reading), detected))
    rated = load_rated(call, judges, votes, golden, rater_golden, reading["max_bytes"])
    findings = Findings(
        panel=models,
        labels=judges.labels,
        original=judges.original,
        scores=judges.scores,
        **rated,
        threshold=threshold,
        replicates=replicates or Findings.replicates,
        rater_replicates=replicates or Findings.rater_replicates,
        seed=seed,
        track=lambda items: tracked(call, items, "resampling raters"),
    )
    if disagreements is not None:
        call.keep_inputs(disagreements)
        pairs = [(pair.a, pair.b) for pair in findings.pairs]
        write_disagreements(disagreements, models, pairs, force=call.force)
    if call.json:
        call.print_document("compare", to_json(findings, detected))
    else:
        print_compared(call, findings, detected)
        call.note_hashes("labels", "original", "scores", "votes", "golden", "rater-golden")


def _check_call(call: Call, files: tuple[Path, ...], disagreements: Path | None) -> None:
    """Refuse, before any work, what cannot be done."""
    if len(files) < 2:
        raise click.UsageError("Give two models or more; reassess evaluate measures one.")
    refuse_repeated(files)
    call.check_output(disagreements, TABLE_SUFFIXES, "a table")


def _outcomes(models: Iterable[Model], detected: dict[str, str]) -> Iterator[tuple[str, Outcomes]]:
    """The outcomes of each model; how its file was read is noted in `detected`."""
    for model in models:
        detected[model.file] = model.outcomes.detected
        yield model.file, model.outcomes
