"""The valid classes of a batch of images as arrays: multi-hot, or ids padded with -1.

`multi_hot` and `padded_ids` make these arrays from label sets, for a data loader. `read_targets` checks the arrays of a
batch and reads them, for a metric.
"""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from reassess import numeric
from reassess.core import LabelSets
from reassess.core.checks import check_range, check_shape, check_type
from reassess.errors import DataError
from reassess.evaluation.class_ranks import Ints

PADDING = -1
_INTEGER_TYPES = ("int", "uint")
_NUMBER_TYPES = (*_INTEGER_TYPES, "bool", "float", "bfloat")

_name_of_dtype = cache(attrgetter("name"))  # numpy makes the name again each time, in 20 microseconds after a model


class ValidClasses(NamedTuple):
    """The valid classes of a batch: image i has ``class_ids[indptr[i]:indptr[i + 1]]``."""

    indptr: Ints
    class_ids: Ints


def multi_hot(labels: LabelSets, rows: Ints, n_classes: int | None = None) -> npt.NDArray[np.bool_]:
    """Make a multi-hot array of the valid classes of images: bool, shape (rows, classes).

    Parameters
    ----------
    labels
        The label sets.
    rows
        Positions of the images in the label sets, shape (n,).
    n_classes
        Number of classes; by default the number that the label sets declare.

    Raises
    ------
    DataError
        The label sets do not declare the number of classes, and `n_classes` is missing.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> multi_hot(labels, np.array([1, 0]), 3)
    array([[False, False, False],
           [ True, False,  True]])
    """
    n_classes = labels.classes.count if n_classes is None else n_classes
    if n_classes is None:
        raise DataError(
            "missing-class-count", "label sets do not declare the number of classes", fix="pass the number of classes"
        )
    ids, sizes = _labels_of_rows(labels, rows)
    check_range(ids, 0, n_classes - 1, value_name="class id")
    hot = np.zeros((len(rows), n_classes), bool)
    hot[np.repeat(np.arange(len(rows)), sizes), ids] = True
    return hot


def padded_ids(labels: LabelSets, rows: Ints, width: int | None = None) -> npt.NDArray[np.int64]:
    """Make an array of the valid classes of images, ascending, padded with -1: int64, shape (rows, width).

    Parameters
    ----------
    labels
        The label sets.
    rows
        Positions of the images in the label sets, shape (n,).
    width
        At least the number of valid classes of each image; by default the largest number in the label sets, or 1.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> padded_ids(labels, np.array([1, 0]))
    array([[-1, -1],
           [ 0,  2]])
    """
    ids, sizes = _labels_of_rows(labels, rows)
    width = max(1, int(labels.sizes.max(initial=0))) if width is None else width
    check_range(width, int(sizes.max(initial=0)), value_name="width")
    padded = np.full((len(rows), width), PADDING, np.int64)
    padded[np.arange(width) < sizes[:, None]] = ids
    return padded


def _labels_of_rows(labels: LabelSets, rows: Ints) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the class ids of all rows, and the number of classes of each row; raise for an unknown row."""
    check_type(LabelSets, labels)
    check_shape(np.asarray(rows), ("rows",), value_name="rows", kind="integers")
    check_range(rows, 0, len(labels) - 1, value_name="row", fix="remove the images that are not in the label sets (-1)")
    return labels.classes_of_rows(rows)


def pad_lists(target: Any) -> Any:
    """Pad lists of class ids, one per image, with -1 to equal lengths; return any other target unchanged."""
    if not (isinstance(target, list | tuple) and all(isinstance(ids, list | tuple) for ids in target)):
        return target
    width = max([1, *map(len, target)])
    return [[*ids, *[PADDING] * (width - len(ids))] for ids in target]


def is_multi_hot(shape: Sequence[int | None], dtype: object, n_outputs: int) -> bool:
    """Return True for a multi-hot target, False for ids padded with -1; raise for other targets."""
    allowed = _NUMBER_TYPES if len(shape) == 2 and shape[1] == n_outputs else _INTEGER_TYPES
    if len(shape) != 2 or not str(dtype).startswith(allowed):
        raise DataError(
            "wrong-target",
            "target is neither multi-hot nor ids padded with -1",
            allowed=f"0 or 1 of shape (images, {n_outputs}), or integers of shape (images, largest number of classes "
            "of an image)",
            found=f"{dtype} {tuple(shape)}",
            fix="pass all valid classes of each image, not the single label that ImageFolder and other readers return; "
            "or pass image names, with RealAccuracy(labels=...)",
        )
    return shape[1] == n_outputs


def read_targets(target: npt.NDArray[Any], n_outputs: int) -> ValidClasses:
    """Read the valid classes of a batch from its target: multi-hot, or ids padded with -1."""
    if is_multi_hot(target.shape, _name_of_dtype(target.dtype), n_outputs):
        is_valid = target if target.dtype == bool else _multi_hot_as_bool(target)
        return ValidClasses(*numeric.rank_kernels.find_nonzero_columns(np.ascontiguousarray(is_valid)))
    # An unsigned id that is too large must not wrap around to a valid one.
    signed = target if target.dtype.kind == "i" else np.minimum(target, np.uint64(n_outputs))
    failed, indptr, class_ids = numeric.rank_kernels.remove_padding(
        np.ascontiguousarray(signed, np.int64), PADDING, n_outputs
    )
    if failed >= 0:
        _raise_wrong_class_ids(target[failed].tolist(), failed, n_outputs)
    return ValidClasses(indptr, class_ids)


def _multi_hot_as_bool(target: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Convert a multi-hot target to bool; raise if a number is neither 0 nor 1."""
    hot: npt.NDArray[np.bool_] = target != 0
    bad = hot & (target != 1)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise DataError(
            "wrong-target",
            "multi-hot target has a number other than 0 and 1",
            where=f"row {row}, column {column}",
            allowed="0 or 1 for each class",
            found=target[row, column],
            fix="if these are class ids padded with -1, use fewer columns than classes: a target with one column per "
            "class is read as multi-hot",
        )
    return hot


def _raise_wrong_class_ids(ids: list[int], row: int, n_outputs: int) -> NoReturn:
    """Raise an error because a row has a class id that is out of range or listed twice."""
    for column, class_id in enumerate(ids):
        if not PADDING <= class_id < n_outputs:
            raise DataError(
                "out-of-range",
                "class id out of range",
                where=f"target, row {row}, column {column}",
                allowed=f"0 to {n_outputs - 1}, or -1 as padding at the end of the row",
                found=class_id,
            )
    raise DataError(
        "duplicate-class",
        "class is listed twice for one image",
        where=f"target, row {row}",
        allowed="each class once, then -1",
        found=ids,
        fix=f"list each class once; a multi-hot target needs {n_outputs} columns, like the scores, but has {len(ids)}",
    )
