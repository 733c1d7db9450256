"""Small pictures of images, as data URIs."""

import base64
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from reassess.core.image_names import Match, image_keys
from reassess.data.pictures import MOST_PIXELS, TooLargeError, open_picture
from reassess.errors import DataError, MissingPackageError, ReassessWarning
from reassess.text import counted, some

__all__ = ["Thumbnail", "Thumbnails", "thumbnails"]

_SUFFIXES = {".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
_SIDE = 384  # pixels at most: sharp in the gallery, and enough for a closer look
_QUALITY = 60
_DAMAGED = (OSError, ValueError, SyntaxError)  # as Pillow says it


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
    folder: Path,
    images: Sequence[str],
    *,
    match: Match = "path",
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Thumbnails:
    """Make small pictures of images in a folder: by path below it, by name or by stem; ImageNet's by number.

    Parameters
    ----------
    folder
        Where the images are; names are relative to it.
    images
        Names of the images.
    match
        Which part of a name identifies an image.
    track
        Passes on the names, so that progress can be shown.

    Raises
    ------
    DataError
        There is no such folder.
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
    if not folder.is_dir():
        raise DataError("no such folder of images", where=folder, mend="name the folder that holds the image files")
    paths = _paths(folder, match)
    pictures: dict[str, Thumbnail] = {}
    missing = unreadable = 0
    too_large = []
    for image, key in zip(track(images), image_keys(images, match), strict=True):
        if (path := paths.get(key)) is None:
            missing += 1
            continue
        try:
            pictures[image] = _thumbnail(path)
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


def _paths(folder: Path, match: Match) -> dict[str, Path]:
    """The image files below a folder by their key; of several with the same key, the first by path."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    keys = image_keys([path.relative_to(folder).as_posix() for path in files], match)
    paths: dict[str, Path] = {}
    for key, path in zip(keys, files, strict=True):
        paths.setdefault(key, path)
    return paths


def _thumbnail(path: Path) -> Thumbnail:
    from PIL import ImageOps

    with open_picture(path) as image:
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    file = BytesIO()
    small.save(file, "WEBP", quality=_QUALITY, method=4)
    data = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(uri=f"data:image/webp;base64,{data}", width=small.width, height=small.height)
