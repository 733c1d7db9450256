"""Images in a tar that stays packed: where each lies is read once, and each is then read from its place."""

import os
import tarfile
import weakref
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from reassess.data.pictures import refuse_too_long
from reassess.errors import DataError
from reassess.formats.archives import ZIP_ERRORS


@dataclass(frozen=True, eq=False)
class TarImages:
    """Images in an uncompressed tar; each process of a data loader reads the file by itself."""

    place: Path  # the archive
    paths: tuple[str, ...]  # of each image in it, sorted by folder, then by name
    offsets: tuple[int, ...]  # where each image begins, in bytes
    sizes: tuple[int, ...]  # its length, in bytes

    @classmethod
    def indexed(cls, place: Path, is_image: Callable[[str], bool]) -> "TarImages":
        """The images that an archive holds, from the headers of its members."""
        try:
            with place.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                members = [(one.name, one.offset_data, one.size) for one in archive if one.isfile()]
                file.seek(archive.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile stops there in silence
                    raise tarfile.ReadError(f"no end of the archive, and no image, at byte {archive.offset:,}")
        except (tarfile.TarError, OSError, ValueError) as error:  # ValueError: of sizes that no file has
            raise DataError(
                "unreadable-file",
                "archive cannot be read",
                where=place,
                allowed="a tar that is complete and not compressed",
                found=str(error),
                fix="decompress it, or get it again",
            ) from error
        images = sorted((member for member in members if is_image(member[0])), key=lambda one: one[0].rpartition("/"))
        paths, offsets, sizes = zip(*images, strict=True) if images else ((), (), ())
        return cls(place=place, paths=paths, offsets=offsets, sizes=sizes)

    def source(self, row: int) -> BytesIO:
        """The file of an image, in memory, for a loader; `DataError` if it would fill memory."""
        refuse_too_long(self.sizes[row], f"{self.place}, {self.paths[row]}")
        return BytesIO(os.pread(self._descriptor, self.sizes[row], self.offsets[row]))  # has no position to share

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_descriptor"}

    @cached_property
    def _descriptor(self) -> int:
        descriptor = os.open(self.place, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        return descriptor


@dataclass(frozen=True, eq=False)
class ZipImages:
    """Images in a zip."""

    place: Path  # the archive
    paths: tuple[str, ...]  # of each image in it, sorted

    @classmethod
    def indexed(cls, place: Path, is_image: Callable[[str], bool]) -> "ZipImages":
        """The images that an archive holds, from its list of members."""
        try:
            with zipfile.ZipFile(place) as archive:
                names = [name for name in archive.namelist() if not name.endswith(("/", "\\"))]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(
                "unreadable-file",
                "archive cannot be read",
                where=place,
                allowed="a zip that is complete",
                found=str(error),
                fix="get it again",
            ) from error
        return cls(place=place, paths=tuple(sorted(filter(is_image, names))))

    def source(self, row: int) -> BytesIO:
        """The file of an image, in memory, for a loader; `DataError` if it cannot be unpacked, or would fill memory."""
        size = self._archive.getinfo(self.paths[row]).file_size
        refuse_too_long(size, f"{self.place}, {self.paths[row]}")
        try:
            with self._archive.open(self.paths[row]) as member:
                return BytesIO(member.read(size))  # read() would unpack up to 2 GB of a member that declares less
        except ZIP_ERRORS as error:
            raise DataError(
                "unreadable-image",
                "image cannot be unpacked",
                where=f"{self.place}, {self.paths[row]}",
                found=str(error),
                fix="pack the images again, without a password",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_archive"}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.place)
