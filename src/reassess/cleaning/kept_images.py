"""What each method makes of the images that it keeps: a list from which no class has vanished."""

import warnings

import numpy as np
import numpy.typing as npt

from reassess.cleaning.held_out import HeldOutPredictions
from reassess.core.cleaning import Cleaning
from reassess.core.label_noise import LabelNoise
from reassess.errors import DataError, ReassessWarning
from reassess.text import counted, some

__all__ = ["cleaning_of"]


def cleaning_of(
    held_out: HeldOutPredictions,
    *,
    kept: npt.NDArray[np.bool_],
    p_right: npt.NDArray[np.float64],
    suggested: npt.NDArray[np.int32],
    reasons: tuple[str, ...],
    noise: LabelNoise | None = None,
) -> Cleaning:
    """The images that are kept and dropped, with what is known of each label.

    Raises
    ------
    DataError
        No image of a class is kept.

    Warns
    -----
    ReassessWarning
        A class loses more than a third of its images; the caller of the method is warned.
    """
    labels = held_out.labels
    cleaning = Cleaning(labels.images, labels.indices, kept, p_right, suggested, reasons, labels.classes, noise)
    lost = [labels.classes.label(class_id) for class_id, count, dropped in cleaning.by_class() if dropped == count]
    if lost:
        raise DataError(
            "no image of a class is kept",
            allowed="some of each class",
            found=f"none of {some(lost, most=3)} ({counted(len(lost), 'class', 'classes')} of {held_out.classes:,})",
            mend="keep labels that are less certain, or take such classes out of the labels and of the predictions",
        )
    much = [labels.classes.label(class_id) for class_id, *_ in cleaning.losing_much()]
    if much:
        text = f"more than a third is dropped of {some(much, most=3)}: look at these before you train without them"
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return cleaning
