"""Images to look at, each with what is known of it, as a page shows them; what they are is told by who gives them."""

import base64
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal

from reassess.core import Match
from reassess.core.image_names import image_keys
from reassess.data.image_decoding import MOST_PIXELS, TooLargeError, open_image
from reassess.data.image_folders import find_image_files, image_names
from reassess.errors import DataError, ReassessWarning, importing
from reassess.text import counted, some

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
    place: Path, images: Sequence[str], *, match: Match = "path", track: Callable[[Sequence[str]], Iterable[str]] = iter
) -> Thumbnails:
    """Make small pictures of images in a folder or an archive: by path in it, name or stem; ImageNet's by number."""
    with importing("pillow", extra="report", purpose="making thumbnails"):
        import PIL.Image  # noqa: F401
    if not place.exists():
        raise DataError(
            "folder-not-found", "image folder not found", where=place, fix="name the folder, zip or tar that holds them"
        )
    there = find_image_files(place)
    row_of: dict[str, int] = {}
    for row, key in enumerate(image_keys(image_names(there), match)):
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

    with open_image(source) as image:
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    file = BytesIO()
    small.save(file, "WEBP", quality=_QUALITY, method=4)
    data = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(uri=f"data:image/webp;base64,{data}", width=small.width, height=small.height)


@dataclass(frozen=True)
class CardEntry:
    """One thing that is known of an image."""

    # text, note: What it is, and a remark on it in small letters
    text: str
    note: str = ""
    # verdict, says: Whether it is marked as right or wrong, and the word for those who do not see the mark
    verdict: Literal["correct", "wrong", ""] = ""
    says: str = ""


@dataclass(frozen=True)
class CardLine:
    """A term, such as a label or a model, and what an image has under it."""

    term: str
    entries: Sequence[CardEntry]


@dataclass(frozen=True)
class Card:
    """An image, and what is shown of it."""

    image: str  # Its name
    lines: Sequence[CardLine]  # What is known of it
    classes: Sequence[str]  # Names of the classes by which it is found
    mistakes: Mapping[str, str] = field(default_factory=dict)  # The kind of mistake of each model that makes one
    about: Sequence[str] = ()  # Which of the gallery's `about` hold of it
    disputed: bool = False  # Whether its votes are disputed


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images that a page shows, and by what a reader can choose among them besides the class."""

    intro: str  # What the images are, in sentences
    # cards, pictures: The images, and small pictures of them
    cards: Sequence[Card]
    pictures: Thumbnails
    # models, kinds: Models whose mistakes can be chosen, and the kinds of mistakes: their keys and words
    models: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)  # What else images can be chosen by: keys and words
    has_votes: bool = False  # Whether disputed votes can be chosen
