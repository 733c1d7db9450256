"""What differs between a run that was interrupted and the one that would go on, in words."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reassess.core.checks import check_shape
from reassess.errors import DataError
from reassess.formats.tables import read_table
from reassess.text import counted, some

__all__ = ["changed_images", "changes_of", "recorded_images"]

_SHA256 = re.compile("[0-9a-f]{64}")
_HASH = 12  # digits that tell hashes apart, as where inputs are named


def changes_of(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """What differs between two objects; of the objects that one of the two lacks, such as models, the names alone.

    >>> list(changes_of({"batch": 64, "models": {"a": {"weights": "0f"}}}, {"batch": 32, "models": {"a": {}}}))
    ['batch: 64 before, 32 now', 'models, a, weights: 0f before, none now']
    >>> list(changes_of({"a": {"transform": None}}, {"a": {"transform": {"size": 256}}}))
    ['a: without transform before, with one now']
    >>> list(changes_of({"models": {"a": {}, "b": {}}}, {"models": {"a": {}, "c": {}}}))
    ['models: b before, c now']
    """
    if isinstance(before, dict) and isinstance(now, dict):
        both = [key for key in before if key in now]
        gone, new = ([key for key in one if key not in both and isinstance(one[key], dict)] for one in (before, now))
        if gone and new:
            yield f"{name}: {some(gone)} before, {some(new)} now"
        elif gone or new:
            yield f"{name} {'gone' if gone else 'new'}: {some(gone or new)}"
        for key in dict.fromkeys((*before, *now)):
            if key not in (*gone, *new):
                yield from changes_of(before.get(key), now.get(key), f"{name}, {key}" if name else key)
    elif {type(before), type(now)} == {dict, type(None)}:
        above, _, own = name.rpartition(", ")
        has = f"without {own} before, with one now" if before is None else f"with {own} before, without one now"
        yield f"{above}: {has}" if above else has
    elif before != now:
        yield f"{name}: {_in_words(before)} before, {_in_words(now)} now"


def _in_words(value: object) -> str:
    if isinstance(value, str):
        return value[:_HASH] if _SHA256.fullmatch(value) else value
    return "none" if value is None else json.dumps(value)


def changed_images(before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """What differs between images, each with the size and the time of change of its file.

    >>> list(changed_images({"a.png": (7, 0), "b.png": (8, 0)}, {"a.png": (7, 1), "c.png": (8, 0)}))
    ['1 image changed: a.png', '1 image new: c.png', '1 image gone: b.png']
    """
    kinds = {
        "changed": [image for image in now if image in before and now[image] != before[image]],
        "new": [image for image in now if image not in before],
        "gone": [image for image in before if image not in now],
    }
    for kind, names in kinds.items():
        if names:
            yield f"{counted(len(names), 'image')} {kind}: {some(names, most=3)}"
    if list(before) != list(now) and not any(kinds.values()):
        yield "the images are in another order"


def recorded_images(path: Path) -> dict[str, tuple[int, int]]:
    """The images of a table of a run, each with the size and the time of change of its file.

    Raises
    ------
    DataError
        The table is missing or damaged.
    """
    import polars as pl

    try:
        table = read_table(path, text=("image",))
        stamps = table.drop("image").to_numpy()
        check_shape(stamps, ("images", 2), what="the stamps", kind="integers")
        return dict(zip(table["image"].to_list(), map(tuple, stamps.tolist()), strict=True))
    except (DataError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "the record of a run is damaged", where=path, mend=f"begin anew: rm -r {path.parent}"
        ) from error
