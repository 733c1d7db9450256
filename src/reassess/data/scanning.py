"""Search for duplicate, unreadable, empty and tiny images in several sets."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from reassess.core import DuplicateCounts, Duplicates, LabelSets, count_duplicates
from reassess.core.checks import check_range
from reassess.data.class_folders import are_in_class_folders
from reassess.data.image_decoding import EMPTY_FILE
from reassess.data.image_sources import ImageSource, UnreadableReason, open_image_sets
from reassess.data.near_duplicates import group_exact_duplicates, group_near_duplicates
from reassess.data.scan_runs import FingerprintTable, compute_fingerprints, list_versions, make_scan_shards
from reassess.data.shards import ShardCounts
from reassess.data.shares import RunShare
from reassess.data.unfinished_runs import UnfinishedRun
from reassess.errors import require_package
from reassess.formats.files import as_path, check_output
from reassess.formats.simple_tables import write_duplicates
from reassess.text import Printable, count_noun

MIN_SIDE_PIXELS = 8  # pixels; an image with a shorter side is tiny
_MAX_WORKERS = 1000


@dataclass(frozen=True)
class ScannedSet:
    """The result of a scan for one set of images."""

    name: str  # name of the set
    path: Path  # folder, archive or list of the set
    n_images: int  # number of images
    classes: Mapping[str, str] | None  # class of each image with duplicates; None if the set has no classes
    unreadable: tuple[tuple[str, UnreadableReason], ...]  # (image, reason) for each image that cannot be read


@dataclass(frozen=True, repr=False)
class Scan(Printable):
    """The result of a scan of several sets of images."""

    sets: tuple[ScannedSet, ...]  # the sets, sorted by name
    duplicates: Duplicates  # table of duplicate, unreadable, empty and tiny images
    smallest_side: int  # in pixels; an image with a shorter side is tiny

    @property
    def duplicate_counts(self) -> tuple[DuplicateCounts, ...]:
        """For each set, the number of its images with duplicates in the same set, and in each other set."""
        return count_duplicates(self.duplicates, {scanned_set.name: scanned_set.classes for scanned_set in self.sets})

    def count_images(self, set_name: str, problem: str) -> int:
        """Count the images in a set that have a problem, such as "tiny"."""
        is_set = np.array([other_name == set_name for other_name in self.duplicates.sets], bool)
        return int(np.count_nonzero(is_set[self.duplicates.set_ids] & self.duplicates.has_kind(problem)))

    @property
    def _headline(self) -> str:
        images = count_noun(sum(scanned_set.n_images for scanned_set in self.sets), "image")
        return (
            f"Scan({images} in {count_noun(len(self.sets), 'set')}, "
            f"{count_noun(self.duplicates.count_groups(), 'group')})"
        )


def scan_images(
    paths: Sequence[str | Path],
    *,
    find_near_duplicates: bool = False,
    labels: LabelSets | None = None,
    smallest_side: int = MIN_SIDE_PIXELS,
    output: str | Path | None = None,
    force: bool = False,
    workers: int = 0,
    executor: Executor | None = None,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> Scan:
    """Find duplicate, unreadable, empty and tiny images.

    Exact duplicates have the same size and the same RGB values, whatever their file formats. Images are read as by
    `predict`: not rotated, without transparency, and only the first image of a file. Near duplicates look the same,
    see the notes. An image is empty if its file has 0 bytes, or if all its pixels have the same colour.

    Parameters
    ----------
    paths
        A folder, zip, tar or list for each set of images, see `open_images`. A set is named after its path.
    find_near_duplicates
        Find near duplicates too.
    labels
        Labels of the images of the first path, to find duplicates with different labels. Without labels, and for the
        other paths, the class folders are the labels.
    smallest_side
        An image with a side of fewer pixels is tiny.
    output
        Write the table of these images: csv, tsv or parquet. Then an interrupted scan continues when you call it again:
        until the end, the folder ``OUTPUT.unfinished`` contains the finished part.
    force
        Replace an existing output.
    workers
        Number of additional processes that read images; up to 256 images are read only in this process. With 1 or more,
        a script must call this function under ``if __name__ == "__main__"``.
    executor
        An executor whose workers read the images, such as ``distributed.Client(ADDRESS).get_executor()``.
    progress
        Called with the name of a set or step, the number of images done, and the number of images.

    Returns
    -------
    Scan
        The result does not depend on the order of the paths or the number of workers. Groups are numbered from 1:
        exact groups first, in the order of their first image, where sets and images are sorted by name.

    Raises
    ------
    DataError
        A path cannot be read, or has no images; a path is listed twice, or is inside another; or a number is out of
        range.
    MissingPackageError
        Pillow is not installed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from PIL import Image
    >>> folder = Path(mkdtemp())
    >>> for name in ("train/cat/1.png", "train/dog/2.png", "val/cat/3.bmp"):
    ...     (folder / name).parent.mkdir(parents=True, exist_ok=True)
    ...     Image.radial_gradient("L").save(folder / name)
    >>> scan = scan_images([folder / "val", folder / "train"])
    >>> scan
    Scan(3 images in 2 sets, 1 group)
    >>> scan.duplicates.images_duplicated_elsewhere("val")
    ('cat/3.bmp',)

    Notes
    -----
    Two images are near if their perceptual hashes (pHash) differ in at most 10 of 64 bits, and the correlation of their
    grey thumbnails, 16 x 16 pixels, is 0.92 or more. To find cropped images, one of the two is also compared without a
    fortieth of its side at each edge. Groups are formed by single linkage: each image is near to another image of its
    group, but not always to all of them. A near group contains the exact copies of its images too.
    """
    _check_scan_options(smallest_side, workers)
    image_sets = open_image_sets(paths)
    with ExitStack() as stack:
        if output is not None:
            unfinished = UnfinishedRun("scan", as_path(output))
            check_output(unfinished.output, force=force)
        else:
            unfinished = UnfinishedRun("scan", Path(stack.enter_context(TemporaryDirectory())) / "scan")
        shards = make_scan_shards(image_sets, unfinished.shard_folder(), needs_hashes=find_near_duplicates)
        settings = _make_settings(image_sets, needs_hashes=find_near_duplicates)
        with unfinished.start_or_continue(settings, image_sets, shards, share=None):
            for part in shards:
                part.remove_damaged_shards()
            compute_fingerprints(
                shards,
                list(image_sets),
                needs_hashes=find_near_duplicates,
                workers=workers,
                share=None,
                executor=executor,
                report_progress=progress,
            )
            table = FingerprintTable.from_shards(
                image_sets, shards, unfinished.folder, needs_hashes=find_near_duplicates
            )
            groups = [("exact", group) for group in group_exact_duplicates(table.fingerprints)]
            if find_near_duplicates:
                near_groups = group_near_duplicates(table.fingerprints, partial(progress, "near duplicates"))
                groups += [("near", group) for group in near_groups]
            scan = _make_scan(table, groups, smallest_side, labels, Path(paths[0]))
            if output is not None:
                write_duplicates(output, scan.duplicates, force=force)
            unfinished.remove_folder()
    return scan


def scan_share(
    paths: Sequence[str | Path],
    share: RunShare,
    *,
    find_near_duplicates: bool = False,
    output: str | Path,
    workers: int = 0,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> ShardCounts:
    """Compute a share of the fingerprints that `scan_images` needs, in the folder ``OUTPUT.unfinished``."""
    _check_scan_options(MIN_SIDE_PIXELS, workers)
    image_sets = open_image_sets(paths)
    unfinished = UnfinishedRun("scan", as_path(output))
    shards = make_scan_shards(image_sets, unfinished.shard_folder(), needs_hashes=find_near_duplicates)
    settings = _make_settings(image_sets, needs_hashes=find_near_duplicates)
    with unfinished.start_or_continue(settings, image_sets, shards, share):
        for part in shards:
            part.remove_damaged_shards(share)
        compute_fingerprints(
            shards,
            list(image_sets),
            needs_hashes=find_near_duplicates,
            workers=workers,
            share=share,
            executor=None,
            report_progress=progress,
        )
        return ShardCounts.from_run(shards)


def _check_scan_options(smallest_side: int, workers: int) -> None:
    """Raise an error if Pillow is not installed, or if an option is out of range."""
    with require_package("pillow", extra="scan", purpose="reading images"):
        import PIL  # noqa: F401 - only to check that it is installed
    check_range(smallest_side, 1, value_name="smallest side of an image")
    check_range(workers, 0, _MAX_WORKERS, value_name="number of workers")


def _make_settings(image_sets: Mapping[str, ImageSource], *, needs_hashes: bool) -> dict[str, Any]:
    """Return everything that fingerprints depend on, except the images."""
    return {**list_versions(), "near": needs_hashes, "sets": list(image_sets)}


def _make_scan(
    table: FingerprintTable,
    groups: Sequence[tuple[str, Sequence[int]]],
    smallest_side: int,
    labels: LabelSets | None,
    labelled_path: Path,
) -> Scan:
    """Make the result of a scan. `groups` are groups of duplicates: their kind, and rows of readable images."""
    rows = [
        (*table.find_set_and_name(int(table.readable_images[position])), number, kind)
        for number, (kind, group) in enumerate(groups, 1)
        for position in group
    ]
    rows += [(*table.find_set_and_name(image), 0, problem) for image, problem in _find_problems(table, smallest_side)]
    reasons = [
        (*table.find_set_and_name(image), reason)
        for image, reason in table.unreadable_reasons.items()
        if reason != EMPTY_FILE
    ]
    sets = []
    for name, images in table.image_sets.items():
        duplicated = [image for set_name, image, number, _ in rows if number and set_name == name]
        classes = _find_class_names(duplicated, images, labels if images.source_path == labelled_path else None)
        unreadable = tuple((image, reason) for set_name, image, reason in reasons if set_name == name)
        sets.append(ScannedSet(name, images.source_path, len(images), classes, unreadable))
    labels_of = {scanned_set.name: scanned_set.classes or {} for scanned_set in sets}
    row_labels = [labels_of[set_name].get(image) for set_name, image, *_ in rows]
    set_names, image_names, numbers, kinds = zip(*rows, strict=True) if rows else ((), (), (), ())
    duplicates = Duplicates.from_columns(set_names, image_names, numbers, kinds, row_labels if any(row_labels) else ())
    return Scan(tuple(sets), duplicates, smallest_side)


def _find_problems(table: FingerprintTable, smallest_side: int) -> list[tuple[int, str]]:
    """List the number of each image that is unreadable, empty or tiny, with the problem, sorted."""
    problems = [
        (image, "empty" if reason == EMPTY_FILE else "unreadable") for image, reason in table.unreadable_reasons.items()
    ]
    for problem, has_problem in (
        ("empty", table.fingerprints["is_single_colour"]),
        ("tiny", table.fingerprints["shorter_side"] < smallest_side),
    ):
        problems += [(image, problem) for image in table.readable_images[np.flatnonzero(has_problem)].tolist()]
    return sorted(problems)


def _find_class_names(images: Sequence[str], source: ImageSource, labels: LabelSets | None) -> Mapping[str, str] | None:
    """Return the class name of each image, from labels or class folders; None without labels and class folders."""
    if labels is not None:
        rows = labels.find(tuple(images)).tolist()
        labelled = [(image, row) for image, row in zip(images, rows, strict=True) if row >= 0]
        return {image: labels.classes.short_name(int(labels.indices[row])) for image, row in labelled}
    if not are_in_class_folders(source.names):
        return None
    return {image: image.replace("\\", "/").rpartition("/")[0].rpartition("/")[2] for image in images}
