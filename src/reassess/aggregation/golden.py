"""Golden truth: which questions are valid, and which answers are right, by the experts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Classes, Id, Items, Questions, Scores, Votes, classes_of
from reassess.core.answers import top_answer
from reassess.core.checks import check_all, check_number, check_shape, check_type
from reassess.core.image_names import join
from reassess.core.items import as_questions, find_items, take_items
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import freeze, runs
from reassess.text import Shown, counted, some

_MOST_NAMED = 3


@dataclass(frozen=True, eq=False, repr=False)
class ExpertTruth(Shown):
    """The truth of golden items."""

    values: npt.NDArray[np.int64]  # position of each item's truth among the truths; -1 if unknown
    rule: str  # how it follows from the experts' votes
    undecided: tuple[str, ...] = ()  # items with experts' answers from which no truth follows

    def __post_init__(self) -> None:
        freeze(self, "values")

    @property
    def note(self) -> str | None:
        """The items without a truth, in words; None if there are none."""
        if not self.undecided:
            return None
        count = counted(len(self.undecided), "golden item")
        return f"{count} undecided, without {self.rule}: {some(self.undecided, most=_MOST_NAMED)}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {"rule": self.rule, "items": int(np.count_nonzero(self.values >= 0)), "undecided": len(self.undecided)}


def expert_truth(experts: Votes, truths: Sequence[Id] = VALIDITY, *, at_least: int | None = None) -> ExpertTruth:
    """Find the truth of each golden item: whether it is valid, or which of the answers it is.

    `at_least` experts must agree; by default more than half of those who answered the item. An item that is not valid
    by this rule is invalid. Of answers, the truth is that of most experts, and unknown if two are most frequent.
    """
    most = int(experts.sizes.max(initial=0))
    if tuple(truths) == VALIDITY:
        yes = top_answer(experts.answers) if isinstance(experts.items, Questions) else "yes"
        rule = f"at least {at_least} of {most} experts" if at_least else "more than half of its experts"
        return ExpertTruth(expert_validity(experts, at_least=at_least), f"valid: {rule} said {yes}")
    values = expert_answer(experts.with_answers(tuple(truths)), at_least=at_least)
    most_of = f"most of its experts, and of at least {at_least}" if at_least else "more than half of its experts"
    undecided = np.flatnonzero((values < 0) & (experts.sizes > 0))
    return ExpertTruth(values, f"an answer of {most_of}", tuple(experts.at(row) for row in undecided.tolist()))


def expert_validity(experts: Votes, *, at_least: int | None = None) -> npt.NDArray[np.int64]:
    """Whether each item is valid: 1 if enough experts said so, else 0; -1 where no expert voted."""
    return np.where(experts.sizes > 0, _enough(experts.support(), experts, at_least).astype(np.int64), -1)


def expert_answer(experts: Votes, *, at_least: int | None = None) -> npt.NDArray[np.int64]:
    """The answer of most experts, and of enough, to each item, as its position; -1 where there is no such answer."""
    counts = experts.counts()
    most = counts.max(axis=1, initial=0)
    alone = np.count_nonzero(counts == most[:, None], axis=1) == 1
    return np.where(alone & _enough(most, experts, at_least), np.argmax(counts, axis=1), -1)


def _enough(agreeing: npt.NDArray[np.int64], experts: Votes, at_least: int | None) -> npt.NDArray[np.bool_]:
    """Whether enough of the experts on each item agree."""
    if at_least is None:
        return np.asarray(2 * agreeing > experts.sizes)
    most = int(experts.sizes.max(initial=0))
    fix = Fix("ask for fewer: {at_least}", at_least=most)
    check_number(at_least, 1, most, what="number of experts", whole=True, fix=fix)
    return np.asarray(agreeing >= at_least)


@dataclass(frozen=True, eq=False)
class Golden:
    """Whether each of some (image, class) questions is valid.

    Parameters
    ----------
    questions
        The golden pairs.
    valid
        bool, shape (questions,). At least one is valid.
    exclusive
        Whether the experts chose one class for each image. The pairs are then each image with every class, and a class
        without a score has 0 if its image has scores.
    by_experts
        The experts' truth and its rule; None if the truth comes from elsewhere.
    unrated
        Number of pairs that `without_unrated` removed.

    Raises
    ------
    DataError
        No pair is valid, or there is none.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> Golden(questions, np.array([True, False, True]))
    Golden(3 pairs on 2 images, 2 valid)
    """

    questions: Questions
    valid: npt.NDArray[np.bool_]
    exclusive: bool = False
    by_experts: ExpertTruth | None = None
    unrated: int = 0

    def __post_init__(self) -> None:
        check_shape(self.valid, (len(self.questions),), what="the truth of golden pairs")
        if not self.valid.size:
            raise DataError(
                "missing-golden",
                "golden questions are missing",
                fix="without golden pairs there is nothing to measure by",
            )
        if not self.valid.any():
            raise DataError(
                "missing-golden",
                "no golden question is valid",
                found=f"{len(self):,} pairs that are not valid",
                fix="without a valid pair nothing can be measured: let fewer experts be enough, or judge more pairs",
            )
        freeze(self, "valid")

    def __len__(self) -> int:
        return self.valid.size

    def __repr__(self) -> str:
        images = len(self.questions.images)
        return f"Golden({len(self):,} pairs on {images:,} images, {self.positives:,} valid)"

    @property
    def positives(self) -> int:
        """Number of valid pairs, at least 1."""
        return int(np.count_nonzero(self.valid))

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        source = {"rule": None, "undecided": 0} if self.by_experts is None else self.by_experts.to_json()
        counts = {"pairs": len(self), "valid": self.positives}
        return {**counts, "rule": source["rule"], "undecided": source["undecided"], "unrated": self.unrated}

    def without_unrated(self, votes: Votes, scores: Sequence[Scores]) -> "Golden":
        """The pairs that raters voted on, or that are in each of the scores: those that somebody was asked about."""
        scored = np.logical_and.reduce([self._asked_in(each) for each in scores])
        rows = np.flatnonzero(scored | self._asked_in(votes))
        if rows.size == len(self):
            return self
        questions = as_questions(take_items(self.questions, rows))
        return replace(self, questions=questions, valid=self.valid[rows], unrated=len(self) - rows.size)

    def _asked_in(self, noun: Votes | Scores) -> npt.NDArray[np.bool_]:
        """About which pairs people were asked; of exclusive classes, about which images."""
        pairs = self.questions.in_classes(self.questions.classes.unite(classes_of(noun)))
        rows = join(pairs.images, noun.images)[pairs.image_ids]
        return rows >= 0 if self.exclusive else noun.in_classes(pairs.classes).is_asked(rows, pairs.class_ids)

    def rows_in(self, items: Items, what: str) -> npt.NDArray[np.int64]:
        """Position of each golden pair among other items, int64, shape (questions,)."""
        rows = find_items(items, self.questions)
        self._check_there(rows >= 0, what)
        return rows

    def _check_there(self, found: npt.NDArray[np.bool_], what: str) -> None:
        check_all(
            found,
            what=f"golden pairs that are not in {what}",
            name_of=self.questions.at,
            fix="take both from one release, or leave these pairs out of the golden answers",
        )

    def values_of(self, scores: Scores, what: str = "the scores") -> npt.NDArray[np.float64]:
        """Score of each golden pair, float64, shape (questions,); see `exclusive`, also of `Scores`."""
        classes = self.questions.classes.unite(scores.questions.classes)
        pairs, scores = self.questions.in_classes(classes), scores.in_classes(classes)
        image_rows = scores.questions.rows_of(pairs.images)
        values = scores.at(image_rows[pairs.image_ids], pairs.class_ids)
        if not self.exclusive:
            self._check_there(~np.isnan(values), what)
            return values
        check_all(
            image_rows >= 0,
            what=f"golden images that are not in {what}",
            name_of=lambda row: f"image {pairs.images[row]}",
            fix="take both from one release, or leave these images out of the golden answers",
        )
        return np.nan_to_num(values)

    def made(self, scores: Scores) -> bool | None:
        """Whether experts' answers about a golden pair made its score; None where the scores do not say."""
        if scores.golden is None:
            return None
        rows = find_items(scores.questions, self.questions)
        return bool(scores.golden[rows[rows >= 0]].any())


def golden_truth(experts: Votes, *, at_least: int | None = None, among: Sequence[Questions] = ()) -> Golden:
    """The truth by the experts: a pair is valid if enough of them said yes, or chose its class for its image.

    Parameters
    ----------
    experts
        The experts' votes on (image, class) questions, of which one without a vote is left out; or for one class an
        image, of which one without enough votes for a class is left out.
    at_least
        Number of experts who must say yes for a pair to be valid, or choose a class for it to be the only valid one of
        its image; by default more than half of those who answered the pair, or the image.
    among
        The questions of each file of scores to be judged. Of votes for one class an image, the golden pairs are each
        golden image with every class: those of the list of classes, or without one those that the experts or these
        questions name. So they are the same for scores of every method. Other votes have their own questions.

    Raises
    ------
    DataError
        The votes are on plain items; no such number of experts; no pair is valid.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([1, 2]))
    >>> yes = np.array([1, 1, 0, 0, 1, 0])
    >>> experts = Votes.from_columns(questions, np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), yes, "xyz", ("no", "yes"))
    >>> golden_truth(experts)
    Golden(2 pairs on 1 images, 1 valid)

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2.
    """
    check_type(Votes, experts)
    if experts.classes is None:
        as_questions(experts.items, what="the experts' votes")
    if not len(experts):
        raise DataError("missing-votes", "experts have no votes", fix="give the golden answers")
    if experts.classes is not None:
        return _golden_classes(experts, among, at_least)
    truth = expert_truth(experts, at_least=at_least)
    judged = np.flatnonzero(truth.values >= 0)
    return Golden(as_questions(take_items(experts.items, judged)), truth.values[judged] == 1, by_experts=truth)


def _golden_classes(experts: Votes, among: Sequence[Questions], at_least: int | None) -> Golden:
    """Each golden image with every class; the class that the experts chose is valid, and no other."""
    truth = expert_truth(experts, experts.answers, at_least=at_least)
    known = np.flatnonzero(truth.values >= 0)
    classes = reduce(Classes.unite, [experts.classes or Classes(), *(asked.classes for asked in among)])
    experts = experts.in_classes(classes)
    chosen = experts.class_ids[truth.values[known]]
    named: list[npt.NDArray[np.integer]] = [
        experts.class_ids,
        *(asked.in_classes(classes).class_ids for asked in among),
    ]
    class_ids = np.unique(np.concatenate(named)) if classes.count is None else np.arange(classes.count)
    pairs = Questions(
        images=tuple(experts.images[row] for row in known.tolist()),
        image_ids=np.repeat(np.arange(known.size, dtype=np.int32), class_ids.size),
        class_ids=np.tile(class_ids.astype(np.int32), known.size),
        classes=classes,
    )
    return Golden(pairs, pairs.class_ids == chosen[pairs.image_ids], exclusive=True, by_experts=truth)


def votes_on_questions(votes: Votes, questions: Questions) -> Votes:
    """Turn votes for one class per image into votes on questions: yes to that class, no to others of the image."""
    classes = questions.classes if votes.classes is None else votes.classes.unite(questions.classes)
    votes, questions = votes.in_classes(classes), questions.in_classes(classes)
    image_rows = votes.find(questions.images)[questions.image_ids]
    sizes = np.where(image_rows >= 0, votes.sizes[image_rows], 0)
    given = runs(votes.indptr[image_rows], sizes)  # the votes on the image of each question, one question after another
    item_ids = np.repeat(np.arange(len(questions)), sizes)
    answer_ids = votes.class_ids[votes.answer_ids[given]] == questions.class_ids[item_ids]
    return Votes.from_columns(
        items=questions,
        item_ids=item_ids,
        rater_ids=votes.rater_ids[given],
        answer_ids=answer_ids.astype(np.uint8),
        raters=votes.raters,
        answers=("no", "yes"),
    )
