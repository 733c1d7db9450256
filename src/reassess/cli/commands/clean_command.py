"""`reassess clean`: which training images are worth keeping, by what models say of them when they are held out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from reassess.cleaning.checked_labels import checked_truth
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.posterior_rule import USUAL_KEEP, CleaningMethod
from reassess.cli.clean_options import METHODS, CleaningOutputs, CleaningRule
from reassess.cli.common import Call, call_options, refuse_repeated
from reassess.cli.duplicate_inputs import load_groups
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.inputs import FILE, OUTPUT, answers_option, benchmark_option, match_option, prediction_options
from reassess.cli.judges import load_original_judges
from reassess.cli.part_inputs import matched
from reassess.cli.prediction_inputs import each_prediction
from reassess.cli.tables.clean_table import print_cleaning
from reassess.core.benchmark import Benchmark
from reassess.core.folds import Folds
from reassess.core.labels import LabelSets
from reassess.core.votes import Votes
from reassess.data.joined_parts import benchmark_names
from reassess.errors import DataError, at
from reassess.formats import read_folds
from reassess.text import counted, some

__all__ = ["clean"]

_KINDS: dict[str | None, str] = {
    "logits": "; logits, of which the softmax was taken",
    "bounded": "; in [0, 1] without adding up to 1, so taken for logits",
}


@click.command(
    cls=Command,
    examples=[
        "reassess clean heldout.npz --original train.csv -o clean.txt --details details.parquet",
        "reassess clean fold-0.npz fold-1.npz --original train.csv --folds halves.csv --keep precision=0.9 -o c.txt",
    ],
    docs="docs/cleaning.md",
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="HELDOUT...")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="OUT", help="Write the kept images: txt.")
@click.option(
    "--details",
    type=OUTPUT,
    metavar="TABLE",
    help="Write what is known of each label: csv, tsv, jsonl or parquet.",
)
@click.option(
    "--page",
    type=OUTPUT,
    metavar="PAGE",
    help="Write a page of the labels that are least likely right, with their pictures: html.",
)
@click.option("--images", type=FILE, metavar="DIR|ZIP|TAR", help="Where the images are, for --page.")
@click.option(
    "--noise",
    type=OUTPUT,
    metavar="FIGURE|TABLE",
    help="Of posterior: write which labels images of each true class have: the usual mistakes as a figure (svg, png, "
    "pdf), or all as a table.",
)
@click.option(
    "--method",
    type=Choice(METHODS),
    default="posterior",
    show_default=True,
    help="Keep labels that are probably right; those that the held-out top-1 is; or those that cleanlab has no issue "
    "with.",
)
@click.option(
    "--keep",
    metavar="P|precision=P",
    help="Of posterior: the least probability that a kept label is right; or what share of the kept labels is expected "
    f"to be right.  [default: {USUAL_KEEP}]",
)
@click.option(
    "--at-least",
    type=click.IntRange(1),
    metavar="M",
    help="Of consistent: in how many repetitions the top-1 must be the label.  [default: more than half]",
)
@click.option(
    "--folds",
    type=FILE,
    multiple=True,
    metavar="F",
    help="The fold of each image, as folds writes it: each file must hold one. Several, if repetitions have folds of "
    "their own.",
)
@click.option(
    "--repeats",
    metavar="F[:SET]",
    help="Images that repeat one another, as scan writes them: a warning comes if a group is in several folds.",
)
@benchmark_option
@in_benchmark("--original", metavar="NAME|FILE", help="The labels to clean.  [default: the benchmark's]")
@in_benchmark("--votes", metavar="NAME|FILE", help="Raters' votes on the labels of a random sample of the images.")
@in_benchmark("--golden", metavar="NAME|FILE", help="Experts' answers on the labels of a random sample of the images.")
@answers_option
@prediction_options
@match_option
@call_options
def clean(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    details: Path | None,
    page: Path | None,
    images: Path | None,
    noise: Path | None,
    method: CleaningMethod,
    keep: str | None,
    at_least: int | None,
    folds: tuple[Path, ...],
    repeats: str | None,
    benchmark: Benchmark | None,
    original: str | None,
    votes: str | None,
    golden: str | None,
) -> None:
    """Find wrong labels from held-out predictions.

    Each HELDOUT holds what a model says of images that it was not trained on: of all images, or of one fold. Files
    that hold each image once are a repetition; several repetitions, or several models, count together. OUT lists the
    images that are kept.
    """
    refuse_repeated(files)
    if benchmark is None and original is None:
        raise click.UsageError("Give the labels to clean: --original FILE, or --benchmark FOLDER.")
    rule = CleaningRule(method, keep, at_least)
    outputs = CleaningOutputs(clean_list=output, details=details, noise=noise, page=page, images=images)
    _check_method(method, noise, votes, golden)
    outputs.check(call, benchmark)
    judges = load_original_judges(
        call,
        matched(call, benchmark or Benchmark()),
        original,
        {part: source for part, source in (("votes", votes), ("golden", golden)) if source is not None},
    )
    if judges.original is None:
        raise click.UsageError("The benchmark has no original labels: give --original FILE.")
    _refuse_other_answers(judges.original, judges.files, {"votes": judges.votes, "golden": judges.experts})
    how = judges.benchmark.match or "path"
    parts = [_load_folds(call, path, judges.benchmark) for path in folds]
    groups, _ = ([], 0) if repeats is None else load_groups(call, repeats, judges.original, judges.benchmark)
    read = dict(each_prediction(call, files, judges))
    held_out = HeldOutPredictions.of(read, judges.original, folds=parts, repeats=groups, match=how)
    checkers = judges.votes or judges.experts
    checked = None if checkers is None else checked_truth(checkers)
    cleaning = rule.apply(held_out, checked)
    shown = outputs.write(call, cleaning, how)
    if call.json:
        repetitions = {"repetitions": held_out.repetitions}
        call.print_document("clean", {**outputs.to_json(shown), **rule.to_json(), **repetitions, **cleaning.to_json()})
        return
    print_cleaning(call, cleaning, output, repetitions=held_out.repetitions)
    if shown is not None:
        call.tell(f"{page}: {counted(shown.images, 'image')}, {shown.pictures:,} of them with a picture")
    _note_files(call, held_out, method, has_folds=bool(folds))
    if checked is not None and checked.by_experts is not None and checked.by_experts.note is not None:
        call.note(checked.by_experts.note)
    call.note_hashes("predictions", "original", "votes", "golden", "folds", "repeats")


def _check_method(method: CleaningMethod, noise: Path | None, votes: str | None, golden: str | None) -> None:
    """Refuse what goes with `posterior` alone, and two kinds of answers."""
    if method != "posterior":
        for option, given in (("--noise", noise), ("--votes", votes), ("--golden", golden)):
            if given is not None:
                raise click.UsageError(f"{option} goes with --method posterior.")
    if votes is not None and golden is not None:
        raise click.UsageError("Give --votes or --golden: the labels are checked by one of them.")


def _refuse_other_answers(original: LabelSets, files: Mapping[str, Path], answers: Mapping[str, Votes | None]) -> None:
    """Refuse an answer that was taken for a class, as all are where the question names none, and that no label has."""
    for part, votes in answers.items():
        if votes is None or votes.classes is None:
            continue
        others = [
            votes.classes.label(class_id) for class_id in np.setdiff1d(votes.class_ids, original.indices).tolist()
        ]
        if others:
            known = [original.classes.label(class_id) for class_id in np.unique(original.indices).tolist()]
            raise DataError(
                "unknown-class",
                "answer is not a class of the labels",
                where=files[part],
                allowed=f"the class that is right for an image: {some(known, most=3)}; "
                "or, with a column class that holds the label, yes, maybe and no",
                found=some(others, most=3),
                fix="correct the answers, or leave these out",
            )


def _load_folds(call: Call, path: Path, benchmark: Benchmark) -> Folds:
    """The folds, their images called as the benchmark calls them."""
    folds = read_folds(call.read("folds", path))
    with at(path):
        return replace(folds, images=benchmark_names(folds.images, benchmark))


def _note_files(call: Call, held_out: HeldOutPredictions, method: CleaningMethod, *, has_folds: bool) -> None:
    """How each file was read, and whether it was checked to hold one fold."""
    for file in held_out.files:
        if has_folds and file.rows.size == len(held_out.labels):
            call.note(f"{file.name} holds all images, so that no fold of it is checked")
        kind = "" if method == "consistent" else _KINDS.get(file.kind, "")
        call.note(f"{file.name}: {file.predictions.detected}{kind}")
