"""(image, class) questions for raters, and the rule that closes a question."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_is_collection, check_length, check_range, check_shape
from reassess.core.classes import ID_ONLY_CLASSES, Classes
from reassess.core.image_names import check_image_names, match_images
from reassess.errors import DataError
from reassess.numeric.arrays import freeze


@dataclass(frozen=True, eq=False)
class Questions:
    """(image, class) questions: is the class in the image? Each question is listed once, in the order of its file.

    Parameters
    ----------
    images
        Distinct image names.
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
    >>> questions.find_positions(rows, np.array([7, 5]))
    array([ 2, -1])
    """

    _THING, _HOW_TO_GET = (
        "questions",
        "read_candidates(FILE).questions, or propose(MODELS, ORIGINAL).candidates.questions",
    )

    images: tuple[str, ...]
    image_ids: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    classes: Classes = ID_ONLY_CLASSES

    def __post_init__(self) -> None:
        check_image_names(self.images, "the questions")
        self._check_range()
        keys, order = self._sorted_keys
        repeated_rows = np.flatnonzero(np.diff(keys) == 0)
        if repeated_rows.size:
            first, second = int(order[repeated_rows[0]]), int(order[repeated_rows[0] + 1])
            raise DataError(
                "duplicate-question",
                "question is asked twice",
                where=self.describe_question(first),
                found=f"rows {first} and {second}",
            )
        freeze(self, "image_ids", "class_ids")

    @classmethod
    def from_columns(
        cls, images: Sequence[str], class_ids: npt.ArrayLike, classes: Classes | None = None
    ) -> "Questions":
        """Create questions from an image name and a class id per question."""
        classes = classes or ID_ONLY_CLASSES
        check_is_collection(images, value_name="names of images")
        class_ids = np.asarray(class_ids, None if len(images) else np.int32)
        check_shape(class_ids, ("questions",), value_name="class ids", kind="integers")
        check_length(len(class_ids), len(images), plural_name="class ids", item_name="name of an image")
        position: dict[str, int] = {}
        ids = np.fromiter((position.setdefault(name, len(position)) for name in images), np.int32, len(images))
        check_range(class_ids, 0, classes.largest_id, value_name="class id", where=lambda row: f"image {images[row]}")
        return cls(images=tuple(position), image_ids=ids, class_ids=class_ids.astype(np.int32), classes=classes)

    def __len__(self) -> int:
        return self.image_ids.size

    def __repr__(self) -> str:
        return f"Questions({len(self):,} questions, {len(self.images):,} images)"

    def describe_question(self, row: int) -> str:
        """Describe a question for messages."""
        return f"image {self.images[self.image_ids[row]]}, class {self.classes.short_name(int(self.class_ids[row]))}"

    def with_images(self, images: Sequence[str]) -> "Questions":
        """Replace the names of all images."""
        return self if tuple(images) == self.images else replace(self, images=tuple(images))

    def convert_to_classes(self, classes: Classes) -> "Questions":
        """Convert to another class list, by the rules of `LabelSets.convert_to_classes`."""
        class_ids, classes = self.classes.convert_ids(self.class_ids, classes)
        if class_ids is not self.class_ids:
            return replace(self, class_ids=class_ids.astype(np.int32), classes=classes)
        if classes == self.classes:
            return self
        result = copy(self)  # keeps properties that were computed from the ids
        object.__setattr__(result, "classes", classes)
        result._check_range()
        return result

    def rows_of(self, images: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the position of each image in `self.images`, -1 for an image without a question."""
        return match_images(images, self.images, known_where="the questions")

    def find_positions(
        self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.int64]:
        """Return the position of each (image, class) question, -1 for a missing question.

        `image_rows` are positions in `self.images`, or -1. All arrays have shape (n,).
        """
        keys, order = self._sorted_keys
        if not keys.size:
            return np.full(len(image_rows), -1)
        sought = self._make_keys(image_rows, class_ids)
        slot = np.minimum(np.searchsorted(keys, sought), keys.size - 1)
        hit = (keys[slot] == sought) & (np.asarray(image_rows) >= 0)
        return np.where(hit, order[slot], -1)

    def _check_range(self) -> None:
        check_range(
            self.class_ids,
            0,
            self.classes.largest_id,
            value_name="class id",
            where=lambda row: f"image {self.images[self.image_ids[row]]}",
        )

    @staticmethod
    def _make_keys(image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        return (np.asarray(image_rows, np.int64) << 32) | np.asarray(class_ids, np.int64)

    @cached_property
    def _sorted_keys(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        keys = self._make_keys(self.image_ids, self.class_ids)
        order = np.argsort(keys, kind="stable")
        return keys[order], order


@dataclass(frozen=True)
class StopRule:
    """A rule that closes a question if P(valid) <= low or P(valid) >= high."""

    low: float  # 0 <= low < high <= 1
    high: float
    min_votes: int = 2  # votes that every question gets

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise _invalid_rule_error(f"{self.low},{self.high}")
        check_range(self.min_votes, 1, value_name="least number of votes")

    @classmethod
    def parse(cls, text: str) -> "StopRule":
        """Parse a rule such as ``0.05,0.95``; `DataError` for an invalid rule."""
        try:
            low, high = map(float, text.split(","))
        except ValueError:
            raise _invalid_rule_error(text) from None
        return cls(low, high)

    def is_closed(
        self, p_valid: npt.NDArray[np.float64] | float, n_votes: npt.NDArray[np.integer] | int
    ) -> npt.NDArray[np.bool_]:
        """Return whether each question is closed, given the question's P(valid) and number of votes."""
        is_outside = (np.asarray(p_valid) <= self.low) | (np.asarray(p_valid) >= self.high)
        return is_outside & (np.asarray(n_votes) >= self.min_votes)


def _invalid_rule_error(text: str) -> DataError:
    allowed = "LOW,HIGH: two probabilities, the lower one first, such as 0.05,0.95"
    return DataError("wrong-syntax", "not a stop rule", allowed=allowed, found=text)
