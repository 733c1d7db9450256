"""Golden truth: which questions are valid, and which answers are correct, according to experts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import VALIDITY, Classes, Id, Items, Questions, Scores, Votes, classes_of
from reassess.core.answers import highest_answer
from reassess.core.checks import check_all_valid, check_number, check_shape, check_type
from reassess.core.image_names import match_images
from reassess.core.items import find_items, require_questions, take_items
from reassess.errors import DataError, Fix
from reassess.numeric.arrays import concatenate_ranges, freeze
from reassess.text import Printable, count_noun, join_first

_MAX_NAMED_ITEMS = 3
_VALIDITY_RULE_START = "valid: "  # the start of a rule for questions


@dataclass(frozen=True, eq=False, repr=False)
class ExpertTruth(Printable):
    """The truth of golden items, decided by the experts' votes."""

    truth_ids: npt.NDArray[np.int64]  # position of each item's truth among the truths; -1 if unknown
    rule: str  # how the experts' votes decide the truth
    undecided_items: tuple[str, ...] = ()  # items whose experts' answers do not decide the truth

    def __post_init__(self) -> None:
        freeze(self, "truth_ids")

    @property
    def note(self) -> str | None:
        """A sentence about undecided items; None if all items are decided."""
        if not self.undecided_items:
            return None
        count = count_noun(len(self.undecided_items), "golden item")
        why = "too few experts" if self.rule.startswith(_VALIDITY_RULE_START) else f"no {self.rule}"
        return f"{count} undecided ({why}): {join_first(self.undecided_items, max_items=_MAX_NAMED_ITEMS)}"

    def require_decided_items(self) -> None:
        """Raise `DataError` if the experts' answers do not decide any item."""
        if not (self.truth_ids >= 0).any():
            raise DataError(
                "missing-golden",
                "experts' answers do not decide the truth of any golden item",
                found=self.note,
                fix="get more experts' answers",
            )

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "rule": self.rule,
            "items": int(np.count_nonzero(self.truth_ids >= 0)),
            "undecided": len(self.undecided_items),
        }


def expert_truth(experts: Votes, truths: Sequence[Id] = VALIDITY, *, min_experts: int | None = None) -> ExpertTruth:
    """Decide the truth of each golden item from the experts' votes.

    If the truths are invalid and valid, an item is valid if `min_experts` experts say so, by default more than half of
    its experts. Otherwise it is invalid; or unknown, if fewer experts answered. If the truths are answers, the truth is
    the most frequent answer, if at least this number of experts gave it. It is unknown if two answers are equally
    frequent.
    """
    max_experts = int(experts.sizes.max(initial=0))
    if tuple(truths) == VALIDITY:
        yes = highest_answer(experts.answers) if isinstance(experts.items, Questions) else "yes"
        rule = f"at least {min_experts} of {max_experts} experts" if min_experts else "more than half of its experts"
        values, rule = expert_validity(experts, min_experts=min_experts), f"{_VALIDITY_RULE_START}{rule} said {yes}"
    else:
        values = most_frequent_expert_answers(experts.with_possible_answers(tuple(truths)), min_experts=min_experts)
        majority = f"most experts, and of at least {min_experts}" if min_experts else "more than half of the experts"
        rule = f"answer of {majority}"
    undecided = np.flatnonzero((values < 0) & (experts.sizes > 0))
    return ExpertTruth(values, rule, tuple(experts.describe_item(row) for row in undecided.tolist()))


def expert_validity(experts: Votes, *, min_experts: int | None = None) -> npt.NDArray[np.int64]:
    """Return 1 for each item that enough experts call valid, -1 if too few experts answered, otherwise 0."""
    is_valid = _has_enough_experts(experts.count_supporting_votes(), experts, min_experts)
    return np.where(experts.sizes >= (min_experts or 1), is_valid.astype(np.int64), -1)


def most_frequent_expert_answers(experts: Votes, *, min_experts: int | None = None) -> npt.NDArray[np.int64]:
    """Return the position of each item's most frequent answer; -1 if answers tie or too few experts agree."""
    counts = experts.counts()
    highest_counts = counts.max(axis=1, initial=0)
    is_unique = np.count_nonzero(counts == highest_counts[:, None], axis=1) == 1
    return np.where(
        is_unique & _has_enough_experts(highest_counts, experts, min_experts), np.argmax(counts, axis=1), -1
    )


def _has_enough_experts(
    n_agreeing: npt.NDArray[np.int64], experts: Votes, min_experts: int | None
) -> npt.NDArray[np.bool_]:
    """Return whether enough experts agree on each item; bool, shape (items,)."""
    if min_experts is None:
        return np.asarray(2 * n_agreeing > experts.sizes)
    max_experts = int(experts.sizes.max(initial=0))
    fix = Fix("require fewer experts to agree: {min_experts}", min_experts=max_experts)
    check_number(min_experts, 1, max_experts, value_name="number of experts", is_whole=True, fix=fix)
    return np.asarray(n_agreeing >= min_experts)


@dataclass(frozen=True, eq=False)
class GoldenQuestions:
    """Golden (image, class) questions, and whether each is valid.

    Parameters
    ----------
    questions
        The golden questions.
    is_valid
        bool, shape (questions,). At least one is valid.
    has_one_class_per_image
        Whether the experts chose one class for each image. The questions are then each image with every class. If an
        image has scores, a class without a score has score 0.
    expert_truth
        The experts' truth and its rule; None if the truth has another source.
    n_unrated
        Number of questions that `without_unrated_questions` removed.

    Raises
    ------
    DataError
        Questions are missing, or no question is valid.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([1, 2, 1]))
    >>> GoldenQuestions(questions, np.array([True, False, True]))
    GoldenQuestions(3 questions on 2 images, 2 valid)
    """

    questions: Questions
    is_valid: npt.NDArray[np.bool_]
    has_one_class_per_image: bool = False
    expert_truth: ExpertTruth | None = None
    n_unrated: int = 0

    def __post_init__(self) -> None:
        check_shape(self.is_valid, (len(self.questions),), value_name="the truth of golden questions")
        if not self.is_valid.size:
            raise DataError(
                "missing-golden",
                "golden questions are missing",
                fix="give golden questions with their truth",
            )
        if not self.is_valid.any():
            raise DataError(
                "missing-golden",
                "no class in the golden questions is valid",
                found=f"{count_noun(len(self), 'question')}, all about invalid classes",
                fix="require fewer experts to agree, or let experts answer more questions",
            )
        freeze(self, "is_valid")

    def __len__(self) -> int:
        return self.is_valid.size

    def __repr__(self) -> str:
        images = len(self.questions.images)
        return f"GoldenQuestions({len(self):,} questions on {images:,} images, {self.n_valid:,} valid)"

    @property
    def n_valid(self) -> int:
        """Number of golden questions whose class is valid: at least 1, because 0 is an error."""
        return int(np.count_nonzero(self.is_valid))

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        source = {"rule": None, "undecided": 0} if self.expert_truth is None else self.expert_truth.to_json()
        counts = {"questions": len(self), "valid": self.n_valid}
        return {**counts, "rule": source["rule"], "undecided": source["undecided"], "unrated": self.n_unrated}

    def without_unrated_questions(self, votes: Votes, scores: Sequence[Scores]) -> "GoldenQuestions":
        """Remove questions without raters' votes, if their score is missing or comes from experts' answers."""
        has_scores = np.logical_and.reduce(
            [self._is_question_in(each) & ~self._is_scored_by_experts(each) for each in scores]
        )
        rows = np.flatnonzero(has_scores | self._is_question_in(votes))
        if rows.size == len(self):
            return self
        questions = require_questions(take_items(self.questions, rows))
        return replace(self, questions=questions, is_valid=self.is_valid[rows], n_unrated=len(self) - rows.size)

    def _is_question_in(self, votes_or_scores: Votes | Scores) -> npt.NDArray[np.bool_]:
        """Return whether the votes or scores contain each question, or its image if an image has one class."""
        questions = self.questions.convert_to_classes(self.questions.classes.merge(classes_of(votes_or_scores)))
        rows = match_images(questions.images, votes_or_scores.images)[questions.image_ids]
        if self.has_one_class_per_image:
            return rows >= 0
        return votes_or_scores.convert_to_classes(questions.classes).is_asked(rows, questions.class_ids)

    def _is_scored_by_experts(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """Return whether each question has a score that comes from experts' answers."""
        rows = find_items(scores.questions, self.questions)
        return (rows >= 0) & (False if scores.is_golden is None else np.append(scores.is_golden, False)[rows])

    def find_rows_in(self, items: Items, items_name: str) -> npt.NDArray[np.int64]:
        """Return the position of each golden question in `items`; `DataError` if one is missing."""
        rows = find_items(items, self.questions)
        self._check_none_missing(rows >= 0, items_name)
        return rows

    def _check_none_missing(self, is_found: npt.NDArray[np.bool_], items_name: str) -> None:
        """Raise `DataError` if a golden question is missing from votes or scores."""
        check_all_valid(
            is_found,
            value_name=f"golden questions are not in {items_name}",
            name_of=self.questions.describe_question,
            fix="use files from the same release, or remove these golden questions",
        )

    def scores_of_questions(self, scores: Scores, scores_name: str = "the scores") -> npt.NDArray[np.float64]:
        """Return the score of each golden question; `DataError` if one is missing; float64, shape (questions,)."""
        classes = self.questions.classes.merge(scores.questions.classes)
        questions, scores = self.questions.convert_to_classes(classes), scores.convert_to_classes(classes)
        image_rows = scores.questions.rows_of(questions.images)
        values = scores.scores_of(image_rows[questions.image_ids], questions.class_ids)
        if not self.has_one_class_per_image:
            self._check_none_missing(~np.isnan(values), scores_name)
            return values
        check_all_valid(
            image_rows >= 0,
            value_name=f"golden images are not in {scores_name}",
            name_of=lambda row: f"image {questions.images[row]}",
            fix="use files from the same release, or remove these golden images",
        )
        return np.nan_to_num(values)

    def is_in_sample(self, scores: Scores) -> bool | None:
        """Return whether scores were made from experts' answers to golden questions; None if unknown."""
        if scores.is_golden is None:
            return None
        rows = find_items(scores.questions, self.questions)
        return bool(scores.is_golden[rows[rows >= 0]].any())


def golden_truth(
    experts: Votes, *, min_experts: int | None = None, scored_questions: Sequence[Questions] = ()
) -> GoldenQuestions:
    """Decide which golden questions are valid, from the experts' votes.

    Parameters
    ----------
    experts
        The experts' votes on (image, class) questions; a question without votes is ignored. Or votes for one class per
        image; an image where not enough experts agree is ignored.
    min_experts
        Number of experts who must say yes for a question to be valid, or choose a class for it to be the only valid
        class of its image; by default more than half of the experts on the question or image.
    scored_questions
        The questions of each file of scores that will be measured. If experts chose one class per image, the golden
        questions are each golden image with every class of the class list. Without a class list, they use the classes
        that the experts or these questions name, so that they are the same for the scores of every method. For other
        votes this is not used.

    Raises
    ------
    DataError
        The votes are on plain items; `min_experts` is more than the number of experts; no question is valid.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png"], np.array([1, 2]))
    >>> yes = np.array([1, 1, 0, 0, 1, 0])
    >>> experts = Votes.from_columns(questions, np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), yes, "xyz", ("no", "yes"))
    >>> golden_truth(experts)
    GoldenQuestions(2 questions on 1 images, 1 valid)

    Notes
    -----
    Source: Beyer et al., arXiv 2006.07159, section 3.2.
    """
    check_type(Votes, experts)
    if experts.classes is None:
        require_questions(experts.items, votes_name="the experts' votes")
    if not len(experts):
        raise DataError("missing-votes", "experts have no votes", fix="give at least one vote of an expert")
    if experts.classes is not None:
        return _golden_from_classes(experts, scored_questions, min_experts)
    truth = expert_truth(experts, min_experts=min_experts)
    rows = np.flatnonzero(truth.truth_ids >= 0)
    return GoldenQuestions(
        require_questions(take_items(experts.items, rows)), truth.truth_ids[rows] == 1, expert_truth=truth
    )


def _golden_from_classes(
    experts: Votes, scored_questions: Sequence[Questions], min_experts: int | None
) -> GoldenQuestions:
    """Create a question for each golden image and every class; only the experts' class is valid."""
    truth = expert_truth(experts, experts.answers, min_experts=min_experts)
    rows = np.flatnonzero(truth.truth_ids >= 0)
    classes = reduce(Classes.merge, [experts.classes or Classes(), *(each.classes for each in scored_questions)])
    experts = experts.convert_to_classes(classes)
    valid_class = experts.class_ids[truth.truth_ids[rows]]
    if classes.count is None:
        class_ids = np.unique(
            np.concatenate(
                [experts.class_ids, *(each.convert_to_classes(classes).class_ids for each in scored_questions)]
            )
        )
    else:
        class_ids = np.arange(classes.count)
    questions = Questions(
        images=tuple(experts.images[row] for row in rows.tolist()),
        image_ids=np.repeat(np.arange(rows.size, dtype=np.int32), class_ids.size),
        class_ids=np.tile(class_ids.astype(np.int32), rows.size),
        classes=classes,
    )
    return GoldenQuestions(
        questions,
        questions.class_ids == valid_class[questions.image_ids],
        has_one_class_per_image=True,
        expert_truth=truth,
    )


def convert_to_votes_on_questions(votes: Votes, questions: Questions) -> Votes:
    """Convert votes for one class per image to votes on questions: yes to the chosen class, no to others."""
    classes = questions.classes if votes.classes is None else votes.classes.merge(questions.classes)
    votes, questions = votes.convert_to_classes(classes), questions.convert_to_classes(classes)
    image_rows = votes.find_positions(questions.images)[questions.image_ids]
    sizes = np.where(image_rows >= 0, votes.sizes[image_rows], 0)
    # Votes on the image of the first question, then of the second, ...
    rows = concatenate_ranges(votes.indptr[image_rows], sizes)
    item_ids = np.repeat(np.arange(len(questions)), sizes)
    answer_ids = votes.class_ids[votes.answer_ids[rows]] == questions.class_ids[item_ids]
    return Votes.from_columns(
        items=questions,
        item_ids=item_ids,
        rater_ids=votes.rater_ids[rows],
        answer_ids=answer_ids.astype(np.uint8),
        raters=votes.raters,
        answers=("no", "yes"),
    )
