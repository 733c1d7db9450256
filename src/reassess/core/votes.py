"""What raters answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.core.answers import (
    answer_type,
    are_known,
    as_scale,
    known_weights,
    scale_weights,
    top_answer,
    united_answers,
    whole_scale,
)
from reassess.core.checks import check_known, check_range, check_several, check_shape, check_unique
from reassess.core.classes import UNLISTED, Classes
from reassess.core.image_names import join, unique_images
from reassess.core.items import Id, Items, describe, find_items, take_items, unite_items
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import some

_FEW = 1 << 17  # votes


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes of raters on items, grouped by item.

    A rater may vote several times on an item, and an item may have any number of votes, also none.

    Where raters choose one class for each image, the items are the names of the images, the answers are classes, and
    `classes` says of which list.

    Parameters
    ----------
    items
        The (image, class) questions, or the ids of plain items, each once; a range, where plain items are numbered.
    indptr
        int64, shape (items + 1,): the votes on item i are ``indptr[i]`` to ``indptr[i + 1]``.
    rater_ids
        int32, shape (votes,): position of the vote's rater in `raters`; -1 for all votes where `raters` is empty.
    answer_ids
        Unsigned integers, shape (votes,): position of the vote's answer in `answers`.
    raters
        Id of each rater, each once; by it a rater is known in other votes too. Empty where votes are but counted.
    answers
        The answers in their order, each once: words, or integer codes. Those to (image, class) questions go from what
        speaks least for the class to what speaks most; no, maybe and yes may have capitals and blanks around them.
    seconds
        float64, shape (votes,): how long each vote took, NaN where that is not known; None if it never is.
    classes
        The classes that the answers are, each called by its wnid or name in this list, or by its id in a list without
        names; None where answers are no classes.

    Raises
    ------
    DataError
        An item, rater or answer stands twice; a vote names a rater or an answer that is not there; the columns do not
        fit one another; a time is negative; answer is not a class; answers to questions are no scale,
        since there is but one, or no, maybe and yes are in another order.

    Examples
    --------
    >>> item_ids, rater_ids, answer_ids = np.array([[0, 0, 2], [1, 0, 0], [0, 1, 1]]).T
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), item_ids, rater_ids, answer_ids, raters=("ann", "bo"), answers=("no", "maybe", "yes")
    ... )
    >>> votes
    Votes(3 votes by 2 raters on 2 items, answers no, maybe, yes)
    >>> votes.on(0)
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
                    "not-classes", "answers to (image, class) questions are not classes", fix="leave classes out"
                )
            unique_images(self.images, "the votes")
            self.classes.ids_of_answers(self.answers)
        elif isinstance(self.items, Questions):
            object.__setattr__(self, "answers", as_scale(self.answers))
        elif isinstance(self.items, tuple):
            check_unique(self.items, thing="an item")
        check_unique(list(map(str, self.raters)), thing="a rater")  # as a file has them
        check_unique(self.answers, thing="an answer")
        self._check_shapes()
        _check_ids(self.rater_ids, self.answer_ids, len(self.raters), len(self.answers), self._place_of)
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
        """Votes from columns in any order; votes on one item keep the order in which they come.

        The columns have the position of each vote's item, rater and answer, and its seconds.
        """
        if not isinstance(items, Questions | range):
            check_several(items, what="items")
            items = tuple(items)
        item_ids, rater_ids, answer_ids = np.asarray(item_ids), np.asarray(rater_ids), np.asarray(answer_ids)
        check_shape(item_ids, ("votes",), what="item_ids", kind="integers")
        for name, column in (("rater_ids", rater_ids), ("answer_ids", answer_ids)):
            check_shape(column, item_ids.shape, what=name, kind="integers")
        seconds = None if seconds is None else np.asarray(seconds)
        if seconds is not None:
            check_shape(seconds, item_ids.shape, what="seconds", kind="numbers")
        check_range(item_ids, 0, len(items) - 1, what="item of a vote", where="vote {}".format)
        # Before they are cast, for which a bad one might come out as a good one.
        _check_ids(rater_ids, answer_ids, len(raters), len(answers), lambda vote: describe(items, int(item_ids[vote])))
        indptr, order = _grouped(item_ids, len(items))
        return cls(
            items=items,
            indptr=indptr,
            rater_ids=rater_ids.astype(np.int32, copy=False)[order],
            answer_ids=answer_ids.astype(answer_type(len(answers)), copy=False)[order],
            raters=tuple(raters),
            answers=tuple(answers),
            seconds=None if seconds is None else seconds.astype(np.float64, copy=False)[order],
            classes=classes,
        )

    def __len__(self) -> int:
        return self.rater_ids.size

    def __repr__(self) -> str:
        raters = "unknown raters" if self.anonymous else f"{len(self.raters):,} raters"
        items = "items" if self.classes is None else "images"
        return f"Votes({len(self):,} votes by {raters} on {len(self.items):,} {items}, answers {some(self.answers)})"

    @property
    def anonymous(self) -> bool:
        """Whether votes are but counted: it is not known who voted."""
        return len(self) > 0 and not self.raters

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the questions, or of votes for classes; none of plain items."""
        if isinstance(self.items, Questions):
            return self.items.images
        return () if self.classes is None else cast("tuple[str, ...]", self.items)

    @property
    def class_ids(self) -> npt.NDArray[np.int64]:
        """Class id of each answer, int64, shape (answers,); `DataError` where answers are no classes."""
        if self.classes is None:
            raise DataError("not-classes", "answers are not classes", found=some(self.answers))
        return self.classes.ids_of_answers(self.answers)

    @property
    def weights(self) -> list[float] | None:
        """How much each answer speaks for its item being valid, from 0 to 1; None where that is not known.

        It is known of no, maybe, yes, and of answers to (image, class) questions, which are a scale.
        """
        return scale_weights(self.answers) if isinstance(self.items, Questions) else known_weights(self.answers)

    @property
    def item_ids(self) -> npt.NDArray[np.int64]:
        """Position of the item of each vote, int64, shape (votes,)."""
        return np.repeat(np.arange(len(self.items)), self.sizes)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of votes on each item, int64, shape (items,)."""
        return np.diff(self.indptr)

    def asked(self, image_rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Whether people were asked about each (image, class), as `Scores.asked`; image rows are those of `images`."""
        if isinstance(self.items, Questions):
            return self.items.find(image_rows, class_ids) >= 0
        return (np.asarray(image_rows) >= 0) & (np.asarray(class_ids) >= 0)

    def at(self, row: int) -> str:
        """An item in words, for messages."""
        return describe(self.items, row) if self.classes is None else f"image {self.images[row]}"

    def on(self, row: int) -> tuple[tuple[Id, Id], ...]:
        """The votes on one item: (rater, answer) of each; `DataError` where raters are not known."""
        self.require_raters("a list of votes")
        span = slice(self.indptr[row], self.indptr[row + 1])
        pairs = zip(self.rater_ids[span].tolist(), self.answer_ids[span].tolist(), strict=True)
        return tuple((self.raters[rater], self.answers[answer]) for rater, answer in pairs)

    def answer_id(self, answer: Id) -> int:
        """Position of an answer among `answers`; `DataError` if it is none of them."""
        check_known([answer], self.answers, thing="answer")
        return self.answers.index(answer)

    def require_raters(self, what: str) -> None:
        """Raise `DataError` if it is not known who voted, which something needs; `what` says what."""
        if self.anonymous:
            raise DataError(
                "missing-raters",
                f"{what} needs votes with raters",
                found="counts of votes, without raters",
                fix="give a row a vote, with the columns image, rater and answer; or take the majority",
            )

    def renamed(self, images: Sequence[str]) -> "Votes":
        """The same votes with other names for the images, one for each; those on plain items as they are."""
        if isinstance(self.items, Questions):
            return replace(self, items=self.items.renamed(images))
        return self if self.classes is None else replace(self, items=tuple(images))

    def in_classes(self, classes: Classes) -> "Votes":
        """The same votes in another list of classes, as `LabelSets.in_classes`; those on plain items as they are."""
        if isinstance(self.items, Questions):
            return replace(self, items=self.items.in_classes(classes))
        if self.classes is None or self.classes == classes:
            return self
        class_ids, classes = self.classes.move(self.class_ids, classes)
        return replace(self, answers=classes.as_answers(class_ids.tolist()), classes=classes)

    def counts(self) -> npt.NDArray[np.int64]:
        """Number of votes for each answer on each item, int64, shape (items, answers)."""
        return self._tally(self.item_ids, len(self.items))

    def counts_by_class(self) -> tuple[Questions, npt.NDArray[np.int64]]:
        """Of votes for classes, the classes that someone chose for each image, as questions, and how many did.

        Questions come by image and then by class id; an image without votes has none. Counts are int64, shape
        (questions,). `DataError` where answers are no classes.
        """
        cells, counts = np.unique(self.item_ids << 32 | self.class_ids[self.answer_ids], return_counts=True)
        voted, image_ids = np.unique(cells >> 32, return_inverse=True)
        questions = Questions(
            images=tuple(self.images[row] for row in voted.tolist()),
            image_ids=image_ids.astype(np.int32),
            class_ids=(cells & 0xFFFFFFFF).astype(np.int32),
            classes=self.classes or UNLISTED,
        )
        return questions, counts

    def counts_by_rater(self) -> npt.NDArray[np.int64]:
        """Number of votes for each answer by each rater, int64, shape (raters, answers)."""
        return self._tally(self.rater_ids, len(self.raters))

    def fractions(self) -> npt.NDArray[np.float64]:
        """Share of each answer in the votes on each item, float64, shape (items, answers); 0 without votes."""
        counts = self.counts().astype(np.float64)
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return counts

    def find(self, items: Items) -> npt.NDArray[np.int64]:
        """Position among this object's items of each of `items`, -1 where there is none; int64, shape (items,).

        Of votes for classes, items are images, and are joined as images are.
        """
        if self.classes is None:
            return find_items(self.items, items)
        if isinstance(items, Questions):
            raise DataError(
                "different-votes",
                "votes for one class per image and votes on (image, class) questions cannot be joined",
                fix="give both tables the column class, or neither",
            )
        return join([str(item) for item in items], self.images, where="the other items", known_where="the votes")

    def support(self) -> npt.NDArray[np.int64]:
        """Number of votes that say each item is valid: yes, or the last answer of a scale; int64, shape (items,)."""
        top = top_answer(self.answers) if isinstance(self.items, Questions) else "yes"
        if not are_known(self.answers):
            check_known([top], self.answers, thing="answer")
        chosen = np.array([answer == top for answer in self.answers], bool)
        supporting: npt.NDArray[np.int64] = self.counts()[:, chosen].sum(axis=1)
        return supporting

    def restrict(self, rows: npt.NDArray[np.integer]) -> "Votes":
        """The votes on the items at some rows, in that order; all raters stay."""
        sizes = self.sizes[rows]
        kept = np.arange(sizes.sum()) + np.repeat(self.indptr[rows] - np.cumsum(sizes) + sizes, sizes)
        return self._only(kept, take_items(self.items, rows), sizes)

    def without(self, rows: npt.NDArray[np.integer]) -> "Votes":
        """The same items and raters, the items at some rows without votes."""
        sizes = self.sizes
        sizes[rows] = 0
        return self._only(np.repeat(sizes > 0, self.sizes), self.items, sizes)

    def _only(self, kept: npt.NDArray[Any], items: Items, sizes: npt.NDArray[np.int64]) -> "Votes":
        return replace(
            self,
            items=items,
            indptr=np.concatenate([[0], np.cumsum(sizes)]),
            rater_ids=self.rater_ids[kept],
            answer_ids=self.answer_ids[kept],
            seconds=None if self.seconds is None else self.seconds[kept],
        )

    def with_answers(self, answers: Sequence[Id]) -> "Votes":
        """The same votes with another list of possible answers; `DataError` if a given answer is not in it."""
        if tuple(answers) == self.answers:
            return self
        position = {answer: i for i, answer in enumerate(answers)}
        given = np.flatnonzero(np.bincount(self.answer_ids, minlength=len(self.answers))).tolist()
        check_known([self.answers[i] for i in given], position, thing="answer")
        moved = np.array([position.get(answer, 0) for answer in self.answers], answer_type(len(answers)))
        return replace(self, answer_ids=moved[self.answer_ids], answers=tuple(answers))

    def on_whole_scale(self) -> "Votes":
        """The same votes, to which no, maybe and yes are all possible answers where those to questions are of these."""
        return self.with_answers(whole_scale(self.answers)) if isinstance(self.items, Questions) else self

    def append(self, other: "Votes") -> "Votes":
        """These votes and then the others; items and raters are joined by id, and every vote is kept."""
        if (self.classes is None) != (other.classes is None):
            raise DataError("different-votes", "votes for one class per image and other votes cannot be joined")
        if self.anonymous != other.anonymous and len(self) and len(other):
            raise DataError("different-votes", "votes of raters and counts of votes cannot be joined")
        first, second = in_common_classes(self, other)
        items, item_rows = unite_items(first.items, second.items, rows=first.find(second.items))
        position = {name: i for i, name in enumerate(dict.fromkeys((*self.raters, *other.raters)))}
        rater_rows = np.array([*(position[name] for name in other.raters), -1], np.int32)  # -1 stays -1
        answers = united_answers(first.answers, second.answers)
        first, second = first.with_answers(answers), second.with_answers(answers)
        return Votes.from_columns(
            items=items,
            item_ids=np.concatenate([first.item_ids, item_rows[second.item_ids]]),
            rater_ids=np.concatenate([first.rater_ids, rater_rows[second.rater_ids]]),
            answer_ids=np.concatenate([first.answer_ids, second.answer_ids]),
            raters=tuple(position),
            answers=answers,
            seconds=_joined_seconds(first, second),
            classes=first.classes,
        )

    def _tally(self, ids: npt.NDArray[np.integer], rows: int) -> npt.NDArray[np.int64]:
        width = len(self.answers)
        cells = ids * np.int64(width) + self.answer_ids
        return np.bincount(cells, minlength=rows * width).reshape(rows, width)

    def _check_shapes(self) -> None:
        if self.indptr.size != len(self.items) + 1 or self.indptr[0] != 0 or (np.diff(self.indptr) < 0).any():
            raise DataError(
                "wrong-indptr",
                "indptr does not fit the items",
                allowed=f"{len(self.items) + 1} ascending entries from 0",
                found=f"{self.indptr.size} entries from {self.indptr[0] if self.indptr.size else None}",
            )
        for name, column in (("rater_ids", self.rater_ids), ("answer_ids", self.answer_ids), ("seconds", self.seconds)):
            if column is not None:
                check_shape(column, (int(self.indptr[-1]),), what=name)
        if self.seconds is not None:
            known = np.where(np.isnan(self.seconds), 0, self.seconds)
            check_range(known, 0, what="seconds of a vote", where=lambda vote: f"vote {vote}")

    def _place_of(self, vote: int) -> str:
        return self.at(int(np.searchsorted(self.indptr, vote, side="right")) - 1)


def _check_ids(
    rater_ids: npt.NDArray[np.integer],
    answer_ids: npt.NDArray[np.integer],
    raters: int,
    answers: int,
    where: Callable[[int], str],
) -> None:
    check_range(rater_ids, 0 if raters else -1, raters - 1, what="rater of a vote", where=where)
    check_range(answer_ids, 0, answers - 1, what="answer of a vote", where=where)


def in_common_classes(*many: Votes) -> tuple[Votes, ...]:
    """Votes for one class an image, all in one list of classes and with the same answers: those of any of them.

    Votes of which some are no votes for classes come back as they are.
    """
    lists = [votes.classes for votes in many if votes.classes is not None]
    if len(lists) < len(many):
        return many
    moved = [votes.in_classes(reduce(Classes.unite, lists)) for votes in many]
    classes = reduce(Classes.unite, [votes.classes for votes in moved if votes.classes is not None])  # names are known
    class_ids = np.unique(np.concatenate([votes.class_ids for votes in moved]))
    answers = classes.as_answers(class_ids.tolist())
    return tuple(votes.in_classes(classes).with_answers(answers) for votes in moved)


def _joined_seconds(first: Votes, second: Votes) -> npt.NDArray[np.float64] | None:
    if first.seconds is None and second.seconds is None:
        return None
    parts = (np.full(len(votes), np.nan) if votes.seconds is None else votes.seconds for votes in (first, second))
    return np.concatenate(list(parts))


def _grouped(item_ids: npt.NDArray[np.integer], items: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the votes of each item begin and end, and the order that puts them there, votes of an item as given."""
    if item_ids.size < _FEW:  # sorted before the compiled loop is loaded
        ends = np.cumsum(np.bincount(item_ids, minlength=items))
        return np.concatenate([[0], ends]), np.argsort(item_ids, kind="stable")
    from reassess.numeric.vote_kernels import group

    indptr, order = np.zeros(items + 1, np.int64), np.empty(item_ids.size, np.int64)
    group(item_ids, indptr, order)
    return indptr, order
