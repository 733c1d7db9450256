"""What identifies an image: from a file name to a key, and the join of two lists of images by key.

A name that holds ``ILSVRC2012_val_`` and 8 digits is that ImageNet validation image, whatever folder, suffix or
extension it has. Any other name is its relative path, backslashes being slashes, unless a match by file name or by
stem is asked for. An accent may be one character with its letter or one of its own (Unicode NFC and NFD).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import repeat
from pathlib import PurePosixPath
from typing import Literal, get_args
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_text, first_repeat
from reassess.errors import DataError, Fix
from reassess.text import composed, some

Match = Literal["path", "name", "stem"]
MATCHES: tuple[Match, ...] = get_args(Match)
WHOLE_PATH = Fix("join by the whole path ({match})", match='"path"')
_VALIDATION_IMAGES = 50_000
VALIDATION_PATTERN = "ILSVRC2012_val_[0-9]{8}"  # and no ninth digit after it

_VALIDATION = re.compile(VALIDATION_PATTERN + "(?![0-9])")
_SHORTENED: dict[str, Callable[[str], str]] = {
    "path": lambda name: name.replace("\\", "/"),
    "name": lambda name: PurePosixPath(name.replace("\\", "/")).name,
    "stem": lambda name: PurePosixPath(name.replace("\\", "/")).stem,
}


@cache
def validation_names() -> tuple[str, ...]:
    """File names of the 50,000 ImageNet validation images, in validation order; they count from 1."""
    return tuple(f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, _VALIDATION_IMAGES + 1))


def are_validation_images(names: Sequence[str]) -> bool:
    """Whether all of some names, and at least one, are those of ImageNet validation images."""
    return _are_validation_images(tuple(names))


@lru_cache(maxsize=8)  # asked of the same labels with every model
def _are_validation_images(names: tuple[str, ...]) -> bool:
    return bool(names) and all(_VALIDATION.fullmatch(key) for key in image_keys(names))


def find_image(called: str, images: Sequence[str]) -> str:
    """The image with a name, the end of a name, or the number at its end; without one, the text itself."""
    if image_keys([called])[0] in set(image_keys(images)):
        return called
    ends = re.compile(rf"(^|[^0-9])0*{called}$" if called.isdecimal() else rf"(^|[\W_]){re.escape(called)}$")
    stems = (name[: -len(suffix)] if (suffix := PurePosixPath(name).suffix) else name for name in images)
    found = [image for image, stem in zip(images, stems, strict=True) if ends.search(stem) or ends.search(image)]
    if len(found) > 1:
        raise DataError(
            "ambiguous-image",
            "several images have this name",
            where=called,
            found=some(found),
            fix="give more of the name",
        )
    return found[0] if found else called


def numbering_mistake(names: Sequence[str]) -> str | None:
    """How to fix names of ImageNet's validation images whose numbers are off by one; None if none is."""
    for number, step in ((0, "add 1 to"), (_VALIDATION_IMAGES + 1, "subtract 1 from")):
        if any(f"ILSVRC2012_val_{number:08d}" in name for name in names):
            return f"ImageNet's validation images count from 1 to {_VALIDATION_IMAGES}: {step} the number in every name"
    return None


def image_keys(names: Sequence[str], match: Match = "path") -> tuple[str, ...]:
    """The key that identifies each image."""
    if match not in _SHORTENED:
        check_known([match], MATCHES, thing="match of image names")
    try:
        return _keys(tuple(names), match)
    except TypeError as error:
        raise DataError(
            "wrong-type",
            "image name is not a string",
            found=next(repr(name) for name in names if not isinstance(name, str)),
            fix="give file names as str",
        ) from error


@lru_cache(maxsize=8)  # the labels, the scores and the experts are joined with every model
def _keys(names: tuple[str, ...], match: Match) -> tuple[str, ...]:
    search, shorten = _VALIDATION.search, _SHORTENED[match]
    keys = [number[0] if (number := search(name)) else shorten(name) for name in names]
    return tuple([key if key.isascii() else composed(key) for key in keys])


@lru_cache(maxsize=8)  # the same images are checked wherever labels, scores or predictions are made of others
def _first_repeat(keys: tuple[str, ...]) -> tuple[int, int] | None:
    return first_repeat(keys)


@lru_cache(maxsize=4)  # curves join many small parts with the same labels
def _positions(keys: tuple[str, ...]) -> Mapping[str, int]:
    return {key: i for i, key in enumerate(keys)}


def join(
    names: Sequence[str],
    known: Sequence[str],
    *,
    match: Match = "path",
    where: str | None = "the predictions",
    known_where: str = "the label set",
) -> npt.NDArray[np.int64]:
    """Position among `known` of each image of `names`, or -1 if it is missing."""
    if match == "path" and tuple(names) == tuple(known):
        return np.arange(len(names))
    wanted = image_keys(names, match)
    _refuse_duplicates(names, wanted, match, where)
    known_keys = image_keys(known, match)
    if len(_positions(known_keys)) < len(known_keys):
        _refuse_ambiguous(names, wanted, known, known_keys, match, known_where)
    return _rows(wanted, known_keys).copy()


@lru_cache(maxsize=4)  # every model is joined with the same labels, scores and experts
def _rows(wanted: tuple[str, ...], known: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(_positions(known).get, wanted, repeat(-1)), np.int64, len(wanted))


def unique_images(names: Sequence[str], where: str) -> None:
    """Raise `DataError` if a name is empty or no file can hold it, or two names are the same image."""
    if "" in names:
        raise DataError(
            "missing-value", "image name is empty", where=f"{where}, row {names.index('')}", fix="name every image"
        )
    keys = image_keys(names)
    check_text(names, what="the name of an image", where=where)
    _refuse_duplicates(names, keys, "path", where)


def _refuse_duplicates(names: Sequence[str], keys: Sequence[str], match: Match, where: str | None) -> None:
    repeat = _first_repeat(tuple(keys))
    if repeat is None:
        return
    before, row = repeat
    if names[before] == names[row] or match == "path":
        what: str = "image is listed twice"
        fix: Fix = Fix("keep one row per image")
    else:
        what = f"two images have the same {match}"
        fix = Fix.join(", or ", WHOLE_PATH, "rename one of them")
    raise DataError(
        "duplicate-image",
        what,
        where=where,
        found=names[row] if names[before] == names[row] else f"{names[before]} and {names[row]}",
        fix=fix,
    )


def _refuse_ambiguous(
    names: Sequence[str],
    wanted: Sequence[str],
    known: Sequence[str],
    known_keys: Sequence[str],
    match: Match,
    where: str,
) -> None:
    fits: dict[str, list[str]] = {}
    for name, key in zip(known, known_keys, strict=True):
        fits.setdefault(key, []).append(name)
    for name, key in zip(names, wanted, strict=True):
        if len(fits.get(key, ())) > 1:
            raise DataError(
                "ambiguous-image",
                f"image {match} fits several images",
                where=where,
                found=f"{name} fits {some(fits[key])}",
                fix=WHOLE_PATH if match != "path" else "keep one entry for each image",
            )


_Keys = Callable[[Sequence[str]], Sequence[str]]
_SPELLINGS: Mapping[str, _Keys] = {
    "except for capitals: use the same spelling": lambda names: [name.casefold() for name in names],
    "if %20 and the like are read as characters: write the names as they are": lambda names: list(map(unquote, names)),
}


def how_they_fit(
    names: Iterable[str],
    known: Iterable[str],
    *,
    lost: Sequence[str] | None = None,
    match: Match = "path",
    setting: str = "",
) -> Fix | None:
    """How most of the names that are missing among the known ones would fit, as a fix; None if nothing helps."""
    names, known = (tuple(dict.fromkeys(image_keys(tuple(each)))) for each in (names, known))
    lost = names if lost is None else image_keys(lost)
    for other in MATCHES:
        if other != match and (fits := _fits(names, known, lost, partial(image_keys, match=other))):
            in_file = f', or "match": "{other}" in {setting}' if setting else ""
            return Fix(f"{fits} by {other}: {{match}}{in_file}", match=f'"{other}"')
    for words, spelled in _SPELLINGS.items():
        if fits := _fits(names, known, lost, spelled):
            return Fix(f"{fits} {words}")
    return None


def _fits(names: Sequence[str], known: Sequence[str], lost: Sequence[str], keys_of: _Keys) -> str | None:
    """How many of the lost names have the key of a known one, in words; None if too few, or if two share a key."""
    there = set(keys_of(known))
    n = sum(key in there for key in keys_of(lost))
    if 2 * n <= len(lost) or len(there) < len(known) or len(set(keys_of(names))) < len(names):
        return None
    return "they fit" if n == len(lost) else f"{n:,} of {len(lost):,} fit"
