"""JSON documents as files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reassess.errors import DataError
from reassess.formats.files import check_input

if TYPE_CHECKING:
    pass

__all__ = ["read_json"]


def read_json(path: Path) -> Any:
    """The JSON document of a file; a key that stands twice is an error."""
    check_input(path)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(pairs)
        if len(document) < len(pairs):
            names = [name for name, _ in pairs]
            raise DataError(
                "a name stands twice", where=path, found=next(name for name in names if names.count(name) > 1)
            )
        return document

    try:
        return json.loads(path.read_bytes(), object_pairs_hook=once)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
        raise DataError(
            "the file is not JSON", where=path, found=str(error).split(";")[0], mend="get or write the file again"
        ) from error
