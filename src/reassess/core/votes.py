"""Votes: the answers of raters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.core.answers import (
    answer_dtype,
    are_known_answers,
    check_answer_scale,
    extend_to_no_maybe_yes,
    highest_answer,
    merge_answers,
    standard_answer_weights,
    weigh_answers,
)
from reassess.core.checks import check_is_collection, check_known, check_unique
from reassess.core.classes import Classes
from reassess.core.image_names import check_image_names, match_images
from reassess.core.items import (
    Id,
    Items,
    StoredItems,
    are_questions,
    describe_item,
    find_items,
    list_names,
    merge_items,
    take_items,
)
from reassess.core.questions import Questions
from reassess.core.vote_columns import check_columns, check_ids, group_votes, join_seconds
from reassess.errors import DataError
from reassess.numeric.arrays import allocate_like, freeze, split_rows
from reassess.text import join_first


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes of raters on items, grouped by item.

    A rater may vote several times on an item, and an item may have any number of votes, or none.

    If raters choose one class per image, the items are image names, the answers are classes, and `classes` is their
    class list.

    Parameters
    ----------
    items
        Distinct (image, class) questions, or distinct ids of other items; a range for numbered items.
    indptr
        int64, shape (items + 1,): the votes on item i are ``indptr[i]:indptr[i + 1]``.
    rater_ids
        int32, shape (votes,): position of each vote's rater in `raters`; -1 for all votes if `raters` is empty.
    answer_ids
        Unsigned integers, shape (votes,): position of each vote's answer in `answers`.
    raters
        Distinct ids of raters, which also identify them in other votes. Empty if only counts of votes are known.
    answers
        Distinct answers in order: words, or integer codes. Answers to (image, class) questions go from invalid to
        valid; no, maybe and yes may have capitals and surrounding blanks.
    seconds
        float64, shape (votes,): duration of each vote, NaN if unknown; None if all are unknown.
    classes
        The class list of the answers, which are its wnids or names, or ids if it has no names; None if answers are not
        classes.

    Raises
    ------
    DataError
        An item, rater or answer is listed twice; a rater or answer of a vote is not in the lists; shapes do not fit
        each other; a duration is negative; an answer is not a class; there is only one answer to questions, or no,
        maybe and yes are in another order.

    Examples
    --------
    >>> item_ids, rater_ids, answer_ids = np.array([[0, 0, 2], [1, 0, 0], [0, 1, 1]]).T
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), item_ids, rater_ids, answer_ids, raters=("ann", "bo"), answers=("no", "maybe", "yes")
    ... )
    >>> votes
    Votes(3 votes by 2 raters on 2 items, answers no, maybe, yes)
    >>> votes.votes_on(0)
    (('ann', 'yes'), ('bo', 'maybe'))
    >>> votes.counts()
    array([[0, 1, 1],
           [1, 0, 0]])
    """

    _THING = "votes"
    _HOW_TO_GET = "read_votes(FILE)"

    items: Items
    indptr: npt.NDArray[np.int64]
    rater_ids: npt.NDArray[np.int32]
    answer_ids: npt.NDArray[np.unsignedinteger]
    raters: tuple[Id, ...]
    answers: tuple[Id, ...]
    seconds: npt.NDArray[np.float64] | None = None
    classes: Classes | None = None

    def __post_init__(self) -> None:
        if self.classes is not None:
            if isinstance(self.items, Questions):
                raise DataError(
                    "not-classes", "answers to (image, class) questions are not classes", fix="remove classes=..."
                )
            check_image_names(self.images, "the votes")
            self.classes.answers_to_ids(self.answers)
        elif are_questions(self.items):
            object.__setattr__(self, "answers", check_answer_scale(self.answers))
        elif isinstance(self.items, tuple):
            check_unique(self.items, value_name="an item")
        check_unique(list(map(str, self.raters)), value_name="a rater")  # files do not distinguish 1 and "1"
        check_unique(self.answers, value_name="an answer")
        check_columns(self.indptr, len(self.items), self.rater_ids, self.answer_ids, self.seconds)
        check_ids(self.rater_ids, self.answer_ids, len(self.raters), len(self.answers), self._locate)
        freeze(self, "indptr", "rater_ids", "answer_ids", "seconds")

    @classmethod
    def from_columns(
        cls,
        items: Items,
        item_ids: npt.ArrayLike,
        rater_ids: npt.ArrayLike,
        answer_ids: npt.ArrayLike,
        raters: Sequence[Id],
        answers: Sequence[Id],
        *,
        seconds: npt.ArrayLike | None = None,
        classes: Classes | None = None,
    ) -> "Votes":
        """Create votes from columns in any order; votes on the same item keep their order.

        The columns are the position of each vote's item, rater and answer, and its seconds.
        """
        if not isinstance(items, Questions | range | StoredItems):
            check_is_collection(items, value_name="items")
            items = tuple(items)
        columns = group_votes(items, item_ids, rater_ids, answer_ids, raters, answers, seconds)
        return cls(items, raters=tuple(raters), answers=tuple(answers), classes=classes, **columns)

    def __len__(self) -> int:
        return self.rater_ids.size

    def __repr__(self) -> str:
        raters = "unknown raters" if self.is_anonymous else f"{len(self.raters):,} raters"
        items = "items" if self.classes is None else "images"
        return (
            f"Votes({len(self):,} votes by {raters} on {len(self.items):,} {items}, answers {join_first(self.answers)})"
        )

    @property
    def is_anonymous(self) -> bool:
        """Whether raters are unknown, because only counts of votes are known."""
        return len(self) > 0 and not self.raters

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the items; empty if the items are not images or (image, class) questions."""
        if isinstance(self.items, Questions):
            return self.items.images
        return () if self.classes is None else cast("tuple[str, ...]", self.items)

    @property
    def class_ids(self) -> npt.NDArray[np.int64]:
        """Class id of each answer; int64, shape (answers,); `DataError` if answers are not classes."""
        if self.classes is None:
            raise DataError("not-classes", "answers are not classes", found=join_first(self.answers))
        return self.classes.answers_to_ids(self.answers)

    @property
    def answer_weights(self) -> list[float] | None:
        """How much each answer supports that the item is valid, 0 to 1; None if unknown.

        The weights are known for no, maybe and yes, and for answers to (image, class) questions.
        """
        return weigh_answers(self.answers) if are_questions(self.items) else standard_answer_weights(self.answers)

    @property
    def item_ids(self) -> npt.NDArray[np.int64]:
        """Position of the item of each vote; int64, shape (votes,)."""
        return np.repeat(np.arange(len(self.items)), self.sizes)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of votes on each item; int64, shape (items,)."""
        return np.diff(self.indptr)

    def is_asked(
        self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """Return whether raters were asked about each (image, class), like `Scores.is_asked`."""
        if isinstance(self.items, Questions):
            return self.items.find_positions(image_rows, class_ids) >= 0
        return (np.asarray(image_rows) >= 0) & (np.asarray(class_ids) >= 0)

    def describe_item(self, row: int) -> str:
        """Describe an item for messages."""
        return describe_item(self.items, row) if self.classes is None else f"image {self.images[row]}"

    def votes_on(self, row: int) -> tuple[tuple[Id, Id], ...]:
        """Return the (rater, answer) votes on an item; `DataError` if raters are unknown."""
        self.require_raters("a list of votes")
        span = slice(self.indptr[row], self.indptr[row + 1])
        pairs = zip(self.rater_ids[span].tolist(), self.answer_ids[span].tolist(), strict=True)
        return tuple((self.raters[rater], self.answers[answer]) for rater, answer in pairs)

    def answer_id(self, answer: Id) -> int:
        """Return the position of an answer in `answers`; `DataError` for a missing answer."""
        check_known([answer], self.answers, value_name="answer")
        return self.answers.index(answer)

    def require_raters(self, computation: str) -> None:
        """Raise `DataError` if raters are unknown; `computation` is the name of the computation that needs raters."""
        if self.is_anonymous:
            raise DataError(
                "missing-raters",
                f"{computation} needs votes with raters",
                found="counts of votes, without raters",
                fix="write one row per vote, with the columns image, rater and answer; or use method majority",
            )

    def with_images(self, images: Sequence[str]) -> "Votes":
        """Replace the names of all images; votes on items without images stay unchanged."""
        if isinstance(self.items, Questions):
            return replace(self, items=self.items.with_images(images))
        return self if self.classes is None else replace(self, items=tuple(images))

    def convert_to_classes(self, classes: Classes) -> "Votes":
        """Convert votes with classes to another class list, by the rules of `LabelSets.convert_to_classes`."""
        if isinstance(self.items, Questions):
            return replace(self, items=self.items.convert_to_classes(classes))
        if self.classes is None or self.classes == classes:
            return self
        class_ids, classes = self.classes.convert_ids(self.class_ids, classes)
        return replace(self, answers=classes.ids_to_answers(class_ids.tolist()), classes=classes)

    def split_into_blocks(self) -> Iterator[tuple[slice, "Votes"]]:
        """Yield the rows and the votes of blocks of successive items; the items of each block are numbered from 0."""
        for rows in split_rows(len(self.items)):
            start, stop = self.indptr[rows.start], self.indptr[rows.stop]
            yield (
                rows,
                Votes(
                    items=range(rows.stop - rows.start),
                    indptr=self.indptr[rows.start : rows.stop + 1] - start,
                    rater_ids=self.rater_ids[start:stop],
                    answer_ids=self.answer_ids[start:stop],
                    raters=self.raters,
                    answers=self.answers,
                ),
            )

    def counts(self) -> npt.NDArray[np.int64]:
        """Count votes by item and answer; int64, shape (items, answers)."""
        return self._count_answers(self.item_ids, len(self.items))

    def counts_by_rater(self) -> npt.NDArray[np.int64]:
        """Count votes by rater and answer; int64, shape (raters, answers)."""
        counts = np.zeros((len(self.raters), len(self.answers)), np.int64)
        for _, block in self.split_into_blocks():
            counts += block._count_answers(block.rater_ids, len(self.raters))
        return counts

    def answer_shares(self) -> npt.NDArray[np.float64]:
        """Compute the share of each answer on each item; float64, shape (items, answers); 0 without votes."""
        counts = self.counts().astype(np.float64)
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return counts

    def find_positions(self, items: Items) -> npt.NDArray[np.int64]:
        """Return the position of each of `items` among the items of these votes, -1 for a missing item; int64.

        The items of votes for classes are images, and are joined by image name.
        """
        if self.classes is None:
            return find_items(self.items, items)
        if isinstance(items, Questions):
            raise DataError(
                "different-votes",
                "votes for one class per image and votes on (image, class) questions cannot be joined",
                fix="add the column class to both tables, or remove this column from both tables",
            )
        return match_images(
            [str(item) for item in list_names(items)], self.images, where="the other items", known_where="the votes"
        )

    def count_supporting_votes(self) -> npt.NDArray[np.int64]:
        """Count the votes on each item for the highest possible answer, such as yes; int64, shape (items,)."""
        top = highest_answer(self.answers) if are_questions(self.items) else "yes"
        if not are_known_answers(self.answers):
            check_known([top], self.answers, value_name="answer")
        is_supporting = np.array([answer == top for answer in self.answers], bool)
        supporting: npt.NDArray[np.int64] = self.counts()[:, is_supporting].sum(axis=1)
        return supporting

    def select_items(self, rows: npt.NDArray[np.integer]) -> "Votes":
        """Select the votes on the items at some rows, in the order of `rows`; all raters stay."""
        sizes = self.indptr[rows + 1] - self.indptr[rows]
        kept = np.arange(sizes.sum()) + np.repeat(self.indptr[rows] - np.cumsum(sizes) + sizes, sizes)
        return self._select(kept, take_items(self.items, rows), sizes)

    def without_votes_on(self, rows: npt.NDArray[np.integer]) -> "Votes":
        """Remove the votes on the items at some rows; all items and raters stay."""
        sizes = self.sizes
        sizes[rows] = 0
        return self._select(np.repeat(sizes > 0, self.sizes), self.items, sizes)

    def _select(self, vote_rows: npt.NDArray[Any], items: Items, sizes: npt.NDArray[np.int64]) -> "Votes":
        return replace(
            self,
            items=items,
            indptr=np.concatenate([[0], np.cumsum(sizes)]),
            rater_ids=self.rater_ids[vote_rows],
            answer_ids=self.answer_ids[vote_rows],
            seconds=None if self.seconds is None else self.seconds[vote_rows],
        )

    def with_possible_answers(self, answers: Sequence[Id]) -> "Votes":
        """Change the list of possible answers; `DataError` if the list does not contain the answer of a vote."""
        if tuple(answers) == self.answers:
            return self
        position = {answer: i for i, answer in enumerate(answers)}
        new_ids = np.array([position.get(answer, 0) for answer in self.answers], answer_dtype(len(answers)))
        answer_ids = allocate_like(self.answer_ids, len(self), new_ids.dtype)
        is_used = np.zeros(len(self.answers), np.bool_)
        for rows in split_rows(len(self)):
            is_used[self.answer_ids[rows]] = True
            answer_ids[rows] = new_ids[self.answer_ids[rows]]
        check_known([self.answers[i] for i in np.flatnonzero(is_used).tolist()], position, value_name="answer")
        return replace(self, answer_ids=answer_ids, answers=tuple(answers))

    def with_no_maybe_yes(self) -> "Votes":
        """Set the possible answers to questions to no, maybe and yes, if all answers are among these three words."""
        return self.with_possible_answers(extend_to_no_maybe_yes(self.answers)) if are_questions(self.items) else self

    def append(self, new_votes: "Votes") -> "Votes":
        """Append the votes of another object; equal items and raters are joined, and all votes are kept."""
        if (self.classes is None) != (new_votes.classes is None):
            raise DataError(
                "different-votes",
                "votes whose answers are classes cannot be joined with votes whose answers are not, such as yes and no",
            )
        if self.is_anonymous != new_votes.is_anonymous and len(self) and len(new_votes):
            raise DataError("different-votes", "votes of raters and counts of votes cannot be joined")
        first, second = align_votes(self, new_votes)
        items, item_rows = merge_items(first.items, second.items, positions_in_first=first.find_positions(second.items))
        position = {name: i for i, name in enumerate(dict.fromkeys((*self.raters, *new_votes.raters)))}
        rater_rows = np.array([*(position[name] for name in new_votes.raters), -1], np.int32)  # -1 stays -1
        answers = merge_answers(first.answers, second.answers)
        first, second = first.with_possible_answers(answers), second.with_possible_answers(answers)
        return Votes.from_columns(
            items=items,
            item_ids=np.concatenate([first.item_ids, item_rows[second.item_ids]]),
            rater_ids=np.concatenate([first.rater_ids, rater_rows[second.rater_ids]]),
            answer_ids=np.concatenate([first.answer_ids, second.answer_ids]),
            raters=tuple(position),
            answers=answers,
            seconds=join_seconds((first.seconds, second.seconds), (len(first), len(second))),
            classes=first.classes,
        )

    def _count_answers(self, ids: npt.NDArray[np.integer], n_rows: int) -> npt.NDArray[np.int64]:
        width = len(self.answers)
        cells = ids * np.int64(width) + self.answer_ids
        return np.bincount(cells, minlength=n_rows * width).reshape(n_rows, width)

    def _locate(self, vote: int) -> str:
        return self.describe_item(int(np.searchsorted(self.indptr, vote, side="right")) - 1)


def align_votes(*all_votes: Votes) -> tuple[Votes, ...]:
    """Convert several `Votes` for classes to one class list and one list of answers.

    If some of them are not votes for classes, all stay unchanged.
    """
    lists = [votes.classes for votes in all_votes if votes.classes is not None]
    if len(lists) < len(all_votes):
        return all_votes
    aligned = [votes.convert_to_classes(reduce(Classes.merge, lists)) for votes in all_votes]
    # Conversion can have added names to the class lists, so they are merged again.
    classes = reduce(Classes.merge, [votes.classes for votes in aligned if votes.classes is not None])
    class_ids = np.unique(np.concatenate([votes.class_ids for votes in aligned]))
    answers = classes.ids_to_answers(class_ids.tolist())
    return tuple(votes.convert_to_classes(classes).with_possible_answers(answers) for votes in aligned)
