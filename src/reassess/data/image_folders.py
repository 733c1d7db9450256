"""Where images lie: those of a benchmark in a folder, zip or tar; and ImageNet's validation images.

These lie in class folders, in one folder, or in the archive as it is published.
"""

import os
import posixpath
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reassess.core.checks import first_repeat
from reassess.core.image_names import image_keys
from reassess.data.image_archives import TarImages, ZipImages
from reassess.data.pictures import refuse_too_long
from reassess.errors import DataError, ReassessWarning
from reassess.formats.files import check_input, suffix_of
from reassess.text import counted, some

SPLIT = "val"
ARCHIVE = "ILSVRC2012_img_val.tar"
# Of the formats that are read; a picture is then known by its content.
PICTURE_SUFFIXES = (".apng", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
# Of other formats of pictures, which are passed over and counted.
_OTHER_PICTURES = (
    *(".arw", ".avif", ".avifs", ".cr2", ".cr3", ".dcm", ".dds", ".dib", ".dng", ".eps", ".exr", ".fits"),
    *(".hdr", ".heic", ".heics", ".heif", ".hif", ".icns", ".ico", ".j2c", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl"),
    *(".jxr", ".nef", ".orf", ".pbm", ".pcx", ".pfm", ".pgm", ".pnm", ".ppm", ".psd", ".qoi", ".raf"),
    *(".ras", ".rw2", ".sgi", ".svg", ".tga", ".wdp", ".wmf", ".xbm", ".xcf", ".xpm"),
)
_HALF = re.compile("[\udc80-\udcff]")  # of a letter


@dataclass(frozen=True, eq=False)
class FolderImages:
    """Images in a folder, and in the folders in it."""

    place: Path  # the folder
    paths: tuple[str, ...]  # of each image in it, sorted by folder, then by name

    @classmethod
    def listed(cls, place: Path, is_image: Callable[[str], bool]) -> "FolderImages":
        """The images that a folder holds."""
        inner, names = _entries(place)
        listed = [("", name) for name in names]
        listed += [(folder, name) for folder in inner for name in _entries(place / folder)[1]]
        return cls(place, tuple(f"{folder}/{name}".lstrip("/") for folder, name in sorted(listed) if is_image(name)))

    def source(self, row: int) -> str:
        """Path of an image, for a loader; `DataError` if it would fill memory, or is not a file, such as a pipe."""
        path = self.place / self.paths[row]
        if not path.is_file():
            is_lacking = not os.path.lexists(path)
            raise DataError(
                "file-not-found" if is_lacking else "not-a-file",
                "image not found" if is_lacking else "image is not a file",
                where=path,
                fix="put the image in its place, or take it away",
            )
        refuse_too_long(path.stat().st_size, path)
        return str(path)


def list_images(place: str | Path) -> tuple[str, ...]:
    """Names of the images in a folder, the folders in it, or an archive (zip or uncompressed tar): relative, sorted.

    Pictures are known by their suffix; a `ReassessWarning` names formats that are not read, such as HEIC. Hidden files
    and ``__MACOSX`` are left out. A name that is spelled with slashes and with backslashes stands twice. Bytes that are
    not UTF-8 are written as in addresses, such as %E9. If all images of an archive lie in one folder that is called as
    the archive, names are relative to that folder.
    """
    return tuple(sorted(names_of(pictures_in(Path(place)))))


def pictures_in(place: Path, *, needed: bool = False) -> FolderImages | TarImages | ZipImages:
    """The images of `list_images`, of which each can be read; `DataError` if there is none and some are needed."""
    passed_over: Counter[str] = Counter()

    def is_picture(stored: str) -> bool:
        suffix = _suffix_in_sight(stored)
        passed_over.update([suffix] if suffix in _OTHER_PICTURES else [])
        return suffix in PICTURE_SUFFIXES

    images = _pictures_in(place, is_picture)
    counts = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(passed_over.items()))
    others = f"{counted(passed_over.total(), 'picture')} of formats that are not read: {counts}" if counts else ""
    if needed and not images.paths:
        raise DataError(
            "missing-images",
            "no image has a known format" if others else "no image was found",
            where=place,
            allowed=f"files of the suffixes {', '.join(PICTURE_SUFFIXES)}",
            found=others or _described(place),
            fix="save them in one of these formats" if others else "name the place where the pictures lie",
        )
    if others:
        warnings.warn(f"{place}: passed over {others}", ReassessWarning, stacklevel=2)
    return images


def _pictures_in(place: Path, is_picture: Callable[[str], bool]) -> FolderImages | TarImages | ZipImages:
    with _reading(place):
        is_folder = place.is_dir()
    if is_folder:
        return FolderImages(place, tuple(sorted(filter(is_picture, _walk(place)))))
    suffix = suffix_of(place, (".zip", ".tar"), "a set of images")
    check_input(place)
    return (ZipImages if suffix == ".zip" else TarImages).indexed(place, is_picture)


def names_of(images: FolderImages | TarImages | ZipImages) -> tuple[str, ...]:
    """What `list_images` calls each of some images, in their order."""
    names = tuple(in_text(_with_slashes(path)) for path in images.paths)
    top = "" if isinstance(images, FolderImages) else f"{images.place.stem}/"
    is_inside = all(name.startswith(top) for name in names)
    return tuple(name.removeprefix(top) for name in names) if is_inside else names


def find_images(root: Path, is_image: Callable[[str], bool]) -> FolderImages | TarImages:
    """The validation images of the first place that has any: ``root/val``, the archive in `root`, `root` itself."""
    for place in (root / SPLIT, root / ARCHIVE, root):
        images = _images_at(place, is_image)
        if images and images.paths:
            _refuse_duplicates(images.place, images.paths)
            return images
    raise DataError(
        "missing-images",
        "no ImageNet validation images were found",
        where=root,
        allowed=f"images or class folders of images, in a folder {SPLIT} or in the folder itself; or {ARCHIVE}",
        found=_described(root),
        fix=f"give the folder that holds {SPLIT} or the archive",
    )


def _images_at(place: Path, is_image: Callable[[str], bool]) -> FolderImages | TarImages | None:
    with _reading(place):
        is_folder, is_file = place.is_dir(), place.is_file()
    if is_folder:
        return FolderImages.listed(place, is_image)
    return TarImages.indexed(place, is_image) if is_file else None


def _walk(folder: Path, before: str = "", above: tuple[Path, ...] = ()) -> Iterator[str]:
    """Names of the files in a folder and below it; a link to a folder `above` it leads round in a circle."""
    inner, names = _entries(folder)
    yield from (before + name for name in names)
    above = (*above, folder.resolve())
    for name in inner:
        if not ((folder / name).is_symlink() and (folder / name).resolve() in above):
            yield from _walk(folder / name, f"{before}{name}/", above)


def _with_slashes(name: str) -> str:
    """A name as a relative path with slashes: ``./a.jpg`` is a.jpg."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/")


def in_text(path: str) -> str:
    """A path whose bytes that are not UTF-8 are written as in addresses, such as %E9."""
    return _HALF.sub(lambda half: f"%{ord(half[0]) - 0xDC00:02X}", path)


def _suffix_in_sight(stored: str) -> str:
    """The suffix of a file, in lower case; none of one that is hidden."""
    path = f"/{_with_slashes(stored)}"
    return "" if "/." in path or "/__MACOSX/" in path else posixpath.splitext(path)[1].lower()


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder."""
    names: tuple[list[str], list[str]] = ([], [])
    with _reading(folder), os.scandir(folder) as entries:
        for entry in entries:
            names[not _is_folder(entry)].append(entry.name)
    return names


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which cannot be opened either
        return False


@contextmanager
def _reading(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            "unreadable-file",
            "folder cannot be read",
            where=place,
            found=error.strerror,
            fix="check its path and permissions",
        ) from error


def _refuse_duplicates(place: Path, paths: Sequence[str]) -> None:
    if repeat := first_repeat(image_keys([path.rpartition("/")[2] for path in paths])):
        found = " and ".join(paths[position] for position in repeat)
        raise DataError("duplicate-image", "image is there twice", where=place, found=found, fix="keep one")


def _described(root: Path) -> str:
    if root.is_dir():
        inner, names = _entries(root)
        return some(sorted(inner + names)) or "an empty folder"
    return "an archive without images" if root.is_file() else "file not found or folder"
