"""JSON documents and JSON lines as files."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reassess.core.checks import check_text, check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input
from reassess.text import shortened

if TYPE_CHECKING:
    import polars as pl


_SHOWN = 60  # letters
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')  # in JSON


def read_json(path: Path) -> Any:
    """The JSON document of a file; a key that stands twice is an error."""
    check_input(path)
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=each_once(path))
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
        raise DataError(
            "several-documents" if getattr(error, "msg", "") == "Extra data" else "not-json",
            "file is not JSON",
            where=path,
            found=str(error).split(";")[0],
            fix="get or write the file again",
        ) from error


def each_once(where: object) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """What makes an object of its keys and values while JSON is parsed; a key that stands twice is an error."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(pairs)
        if len(document) < len(pairs):
            check_unique([name for name, _ in pairs], thing="a key", where=where, fix="leave one out")
        return document

    return made


def other_shape(holds: str, found: object, *, where: object, allowed: str) -> DataError:
    """The error for a JSON document of another shape than that of a noun."""
    return DataError(
        "wrong-json",
        f"JSON does not contain {holds}",
        where=where,
        allowed=allowed,
        found=shortened(json.dumps(found), _SHOWN),
    )


def read_json_lines(path: Path) -> "pl.DataFrame":
    """The table of a JSON lines file, with the errors of polars.

    A key that stands twice in a line is an error, and so is half of a character, which polars takes for another one.
    """
    import polars as pl

    table = pl.read_ndjson(_without_mark(path), infer_schema_length=None)  # from all rows
    headings = [json.dumps(heading, ensure_ascii=False).encode() for heading in table.columns]
    for number, line in json_lines(path):
        if b"\\" in line or any(line.count(heading) > 1 for heading in headings):
            where = f"{path}, line {number}"
            document = json.loads(line, object_pairs_hook=each_once(where))
            if b"\\u" in line:
                texts = _TEXT.findall(json.dumps(document, ensure_ascii=False))
                check_text(texts, what="a text", where=where)
    return table


def _without_mark(path: Path) -> bytes:
    """What a file of text holds, without the mark that some editors put before it."""
    return path.read_bytes().removeprefix(codecs.BOM_UTF8)


def where_not_json(path: Path) -> object:
    """The first line of a JSON lines file that is no JSON; the file alone where all are."""
    for number, line in json_lines(path):
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return f"{path}, line {number}"
    return path


def json_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number, from 1."""
    return ((number, line) for number, line in enumerate(_without_mark(path).splitlines(), 1) if line.strip())
