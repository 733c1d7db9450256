"""JSON documents as files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reassess.core.checks import check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input
from reassess.text import shortened

__all__ = ["each_once", "other_shape", "read_json"]

_SHOWN = 60  # letters


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
