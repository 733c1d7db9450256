"""JSON documents as files."""

import json
from pathlib import Path
from typing import Any

from reassess.core.checks import check_unique
from reassess.errors import DataError
from reassess.formats.files import check_input

__all__ = ["read_json"]


def read_json(path: Path) -> Any:
    """The JSON document of a file; a key that stands twice is an error."""
    check_input(path)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        check_unique([name for name, _ in pairs], thing="a key", where=path)
        return dict(pairs)

    try:
        return json.loads(path.read_bytes(), object_pairs_hook=once)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
        raise DataError(
            "the file is not JSON", where=path, found=str(error).split(";")[0], mend="get or write the file again"
        ) from error
