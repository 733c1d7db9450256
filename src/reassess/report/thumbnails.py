"""Small pictures of images, as data URIs."""

import base64
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from reassess.core.image_names import Match, image_keys
from reassess.data.image_folders import names_of, pictures_in
from reassess.errors import DataError, MissingPackageError

__all__ = ["Thumbnail", "Thumbnails", "thumbnails"]

_SIDE = 224  # pixels at most
_QUALITY = 68
_MOST_PIXELS = 200_000_000


@dataclass(frozen=True)
class Thumbnail:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The pictures by image name, and how many images have none."""

    pictures: dict[str, Thumbnail]
    missing: int
    unreadable: int


def thumbnails(place: Path, images: Sequence[str], *, match: Match = "path") -> Thumbnails:
    """Make small pictures of images in a folder or an archive: by path in it, name or stem; ImageNet's by number.

    Parameters
    ----------
    place
        Where the images are, a folder, zip or tar; names are relative to it.
    images
        Names of the images.
    match
        Which part of a name identifies an image.

    Raises
    ------
    DataError
        There is no such folder or archive, or it cannot be read.
    MissingPackageError
        Pillow is not installed.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("pillow", extra="report", purpose="making thumbnails") from error
    if not place.exists():
        raise DataError("no such folder of images", where=place, mend="name the folder, zip or tar that holds them")
    there = pictures_in(place)
    row_of: dict[str, int] = {}
    for row, key in enumerate(image_keys(names_of(there), match)):
        row_of.setdefault(key, row)
    pictures: dict[str, Thumbnail] = {}
    missing = unreadable = 0
    for image, key in zip(images, image_keys(images, match), strict=True):
        if key not in row_of:
            missing += 1
        elif (picture := _thumbnail(partial(there.source, row_of[key]))) is None:
            unreadable += 1
        else:
            pictures[image] = picture
    return Thumbnails(pictures=pictures, missing=missing, unreadable=unreadable)


def _thumbnail(source: Callable[[], str | BytesIO]) -> Thumbnail | None:
    """None where the file is no picture, or too large to be a photograph."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, and about the size, which is checked here
            with Image.open(source()) as image:
                if image.width * image.height > _MOST_PIXELS:
                    return None
                image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
                small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            file = BytesIO()
            small.save(file, "WEBP", quality=_QUALITY, method=4)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    data = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(uri=f"data:image/webp;base64,{data}", width=small.width, height=small.height)
