"""Search for duplicate, unreadable, empty and tiny images in several sets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reassess.core import DuplicateCounts, Duplicates, LabelSets, count_duplicates
from reassess.core.checks import check_range
from reassess.data.class_folders import are_in_class_folders
from reassess.data.image_decoding import EMPTY_FILE
from reassess.data.image_sources import ImageSource, UnreadableReason, open_image_sets
from reassess.data.near_duplicates import (
    Fingerprint,
    FingerprintReader,
    ImageBatch,
    find_exact_groups,
    find_near_groups,
)
from reassess.data.worker_processes import map_in_processes
from reassess.errors import require_package
from reassess.text import Printable, count_noun

MIN_SIDE_PIXELS = 8  # pixels; an image with a shorter side is tiny
_BATCH_SIZE = 64  # images that a process reads at a time
_BATCHES_PER_WORKER = 4  # batches for each process
_MAX_IMAGES_WITHOUT_WORKERS = 256  # up to this many images are read without worker processes
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
        """Count the images of a set with a problem, such as "tiny"."""
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
    workers: int = 0,
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
    workers
        Number of worker processes that read images; up to 256 images are read in this process. With 1 or more, a script
        must call this function under ``if __name__ == "__main__"``.
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
    with require_package("pillow", extra="scan", purpose="reading images"):
        import PIL  # noqa: F401 - only to check that it is installed
    check_range(smallest_side, 1, value_name="smallest side of an image")
    check_range(workers, 0, _MAX_WORKERS, value_name="number of workers")
    sources = open_image_sets(paths)
    images = _read_fingerprints(sources, find_near_duplicates, workers, progress)
    readable = [image for image in images if isinstance(image.fingerprint_or_reason, Fingerprint)]
    fingerprints = [
        image.fingerprint_or_reason for image in readable if isinstance(image.fingerprint_or_reason, Fingerprint)
    ]
    groups = [("exact", group) for group in find_exact_groups(fingerprints)]
    if find_near_duplicates:
        groups += [("near", group) for group in find_near_groups(fingerprints, partial(progress, "near duplicates"))]
    rows = [(readable[position], number, kind) for number, (kind, group) in enumerate(groups, 1) for position in group]
    rows += [
        (image, 0, kind)
        for image in images
        for kind in _find_image_problems(image.fingerprint_or_reason, smallest_side)
    ]
    sets = []
    for name, source in sources.items():
        duplicated = [image.name for image, number, _ in rows if number and image.set_name == name]
        classes = _find_class_names(duplicated, source, labels if source.source_path == Path(paths[0]) else None)
        reasons = [(image.name, image.fingerprint_or_reason) for image in images if image.set_name == name]
        unreadable = sorted(
            (image, reason) for image, reason in reasons if isinstance(reason, str) and reason != EMPTY_FILE
        )
        sets.append(ScannedSet(name, source.source_path, len(source), classes, tuple(unreadable)))
    labels_of = {scanned_set.name: scanned_set.classes or {} for scanned_set in sets}
    row_labels = [labels_of[image.set_name].get(image.name) for image, _, _ in rows]
    duplicates = Duplicates.from_columns(
        [image.set_name for image, _, _ in rows],
        [image.name for image, _, _ in rows],
        [number for _, number, _ in rows],
        [kind for _, _, kind in rows],
        row_labels if any(row_labels) else (),
    )
    return Scan(tuple(sets), duplicates, smallest_side)


class _ScannedImage(NamedTuple):
    """An image of a set, with its fingerprint, or the reason why it cannot be read."""

    set_name: str
    name: str
    fingerprint_or_reason: Fingerprint | UnreadableReason


def _read_fingerprints(
    sources: Mapping[str, ImageSource],
    needs_hashes: bool,
    workers: int,
    report_progress: Callable[[str, int, int], object],
) -> list[_ScannedImage]:
    """Read the fingerprints of all images, and sort them by set and name."""
    sets, names = list(sources.values()), list(sources)
    batches = [
        ImageBatch(set_id, range(len(source))[start : start + _BATCH_SIZE])
        for set_id, source in enumerate(sets)
        for start in range(0, len(source), _BATCH_SIZE)
    ]
    if sum(map(len, sets)) <= _MAX_IMAGES_WITHOUT_WORKERS:
        workers = 0
    scanned: list[_ScannedImage] = []
    read = FingerprintReader(sets, needs_hashes)
    with closing(
        map_in_processes(read, batches, workers, max_pending=_BATCHES_PER_WORKER * max(workers, 1))
    ) as results:
        for batch, contents in zip(batches, results, strict=True):
            set_name, images = names[batch.set_id], sets[batch.set_id].names
            rows = zip(batch.rows, contents, strict=True)
            scanned += [_ScannedImage(set_name, images[row], content) for row, content in rows]
            report_progress(set_name, batch.rows.stop, len(images))
    return sorted(scanned, key=lambda image: (image.set_name, image.name))  # the images of a list are not sorted


def _find_image_problems(fingerprint_or_reason: Fingerprint | UnreadableReason, smallest_side: int) -> Iterator[str]:
    """Yield which of "empty", "unreadable" and "tiny" apply to an image."""
    if isinstance(fingerprint_or_reason, str):
        yield "empty" if fingerprint_or_reason == EMPTY_FILE else "unreadable"
        return
    if fingerprint_or_reason.is_single_colour:
        yield "empty"
    if fingerprint_or_reason.shorter_side < smallest_side:
        yield "tiny"


def _find_class_names(images: Sequence[str], source: ImageSource, labels: LabelSets | None) -> Mapping[str, str] | None:
    """Return the class name of each image, from labels or class folders; None if there are neither."""
    if labels is not None:
        rows = labels.find(tuple(images)).tolist()
        labelled = [(image, row) for image, row in zip(images, rows, strict=True) if row >= 0]
        return {image: labels.classes.short_name(int(labels.indices[row])) for image, row in labelled}
    if not are_in_class_folders(source.names):
        return None
    return {image: image.replace("\\", "/").rpartition("/")[0].rpartition("/")[2] for image in images}
