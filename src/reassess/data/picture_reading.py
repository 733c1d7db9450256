"""One image of a source as a picture in red, green and blue, or the reason why it cannot be read."""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar

from reassess.data.image_sources import ImageSource
from reassess.data.pictures import open_picture, rgb
from reassess.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["EMPTY_FILE", "fault_of", "read_picture"]

EMPTY_FILE = "file is empty"
_Made = TypeVar("_Made")


def read_picture(images: ImageSource, row: int, make: "Callable[[Image.Image], _Made]") -> _Made | str:
    """What is made of the picture of an image; or why it cannot be read, in words."""
    file: str | BytesIO | None = None
    try:
        file = images.file(row)
        with open_picture(file) as picture:
            return make(rgb(picture))
    except Exception as error:
        return fault_of(error, len(file.getbuffer()) if isinstance(file, BytesIO) else images.stamp(row)[0])


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
