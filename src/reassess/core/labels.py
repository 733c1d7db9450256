"""Label sets: the valid classes of each image."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_length, check_range
from reassess.core.classes import ID_ONLY_CLASSES, Classes
from reassess.core.image_names import check_image_names, image_keys
from reassess.errors import DataError
from reassess.numeric.arrays import concatenate_ranges, freeze
from reassess.text import count_noun

DEFAULT_LABEL_SET_NAME = "reassessed"  # title of label sets without a name
_EMPTY_NAMES = ("", "labels")  # "labels" is a usual file name, so it does not count as a name of the labels
_ORIGINAL = "original"  # title of the original labels in tables


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The set of valid classes, possibly empty, of each rated image; all other images are unrated.

    Original labels are label sets with one class per image.

    Parameters
    ----------
    images
        Names of the rated images, without duplicates.
    indptr
        int64, shape (images + 1,): the classes of image i are ``indices[indptr[i]:indptr[i + 1]]``.
    indices
        int32, shape (labels,): class ids, 0-based, strictly ascending within an image.
    classes
        The class list of the ids.
    name
        Name of the label sets, such as ReaL; tables and charts show it as `title`.

    Raises
    ------
    DataError
        An image is named twice, or a class id is negative, too large, or repeated.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2, 0], [], [1]])
    >>> labels["a.png"], labels["b.png"], labels["never-rated.png"]
    ((0, 2), (), None)
    >>> labels
    LabelSets(3 images, 3 labels, 1 empty)
    >>> labels.title, LabelSets.from_lists(["a.png"], [[0]], name="pets").title
    ('reassessed', 'pets')

    Notes
    -----
    Source of the idea: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3.
    """

    _THING = "label sets"
    _HOW_TO_GET = "read_labels(FILE), or evaluation_labels of MultiLabels"

    images: tuple[str, ...]
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    classes: Classes = ID_ONLY_CLASSES
    name: str = ""

    def __post_init__(self) -> None:
        check_image_names(self.images, "the label set")
        self._check_ids()
        freeze(self, "indptr", "indices")

    @classmethod
    def from_lists(
        cls, images: Sequence[str], lists: Iterable[Sequence[int]], classes: Classes | None = None, *, name: str = ""
    ) -> "LabelSets":
        """Create label sets from one list of class ids per image, in any order within a list."""
        check_is_collection(images, value_name="names of images")
        flat: list[int] = []
        ends = [0]
        for ids in lists:
            flat.extend(ids)
            ends.append(len(flat))
        check_length(len(ends) - 1, len(images), plural_name="lists of classes", item_name="image")
        indptr = np.array(ends, np.int64)

        def locate(label: int) -> str:
            return f"image {images[int(np.searchsorted(indptr, label, 'right')) - 1]}"

        wrong_types = {kind for kind in set(map(type, flat)) if kind is bool or not issubclass(kind, int | np.integer)}
        if wrong_types:
            row = next(row for row, class_id in enumerate(flat) if type(class_id) in wrong_types)
            raise DataError("wrong-type", "class id is not a whole number", where=locate(row), found=repr(flat[row]))
        classes = classes or ID_ONLY_CLASSES
        if flat and not (min(flat) >= 0 and max(flat) <= classes.largest_id):
            row = next(row for row, class_id in enumerate(flat) if not 0 <= class_id <= classes.largest_id)
            check_range(flat[row], 0, classes.largest_id, value_name="class id", where=locate(row))
        indices = np.array(flat, np.int32)
        indices = indices[np.lexsort((indices, np.repeat(np.arange(len(images)), np.diff(indptr))))]
        return cls(images=tuple(images), indptr=indptr, indices=indices, classes=classes, name=name)

    @classmethod
    def from_pairs(
        cls,
        images: Sequence[str],
        image_ids: npt.NDArray[np.integer],
        class_ids: npt.NDArray[np.integer],
        classes: Classes | None = None,
        *,
        name: str = "",
    ) -> "LabelSets":
        """Create label sets from (image, class) pairs in any order; an image without pairs has an empty set."""
        check_is_collection(images, value_name="names of images")
        classes = classes or ID_ONLY_CLASSES
        check_range(
            class_ids,
            0,
            classes.largest_id,
            value_name="class id",
            where=lambda row: f"image {images[int(image_ids[row])]}",
        )
        order = np.lexsort((class_ids, image_ids))
        indptr = np.zeros(len(images) + 1, np.int64)
        np.cumsum(np.bincount(image_ids, minlength=len(images)), out=indptr[1:])
        indices = class_ids[order].astype(np.int32)
        return cls(images=tuple(images), indptr=indptr, indices=indices, classes=classes, name=name)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, image: str) -> tuple[int, ...] | None:
        """Return the ids of an image's valid classes; () for an image without valid classes, None for an unrated image.

        ImageNet validation images are identified by their number, in any spelling.
        """
        row = self.find([image])[0]
        return None if row < 0 else tuple(self.indices[self.indptr[row] : self.indptr[row + 1]].tolist())

    def find(self, images: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the position of each image, -1 for an unrated image; int64, shape (images,).

        >>> LabelSets.from_lists(["a.png", "b.png"], [[0], []]).find(["b.png", "c.png", "b.png"])
        array([ 1, -1,  1])
        """
        check_is_collection(images, value_name="names of images")
        return np.fromiter(map(self._row_by_image.get, image_keys(images), repeat(-1)), np.int64, len(images))

    def __repr__(self) -> str:
        return f"LabelSets({len(self):,} images, {self.indices.size:,} labels, {self.n_empty_images:,} empty)"

    @property
    def title(self) -> str:
        """Title in tables and charts: the name, or "reassessed" without a name.

        A set named "original" or "valid" is written in quotes, since the word without quotes means something else.
        """
        if self.name in (_ORIGINAL, "valid"):
            return f'"{self.name}"'
        return DEFAULT_LABEL_SET_NAME if self.name in _EMPTY_NAMES else self.name

    @property
    def evaluation_labels(self) -> "LabelSets":
        """The labels for the evaluation of models, which are this object.

        `MultiLabels` has a property of the same name, so code can evaluate models with each type of labels.
        """
        return self

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of valid classes of each image; int64, shape (images,)."""
        sizes = np.diff(self.indptr)
        sizes.flags.writeable = False
        return np.asarray(sizes)

    @property
    def n_empty_images(self) -> int:
        """Number of rated images without a valid class."""
        return int(np.count_nonzero(self.sizes == 0))

    @property
    def image_ids(self) -> npt.NDArray[np.int64]:
        """Position of the image of each label; int64, shape (labels,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def classes_of_rows(
        self, rows: npt.NDArray[np.integer[Any]]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return the valid classes of the images at some positions: class ids in one array, and counts per image."""
        sizes = self.sizes[rows]
        return self.indices[concatenate_ranges(self.indptr[rows], sizes)], sizes

    def convert_to_classes(self, classes: Classes) -> "LabelSets":
        """Convert to another class list: by wnid or name if known, else by id.

        `DataError` if a class is missing from the other list, or if one list has only names and the other only ids.
        """
        indices, classes = self.classes.convert_ids(self.indices, classes)
        if indices is self.indices and classes == self.classes:
            return self
        if indices is self.indices:
            result = copy(self)  # keeps properties that were computed from the ids
            object.__setattr__(result, "classes", classes)
            result._check_range()
            return result
        return LabelSets.from_pairs(self.images, self.image_ids, indices, classes, name=self.name)

    def with_images(self, images: Sequence[str]) -> "LabelSets":
        """Replace the names of all images."""
        return self if tuple(images) == self.images else replace(self, images=tuple(images))

    def classes_by_image(self) -> Mapping[str, frozenset[int]]:
        """Map each image name to its set of valid classes, to compare label sets in different orders."""
        flat, starts = self.indices.tolist(), self.indptr.tolist()
        return {name: frozenset(flat[starts[row] : starts[row + 1]]) for row, name in enumerate(self.images)}

    @cached_property
    def _row_by_image(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(image_keys(self.images))}

    def _check_ids(self) -> None:
        if self.indptr.size != len(self.images) + 1 or self.indptr[-1] != self.indices.size:
            raise DataError(
                "wrong-indptr",
                "indptr does not fit the images and the labels",
                allowed=f"{len(self.images) + 1} entries, the last {self.indices.size}",
                found=f"{self.indptr.size} entries, the last {self.indptr[-1] if self.indptr.size else None}",
            )
        if not self.indices.size:
            return
        self._check_range()
        starts = np.zeros(self.indices.size, bool)
        starts[self.indptr[:-1][self.sizes > 0]] = True
        repeated = ~starts[1:] & (np.diff(self.indices) <= 0)
        if repeated.any():
            second = int(np.argmax(repeated)) + 1
            raise DataError(
                "duplicate-class",
                "class is listed twice for one image",
                where=self._locate(second),
                allowed="each class once",
                found=self.classes.short_name(int(self.indices[second])),
            )

    def _check_range(self) -> None:
        check_range(self.indices, 0, self.classes.largest_id, value_name="class id", where=self._locate)

    def _locate(self, label: int) -> str:
        return f"image {self.images[int(np.searchsorted(self.indptr, label, side='right')) - 1]}"


def check_one_label_each(original: LabelSets) -> None:
    """Raise `DataError` unless every image has exactly one label."""
    wrong = original.sizes != 1
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "not-one-label",
            "image does not have exactly one original label",
            where=f"image {original.images[row]}",
            allowed="one class",
            found=count_noun(int(original.sizes[row]), "class", "classes"),
            fix="write the one original class of the image, or remove the image",
        )
