"""Images in a tar or zip, read without unpacking the archive."""

import os
import tarfile
import weakref
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from reassess.data.image_decoding import check_file_size
from reassess.errors import DataError
from reassess.formats.archives import ZIP_ERRORS


@dataclass(frozen=True, eq=False)
class TarImages:
    """Images in an uncompressed tar; each process of a data loader opens the tar itself."""

    source_path: Path  # the archive
    paths: tuple[str, ...]  # path of each image in the archive, sorted by folder, then by name
    offsets: tuple[int, ...]  # position of each image in the archive, in bytes
    sizes: tuple[int, ...]  # size of each image, in bytes

    @classmethod
    def from_file(cls, source_path: Path, is_image: Callable[[str], bool]) -> "TarImages":
        """List the images of a tar, from the headers of its members."""
        try:
            with source_path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                members = [(info.name, info.offset_data, info.size) for info in archive if info.isfile()]
                file.seek(archive.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile stops there without an error
                    raise tarfile.ReadError(f"neither an image nor the end of the archive at byte {archive.offset:,}")
        except (tarfile.TarError, OSError, ValueError) as error:  # ValueError: from impossible sizes
            raise DataError(
                "unreadable-file",
                "archive cannot be read",
                where=source_path,
                allowed="a complete, uncompressed tar",
                found=str(error),
                fix="decompress it, or download it again",
            ) from error
        images = sorted(
            (member for member in members if is_image(member[0])), key=lambda member: member[0].rpartition("/")
        )
        paths, offsets, sizes = zip(*images, strict=True) if images else ((), (), ())
        return cls(source_path=source_path, paths=paths, offsets=offsets, sizes=sizes)

    def select(self, rows: Sequence[int]) -> "TarImages":
        """Return the images at some rows; the path is absolute, for processes in another folder."""
        return TarImages(
            source_path=self.source_path.absolute(),
            paths=tuple(self.paths[row] for row in rows),
            offsets=tuple(self.offsets[row] for row in rows),
            sizes=tuple(self.sizes[row] for row in rows),
        )

    def image_file(self, row: int) -> BytesIO:
        """Read the file of an image into memory; raise `DataError` if it is too large."""
        check_file_size(self.sizes[row], f"{self.source_path}, {self.paths[row]}")
        # With pread, threads do not share a position in the file.
        return BytesIO(os.pread(self._descriptor, self.sizes[row], self.offsets[row]))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_descriptor"}

    @cached_property
    def _descriptor(self) -> int:
        descriptor = os.open(self.source_path, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        return descriptor


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
                fix="download it again",
            ) from error
        return cls(source_path=source_path, paths=tuple(sorted(filter(is_image, names))))

    def select(self, rows: Sequence[int]) -> "ZipImages":
        """Return the images at some rows; the path is absolute, for processes in another folder."""
        return ZipImages(self.source_path.absolute(), tuple(self.paths[row] for row in rows))

    def image_file(self, row: int) -> BytesIO:
        """Read the file of an image into memory; raise `DataError` if it is damaged or too large."""
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

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_archive"}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.source_path)
