"""New classes of images that are relabelled."""

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
    """Return the images to relabel, and their new class ids; `known` maps a dataset's class names to ids."""
    check_type(Mapping, classes_of, what="new classes")
    images = ImageSelection(tuple(classes_of), thing="list of new classes")
    return images, np.array([_class_id(name, new, known or {}) for name, new in classes_of.items()], np.int64)


def _class_id(name: str, new: int | str, known: Mapping[str, int]) -> int:
    where, found = f"image {name}", repr(new)
    if isinstance(new, str):
        if new not in known:
            allowed = some(list(known)) if known else "class ids, since the dataset has no class names"
            raise DataError("unknown-class", "class is not in the dataset", where=where, allowed=allowed, found=found)
        return known[new]
    is_id = isinstance(new, int | np.integer) and not isinstance(new, bool)
    if not is_id or not 0 <= new < (len(known) or 2**63):
        allowed = f"0 to {len(known) - 1}" if known else "0 or more"
        raise DataError("out-of-range", "class id out of range", where=where, allowed=allowed, found=found)
    return int(new)
