"""`reassess propose`: which classes of which images raters should be asked about, and by which models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from reassess.aggregation.golden import golden_truth
from reassess.cli.common import Call, Range, call_options, refuse_repeated
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.inputs import (
    FILE,
    OUTPUT,
    answers_option,
    benchmark_option,
    joining_options,
    part_option,
    prediction_options,
)
from reassess.cli.judges import Judges, load_original_judges
from reassess.cli.part_inputs import NONE, matched
from reassess.cli.prediction_inputs import each_prediction, short_names
from reassess.cli.tables.propose_table import lower, print_candidates, print_choice, tell_written, write_frontier
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.core.candidates import Candidates
from reassess.core.model_choice import ModelChoice
from reassess.core.predictions import Predictions
from reassess.core.proposals import Proposals
from reassess.errors import DataError
from reassess.formats import write_proposals
from reassess.formats.files import write_atomically
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.candidates import USUAL_PER_IMAGE
from reassess.proposals.candidates import propose as propose_classes
from reassess.proposals.choice import USUAL_RECALL, choose_models
from reassess.report.choice_figure import draw_choice
from reassess.report.figures import FIGURE_SUFFIXES

__all__ = ["load_proposing", "propose"]

_GIVE = "give --benchmark FOLDER, or --original FILE; or --original none, if there are no original labels"


@dataclass
class _Models:
    """The models of some files by their short names, read anew each time that they are gone through."""

    call: Call
    files: tuple[Path, ...]
    judges: Judges
    detected: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Predictions]]:
        names = short_names([str(file) for file in self.files]).values()
        given = each_prediction(self.call, self.files, self.judges)
        for name, (_, predictions) in zip(names, given, strict=True):
            self.detected[name] = predictions.detected
            yield name, predictions


@click.command(
    cls=Command,
    examples=[
        "reassess propose a.csv b.csv --benchmark pets -o proposals.parquet",
        "reassess propose a.csv b.csv --benchmark pets --choose --golden experts.csv --recall 0.5",
    ],
    docs="docs/proposals.md",
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    metavar="OUT",
    help="Write the proposals, with --choose those of the chosen models: csv, tsv, jsonl or parquet.",
)
@click.option(
    "--per-image",
    type=Range(1),
    default=USUAL_PER_IMAGE,
    show_default=True,
    metavar="N",
    help="How many proposals an image that goes to raters may have on average.",
)
@click.option("--keep-agreed", is_flag=True, help="Propose also for images on which all agree with the original label.")
@click.option("--choose", is_flag=True, help="Choose the models that are shown to reach a recall, with few proposals.")
@click.option(
    "--recall",
    type=Range(0, 1, min_open=True),
    metavar="R",
    help="What the chosen models are shown to reach: the share of valid golden pairs that they propose.  "
    f"[default: {USUAL_RECALL}]",
)
@click.option(
    "--frontier",
    type=OUTPUT,
    metavar="FIGURE|CSV",
    help="Write what the best subsets reach: a figure (svg, png, pdf) or a table.",
)
@benchmark_option
@part_option("original", "Original labels", condition="if no benchmark is given")
@in_benchmark(
    "--golden", metavar="NAME|FILE", help="Experts' answers, by which models are chosen.  [default: the benchmark's]"
)
@in_benchmark(
    "--golden-at-least",
    type=int,
    metavar="M",
    help="How many experts must say yes for a pair to be valid.  [default: more than half of those who answered]",
)
@answers_option
@prediction_options
@joining_options
@call_options
def propose(
    call: Call,
    files: tuple[Path, ...],
    output: Path | None,
    per_image: float,
    keep_agreed: bool,
    choose: bool,
    recall: float | None,
    frontier: Path | None,
    benchmark: Benchmark | None,
    original: str | None,
    golden: str | None,
    golden_at_least: int | None,
) -> None:
    """Choose candidate classes to ask about.

    Each FILE holds one model's predictions, as for evaluate. Proposed are the original label, the first class of each
    model, and what is among the N most probable (image, class) pairs of a model, over all images: N is the largest for
    which no more is proposed than --per-image. Images on which all models agree with the original label are set aside.

    With --choose, subsets of the models are measured by golden answers, with the N of all models. The chosen ones are
    shown to reach --recall, with 90 % confidence. Where golden answers are too few for that, the highest recall that
    they show is named.
    """
    refuse_repeated(files)
    _check_call(call, output, choose, golden, recall, frontier, benchmark)
    judges = load_proposing(call, benchmark, original, golden, choose=choose)
    models = _Models(call, files, judges)
    candidates = propose_classes(
        models,
        judges.original,
        per_image=per_image,
        keep_agreed=keep_agreed,
        benchmark=judges.benchmark,
        match=judges.benchmark.match or "path",
        ignore_unknown=call.reading.ignore_unknown,
    )
    choice = None
    if judges.experts is not None:
        choice = choose_models(
            candidates, golden_truth(judges.experts, at_least=golden_at_least), recall=recall or USUAL_RECALL
        )
    proposals = _to_write(candidates, choice)
    _write(call, output, proposals, frontier, choice)
    _report(call, candidates, choice, output, proposals, models.detected)
    if choice is not None and choice.chosen is None:
        raise _not_shown(choice)


def _to_write(candidates: Candidates, choice: ModelChoice | None) -> Proposals | None:
    """The proposals of all models, or of the chosen ones; None if none were chosen."""
    if choice is None:
        return candidates.proposals
    return None if choice.chosen is None else candidates.of_models(choice.chosen.models)


def _report(
    call: Call,
    candidates: Candidates,
    choice: ModelChoice | None,
    output: Path | None,
    proposals: Proposals | None,
    detected: Mapping[str, str],
) -> None:
    """Print the result, as a document or in words and tables."""
    written = output if proposals is not None else None
    if call.json:
        results = {"output": None if written is None else str(written), **candidates.to_json()}
        call.print_document("propose", results | {"choice": None if choice is None else choice.to_json()})
        return
    if written is not None and proposals is not None:
        tell_written(call, written, proposals)
    if choice is not None:
        print_choice(call, choice)
    print_candidates(call, candidates, detected, sources=choice is None)
    call.note_hashes("original", "golden")


def _not_shown(choice: ModelChoice) -> DataError:
    recall = choice.recall
    if choice.wanted == 1:  # no sample can show that nothing is missed
        more = ""
    elif recall.value is not None and recall.value < choice.wanted:
        more = f", or for more proposals an image: {choice.never_proposed:,} of {recall.n:,} golden labels are neither "
        more += "proposed by a model nor original"
    else:
        more = f", or more golden answers: all models propose {recall.hits:,} of {recall.n:,} golden labels"
    return DataError(
        "not-reached",
        "golden answers do not show that the candidates of all models reach this recall",
        allowed=f"up to {lower(choice.highest_bound)}" if choice.highest_bound else "no recall can be shown",
        found=choice.wanted,
        fix=f"ask for less{more}",
    )


def _check_call(
    call: Call,
    output: Path | None,
    choose: bool,
    golden: str | None,
    recall: float | None,
    frontier: Path | None,
    benchmark: Benchmark | None,
) -> None:
    """Refuse, before any work, what cannot be done."""
    if not choose and output is None:
        raise click.UsageError("Give -o OUT for the proposals, or --choose.")
    if not choose and any(given is not None for given in (golden, recall, frontier)):
        raise click.UsageError("--golden, --recall and --frontier go with --choose.")
    if golden == NONE:
        raise click.UsageError("The models are chosen by --golden, which cannot be none.")
    call.check_output(output, TABLE_SUFFIXES, "proposals", benchmark=benchmark)
    call.check_output(frontier, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "a frontier", benchmark=benchmark)


def load_proposing(
    call: Call,
    benchmark: Benchmark | None,
    original: str | None = None,
    golden: str | None = None,
    *,
    choose: bool = False,
) -> Judges:
    """The original labels and, if models are to be chosen, golden answers; without a benchmark, those of ImageNet."""
    by_default = benchmark is None and original is None
    benchmark = matched(call, IMAGENET if by_default else benchmark or Benchmark())
    votes = {"golden": golden} if choose else {}
    judges = load_original_judges(call, benchmark, original, votes)
    if by_default and judges.original is None:
        raise DataError(
            "no-original-labels",
            "original labels are missing",
            fix=f"reassess fetch imagenet-original; or {_GIVE}",
        )
    return judges


def _write(
    call: Call, output: Path | None, proposals: Proposals | None, frontier: Path | None, choice: ModelChoice | None
) -> None:
    """Write the proposals and the frontier, both or neither; the frontier alone if no models were chosen."""
    with write_atomically():
        if output is not None and proposals is not None:
            write_proposals(output, proposals, force=call.force)
        if frontier is not None and choice is not None:
            write = draw_choice if frontier.suffix.lower() in FIGURE_SUFFIXES else write_frontier
            write(frontier, choice, force=call.force)
