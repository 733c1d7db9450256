"""What a campaign is made of, before it is anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.recipe import original_votes
from reassess.annotation.assignment import Rules
from reassess.annotation.judging import probability_by_label, truth_of
from reassess.annotation.person_names import check_name
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.checks import check_number, check_range, check_text
from reassess.core.labels import LabelSets, check_original
from reassess.core.questions import Questions
from reassess.core.tasks import Tasks
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.text import counted

__all__ = ["CampaignPlan", "ExamplePicture"]

_MOST_EXPERTS = 1_000
_MOST_CLASSES = 8  # of a task: so many keys choose one on the page


@dataclass(frozen=True)
class ExamplePicture:
    """A picture that shows raters what a class is.

    Parameters
    ----------
    class_id
        The class.
    picture
        A PNG or JPEG file.
    media_type
        ``"image/png"`` or ``"image/jpeg"``.
    """

    class_id: int
    picture: bytes
    media_type: str


@dataclass(frozen=True, eq=False)
class CampaignPlan:
    """What a campaign is made of.

    Parameters
    ----------
    tasks
        What raters are to vote on.
    name
        What raters read above the page.
    rules
        The rules.
    golden_tasks
        Tasks of golden questions; None if there are none.
    experts
        Experts' votes on golden questions; None if all of them are to be given in the campaign.
    at_least
        So many experts make the truth; by default more than half of those who answered.
    practice
        Number of golden tasks that are for the practice round of new raters, and for nothing else. An image is for it
        with all of its golden tasks, or with none, so that there can be more. It is in no task to be voted on.
    bar
        The share of practice questions that a rater must answer as the experts did, from 0 to 1, a maybe for one half;
        None if all go on.
    original
        The labels as they were, also of images that nobody is asked about; None if they are not known.
    original_votes
        Whether each of them is a vote before all others.
    consent
        What people agree to before they begin.
    examples
        Pictures of classes.
    hashes
        SHA-256 of image files, by name.
    images
        Where the images lie: a folder or an archive; None if that is not known.
    settings
        Of the benchmark, as its benchmark.json has them.

    Raises
    ------
    DataError
        A task has more classes than a page shows; golden tasks and tasks have different class lists; there
        is a practice round, a stop rule or a vote of the original labels without golden tasks; the practice round takes
        all golden tasks, or more than there are on images that experts have answered and that are in no other task; an
        expert gives two answers to a golden question; original labels that are to vote are not known; an image has not
        exactly one original label, or one of a class that the tasks do not know; a number is out of range; a name or
        path is no text.
    """

    tasks: Tasks
    name: str = ""
    rules: Rules = field(default_factory=Rules)
    golden_tasks: Tasks | None = None
    experts: Votes | None = None
    at_least: int | None = None
    practice: int = 0
    bar: float | None = None
    original: LabelSets | None = None
    original_votes: bool = False
    consent: str = ""
    examples: Sequence[ExamplePicture] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    images: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_number(self.practice, 0, whole=True, what="number of practice tasks")
        if self.at_least is not None:
            check_number(self.at_least, 1, _MOST_EXPERTS, whole=True, what="number of experts")
        for tasks in filter(None, (self.tasks, self.golden_tasks)):
            _check_sizes(tasks)
        check_text([self.name], what="the name of the campaign")
        if self.name:
            check_name(self.name)
        check_text([self.images or ""], what="the path of the images")
        if self.bar is not None:
            check_range(self.bar, 0, 1, what="share of practice questions")
        if self.original_votes and self.original is None:
            raise DataError(
                "no-original-labels",
                "original labels are missing, so they cannot vote",
                fix="give them, or let them have no vote",
            )
        if self.original is not None:
            check_original(self.original)
            object.__setattr__(self, "original", self.original.in_classes(self.tasks.questions.classes))
        golden = self.golden_tasks
        if golden is None:
            self._refuse_without_golden()
        elif golden.questions.classes != self.tasks.questions.classes:
            raise DataError(
                "different-classes",
                "golden tasks and tasks have different class lists",
                fix="make both with one list of classes",
            )
        elif (same := _common(golden, self.tasks)).size:
            raise DataError(
                "duplicate-question",
                "question is both golden and to be voted on",
                where=golden.questions.at(int(same[0])),
                found=f"{same.size:,} such of {counted(len(golden.questions), 'golden question')}",
                fix="leave them out of the tasks, or of the golden questions, which are best on images of their own",
            )
        elif self.practice > (most := len(golden) - int(_tasks_of_images(golden).max(initial=0))):
            raise DataError(
                "no-golden-answers",
                "no golden task is left for raters who passed practice",
                allowed=f"up to {counted(most, 'practice task')}",
                found=self.practice,
                fix="give golden questions on more images, or a smaller practice round",
            )
        elif self.practice > (known := int(self.is_practice.sum())):
            raise DataError(
                "no-golden-answers",
                "too few golden images for practice",
                allowed=f"up to {counted(known, 'practice task')}",
                found=self.practice,
                fix="give experts' answers on more images that are in no other task, or a smaller practice round",
            )

    def _refuse_without_golden(self) -> None:
        for is_asked, what in (
            (self.rules.stop is not None, "a stop rule"),
            (self.practice > 0, "a practice round"),
            (self.original_votes, "a vote of the original labels"),
        ):
            if is_asked:
                raise DataError(
                    "no-golden-answers",
                    f"{what} needs golden questions",
                    found="no golden questions",
                    fix=f"give the experts' votes with golden, or leave {what} out",
                )

    @cached_property
    def truth(self) -> tuple[int | None, ...]:
        """Whether each golden question is valid, 1 or 0, in the order of the golden tasks; None if it is not known."""
        if self.golden_tasks is None:
            return ()
        if self.experts is None:
            return (None,) * len(self.golden_tasks.questions)
        if self.at_least is not None:
            check_range(self.at_least, 1, max(map(len, self._by_question), default=0), what="number of experts")
        return tuple(truth_of(answers, self.at_least) for answers in self._by_question)

    @cached_property
    def golden_split(self) -> int:
        """Number of golden questions whose truth no more than half of their experts said."""
        said = zip(self.truth, self._by_question, strict=True) if self.experts is not None else ()
        return sum(
            truth is not None and 2 * answers.count(truth * (len(KNOWN_ANSWERS) - 1)) <= len(answers)
            for truth, answers in said
        )

    @cached_property
    def _by_question(self) -> list[list[int]]:
        """The experts' answers to each golden question."""
        said: list[list[int]] = [
            [] for _ in range(0 if self.golden_tasks is None else len(self.golden_tasks.questions))
        ]
        for (place, _), answer in self.expert_answers.items():
            said[place].append(answer)
        return said

    @cached_property
    def expert_answers(self) -> dict[tuple[int, str], int]:
        """What each expert says of each golden question, by its place: 0 no, 1 maybe, 2 yes; `DataError` for two."""
        if self.golden_tasks is None or self.experts is None:
            return {}
        experts = self.experts.with_answers(KNOWN_ANSWERS)
        rows = experts.find(self.golden_tasks.questions).tolist()
        said: dict[tuple[int, str], int] = {}
        for place, row in enumerate(rows):
            for expert, answer in experts.on(row) if row >= 0 else ():
                number = KNOWN_ANSWERS.index(str(answer))
                if (before := said.setdefault((place, str(expert)), number)) != number:
                    raise DataError(
                        "two-answers",
                        "expert gives two answers to a golden question",
                        where=self.golden_tasks.questions.at(place),
                        found=f"{expert}: {KNOWN_ANSWERS[before]}, then {answer}",
                        fix="leave out the one that does not hold",
                    )
        return said

    @cached_property
    def is_practice(self) -> npt.NDArray[np.bool_]:
        """Which of the golden tasks are for practice: bool, in their order.

        Images are drawn by the seed of the rules, until they have tasks enough, of those of which something is known in
        each task, and that are in no task to be voted on. All tasks of an image are for it, or none: who has been told
        what is in a picture is not blind to it.
        """
        golden = self.golden_tasks
        if golden is None:
            return np.zeros(0, bool)
        known = np.array([truth is not None for truth in self.truth])
        is_known = np.logical_or.reduceat(known, golden.indptr[:-1])
        sizes, image_of = _tasks_of_images(golden), golden.questions.image_ids[golden.indptr[:-1]]
        is_asked = self.tasks.questions.rows_of(golden.questions.images)[image_of] >= 0
        usable = np.setdiff1d(image_of, image_of[~is_known | is_asked])
        drawn = np.random.default_rng(self.rules.seed).permutation(usable)
        before = np.cumsum(sizes[drawn]) - sizes[drawn]
        return np.isin(image_of, drawn[before < self.practice])

    def golden_counts(self) -> tuple[int, int]:
        """Number of golden questions that are invalid, and valid, without those for practice."""
        return self._measuring.count(0), self._measuring.count(1)

    @property
    def _measuring(self) -> list[int | None]:
        """The truth of each golden question; None also of those for practice, which measure nothing."""
        practice = () if self.golden_tasks is None else np.repeat(self.is_practice, self.golden_tasks.sizes).tolist()
        return [None if is_practice else t for t, is_practice in zip(self.truth, practice, strict=True)]

    def priors(self, asked: Questions) -> list[float | None]:
        """The probability that each question is valid before any vote, by its original label; None if it has none."""
        if not self.original_votes or self.original is None or self.golden_tasks is None:
            return [None] * len(asked)
        measured = _said(self.golden_tasks.questions, self.original)
        valid = probability_by_label(zip(self._measuring, measured, strict=True))
        return [None if said is None else valid[said] for said in _said(asked, self.original)]


def _check_sizes(tasks: Tasks) -> None:
    if (large := np.flatnonzero(tasks.sizes > _MOST_CLASSES)).size:
        raise DataError(
            "too-many-classes",
            "task has more classes than a page shows",
            where=f"task {tasks.numbers[large[0]]}, image {tasks.image(int(large[0]))}",
            allowed=f"up to {_MOST_CLASSES} classes",
            found=f"{tasks.sizes[large[0]]} classes; {large.size:,} such of {counted(len(tasks), 'task')}",
            fix=f"make smaller tasks: reassess tasks --size {_MOST_CLASSES}",
        )


def _tasks_of_images(golden: Tasks) -> npt.NDArray[np.int64]:
    """Number of tasks of each image."""
    return np.bincount(golden.questions.image_ids[golden.indptr[:-1]], minlength=len(golden.questions.images))


def _said(asked: Questions, original: LabelSets) -> list[int | None]:
    """Whether the original label is the class of each question, 1 or 0; None of an image without one."""
    votes = original_votes(asked, original)
    said: list[int | None] = [None] * len(asked)
    for row, answer in zip(votes.item_ids.tolist(), votes.answer_ids.tolist(), strict=True):
        said[row] = int(answer > 0)
    return said


def _common(golden: Tasks, tasks: Tasks) -> npt.NDArray[np.int64]:
    """The golden questions that stand in other tasks too."""
    asked = tasks.questions
    rows = asked.rows_of(golden.questions.images)[golden.questions.image_ids]
    return np.flatnonzero(asked.find(rows, golden.questions.class_ids) >= 0)
