"""`reassess scan`: find duplicate, unreadable, empty and tiny images."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    show_progress_bars,
)
from reassess.cli.distributed_runs import (
    dask_option,
    open_executor,
    print_share,
    reject_share_with_cluster,
    share_option,
)
from reassess.cli.help_pages import Command, benchmark_section_option
from reassess.cli.options import benchmark_option, count_usable_cores, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import NO_SOURCE, BenchmarkPartReader, find_images_path
from reassess.cli.screen import print_table, print_text
from reassess.core import UNUSABLE_KINDS, Benchmark, DuplicateCounts, LabelSets
from reassess.data import Scan, scan_images
from reassess.data.scanning import scan_share
from reassess.data.shares import RunShare
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.formats.simple_tables import DUPLICATES_SUFFIXES
from reassess.text import count_noun, join_first

_MAX_PRINTED_PAIRS = 20
_MAX_PRINTED_DIFFERING, _MAX_DIFFERING_IN_JSON = 10, 10_000  # pairs with different labels, printed and in JSON


@click.command(
    cls=Command,
    docs="docs/scan.md",
    examples=[
        "reassess scan photos pets/images --near -o duplicates.csv",
        "reassess scan --benchmark pets -o unusable.csv",
    ],
)
@click.argument("sources", nargs=-1, type=INPUT_PATH_TYPE, metavar="[SOURCE...]")
@output_option(
    "TABLE",
    "Write these images: csv, tsv or parquet, with the columns set, image, group, kind, label and other_labels.",
)
@click.option("--near", "finds_near_duplicates", is_flag=True, help="Also find near duplicates, which look the same.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Additional processes that read images; not used for few images.  [default: cores - 1]",
)
@share_option
@dask_option
@benchmark_option
@benchmark_section_option(
    "--original",
    metavar="NAME|FILE",
    help="Labels of the benchmark's images, to find duplicates whose labels differ.  [default: the benchmark's]",
)
@add_common_options
def scan(
    run: CommandRun,
    sources: tuple[Path, ...],
    output: Path,
    finds_near_duplicates: bool,
    workers: int | None,
    share: RunShare | None,
    cluster: str | None,
    benchmark: Benchmark | None,
    original: str | None,
) -> None:
    """Find duplicate, unreadable, empty and tiny images.

    Each SOURCE is a set of images: a folder, zip, tar or list, named after its folder or archive. The images of
    --benchmark are one more set. Exact duplicates have equal pixels, in any file format. Duplicates with different
    labels are signs of wrong labels; labels are the benchmark's original labels, or class folders. To continue an
    interrupted scan, repeat the command.
    """
    if not sources and benchmark is None:
        raise click.UsageError("Give a SOURCE, or --benchmark.")
    if benchmark is None and original is not None:
        raise click.UsageError("--original needs --benchmark.")
    reject_share_with_cluster(share, cluster, workers)
    check_packages("scan", "reading images")
    with UnfinishedRun("scan", output).allow_existing_outputs(share):
        run.check_output(output, DUPLICATES_SUFFIXES, "duplicates", benchmark=benchmark, part="duplicates")
    for source in sources:
        if source.is_file():
            run.add_input("images", source)
    images_paths, labels = _find_sources_and_labels(run, sources, benchmark, original)
    workers = count_usable_cores() - 1 if workers is None else workers
    if share is not None:
        with show_progress_bars(run) as progress:
            counts = scan_share(
                images_paths,
                share,
                find_near_duplicates=finds_near_duplicates,
                output=output,
                workers=workers,
                progress=progress,
            )
        print_share(run, "scan", share, output, counts)
        return
    with open_executor(cluster) as executor, show_progress_bars(run) as progress:
        scan_result = scan_images(
            images_paths,
            find_near_duplicates=finds_near_duplicates,
            labels=labels,
            output=output,
            force=run.force,
            workers=workers,
            executor=executor,
            progress=progress,
        )
    if (
        benchmark is not None
        and not sources
        and next(scan_result.duplicates.pairs_with_different_labels(), None) is not None
    ):
        campaign = find_unused_path(f"{output.stem}.db")
        run.suggest_command("annotate", "create", campaign, output, *make_benchmark_arguments(benchmark))
    elif benchmark is not None and scan_result.duplicates.count_groups():
        run.suggest_command(
            "folds",
            *make_benchmark_arguments(benchmark),
            "--duplicates",
            output,
            "-o",
            find_unused_path("folds.csv"),
        )
    if run.json:
        run.print_json("scan", {"output": str(output), "near": finds_near_duplicates, **_to_json(scan_result)})
    else:
        _print_scan(run, scan_result, output, has_near_duplicates=finds_near_duplicates)


def _find_sources_and_labels(
    run: CommandRun, sources: tuple[Path, ...], benchmark: Benchmark | None, original: str | None
) -> tuple[tuple[Path, ...], LabelSets | None]:
    """Add the benchmark's images as the first source, and read their labels."""
    if benchmark is None:
        return sources, None
    images = find_images_path(run, benchmark, needed_by="scan")
    labels = None if original == NO_SOURCE else BenchmarkPartReader(run, benchmark).read_original_labels(original)
    return (images, *(source for source in sources if source != images)), labels


def _to_json(scan: Scan) -> dict[str, Any]:
    duplicates = scan.duplicates
    return {
        "rows": len(duplicates),
        "groups": {kind: duplicates.count_groups(kind) for kind in ("exact", "near")},
        "largest_group": {kind: duplicates.largest_group_size(kind) for kind in ("exact", "near")},
        "smallest_side": scan.smallest_side,
        "sets": [
            {
                "set": image_set.name,
                "place": str(image_set.path),
                "images": image_set.n_images,
                **{kind: scan.count_images(image_set.name, kind) for kind in UNUSABLE_KINDS},
                "unreadable_images": [{"image": image, "reason": reason} for image, reason in image_set.unreadable],
            }
            for image_set in scan.sets
        ],
        "duplicates": [set_counts.to_json() for set_counts in scan.duplicate_counts],
        "other_label_pairs": [
            {"kind": pair.kind, "images": [pair.image, pair.duplicate], "labels": [pair.label, pair.duplicate_label]}
            for pair in islice(_iter_pairs_with_different_labels(scan), _MAX_DIFFERING_IN_JSON)
        ],
    }


def _print_scan(run: CommandRun, scan: Scan, output: Path, *, has_near_duplicates: bool) -> None:
    """Print a row for each set, and for each pair of sets with duplicates, then the notes."""
    counts = scan.duplicate_counts
    within_set = {
        set_counts.set_name: set_counts for set_counts in counts if set_counts.set_name == set_counts.other_set_name
    }
    between_sets = [
        set_counts
        for set_counts in counts
        if set_counts.set_name != set_counts.other_set_name and (set_counts.n_exact or set_counts.n_near)
    ]
    between_sets.sort(key=lambda set_counts: -set_counts.n_exact - set_counts.n_near)
    has_classes = any(set_counts.n_other_label is not None for set_counts in counts)
    rows: list[list[str | None]] = []
    for image_set in scan.sets:
        unusable_counts = [f"{scan.count_images(image_set.name, kind):,}" for kind in UNUSABLE_KINDS]
        rows.append(
            [
                image_set.name,
                f"{image_set.n_images:,}",
                *unusable_counts,
                *_format_count_cells(within_set[image_set.name], has_near_duplicates, has_classes),
            ]
        )
    for pair in between_sets[: run.limit_printed_rows(len(between_sets), _MAX_PRINTED_PAIRS, "pairs of sets")]:
        name = f"{pair.set_name}, duplicated in {pair.other_set_name}"
        rows.append([name, None, None, None, None, *_format_count_cells(pair, has_near_duplicates, has_classes)])
    optional = [*(["near"] if has_near_duplicates else []), *(["other label"] if has_classes else [])]
    print_table(["set", "images", *UNUSABLE_KINDS, "exact", *optional], rows)
    if differing_pairs := list(islice(_iter_pairs_with_different_labels(scan), _MAX_DIFFERING_IN_JSON)):
        print_text("")
        limit = run.limit_printed_rows(
            len(differing_pairs), _MAX_PRINTED_DIFFERING, "pairs of duplicates with different labels"
        )
        print_table(
            ["image", "label", "duplicate", "label of duplicate", "kind"], differing_pairs[:limit], n_text_columns=5
        )
    run.print_line(
        f"{output}: {count_noun(len(scan.duplicates), 'row')}, {_describe_groups(scan, has_near_duplicates)}"
    )
    unreadable = [
        f"{image} of {scanned.name} ({reason})" for scanned in scan.sets for image, reason in scanned.unreadable
    ]
    if unreadable:
        run.print_line(f"unreadable: {join_first(unreadable, max_items=len(unreadable) if run.verbose else 1)}")
    notes = ["exact: images with a pixel-identical copy"]
    if has_near_duplicates:
        notes.append("near: images with similar copies, but without identical copies")
    if has_classes:
        copy_text = "a duplicate" if has_near_duplicates else "an exact copy"
        notes.append(f"other label: {copy_text} has another label; one of the labels may be wrong")
    run.add_note("; ".join(notes))
    if not has_near_duplicates:
        run.add_note("to also find resized, cropped or compressed copies: --near")


class _LabelledPair(NamedTuple):
    """An image and a duplicate with their labels, and the kind of the duplicate: exact or near."""

    image: str
    label: str | None
    duplicate: str
    duplicate_label: str | None
    kind: str


def _iter_pairs_with_different_labels(scan: Scan) -> Iterator[_LabelledPair]:
    """Yield all pairs of an image and a duplicate with different labels."""
    duplicates = scan.duplicates

    def image_name(row: int) -> str:
        image = duplicates.images[row]
        return image if len(scan.sets) == 1 else f"{duplicates.sets[duplicates.set_ids[row]]}/{image}"

    for row, other_row in duplicates.pairs_with_different_labels():
        yield _LabelledPair(
            image_name(row),
            duplicates.labels[row],
            image_name(other_row),
            duplicates.labels[other_row],
            duplicates.kinds[row],
        )


def _format_count_cells(counts: DuplicateCounts, has_near_duplicates: bool, has_classes: bool) -> list[str | None]:
    near_cells = [f"{counts.n_near:,}"] if has_near_duplicates else []
    label_cell = None if counts.n_other_label is None else f"{counts.n_other_label:,}"
    return [f"{counts.n_exact:,}", *near_cells, *([label_cell] if has_classes else [])]


def _describe_groups(scan: Scan, has_near_duplicates: bool) -> str:
    """Describe the number of groups, and the size of the largest group."""
    texts = []
    for kind in ("exact", "near") if has_near_duplicates else ("exact",):
        largest = scan.duplicates.largest_group_size(kind)
        suffix = f" (largest: {largest:,} images)" if largest > 2 else ""
        texts.append(f"{count_noun(scan.duplicates.count_groups(kind), f'{kind} group')}{suffix}")
    return " and ".join(texts)
