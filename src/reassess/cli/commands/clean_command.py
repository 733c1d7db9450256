"""`reassess clean`: find wrong labels by the predictions of models that were not trained on the images."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
import numpy as np

from reassess.cleaning import LEAST_QUALITY, CleaningMethod, HeldOutPredictions, checked_truth
from reassess.cli.call import FILE, OUTPUT, Call, benchmark_words, call_options, free_name, percent, refuse_repeated
from reassess.cli.clean_outputs import CleaningOutputs, Kept
from reassess.cli.duplicate_inputs import load_groups
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.judges import load_original_judges
from reassess.cli.options import ParsedType, benchmark_option, match_option, output_option, prediction_options
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import matched
from reassess.cli.prediction_inputs import each_prediction
from reassess.cli.screen import print_table, say
from reassess.core import Benchmark, CheckedLabels, Cleaning, Folds, LabelNoise, LabelSets, Sample, Votes
from reassess.data import benchmark_names
from reassess.errors import DataError, at
from reassess.formats import read_folds, read_sample
from reassess.text import about, counted, shared, some

_SHOWN, _MOST_SHOWN = 5, 100  # wrong labels, mistakes, and classes; and mistakes with --verbose
_HOW_TO_DRAW = "clean --details ALL, then reassess tasks ALL --golden N"
_OF_KIND: dict[str | None, str] = {
    "logits": "; softmax of logits",
    "bounded": "; in [0, 1] without adding up to 1, so taken as logits",
}


@click.command(
    cls=Command,
    examples=[
        "reassess clean heldout.npz --original train.csv -o wrong.csv --details details.parquet",
        "reassess clean heldout.npz --original train.csv --choose precision=0.9 -o kept.txt",
    ],
    docs="docs/cleaning.md",
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@output_option("TABLE|TXT", "Write the wrong labels: csv, tsv, jsonl or parquet; or the kept images: txt.")
@click.option("--details", type=OUTPUT, metavar="TABLE", help="Write a row for each label: csv, tsv, jsonl or parquet.")
@click.option("--page", type=OUTPUT, metavar="HTML", help="Write a page of the worst labels with their images.")
@click.option("--images", type=FILE, metavar="DIR|ZIP|TAR", help="Images for --page.  [default: the benchmark's]")
@click.option(
    "--method",
    type=Choice(get_args(CleaningMethod)),
    default="posterior",
    show_default=True,
    help="Keep labels that are probably correct, that the held-out top-1 repeats, or that cleanlab has no issue with.",
)
@click.option(
    "--choose",
    "kept",
    type=ParsedType("threshold=P or precision=P", Kept.parse),
    metavar="threshold=P|precision=P",
    help="Of posterior: the least quality of a kept label, or the share of kept labels expected to be correct.  "
    f"[default: threshold={LEAST_QUALITY}]",
)
@benchmark_option
@in_benchmark("--original", metavar="NAME|FILE", help="The labels to clean.  [default: the benchmark's]")
@in_benchmark(
    "--golden",
    metavar="NAME|FILE",
    help="People's answers on labels of some images; with probability and stratum, of a random sample.  [none]",
)
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
    method: CleaningMethod,
    kept: Kept | None,
    benchmark: Benchmark | None,
    original: str | None,
    golden: str | None,
) -> None:
    """Find wrong labels from held-out predictions.

    Each FILE has a model's predictions for images that it was not trained on: those of a pretrained model for all
    images, or of your own model for the fold that it did not see. Files that together have each image once are a
    repetition; several repetitions or models count together. The folds and duplicates of a benchmark folder are
    checked: a file has one fold, and duplicates are in one fold.
    """
    refuse_repeated(files)
    if benchmark is None and original is None:
        raise click.UsageError("Give the labels to clean: --original FILE, or --benchmark FOLDER.")
    for option, given in (("--choose", kept), ("--golden", golden)):
        if given is not None and method != "posterior":
            raise click.UsageError(f"{option} goes with --method posterior.")
    if method == "confident":
        check_packages("confident", "--method confident")
    kept = kept or Kept()
    outputs = CleaningOutputs.checked(call, output, details, page, images, benchmark)
    source = matched(call, benchmark or Benchmark())
    judges = load_original_judges(call, source, original, golden)
    if judges.original is None:
        raise click.UsageError("The benchmark has no original labels: give --original FILE.")
    _refuse_other_answers(judges.original, judges.files, judges.experts)
    read = dict(each_prediction(call, files, judges))
    folds = _load_folds(call, judges.benchmark)
    groups = _load_duplicates(call, judges.benchmark, judges.original) if folds else []
    how = judges.benchmark.match or "path"
    held_out = HeldOutPredictions.of(read, judges.original, folds=folds, duplicates=groups, match=how)
    checked = None if judges.experts is None else checked_truth(judges.experts)
    cleaning = kept.find(held_out, method, checked, _load_sample(judges.files, judges.benchmark))
    shown = outputs.write(call, cleaning, how)
    if not outputs.lists_kept and not cleaning.kept.all():
        _next(call, output, benchmark)
    if call.json:
        results = {**outputs.to_json(shown), **kept.to_json(method), "repetitions": held_out.repetitions}
        call.print_document("clean", {**results, **cleaning.to_json()})
        return
    _print(call, cleaning, outputs, repetitions=held_out.repetitions)
    if shown is not None:
        call.tell(f"{page}: {counted(shown.images, 'image')}, {shown.pictures:,} of them with a thumbnail")
    _note_files(call, held_out, method, has_folds=bool(folds))
    if checked is not None and checked.by_experts is not None and checked.by_experts.note is not None:
        call.note(checked.by_experts.note)
    call.note_hashes("predictions", "original", "golden", "folds", "duplicates")


def _next(call: Call, output: Path, benchmark: Benchmark | None) -> None:
    """Let people check the labels: in a campaign, if the images are known."""
    if benchmark is None or "images" not in benchmark.sources:
        call.next("tasks", output, *benchmark_words(benchmark), "-o", free_name("tasks.jsonl"))
    else:
        call.next("annotate", "create", free_name(f"{output.stem}.db"), output, *benchmark_words(benchmark))


def _refuse_other_answers(original: LabelSets, files: Mapping[str, Path], answers: Votes | None) -> None:
    """Refuse an answer that was taken as a class, as all are if the question names none, and that no label has."""
    if answers is None or answers.classes is None:
        return
    others = [answers.classes.label(c) for c in np.setdiff1d(answers.class_ids, original.indices).tolist()]
    if others:
        known = [original.classes.label(class_id) for class_id in np.unique(original.indices).tolist()]
        raise DataError(
            "unknown-class",
            "answer is not a class of the labels",
            where=files["golden"],
            allowed=f"the correct class of an image: {some(known, most=3)}; "
            "or, with a column class that has the label, yes, maybe and no",
            found=some(others, most=3),
            fix="correct the answers, or delete these",
        )


def _load_sample(files: Mapping[str, Path], benchmark: Benchmark) -> Sample | None:
    """Which golden images were drawn at random, with the benchmark's image names."""
    sample = read_sample(files["golden"]) if "golden" in files else None
    return None if sample is None else sample.renamed(benchmark_names(sample.images, benchmark))


def _load_folds(call: Call, benchmark: Benchmark) -> list[Folds]:
    """The folds of a benchmark folder, with the benchmark's image names."""
    source = benchmark.sources.get("folds")
    if source is None:
        return []
    folds = read_folds(call.read("folds", Path(source)))
    with at(source):
        return [replace(folds, images=benchmark_names(folds.images, benchmark))]


def _load_duplicates(call: Call, benchmark: Benchmark, labels: LabelSets) -> list[tuple[str, ...]]:
    """The groups of duplicates of a benchmark folder."""
    source = benchmark.sources.get("duplicates")
    return [] if source is None else load_groups(call, source, labels, benchmark)[0]


def _note_files(call: Call, held_out: HeldOutPredictions, method: CleaningMethod, *, has_folds: bool) -> None:
    """Note how each file was read, and whether it was checked to have one fold."""
    kinds = {} if method == "consistent" else _OF_KIND
    for file in held_out.files:
        if has_folds and file.rows.size == len(held_out.labels):
            call.note(f"{file.name} has all images, so its folds are not checked")
    for line in shared({one.name: f"{one.predictions.detected}{kinds.get(one.kind, '')}" for one in held_out.files}):
        call.note(line)


def _print(call: Call, cleaning: Cleaning, outputs: CleaningOutputs, *, repetitions: int) -> None:
    """Print the number of wrong labels, the worst of them, the usual mistakes, and the classes that lose most."""
    kept, images = int(cleaning.kept.sum()), counted(len(cleaning), "image")
    if outputs.lists_kept:
        call.tell(f"{outputs.output}: {kept:,} of {images} kept, {percent(kept / len(cleaning))} %")
    else:
        call.tell(f"{outputs.output}: {len(cleaning) - kept:,} of {len(cleaning):,} labels are probably wrong")
    if repetitions > 1:
        call.tell(f"{repetitions} repetitions")
    if cleaning.noise is not None:
        call.tell(_share_in_words(cleaning.noise))
    call.tell("")
    if not outputs.lists_kept:
        _print_worst(call, cleaning)
    named = cleaning.classes.label
    mistakes = [] if cleaning.noise is None else cleaning.noise.largest(_MOST_SHOWN)
    mistakes = mistakes[: call.first_rows(len(mistakes), _SHOWN, "kinds of wrong labels")]
    if mistakes:
        cells = [[named(truth), named(label), about(count), percent(share)] for truth, label, count, share in mistakes]
        print_table(["true class", "label", "images (estimate)", "% of the class"], cells, text_columns=2)
        say("")
    lost = cleaning.by_class()
    shown = call.first_rows(len(lost), _SHOWN, "classes")
    rows = [
        [named(class_id), f"{count:,}", f"{wrong:,}", percent(wrong / count)] for class_id, count, wrong in lost[:shown]
    ]
    print_table(["class", "images", "dropped" if outputs.lists_kept else "wrong", "%"], rows)


def _print_worst(call: Call, cleaning: Cleaning) -> None:
    """The images with the worst labels."""
    rows = cleaning.dropped_rows
    if not rows.size:
        return
    rows = rows[: call.first_rows(rows.size, _SHOWN, "wrong labels")]
    named, cells = cleaning.classes.label, []
    for row in rows.tolist():
        suggested, quality = int(cleaning.suggested[row]), float(cleaning.label_quality[row])
        better = named(suggested) if suggested >= 0 else None
        cells.append([cleaning.images[row], named(int(cleaning.class_ids[row])), better, _quality(quality)])
    print_table(["image", "label", "suggested", "label quality"], cells, text_columns=3)
    say("")


def _quality(quality: float) -> str | None:
    if np.isnan(quality):
        return None
    return "<0.0001" if 0 < quality < 0.0001 else f"{quality:.4f}"


def _share_in_words(noise: LabelNoise) -> str:
    if noise.checked is not None and noise.checked.interval is not None:
        return _checked_in_words(noise.checked, noise.share)
    text = (
        f"about {percent(noise.share)} % of labels are wrong, if model and labels err almost independently; this may "
        "be far off if the model is poor or has learned the mistakes"
    )
    if noise.checked is None:
        return f"{text}\nto check a random sample: {_HOW_TO_DRAW}"
    return f"{text}\n{_unused_in_words(noise.checked)}"


def _unused_in_words(checked: CheckedLabels) -> str:
    """Why checked labels do not correct the share of wrong labels, and what would."""
    why = "they have no probability of being drawn, so they say nothing about other labels"
    if checked.drawn:
        part = f"{percent(checked.covered)} % of the labels"
        why = f"{checked.drawn:,} were drawn at random, but from {part}, so they do not give the share of all"
    following = f"to draw from all labels: {_HOW_TO_DRAW}"
    if checked.other_answers:
        images = counted(checked.other_answers, "image drawn at random has", "images drawn at random have")
        why = f"{images} answers, but not about the label, so there is no share of all"
        following = "let experts answer about the labels of these images"
    return f"{checked.checked:,} labels were checked, {checked.wrong:,} of them wrong; {why}\n{following}"


def _checked_in_words(checked: CheckedLabels, share: float) -> str:
    assert checked.interval is not None
    low, high = map(percent, checked.interval)
    text = (
        f"{checked.checked:,} labels were checked, {checked.wrong:,} of them wrong; {percent(share)} % of all are "
        f"wrong by the {checked.drawn:,} drawn at random and the model (95 % interval over draws: {low} to {high})"
    )
    if checked.agree:
        return text
    return f"{text}; the model alone says {percent(checked.by_model)} %, which the checked labels refute"
