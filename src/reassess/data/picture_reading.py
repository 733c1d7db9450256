"""One image of a source as a picture in red, green and blue, or the reason why it cannot be read."""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar

from reassess.data.image_sources import ImageSource
from reassess.data.pictures import open_picture, rgb
from reassess.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["EMPTY_FILE", "read_picture"]

EMPTY_FILE = "the file is empty"
_Made = TypeVar("_Made")


def read_picture(images: ImageSource, row: int, make: "Callable[[Image.Image], _Made]") -> _Made | str:
    """What is made of the picture of an image; or why it cannot be read, in words.

    Parameters
    ----------
    images, row
        Which image.
    make
        Takes the picture as `rgb` gives it, and returns no text.
    """
    from PIL import UnidentifiedImageError

    try:
        file = images.file(row)
        with open_picture(file) as picture:
            return make(rgb(picture))
    except MemoryError:
        raise
    except DataError as error:
        return error.what if error.found is None else f"{error.what}: {error.found}"
    except UnidentifiedImageError:
        size = len(file.getbuffer()) if isinstance(file, BytesIO) else images.stamp(row)[0]
        return EMPTY_FILE if size == 0 else "this is no picture of a known format"
    except OSError as error:
        return error.strerror or str(error)
    except Exception as error:  # Pillow raises whatever its parts raise on damaged files
        return f"the picture is damaged: {error}"
