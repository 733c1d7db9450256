"""Items of votes: (image, class) questions, or other items with ids; and joins of item lists."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from reassess.core.classes import Classes
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.numeric.arrays import split_rows

Id = str | int


class StoredItems(ABC):
    """Distinct items whose names are in a file, because they do not fit in memory."""

    are_questions: bool  # whether the items are (image, class) questions
    classes: Classes  # of the questions

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of items."""

    @abstractmethod
    def find_positions(self, items: "Items") -> npt.NDArray[np.int64]:
        """Find the position of each of `items` in this object, -1 for an item that is not there."""

    @abstractmethod
    def contains_images(self, images: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return whether each of `images` has a question among these items."""

    @abstractmethod
    def take_items(self, rows: npt.NDArray[np.integer]) -> "Questions | tuple[Id, ...]":
        """Read the items at `rows` into memory, in the order of `rows`."""

    @abstractmethod
    def keep_items(self, is_kept: npt.NDArray[np.bool_]) -> "StoredItems":
        """Select items, without reading all of them into memory."""


# A range stores the ids of millions of numbered items without memory.
Items = Questions | tuple[Id, ...] | range | StoredItems

_ROWS_PER_BLOCK = 1 << 18  # of stored items: their names take much more memory than their hashes
_ODD_MULTIPLIER = 0x9E3779B97F4A7C15  # so that a sum of two products depends on both factors
_NUMBER = re.compile("0|-?[1-9][0-9]{0,17}")  # 18 digits always fit into int64


def parse_id(text: str) -> Id:
    """Parse an id: an int if the text is written like an int, such as 7; otherwise the text itself, such as 007."""
    return int(text) if _NUMBER.fullmatch(text) else text


def parse_ids(texts: Iterable[str]) -> tuple[Id, ...]:
    """Parse each id of a column as `parse_id` does."""
    return tuple([int(text) if _NUMBER.fullmatch(text) else text for text in texts])


def require_questions(items: Items, *, votes_name: str = "the votes") -> Questions:
    """Return the items if they are (image, class) questions, else raise `DataError`.

    The message calls the votes `votes_name`.
    """
    if not isinstance(items, Questions):
        raise DataError(
            "not-on-questions",
            f"{votes_name} do not answer (image, class) questions",
            fix="add the columns image and class",
        )
    return items


def are_questions(items: Items) -> bool:
    """Return whether items are (image, class) questions."""
    return isinstance(items, Questions) or (isinstance(items, StoredItems) and items.are_questions)


def list_names(items: Items) -> tuple[Id, ...] | range:
    """Return the names of items that are not (image, class) questions; read them into memory if needed."""
    if isinstance(items, StoredItems):
        items = items.take_items(np.arange(len(items)))
    assert not isinstance(items, Questions)
    return items


def describe_item(items: Items, row: int) -> str:
    """Describe an item for messages."""
    if isinstance(items, StoredItems):
        items, row = items.take_items(np.array([row])), 0
    return items.describe_question(row) if isinstance(items, Questions) else f"item {items[row]}"


def rank_names(names: Sequence[Id]) -> npt.NDArray[np.int64]:
    """Return the alphabetical rank of each name."""
    return np.argsort(np.argsort(np.array([str(name) for name in names], object), kind="stable"))


def hash_names(items: Items) -> npt.NDArray[np.uint64]:
    """Compute a 64-bit hash of each item, for random choices that do not depend on the order of items.

    The hash depends on the name of the item, or on the image and the class id.
    """
    if isinstance(items, StoredItems):
        hashes = np.empty(len(items), np.uint64)
        for rows in split_rows(len(items), _ROWS_PER_BLOCK):
            hashes[rows] = hash_names(items.take_items(np.arange(rows.start, rows.stop)))
        return hashes
    if not isinstance(items, Questions):
        return _hash_texts(map(str, items))
    classes, class_rows = np.unique(items.class_ids, return_inverse=True)
    class_hashes = _hash_texts(map(str, classes.tolist()))
    hashes = _hash_texts(items.images)[items.image_ids] + class_hashes[class_rows] * np.uint64(_ODD_MULTIPLIER)
    return np.asarray(hashes)


def _hash_texts(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)


def take_items(items: Items, rows: npt.NDArray[np.integer]) -> Items:
    """Select items by row, in the order of `rows`; drop images that have no question left."""
    if isinstance(items, StoredItems):
        return items.take_items(rows)
    if not isinstance(items, Questions):
        return tuple(items[row] for row in rows.tolist())
    used, image_ids = np.unique(items.image_ids[rows], return_inverse=True)
    images = tuple(items.images[image] for image in used.tolist())
    return replace(items, images=images, image_ids=image_ids.astype(np.int32), class_ids=items.class_ids[rows])


def find_items(items: Items, items_to_find: Items) -> npt.NDArray[np.int64]:
    """Return the position in `items` of each item of `items_to_find`, -1 for a missing item."""
    if items is items_to_find:
        return np.arange(len(items))
    if isinstance(items, StoredItems):
        return items.find_positions(items_to_find)
    if isinstance(items_to_find, StoredItems):
        found = items_to_find.find_positions(items)
        rows = np.full(len(items_to_find), -1)
        rows[found[found >= 0]] = np.flatnonzero(found >= 0)
        return rows
    if isinstance(items, Questions) and isinstance(items_to_find, Questions):
        items, items_to_find = _align_questions(items, items_to_find)
        image_rows = (
            items.rows_of(items_to_find.images)[items_to_find.image_ids]
            if len(items_to_find)
            else np.empty(0, np.int64)
        )
        return items.find_positions(image_rows, items_to_find.class_ids)
    if isinstance(items, Questions) or isinstance(items_to_find, Questions):
        raise different_items_error()
    position = {name: row for row, name in enumerate(items)}
    return np.fromiter((position.get(name, -1) for name in items_to_find), np.int64, len(items_to_find))


def different_items_error() -> DataError:
    """Create the error for an attempt to join (image, class) questions with items that are not questions."""
    return DataError(
        "different-votes",
        "votes on (image, class) questions and votes on other items cannot be joined",
        fix="use the columns image and class in both tables, or the column item in both",
    )


def merge_items(
    first: Items, second: Items, *, positions_in_first: npt.NDArray[np.int64] | None = None
) -> tuple[Items, npt.NDArray[np.int64]]:
    """Append the items of `second` that are missing from `first`; return all items, and the positions of `second`.

    `positions_in_first` is the result of ``find_items(first, second)``, if already computed.
    """
    if isinstance(first, Questions) and isinstance(second, Questions):
        first, second = _align_questions(first, second)
    positions = find_items(first, second) if positions_in_first is None else positions_in_first
    new = np.flatnonzero(positions < 0)
    if not new.size:
        return first, positions
    positions[new] = len(first) + np.arange(new.size)
    added = take_items(second, new)
    if isinstance(first, Questions):
        return _append_questions(first, cast(Questions, added)), positions
    return (*list_names(first), *cast("tuple[Id, ...]", added)), positions


def _align_questions(first: Questions, second: Questions) -> tuple[Questions, Questions]:
    """Convert two lists of questions to one class list."""
    classes = first.classes.merge(second.classes)
    return first.convert_to_classes(classes), second.convert_to_classes(classes)


def _append_questions(first: Questions, new_questions: Questions) -> Questions:
    image_rows = first.rows_of(new_questions.images)
    unknown = np.flatnonzero(image_rows < 0)
    image_rows[unknown] = len(first.images) + np.arange(unknown.size)
    return replace(
        first,
        images=(*first.images, *(new_questions.images[image] for image in unknown.tolist())),
        image_ids=np.concatenate([first.image_ids, image_rows[new_questions.image_ids].astype(np.int32)]),
        class_ids=np.concatenate([first.class_ids, new_questions.class_ids]),
    )
