"""A gallery of images for a page: thumbnails, and a card with the labels of each image."""

import base64
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal

from reassess.core import Match
from reassess.core.image_names import image_keys
from reassess.data.image_decoding import MAX_PIXELS, TooLargeError, open_image
from reassess.data.image_folders import find_image_files, image_names
from reassess.errors import DataError, ReassessWarning, require_package
from reassess.text import count_noun, join_first

_MAX_SIDE = 384  # pixels at most; sharp in the gallery, and large enough to enlarge
_WEBP_QUALITY = 60
_IMAGE_ERRORS = (OSError, ValueError, SyntaxError)  # errors of Pillow; ValueError includes DataError


@dataclass(frozen=True)
class Thumbnail:
    """A small image as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The thumbnail of each image, and how many images have no thumbnail."""

    by_image: dict[str, Thumbnail]
    n_missing: int  # images that are not in the folder
    n_unreadable: int  # images that are damaged or too large


def make_thumbnails(
    source_path: Path,
    images: Sequence[str],
    *,
    match: Match = "path",
    show_progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Thumbnails:
    """Make thumbnails of images in a folder or archive; `match` is the part of a name that identifies an image."""
    with require_package("pillow", extra="report", purpose="making thumbnails"):
        import PIL.Image  # noqa: F401
    if not source_path.exists():
        raise DataError(
            "folder-not-found",
            "folder or archive of images not found",
            where=source_path,
            fix="give the folder, zip or tar of the images",
        )
    source = find_image_files(source_path)
    row_of: dict[str, int] = {}
    for row, key in enumerate(image_keys(image_names(source), match)):
        row_of.setdefault(key, row)
    by_image: dict[str, Thumbnail] = {}
    n_missing = n_unreadable = 0
    too_large = []
    for image, key in zip(show_progress(images), image_keys(images, match), strict=True):
        if key not in row_of:
            n_missing += 1
            continue
        try:
            by_image[image] = _make_thumbnail(source.image_file(row_of[key]))
        except TooLargeError:
            too_large.append(image)
        except _IMAGE_ERRORS:
            n_unreadable += 1
    if too_large:
        warnings.warn(
            f"{count_noun(len(too_large), 'image')} not shown, with more than {MAX_PIXELS:,} pixels: "
            f"{join_first(too_large)}",
            ReassessWarning,
            stacklevel=2,
        )
    return Thumbnails(by_image=by_image, n_missing=n_missing, n_unreadable=n_unreadable + len(too_large))


def _make_thumbnail(source: str | BytesIO) -> Thumbnail:
    from PIL import ImageOps

    with open_image(source) as image:
        image.draft("RGB", (2 * _MAX_SIDE, 2 * _MAX_SIDE))
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((_MAX_SIDE, _MAX_SIDE))
    file = BytesIO()
    small.save(file, "WEBP", quality=_WEBP_QUALITY, method=4)
    data = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(uri=f"data:image/webp;base64,{data}", width=small.width, height=small.height)


@dataclass(frozen=True)
class CardEntry:
    """A short text on a line of a card, such as a class name."""

    text: str
    note: str = ""  # in small print
    verdict: Literal["correct", "wrong", ""] = ""  # shown as a mark
    verdict_text: str = ""  # the mark in words, for screen readers


@dataclass(frozen=True)
class CardLine:
    """A line of a card: a term, such as "Valid" or the name of a model, and its entries."""

    term: str
    entries: Sequence[CardEntry]


@dataclass(frozen=True)
class Card:
    """An image of a gallery, with its labels."""

    image: str  # name
    lines: Sequence[CardLine]
    class_names: Sequence[str]  # names of classes that find this image in a search
    mistakes_by_model: Mapping[str, str] = field(default_factory=dict)  # the kind of mistake of each model
    label_filter_keys: Sequence[str] = ()  # keys of `Gallery.label_filters` that apply
    is_disputed: bool = False  # whether its votes are disputed


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images of a page, with the filters that a reader can use; images can also be filtered by class."""

    introduction: str  # sentences that describe the images
    cards: Sequence[Card]
    thumbnails: Thumbnails
    models: Sequence[str] = ()  # a filter for the mistakes of each model
    mistake_kinds: Mapping[str, str] = field(default_factory=dict)  # text of each kind of mistake, by key
    label_filters: Mapping[str, str] = field(default_factory=dict)  # text of each filter for labels, by key
    has_votes: bool = False  # whether there is a filter for disputed votes
