"""The image files of a folder, zip or tar; and ImageNet's validation images, as users store them.

ImageNet's validation images are in class folders, in one folder, or in the published archive.
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

from reassess.core.checks import find_first_duplicate
from reassess.core.image_names import image_keys
from reassess.data.image_archives import TarImages, TarListImages, ZipImages
from reassess.data.image_decoding import check_file_size
from reassess.errors import DataError, ReassessWarning
from reassess.formats.files import check_input, check_suffix
from reassess.text import count_noun, join_first

VALIDATION_FOLDER = "val"
VALIDATION_ARCHIVE = "ILSVRC2012_img_val.tar"
# Suffixes of the formats that reassess reads. The content decides how a file is read.
IMAGE_SUFFIXES = (".apng", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
# Suffixes of image formats that reassess does not read: such files are skipped and counted.
_UNSUPPORTED_SUFFIXES = (
    *(".arw", ".avif", ".avifs", ".cr2", ".cr3", ".dcm", ".dds", ".dib", ".dng", ".eps", ".exr", ".fits"),
    *(".hdr", ".heic", ".heics", ".heif", ".hif", ".icns", ".ico", ".j2c", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl"),
    *(".jxr", ".nef", ".orf", ".pbm", ".pcx", ".pfm", ".pgm", ".pnm", ".ppm", ".psd", ".qoi", ".raf"),
    *(".ras", ".rw2", ".sgi", ".svg", ".tga", ".wdp", ".wmf", ".xbm", ".xcf", ".xpm"),
)
_SURROGATE_PATTERN = re.compile("[\udc80-\udcff]")  # bytes of a file name that are not UTF-8


@dataclass(frozen=True, eq=False)
class FolderImages:
    """Images in a folder and its subfolders."""

    source_path: Path  # the folder
    paths: tuple[str, ...]  # path of each image in the folder, sorted by folder, then by name

    @classmethod
    def from_folder(cls, root: Path, is_image: Callable[[str], bool]) -> "FolderImages":
        """List the images of a folder, and of the folders directly in it."""
        subfolders, names = _list_folders_and_files(root)
        files = [("", name) for name in names]
        files += [(folder, name) for folder in subfolders for name in _list_folders_and_files(root / folder)[1]]
        return cls(root, tuple(f"{folder}/{name}".lstrip("/") for folder, name in sorted(files) if is_image(name)))

    def select(self, rows: Sequence[int]) -> "FolderImages":
        """Select the images at some rows, with an absolute path for processes that run in another folder."""
        return FolderImages(self.source_path.absolute(), tuple(self.paths[row] for row in rows))

    def image_file(self, row: int) -> str:
        """Return the path of an image; raise `DataError` for a missing, too large or irregular file."""
        path = self.source_path / self.paths[row]
        if not path.is_file():
            is_missing = not os.path.lexists(path)
            raise DataError(
                "file-not-found" if is_missing else "not-a-file",
                "image not found" if is_missing else "image is not a file",
                where=path,
                fix="restore the image, or remove it from the list or folder",
            )
        check_file_size(path.stat().st_size, path)
        return str(path)

    def file_to_check_for_changes(self, row: int) -> Path:
        """Return the image file; its size and time show whether the image has changed."""
        return self.source_path / self.paths[row]


ImageFiles = FolderImages | TarImages | ZipImages | TarListImages


def list_images(path: str | Path) -> tuple[str, ...]:
    """List the names of the images in a folder and its subfolders, or in a zip or uncompressed tar.

    Names are relative paths with slashes, sorted. Images are found by suffix; a `ReassessWarning` counts the files in
    unsupported formats, such as HEIC. Hidden files and ``__MACOSX`` are skipped. Bytes that are not UTF-8 are
    percent-encoded, for example as %E9. If an archive spells a name with slashes and again with backslashes, the name
    is in the result twice. If all images of an archive are in one folder with the name of the archive, names are
    relative to that folder.
    """
    return tuple(sorted(image_names(find_image_files(Path(path)))))


def find_image_files(
    source_path: Path, *, archive_names: Sequence[str] = (), raise_if_empty: bool = False
) -> ImageFiles:
    """Find the image files of a folder, zip or tar, or of several tars.

    For several tars, `source_path` is a list of tars, and `archive_names` are the paths in the list. `DataError` if
    there are no images and `raise_if_empty`.
    """
    unsupported: Counter[str] = Counter()
    outside: list[str] = []

    def is_image(path: str) -> bool:
        if _normalize_slashes(path).startswith("../") and path.lower().endswith(IMAGE_SUFFIXES):
            outside.append(path)
        suffix = _suffix_unless_hidden(path)
        unsupported.update([suffix] if suffix in _UNSUPPORTED_SUFFIXES else [])
        return suffix in IMAGE_SUFFIXES

    images = (
        TarListImages.from_files(source_path, archive_names, is_image)
        if archive_names
        else _index_images(source_path, is_image)
    )
    counts = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(unsupported.items()))
    skipped = f"{count_noun(unsupported.total(), 'image')} in unsupported formats: {counts}" if counts else ""
    if outside:
        warnings.warn(
            ReassessWarning(
                f"{source_path}: skipped {count_noun(len(outside), 'image')} whose path begins with ..: {outside[0]}",
                "pack the images again, from a folder that contains them",
            ),
            stacklevel=2,
        )
    if raise_if_empty and not images.paths:
        raise DataError(
            "missing-images",
            "no image has a known format" if skipped else "no images found",
            where=source_path,
            allowed=f"files with the suffixes {', '.join(IMAGE_SUFFIXES)}",
            found=skipped or _describe_content(source_path),
            fix="save them in one of these formats" if skipped else "give the path of the images",
        )
    if skipped:
        warnings.warn(f"{source_path}: skipped {skipped}", ReassessWarning, stacklevel=2)
    return images


def _index_images(source_path: Path, is_image: Callable[[str], bool]) -> ImageFiles:
    """List the image files of a folder, zip or tar; `is_image` selects files by their path."""
    with _convert_os_errors(source_path):
        is_folder = source_path.is_dir()
    if is_folder:
        return FolderImages(source_path, tuple(sorted(filter(is_image, _walk_files(source_path)))))
    suffix = check_suffix(source_path, (".zip", ".tar"), "a set of images")
    check_input(source_path)
    return (ZipImages if suffix == ".zip" else TarImages).from_file(source_path, is_image)


def image_names(images: ImageFiles) -> tuple[str, ...]:
    """Return the names of image files, as in `list_images`, in the order of the files."""
    names = tuple(escape_non_utf8(_normalize_slashes(path)) for path in images.paths)
    folder = f"{images.source_path.stem}/" if isinstance(images, TarImages | ZipImages) else ""
    is_in_folder = all(name.startswith(folder) for name in names)
    return tuple(name.removeprefix(folder) for name in names) if is_in_folder else names


def find_validation_images(root: Path, is_image: Callable[[str], bool]) -> FolderImages | TarImages:
    """Find ImageNet's validation images, in this order: in ``root/val``, in the archive in `root`, in `root`."""
    for source_path in (root / VALIDATION_FOLDER, root / VALIDATION_ARCHIVE, root):
        images = _index_folder_or_tar(source_path, is_image)
        if images and images.paths:
            _check_no_duplicates(images.source_path, images.paths)
            return images
    raise DataError(
        "missing-images",
        "ImageNet validation images not found",
        where=root,
        allowed=(
            f"images or class folders, in this folder or its subfolder {VALIDATION_FOLDER}; or the archive "
            f"{VALIDATION_ARCHIVE}"
        ),
        found=_describe_content(root),
        fix=f"give the folder that contains {VALIDATION_FOLDER} or the archive",
    )


def _index_folder_or_tar(source_path: Path, is_image: Callable[[str], bool]) -> FolderImages | TarImages | None:
    """List the image files of a folder or tar; None if the path does not exist."""
    with _convert_os_errors(source_path):
        is_folder, is_file = source_path.is_dir(), source_path.is_file()
    if is_folder:
        return FolderImages.from_folder(source_path, is_image)
    return TarImages.from_file(source_path, is_image) if is_file else None


def _walk_files(folder: Path, prefix: str = "", parents: tuple[Path, ...] = ()) -> Iterator[str]:
    """Yield the relative paths of all files below a folder; symlinks to a parent folder are skipped."""
    subfolders, names = _list_folders_and_files(folder)
    yield from (prefix + name for name in names)
    parents = (*parents, folder.resolve())
    for name in subfolders:
        if not ((folder / name).is_symlink() and (folder / name).resolve() in parents):
            yield from _walk_files(folder / name, f"{prefix}{name}/", parents)


def _normalize_slashes(name: str) -> str:
    """Normalize a relative path, with slashes for backslashes: ``./a.jpg`` becomes a.jpg."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/")


def escape_non_utf8(path: str) -> str:
    """Percent-encode the bytes of a path that are not UTF-8, for example as %E9."""
    return _SURROGATE_PATTERN.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", path)


def _suffix_unless_hidden(path: str) -> str:
    """Return the suffix of a file in lower case; return an empty text for a hidden file."""
    path = f"/{_normalize_slashes(path)}"
    return "" if "/." in path or "/__MACOSX/" in path else posixpath.splitext(path)[1].lower()


def _list_folders_and_files(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the folders in a folder, and the names of its files."""
    names: tuple[list[str], list[str]] = ([], [])
    with _convert_os_errors(folder), os.scandir(folder) as entries:
        for entry in entries:
            names[not _is_folder(entry)].append(entry.name)
    return names


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symlink to itself
        return False


@contextmanager
def _convert_os_errors(path: Path) -> Iterator[None]:
    """Raise a `DataError` instead of an `OSError` in the block."""
    try:
        yield
    except OSError as error:
        raise DataError(
            "unreadable-file",
            "folder cannot be read",
            where=path,
            found=error.strerror,
            fix="check its path and permissions",
        ) from error


def _check_no_duplicates(source_path: Path, paths: Sequence[str]) -> None:
    """Raise `DataError` if two files have the same image name."""
    if positions := find_first_duplicate(image_keys([path.rpartition("/")[2] for path in paths])):
        duplicate_paths = " and ".join(paths[position] for position in positions)
        raise DataError(
            "duplicate-image",
            "image has two files",
            where=source_path,
            found=duplicate_paths,
            fix="keep one of the files",
        )


def _describe_content(path: Path) -> str:
    """Describe the content of a folder or archive, for a message."""
    if path.is_dir():
        folders, names = _list_folders_and_files(path)
        return join_first(sorted(folders + names)) or "an empty folder"
    return "an archive without images" if path.is_file() else "file or folder not found"
