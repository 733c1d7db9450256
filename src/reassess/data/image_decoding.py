"""Safe decoding of images: only known formats, whatever the suffix, and with limits on size."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.errors import DataError
from reassess.text import format_bytes

if TYPE_CHECKING:
    from PIL import Image


# Pillow chooses a format by the first bytes of a file, and its readers of some other formats run external programs.
# MPO, a file of several JPEGs, is read as JPEG.
_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 100_000_000  # 300 MB in memory
_MAX_FILE_BYTES = 1_000_000_000  # of an image's file, which is read as a whole
_PIXEL_COUNT_PATTERN = re.compile(r"\((\d+) pixels\)")  # in Pillow's error about too many pixels
EMPTY_FILE = "file is empty"

# After glibc has freed a block of almost 32 MiB, it keeps up to 64 MiB of freed memory for the next images. Otherwise,
# it returns the memory of most images to the system, and getting new memory from the system is slow.
np.empty(2**25 - 2**16, np.uint8)


class TooLargeError(DataError):
    """An error about an image with more pixels than the limit."""


@contextmanager
def open_image(file: Any) -> "Iterator[Image.Image]":
    """Open an image of a known format; the pixels are decoded on first use."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and about the size, which is checked below
        try:
            image = Image.open(file, formats=_IMAGE_FORMATS)
        except Image.DecompressionBombError as error:
            match = _PIXEL_COUNT_PATTERN.search(str(error))
            raise _too_large_error(f"{int(match[1]):,} pixels" if match else str(error)) from error
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large_error(f"{image.width * image.height:,} pixels")
            yield image


def check_file_size(n_bytes: int, file_name: object) -> None:
    """Raise `DataError` if the file of an image has more bytes than the limit."""
    if n_bytes > _MAX_FILE_BYTES:
        raise DataError(
            "too-large",
            "image has too many bytes",
            where=file_name,
            allowed=f"up to {format_bytes(_MAX_FILE_BYTES)}",
            found=format_bytes(n_bytes),
            fix="check the file or archive: a small archive can declare any size",
        )


def _too_large_error(size_text: str) -> TooLargeError:
    return TooLargeError(
        "too-large",
        "image is too large",
        allowed=f"at most {MAX_PIXELS:,} pixels",
        found=size_text,
        fix="make the image smaller, or check the file: a small file can claim any size",
    )


def to_rgb(image: "Image.Image") -> "Image.Image":
    """Convert an image to RGB, without transparency; ignore the EXIF orientation, and do not rotate.

    For 16 bits per value, the upper eight bits are kept. Pillow would turn all values above 255 into white.
    """
    from PIL import Image

    if image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
    check_pixel_values(image)
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")  # a conversion from RGB would be a copy


def check_pixel_values(image: "Image.Image") -> None:
    """Raise `DataError` for pixel values of 32 bits or floats, whose range is unknown."""
    if image.mode in ("I", "F"):
        kind = "32 bits" if image.mode == "I" else "floats"
        raise DataError(
            "unknown-range", "range of the pixel values is unknown", allowed="8 or 16 bits per value", found=kind
        )


def describe_image_error(error: Exception, file_size: int) -> str:
    """Say why an image cannot be read; `file_size` is in bytes."""
    from PIL import UnidentifiedImageError

    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, DataError):
        return error.problem if error.found is None else f"{error.problem}: {error.found}"
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format" if file_size else EMPTY_FILE
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"image is damaged: {error}"  # Pillow can raise any error for a damaged file
