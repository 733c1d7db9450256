"""Keys that identify images by file name, and joins of image lists by key.

A name that contains ``ILSVRC2012_val_`` and 8 digits is this ImageNet validation image, with any folder, suffix or
extension. Every other image is identified by its relative path, or by its file name or stem if the user chooses so.
Backslashes equal slashes, and Unicode NFC equals NFD (an accent with its letter, or as a separate character).
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

from reassess.core.checks import check_known, check_unicode, find_first_duplicate
from reassess.errors import DataError, Fix
from reassess.text import join_first, to_nfc

Match = Literal["path", "name", "stem"]
MATCHES: tuple[Match, ...] = get_args(Match)
JOIN_BY_WHOLE_PATH = Fix("join by the whole path ({match})", match='"path"')
_VALIDATION_IMAGES = 50_000
VALIDATION_PATTERN = "ILSVRC2012_val_[0-9]{8}"  # a ninth digit must not follow

_VALIDATION_NAME = re.compile(VALIDATION_PATTERN + "(?![0-9])")
_SHORTENERS: dict[str, Callable[[str], str]] = {
    "path": lambda name: name.replace("\\", "/"),
    "name": lambda name: PurePosixPath(name.replace("\\", "/")).name,
    "stem": lambda name: PurePosixPath(name.replace("\\", "/")).stem,
}


@cache
def validation_image_names() -> tuple[str, ...]:
    """Return the file names of the 50,000 ImageNet validation images, in order; numbers start at 1."""
    return tuple(f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, _VALIDATION_IMAGES + 1))


def are_validation_images(names: Sequence[str]) -> bool:
    """Return whether all names are ImageNet validation images, and there is at least one."""
    return _are_validation_images(tuple(names))


@lru_cache(maxsize=8)  # called with the same labels for every model
def _are_validation_images(names: tuple[str, ...]) -> bool:
    return bool(names) and all(_VALIDATION_NAME.fullmatch(key) for key in image_keys(names))


def find_image(text: str, images: Sequence[str]) -> str:
    """Find an image by its name, the end of its name, or its number; return `text` if no image matches."""
    if image_keys([text])[0] in set(image_keys(images)):
        return text
    ends = re.compile(rf"(^|[^0-9])0*{text}$" if text.isdecimal() else rf"(^|[\W_]){re.escape(text)}$")
    stems = (name[: -len(suffix)] if (suffix := PurePosixPath(name).suffix) else name for name in images)
    matches = [image for image, stem in zip(images, stems, strict=True) if ends.search(stem) or ends.search(image)]
    if len(matches) > 1:
        raise DataError(
            "ambiguous-image",
            "several images have this name",
            where=text,
            found=join_first(matches),
            fix="write a longer part of the image's path",
        )
    return matches[0] if matches else text


def suggest_image_number_fix(names: Sequence[str]) -> str | None:
    """Return advice for messages if the numbers in ImageNet validation names are off by one; else None."""
    for number, step in ((0, "add 1 to"), (_VALIDATION_IMAGES + 1, "subtract 1 from")):
        if any(f"ILSVRC2012_val_{number:08d}" in name for name in names):
            return f"ImageNet validation images count from 1 to {_VALIDATION_IMAGES}: {step} the number in every name"
    return None


def image_keys(names: Sequence[str], match: Match = "path") -> tuple[str, ...]:
    """Return the key that identifies each image; `match` is the part of the name to use."""
    if match not in _SHORTENERS:
        check_known([match], MATCHES, value_name="match of image names")
    try:
        return _make_keys(tuple(names), match)
    except TypeError as error:
        raise DataError(
            "wrong-type",
            "image name is not a string",
            found=next(repr(name) for name in names if not isinstance(name, str)),
            fix="give file names as str",
        ) from error


@lru_cache(maxsize=8)  # labels, scores and golden answers are joined with every model
def _make_keys(names: tuple[str, ...], match: Match) -> tuple[str, ...]:
    search, shorten = _VALIDATION_NAME.search, _SHORTENERS[match]
    keys = [number[0] if (number := search(name)) else shorten(name) for name in names]
    return tuple([key if key.isascii() else to_nfc(key) for key in keys])


@lru_cache(maxsize=8)  # labels, scores and predictions that are derived from others check the same images again
def _find_first_duplicate(keys: tuple[str, ...]) -> tuple[int, int] | None:
    return find_first_duplicate(keys)


@lru_cache(maxsize=4)  # curves join many small subsets with the same labels
def _positions_by_key(keys: tuple[str, ...]) -> Mapping[str, int]:
    return {key: i for i, key in enumerate(keys)}


def match_images(
    names: Sequence[str],
    known_names: Sequence[str],
    *,
    match: Match = "path",
    where: str | None = "the predictions",
    known_where: str = "the label set",
) -> npt.NDArray[np.int64]:
    """Return the position of each image of `names` in `known_names`, -1 for a missing image.

    `where` and `known_where` are the places of the two lists in messages.
    """
    if match == "path" and tuple(names) == tuple(known_names):
        return np.arange(len(names))
    keys = image_keys(names, match)
    _check_unique_keys(names, keys, match, where)
    known_keys = image_keys(known_names, match)
    if len(_positions_by_key(known_keys)) < len(known_keys):
        _check_unambiguous(names, keys, known_names, known_keys, match, known_where)
    return _find_rows(keys, known_keys).copy()


@lru_cache(maxsize=4)  # every model is joined with the same labels, scores and golden answers
def _find_rows(keys: tuple[str, ...], known_keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(_positions_by_key(known_keys).get, keys, repeat(-1)), np.int64, len(keys))


def check_image_names(names: Sequence[str], where: str) -> None:
    """Raise `DataError` if a name is empty or not valid Unicode, or two names mean the same image."""
    if "" in names:
        raise DataError(
            "missing-value", "image name is empty", where=f"{where}, row {names.index('')}", fix="name every image"
        )
    keys = image_keys(names)
    check_unicode(names, value_name="the name of an image", where=where)
    _check_unique_keys(names, keys, "path", where)


def _check_unique_keys(names: Sequence[str], keys: Sequence[str], match: Match, where: str | None) -> None:
    repeat = _find_first_duplicate(tuple(keys))
    if repeat is None:
        return
    before, row = repeat
    if names[before] == names[row] or match == "path":
        problem: str = "image is listed twice"
        fix: Fix = Fix("keep one row per image")
    else:
        problem = f"two images have the same {match}"
        fix = Fix.join(", or ", JOIN_BY_WHOLE_PATH, "rename one of them")
    raise DataError(
        "duplicate-image",
        problem,
        where=where,
        found=names[row] if names[before] == names[row] else f"{names[before]} and {names[row]}",
        fix=fix,
    )


def _check_unambiguous(
    names: Sequence[str],
    keys: Sequence[str],
    known_names: Sequence[str],
    known_keys: Sequence[str],
    match: Match,
    where: str,
) -> None:
    names_by_key: dict[str, list[str]] = {}
    for name, key in zip(known_names, known_keys, strict=True):
        names_by_key.setdefault(key, []).append(name)
    for name, key in zip(names, keys, strict=True):
        if len(names_by_key.get(key, ())) > 1:
            raise DataError(
                "ambiguous-image",
                f"image {match} matches several images",
                where=where,
                found=f"{name} matches {join_first(names_by_key[key])}",
                fix=JOIN_BY_WHOLE_PATH if match != "path" else "keep one entry for each image",
            )


_KeyFunction = Callable[[Sequence[str]], Sequence[str]]
_KEY_FUNCTIONS: Mapping[str, _KeyFunction] = {
    "ignoring case: use the same spelling": lambda names: [name.casefold() for name in names],
    "if %20 and similar codes are decoded: write the names without codes": lambda names: list(map(unquote, names)),
}


def suggest_match_fix(
    names: Iterable[str],
    known_names: Iterable[str],
    *,
    missing: Sequence[str] | None = None,
    match: Match = "path",
    settings_file: str = "",
) -> Fix | None:
    """Suggest a fix that makes most of the missing names match known names; None if there is no such fix.

    `missing` are the names that do not match yet; None means all names. `match` is the part of names in use now.
    """
    names, known_names = (tuple(dict.fromkeys(image_keys(tuple(texts)))) for texts in (names, known_names))
    missing = names if missing is None else image_keys(missing)
    for other_match in MATCHES:
        if other_match != match and (
            count := _describe_matches(names, known_names, missing, partial(image_keys, match=other_match))
        ):
            in_file = f', or "match": "{other_match}" in {settings_file}' if settings_file else ""
            return Fix(f"{count} by {other_match}; use {{match}}{in_file}", match=f'"{other_match}"')
    for words, keys_of in _KEY_FUNCTIONS.items():
        if count := _describe_matches(names, known_names, missing, keys_of):
            return Fix(f"{count} {words}")
    return None


def _describe_matches(
    names: Sequence[str], known_names: Sequence[str], missing: Sequence[str], keys_of: _KeyFunction
) -> str | None:
    """Describe how many missing names match after `keys_of` changes all names, for example to lower case.

    Return None if at most half of the missing names match, or if `keys_of` makes two names equal.
    """
    known_keys = set(keys_of(known_names))
    n = sum(key in known_keys for key in keys_of(missing))
    if 2 * n <= len(missing) or len(known_keys) < len(known_names) or len(set(keys_of(names))) < len(names):
        return None
    return "the names match" if n == len(missing) else f"{n:,} of {len(missing):,} names match"
