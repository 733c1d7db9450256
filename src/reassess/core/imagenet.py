"""Everything that is true of ImageNet alone."""

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.image_names import image_keys
from reassess.core.labels import LabelSets

__all__ = ["ANIMALS", "CLASSES", "class_folder_order"]

CLASSES = Classes(1000)  # 0-based, in the order of the sorted wnids; named where the list of names is at hand
ANIMALS = 398  # the classes of lower ids are animals


def class_folder_order(original: LabelSets) -> npt.NDArray[np.int64]:
    """The order in which a reader of class folders yields the images: by class folder, then by file name.

    Parameters
    ----------
    original
        Original labels, in any order.

    Returns
    -------
    int64, shape (images,): position in `original` of the image in each row that such a reader yields.

    Examples
    --------
    >>> class_folder_order(LabelSets.from_lists(["1.JPEG", "2.JPEG", "3.JPEG"], [[5], [2], [5]]))
    array([1, 0, 2])
    """
    return np.lexsort((np.array(image_keys(original.images)), original.indices))
