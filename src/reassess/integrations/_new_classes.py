"""The corrected class of each image that gets a new label."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from reassess.core import ImageSelection
from reassess.core.checks import check_type
from reassess.errors import DataError
from reassess.text import join_first


def to_selection_and_class_ids(
    new_class_by_image: Mapping[str, int | str], class_to_idx: Mapping[str, int] | None = None
) -> tuple[ImageSelection, npt.NDArray[np.int64]]:
    """Return a selection of the images that get a new class, and the ids of their new classes."""
    check_type(Mapping, new_class_by_image, value_name="new classes")
    images = ImageSelection(tuple(new_class_by_image), selection_name="list of new classes")
    return images, np.array(
        [_find_class_id(name, new, class_to_idx or {}) for name, new in new_class_by_image.items()], np.int64
    )


def _find_class_id(image: str, new_class: int | str, class_to_idx: Mapping[str, int]) -> int:
    """Return the id of an image's new class; raise if the dataset does not have the class."""
    where, found = f"image {image}", repr(new_class)
    if isinstance(new_class, str):
        if new_class not in class_to_idx:
            allowed = (
                join_first(list(class_to_idx)) if class_to_idx else "class ids, since the dataset has no class names"
            )
            raise DataError("unknown-class", "class is not in the dataset", where=where, allowed=allowed, found=found)
        return class_to_idx[new_class]
    is_id = isinstance(new_class, int | np.integer) and not isinstance(new_class, bool)
    if not is_id or not 0 <= new_class < (len(class_to_idx) or 2**63):
        allowed = f"0 to {len(class_to_idx) - 1}" if class_to_idx else "0 or more"
        raise DataError("out-of-range", "class id out of range", where=where, allowed=allowed, found=found)
    return int(new_class)
