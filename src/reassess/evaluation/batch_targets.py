"""The valid classes of a batch of images as frameworks hold them: multi-hot, or ids padded with -1.

From label sets to arrays for a data loader; and, checked, from the arrays of a batch to classes for a metric.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core import LabelSets
from reassess.core.checks import check_range, check_shape, check_type
from reassess.errors import DataError
from reassess.evaluation.class_ranks import Ints

PADDING = -1
_INTEGERS = ("int", "uint")
_NUMBERS = (*_INTEGERS, "bool", "float", "bfloat")


def multi_hot(labels: LabelSets, rows: Ints, classes: int | None = None) -> npt.NDArray[np.bool_]:
    """Whether each class is valid, for some images of label sets: bool, shape (rows, classes).

    Parameters
    ----------
    labels
        The label sets.
    rows
        Positions of the images in them, shape (n,).
    classes
        Number of classes; by default as many as the label sets declare.

    Raises
    ------
    DataError
        The number of classes is neither given nor declared.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> multi_hot(labels, np.array([1, 0]), 3)
    array([[False, False, False],
           [ True, False,  True]])
    """
    classes = labels.classes.count if classes is None else classes
    if classes is None:
        raise DataError(
            "missing-class-count", "label sets do not give the number of classes", fix="give the number of classes"
        )
    ids, sizes = _of_rows(labels, rows)
    check_range(ids, 0, classes - 1, what="class id")
    hot = np.zeros((len(rows), classes), bool)
    hot[np.repeat(np.arange(len(rows)), sizes), ids] = True
    return hot


def padded_ids(labels: LabelSets, rows: Ints, width: int | None = None) -> npt.NDArray[np.int64]:
    """The valid classes of some images, ascending, then -1 up to the width: int64, shape (rows, width).

    Parameters
    ----------
    labels
        The label sets.
    rows
        Positions of the images in them, shape (n,).
    width
        At least the largest number of classes of an image; by default that of all images, and at least 1.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> padded_ids(labels, np.array([1, 0]))
    array([[-1, -1],
           [ 0,  2]])
    """
    ids, sizes = _of_rows(labels, rows)
    width = max(1, int(labels.sizes.max(initial=0))) if width is None else width
    check_range(width, int(sizes.max(initial=0)), what="width")
    padded = np.full((len(rows), width), PADDING, np.int64)
    padded[np.arange(width) < sizes[:, None]] = ids
    return padded


def _of_rows(labels: LabelSets, rows: Ints) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    check_type(LabelSets, labels)
    check_shape(np.asarray(rows), ("rows",), what="rows", kind="integers")
    check_range(rows, 0, len(labels) - 1, what="row", fix="leave out images that are not in the label sets (-1)")
    return labels.of_rows(rows)


def even(target: Any) -> Any:
    """Lists of class ids of different lengths, one an image, made even with -1; any other target as it is."""
    if not (isinstance(target, list | tuple) and all(isinstance(ids, list | tuple) for ids in target)):
        return target
    width = max([1, *map(len, target)])
    return [[*ids, *[PADDING] * (width - len(ids))] for ids in target]


def is_multi_hot(shape: Sequence[int | None], dtype: object, outputs: int) -> bool:
    """Whether a metric's target is multi-hot, and not ids padded with -1: it is as wide as the scores."""
    allowed = _NUMBERS if len(shape) == 2 and shape[1] == outputs else _INTEGERS
    if len(shape) != 2 or not str(dtype).startswith(allowed):
        raise DataError(
            "wrong-target",
            "target is neither multi-hot nor ids padded with -1",
            allowed=f"0 or 1 of shape (images, {outputs}), or integers of shape (images, most classes of an image)",
            found=f"{dtype} {tuple(shape)}",
            fix="a folder reader's label is not the set of valid classes; to give names, use RealAccuracy(labels=...)",
        )
    return shape[1] == outputs


def read_targets(target: npt.NDArray[Any], outputs: int) -> tuple[Ints, Ints]:
    """The valid classes of each image of a batch, from a metric's target."""
    from reassess.numeric.rank_kernels import read_multi_hot, read_padded

    if is_multi_hot(target.shape, target.dtype.name, outputs):
        indptr, classes = read_multi_hot(np.ascontiguousarray(target if target.dtype == bool else _as_bool(target)))
        return indptr, classes
    fits = target if target.dtype.kind == "i" else np.minimum(target, np.uint64(outputs))
    failed, indptr, classes = read_padded(np.ascontiguousarray(fits, np.int64), PADDING, outputs)
    if failed >= 0:
        _refuse(target[failed].tolist(), failed, outputs)
    return indptr, classes


def _as_bool(target: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    hot: npt.NDArray[np.bool_] = target != 0
    bad = hot & (target != 1)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise DataError(
            "wrong-target",
            "multi-hot target has a number other than 0 and 1",
            where=f"row {row}, column {column}",
            allowed="0 or 1 for each class; ids padded with -1 have fewer columns than there are classes",
            found=target[row, column],
        )
    return hot


def _refuse(ids: list[int], row: int, outputs: int) -> NoReturn:
    for column, given in enumerate(ids):
        if not PADDING <= given < outputs:
            raise DataError(
                "out-of-range",
                "class id out of range",
                where=f"target, row {row}, column {column}",
                allowed=f"0 to {outputs - 1}, and -1 where there are no more",
                found=given,
            )
    raise DataError(
        "duplicate-class",
        "class is listed twice for one image",
        where=f"target, row {row}",
        allowed="each class once, then -1",
        found=ids,
        fix=f"a multi-hot target must have as many columns as the scores, {outputs}, and has {len(ids)}",
    )
