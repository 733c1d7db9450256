"""Predictions of a model for a set of images: the best class ids, or a score for each class."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_length, check_range, check_shape
from reassess.core.class_names import UnknownClasses
from reassess.core.classes import ID_ONLY_CLASSES, Classes
from reassess.core.free_text import FreeText
from reassess.core.image_names import check_image_names
from reassess.errors import DataError
from reassess.numeric.arrays import as_floats, as_scores, convert_to_numpy, infinity_bits

_BLOCK = 1024
_NO_UNKNOWN_CLASSES = UnknownClasses()
MAX_IDS_PER_ROW = 20  # an integer array with more columns does not list the best classes


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's predictions: class ids or scores.

    Parameters
    ----------
    ids
        int32, shape (N, k), k <= 20: the best outputs of each image, best first. -1 is an unknown class: it keeps its
        rank and is wrong.
    scores
        float16, float32 or float64, shape (N, outputs), or the bits of bfloat16 as int16. The highest score ranks
        first, ties by class id. The array may be memory-mapped, and is never copied as a whole.
    images
        Image name of each row; None if rows are identified by position only.
    output_class_ids
        int64, shape (outputs,): class id of each output, -1 for an output that is ignored. None if output numbers are
        class ids.
    detected_format
        The format that was detected, and how it is read, in one line.
    unknown_classes
        Predictions of unknown class names.
    classes
        The class list of the ids or outputs. If it has no names, the outputs are the classes of the labels that the
        predictions are compared with, in the same order.
    has_class_names
        Whether the file has class names instead of ids.
    free_text
        How classes were found in texts; None for predictions that are not texts.

    Raises
    ------
    DataError
        A shape or type differs from the above, an image is listed twice, or a row contains a class twice.

    Examples
    --------
    >>> Predictions.from_ids([[3, 1], [2, 0]], images=["a.png", "b.png"])
    Predictions(2 images, ids, top 2)
    >>> Predictions.from_scores(np.eye(3, dtype=np.float32))
    Predictions(3 images, scores of 3 classes, float32)
    """

    ids: npt.NDArray[np.int32] | None = None
    scores: npt.NDArray[Any] | None = None
    images: tuple[str, ...] | None = None
    output_class_ids: npt.NDArray[np.int64] | None = None
    detected_format: str = field(default="arrays")
    unknown_classes: UnknownClasses = field(default_factory=UnknownClasses)
    classes: Classes = ID_ONLY_CLASSES
    has_class_names: bool = False
    free_text: FreeText | None = None

    def __post_init__(self) -> None:
        if (self.ids is None) == (self.scores is None):
            raise DataError(
                "ids-and-scores", "predictions need either ids or scores", fix="give ids or scores, not both"
            )
        if self.images is not None:
            check_length(len(self.images), len(self), plural_name="image names", item_name="row of the predictions")
            check_image_names(self.images, "the predictions")
        if self.ids is not None:
            _check_unique_ids(self.ids, self.images)
        if self.output_class_ids is not None:
            _check_output_class_ids(self.output_class_ids, None if self.scores is None else self.scores.shape[1])

    @classmethod
    def from_ids(
        cls,
        ids: npt.ArrayLike,
        images: Sequence[str] | None = None,
        *,
        output_class_ids: npt.NDArray[np.int64] | None = None,
        detected_format: str = "ids",
        unknown_classes: UnknownClasses = _NO_UNKNOWN_CLASSES,
        classes: Classes | None = None,
    ) -> Predictions:
        """Create predictions from class ids in an array of any library.

        The shape is (N,) for the top-1, or (N, k) with the best first. Ids can be -1 only if there are
        `unknown_classes`.
        """
        array, are_bits = convert_to_numpy(ids)
        if array.dtype.kind not in "iu" or are_bits or array.ndim not in (1, 2):
            raise DataError(
                "wrong-type",
                "class ids must be integers",
                allowed="shape (N,) or (N, k)",
                found=f"{array.dtype} {array.shape}",
            )
        table = array[:, None] if array.ndim == 1 else array
        if not 1 <= table.shape[1] <= MAX_IDS_PER_ROW:
            raise DataError(
                "out-of-range",
                "too many ids per row" if table.shape[1] else "rows have no ids",
                allowed=f"1 to {MAX_IDS_PER_ROW} ids per row, best first",
                found=f"shape {array.shape}",
                fix="if these are scores, save them as floats",
            )
        limit = np.iinfo(np.int32).max if output_class_ids is None else len(output_class_ids) - 1
        check_range(
            table,
            -1 if unknown_classes.n_predictions else 0,
            limit,
            value_name="class id",
            where=lambda row, column: _locate_row(row, images) + (f", column {column}" if table.shape[1] > 1 else ""),
        )
        return cls(
            table.astype(np.int32),
            images=_optional_tuple(images),
            output_class_ids=output_class_ids,
            detected_format=detected_format,
            unknown_classes=unknown_classes,
            classes=classes or ID_ONLY_CLASSES,
        )

    @classmethod
    def from_scores(
        cls,
        scores: npt.ArrayLike,
        images: Sequence[str] | None = None,
        *,
        output_class_ids: npt.NDArray[np.int64] | None = None,
        detected_format: str = "scores",
        classes: Classes | None = None,
    ) -> Predictions:
        """Create predictions from scores, shape (N, outputs), in an array of any library, without a copy."""
        return cls(
            scores=as_scores(scores),
            images=_optional_tuple(images),
            output_class_ids=output_class_ids,
            detected_format=detected_format,
            classes=classes or ID_ONLY_CLASSES,
        )

    @classmethod
    def from_bfloat16(
        cls,
        bits: npt.NDArray[np.int16],
        images: Sequence[str] | None = None,
        *,
        output_class_ids: npt.NDArray[np.int64] | None = None,
        detected_format: str = "scores",
    ) -> Predictions:
        """Create predictions from the bits of bfloat16 scores, as int16 of shape (N, outputs)."""
        if bits.ndim != 2 or not bits.shape[1] or bits.dtype != np.int16:
            raise DataError(
                "wrong-shape",
                "bfloat16 scores must be given as their bits, one row per image and one column per class",
                allowed="int16 of shape (N, classes)",
                found=f"{bits.dtype} {bits.shape}",
                fix="tensor.view(torch.int16).numpy()",
            )
        return cls(
            scores=bits,
            images=_optional_tuple(images),
            output_class_ids=output_class_ids,
            detected_format=detected_format,
        )

    def __len__(self) -> int:
        return len(self._ids_or_scores)

    def __repr__(self) -> str:
        if self.ids is not None:
            return f"Predictions({len(self):,} images, ids, top {self.max_k})"
        return f"Predictions({len(self):,} images, scores of {self.max_k:,} classes, {self.dtype})"

    @property
    def dtype(self) -> str:
        """Type of the scores or ids."""
        return "bfloat16" if self._ids_or_scores.dtype == np.int16 else str(self._ids_or_scores.dtype)

    @property
    def max_k(self) -> int:
        """The largest k for which the top k classes are known: the number of ids per row, or of classes with scores."""
        if self.ids is not None:
            return int(self.ids.shape[1])
        outputs = int(self._ids_or_scores.shape[1])
        return outputs if self.output_class_ids is None else int(np.count_nonzero(self.output_class_ids >= 0))

    @property
    def class_ids(self) -> npt.NDArray[np.int32]:
        """Class ids of each row, best first; int32, shape (N, k).

        An unknown class is -1 and keeps its rank. Ignored outputs are -1 at the end of the row.
        """
        if self.ids is None:
            raise DataError("wrong-type", "predictions have scores, not ids")
        if self.output_class_ids is None:
            return self.ids
        mapped = np.append(self.output_class_ids, -1)[self.ids].astype(np.int32)
        is_ignored = (mapped < 0) & (self.ids >= 0)
        return np.take_along_axis(mapped, np.argsort(is_ignored, axis=1, kind="stable"), axis=1)

    def top_classes(
        self, k: int, rows: npt.NDArray[np.integer[Any]] | None = None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any] | None]:
        """Return the k best classes of each row, and their scores, or None if only ids are known.

        Class ids are int32, shape (rows, k), -1 as in `class_ids`. `k` is at most `max_k`; `rows` are positions, by
        default all rows. `DataError` if the score of a class is NaN.

        >>> predictions = Predictions.from_scores(np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.5]]))
        >>> predictions.top_classes(2)[0]
        array([[1, 2],
               [0, 2]], dtype=int32)
        """
        rows = np.arange(len(self)) if rows is None else rows
        if self.scores is None:
            return self.class_ids[rows, :k], None
        outputs = np.arange(self.scores.shape[1])
        class_of = outputs if self.output_class_ids is None else self.output_class_ids
        order = np.argsort(class_of, kind="stable")
        order = order[class_of[order] >= 0]
        ids = np.empty((len(rows), k), np.int32)
        values = np.empty((len(rows), k), np.float64 if self.scores.dtype == np.float64 else np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = as_floats(self.scores[rows[start : start + _BLOCK]])[:, order]
            has_nan = np.isnan(block).any(axis=1)
            if has_nan.any():
                raise_nan_error(self, int(rows[start + int(np.argmax(has_nan))]))
            best = np.argsort(-block, axis=1, kind="stable")[:, :k]
            ids[start : start + _BLOCK] = class_of[order][best]
            values[start : start + _BLOCK] = np.take_along_axis(block, best, axis=1)
        return ids, values

    @property
    def _ids_or_scores(self) -> npt.NDArray[Any]:
        array = self.ids if self.scores is None else self.scores
        assert array is not None
        return array

    def with_images(self, images: Sequence[str], *, detected_format: str | None = None) -> Predictions:
        """Set the image name of each row."""
        return replace(self, images=tuple(images), detected_format=detected_format or self.detected_format)

    def convert_to_classes(self, classes: Classes) -> Predictions:
        """Convert to another class list, by the rules of `LabelSets.convert_to_classes`."""
        if classes == self.classes:
            return self
        class_ids = self.all_class_ids
        if self.classes.wnids_or_names:
            check_range(class_ids, 0, self.classes.largest_id, value_name="class id")
        new_ids, classes = self.classes.convert_ids(class_ids, classes)
        result = copy(self)  # image names are not checked again
        object.__setattr__(result, "classes", classes)
        return result if new_ids is class_ids else result._replace_class_ids(new_ids)

    def map_classes(self, new_class_ids: npt.NDArray[np.integer]) -> Predictions:
        """Replace each class i by class `new_class_ids[i]`."""
        return self._replace_class_ids(new_class_ids[self.all_class_ids])

    def _replace_class_ids(self, new_class_ids: npt.NDArray[np.integer]) -> Predictions:
        """Make a copy of the predictions with `new_class_ids` in place of `all_class_ids`."""
        ids = self._id_array.copy()
        ids[ids >= 0] = new_class_ids
        if self.output_class_ids is None and self.ids is not None:
            return replace(self, ids=ids.astype(np.int32))
        return replace(self, output_class_ids=ids.astype(np.int64))

    @property
    def all_class_ids(self) -> npt.NDArray[np.integer]:
        """Class ids of all predictions, or of all score columns. Outputs without a class are skipped.

        Empty for scores without a class list.
        """
        return self._id_array[self._id_array >= 0]

    @property
    def _id_array(self) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
        """Class id of each predicted id, or of each score column; -1 for an output that is not a class."""
        if self.output_class_ids is not None:
            return self.output_class_ids
        if self.ids is not None:
            return self.ids
        return np.arange(self._ids_or_scores.shape[1] if self.classes.wnids_or_names else 0)


def raise_nan_error(predictions: Predictions, row: int, image: str | None = None) -> NoReturn:
    """Raise the `DataError` for a row where the score of a class is NaN."""
    assert predictions.scores is not None
    if image is None and predictions.images is not None:
        image = predictions.images[row]
    bits = np.asarray(predictions.scores[row]).view(f"i{predictions.scores.dtype.itemsize}")
    is_nan = (bits & np.iinfo(bits.dtype).max) > infinity_bits(predictions.scores.dtype)
    if predictions.output_class_ids is not None:
        is_nan &= predictions.output_class_ids >= 0
    name = "" if image is None else f"image {image}, "
    raise DataError(
        "not-a-number",
        "score is NaN",
        where=f"{name}row {row}, output {int(np.argmax(is_nan))}",
        allowed="any number, and +inf or -inf",
        fix="find out why the model returns NaN for this image",
    )


def _optional_tuple(images: Sequence[str] | None) -> tuple[str, ...] | None:
    if images is None:
        return None
    check_is_collection(images, value_name="names of images")
    return tuple(images)


def _check_output_class_ids(output_class_ids: npt.NDArray[np.int64], n_outputs: int | None) -> None:
    """Raise `DataError` if an output has no class id, no output is a class, or two outputs have the same class."""
    check_shape(
        output_class_ids,
        ("outputs" if n_outputs is None else n_outputs,),
        value_name="the classes of outputs",
        kind="integers",
    )
    ordered = np.sort(output_class_ids[output_class_ids >= 0])
    if not ordered.size:
        raise DataError(
            "unknown-class", "no output belongs to a class", allowed="class ids, and -1 for an output to ignore"
        )
    twice = ordered[1:] == ordered[:-1]
    if twice.any():
        raise DataError(
            "duplicate-class", "two outputs have the same class", found=f"class {ordered[int(np.argmax(twice))]}"
        )


def _locate_row(row: int, images: Sequence[str] | None) -> str:
    return f"row {row}" if images is None or row >= len(images) else f"image {images[row]}"


def _check_unique_ids(ids: npt.NDArray[np.int32], images: Sequence[str] | None) -> None:
    ordered = np.sort(ids, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeated.any():
        row = int(np.argmax(repeated))
        raise DataError(
            "duplicate-class",
            "class is listed twice for one image",
            where=_locate_row(row, images),
            allowed="the best classes, each once, best first",
            found=ids[row].tolist(),
        )
