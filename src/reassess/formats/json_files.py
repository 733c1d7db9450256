"""JSON and JSON lines files."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from reassess.core.checks import check_unicode, check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input
from reassess.text import shorten

if TYPE_CHECKING:
    import polars as pl


_MAX_QUOTED_LENGTH = 60  # characters of a bad value in a message
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')  # in JSON


def read_json(path: Path) -> Any:
    """Read a JSON file; `DataError` if an object has the same key twice."""
    check_input(path)
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=unique_key_hook(path))
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError also for a number with thousands of digits
        raise DataError(
            "several-documents" if getattr(error, "msg", "") == "Extra data" else "not-json",
            "file is not JSON",
            where=path,
            found=str(error).split(";")[0],
            fix="get or write the file again",
        ) from error


def is_nonblank_text(value: Any) -> TypeGuard[str]:
    """Return whether a value is a text with more than white space."""
    return isinstance(value, str) and bool(value.strip())


def unique_key_hook(where: object) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Return an `object_pairs_hook` that raises `DataError` if an object has the same key twice."""

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(pairs)
        if len(document) < len(pairs):
            check_unique([name for name, _ in pairs], value_name="a key", where=where, fix="remove one")
        return document

    return make_object


def wrong_json_error(content_name: str, found_value: object, *, where: object, allowed: str) -> DataError:
    """Make the error for JSON that does not contain `content_name`, such as "label sets"."""
    return DataError(
        "wrong-json",
        f"JSON does not contain {content_name}",
        where=where,
        allowed=allowed,
        found=shorten(json.dumps(found_value), _MAX_QUOTED_LENGTH),
    )


def read_json_lines(path: Path) -> "pl.DataFrame":
    """Read a table from a JSON lines file; polars raises its own errors.

    Raise `DataError` if a line has the same key twice, or a lone surrogate, which polars would turn into another
    character.
    """
    import polars as pl

    table = pl.read_ndjson(_read_without_bom(path), infer_schema_length=None)  # all rows decide the types
    headings = [json.dumps(heading, ensure_ascii=False).encode() for heading in table.columns]
    for number, line in iterate_json_lines(path):
        if b"\\" in line or any(line.count(heading) > 1 for heading in headings):
            where = f"{path}, line {number}"
            document = json.loads(line, object_pairs_hook=unique_key_hook(where))
            if b"\\u" in line:
                texts = _STRING.findall(json.dumps(document, ensure_ascii=False))
                check_unicode(texts, value_name="a text", where=where)
    return table


def _read_without_bom(path: Path) -> bytes:
    """Read a file without the byte order mark that some editors write at its start."""
    return path.read_bytes().removeprefix(codecs.BOM_UTF8)


def locate_bad_line(path: Path) -> str | Path:
    """Return the path and line of the first line that is not JSON; only the path if all lines are JSON."""
    for number, line in iterate_json_lines(path):
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return f"{path}, line {number}"
    return path


def iterate_json_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank: its number, counted from 1, and its bytes."""
    return ((number, line) for number, line in enumerate(_read_without_bom(path).splitlines(), 1) if line.strip())
