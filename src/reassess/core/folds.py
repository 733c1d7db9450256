"""Cross-validation folds: each fold is held out in turn while a model is trained on the other folds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_length, check_range, check_shape, check_type
from reassess.core.image_names import check_image_names, match_images
from reassess.core.image_selection import ImageSelection
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import join_first


@dataclass(frozen=True, eq=False)
class Folds:
    """The fold of each image."""

    _THING = "folds"
    _HOW_TO_GET = "read_folds(FILE)"

    images: tuple[str, ...]  # distinct image names
    fold_numbers: npt.NDArray[np.int64]  # (images,): the fold of each image, 0 or more

    def __post_init__(self) -> None:
        check_is_collection(self.images, value_name="names of images")
        check_image_names(self.images, "the folds")
        check_type(np.ndarray, self.fold_numbers, value_name="numbers of folds", fix="np.array(...)")
        check_shape(self.fold_numbers, ("images",), value_name="the numbers of folds", kind="integers")
        check_length(self.fold_numbers.size, len(self.images), plural_name="numbers of folds", item_name="image")
        check_range(self.fold_numbers, 0, value_name="number of a fold", where=lambda row: f"image {self.images[row]}")
        if len(self.distinct_fold_numbers) < 2:
            raise DataError(
                "one-fold",
                "all images are in one fold",
                allowed="two folds or more, so that a model can be trained on the other folds",
                found=f"fold {join_first(self.distinct_fold_numbers)}" if self.distinct_fold_numbers else "no image",
            )
        freeze(self, "fold_numbers")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        sizes = self.sizes
        return f"Folds({len(self):,} images in {sizes.size:,} folds of {sizes.min():,} to {sizes.max():,})"

    @cached_property
    def distinct_fold_numbers(self) -> tuple[int, ...]:
        """All fold numbers, each once, in order."""
        return tuple(np.unique(self.fold_numbers).tolist())

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of images in each fold; int64, shape (folds,)."""
        return np.unique(self.fold_numbers, return_counts=True)[1]

    def images_of(self, fold: int) -> tuple[str, ...]:
        """Return the held-out images of a fold."""
        return self._select_images(self._is_in(fold))

    def held_out_selection(self, fold: int) -> ImageSelection:
        """Select the images of a fold, in a dataset that may also contain the images of other folds."""
        return self._make_selection(self._is_in(fold), f"held-out part of fold {fold}")

    def training_selection(self, fold: int) -> ImageSelection:
        """Select the images that the model of a fold is trained on: the images of all other folds."""
        return self._make_selection(~self._is_in(fold), f"training part of fold {fold}")

    def fold_numbers_of(self, images: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Return the fold number of each image, -1 if the image is in no fold; int64, shape (images,)."""
        check_is_collection(images, value_name="names of images")
        rows = match_images(images, self.images)
        return np.where(rows < 0, -1, self.fold_numbers[rows])

    def _make_selection(self, mask: npt.NDArray[np.bool_], selection_name: str) -> ImageSelection:
        return ImageSelection(self._select_images(mask), self._select_images(~mask), selection_name)

    def _select_images(self, mask: npt.NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.images[row] for row in np.flatnonzero(mask).tolist())

    def _is_in(self, fold: int) -> npt.NDArray[np.bool_]:
        if fold not in self.distinct_fold_numbers:
            raise DataError(
                "unknown-fold", "unknown fold", allowed=join_first(self.distinct_fold_numbers, max_items=20), found=fold
            )
        return np.asarray(self.fold_numbers == fold)
