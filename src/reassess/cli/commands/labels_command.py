"""`reassess labels`: make label sets from scores, or compare label sets."""

import shlex
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from reassess.aggregation import label_sets, with_golden_votes
from reassess.cli.command_run import (
    OUTPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    reject_repeated_files,
)
from reassess.cli.evaluation_inputs import to_evaluation_labels
from reassess.cli.help_pages import Choice, Command, benchmark_section_option
from reassess.cli.options import benchmark_option, match_option, output_option, save_settings
from reassess.cli.part_inputs import NO_SOURCE, BenchmarkPartReader, find_scores, require_part
from reassess.cli.tables.labels_table import comparison_to_json, make_class_dataframe, print_label_comparison
from reassess.comparison import LabelDiff, OriginalLabelChanges, label_agreement, label_diff, original_changes
from reassess.core import IMAGENET, Benchmark, LabelSets, MultiLabels, Scores
from reassess.data import SOURCES, map_to_benchmark_classes
from reassess.errors import DataError, MissingResult
from reassess.formats import write_labels
from reassess.formats.files import atomic_writes
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
@benchmark_section_option(
    "--original",
    metavar="NAME|FILE",
    help="Original labels, which unrated images keep. The value none omits unrated images.  "
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
    type=OUTPUT_PATH_TYPE,
    metavar="TABLE",
    help="Write a row for each changed original label, with the new classes, scores and votes.",
)
@click.option("--by", "breakdown", type=Choice(["class"]), help="Compare SETS by class too.")
@match_option
@add_common_options
def labels(
    run: CommandRun,
    files: tuple[str, ...],
    benchmark: Benchmark | None,
    original: str | None,
    output: Path | None,
    threshold: float | None,
    details: Path | None,
    breakdown: str | None,
) -> None:
    """Make label sets from scores, or compare label sets.

    SCORES and SETS are files or known data, such as imagenet-real-scores and imagenet-real; by default, the scores of
    --benchmark. SCORES can also be a folder that aggregate wrote. Label sets that are written into the benchmark folder
    become the benchmark's labels, and benchmark.json stores the threshold. Several SETS are compared in pairs: on
    how many images they agree, and what changed.
    """
    if len(files) > 1:
        if threshold is not None or original is not None or details is not None:
            raise click.UsageError("With several SETS, --threshold, --original and --details cannot be used.")
        _compare_label_sets(run, files, breakdown, output, benchmark)
        return
    if breakdown is not None:
        raise click.UsageError("--by needs several SETS.")
    if threshold is None and benchmark is not None:
        threshold = benchmark.threshold
        if threshold is None:
            raise click.UsageError(f"Give --threshold T: {benchmark.name} has no threshold yet.")
    if not (files or benchmark):
        raise click.UsageError(
            "Give SCORES (or --benchmark), --threshold T and -o LABELS. To compare label sets, give several SETS."
        )
    if threshold is None:
        raise click.UsageError("--threshold T is missing. To compare label sets, give several SETS.")
    if output is None and details is None:
        raise click.UsageError("Give -o LABELS, or --details TABLE to list only the changed labels.")
    run.check_output(output, (".json", *TABLE_SUFFIXES), "a label set", benchmark=benchmark, part="labels")
    run.check_output(details, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    if original is None and benchmark is not None and "sample" in benchmark.sources:
        original = NO_SOURCE
        run.add_note("the benchmark is about a sample, so images that were not drawn get no label set")
    reader = _read_scores_and_other_parts(run, benchmark, *files, original=original, needs_votes=details is not None)
    parts = reader.align_classes_and_images()
    sets = label_sets(parts["scores"], threshold, original=parts.get("original"))
    sets = map_to_benchmark_classes(sets, reader.benchmark)
    original_labels = parts.get("original")
    changes = None if original_labels is None else original_changes(sets, original_labels)
    if details is not None and changes is None:
        raise DataError(
            "missing-labels",
            "--details needs original labels",
            fix="--original FILE, or original.csv in the benchmark's folder",
        )
    with atomic_writes():
        if output is not None:
            write_labels(output, sets, force=run.force)
            save_settings(run, benchmark, output, "labels", threshold=threshold, match=run.reading_options.match)
        if details is not None and changes is not None:
            votes = parts.get("votes")
            if votes is not None:
                votes = with_golden_votes(votes, parts.get("rater-golden"), parts.get("golden"))
            table = changes.table(scores=parts["scores"], votes=votes)
            write_table(details, table, force=run.force)
            rows = count_noun(table.height, "row")
            if votes is not None and (by_experts := _count_changes_by_experts(table, parts["scores"])):
                rows += f", {by_experts:,} without raters' votes: experts decided"
    if output is not None:
        into_benchmark = benchmark is not None and benchmark.folder is not None and benchmark.folder == output.parent
        run.suggest_command(
            "evaluate", "FILE...", *(make_benchmark_arguments(benchmark) if into_benchmark else ["--labels", output])
        )
    unrated = None if original_labels is None else len(sets) - len(parts["scores"].images)
    details_text = None if details is None else f"{details}: {rows}"
    _print_label_sets(run, output, threshold, sets, unrated, changes, details_text, benchmark)


def _count_changes_by_experts(changes: "pl.DataFrame", scores: Scores) -> int:
    """Count the images whose label changed only because of experts' answers.

    Return 0 if the scores do not record which questions experts answered.
    """
    questions, golden = scores.questions, scores.is_golden
    decided = set() if golden is None else {questions.images[i] for i in np.unique(questions.image_ids[golden])}
    rows = changes.select("image", "votes", "new_votes").iter_rows()
    return sum(image in decided and old is None and new is None for image, old, new in rows)


def _read_scores_and_other_parts(
    run: CommandRun,
    benchmark: Benchmark | None,
    scores: str | None = None,
    *,
    original: str | None,
    needs_votes: bool,
) -> BenchmarkPartReader:
    """Return a reader that has read scores, original labels and, with `needs_votes`, votes."""
    reader = BenchmarkPartReader(run, benchmark)
    path = require_part(run, benchmark, "scores") if scores is None else find_scores(run, scores)
    scores_read = reader.read_part("scores", path)
    reader.set_benchmark_from_images(scores_read.images)
    source = reader.benchmark.sources.get("original") if original is None else original
    if source is not None and source in SOURCES:  # downloaded if needed
        reader.read_part("original", run.find_or_download_source("original", source))
    else:
        reader.read_original_labels(original)
    if needs_votes:
        reader.read_optional("votes")
        # Only experts' answers could be about images without scores.
        if reader.read_optional("rater-golden") is not None:
            reader.add_golden_parts(None)
    return reader


def _print_label_sets(
    run: CommandRun,
    output: Path | None,
    threshold: float,
    label_sets: LabelSets,
    n_unrated: int | None,
    changes: OriginalLabelChanges | None,
    details_text: str | None,
    benchmark: Benchmark | None,
) -> None:
    results = {
        "file": None if output is None else str(output),
        "threshold": threshold,
        "images": len(label_sets),
        "labels": label_sets.indices.size,
        "empty_images": label_sets.n_empty_images,
        "unrated_images": n_unrated or 0,
        "original_labels": None if changes is None else {"images": changes.n_images, "changed": changes.counts},
        **({} if changes is not None else {"original_labels_reason": "original labels are missing"}),
    }
    if run.json:
        run.print_json("labels", results)
        return
    labels, images = count_noun(label_sets.indices.size, "label"), count_noun(len(label_sets), "image")
    result = f"{labels} on {images} (threshold {threshold:g})"
    run.print_line(f"{result}; -o LABELS writes them" if output is None else f"{output}: {result}")
    run.print_line(f"{count_noun(label_sets.n_empty_images, 'rated image has', 'rated images have')} no valid class")
    run.print_line(
        "unrated images are omitted"
        if n_unrated is None
        else f"{count_noun(n_unrated, 'unrated image keeps its', 'unrated images keep their')} original label"
    )
    if changes is not None:
        run.print_line(str(changes))
    if details_text is not None:
        run.print_line(details_text)
    if label_sets.n_empty_images and benchmark is not None and benchmark.folder is not None:
        table = find_unused_path("more.csv")
        words = ["propose", "FILE...", "--unasked", "--top-k", 3, *make_benchmark_arguments(benchmark), "-o", table]
        command = shlex.join(map(str, words))
        run.print_line(f"to ask about more classes of images without a valid class: reassess {command}")


def _read_label_sets(
    run: CommandRun, files: tuple[str, ...], benchmark: Benchmark | None
) -> list[LabelSets | MultiLabels]:
    """Read the label sets, and convert them to one class list and to the benchmark's image names."""
    reader = BenchmarkPartReader(run, benchmark)
    for number, file in enumerate(files, 1):
        reader.read_part(f"labels {number}", run.find_or_download_source("labels", file))
    reader.set_benchmark_from_images(reader.images)
    return list(reader.align_classes_and_images(label_sets_must_share_images=True).values())


def _compare_label_sets(
    run: CommandRun, files: tuple[str, ...], breakdown: str | None, output: Path | None, benchmark: Benchmark | None
) -> None:
    """Compare all pairs of label sets, and print or write the results."""
    reject_repeated_files(map(Path, files))
    run.check_output(output, TABLE_SUFFIXES, "a table", benchmark=benchmark)
    sets = dict(zip(files, _read_label_sets(run, files, benchmark), strict=True))
    incomplete = [file for file, labels in sets.items() if isinstance(labels, MultiLabels) and not labels.is_complete]
    if incomplete:
        run.find_first_file_of_source(IMAGENET.sources["original"])  # the labels that were reviewed
    pairs = list(combinations(files, 2))
    agreements = {(a, b): label_agreement(sets[a], sets[b]) for a, b in pairs}
    if output is not None:
        write_table(output, make_class_dataframe(agreements), force=run.force)
    diffs = {(a, b): _diff_label_sets(a, b, sets) for a, b in pairs}
    if run.json:
        run.print_json("labels", comparison_to_json(agreements, diffs))
        return
    reviewed = [file for file, labels in sets.items() if isinstance(labels, MultiLabels)]
    print_label_comparison(run, agreements, diffs, label_sets_with_verdicts=reviewed, by_class=breakdown is not None)
    for file in incomplete:
        run.add_note(f"{file} has verdicts only on the original label of each image")


def _diff_label_sets(
    first_name: str, second_name: str, label_sets: dict[str, LabelSets | MultiLabels]
) -> LabelDiff | MissingResult:
    try:
        return label_diff(*(to_evaluation_labels(name, label_sets[name]) for name in (first_name, second_name)))
    except DataError as error:
        return MissingResult.from_error(error)
