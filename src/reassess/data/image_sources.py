"""Image sources: the images of a folder, archive or list, read by row."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_unicode, find_first_duplicate
from reassess.core.image_names import check_image_names
from reassess.data.image_decoding import describe_image_error, open_image, to_rgb
from reassess.data.image_folders import FolderImages, ImageFiles, escape_non_utf8, find_image_files, image_names
from reassess.errors import DataError
from reassess.formats.files import as_path, check_suffix, exists, read_lines
from reassess.formats.predictions.prediction_tables import read_image_names
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    from PIL import Image


_ARCHIVE_SUFFIXES = (".zip", ".tar")
_OTHER_ARCHIVE_SUFFIXES = (".zip", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
_LIST_SUFFIXES = (".txt", *TABLE_SUFFIXES)
_Result = TypeVar("_Result")
UnreadableReason = str  # why an image cannot be read
# What tells whether an image file has changed: size and modification time of the file or archive, digest of the image.
FILE_VERSION_DTYPE = np.dtype([("size", np.int64), ("mtime", np.int64), ("digest", np.uint64, (2,))])
FileVersions = npt.NDArray[Any]  # of the dtype FILE_VERSION_DTYPE
_DIGEST_BYTES = 16


@dataclass(frozen=True, eq=False, repr=False)
class ImageSource:
    """The images of a folder, archive or list, read by row. A source can be sent to another process."""

    source_path: Path  # the folder, archive or list
    names: tuple[str, ...]  # names of the images, sorted; from a list, in its order
    files: ImageFiles
    rows: tuple[int, ...]  # row of each image in `files`

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"ImageSource({self.source_path}, {len(self):,} images)"

    def image_file(self, row: int) -> str | BytesIO:
        """Return the path of an image, or its file in memory; raise `DataError` if the file cannot be read."""
        path = self.files.paths[self.rows[row]]
        if path != escape_non_utf8(path):
            raise DataError("invalid-text", "file name is not UTF-8", where=self.names[row], fix="rename the file")
        return self.files.image_file(self.rows[row])

    def size_and_mtime(self, row: int) -> tuple[int, int]:
        """Return the size and modification time of an image's file or archive; -1 and -1 for a missing file."""
        path = self.files.file_to_check_for_changes(self.rows[row])
        try:
            stat = os.stat(path)  # noqa: PTH116 - Path.stat raises other errors for some names
        except (OSError, ValueError):
            return -1, -1
        return stat.st_size, stat.st_mtime_ns

    def read_file(self, row: int) -> bytes:
        """Read the file of an image; raise `DataError` or `OSError` if the file cannot be read."""
        file = self.image_file(row)
        return file.getvalue() if isinstance(file, BytesIO) else Path(file).read_bytes()

    def read_file_sizes(self) -> dict[str, int]:
        """Return the size in bytes of each image's file or archive, by image name; -1 for a missing file."""
        return {name: self.size_and_mtime(row)[0] for row, name in enumerate(self.names)}

    def has_same_file(self, row: int, file_version: np.void, *, compares_content: bool) -> bool:
        """Return whether an image file still equals its recorded `file_version`; the time of a copy may differ."""
        size, mtime = self.size_and_mtime(row)
        if size != file_version["size"]:
            return False
        could_be_read = bool(file_version["digest"].any())  # otherwise the machine may have had a problem
        if not compares_content or (mtime == file_version["mtime"] and could_be_read):
            return True
        try:
            digest = _compute_digest(self.read_file(row))
        except (DataError, OSError):
            digest = 0, 0
        return digest == tuple(file_version["digest"].tolist())

    def select(self, rows: range) -> "ImageSource":
        """Return a source with only the images at some rows, which takes less time to send to another process."""
        selected = self.rows[rows.start : rows.stop]
        names, files = self.names[rows.start : rows.stop], self.files.select(selected)
        return ImageSource(self.source_path, names, files, tuple(range(len(selected))))


def open_images(path: str | Path) -> ImageSource:
    """Open the images of a folder, zip, tar or list.

    Folders and archives are read as by `list_images`. A list is a text file with one path per line, without comments,
    or a table with the column ``image`` (or another column that names images in a table of predictions). The paths are
    relative to the folder of the list. They are also the names of the images, with slashes for backslashes. A list of
    uncompressed tars, such as the shards of a WebDataset, contains all their images, in the order in which they are
    stored; names begin with the path of the tar, without its suffix.
    """
    path = as_path(path)
    if not exists(path):
        raise DataError(
            "folder-not-found",
            "folder, archive or list of images not found",
            where=path,
            fix="give the path of a folder, zip, tar or list",
        )
    if path.is_dir() or path.suffix.lower() in _ARCHIVE_SUFFIXES:
        files = find_image_files(path, raise_if_empty=True)
        names = image_names(files)
        rows = tuple(sorted(range(len(names)), key=names.__getitem__))
        names = tuple(names[row] for row in rows)
    else:
        names = tuple(line.replace("\\", "/") for line in _read_list(path))
        if any(name.lower().endswith((".tar", *_OTHER_ARCHIVE_SUFFIXES)) for name in names):
            _check_are_archives(path, names)
            files = find_image_files(path, archive_names=names, raise_if_empty=True)
            names = image_names(files)
        else:
            files = FolderImages(path.parent, names)
        rows = tuple(range(len(names)))
    check_image_names(names, str(path))
    if isinstance(files, FolderImages) and not any(exists(files.source_path / name) for name in names):
        if path.is_dir():
            raise DataError(
                "missing-images",
                "no image in the folder can be read",
                where=path,
                found=join_first(names, max_items=3),
            )
        raise DataError(
            "missing-images",
            "no image in the list was found",
            where=path,
            allowed="paths relative to the folder of the list",
            found=join_first(names, max_items=3),
            fix="write paths relative to the list, or move the list",
        )
    return ImageSource(path, names, files, rows)


def _read_list(list_path: Path) -> tuple[str, ...]:
    """Read the paths of images from a text file or table."""
    if check_suffix(list_path, (*_ARCHIVE_SUFFIXES, *_LIST_SUFFIXES), "a set of images") != ".txt":
        return read_image_names(list_path)
    lines = read_lines(list_path)
    names = {number: line for number, line in enumerate(lines, 1) if line.strip()}
    if not names:
        blank = count_noun(len(lines), "blank line")
        raise DataError(
            "missing-images", "list has no images", where=list_path, found=blank, fix="write a path on each line"
        )
    for number, line in names.items():
        _check_list_line(line, list_path, number)
    return tuple(names.values())


def _check_are_archives(list_path: Path, names: Sequence[str]) -> None:
    """Raise unless all paths of a list of archives are different, uncompressed tars."""
    if other := [name for name in names if name.lower().endswith(_OTHER_ARCHIVE_SUFFIXES)]:
        raise DataError(
            "wrong-suffix",
            "list contains compressed archives",
            where=list_path,
            allowed="paths of uncompressed tars, or paths of images",
            found=join_first(other, max_items=3),
            fix="decompress these archives, or pack their images as uncompressed tars",
        )
    if other := [name for name in names if not name.lower().endswith(".tar")]:
        raise DataError(
            "mixed-list",
            "list contains archives and images",
            where=list_path,
            allowed="paths of tars, or paths of images",
            found=join_first(other, max_items=3),
            fix="write one list of archives and one list of images",
        )
    if positions := find_first_duplicate([os.path.realpath(list_path.parent / name) for name in names]):
        raise DataError(
            "duplicate-archive",
            "archive is listed twice",
            where=list_path,
            found=" and ".join(names[position] for position in positions),
            fix="list each archive once",
        )


def _check_list_line(line: str, list_path: Path, line_number: int) -> None:
    """Raise if a line of a list of paths is a comment, or has blanks around the path.

    Such a line is allowed if a file has exactly this name.
    """
    is_comment = line.lstrip().startswith("#")
    if (is_comment or line != line.strip()) and not exists(list_path.parent / line.replace("\\", "/")):
        raise DataError(
            "invalid-name",
            "line of the list is not a path",
            where=f"{list_path}, line {line_number}",
            allowed="one path per line, without comments or blanks around it",
            found=repr(line),
            fix="remove the line" if is_comment else "remove the blanks",
        )


def open_image_sets(paths: Sequence[str | Path]) -> dict[str, ImageSource]:
    """Open several sets of images; return them by name, sorted."""
    check_is_collection(paths, value_name="paths of images")
    if not paths:
        raise DataError(
            "missing-images", "no images were given", fix="give a folder, zip, tar or list for each set of images"
        )
    _check_no_overlap([Path(path) for path in paths])
    # Use the name of a symlink, not of its target.
    names = make_set_names([os.path.abspath(path) for path in paths])  # noqa: PTH100
    check_unicode(names, value_name="the name of a set")
    return {name: open_images(path) for name, path in sorted(zip(names, paths, strict=True))}


def make_set_names(paths: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each path: the last part of the path, or more parts if two names would be equal."""
    pure_paths = [PurePath(path) for path in paths]
    names = [
        path.stem if path.suffix.lower() in (*_ARCHIVE_SUFFIXES, *_LIST_SUFFIXES) else path.name for path in pure_paths
    ]
    parts = 0
    while len(set(names)) < len(names):
        parts += 1
        names = [PurePath(*path.parts[-parts:]).as_posix() for path in pure_paths]
    return tuple(names)


def _check_no_overlap(paths: Sequence[Path]) -> None:
    """Raise if two paths are equal or one path is inside the other, since an image would be its own duplicate."""
    resolved = [Path(os.path.realpath(path)) for path in paths]
    for i, path in enumerate(paths):
        for j, other_path in enumerate(paths):
            if i < j and resolved[i] == resolved[j]:
                raise DataError(
                    "duplicate-set",
                    "set of images is given twice",
                    found=f"{path} and {other_path}",
                    fix="give this set once",
                )
            if resolved[j] in resolved[i].parents:
                raise DataError(
                    "nested-set",
                    "set of images is inside another set",
                    found=f"{path} in {other_path}",
                    fix="give only the outer folder, or each inner folder as a set",
                )


def process_image(
    source: ImageSource, row: int, process: "Callable[[Image.Image], _Result]"
) -> tuple[_Result | UnreadableReason, FileVersions]:
    """Decode an image as RGB and return the result of `process`, or why the image cannot be read.

    Also return the file's version: its size, modification time and digest.
    """
    content: bytes | None = None
    file_version = np.zeros((), FILE_VERSION_DTYPE)
    file_version["size"], file_version["mtime"] = source.size_and_mtime(row)
    try:
        content = source.read_file(row)
        file_version["digest"] = _compute_digest(content)
        with open_image(BytesIO(content)) as image:
            return process(to_rgb(image)), file_version
    except Exception as error:
        return describe_image_error(error, int(file_version["size"]) if content is None else len(content)), file_version


def _compute_digest(content: bytes) -> tuple[int, ...]:
    """Compute a digest of a file's content, as two integers."""
    digest = blake2b(content, digest_size=_DIGEST_BYTES).digest()
    return tuple(np.frombuffer(digest, np.uint64).tolist())
