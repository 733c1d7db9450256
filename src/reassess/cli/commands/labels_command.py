"""`reassess labels`: cut label sets from scores, show what changed between two, or how far several agree."""

from itertools import chain, combinations
from pathlib import Path

import click

from reassess.aggregation.thresholds import label_sets
from reassess.cli.common import Call, call_options, refuse_repeated
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.inputs import OUTPUT, benchmark_option, keep_settings, match_option, max_bytes_option
from reassess.cli.judges import judging
from reassess.cli.part_inputs import joined_parts, matched, needed_part, read_classes_of, read_original_of
from reassess.cli.tables.labels_table import class_table, print_agreements, print_classes, print_diff, print_sayings
from reassess.comparison.label_agreement import label_agreement
from reassess.comparison.label_changes import label_diff
from reassess.core.benchmark import IMAGENET, Benchmark, benchmark_of
from reassess.core.classes import Classes
from reassess.core.common_classes import Classed
from reassess.core.image_names import Match
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.data.loading import (
    in_benchmark_classes,
    load_any_labels,
    load_original,
    load_scores,
)
from reassess.data.sources import SOURCES
from reassess.formats.archives import MAX_BYTES
from reassess.formats.files import write_atomically
from reassess.formats.label_files import write_labels
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import counted

__all__ = ["cut_labels", "labels"]


@click.command(
    cls=Command,
    docs="docs/labels.md",
    examples=[
        "reassess labels imagenet-real-scores --threshold 0.9 -o labels.json",
        "reassess labels --diff imagenet-real labels.json",
    ],
)
@click.argument("files", nargs=-1, metavar="[SCORES] | A B...")
@benchmark_option
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="Keep each class with a score of at least T.  [default: the benchmark's]",
)
@click.option(
    "--unrated",
    type=Choice(["original", "omit"]),
    help="What becomes of images that were never rated: they keep their original label, or are left out.  "
    "[default: original, where there are original labels]",
)
@in_benchmark(
    "--original",
    metavar="NAME|FILE",
    help=f"Original labels.  [default: the benchmark's; {IMAGENET.sources['original']} for ImageNet]",
)
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    metavar="OUT",
    help="Where the label sets go: json, csv, parquet ...; with --agree, a table with a row for each class.",
)
@click.option("--diff", is_flag=True, help="Show what changed from label set A to label set B.")
@click.option("--agree", is_flag=True, help="Show how far label sets agree, for every two of them.")
@click.option("--by", type=Choice(["class"]), help="With --agree, show it for each class too.")
@match_option
@max_bytes_option
@call_options
def labels(
    call: Call,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    threshold: float | None,
    unrated: str | None,
    original: str | None,
    output: Path | None,
    diff: bool,
    agree: bool,
    by: str | None,
    match: Match | None,
    max_bytes: int,
) -> None:
    """Cut label sets from scores, show what changed between two, or how far several agree.

    SCORES, A and B are files or names of known data, such as imagenet-real-scores and imagenet-real; SCORES may also be
    those of a --benchmark. Label sets that are written into its folder are its labels from then on, and its
    benchmark.json keeps the threshold.
    """
    cutting = any(option is not None for option in (threshold, unrated, original))
    if diff:
        if len(files) != 2 or cutting or agree or by or output is not None:
            raise click.UsageError("--diff takes two label sets and no other option of this command.")
        _show_diff(call, *files, benchmark, match)
        return
    if agree:
        if len(files) < 2 or cutting:
            raise click.UsageError("--agree takes two or more label sets, and of the other options --by and -o.")
        _show_agreement(call, files, by, output, benchmark, match)
        return
    if by is not None:
        raise click.UsageError("--by goes with --agree.")
    if threshold is None and benchmark is not None:
        threshold = benchmark.threshold
        if threshold is None:
            raise click.UsageError(f"Give --threshold T: {benchmark.name} has none yet; it is kept with the labels.")
    if len(files) > 1 or not (files or benchmark) or threshold is None or output is None:
        raise click.UsageError(
            "Give one SCORES or --benchmark, --threshold T and -o LABELS; or label sets and --diff or --agree."
        )
    if unrated == "omit" and original is not None:
        raise click.UsageError("With --unrated omit, original labels have no use: leave --original out.")
    call.check_output(output, (".json", *TABLE_SUFFIXES), "a label set", benchmark=benchmark, part="labels")
    cut, unrated_images = cut_labels(
        call,
        benchmark,
        *files,
        threshold=threshold,
        unrated=unrated,
        original=original,
        match=match,
        max_bytes=max_bytes,
    )
    with write_atomically():
        write_labels(output, cut, force=call.force)
        keep_settings(benchmark, output, "labels", threshold=threshold, match=match)
    _report(call, output, threshold, cut, unrated_images)


def cut_labels(
    call: Call,
    benchmark: Benchmark | None,
    scores: str | None = None,
    *,
    threshold: float,
    unrated: str | None = None,
    original: str | None = None,
    match: Match | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[LabelSets, int | None]:
    """Label sets cut from scores, as the options say; and how many images keep their original label, if any may."""
    path = needed_part(call, benchmark, "scores", scores)
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    of_file = load_scores(path, classes=classes, max_bytes=max_bytes)
    images_of = matched(benchmark_of(of_file.images) if benchmark is None else benchmark, match)
    given: dict[str, tuple[Path, Classed]] = {"scores": (path, of_file)}
    if (of_original := _original(call, images_of, unrated, original, classes)) is not None:
        given["original"] = of_original
    parts = joined_parts(given, images_of, classes)
    known = parts.get("original")
    cut = in_benchmark_classes(label_sets(parts["scores"], threshold, original=known), images_of)
    return cut, None if known is None else len(cut) - len(of_file.images)


def _original(
    call: Call, benchmark: Benchmark, unrated: str | None, original: str | None, classes: Classes | None
) -> tuple[Path, LabelSets] | None:
    """The original labels and their file, where unrated images are to keep them."""
    if unrated == "omit":
        return None
    source = benchmark.sources.get("original") if original is None else original
    if source is not None and source in SOURCES:
        path = call.resolve("original", source)  # fetched if need be
        return path, load_original(path, classes=classes)
    given = read_original_of(call, benchmark, original, classes)
    if given is None and unrated == "original":
        raise click.UsageError("--unrated original needs --original for images that are not ImageNet's.")
    return given


def _report(call: Call, output: Path, threshold: float, cut: LabelSets, unrated: int | None) -> None:
    results = {
        "file": str(output),
        "threshold": threshold,
        "images": len(cut),
        "labels": cut.indices.size,
        "empty_images": cut.empty_images,
        "unrated_images": unrated or 0,
    }
    if call.json:
        call.print_document("labels", results)
        return
    labels, images = counted(cut.indices.size, "label"), counted(len(cut), "image")
    call.tell(f"{output}: {labels} on {images}, at a threshold of {threshold:g}")
    call.tell(counted(cut.empty_images, "rated image has no label", "rated images have no label"))
    one, several = "image was never rated and keeps its", "images were never rated and keep their"
    call.tell(
        "images that were never rated are left out"
        if unrated is None
        else f"{counted(unrated, one, several)} original label"
    )


def _read_sets(
    call: Call, files: tuple[str, ...], benchmark: Benchmark | None, match: Match | None
) -> list[LabelSets | MultiLabels]:
    """What each file says is valid, all of it in one list of classes and with the benchmark's names of images."""
    classes = None if benchmark is None else read_classes_of(call, benchmark)
    given: dict[str, tuple[Path, Classed]] = {}
    for number, file in enumerate(files, 1):
        path = call.resolve("labels", file)
        given[f"labels {number}"] = path, load_any_labels(path, classes=classes, offline=call.offline)
    if benchmark is None:
        benchmark = benchmark_of(tuple(chain.from_iterable(sets.images for _, sets in given.values())))
    return list(joined_parts(given, matched(benchmark, match), classes, with_one_another=True).values())


def _show_diff(call: Call, first: str, second: str, benchmark: Benchmark | None, match: Match | None) -> None:
    files = first, second
    diff = label_diff(*map(judging, files, _read_sets(call, files, benchmark, match)))
    if call.json:
        call.print_document("labels", {"first": first, "second": second, **diff.to_json()})
        return
    print_diff(call, diff)


def _show_agreement(
    call: Call,
    files: tuple[str, ...],
    by: str | None,
    output: Path | None,
    benchmark: Benchmark | None,
    match: Match | None,
) -> None:
    refuse_repeated(map(Path, files))
    call.check_output(output, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    sets = dict(zip(files, _read_sets(call, files, benchmark, match), strict=True))
    partial = [given for given, its in sets.items() if isinstance(its, MultiLabels) and not its.complete]
    if partial:
        call.find(IMAGENET.sources["original"])  # on which the verdicts are
    agreements = {(a, b): label_agreement(sets[a], sets[b]) for a, b in combinations(files, 2)}
    if output is not None:
        write_table(output, class_table(agreements), force=call.force)
    if call.json:
        results = [{"first": a, "second": b, **agreement.to_json()} for (a, b), agreement in agreements.items()]
        call.print_document("labels", results)
        return
    print_agreements(call, agreements)
    for (a, b), agreement in agreements.items():
        if any(isinstance(sets[given], MultiLabels) for given in (a, b)):
            print_sayings(a, b, agreement)
    for (a, b), agreement in agreements.items():
        if by == "class":
            print_classes(call, f"{a} and {b}", agreement)
    for given in partial:
        call.note(f"{given} judges one class of an image, the original label: of others it is silent")
