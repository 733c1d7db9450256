"""`reassess folds`: split images into folds, each held out while a model is trained on the others."""

from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from reassess.cleaning import USUAL_FOLDS, make_folds
from reassess.cli.call import Call, benchmark_arguments, call_options, free_name
from reassess.cli.duplicate_inputs import load_groups
from reassess.cli.help_pages import Command, in_benchmark
from reassess.cli.options import benchmark_option, match_option, output_option
from reassess.cli.part_inputs import PartReader, with_match
from reassess.cli.screen import print_table
from reassess.core import IMAGENET, Benchmark, Folds, LabelSets
from reassess.formats import write_folds
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import counted

_MOST = 1000  # folds
_MOST_FOLDS = 20  # that are shown
_Groups = list[tuple[str, ...]]


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
    "--k", type=click.IntRange(2, _MOST), default=USUAL_FOLDS, show_default=True, metavar="N", help="Number of folds."
)
@click.option(
    "--duplicates",
    metavar="F[:SET]",
    help="Groups of duplicates, as scan writes them, each kept in one fold; SET is the set of these images, if their "
    "names do not tell.  [default: the benchmark's]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random order.")
@benchmark_option
@in_benchmark(
    "--original",
    metavar="NAME|FILE",
    help=f"The label of each image.  [default: the benchmark's; {IMAGENET.sources['original']} for ImageNet]",
)
@match_option
@call_options
def folds(
    call: Call,
    output: Path,
    k: int,
    duplicates: str | None,
    seed: int,
    benchmark: Benchmark | None,
    original: str | None,
) -> None:
    """Split images into stratified folds.

    Each fold has as many images of each class. A model is trained on all other folds, and predicts the images of its
    own. The same names, labels, duplicates and seed give the same folds, in any order of the images.
    """
    if benchmark is None and original is None:
        raise click.UsageError("Give the images and their labels: --benchmark or --original.")
    call.check_output(output, TABLE_SUFFIXES, "folds", benchmark=benchmark, part="folds")
    benchmark = with_match(call, benchmark or Benchmark())
    labels = _load_original(call, benchmark, original)
    duplicates = duplicates or benchmark.sources.get("duplicates")
    groups, others = ([], 0) if duplicates is None else load_groups(call, duplicates, labels, benchmark)
    made = make_folds(labels, k=k, duplicates=groups, seed=seed)
    write_folds(output, made, force=call.force)
    if benchmark.folder is not None:
        held_out = [f"fold{fold}.npy" for fold in range(k)]
        call.suggest("clean", *held_out, *benchmark_arguments(benchmark), "-o", free_name("wrong.csv"))
    counts = _counts(made, labels)
    if call.json:
        call.print_document(
            "folds", {"output": str(output), "seed": seed, **_to_json(made, labels, counts, groups, others)}
        )
        return
    _print(call, made, labels, counts, output)
    if duplicates is not None:
        images = counted(_in_groups(groups), "duplicate image")
        call.info(f"{images} in {counted(len(groups), 'group')}, each in one fold")
    if others:
        call.info(f"{counted(others, 'duplicate image')} without a label")
    call.print_inputs("original", "duplicates")


def _load_original(call: Call, benchmark: Benchmark, given: str | None) -> LabelSets:
    reader = PartReader(call, benchmark)
    if reader.find_original(given) is None:
        reader.require("original", given)
    labels: LabelSets = reader.join()["original"]
    return labels


def _counts(made: Folds, labels: LabelSets) -> npt.NDArray[np.int64]:
    """Images of each class in each fold, int64, shape (folds, classes that have an image)."""
    present, column = np.unique(labels.indices, return_inverse=True)
    counts = np.zeros((len(made.values), present.size), np.int64)
    np.add.at(counts, (made.numbers, column), 1)
    return counts


def _in_groups(groups: _Groups) -> int:
    """Number of images in a group."""
    return len(set(chain.from_iterable(groups)))


def _smallest(labels: LabelSets) -> tuple[int, int]:
    """The class with the fewest images, and how many it has."""
    present, counts = np.unique(labels.indices, return_counts=True)
    return int(present[counts.argmin()]), int(counts.min())


def _to_json(
    made: Folds, labels: LabelSets, counts: npt.NDArray[np.int64], groups: _Groups, others: int
) -> dict[str, Any]:
    class_id, smallest = _smallest(labels)
    return {
        "images": len(made),
        "classes": counts.shape[1],
        "smallest_class": {"class": class_id, "name": labels.classes.label(class_id), "images": smallest},
        "folds": [
            {"fold": fold, "images": int(row.sum()), "classes": int(np.count_nonzero(row))}
            for fold, row in zip(made.values, counts, strict=True)
        ],
        "duplicates": {"groups": len(groups), "images": _in_groups(groups), "unlabelled": others},
    }


def _print(call: Call, made: Folds, labels: LabelSets, counts: npt.NDArray[np.int64], output: Path) -> None:
    rows = [
        [str(fold), f"{row.sum():,}", f"{np.count_nonzero(row):,}", f"{row.min():,} to {row.max():,}"]
        for fold, row in zip(made.values, counts, strict=True)
    ]
    shown = call.row_limit(len(rows), _MOST_FOLDS, "folds")
    print_table(["fold", "images", "classes", "images per class"], rows[:shown], text_columns=0)
    class_id, smallest = _smallest(labels)
    call.info(
        f"{output}: {counted(len(made), 'image')} of {counted(counts.shape[1], 'class', 'classes')} "
        f"in {counted(len(rows), 'fold')}"
    )
    call.info(f"the smallest class, {labels.classes.label(class_id)}, has {counted(smallest, 'image')}")
