"""The classes that some images get instead of theirs."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from reassess.core import ImageSelection
from reassess.core.checks import check_type
from reassess.errors import DataError
from reassess.text import some


def new_classes(
    classes_of: Mapping[str, int | str], known: Mapping[str, int] | None = None
) -> tuple[ImageSelection, npt.NDArray[np.int64]]:
    """The images, and the id of each one's class; `known` has the ids of a dataset's class names."""
    check_type(Mapping, classes_of, what="new classes")
    images = ImageSelection(tuple(classes_of), thing="list of new classes")
    return images, np.array([_class_id(name, given, known or {}) for name, given in classes_of.items()], np.int64)


def _class_id(name: str, given: int | str, known: Mapping[str, int]) -> int:
    where, found = f"image {name}", repr(given)
    if isinstance(given, str):
        if given not in known:
            allowed = some(list(known)) if known else "class ids, as the dataset names no class"
            raise DataError("unknown-class", "class is not in the dataset", where=where, allowed=allowed, found=found)
        return known[given]
    is_id = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not is_id or not 0 <= given < (len(known) or 2**63):
        allowed = f"0 to {len(known) - 1}" if known else "0 or more"
        raise DataError("out-of-range", "class id out of range", where=where, allowed=allowed, found=found)
    return int(given)
