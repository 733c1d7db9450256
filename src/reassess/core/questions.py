"""The (image, class) questions that were asked of raters, or scored; and when a question has votes enough."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_several, check_shape
from reassess.core.classes import UNLISTED, Classes
from reassess.core.image_names import join, unique_images
from reassess.errors import DataError
from reassess.numeric.arrays import freeze


@dataclass(frozen=True, eq=False)
class Questions:
    """(image, class) pairs, each once, in the order of their file.

    Parameters
    ----------
    images
        Names of the images, each once.
    image_ids
        int32, shape (questions,): position of the question's image in `images`.
    class_ids
        int32, shape (questions,): class id of the question, 0-based.
    classes
        The classes of the ids.

    Raises
    ------
    DataError
        An image or a question is listed twice, or a class id is negative.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([7, 3, 7]))
    >>> questions
    Questions(3 questions, 2 images)
    >>> rows = questions.rows_of(["b.png", "a.png"])
    >>> questions.find(rows, np.array([7, 5]))
    array([ 2, -1])
    """

    _THING, _HOW_TO_GET = (
        "questions",
        "read_candidates(FILE).questions, or propose(MODELS, ORIGINAL).candidates.questions",
    )

    images: tuple[str, ...]
    image_ids: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    classes: Classes = UNLISTED

    def __post_init__(self) -> None:
        unique_images(self.images, "the questions")
        self._check_range()
        keys, order = self._sorted
        same = np.flatnonzero(np.diff(keys) == 0)
        if same.size:
            first, second = int(order[same[0]]), int(order[same[0] + 1])
            raise DataError(
                "duplicate-question",
                "question is asked twice",
                where=self.at(first),
                found=f"rows {first} and {second}",
            )
        freeze(self, "image_ids", "class_ids")

    @classmethod
    def from_columns(
        cls, images: Sequence[str], class_ids: npt.ArrayLike, classes: Classes | None = None
    ) -> "Questions":
        """Questions from one image name and one class id a question."""
        classes = classes or UNLISTED
        check_several(images, what="names of images")
        class_ids = np.asarray(class_ids, None if len(images) else np.int32)
        check_shape(class_ids, ("questions",), what="class ids", kind="integers")
        check_length(len(class_ids), len(images), things="class ids", each="name of an image")
        position: dict[str, int] = {}
        ids = np.fromiter((position.setdefault(name, len(position)) for name in images), np.int32, len(images))
        check_range(class_ids, 0, classes.largest_id, what="class id", where=lambda row: f"image {images[row]}")
        return cls(images=tuple(position), image_ids=ids, class_ids=class_ids.astype(np.int32), classes=classes)

    def __len__(self) -> int:
        return self.image_ids.size

    def __repr__(self) -> str:
        return f"Questions({len(self):,} questions, {len(self.images):,} images)"

    def at(self, row: int) -> str:
        """A question in words, for messages."""
        return f"image {self.images[self.image_ids[row]]}, class {self.classes.label(int(self.class_ids[row]))}"

    def renamed(self, images: Sequence[str]) -> "Questions":
        """The same questions with other names for the images, one for each."""
        return self if tuple(images) == self.images else replace(self, images=tuple(images))

    def in_classes(self, classes: Classes) -> "Questions":
        """The same questions in another list of classes, as `LabelSets.in_classes`."""
        class_ids, classes = self.classes.move(self.class_ids, classes)
        if class_ids is not self.class_ids:
            return replace(self, class_ids=class_ids.astype(np.int32), classes=classes)
        if classes == self.classes:
            return self
        same = copy(self)  # with all that was worked out from the ids
        object.__setattr__(same, "classes", classes)
        same._check_range()
        return same

    def rows_of(self, images: Sequence[str]) -> npt.NDArray[np.int64]:
        """Position in `self.images` of each of `images`, -1 for an image about which nothing was asked."""
        return join(images, self.images, known_where="the questions")

    def find(self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Position of each question, -1 where it was not asked; both arrays have the shape (n,).

        Image rows are positions in `self.images`, or -1.
        """
        keys, order = self._sorted
        if not keys.size:
            return np.full(len(image_rows), -1)
        wanted = self._key(image_rows, class_ids)
        slot = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        hit = (keys[slot] == wanted) & (np.asarray(image_rows) >= 0)
        return np.where(hit, order[slot], -1)

    def _check_range(self) -> None:
        check_range(
            self.class_ids,
            0,
            self.classes.largest_id,
            what="class id",
            where=lambda row: f"image {self.images[self.image_ids[row]]}",
        )

    @staticmethod
    def _key(image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        return (np.asarray(image_rows, np.int64) << 32) | np.asarray(class_ids, np.int64)

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        keys = self._key(self.image_ids, self.class_ids)
        order = np.argsort(keys, kind="stable")
        return keys[order], order


@dataclass(frozen=True)
class StopRule:
    """A question is closed once the probability that its class is valid has left (low, high)."""

    low: float  # 0 <= low < high <= 1; a probability that equals a bound has left
    high: float
    at_least: int = 2  # number of votes that a question gets whatever they say

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise _no_rule(f"{self.low},{self.high}")
        check_range(self.at_least, 1, what="least number of votes")

    @classmethod
    def parse(cls, text: str) -> "StopRule":
        """A rule written as ``0.01,0.99``; `DataError` if it is none."""
        try:
            low, high = map(float, text.split(","))
        except ValueError:
            raise _no_rule(text) from None
        return cls(low, high)

    def is_closed(
        self, valid: npt.NDArray[np.float64] | float, votes: npt.NDArray[np.integer] | int
    ) -> npt.NDArray[np.bool_]:
        """Whether questions are closed, given the probability that each class is valid and the number of votes."""
        left = (np.asarray(valid) <= self.low) | (np.asarray(valid) >= self.high)
        return left & (np.asarray(votes) >= self.at_least)


def _no_rule(text: str) -> DataError:
    allowed = "LOW,HIGH: two probabilities, the lower one first, such as 0.01,0.99"
    return DataError("wrong-syntax", "not a stop rule", allowed=allowed, found=text)
