"""What one model said of a set of images: the best class ids, or a score for every class."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError
from reassess.names import unique_images

__all__ = ["MOST_IDS", "Predictions"]

MOST_IDS = 20  # an integer array with more columns is not a list of the best classes


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's outputs: either `ids` or `scores` is given.

    Parameters
    ----------
    ids
        int32, shape (N, k), k <= 20: class ids, best first.
    scores
        float16, float32, float64, shape (N, outputs): a higher score ranks first, equal scores by class id; or the bits of
        bfloat16 as int16. May be memory-mapped; it is never copied whole.
    images
        Name of the image of each row, or None where rows are known by position alone.
    columns
        int64, shape (outputs,): class id of each output, -1 to leave it out; None if output and class are the same.
    detected
        What was found in the file and decided about it, in one line.

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

    def __post_init__(self) -> None:
        if (self.ids is None) == (self.scores is None):
            raise DataError("predictions hold either ids or scores", mend="give one of them")
        if self.images is not None:
            if len(self.images) != len(self):
                raise DataError(
                    "not one name a row of the predictions",
                    allowed=f"{len(self):,} names",
                    found=f"{len(self.images):,} names",
                )
            unique_images(self.images, "the predictions")
        if self.ids is not None:
            _refuse_repeated_ids(self.ids)

    @classmethod
    def from_ids(
        cls, ids: npt.ArrayLike, images: Sequence[str] | None = None, *, detected: str = "ids"
    ) -> "Predictions":
        """Predictions from class ids, shape (N,) for the top-1 or (N, k) best first."""
        given = np.asarray(ids)
        if given.dtype.kind not in "iu" or given.ndim not in (1, 2):
            raise DataError(
                "class ids must be integers",
                allowed="shape (N,) or (N, k)",
                found=f"{given.dtype} {given.shape}",
            )
        table = given.reshape(len(given), -1)
        if not 1 <= table.shape[1] <= MOST_IDS:
            raise DataError(
                "too many ids a row" if table.shape[1] else "no ids",
                allowed=f"1 to {MOST_IDS} ids a row, best first",
                found=f"shape {given.shape}",
                mend="if these are scores, store them as floats",
            )
        limit = np.iinfo(np.int32)
        if table.dtype.itemsize > 4 or table.dtype.kind == "u":
            table = np.clip(table, limit.min, limit.max)
        return cls(
            ids=table.astype(np.int32), images=None if images is None else tuple(images), detected=detected
        )

    @classmethod
    def from_scores(
        cls,
        scores: npt.NDArray[Any],
        images: Sequence[str] | None = None,
        *,
        columns: npt.NDArray[np.int64] | None = None,
        detected: str = "scores",
    ) -> "Predictions":
        """Predictions from the scores of all classes, shape (N, outputs); the array is used as it is."""
        if scores.ndim != 2 or scores.dtype not in (np.float16, np.float32, np.float64, np.int16):
            raise DataError(
                "scores must be floats, one row an image and one column a class",
                allowed="float16, float32 or float64 of shape (N, outputs)",
                found=f"{scores.dtype} {scores.shape}",
            )
        return cls(
            scores=scores,
            images=None if images is None else tuple(images),
            columns=columns,
            detected=detected,
        )

    def __len__(self) -> int:
        return len(self.ids if self.scores is None else self.scores)

    def __repr__(self) -> str:
        if self.ids is not None:
            return f"Predictions({len(self):,} images, ids, top {self.depth})"
        return f"Predictions({len(self):,} images, scores of {self.depth:,} classes, {self.dtype})"

    @property
    def dtype(self) -> str:
        """Type of the scores or ids."""
        array = self.ids if self.scores is None else self.scores
        assert array is not None
        return "bfloat16" if array.dtype == np.int16 else str(array.dtype)

    @property
    def depth(self) -> int:
        """The largest k for which top-k is known: ids a row, or the number of classes that have an output."""
        if self.ids is not None:
            return self.ids.shape[1]
        assert self.scores is not None
        return self.scores.shape[1] if self.columns is None else int(np.count_nonzero(self.columns >= 0))

    def named(self, images: Sequence[str]) -> "Predictions":
        """The same predictions with a name for each row."""
        return replace(self, images=tuple(images))


def _refuse_repeated_ids(ids: npt.NDArray[np.int32]) -> None:
    ordered = np.sort(ids, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeated.any():
        row = int(np.argmax(repeated))
        raise DataError(
            "a row holds a class twice",
            where=f"row {row}",
            allowed="the best classes, each once, best first",
            found=ids[row].tolist(),
        )
