"""The record of an unfinished run: its settings and images, and how they differ from another run."""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reassess.errors import DataError
from reassess.formats.files import write_to_temporary
from reassess.formats.tables import read_table, write_table
from reassess.text import count_noun, join_first

_SHA256 = re.compile("[0-9a-f]{64}")
_IMAGES_DIGEST = re.compile("[0-9a-f]{32}")  # a result of `digest_image_sizes`
_HASH_DIGITS = 12  # digits of a hash to show
ImageSizes = Mapping[str, int]  # size of each image file in bytes, by name of the image


def describe_changes(recorded: Any, current: Any, name: str = "") -> Iterator[str]:
    """Describe the differences between two JSON objects, one per line."""
    if isinstance(recorded, dict) and isinstance(current, dict):
        both = [key for key in recorded if key in current]
        removed, new = (
            [key for key in document if key not in both and isinstance(document[key], dict)]
            for document in (recorded, current)
        )
        if removed and new:
            yield f"{name}: {join_first(removed)} before, {join_first(new)} now".removeprefix(": ")
        elif removed or new:
            yield f"{name} {'missing' if removed else 'new'}: {join_first(removed or new)}".lstrip()
        for key in dict.fromkeys((*recorded, *current)):
            if key not in (*removed, *new):
                yield from describe_changes(recorded.get(key), current.get(key), f"{name}, {key}" if name else key)
    elif {type(recorded), type(current)} == {dict, type(None)}:
        parent, _, key = name.rpartition(", ")
        change = f"without {key} before, with one now" if recorded is None else f"with {key} before, without one now"
        yield f"{parent}: {change}" if parent else change
    elif recorded != current and all(
        isinstance(value, str) and _SHA256.fullmatch(value) for value in (recorded, current)
    ):
        yield f"{name} changed"
    elif recorded != current:
        yield f"{name}: {_format_value(recorded)} before, {_format_value(current)} now"


def _format_value(value: object) -> str:
    """Format a value, and shorten a hash."""
    if isinstance(value, str):
        return value[:_HASH_DIGITS] if _SHA256.fullmatch(value) else value
    return "none" if value is None else json.dumps(value)


def describe_image_changes(recorded: ImageSizes, current: ImageSizes, *, compares_sizes: bool = True) -> Iterator[str]:
    """Describe how two sets of images differ in their names and, with `compares_sizes`, in file sizes."""
    kinds = {
        "changed": [name for name in current if compares_sizes and current[name] != recorded.get(name, current[name])],
        "new": [name for name in current if name not in recorded],
        "missing": [name for name in recorded if name not in current],
    }
    for kind, names in kinds.items():
        if names:
            yield f"{count_noun(len(names), 'image')} {kind}: {join_first(names, max_items=3)}"
    if list(recorded) != list(current) and not kinds["new"] and not kinds["missing"]:
        yield "images are in another order"


def digest_image_sizes(sizes: ImageSizes) -> str:
    """Compute a digest of the names and sizes of images."""
    digest = hashlib.blake2b(digest_size=16)
    for name, size in sizes.items():
        digest.update(f"{size} {name}\0".encode())
    return digest.hexdigest()


def write_image_sizes(path: Path, sizes: ImageSizes) -> None:
    """Write the names and sizes of images as a table."""
    import polars as pl

    write_table(path, pl.DataFrame({"image": list(sizes), "size": list(sizes.values())}), force=True)


def read_image_sizes(path: Path) -> ImageSizes:
    """Read a table that `write_image_sizes` wrote; raise `DataError` if the table is damaged."""
    import polars as pl

    try:
        table = read_table(path, text_columns=("image",))
        return dict(zip(table["image"].to_list(), table["size"].cast(pl.Int64).to_list(), strict=True))
    except (DataError, pl.exceptions.PolarsError) as error:
        raise _damaged_error(path) from error


def write_json(path: Path, document: Mapping[str, Any], *, force: bool) -> None:
    """Write a JSON file."""
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_text(json.dumps(document, indent=2), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, and raise `DataError` if the file is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _damaged_error(path)
    return document


def read_run_record(path: Path) -> dict[str, Any]:
    """Read the record of a run, and raise `DataError` if the file or its digests of images are damaged."""
    record = read_json(path)
    digests = record.get("images")
    if not isinstance(digests, dict) or not all(
        isinstance(digest, str) and _IMAGES_DIGEST.fullmatch(digest) for digest in digests.values()
    ):
        raise _damaged_error(path)
    return record


def _damaged_error(path: Path) -> DataError:
    return DataError(
        "damaged-file",
        "file of an unfinished run is damaged",
        where=path,
        fix=describe_how_to_start_again(path.parent),
    )


def describe_how_to_start_again(folder: Path) -> str:
    """Return advice to delete the folder of an unfinished run."""
    return f"delete the finished part and start again: rm -r {shlex.quote(str(folder))}"
