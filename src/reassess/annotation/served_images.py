"""Images for raters, without metadata that reveals their origin."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from reassess.data import ImageSource
from reassess.data.image_decoding import check_pixel_values, describe_error, open_image, to_rgb
from reassess.data.image_folders import FolderImages
from reassess.errors import DataError, add_place_to_errors, importing

if TYPE_CHECKING:
    from PIL import Image


_SIDE = 2048  # pixels, at most
_QUALITY = 95
_ORIENTATION = 0x0112  # tag in EXIF data
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG can store


def require_pillow(purpose: str) -> None:
    """Raise `MissingPackageError` if Pillow is not installed."""
    with importing("pillow", extra="annotate", purpose=purpose):
        import PIL  # noqa: F401


@dataclass(frozen=True, eq=False)
class CampaignImages:
    """The image files of a campaign."""

    source: ImageSource

    def __post_init__(self) -> None:
        require_pillow("showing images")

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.source.names)}

    def load(self, name: str, digest: str | None = None, *, side: int = _SIDE) -> tuple[bytes, str, str]:
        """Read an image without metadata; return its bytes, its media type and the SHA-256 of its file.

        It is scaled down to `side` pixels. `DataError` if `digest` is not the SHA-256 of the file.
        """
        content = self.read(name)
        file_digest = sha256(content).hexdigest()
        if digest not in (None, file_digest):
            raise DataError(
                "changed-image",
                "image has changed since the campaign was created",
                where=name,
                allowed=f"SHA-256 {digest}",
                found=f"SHA-256 {file_digest}",
                fix="restore the file, or create a new campaign",
            )
        return *strip_metadata(content, name, side=side), file_digest

    def digest(self, name: str) -> str:
        """Compute the SHA-256 of an image file, in hexadecimal; `DataError` if the file is visibly damaged.

        Only the header of the file and the checksums of a PNG are checked, so some damage is not found.
        """
        content = self.read(name)
        with _open(content, name) as picture:
            check_pixel_values(picture)
            picture.verify()
        return sha256(content).hexdigest()

    def read(self, name: str) -> bytes:
        """Read the bytes of an image file; `DataError` if it is missing, unreadable, or outside the folder."""
        row = self._rows.get(name)
        if row is None:
            raise DataError(
                "unknown-image",
                "unknown image",
                where=self.source.place,
                found=name,
                fix="use the folder, zip or tar with this image",
            )
        self._check_link(row)
        file = self.source.file(row)
        if isinstance(file, BytesIO):
            return file.getvalue()
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise DataError("unreadable-image", "image cannot be read", where=file, found=error.strerror) from error

    def _check_link(self, row: int) -> None:
        """Raise if the real path of a file is outside the image folder."""
        files = self.source.files
        if isinstance(files, FolderImages):
            folder = os.path.realpath(files.place)
            path = os.path.realpath(files.place / files.paths[self.source.rows[row]])
            if os.path.commonpath([folder, path]) != folder:
                raise DataError(
                    "outside-folder",
                    "a link leads out of the image folder",
                    where=files.place / self.source.names[row],
                    found=path,
                    fix="copy the image into the folder",
                )


def strip_metadata(content: bytes, name: str, *, side: int = _SIDE) -> tuple[bytes, str]:
    """Remove the metadata of an image; return it and its media type."""
    with _open(content, name) as picture:
        return (_as_jpeg if picture.format in ("JPEG", "MPO") else _as_png)(picture, side)


@contextmanager
def _open(content: bytes, name: str) -> "Iterator[Image.Image]":
    """Open an image; any error in the block becomes a `DataError`."""
    try:
        with add_place_to_errors(name), open_image(BytesIO(content)) as picture:
            yield picture
    except DataError:
        raise
    except Exception as error:
        fault = describe_error(error, len(content))
        raise DataError(
            "unreadable-image", "image cannot be read", where=name, found=fault, fix="replace the file"
        ) from error


def _as_jpeg(picture: "Image.Image", side: int) -> tuple[bytes, str]:
    picture.draft(None, (side, side))
    result = _prepare(picture, side)
    # An unchanged JPEG keeps its quantization tables, so almost nothing is lost.
    is_same = result is picture and picture.format == "JPEG" and picture.mode in ("L", "RGB")
    result.info = {}
    file = BytesIO()
    if is_same:
        result.save(file, "JPEG", quality="keep")
    else:
        to_rgb(result).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue(), "image/jpeg"


def _as_png(picture: "Image.Image", side: int) -> tuple[bytes, str]:
    result = _prepare(picture, side)
    if result.mode not in _PNG_MODES:
        result = to_rgb(result)
    transparency = result.info.get("transparency")
    result.info = {} if transparency is None else {"transparency": transparency}
    file = BytesIO()
    result.save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


def _prepare(picture: "Image.Image", side: int) -> "Image.Image":
    """Apply the EXIF rotation, convert to sRGB and scale down; return the same object if unchanged."""
    from PIL import Image, ImageOps

    picture.load()
    try:
        is_turned = picture.getexif().get(_ORIENTATION, 1) != 1
        result = ImageOps.exif_transpose(picture) if is_turned else picture
    except Exception:  # damaged EXIF data; the image can still be shown
        result = picture
    result = _in_srgb(result)
    if max(result.size) > side:
        if result.mode not in ("L", "RGB", "RGBA"):
            result = to_rgb(result)
        result = ImageOps.contain(result, (side, side), Image.Resampling.LANCZOS)
    return result


def _in_srgb(picture: "Image.Image") -> "Image.Image":
    """Convert an image to sRGB, if it has another colour profile."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return picture
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile; the image can still be shown
        return picture
    return picture if converted is None else converted
