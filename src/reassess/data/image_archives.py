"""Images in a tar, a zip or several tars, read without unpacking the archives."""

import errno
import os
import posixpath
import tarfile
import weakref
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from reassess.data.image_decoding import check_file_size
from reassess.errors import DataError
from reassess.formats.archives import ZIP_ERRORS
from reassess.formats.files import check_input
from reassess.text import count_noun

_MAX_OPEN_ARCHIVES = 32  # per process
_CHUNK_BYTES = 1 << 16  # fits into the cache of a processor
_ZEROS = bytes(_CHUNK_BYTES)
_SEEK_DATA = getattr(os, "SEEK_DATA", os.SEEK_SET)  # skips the holes of a sparse file, if the system can
_MISSING_SIZE = -1
_MAX_LINKS = 40  # links to links, as in Linux


@dataclass(frozen=True, eq=False)
class TarImages:
    """Images in an uncompressed tar."""

    source_path: Path  # the archive
    paths: tuple[str, ...]  # path of each image in the archive, sorted by folder, then by name
    offsets: tuple[int, ...]  # position of each image in the archive, in bytes
    sizes: tuple[int, ...]  # size of each image, in bytes; -1 for a link to a file that is not in the archive

    @classmethod
    def from_file(cls, source_path: Path, is_image: Callable[[str], bool]) -> "TarImages":
        """List the images of a tar, from the headers of its members."""
        try:
            with source_path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                members = archive.getmembers()
                file.seek(archive.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile stops there without an error
                    raise tarfile.ReadError(f"neither an image nor the end of the archive at byte {archive.offset:,}")
                end = file.tell()
                has_more_data = _has_data(file)
        except (tarfile.TarError, OSError, ValueError) as error:  # ValueError: from impossible sizes
            raise DataError(
                "unreadable-file",
                "archive cannot be read",
                where=source_path,
                allowed="a complete, uncompressed tar",
                found=str(error),
                fix="decompress the archive, or download it again",
            ) from error
        if has_more_data:
            raise DataError(
                "unreadable-file",
                "archive has more data after its end",
                where=source_path,
                allowed="one archive, then only zero bytes",
                found=f"data after byte {end:,}, where the archive ends",
                fix="join tars with tar --concatenate, not with cat; or give a txt with the path of each tar",
            )
        images = _find_images(members, is_image, source_path)
        paths, offsets, sizes = zip(*images, strict=True) if images else ((), (), ())
        return cls(source_path=source_path, paths=paths, offsets=offsets, sizes=sizes)

    def select(self, rows: Sequence[int]) -> "TarImages":
        """Select the images at some rows, with an absolute path for processes that run in another folder."""
        return TarImages(
            source_path=self.source_path.absolute(),
            paths=tuple(self.paths[row] for row in rows),
            offsets=tuple(self.offsets[row] for row in rows),
            sizes=tuple(self.sizes[row] for row in rows),
        )

    def image_file(self, row: int) -> BytesIO:
        """Read the file of an image into memory; raise `DataError` if the file is too large."""
        where = f"{self.source_path}, {self.paths[row]}"
        if self.sizes[row] == _MISSING_SIZE:
            raise DataError(
                "file-not-found",
                "image is a link to a file that is not in the archive",
                where=where,
                fix="pack the files again, without links: tar --dereference --hard-dereference",
            )
        check_file_size(self.sizes[row], where)
        stat = self.source_path.stat()
        archive = _open_archive(self.source_path, stat.st_ino, stat.st_mtime_ns)
        # With pread, threads do not share a position in the file.
        return BytesIO(os.pread(archive.descriptor, self.sizes[row], self.offsets[row]))

    def file_to_check_for_changes(self, _row: int) -> Path:
        """Return the archive; its size and time show whether an image has changed."""
        return self.source_path


def _has_data(file: IO[bytes]) -> bool:
    """Return whether a byte after the position is not zero."""
    while chunk := file.read(_CHUNK_BYTES):
        if chunk != _ZEROS[: len(chunk)]:
            return True
        try:
            file.seek(file.tell(), _SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole follows
                return False
            # The file system cannot look for holes, so they are read.
    return False


def _find_images(
    members: Sequence[tarfile.TarInfo], is_image: Callable[[str], bool], source_path: Path
) -> list[tuple[str, int, int]]:
    """Return the path, position and size of each image in a tar, sorted by folder, then by name; follow links."""
    first_members = {posixpath.normpath(member.name): member for member in reversed(members)}
    images, sparse_paths = [], []
    for member in members:
        # If a file is packed twice, tar stores it a second time as a link to itself.
        is_repeated = member.islnk() and posixpath.normpath(member.name) == posixpath.normpath(member.linkname)
        if is_repeated or not (member.isfile() or member.islnk() or member.issym()) or not is_image(member.name):
            continue
        file = _follow_links(member, first_members)
        if file is None:
            images.append((member.name, member.offset_data, _MISSING_SIZE))
        elif file.issparse():
            sparse_paths.append(member.name)
        else:
            images.append((member.name, file.offset_data, file.size))
    if sparse_paths:
        raise DataError(
            "unreadable-file",
            "images in the archive are sparse",
            where=f"{source_path}, {sparse_paths[0]}",
            allowed="images that are stored as a whole",
            found=count_noun(len(sparse_paths), "sparse image"),
            fix="pack the files again, without the option -S (--sparse) of tar",
        )
    return sorted(images, key=lambda image: image[0].rpartition("/"))


def _follow_links(member: tarfile.TarInfo, members: Mapping[str, tarfile.TarInfo]) -> tarfile.TarInfo | None:
    """Return the file that a hard link or symlink refers to; None if the file is not in the archive."""
    file: tarfile.TarInfo | None = member
    for _ in range(_MAX_LINKS):
        if file is None or not (file.islnk() or file.issym()):
            break
        folder = posixpath.dirname(file.name) if file.issym() else ""  # hard links are relative to the archive
        file = members.get(posixpath.normpath(posixpath.join(folder, file.linkname)))
    return file if file is not None and file.isfile() else None


class _OpenArchive:
    """An open archive. The file is closed when no object refers to the archive any more."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)


@lru_cache(maxsize=_MAX_OPEN_ARCHIVES)
def _open_archive(path: Path, _inode: int, _mtime: int) -> _OpenArchive:
    """Open an archive. If the archive is already open, and the file was not replaced, return the open archive."""
    return _OpenArchive(path)


@dataclass(frozen=True, eq=False)
class TarListImages:
    """Images in a list of tars, such as the shards of a WebDataset, in the order of the tars.

    A link to another image follows that image.
    """

    source_path: Path  # the list
    archives: tuple[TarImages, ...]
    archive_ids: tuple[int, ...]  # position of each image's archive
    archive_rows: tuple[int, ...]  # row of each image in its archive
    paths: tuple[str, ...]  # path of the archive, without its suffix, and path of each image in the archive

    @classmethod
    def from_files(
        cls, source_path: Path, archive_names: Sequence[str], is_image: Callable[[str], bool]
    ) -> "TarListImages":
        """List the images in several tar files; `archive_names` are paths relative to the folder of `source_path`."""
        for name in archive_names:
            check_input(source_path.parent / name)
        archives = tuple(TarImages.from_file(source_path.parent / name, is_image) for name in archive_names)
        members = [
            (archive_id, row)
            for archive_id, archive in enumerate(archives)
            for row in sorted(range(len(archive.paths)), key=archive.offsets.__getitem__)
        ]
        folders = [name[: -len(".tar")] for name in archive_names]
        paths = tuple(f"{folders[archive_id]}/{archives[archive_id].paths[row]}" for archive_id, row in members)
        archive_ids, archive_rows = zip(*members, strict=True) if members else ((), ())
        return cls(source_path, archives, archive_ids, archive_rows, paths)

    def select(self, rows: Sequence[int]) -> "TarListImages":
        """Select the images at some rows, with absolute paths for processes that run in another folder."""
        archives: list[TarImages] = []
        members: list[tuple[int, int]] = []
        for archive_id, group in groupby(rows, self.archive_ids.__getitem__):
            group_rows = [self.archive_rows[row] for row in group]
            members += [(len(archives), row) for row in range(len(group_rows))]
            archives.append(self.archives[archive_id].select(group_rows))
        archive_ids, archive_rows = zip(*members, strict=True)
        paths = tuple(self.paths[row] for row in rows)
        return TarListImages(self.source_path, tuple(archives), archive_ids, archive_rows, paths)

    def image_file(self, row: int) -> BytesIO:
        """Read the file of an image into memory; raise `DataError` if the file is too large."""
        return self.archives[self.archive_ids[row]].image_file(self.archive_rows[row])

    def file_to_check_for_changes(self, row: int) -> Path:
        """Return the archive of an image; its size and time show whether the image has changed."""
        return self.archives[self.archive_ids[row]].source_path


@dataclass(frozen=True, eq=False)
class ZipImages:
    """Images in a zip archive."""

    source_path: Path  # the archive
    paths: tuple[str, ...]  # path of each image in the archive, sorted

    @classmethod
    def from_file(cls, source_path: Path, is_image: Callable[[str], bool]) -> "ZipImages":
        """List the images of a zip, from its list of members."""
        try:
            with zipfile.ZipFile(source_path) as archive:
                names = [name for name in archive.namelist() if not name.endswith(("/", "\\"))]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(
                "unreadable-file",
                "archive cannot be read",
                where=source_path,
                allowed="a complete zip",
                found=str(error),
                fix="download the archive again",
            ) from error
        return cls(source_path=source_path, paths=tuple(sorted(filter(is_image, names))))

    def select(self, rows: Sequence[int]) -> "ZipImages":
        """Select the images at some rows, with an absolute path for processes that run in another folder."""
        return ZipImages(self.source_path.absolute(), tuple(self.paths[row] for row in rows))

    def image_file(self, row: int) -> BytesIO:
        """Read the file of an image into memory; raise `DataError` if the file is damaged or too large."""
        size = self._archive.getinfo(self.paths[row]).file_size
        check_file_size(size, f"{self.source_path}, {self.paths[row]}")
        try:
            with self._archive.open(self.paths[row]) as member:
                return BytesIO(member.read(size))  # without a size, read() can unpack up to 2 GB
        except ZIP_ERRORS as error:
            raise DataError(
                "unreadable-image",
                "image cannot be unpacked",
                where=f"{self.source_path}, {self.paths[row]}",
                found=str(error),
                fix="pack the images again, without a password",
            ) from error

    def file_to_check_for_changes(self, _row: int) -> Path:
        """Return the archive; its size and time show whether an image has changed."""
        return self.source_path

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_archive"}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.source_path)
