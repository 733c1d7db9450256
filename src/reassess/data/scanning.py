"""Find duplicates in sets of images, and images that cannot be read or show nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reassess.core import DuplicateCounts, Duplicates, LabelSets, count_duplicates
from reassess.core.checks import check_range
from reassess.data.benchmark_folders import are_in_class_folders
from reassess.data.image_sources import ImageSource, open_sets
from reassess.data.near_duplicates import Part, Print, Printer, exact_groups, near_groups
from reassess.data.pictures import EMPTY_FILE
from reassess.data.worker_processes import in_processes
from reassess.errors import importing
from reassess.text import Shown, counted

SMALLEST_SIDE = 8  # pixels, of an image that is not tiny
_PART = 64  # images that a process reads at a time
_AHEAD = 4  # parts for each process
_FEW = 256  # images for which no other process is begun
_MOST_WORKERS = 1000


@dataclass(frozen=True)
class ScannedSet:
    """One set of images that was scanned."""

    name: str  # what it is called among the sets
    place: Path  # its folder or archive
    images: int  # how many it holds
    classes: Mapping[str, str] | None  # the class of each image with duplicates; None if its classes are not known
    unreadable: tuple[tuple[str, str], ...]  # the images that could not be read, each with the reason


@dataclass(frozen=True, repr=False)
class Scan(Shown):
    """What was found in sets of images."""

    sets: tuple[ScannedSet, ...]  # each set, sorted by name
    duplicates: Duplicates  # what was found, as a table
    smallest_side: int  # an image with a shorter side, in pixels, is tiny

    @property
    def counts(self) -> tuple[DuplicateCounts, ...]:
        """How many images of each set have a duplicate in it, and in each other set."""
        return count_duplicates(self.duplicates, {each.name: each.classes for each in self.sets})

    def count(self, name: str, kind: str) -> int:
        """How many images of a set are of a kind."""
        of_set = np.array([each == name for each in self.duplicates.sets], bool)
        return int(np.count_nonzero(of_set[self.duplicates.set_ids] & self.duplicates.is_kind(kind)))

    @property
    def _headline(self) -> str:
        images = counted(sum(each.images for each in self.sets), "image")
        return f"Scan({images} in {counted(len(self.sets), 'set')}, {counted(self.duplicates.group_count(), 'group')})"


def scan_images(
    places: Sequence[str | Path],
    *,
    near: bool = False,
    labels: LabelSets | None = None,
    smallest_side: int = SMALLEST_SIDE,
    workers: int = 0,
    progress: Callable[[str, int, int], object] = lambda *_: None,
) -> Scan:
    """Find duplicate images, and those that are unreadable, empty or tiny.

    Exact duplicates have the same size and the same red, green and blue values, whatever their file formats, as
    `predict` reads them: not turned, without transparency, the first of several images in a file. Near duplicates look
    the same, see the notes. A file without a byte is empty, and so is an image of one colour.

    Parameters
    ----------
    places
        A folder, zip, tar or list for each set of images, see `open_images`. A set is called after its place.
    near
        Also find near duplicates.
    labels
        Labels of the images of the first place, which tell duplicates with other labels. Without them, and for other
        places, the class folders tell.
    smallest_side
        An image with a side of fewer pixels is tiny.
    workers
        How many processes read images; few images are read in this process. With 1 or more, a script must call this
        under ``if __name__ == "__main__"``.
    progress
        Is told the name of a set or step, how many images it is through with, and how many there are.

    Returns
    -------
    Scan
        The same whatever the order of the places and the number of workers. Groups are numbered from 1, the exact ones
        first, by the first image of each, sets and images sorted by name.

    Raises
    ------
    DataError
        A place cannot be read or holds no image; one is given twice, or lies in another; or a number is out of range.
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
    >>> scan.duplicates.duplicated_elsewhere("val")
    ('cat/3.bmp',)

    Notes
    -----
    Two images are near if their perceptual hashes (pHash) differ in at most 10 of 64 bits, and their thumbnails of
    16 x 16 shades of grey correlate at 0.92 or more; or if that holds for the one and for the other without a fortieth
    of it at each edge, for images that were cropped. What is near in steps is one group: an image of it is near to
    another one of it, and not always to all. A near group holds the exact copies of its images too.
    """
    with importing("pillow", extra="scan", purpose="reading images"):
        import PIL  # noqa: F401 - whether it is there
    check_range(smallest_side, 1, what="smallest side of an image")
    check_range(workers, 0, _MOST_WORKERS, what="number of workers")
    sources = open_sets(places)
    seen = _seen(sources, near, workers, progress)
    readable = [one for one in seen if isinstance(one.print, Print)]
    prints = [one.print for one in readable if isinstance(one.print, Print)]
    groups = [("exact", group) for group in exact_groups(prints)]
    if near:
        groups += [("near", group) for group in near_groups(prints, partial(progress, "near duplicates"))]
    rows = [(readable[position], number, kind) for number, (kind, group) in enumerate(groups, 1) for position in group]
    rows += [(one, 0, kind) for one in seen for kind in _faults(one.print, smallest_side)]
    sets = []
    for name, source in sources.items():
        images = [one.image for one, number, _ in rows if number and one.set == name]
        classes = _classes_of(images, source, labels if source.place == Path(places[0]) else None)
        reasons = [(one.image, one.print) for one in seen if one.set == name and isinstance(one.print, str)]
        unreadable = tuple(sorted((image, why) for image, why in reasons if why != EMPTY_FILE))
        sets.append(ScannedSet(name, source.place, len(source), classes, unreadable))
    labels_of = {each.name: each.classes or {} for each in sets}
    known = [labels_of[one.set].get(one.image) for one, _, _ in rows]
    duplicates = Duplicates.from_rows(
        [one.set for one, _, _ in rows],
        [one.image for one, _, _ in rows],
        [number for _, number, _ in rows],
        [kind for _, _, kind in rows],
        known if any(known) else (),
    )
    return Scan(tuple(sets), duplicates, smallest_side)


class _Seen(NamedTuple):
    """An image, and its print or why it cannot be read."""

    set: str
    image: str
    print: Print | str


def _seen(
    sources: Mapping[str, ImageSource], near: bool, workers: int, progress: Callable[[str, int, int], object]
) -> list[_Seen]:
    """All images, set by set, each set in the order of its names."""
    sets = list(sources.values())
    parts = [
        Part(i, range(len(each))[at : at + _PART]) for i, each in enumerate(sets) for at in range(0, len(each), _PART)
    ]
    if sum(map(len, sets)) <= _FEW:
        workers = 0
    names = list(sources)
    seen: list[_Seen] = []
    with closing(in_processes(Printer(sets, near), parts, workers, ahead=_AHEAD * max(workers, 1))) as results:
        for part, prints in zip(parts, results, strict=True):
            images = sets[part.set_id].names
            seen += [_Seen(names[part.set_id], images[row], each) for row, each in zip(part.rows, prints, strict=True)]
            progress(names[part.set_id], part.rows.stop, len(images))
    return sorted(seen, key=lambda one: (one.set, one.image))  # a list of images has an order of its own


def _faults(found: Print | str, smallest_side: int) -> Iterator[str]:
    """The kinds under which an image stands by itself."""
    if isinstance(found, str):
        yield "empty" if found == EMPTY_FILE else "unreadable"
        return
    if found.is_plain:
        yield "empty"
    if found.shorter_side < smallest_side:
        yield "tiny"


def _classes_of(images: Sequence[str], source: ImageSource, labels: LabelSets | None) -> Mapping[str, str] | None:
    """The class of each image, by labels, or else by its class folder; None if neither is known."""
    if labels is not None:
        rows = labels.find(tuple(images)).tolist()
        known = [(image, row) for image, row in zip(images, rows, strict=True) if row >= 0]
        return {image: labels.classes.label(int(labels.indices[row])) for image, row in known}
    if not are_in_class_folders(source.names):
        return None
    return {image: image.replace("\\", "/").rpartition("/")[0].rpartition("/")[2] for image in images}
