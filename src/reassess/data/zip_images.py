"""Images in a zip that stays packed."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from reassess.data.pictures import refuse_too_long
from reassess.errors import DataError
from reassess.formats.archives import BROKEN_ZIP

__all__ = ["ZipImages"]


@dataclass(frozen=True, eq=False)
class ZipImages:
    """Images in a zip.

    Parameters
    ----------
    place
        The archive.
    paths
        Path of each image in it, sorted.
    """

    place: Path
    paths: tuple[str, ...]

    @classmethod
    def indexed(cls, place: Path, is_image: Callable[[str], bool]) -> "ZipImages":
        """The images that an archive holds, from its list of members.

        Raises
        ------
        DataError
            The file is no zip, or is cut off.
        """
        try:
            with zipfile.ZipFile(place) as archive:
                names = [name for name in archive.namelist() if not name.endswith(("/", "\\"))]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(
                "the archive cannot be read",
                where=place,
                allowed="a zip that is complete",
                found=str(error),
                mend="get it again",
            ) from error
        return cls(place=place, paths=tuple(sorted(filter(is_image, names))))

    def source(self, row: int) -> BytesIO:
        """The file of an image, in memory, for a loader; `DataError` if it cannot be unpacked, or would fill memory."""
        size = self._archive.getinfo(self.paths[row]).file_size
        refuse_too_long(size, f"{self.place}, {self.paths[row]}")
        try:
            with self._archive.open(self.paths[row]) as member:
                return BytesIO(member.read(size))  # read() would unpack up to 2 GB of a member that declares less
        except BROKEN_ZIP as error:
            raise DataError(
                "an image cannot be unpacked",
                where=f"{self.place}, {self.paths[row]}",
                found=str(error),
                mend="pack the images again, without a password",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_archive"}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.place)
