"""Whether a model's outputs fit the classes of the benchmark."""

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes, classes_of_ids
from reassess.errors import DataError

__all__ = ["LIST_OUTPUTS", "are_in_sorted_order", "check_outputs", "refuse_ids"]

LIST_OUTPUTS = "name the class of each output with --classes FILE, one wnid or name a line"


def check_outputs(shape: tuple[int, ...], classes: Classes, columns: npt.NDArray[np.int64] | None) -> None:
    """Refuse scores whose number of outputs is not that of the classes, or of the list of outputs."""
    if len(shape) != 2:
        raise DataError(
            "floats are scores, one row an image and one column a class",
            allowed="shape (N, classes)",
            found=f"shape {shape}",
            mend="if these are class ids, save them as integers" if len(shape) == 1 else None,
        )
    count = classes.count if columns is None else len(columns)
    if count is None or shape[1] == count:
        return
    mend, each = LIST_OUTPUTS, ""
    if columns is not None:
        mend = "list every output, in order"
    elif classes.ranked:
        each = ", one for each class that the labels name"
    elif shape[1] == count + 1:
        mend = f"if the first output is a background class, save scores[:, 1:]; else {mend}"
    raise DataError(
        "wrong number of outputs", allowed=f"{count:,} columns{each}", found=f"{shape[1]:,} columns", mend=mend
    )


def are_in_sorted_order(classes: Classes, columns: npt.NDArray[np.int64] | None) -> str:
    """What is taken for granted of outputs without names where the classes are known by name alone, in words."""
    if not classes.ranked or columns is not None:
        return ""
    return f", taken in the sorted order of the {classes.count:,} classes that the labels name"


def refuse_ids(classes: Classes, columns: npt.NDArray[np.int64] | None, where: str | None = None) -> None:
    """Refuse class ids where the labels name their classes, and nothing tells which class an id stands for."""
    if columns is not None:
        return
    try:
        classes_of_ids(classes, where=where)
    except DataError as error:
        error.mend = f"{LIST_OUTPUTS}; or {error.mend}"
        raise
