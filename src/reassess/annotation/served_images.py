"""Images for raters, without metadata that reveals their origin."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from reassess.data import ImageSource
from reassess.data.image_copies import MAX_SIDE, open_or_explain, strip_metadata
from reassess.data.image_decoding import check_pixel_values
from reassess.data.image_folders import FolderImages
from reassess.errors import DataError, require_package


def require_pillow(purpose: str) -> None:
    """Raise `MissingPackageError` if Pillow is not installed."""
    with require_package("pillow", extra="annotate", purpose=purpose):
        import PIL  # noqa: F401


class LoadedImage(NamedTuple):
    """An image as raters see it, and the hash of its file."""

    content: bytes  # a PNG or JPEG file
    media_type: str  # image/png or image/jpeg
    file_hash: str  # SHA-256 of the original file


@dataclass(frozen=True, eq=False)
class CampaignImages:
    """The image files of a campaign, as raters see them."""

    source: ImageSource

    def __post_init__(self) -> None:
        require_pillow("showing images")

    @cached_property
    def _image_rows_by_name(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.source.names)}

    def load_without_metadata(
        self, name: str, expected_hash: str | None = None, *, max_side: int = MAX_SIDE
    ) -> LoadedImage:
        """Read an image without its metadata.

        The image is scaled down to at most `max_side` pixels per side. `DataError` if the SHA-256 of the file is not
        `expected_hash`.
        """
        content = self.read_file(name)
        file_hash = sha256(content).hexdigest()
        if expected_hash not in (None, file_hash):
            raise DataError(
                "changed-image",
                "image has changed since the campaign was created",
                where=name,
                allowed=f"SHA-256 {expected_hash}",
                found=f"SHA-256 {file_hash}",
                fix="restore the file, or create a new campaign",
            )
        return LoadedImage(*strip_metadata(content, name, max_side=max_side), file_hash)

    def hash_file(self, name: str) -> str:
        """Compute the SHA-256 of an image file, in hexadecimal; raise `DataError` if the file is damaged.

        Only the header of the file and the checksums of a PNG are checked, so some damage is not found.
        """
        content = self.read_file(name)
        with open_or_explain(content, name) as image:
            check_pixel_values(image)
            image.verify()
        return sha256(content).hexdigest()

    def read_file(self, name: str) -> bytes:
        """Read the bytes of an image file; raise `DataError` if it is missing, unreadable, or outside the folder."""
        row = self._image_rows_by_name.get(name)
        if row is None:
            raise DataError(
                "unknown-image",
                "unknown image",
                where=self.source.source_path,
                found=name,
                fix="use the folder, zip or tar with this image",
            )
        self._check_inside_folder(row)
        file = self.source.image_file(row)
        if isinstance(file, BytesIO):
            return file.getvalue()
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise DataError("unreadable-image", "image cannot be read", where=file, found=error.strerror) from error

    def _check_inside_folder(self, row: int) -> None:
        """Raise `DataError` if a symbolic link points outside the image folder."""
        files = self.source.files
        if isinstance(files, FolderImages):
            folder = os.path.realpath(files.source_path)
            path = os.path.realpath(files.source_path / files.paths[self.source.rows[row]])
            if os.path.commonpath([folder, path]) != folder:
                raise DataError(
                    "outside-folder",
                    "a symbolic link points outside the image folder",
                    where=files.source_path / self.source.names[row],
                    found=path,
                    fix="copy the image into the folder",
                )
