"""`reassess folds`: split images into stratified folds."""

from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from reassess.cleaning import USUAL_FOLDS, make_folds
from reassess.cli.command_run import CommandRun, add_common_options, find_unused_path, make_benchmark_arguments
from reassess.cli.duplicate_inputs import load_duplicate_groups
from reassess.cli.help_pages import Command, benchmark_section_option
from reassess.cli.options import benchmark_option, match_option, output_option
from reassess.cli.part_inputs import BenchmarkPartReader, apply_match_option
from reassess.cli.screen import print_table
from reassess.core import IMAGENET, Benchmark, Folds, LabelSets
from reassess.formats import write_folds
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import count_noun

_MAX_FOLDS = 1000
_MAX_PRINTED_ROWS = 20  # printed rows
_DuplicateGroups = list[tuple[str, ...]]


@click.command(
    cls=Command,
    docs="docs/training.md",
    examples=[
        "reassess folds --benchmark pets --k 3 -o folds.csv",
        "reassess folds --original train.csv --duplicates copies.csv -o ten.parquet",
    ],
)
@output_option("FOLDS", "Write the folds: csv, tsv, jsonl or parquet.")
@click.option(
    "--k",
    type=click.IntRange(2, _MAX_FOLDS),
    default=USUAL_FOLDS,
    show_default=True,
    metavar="N",
    help="Number of folds.",
)
@click.option(
    "--duplicates",
    metavar="F[:SET]",
    help="Keep duplicates in the same fold. F: the table that `reassess scan` wrote. SET: the set in that "
    "table with the benchmark's images, if image names do not show which set this is.  [default: the benchmark's "
    "table]",
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="S", default=0, show_default=True, help="Seed of the random order."
)
@benchmark_option
@benchmark_section_option(
    "--original",
    metavar="NAME|FILE",
    help=f"The label of each image.  [default: the benchmark's; {IMAGENET.sources['original']} for ImageNet]",
)
@match_option
@add_common_options
def folds(
    run: CommandRun,
    output: Path,
    k: int,
    duplicates: str | None,
    seed: int,
    benchmark: Benchmark | None,
    original: str | None,
) -> None:
    """Split images into stratified folds.

    Each class is distributed evenly over the folds. For each fold, train a model on the other folds and predict its
    images. The same names, labels, duplicates and seed give the same folds; the order of images does not matter.
    """
    if benchmark is None and original is None:
        raise click.UsageError("Give the images and their labels: --benchmark or --original.")
    run.check_output(output, TABLE_SUFFIXES, "folds", benchmark=benchmark, part="folds")
    benchmark = apply_match_option(run, benchmark or Benchmark())
    labels = _load_original_labels(run, benchmark, original)
    duplicates = duplicates or benchmark.sources.get("duplicates")
    groups, unlabelled = ([], 0) if duplicates is None else load_duplicate_groups(run, duplicates, labels, benchmark)
    new_folds = make_folds(labels, k=k, duplicates=groups, seed=seed)
    write_folds(output, new_folds, force=run.force)
    if benchmark.folder is not None:
        held_out = [f"fold{fold}.npy" for fold in range(k)]
        run.suggest_command(
            "clean", *held_out, *make_benchmark_arguments(benchmark), "-o", find_unused_path("wrong.csv")
        )
    counts = _count_images_by_fold_and_class(new_folds, labels)
    if run.json:
        run.print_json(
            "folds", {"output": str(output), "seed": seed, **_to_json(new_folds, labels, counts, groups, unlabelled)}
        )
        return
    _print_folds(run, new_folds, labels, counts, output)
    if duplicates is not None:
        images = count_noun(_count_grouped_images(groups), "duplicate image")
        run.print_line(f"{images} in {count_noun(len(groups), 'group')}; each group is in one fold")
    if unlabelled:
        run.print_line(f"{count_noun(unlabelled, 'duplicate image')} without a label")
    run.print_inputs("original", "duplicates")


def _load_original_labels(run: CommandRun, benchmark: Benchmark, source: str | None) -> LabelSets:
    reader = BenchmarkPartReader(run, benchmark)
    if reader.read_original_labels(source) is None:
        reader.read_required("original", source)
    labels: LabelSets = reader.align_classes_and_images()["original"]
    return labels


def _count_images_by_fold_and_class(new_folds: Folds, labels: LabelSets) -> npt.NDArray[np.int64]:
    """Count images by fold and class: int64, shape (folds, classes with images)."""
    present, column = np.unique(labels.indices, return_inverse=True)
    counts = np.zeros((len(new_folds.distinct_fold_numbers), present.size), np.int64)
    np.add.at(counts, (new_folds.fold_numbers, column), 1)
    return counts


def _count_grouped_images(groups: _DuplicateGroups) -> int:
    """Count the different images in the groups."""
    return len(set(chain.from_iterable(groups)))


def _find_smallest_class_and_size(labels: LabelSets) -> tuple[int, int]:
    """Return the class with the fewest images, and its number of images."""
    present, counts = np.unique(labels.indices, return_counts=True)
    return int(present[counts.argmin()]), int(counts.min())


def _to_json(
    new_folds: Folds, labels: LabelSets, counts: npt.NDArray[np.int64], groups: _DuplicateGroups, n_unlabelled: int
) -> dict[str, Any]:
    class_id, smallest = _find_smallest_class_and_size(labels)
    return {
        "images": len(new_folds),
        "classes": counts.shape[1],
        "smallest_class": {"class": class_id, "name": labels.classes.short_name(class_id), "images": smallest},
        "folds": [
            {"fold": fold, "images": int(row.sum()), "classes": int(np.count_nonzero(row))}
            for fold, row in zip(new_folds.distinct_fold_numbers, counts, strict=True)
        ],
        "duplicates": {"groups": len(groups), "images": _count_grouped_images(groups), "unlabelled": n_unlabelled},
    }


def _print_folds(
    run: CommandRun, new_folds: Folds, labels: LabelSets, counts: npt.NDArray[np.int64], output: Path
) -> None:
    rows = [
        [str(fold), f"{row.sum():,}", f"{np.count_nonzero(row):,}", f"{row.min():,} to {row.max():,}"]
        for fold, row in zip(new_folds.distinct_fold_numbers, counts, strict=True)
    ]
    limit = run.limit_printed_rows(len(rows), _MAX_PRINTED_ROWS, "folds")
    print_table(["fold", "images", "classes", "images per class"], rows[:limit], n_text_columns=0)
    class_id, smallest = _find_smallest_class_and_size(labels)
    run.print_line(
        f"{output}: {count_noun(len(new_folds), 'image')} of {count_noun(counts.shape[1], 'class', 'classes')} "
        f"in {count_noun(len(rows), 'fold')}"
    )
    run.print_line(f"smallest class: {labels.classes.short_name(class_id)}, {count_noun(smallest, 'image')}")
