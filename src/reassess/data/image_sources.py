"""The images of a folder, archive or list, in the order of their names, each read by its row; and several such sets."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from reassess.core.checks import check_several, check_text
from reassess.core.image_names import check_image_names
from reassess.data.image_folders import FolderImages, in_text, names_of, pictures_in
from reassess.data.pictures import fault_of, open_picture, rgb
from reassess.errors import DataError
from reassess.formats.files import as_path, exists, read_lines, suffix_of
from reassess.formats.predictions.prediction_tables import read_image_names
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import counted, some

if TYPE_CHECKING:
    from PIL import Image


_ARCHIVES = (".zip", ".tar")
_LISTS = (".txt", *TABLE_SUFFIXES)
_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False, repr=False)
class ImageSource:
    """Images by row; another process can have it too."""

    place: Path  # the folder, archive or list that was given
    names: tuple[str, ...]  # of each image, sorted; of a list in its order
    files: Any  # FolderImages, TarImages or ZipImages
    rows: tuple[int, ...]  # of each image, its row in `files`

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"ImageSource({self.place}, {len(self):,} images)"

    def file(self, row: int) -> str | BytesIO:
        """Path of an image, or its file in memory; `DataError` if it cannot be had."""
        path = self.files.paths[self.rows[row]]
        if path != in_text(path):
            raise DataError("invalid-text", "file name is not UTF-8", where=self.names[row], fix="rename the file")
        file: str | BytesIO = self.files.source(self.rows[row])
        return file

    def stamp(self, row: int) -> tuple[int, int]:
        """Size in bytes and time of change of an image's file, or of its archive; -1 if it is missing."""
        files = self.files
        path = files.place / files.paths[self.rows[row]] if isinstance(files, FolderImages) else files.place
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path raises an error of its own for some names
        except (OSError, ValueError):
            return -1, -1
        return found.st_size, found.st_mtime_ns


def open_images(place: str | Path) -> ImageSource:
    """The images of a folder, a zip or a tar, as for `list_images`, or those on a list.

    A list is a text file with one path a line, without comments, or a table with a column ``image`` (or another of
    those that name the images in predictions). Paths are relative to the folder of the list, and are the names of the
    images; backslashes are slashes.
    """
    place = as_path(place)
    if not exists(place):
        raise DataError(
            "folder-not-found",
            "image folder not found",
            where=place,
            fix="name the folder, zip, tar or list of the images",
        )
    if place.is_dir() or place.suffix.lower() in _ARCHIVES:
        files: Any = pictures_in(place, needed=True)
        names = names_of(files)
        rows = tuple(sorted(range(len(names)), key=names.__getitem__))
        names = tuple(names[row] for row in rows)
    else:
        names = tuple(path.replace("\\", "/") for path in _listed(place))
        files, rows = FolderImages(place.parent, names), tuple(range(len(names)))
    check_image_names(names, str(place))
    if isinstance(files, FolderImages) and not any(exists(files.place / name) for name in names):
        if place.is_dir():
            raise DataError(
                "missing-images", "no image of the folder can be read", where=place, found=some(names, most=3)
            )
        raise DataError(
            "missing-images",
            "no image of the list was found",
            where=place,
            allowed="paths relative to the folder of the list",
            found=some(names, most=3),
            fix="write the paths as seen from there, or put the list where they begin",
        )
    return ImageSource(place, names, files, rows)


def _listed(place: Path) -> tuple[str, ...]:
    if suffix_of(place, (*_ARCHIVES, *_LISTS), "a set of images") != ".txt":
        return read_image_names(place)
    lines = read_lines(place)
    names = {number: line for number, line in enumerate(lines, 1) if line.strip()}
    if not names:
        blank = counted(len(lines), "blank line")
        raise DataError(
            "missing-images", "list has no image", where=place, found=blank, fix="write a path on each line"
        )
    for number, line in names.items():
        _refuse_no_path(line, place, number)
    return tuple(names.values())


def _refuse_no_path(line: str, place: Path, number: int) -> None:
    """Refuse a comment, and blanks around a path, unless a file is called so."""
    is_comment = line.lstrip().startswith("#")
    if (is_comment or line != line.strip()) and not exists(place.parent / line.replace("\\", "/")):
        raise DataError(
            "invalid-name",
            "line of the list is not a path",
            where=f"{place}, line {number}",
            allowed="one path a line, without blanks around it and without comments",
            found=repr(line),
            fix="remove the line" if is_comment else "remove the blanks",
        )


def open_sets(places: Sequence[str | Path]) -> dict[str, ImageSource]:
    """The images of each place by the name of its set, see `names_of_sets`; sorted by that name."""
    check_several(places, what="places of images")
    if not places:
        raise DataError("missing-images", "images are missing", fix="name a folder, zip or tar for each set of images")
    _refuse_overlap([Path(place) for place in places])
    # A link is called by its own name.
    names = names_of_sets([os.path.abspath(place) for place in places])  # noqa: PTH100
    check_text(names, what="the name of a set")
    return {name: open_images(place) for name, place in sorted(zip(names, places, strict=True))}


def names_of_sets(paths: Sequence[str]) -> tuple[str, ...]:
    """Names of sets of images: the last part of the path, without an archive's suffix, or as many as needed."""
    last = [PurePath(path) for path in paths]
    names = [path.stem if path.suffix.lower() in (*_ARCHIVES, *_LISTS) else path.name for path in last]
    parts = 0
    while len(set(names)) < len(names):
        parts += 1
        names = [PurePath(*path.parts[-parts:]).as_posix() for path in last]
    return tuple(names)


def _refuse_overlap(places: Sequence[Path]) -> None:
    """Refuse a place that is another one too, or lies in it: each of its images would repeat itself."""
    resolved = [Path(os.path.realpath(place)) for place in places]
    for i, place in enumerate(places):
        for j, other in enumerate(places):
            if i < j and resolved[i] == resolved[j]:
                raise DataError(
                    "duplicate-set", "set of images is given twice", found=f"{place} and {other}", fix="give it once"
                )
            if resolved[j] in resolved[i].parents:
                raise DataError(
                    "nested-set",
                    "set of images is inside another set",
                    found=f"{place} in {other}",
                    fix="give the inner folders, each as a set, or the outer one alone",
                )


def read_picture(images: ImageSource, row: int, make: "Callable[[Image.Image], _Made]") -> _Made | str:
    """What is made of the picture of an image in red, green and blue; or why it cannot be read, in words."""
    file: str | BytesIO | None = None
    try:
        file = images.file(row)
        with open_picture(file) as picture:
            return make(rgb(picture))
    except Exception as error:
        return fault_of(error, len(file.getbuffer()) if isinstance(file, BytesIO) else images.stamp(row)[0])
