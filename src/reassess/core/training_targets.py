"""Training targets: a number for each class of each image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core.checks import (
    check_is_collection,
    check_known,
    check_length,
    check_number,
    check_range,
    check_shape,
    check_type,
)
from reassess.core.image_names import check_image_names
from reassess.core.image_selection import ImageSelection
from reassess.errors import DataError
from reassess.numeric.arrays import concatenate_ranges, freeze
from reassess.text import count_noun, format_bytes, join_first

Loss = Literal["sigmoid", "soft-max"]
_MAX_BYTES = 2 << 30  # largest array of all targets
_BLOCK_BYTES = 64 << 20  # bytes of a block of targets


@dataclass(frozen=True, eq=False)
class TrainingTargets:
    """A number for each class of each image, stored sparsely: most classes of an image have the same number.

    Parameters
    ----------
    images
        Names of the images, without duplicates.
    indptr
        int64, shape (images + 1,): the classes of image i with their own number are
        ``indices[indptr[i]:indptr[i + 1]]``.
    indices
        int32, class ids.
    values
        float32, the number of each of these classes.
    background_value
        The number of all other classes.
    n_classes
        The number of classes.
    loss
        The loss that the targets are for: ``soft-max`` if the numbers of an image add up to 1, else ``sigmoid``.
    images_without_target
        Images without a target, because they have no valid class.

    Raises
    ------
    DataError
        An image is listed twice, a class id or number is out of range, or the shapes do not fit each other.

    Examples
    --------
    >>> targets = TrainingTargets(
    ...     ("a.png", "b.png"), np.array([0, 2, 3]), np.array([0, 2, 1], np.int32), np.array([0.5, 0.5, 1], np.float32),
    ...     background_value=0.0, n_classes=3, loss="soft-max",
    ... )
    >>> targets
    TrainingTargets(2 images, 3 classes, for soft-max, 0 without a target)
    >>> targets.targets_of_rows(np.array([1, 0]))
    array([[0. , 1. , 0. ],
           [0.5, 0. , 0.5]], dtype=float32)
    """

    images: tuple[str, ...]
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    background_value: float
    n_classes: int
    loss: Loss
    images_without_target: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for images in (self.images, self.images_without_target):
            check_is_collection(images, value_name="names of images")
        check_image_names((*self.images, *self.images_without_target), "the targets")
        for name, kind in (("indptr", "integers"), ("indices", "integers"), ("values", "floats")):
            check_type(np.ndarray, getattr(self, name), value_name=f"{name} of targets", fix="np.array(...)")
            check_shape(getattr(self, name), (name,), value_name=f"the {name} of targets", kind=kind)
        check_number(self.n_classes, 1, value_name="number of classes", is_whole=True)
        check_known([self.loss], get_args(Loss), value_name="loss")
        check_length(self.indptr.size - 1, len(self.images), plural_name="rows of targets", item_name="image")
        check_length(self.values.size, self.indices.size, plural_name="values of targets", item_name="class id")
        if self.indptr[0] or self.indptr[-1] != self.indices.size or (np.diff(self.indptr) < 0).any():
            raise DataError(
                "wrong-indptr",
                "indptr of targets does not fit their indices",
                allowed=f"numbers that rise from 0 to {self.indices.size:,}",
                found=join_first(self.indptr.tolist(), max_items=5),
            )
        check_range(self.indices, 0, self.n_classes - 1, value_name="class id", where="the targets")
        check_range(self.values, 0, 1, value_name="value of a target", where="the targets")
        check_number(self.background_value, 0, 1, value_name="number of the other classes")
        freeze(self, "indptr", "indices", "values")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        sizes = f"{count_noun(len(self), 'image')}, {count_noun(self.n_classes, 'class', 'classes')}"
        return f"TrainingTargets({sizes}, for {self.loss}, {len(self.images_without_target):,} without a target)"

    @property
    def selection(self) -> ImageSelection:
        """Select the images with a target, in a dataset that may also contain the images without a target."""
        return ImageSelection(self.images, self.images_without_target, "training targets")

    def targets_of_rows(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Return the targets of images by position; float32, shape (rows, classes)."""
        rows = np.asarray(rows)
        check_shape(rows, ("rows",), value_name="the positions of images", kind="integers")
        check_range(rows, 0, len(self) - 1, value_name="position of an image")
        starts = self.indptr[:-1][rows]
        sizes = self.indptr[1:][rows] - starts
        positions = concatenate_ranges(starts, sizes)
        targets = np.full((len(sizes), self.n_classes), self.background_value, np.float32)
        targets[np.repeat(np.arange(len(sizes)), sizes), self.indices[positions]] = self.values[positions]
        return targets

    def targets_of(self, images: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the targets of images by name; float32, shape (images, classes).

        `DataError` if an image has no target.
        """
        rows = self.selection.positions_of(images)
        if (rows < 0).any():
            raise DataError(
                "no-valid-class", "image has no valid class, so it has no target", found=images[int(np.argmin(rows))]
            )
        return self.targets_of_rows(rows)

    def blocks(self, n_rows: int | None = None) -> Iterator[npt.NDArray[np.float32]]:
        """Iterate over all targets in blocks of `n_rows` images; float32, shape (n_rows or fewer, classes)."""
        n_rows = max(1, _BLOCK_BYTES // (4 * self.n_classes)) if n_rows is None else n_rows
        check_number(n_rows, 1, value_name="number of rows", is_whole=True)
        for start in range(0, len(self), n_rows):
            yield self.targets_of_rows(np.arange(start, min(start + n_rows, len(self))))

    def to_array(self, *, max_bytes: int = _MAX_BYTES) -> npt.NDArray[np.float32]:
        """Return all targets as one array; float32, shape (images, classes); `DataError` above `max_bytes`."""
        check_array_size(self, max_bytes, fix="use targets_of_rows or blocks, or raise the limit with max_bytes=...")
        return self.targets_of_rows(np.arange(len(self)))


def check_array_size(targets: TrainingTargets, max_bytes: int, *, fix: str) -> None:
    """Raise `DataError` if the array of all targets is larger than `max_bytes`."""
    check_number(max_bytes, 0, value_name="allowed number of bytes")
    size = 4 * len(targets) * targets.n_classes
    if size > max_bytes:
        raise DataError(
            "out-of-memory",
            "targets are too large to compute at once",
            allowed=format_bytes(max_bytes),
            found=f"{format_bytes(size)}: {len(targets):,} x {targets.n_classes:,} numbers",
            fix=fix,
        )
