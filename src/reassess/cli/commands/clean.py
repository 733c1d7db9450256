"""`reassess clean`: which training images are worth keeping, by what models say of them when they are held out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation.golden import Golden
from reassess.cleaning.checked_labels import checked_truth
from reassess.cleaning.cleaning import (
    USUAL_KEEP,
    CleaningMethod,
    clean_by_confident_learning,
    clean_by_consistency,
    clean_by_posterior,
)
from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cli.common import Call, call_options, percent, refuse_repeated, tracked
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.inputs import (
    FILE,
    OUTPUT,
    answers_option,
    benchmark_option,
    each_prediction,
    match_option,
    prediction_options,
)
from reassess.cli.judges import matched
from reassess.cli.original_inputs import load_original_judges
from reassess.cli.screen import print_table
from reassess.core.benchmark import Benchmark
from reassess.core.cleaning import Cleaning
from reassess.core.folds import Folds
from reassess.core.image_names import Match
from reassess.core.items import Id
from reassess.core.label_noise import LabelNoise
from reassess.data.benchmark_images import benchmark_names
from reassess.errors import at
from reassess.formats.cleaning import CLEAN_LIST_SUFFIXES, write_clean_list, write_details, write_noise
from reassess.formats.files import all_or_none
from reassess.formats.folds import read_folds
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.report.figures import FIGURE_SUFFIXES
from reassess.report.noise_figure import draw_noise
from reassess.report.writing import REPORT_SUFFIXES, ShownMistakes
from reassess.report.wrong_labels_page import write_wrong_labels
from reassess.text import about, counted

__all__ = ["clean"]

_METHODS = ("posterior", "consistent", "confident")
_SHOWN, _MOST_SHOWN = 5, 100  # entries of the matrix of mistakes, and classes; and entries with --verbose
_PRECISION = "precision="
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
    type=Choice(_METHODS),
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
    benchmark: Benchmark | None,
    original: str | None,
    votes: str | None,
    golden: str | None,
    answers: tuple[Id, ...] | None,
    match: Match | None,
    **reading: Any,
) -> None:
    """Choose the training images that are worth keeping.

    Each HELDOUT holds what a model says of images that it was not trained on: of all images, or of one fold. Files
    that hold each image once are a repetition; several repetitions, or several models, count together. OUT lists the
    images that are kept.
    """
    refuse_repeated(files)
    _check_call(call, output, details, method, keep, at_least, benchmark, original, votes, golden)
    if (page is None) != (images is None):
        raise click.UsageError("--page and --images go together.")
    if noise is not None and method != "posterior":
        raise click.UsageError("--noise goes with --method posterior.")
    call.check_output(page, REPORT_SUFFIXES, "a page", benchmark=benchmark)
    call.check_output(noise, (*FIGURE_SUFFIXES, *TABLE_SUFFIXES), "a matrix of mistakes", benchmark=benchmark)
    given = {part: source for part, source in (("votes", votes), ("golden", golden)) if source is not None}
    judges = load_original_judges(
        call,
        matched(benchmark or Benchmark(), match),
        original,
        given,
        answers=answers,
        max_bytes=reading["max_bytes"],
    )
    if judges.original is None:
        raise click.UsageError("The benchmark has no original labels: give --original FILE.")
    parts = [_load_folds(call, path, judges.benchmark) for path in folds]
    read = dict(each_prediction(call, files, judges, **reading))
    held_out = HeldOutPredictions.of(read, judges.original, folds=parts, match=judges.benchmark.match or "path")
    checkers = judges.votes or judges.experts
    checked = None if checkers is None else checked_truth(checkers)
    cleaning = _cleaned(held_out, method, keep, at_least, checked)
    call.keep_inputs(output, details, page, noise)
    shown = _write(call, cleaning, output, details, noise, page, images, judges.benchmark.match or "path")
    if call.json:
        written = {"output": output, "details": details, "page": None if shown is None else page, "noise_file": noise}
        paths = {name: None if path is None else str(path) for name, path in written.items()}
        used = keep or (str(USUAL_KEEP) if method == "posterior" else None)
        how = {"method": method, "keep": used, "at_least": at_least, "repetitions": held_out.repetitions}
        found = cleaning.to_json()
        call.print_document("clean", {**paths, **how, **found})
        return
    _print(call, cleaning, held_out, output)
    if shown is not None:
        call.tell(f"{page}: {counted(shown.images, 'image')}, {shown.pictures:,} of them with a picture")
    for file in held_out.files:
        if folds and file.rows.size == len(held_out.labels):
            call.note(f"{file.name} holds all images, so that no fold of it is checked")
        kind = "" if method == "consistent" else _KINDS.get(file.kind, "")
        call.note(f"{file.name}: {file.predictions.detected}{kind}")
    if checked is not None and checked.by_experts is not None and checked.by_experts.note is not None:
        call.note(checked.by_experts.note)
    call.note_hashes("predictions", "original", "votes", "golden", "folds")


def _check_call(
    call: Call,
    output: Path,
    details: Path | None,
    method: CleaningMethod,
    keep: str | None,
    at_least: int | None,
    benchmark: Benchmark | None,
    original: str | None,
    votes: str | None,
    golden: str | None,
) -> None:
    """Refuse, before any work, what cannot be done."""
    if benchmark is None and original is None:
        raise click.UsageError("Give the labels to clean: --original FILE, or --benchmark FOLDER.")
    if at_least is not None and method != "consistent":
        raise click.UsageError("--at-least goes with --method consistent.")
    if method != "posterior" and any(given is not None for given in (keep, votes, golden)):
        raise click.UsageError("--keep, --votes and --golden go with --method posterior.")
    if votes is not None and golden is not None:
        raise click.UsageError("Give --votes or --golden: the labels are checked by one of them.")
    if keep is not None:
        _share(keep)
    call.check_output(output, CLEAN_LIST_SUFFIXES, "a clean list", benchmark=benchmark)
    call.check_output(details, TABLE_SUFFIXES, "details of cleaning", benchmark=benchmark)


def _share(keep: str) -> float:
    """The number in --keep, in [0, 1]."""
    try:
        share = float(keep.removeprefix(_PRECISION))
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise click.UsageError(f"--keep takes a number from 0 to 1, or {_PRECISION} and one: found {keep}.")
    return share


def _load_folds(call: Call, path: Path, benchmark: Benchmark) -> Folds:
    """The folds, their images called as the benchmark calls them."""
    folds = read_folds(call.read("folds", path))
    with at(path):
        return replace(folds, images=benchmark_names(folds.images, benchmark))


def _cleaned(
    held_out: HeldOutPredictions, method: CleaningMethod, keep: str | None, at_least: int | None, checked: Golden | None
) -> Cleaning:
    if method == "consistent":
        return clean_by_consistency(held_out, at_least=at_least)
    if method == "confident":
        return clean_by_confident_learning(held_out)
    if keep is not None and keep.startswith(_PRECISION):
        return clean_by_posterior(held_out, precision=_share(keep), checked=checked)
    return clean_by_posterior(held_out, keep=USUAL_KEEP if keep is None else _share(keep), checked=checked)


def _write(
    call: Call,
    cleaning: Cleaning,
    output: Path,
    details: Path | None,
    noise: Path | None,
    page: Path | None,
    images: Path | None,
    match: Match,
) -> ShownMistakes | None:
    """Write the list, and what else is asked for: all of it or nothing."""
    with all_or_none():
        write_clean_list(output, cleaning, force=call.force)
        if details is not None:
            write_details(details, cleaning, force=call.force)
        if noise is not None and cleaning.noise is not None:
            write = draw_noise if noise.suffix.lower() in FIGURE_SUFFIXES else write_noise
            write(noise, cleaning.noise, force=call.force)
        if page is None or images is None:
            return None
        if cleaning.kept.all():
            call.tell(f"{page} is not written: no image is dropped")
            return None
        return write_wrong_labels(
            page,
            cleaning,
            images,
            match=match,
            **call.record(),
            force=call.force,
            track=lambda names: tracked(call, names, "making pictures"),
        )


def _print(call: Call, cleaning: Cleaning, held_out: HeldOutPredictions, output: Path) -> None:
    kept = int(cleaning.kept.sum())
    call.tell(f"{output}: {kept:,} of {counted(len(cleaning), 'image')} kept, {percent(kept / len(cleaning))} %")
    if held_out.repetitions > 1:
        call.tell(f"{held_out.repetitions} repetitions")
    if cleaning.noise is not None:
        _print_noise(call, cleaning.noise)
    rows = [
        [cleaning.classes.label(class_id), f"{count:,}", f"{dropped:,}", percent(dropped / count)]
        for class_id, count, dropped in cleaning.by_class()
    ]
    shown = call.first_rows(len(rows), _SHOWN, "classes")
    call.tell("")
    print_table(["class", "images", "dropped", "%"], rows[:shown])


def _print_noise(call: Call, noise: LabelNoise) -> None:
    call.tell(
        f"about {percent(noise.share)} % of the labels are wrong, by an estimate that takes the mistakes of the model "
        "and of the labels for independent given the true class, or nearly; where it was checked it was off by 1 to 31 "
        "points (docs/cleaning.md): check a sample to be sure (--golden)"
        if noise.checked is None
        else _checked_in_words(noise)
    )
    rows = [
        [noise.classes.label(truth), noise.classes.label(label), about(count), percent(share)]
        for truth, label, count, share in noise.largest(_MOST_SHOWN if call.verbose else _SHOWN)
    ]
    if not rows:
        return
    call.tell("")
    print_table(["true class", "label", "images", "% of the class"], rows, text_columns=2)


def _checked_in_words(noise: LabelNoise) -> str:
    assert noise.checked is not None
    low, high = map(percent, noise.checked.interval)
    by_model = percent(noise.checked.by_model)
    found = f"{noise.checked.checked:,} labels were checked, {noise.checked.wrong:,} of them are wrong"
    share = (
        f"{percent(noise.share)} % of all are wrong by these and the model (95 % by a random sample: {low} to {high})"
    )
    if noise.checked.agree:
        return f"{found}; {share}"
    return f"{found}; {share}; the model alone would say {by_model} %, which the checked labels refute"
