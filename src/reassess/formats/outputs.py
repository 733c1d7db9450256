"""Whether a model's outputs fit the classes of the benchmark."""

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes
from reassess.errors import DataError

__all__ = ["check_outputs"]


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
    mend = "name the class of each output with --classes FILE, one wnid or name a line"
    if columns is not None:
        mend = "list every output, in order"
    elif shape[1] == count + 1:
        mend = f"if the first output is a background class, save scores[:, 1:]; else {mend}"
    raise DataError("wrong number of outputs", allowed=f"{count:,} columns", found=f"{shape[1]:,} columns", mend=mend)
