"""`reassess labels`: cut label sets from scores, or show what changed between two label sets."""

from pathlib import Path

import click

from reassess.aggregation.thresholds import label_sets
from reassess.cli.common import Call, call_options, print_table
from reassess.cli.inputs import FILE, max_bytes_option
from reassess.comparison.label_changes import LabelDiff, label_diff
from reassess.core.benchmark import IMAGENET, Benchmark, benchmark_of
from reassess.core.labels import LabelSets
from reassess.data.loading import in_benchmark_classes, load_labels, load_original, load_scores
from reassess.formats.labels import write_labels
from reassess.formats.tables import TABLE_SUFFIXES

__all__ = ["labels"]

_MOST_CLASSES = 20


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SCORES | A B")
@click.option("--threshold", type=float, metavar="T", help="Keep each class with a score of at least T.")
@click.option(
    "--unrated",
    type=click.Choice(["original", "omit"]),
    help="What becomes of images that were never rated: they keep their original label, or are left out.  "
    "[default: original, if the images are ImageNet's or --original is given]",
)
@click.option(
    "--original",
    metavar="NAME|FILE",
    help=f"Original labels.  [default: {IMAGENET.sources['original']}, for ImageNet]",
)
@click.option("-o", "--output", type=FILE, metavar="LABELS", help="Where the label sets go: json, csv, parquet ...")
@click.option("--diff", is_flag=True, help="Show what changed from label set A to label set B.")
@max_bytes_option
@call_options
def labels(
    call: Call,
    files: tuple[str, ...],
    threshold: float | None,
    unrated: str | None,
    original: str | None,
    output: Path | None,
    diff: bool,
    max_bytes: int,
) -> None:
    """Cut label sets from scores, or show what changed between two label sets.

    SCORES, A and B are files or names of known data, such as imagenet-real-scores and imagenet-real.
    """
    if diff:
        if len(files) != 2 or any(option is not None for option in (threshold, unrated, original, output)):
            raise click.UsageError("--diff takes two label sets and no other option of this command.")
        _show_diff(call, *files)
        return
    if len(files) != 1 or threshold is None or output is None:
        raise click.UsageError("Give one SCORES, --threshold T and -o LABELS; or --diff and two label sets.")
    if unrated == "omit" and original is not None:
        raise click.UsageError("With --unrated omit, original labels have no use: leave --original out.")
    call.check_output(output, (".json", *TABLE_SUFFIXES), "a label set")
    scores = load_scores(call.resolve("scores", files[0]), max_bytes=max_bytes)
    benchmark = benchmark_of(scores.questions.images)
    known = _original(call, benchmark, unrated, original)
    cut = in_benchmark_classes(label_sets(scores, threshold, original=known), benchmark)
    call.keep_inputs(output)
    write_labels(output, cut, force=call.force)
    unrated_images = len(cut) - len(scores.questions.images)  # all others of the original labels
    _report(call, output, threshold, cut, unrated_images)


def _original(call: Call, benchmark: Benchmark, unrated: str | None, original: str | None) -> LabelSets | None:
    """The original labels, where unrated images are to keep them."""
    if unrated == "omit":
        return None
    source = benchmark.sources.get("original") if original is None else original
    if source is None:
        if unrated == "original":
            raise click.UsageError("--unrated original needs --original for images that are not ImageNet's.")
        return None
    return load_original(call.resolve("original", source))


def _report(call: Call, output: Path, threshold: float, cut: LabelSets, unrated: int) -> None:
    results = {
        "file": str(output),
        "threshold": threshold,
        "images": len(cut),
        "labels": cut.indices.size,
        "empty_images": cut.empty_images,
        "unrated_images": unrated,
    }
    if call.json:
        call.print_document("labels", results)
        return
    call.note(f"{output}: {cut.indices.size:,} labels on {len(cut):,} images, at a threshold of {threshold:g}")
    call.note(f"{cut.empty_images:,} rated images have no label")
    call.note(
        f"{unrated:,} images were never rated and keep their original label"
        if unrated
        else "images that were never rated are left out"
    )


def _show_diff(call: Call, first: str, second: str) -> None:
    sets = [load_labels(call.resolve("labels", given)) for given in (first, second)]
    diff = label_diff(*sets)
    if call.json:
        call.print_document("labels", {"first": first, "second": second, **diff.to_json()})
        return
    _print_diff(call, diff)


def _print_diff(call: Call, diff: LabelDiff) -> None:
    rows: list[list[str | None]] = [
        ["images in both", f"{diff.images:,}"],
        ["images whose set changed", f"{len(diff.added):,}"],
        ["became empty", f"{diff.emptied:,}"],
        ["no longer empty", f"{diff.filled:,}"],
        ["images in the first only", f"{len(diff.only_first):,}"],
        ["images in the second only", f"{len(diff.only_second):,}"],
        ["labels in both", f"{diff.both:,}"],
        ["labels added", f"{diff.added.indices.size:,}"],
        ["labels removed", f"{diff.removed.indices.size:,}"],
        ["Jaccard index of the labels", None if diff.jaccard is None else f"{diff.jaccard:.4f}"],
    ]
    print_table(["from the first to the second", ""], rows)
    changes = diff.by_class()
    if changes:
        classes = diff.added.classes
        shown = list(changes.items())[:_MOST_CLASSES]
        click.echo()
        print_table(
            ["class", "name", "added", "removed"],
            [[i, classes.label(i), added, removed] for i, (added, removed) in shown],
            text_columns=2,
        )
    if len(changes) > _MOST_CLASSES:
        call.note(f"and {len(changes) - _MOST_CLASSES:,} more classes; --json lists every class and image")
