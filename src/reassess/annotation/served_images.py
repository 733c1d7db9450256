"""Images for raters, without metadata that reveals their origin."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reassess.data import ImageSource
from reassess.data.image_decoding import check_pixel_values, describe_image_error, open_image, to_rgb
from reassess.data.image_folders import FolderImages
from reassess.errors import DataError, add_error_place, require_package

if TYPE_CHECKING:
    from PIL import Image


_MAX_SIDE = 2048  # pixels, at most
_JPEG_QUALITY = 95
_ORIENTATION_TAG = 0x0112  # tag in EXIF data
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG can store


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
        self, name: str, expected_hash: str | None = None, *, max_side: int = _MAX_SIDE
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
        with _open_image(content, name) as image:
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


def strip_metadata(content: bytes, name: str, *, max_side: int = _MAX_SIDE) -> tuple[bytes, str]:
    """Return an image file without metadata, at most `max_side` pixels per side, and its media type."""
    with _open_image(content, name) as image:
        return (_encode_jpeg if image.format in ("JPEG", "MPO") else _encode_png)(image, max_side)


@contextmanager
def _open_image(content: bytes, name: str) -> "Iterator[Image.Image]":
    """Yield an opened image. An error inside the `with` block becomes a `DataError`."""
    try:
        with add_error_place(name), open_image(BytesIO(content)) as image:
            yield image
    except DataError:
        raise
    except Exception as error:
        fault = describe_image_error(error, len(content))
        raise DataError(
            "unreadable-image", "image cannot be read", where=name, found=fault, fix="replace the file"
        ) from error


def _encode_jpeg(image: "Image.Image", max_side: int) -> tuple[bytes, str]:
    image.draft(None, (max_side, max_side))
    result = _prepare_image(image, max_side)
    # An unchanged JPEG keeps its quantization tables, so almost nothing is lost.
    is_same = result is image and image.format == "JPEG" and image.mode in ("L", "RGB")
    result.info = {}
    file = BytesIO()
    if is_same:
        result.save(file, "JPEG", quality="keep")
    else:
        to_rgb(result).save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return file.getvalue(), "image/jpeg"


def _encode_png(image: "Image.Image", max_side: int) -> tuple[bytes, str]:
    result = _prepare_image(image, max_side)
    if result.mode not in _PNG_MODES:
        result = to_rgb(result)
    transparency = result.info.get("transparency")
    result.info = {} if transparency is None else {"transparency": transparency}
    file = BytesIO()
    result.save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


def _prepare_image(image: "Image.Image", max_side: int) -> "Image.Image":
    """Apply the EXIF rotation, convert to sRGB and scale down; return the same object if unchanged."""
    from PIL import Image, ImageOps

    image.load()
    try:
        is_turned = image.getexif().get(_ORIENTATION_TAG, 1) != 1
        result = ImageOps.exif_transpose(image) if is_turned else image
    except Exception:  # damaged EXIF data; the image can still be shown
        result = image
    result = _convert_to_srgb(result)
    if max(result.size) > max_side:
        if result.mode not in ("L", "RGB", "RGBA"):
            result = to_rgb(result)
        result = ImageOps.contain(result, (max_side, max_side), Image.Resampling.LANCZOS)
    return result


def _convert_to_srgb(image: "Image.Image") -> "Image.Image":
    """Convert an image to sRGB, if it has another colour profile."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile; the image can still be shown
        return image
    return image if converted is None else converted
