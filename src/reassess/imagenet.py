"""Everything that is true of ImageNet alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes
from reassess.labels import LabelSets

__all__ = ["CLASSES", "class_folder_order", "is_validation"]

CLASSES = Classes(1000)  # 0-based, in the order of the sorted wnids; named where the list of names is at hand


def is_validation(images: Sequence[str]) -> bool:
    """Whether all of some images, and at least one, are ImageNet validation images."""
    return bool(images) and all("ILSVRC2012_val_" in name for name in images)


def class_folder_order(original: LabelSets) -> npt.NDArray[np.int64]:
    """The order in which a reader of class folders yields the images: by class folder, then by file name.

    Parameters
    ----------
    original
        Original labels in validation order.

    Returns
    -------
    int64, shape (images,): position in `original` of the image in each row that such a reader yields.

    Examples
    --------
    >>> class_folder_order(LabelSets.from_lists(["1.JPEG", "2.JPEG", "3.JPEG"], [[5], [2], [5]]))
    array([1, 0, 2])
    """
    return np.argsort(original.indices, kind="stable")
