"""Pictures opened with care: only known formats, whatever the suffix says, and only of a reasonable size."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from reassess.errors import DataError
from reassess.text import in_bytes

if TYPE_CHECKING:
    from PIL import Image


# Pillow knows more formats, and picks one by what the file begins with; some of their readers run other programs.
# MPO, of several JPEGs, is read as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MOST_PIXELS = 100_000_000  # 300 MB in memory
_MOST_BYTES = 1_000_000_000  # of a picture's file, which is read whole
_PIXELS = re.compile(r"\((\d+) pixels\)")  # in Pillow's error about a picture that has far more
EMPTY_FILE = "file is empty"


class TooLargeError(DataError):
    """A picture has more pixels than memory should be spent on."""


@contextmanager
def open_picture(file: Any) -> "Iterator[Image.Image]":
    """Open a picture, which is decoded only when it is used."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and about the size, which is checked here
        try:
            image = Image.open(file, formats=_FORMATS)
        except Image.DecompressionBombError as error:
            claimed = _PIXELS.search(str(error))
            raise _too_large(f"{int(claimed[1]):,} pixels" if claimed else str(error)) from error
        with image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(f"{image.width * image.height:,} pixels")
            yield image


def refuse_too_long(size: int, where: object) -> None:
    """Raise `DataError` if the file of a picture has more bytes than memory should be spent on."""
    if size > _MOST_BYTES:
        raise DataError(
            "too-large",
            "image has too many bytes",
            where=where,
            allowed=f"up to {in_bytes(_MOST_BYTES)}",
            found=in_bytes(size),
            fix="check the file or archive: a small one may declare any size",
        )


def _too_large(found: str) -> TooLargeError:
    return TooLargeError(
        "too-large",
        "image is too large",
        allowed=f"at most {MOST_PIXELS:,} pixels",
        found=found,
        fix="check the file: a small one may claim any size; or make the picture smaller",
    )


def rgb(image: "Image.Image") -> "Image.Image":
    """A picture in red, green and blue, as it is stored: not turned as its EXIF data says, and without transparency.

    Of 16 bits a value the upper eight are kept, where Pillow would make all but the darkest white.
    """
    from PIL import Image

    if image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
    check_values(image)
    return image.convert("RGB")


def check_values(image: "Image.Image") -> None:
    """Raise `DataError` if the values of a picture have no known range: floats, or 32 bits."""
    if image.mode in ("I", "F"):
        kind = "32 bits" if image.mode == "I" else "floats"
        raise DataError(
            "unknown-range", "range of the pixel values is unknown", allowed="8 or 16 bits a value", found=kind
        )


def fault_of(error: Exception, size: int) -> str:
    """Why a picture cannot be read, in words, by the error and the number of bytes of its file."""
    from PIL import UnidentifiedImageError

    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, DataError):
        return error.what if error.found is None else f"{error.what}: {error.found}"
    if isinstance(error, UnidentifiedImageError):
        return "this is no picture of a known format" if size else EMPTY_FILE
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"the picture is damaged: {error}"  # Pillow raises whatever its parts raise on damaged files
