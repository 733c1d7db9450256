"""Small pictures of images, as data URIs."""

import base64
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from reassess.core.image_names import Match, image_keys
from reassess.data.image_folders import names_of, pictures_in
from reassess.data.pictures import MOST_PIXELS, TooLargeError, open_picture
from reassess.errors import DataError, MissingPackageError, ReassessWarning
from reassess.text import counted, some

__all__ = ["Thumbnail", "Thumbnails", "thumbnails"]

_SIDE = 384  # pixels at most: sharp in the gallery, and enough for a closer look
_QUALITY = 60
_DAMAGED = (OSError, ValueError, SyntaxError)  # as Pillow says it, and DataError


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


def thumbnails(
    place: Path,
    images: Sequence[str],
    *,
    match: Match = "path",
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Thumbnails:
    """Make small pictures of images in a folder or an archive: by path in it, name or stem; ImageNet's by number.

    Parameters
    ----------
    place
        Where the images are, a folder, zip or tar; names are relative to it.
    images
        Names of the images.
    match
        Which part of a name identifies an image.
    track
        Passes on the names, so that progress can be shown.

    Raises
    ------
    DataError
        There is no such folder or archive, or it cannot be read.
    MissingPackageError
        Pillow is not installed.

    Warns
    -----
    ReassessWarning
        Pictures are too large to open.
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
    too_large = []
    for image, key in zip(track(images), image_keys(images, match), strict=True):
        if key not in row_of:
            missing += 1
            continue
        try:
            pictures[image] = _thumbnail(there.source(row_of[key]))
        except TooLargeError:
            too_large.append(image)
        except _DAMAGED:
            unreadable += 1
    if too_large:
        warnings.warn(
            f"{counted(len(too_large), 'picture')} of more than {MOST_PIXELS:,} pixels not shown: {some(too_large)}",
            ReassessWarning,
            stacklevel=2,
        )
    return Thumbnails(pictures=pictures, missing=missing, unreadable=unreadable + len(too_large))


def _thumbnail(source: str | BytesIO) -> Thumbnail:
    from PIL import ImageOps

    with open_picture(source) as image:
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    file = BytesIO()
    small.save(file, "WEBP", quality=_QUALITY, method=4)
    data = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(uri=f"data:image/webp;base64,{data}", width=small.width, height=small.height)
