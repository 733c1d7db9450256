"""Copies of images for raters: without metadata that reveals the origin, upright, in sRGB, and not too large."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from reassess.data.image_decoding import describe_image_error, open_image, to_rgb
from reassess.errors import DataError, add_error_place

if TYPE_CHECKING:
    from PIL import Image


MAX_SIDE = 2048  # pixels, at most
_JPEG_QUALITY = 95
_ORIENTATION_TAG = 0x0112  # tag in EXIF data
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG can store


def strip_metadata(content: bytes, name: str, *, max_side: int = MAX_SIDE) -> tuple[bytes, str]:
    """Return an image file without metadata, at most `max_side` pixels per side, and its media type."""
    with open_or_explain(content, name) as image:
        return (_encode_jpeg if image.format in ("JPEG", "MPO") else _encode_png)(image, max_side)


@contextmanager
def open_or_explain(content: bytes, name: str) -> "Iterator[Image.Image]":
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
