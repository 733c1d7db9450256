"""What one model said of a set of images: the best class ids, or a score for every class."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_several, check_shape
from reassess.core.class_names import UnknownClasses
from reassess.core.classes import UNLISTED, Classes
from reassess.core.image_names import unique_images
from reassess.errors import DataError
from reassess.numeric.arrays import as_array, as_floats, as_scores, infinity_bits

_BLOCK = 1024
_NONE_UNKNOWN = UnknownClasses()
MOST_IDS = 20  # an integer array with more columns is not a list of the best classes


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's outputs: either `ids` or `scores` is given.

    Parameters
    ----------
    ids
        int32, shape (N, k), k <= 20: the best outputs, best first; -1 for a prediction that is no class, which takes up
        its place and is wrong.
    scores
        float16, float32, float64, shape (N, outputs): a higher score ranks first, equal scores by class id; or the
        bits of bfloat16 as int16. May be memory-mapped; it is never copied whole.
    images
        Name of the image of each row, or None where rows are known by position alone.
    columns
        int64, shape (outputs,): class id of each output, -1 for an output that is left out of the ranking; None if
        output and class are the same.
    detected
        What was found in the file and decided about it, in one line.
    unknown_classes
        What was predicted by names that no class has.
    classes
        The classes that the ids, or the outputs, are those of. Without names in it, scores are taken as those of all
        classes of whatever they are judged by, in the order of its list.
    by_name
        Whether they name their classes; else they number them.

    Raises
    ------
    DataError
        Shapes or types are not as above, an image is named twice, or a row holds a class twice.

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
    columns: npt.NDArray[np.int64] | None = None
    detected: str = field(default="arrays")
    unknown_classes: UnknownClasses = field(default_factory=UnknownClasses)
    classes: Classes = UNLISTED
    by_name: bool = False

    def __post_init__(self) -> None:
        if (self.ids is None) == (self.scores is None):
            raise DataError(
                "ids-and-scores", "predictions have both ids and scores, or neither", fix="give one of them"
            )
        if self.images is not None:
            check_length(len(self.images), len(self), things="image names", each="row of the predictions")
            unique_images(self.images, "the predictions")
        if self.ids is not None:
            _refuse_repeated_ids(self.ids, self.images)
        if self.columns is not None:
            _check_columns(self.columns, None if self.scores is None else self.scores.shape[1])

    @classmethod
    def from_ids(
        cls,
        ids: npt.ArrayLike,
        images: Sequence[str] | None = None,
        *,
        columns: npt.NDArray[np.int64] | None = None,
        detected: str = "ids",
        unknown_classes: UnknownClasses = _NONE_UNKNOWN,
        classes: Classes | None = None,
    ) -> Predictions:
        """Predictions from class ids, shape (N,) for the top-1 or (N, k) best first; of any library's arrays.

        An id may be -1 only where there are `unknown_classes`.
        """
        given, are_bits = as_array(ids)
        if given.dtype.kind not in "iu" or are_bits or given.ndim not in (1, 2):
            raise DataError(
                "wrong-type",
                "class ids must be integers",
                allowed="shape (N,) or (N, k)",
                found=f"{given.dtype} {given.shape}",
            )
        table = given[:, None] if given.ndim == 1 else given
        if not 1 <= table.shape[1] <= MOST_IDS:
            raise DataError(
                "out-of-range",
                "too many ids per row" if table.shape[1] else "rows have no ids",
                allowed=f"1 to {MOST_IDS} ids a row, best first",
                found=f"shape {given.shape}",
                fix="if these are scores, save them as floats",
            )
        limit = np.iinfo(np.int32).max if columns is None else len(columns) - 1
        check_range(
            table,
            -1 if unknown_classes.predictions else 0,
            limit,
            what="class id",
            where=lambda row, column: _place(row, images) + (f", column {column}" if table.shape[1] > 1 else ""),
        )
        return cls(
            table.astype(np.int32),
            images=_tuple(images),
            columns=columns,
            detected=detected,
            unknown_classes=unknown_classes,
            classes=classes or UNLISTED,
        )

    @classmethod
    def from_scores(
        cls,
        scores: npt.ArrayLike,
        images: Sequence[str] | None = None,
        *,
        columns: npt.NDArray[np.int64] | None = None,
        detected: str = "scores",
        classes: Classes | None = None,
    ) -> Predictions:
        """Predictions from the scores of all classes, shape (N, outputs), of any library's arrays and not copied."""
        return cls(
            scores=as_scores(scores),
            images=_tuple(images),
            columns=columns,
            detected=detected,
            classes=classes or UNLISTED,
        )

    @classmethod
    def from_bfloat16(
        cls,
        bits: npt.NDArray[np.int16],
        images: Sequence[str] | None = None,
        *,
        columns: npt.NDArray[np.int64] | None = None,
        detected: str = "scores",
    ) -> Predictions:
        """Predictions from bfloat16 scores, of which numpy knows only the bits, as int16 of shape (N, outputs)."""
        if bits.ndim != 2 or not bits.shape[1] or bits.dtype != np.int16:
            raise DataError(
                "wrong-shape",
                "bfloat16 scores must be given as their bits, one row per image and one column per class",
                allowed="int16 of shape (N, classes)",
                found=f"{bits.dtype} {bits.shape}",
                fix="tensor.view(torch.int16).numpy()",
            )
        return cls(scores=bits, images=_tuple(images), columns=columns, detected=detected)

    def __len__(self) -> int:
        return len(self._array)

    def __repr__(self) -> str:
        if self.ids is not None:
            return f"Predictions({len(self):,} images, ids, top {self.depth})"
        return f"Predictions({len(self):,} images, scores of {self.depth:,} classes, {self.dtype})"

    @property
    def dtype(self) -> str:
        """Type of the scores or ids."""
        return "bfloat16" if self._array.dtype == np.int16 else str(self._array.dtype)

    @property
    def depth(self) -> int:
        """The largest k for which the top k are known: ids a row, or the number of classes that have an output."""
        if self.ids is not None:
            return int(self.ids.shape[1])
        outputs = int(self._array.shape[1])
        return outputs if self.columns is None else int(np.count_nonzero(self.columns >= 0))

    @property
    def class_ids(self) -> npt.NDArray[np.int32]:
        """Class ids of each row, best first, int32, shape (N, k); -1 for what is no class.

        Outputs that are left out of the ranking come at the end; a prediction that is no class is at its place.
        """
        if self.ids is None:
            raise DataError("wrong-type", "predictions have scores, not ids")
        if self.columns is None:
            return self.ids
        mapped = np.append(self.columns, -1)[self.ids].astype(np.int32)
        left_out = (mapped < 0) & (self.ids >= 0)
        return np.take_along_axis(mapped, np.argsort(left_out, axis=1, kind="stable"), axis=1)

    def best(
        self, k: int, rows: npt.NDArray[np.integer[Any]] | None = None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any] | None]:
        """The k best classes of each row, int32, shape (N, k), and their scores, or None where only ids are known.

        Ids are -1 as in `class_ids`. `k` is at most `depth`; `rows`, shape (N,), are by default all. `DataError` if a
        score of a class is NaN.

        >>> predictions = Predictions.from_scores(np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.5]]))
        >>> predictions.best(2)[0]
        array([[1, 2],
               [0, 2]], dtype=int32)
        """
        rows = np.arange(len(self)) if rows is None else rows
        if self.scores is None:
            return self.class_ids[rows, :k], None
        outputs = np.arange(self.scores.shape[1])
        class_of = outputs if self.columns is None else self.columns
        order = np.argsort(class_of, kind="stable")
        order = order[class_of[order] >= 0]
        ids = np.empty((len(rows), k), np.int32)
        values = np.empty((len(rows), k), np.float64 if self.scores.dtype == np.float64 else np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = as_floats(self.scores[rows[start : start + _BLOCK]])[:, order]
            has_nan = np.isnan(block).any(axis=1)
            if has_nan.any():
                refuse_nan(self, int(rows[start + int(np.argmax(has_nan))]))
            best = np.argsort(-block, axis=1, kind="stable")[:, :k]
            ids[start : start + _BLOCK] = class_of[order][best]
            values[start : start + _BLOCK] = np.take_along_axis(block, best, axis=1)
        return ids, values

    @property
    def _array(self) -> npt.NDArray[Any]:
        array = self.ids if self.scores is None else self.scores
        assert array is not None
        return array

    def named(self, images: Sequence[str], *, detected: str | None = None) -> Predictions:
        """The same predictions with a name for each row."""
        return replace(self, images=tuple(images), detected=detected or self.detected)

    def in_classes(self, classes: Classes) -> Predictions:
        """The same predictions in another list of classes, as `LabelSets.in_classes`."""
        if classes == self.classes:
            return self
        held = self.held_ids
        if self.classes.texts:
            check_range(held, 0, self.classes.largest_id, what="class id")
        moved, classes = self.classes.move(held, classes)
        same = copy(self)  # names of images are not checked again
        object.__setattr__(same, "classes", classes)
        return same if moved is held else same._with_held(moved)

    def exchanged(self, class_of: npt.NDArray[np.integer]) -> Predictions:
        """The same predictions with class `class_of[i]` in the place of each class i."""
        return self._with_held(class_of[self.held_ids])

    def _with_held(self, class_ids: npt.NDArray[np.integer]) -> Predictions:
        """The same predictions with other class ids in the place of `held_ids`."""
        there = self._of_classes.copy()
        there[there >= 0] = class_ids
        if self.columns is None and self.ids is not None:
            return replace(self, ids=there.astype(np.int32))
        return replace(self, columns=there.astype(np.int64))

    @property
    def held_ids(self) -> npt.NDArray[np.integer]:
        """The class ids that these predictions hold; none of scores for the classes of any list."""
        return self._of_classes[self._of_classes >= 0]

    @property
    def _of_classes(self) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
        """The class id of each prediction or output, -1 for none."""
        if self.columns is not None:
            return self.columns
        if self.ids is not None:
            return self.ids
        return np.arange(self._array.shape[1] if self.classes.texts else 0)


def refuse_nan(predictions: Predictions, row: int, image: str | None = None) -> NoReturn:
    """Raise the `DataError` for a row in which the score of a class is NaN."""
    assert predictions.scores is not None
    if image is None and predictions.images is not None:
        image = predictions.images[row]
    bits = np.asarray(predictions.scores[row]).view(f"i{predictions.scores.dtype.itemsize}")
    is_nan = (bits & np.iinfo(bits.dtype).max) > infinity_bits(predictions.scores.dtype)
    if predictions.columns is not None:
        is_nan &= predictions.columns >= 0
    name = "" if image is None else f"image {image}, "
    raise DataError(
        "not-a-number",
        "score is NaN",
        where=f"{name}row {row}, output {int(np.argmax(is_nan))}",
        allowed="any number, and +inf or -inf",
        fix="find out why the model returns NaN for this image",
    )


def _tuple(images: Sequence[str] | None) -> tuple[str, ...] | None:
    if images is None:
        return None
    check_several(images, what="names of images")
    return tuple(images)


def _check_columns(columns: npt.NDArray[np.int64], outputs: int | None) -> None:
    """Refuse classes of outputs that are not one an output, or that name no class, or a class twice."""
    check_shape(columns, ("outputs" if outputs is None else outputs,), what="the classes of outputs", kind="integers")
    ordered = np.sort(columns[columns >= 0])
    if not ordered.size:
        raise DataError(
            "unknown-class", "no output is a class", allowed="class ids, and -1 for an output that is left out"
        )
    twice = ordered[1:] == ordered[:-1]
    if twice.any():
        raise DataError(
            "duplicate-class", "two outputs have the same class", found=f"class {ordered[int(np.argmax(twice))]}"
        )


def _place(row: int, images: Sequence[str] | None) -> str:
    return f"row {row}" if images is None or row >= len(images) else f"image {images[row]}"


def _refuse_repeated_ids(ids: npt.NDArray[np.int32], images: Sequence[str] | None) -> None:
    ordered = np.sort(ids, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeated.any():
        row = int(np.argmax(repeated))
        raise DataError(
            "duplicate-class",
            "class is listed twice for one image",
            where=_place(row, images),
            allowed="the best classes, each once, best first",
            found=ids[row].tolist(),
        )
