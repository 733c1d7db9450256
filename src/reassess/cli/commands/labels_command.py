"""`reassess labels`: make label sets from scores, or compare label sets."""

from itertools import combinations
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import label_sets, with_golden_votes
from reassess.cli.call import OUTPUT, Call, benchmark_words, call_options, refuse_repeated
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.judges import judging
from reassess.cli.options import benchmark_option, keep_settings, match_option, output_option
from reassess.cli.part_inputs import PartReader
from reassess.cli.tables.labels_table import class_table, comparison_to_json, print_comparison
from reassess.comparison import LabelDiff, OriginalChanges, label_agreement, label_diff, original_changes
from reassess.core import IMAGENET, Benchmark, LabelSets, MultiLabels
from reassess.data import SOURCES, in_benchmark_classes
from reassess.errors import DataError, Missing
from reassess.formats import write_labels
from reassess.formats.files import write_atomically
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import counted


@click.command(
    cls=Command,
    docs="docs/labels.md",
    examples=[
        "reassess labels imagenet-real-scores --threshold 0.9 -o labels.json",
        "reassess labels imagenet-real labels.json",
    ],
)
@click.argument("files", nargs=-1, metavar="SCORES|SETS...")
@benchmark_option
@in_benchmark(
    "--original",
    metavar="NAME|FILE",
    help="Original labels, which unrated images keep; none: omit these images.  "
    f"[default: the benchmark's; {IMAGENET.sources['original']} for ImageNet]",
)
@output_option(
    "OUT",
    "Write the label sets: json, csv, tsv, jsonl or parquet. Of several SETS, a table with a row for each class.",
    required=False,
)
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="Keep each class with a score of at least T.  [default: the benchmark's]",
)
@click.option(
    "--details",
    type=OUTPUT,
    metavar="TABLE",
    help="Write a row for each changed original label: the new classes, scores and votes.",
)
@click.option("--by", type=Choice(["class"]), help="Compare SETS by class too.")
@match_option
@call_options
def labels(
    call: Call,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    original: str | None,
    output: Path | None,
    threshold: float | None,
    details: Path | None,
    by: str | None,
) -> None:
    """Make label sets from scores, or compare label sets.

    SCORES and SETS are files or names of known data, such as imagenet-real-scores and imagenet-real; without SCORES,
    they come from the --benchmark. Label sets that are written into its folder become its labels, and its
    benchmark.json keeps the threshold. Several SETS show what changed from one to another, and on how many images each
    two agree.
    """
    if len(files) > 1:
        if threshold is not None or original is not None or details is not None:
            raise click.UsageError("--threshold, --original and --details go with one SCORES.")
        _compare(call, files, by, output, benchmark)
        return
    if by is not None:
        raise click.UsageError("--by goes with several SETS.")
    if threshold is None and benchmark is not None:
        threshold = benchmark.threshold
        if threshold is None:
            raise click.UsageError(f"Give --threshold T: {benchmark.name} has none yet; it is kept with the labels.")
    if not (files or benchmark):
        raise click.UsageError("Give one SCORES or --benchmark, --threshold T and -o LABELS; or several SETS.")
    if threshold is None:
        raise click.UsageError("--threshold T is missing.")
    if output is None and details is None:
        raise click.UsageError("-o LABELS is missing; --details TABLE alone lists the changed labels.")
    call.check_output(output, (".json", *TABLE_SUFFIXES), "a label set", benchmark=benchmark, part="labels")
    call.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    parts, sets = _make(call, benchmark, *files, threshold=threshold, original=original, with_votes=details is not None)
    known = parts.get("original")
    changes = None if known is None else original_changes(sets, known)
    if details is not None and changes is None:
        raise DataError(
            "missing-labels",
            "--details needs original labels",
            fix="--original FILE, or original.csv in the benchmark's folder",
        )
    with write_atomically():
        if output is not None:
            write_labels(output, sets, force=call.force)
            keep_settings(call, benchmark, output, "labels", threshold=threshold, match=call.reading.match)
        if details is not None and changes is not None:
            votes = parts.get("votes")
            if votes is not None:
                votes = with_golden_votes(votes, parts.get("rater-golden"), parts.get("golden"))
            write_table(details, changes.table(scores=parts["scores"], votes=votes), force=call.force)
    if output is not None:
        into_benchmark = benchmark is not None and benchmark.folder is not None and benchmark.folder == output.parent
        call.next("evaluate", "FILE...", *(benchmark_words(benchmark) if into_benchmark else ["--labels", output]))
    unrated = None if known is None else len(sets) - len(parts["scores"].images)
    _report(call, output, threshold, sets, unrated, changes, details)


def _make(
    call: Call,
    benchmark: Benchmark | None,
    scores: str | None = None,
    *,
    threshold: float,
    original: str | None,
    with_votes: bool,
) -> tuple[dict[str, Any], LabelSets]:
    """The scores, the original labels if there are any, and votes if asked for; and the label sets."""
    reader = PartReader(call, benchmark)
    of_file = reader.need("scores", scores)
    reader.recognize(of_file.images)
    source = reader.benchmark.sources.get("original") if original is None else original
    if source is not None and source in SOURCES:  # fetched if need be
        reader.read("original", call.resolve("original", source))
    else:
        reader.find_original(original)
    if with_votes:
        reader.find("votes")
        if reader.find("rater-golden") is not None:  # experts' answers alone may be on images without scores
            reader.find_golden(None)
    parts = reader.joined()
    sets = label_sets(parts["scores"], threshold, original=parts.get("original"))
    return parts, in_benchmark_classes(sets, reader.benchmark)


def _report(
    call: Call,
    output: Path | None,
    threshold: float,
    sets: LabelSets,
    unrated: int | None,
    changes: OriginalChanges | None,
    details: Path | None,
) -> None:
    results = {
        "file": None if output is None else str(output),
        "threshold": threshold,
        "images": len(sets),
        "labels": sets.indices.size,
        "empty_images": sets.empty_images,
        "unrated_images": unrated or 0,
        "original_labels": None if changes is None else {"images": changes.n_images, "changed": changes.counts},
        **({} if changes is not None else {"original_labels_reason": "original labels are missing"}),
    }
    if call.json:
        call.print_document("labels", results)
        return
    labels, images = counted(sets.indices.size, "label"), counted(len(sets), "image")
    call.tell(f"{output or 'not written'}: {labels} on {images} (threshold {threshold:g})")
    call.tell(f"{counted(sets.empty_images, 'rated image')} without a label")
    call.tell(
        "unrated images are omitted"
        if unrated is None
        else f"{counted(unrated, 'unrated image keeps its', 'unrated images keep their')} original label"
    )
    if changes is not None:
        call.tell(str(changes))
    if changes is not None and details is not None:
        call.tell(f"{details}: {counted(len(changes), 'row')}")


def _read_sets(call: Call, files: tuple[str, ...], benchmark: Benchmark | None) -> list[LabelSets | MultiLabels]:
    """What each file says is valid, all of it in one list of classes and with the benchmark's names of images."""
    reader = PartReader(call, benchmark)
    for number, file in enumerate(files, 1):
        reader.read(f"labels {number}", call.resolve("labels", file))
    reader.recognize(reader.images)
    return list(reader.joined(with_one_another=True).values())


def _compare(
    call: Call, files: tuple[str, ...], by: str | None, output: Path | None, benchmark: Benchmark | None
) -> None:
    """Show how far every two label sets agree, and what changed between two."""
    refuse_repeated(map(Path, files))
    call.check_output(output, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    sets = dict(zip(files, _read_sets(call, files, benchmark), strict=True))
    partial = [given for given, its in sets.items() if isinstance(its, MultiLabels) and not its.complete]
    if partial:
        call.find(IMAGENET.sources["original"])  # the verdicts are on these
    pairs = list(combinations(files, 2))
    agreements = {(a, b): label_agreement(sets[a], sets[b]) for a, b in pairs}
    if output is not None:
        write_table(output, class_table(agreements), force=call.force)
    diffs = {(a, b): _diff(a, b, sets) for a, b in pairs}
    if call.json:
        call.print_document("labels", comparison_to_json(agreements, diffs))
        return
    reviewed = [given for given, its in sets.items() if isinstance(its, MultiLabels)]
    print_comparison(call, agreements, diffs, reviewed=reviewed, by_class=by is not None)
    for given in partial:
        call.note(f"{given} judges only the original label of each image")


def _diff(first: str, second: str, sets: dict[str, LabelSets | MultiLabels]) -> LabelDiff | Missing:
    try:
        return label_diff(*(judging(name, sets[name]) for name in (first, second)))
    except DataError as error:
        return Missing.because(error)
