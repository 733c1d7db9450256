"""`reassess labels`: make label sets from scores, or compare label sets."""

import shlex
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from reassess.aggregation import label_sets, with_golden_votes
from reassess.cli.call import OUTPUT, Call, benchmark_arguments, call_options, free_name, reject_repeated
from reassess.cli.evaluation_inputs import evaluation_labels_of
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.options import benchmark_option, match_option, output_option, save_settings
from reassess.cli.part_inputs import PartReader
from reassess.cli.tables.labels_table import class_table, comparison_to_json, print_comparison
from reassess.comparison import LabelDiff, OriginalChanges, label_agreement, label_diff, original_changes
from reassess.core import IMAGENET, Benchmark, LabelSets, MultiLabels, Scores
from reassess.data import SOURCES, in_benchmark_classes
from reassess.errors import DataError, Missing
from reassess.formats import write_labels
from reassess.formats.files import write_atomically
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.text import count_noun

if TYPE_CHECKING:
    import polars as pl


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
    "Write the label sets: json, csv, tsv, jsonl or parquet. For several SETS: a table with a row for each class.",
    required=False,
)
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="Classes with a score of at least T are valid.  [default: the benchmark's]",
)
@click.option(
    "--details",
    type=OUTPUT,
    metavar="TABLE",
    help="Write a row for each changed original label, with the new classes, scores and votes.",
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

    SCORES and SETS are files or known data, such as imagenet-real-scores and imagenet-real; by default, the scores of
    --benchmark. Label sets written into its folder become the benchmark's labels, and benchmark.json stores the
    threshold. Several SETS are compared in pairs: on how many images they agree, and what changed.
    """
    if len(files) > 1:
        if threshold is not None or original is not None or details is not None:
            raise click.UsageError("With several SETS, --threshold, --original and --details cannot be used.")
        _compare(call, files, by, output, benchmark)
        return
    if by is not None:
        raise click.UsageError("--by needs several SETS.")
    if threshold is None and benchmark is not None:
        threshold = benchmark.threshold
        if threshold is None:
            raise click.UsageError(f"Give --threshold T: {benchmark.name} has no threshold yet.")
    if not (files or benchmark):
        raise click.UsageError("Give one SCORES or --benchmark, --threshold T and -o LABELS; or several SETS.")
    if threshold is None:
        raise click.UsageError("--threshold T is missing.")
    if output is None and details is None:
        raise click.UsageError("Give -o LABELS, or --details TABLE to list only the changed labels.")
    call.check_output(output, (".json", *TABLE_SUFFIXES), "a label set", benchmark=benchmark, part="labels")
    call.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    parts, sets = _make_label_sets(
        call, benchmark, *files, threshold=threshold, original=original, with_votes=details is not None
    )
    original_labels = parts.get("original")
    changes = None if original_labels is None else original_changes(sets, original_labels)
    if details is not None and changes is None:
        raise DataError(
            "missing-labels",
            "--details needs original labels",
            fix="--original FILE, or original.csv in the benchmark's folder",
        )
    with write_atomically():
        if output is not None:
            write_labels(output, sets, force=call.force)
            save_settings(call, benchmark, output, "labels", threshold=threshold, match=call.reading.match)
        if details is not None and changes is not None:
            votes = parts.get("votes")
            if votes is not None:
                votes = with_golden_votes(votes, parts.get("rater-golden"), parts.get("golden"))
            table = changes.table(scores=parts["scores"], votes=votes)
            write_table(details, table, force=call.force)
            rows = count_noun(table.height, "row")
            if votes is not None and (by_experts := _count_without_votes(table, parts["scores"])):
                rows += f", {by_experts:,} without raters' votes: experts decided"
    if output is not None:
        into_benchmark = benchmark is not None and benchmark.folder is not None and benchmark.folder == output.parent
        call.suggest(
            "evaluate", "FILE...", *(benchmark_arguments(benchmark) if into_benchmark else ["--labels", output])
        )
    unrated = None if original_labels is None else len(sets) - len(parts["scores"].images)
    details_text = None if details is None else f"{details}: {rows}"
    _report(call, output, threshold, sets, unrated, changes, details_text, benchmark)


def _count_without_votes(table: "pl.DataFrame", scores: Scores) -> int:
    """Count changed images that experts decided without raters' votes; 0 if the file of scores does not say so."""
    questions, golden = scores.questions, scores.is_golden
    decided = set() if golden is None else {questions.images[i] for i in np.unique(questions.image_ids[golden])}
    rows = table.select("image", "votes", "new_votes").iter_rows()
    return sum(image in decided and old is None and new is None for image, old, new in rows)


def _make_label_sets(
    call: Call,
    benchmark: Benchmark | None,
    scores: str | None = None,
    *,
    threshold: float,
    original: str | None,
    with_votes: bool,
) -> tuple[dict[str, Any], LabelSets]:
    """Read scores, original labels and, with `with_votes`, votes; return them and the label sets."""
    reader = PartReader(call, benchmark)
    scores_read = reader.require("scores", scores)
    reader.recognize(scores_read.images)
    source = reader.benchmark.sources.get("original") if original is None else original
    if source is not None and source in SOURCES:  # downloaded if needed
        reader.read("original", call.resolve("original", source))
    else:
        reader.find_original(original)
    if with_votes:
        reader.find("votes")
        if reader.find("rater-golden") is not None:  # only experts' answers could be about images without scores
            reader.find_golden(None)
    parts = reader.join()
    sets = label_sets(parts["scores"], threshold, original=parts.get("original"))
    return parts, in_benchmark_classes(sets, reader.benchmark)


def _report(
    call: Call,
    output: Path | None,
    threshold: float,
    sets: LabelSets,
    unrated: int | None,
    changes: OriginalChanges | None,
    details: str | None,
    benchmark: Benchmark | None,
) -> None:
    results = {
        "file": None if output is None else str(output),
        "threshold": threshold,
        "images": len(sets),
        "labels": sets.indices.size,
        "empty_images": sets.n_empty_images,
        "unrated_images": unrated or 0,
        "original_labels": None if changes is None else {"images": changes.n_images, "changed": changes.counts},
        **({} if changes is not None else {"original_labels_reason": "original labels are missing"}),
    }
    if call.json:
        call.print_document("labels", results)
        return
    labels, images = count_noun(sets.indices.size, "label"), count_noun(len(sets), "image")
    result = f"{labels} on {images} (threshold {threshold:g})"
    call.info(f"{result}; -o LABELS writes them" if output is None else f"{output}: {result}")
    call.info(f"{count_noun(sets.n_empty_images, 'rated image has', 'rated images have')} no valid class")
    call.info(
        "unrated images are omitted"
        if unrated is None
        else f"{count_noun(unrated, 'unrated image keeps its', 'unrated images keep their')} original label"
    )
    if changes is not None:
        call.info(str(changes))
    if details is not None:
        call.info(details)
    if sets.n_empty_images and benchmark is not None and benchmark.folder is not None:
        table = free_name("more.csv")
        words = ["propose", "FILE...", "--unasked", "--top-k", 3, *benchmark_arguments(benchmark), "-o", table]
        call.info(f"to ask about other classes of images without a label: reassess {shlex.join(map(str, words))}")


def _read_sets(call: Call, files: tuple[str, ...], benchmark: Benchmark | None) -> list[LabelSets | MultiLabels]:
    """Read the label sets, and convert them to one class list and the benchmark's image names."""
    reader = PartReader(call, benchmark)
    for number, file in enumerate(files, 1):
        reader.read(f"labels {number}", call.resolve("labels", file))
    reader.recognize(reader.images)
    return list(reader.join(with_one_another=True).values())


def _compare(
    call: Call, files: tuple[str, ...], by: str | None, output: Path | None, benchmark: Benchmark | None
) -> None:
    """Compare label sets in pairs."""
    reject_repeated(map(Path, files))
    call.check_output(output, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    sets = dict(zip(files, _read_sets(call, files, benchmark), strict=True))
    incomplete = [file for file, labels in sets.items() if isinstance(labels, MultiLabels) and not labels.is_complete]
    if incomplete:
        call.find(IMAGENET.sources["original"])  # the labels that were reviewed
    pairs = list(combinations(files, 2))
    agreements = {(a, b): label_agreement(sets[a], sets[b]) for a, b in pairs}
    if output is not None:
        write_table(output, class_table(agreements), force=call.force)
    diffs = {(a, b): _compare_pair(a, b, sets) for a, b in pairs}
    if call.json:
        call.print_document("labels", comparison_to_json(agreements, diffs))
        return
    reviewed = [file for file, labels in sets.items() if isinstance(labels, MultiLabels)]
    print_comparison(call, agreements, diffs, reviewed=reviewed, by_class=by is not None)
    for file in incomplete:
        call.note(f"{file} reviews only the original label of each image")


def _compare_pair(first: str, second: str, sets: dict[str, LabelSets | MultiLabels]) -> LabelDiff | Missing:
    try:
        return label_diff(*(evaluation_labels_of(name, sets[name]) for name in (first, second)))
    except DataError as error:
        return Missing.because(error)
