"""Tasks: questions about one image that a rater answers together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_length, check_range, check_unicode, check_unique
from reassess.core.items import take_items
from reassess.core.questions import Questions
from reassess.core.samples import QuestionFacts, Sample
from reassess.errors import DataError
from reassess.numeric.arrays import freeze
from reassess.text import Printable, count_noun


@dataclass(frozen=True, repr=False)
class Effort(Printable):
    """The amount of work for a set of tasks."""

    n_images: int
    n_tasks: int
    n_questions: int
    n_votes: int  # number of votes, over all raters
    seconds_per_vote: float | None  # None if unknown

    @property
    def hours(self) -> float | None:
        """Hours of all raters together; None if seconds per vote are unknown."""
        return None if self.seconds_per_vote is None else self.n_votes * self.seconds_per_vote / 3600

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the hours as a dict for JSON output."""
        return {
            "images": self.n_images,
            "tasks": self.n_tasks,
            "questions": self.n_questions,
            "votes": self.n_votes,
            "seconds_per_vote": self.seconds_per_vote,
            "hours": self.hours,
        }


@dataclass(frozen=True, eq=False)
class Tasks:
    """Questions grouped into tasks, each question in exactly one task.

    Parameters
    ----------
    questions
        The questions, task by task.
    indptr
        int64, shape (tasks + 1,): task i consists of the questions ``indptr[i]:indptr[i + 1]``.
    task_numbers
        int64, shape (tasks,): the number of each task, which identifies it.
    reasons
        Why the classes of each task are grouped.
    is_golden
        bool, shape (tasks,): whether experts answer the task too; None if no task is golden.
    sample
        The images that were drawn at random, if the tasks or the golden tasks are about such images.
    facts
        What is known about each question, for tasks of `reassess sample`.

    Raises
    ------
    DataError
        A task has no question or questions on two images, or two tasks have one number.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([7, 3, 7]))
    >>> tasks = Tasks(questions, np.array([0, 2, 3]), np.arange(2), ["all of the image"] * 2)
    >>> tasks
    Tasks(2 tasks, 3 questions, 2 images)
    >>> tasks.image_of(0), tasks.class_ids_of(0).tolist()
    ('a.png', [7, 3])
    """

    questions: Questions
    indptr: npt.NDArray[np.int64]
    task_numbers: npt.NDArray[np.int64]
    reasons: Sequence[str]
    is_golden: npt.NDArray[np.bool_] | None = None
    sample: Sample | None = None
    facts: QuestionFacts | None = None

    def __post_init__(self) -> None:
        check_length(len(self.reasons), len(self), plural_name="reasons", item_name="task")
        check_length(self.indptr.size - 1, len(self), plural_name="tasks in indptr", item_name="number")
        check_unicode(self.reasons, value_name="the reason of a task")
        check_range(self.task_numbers, 0, value_name="id of a task")
        check_unique(self.task_numbers.tolist(), value_name="a task")
        if int(self.indptr[-1]) != len(self.questions) or self.indptr[0] != 0:
            raise DataError(
                "wrong-indptr",
                "indptr does not fit the questions",
                allowed=f"from 0 to {len(self.questions)}",
                found=f"from {self.indptr[0]} to {self.indptr[-1]}",
            )
        empty = np.flatnonzero(self.sizes < 1)
        if empty.size:
            raise DataError("empty", "task has no question", where=f"task {self.task_numbers[empty[0]]}")
        images = self.questions.image_ids
        inside = np.ones(images.size, bool)
        inside[self.indptr[:-1]] = False
        mixed = inside[1:] & (np.diff(images) != 0)
        if mixed.any():
            task = int(np.searchsorted(self.indptr, int(np.argmax(mixed)) + 1, side="right")) - 1
            raise DataError("mixed-task", "task has questions on two images", where=f"task {self.task_numbers[task]}")
        if self.is_golden is not None:
            check_length(len(self.is_golden), len(self), plural_name="values of is_golden", item_name="task")
        if self.facts is not None:
            check_length(len(self.facts.answers), len(self.questions), plural_name="facts", item_name="question")
        freeze(self, "indptr", "task_numbers", *([] if self.is_golden is None else ["is_golden"]))

    def __len__(self) -> int:
        return self.task_numbers.size

    def __repr__(self) -> str:
        questions, images = count_noun(len(self.questions), "question"), count_noun(len(self.questions.images), "image")
        return f"Tasks({count_noun(len(self), 'task')}, {questions}, {images})"

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of classes of each task; int64, shape (tasks,)."""
        return np.diff(self.indptr)

    def image_of(self, task: int) -> str:
        """Return the image name of the task at a position."""
        return self.questions.images[int(self.questions.image_ids[self.indptr[task]])]

    def class_ids_of(self, task: int) -> npt.NDArray[np.int32]:
        """Return the class ids of the task at a position."""
        return self.questions.class_ids[self.indptr[task] : self.indptr[task + 1]]

    @property
    def golden_mask(self) -> npt.NDArray[np.bool_]:
        """Whether each task is golden; bool, shape (tasks,)."""
        return np.zeros(len(self), np.bool_) if self.is_golden is None else self.is_golden

    def select(self, is_selected: npt.NDArray[np.bool_]) -> "Tasks":
        """Select tasks by a mask; the tasks keep their numbers, and `sample` does not change."""
        questions = np.flatnonzero(np.repeat(is_selected, self.sizes))
        return replace(
            self,
            questions=cast("Questions", take_items(self.questions, questions)),
            indptr=np.concatenate([[0], np.cumsum(self.sizes[is_selected])]),
            task_numbers=self.task_numbers[is_selected],
            reasons=[reason for reason, is_chosen in zip(self.reasons, is_selected.tolist(), strict=True) if is_chosen],
            is_golden=None if self.is_golden is None else self.is_golden[is_selected],
            facts=None if self.facts is None else self.facts.select(questions),
        )

    def mark_sample_as_golden(self, sample: Sample) -> "Tasks":
        """Mark the tasks about the images of a sample as golden."""
        is_drawn = sample.rows_of(self.questions.images) >= 0
        golden = is_drawn[self.questions.image_ids[self.indptr[:-1]]]
        return replace(self, is_golden=golden | self.golden_mask, sample=sample)

    def effort(self, votes_per_question: float, seconds_per_vote: float | None = None) -> Effort:
        """Estimate the amount of work; `votes_per_question` may be a mean, such as 2.5."""
        check_range(votes_per_question, 1, value_name="number of votes per question")
        if seconds_per_vote is not None:
            check_range(seconds_per_vote, 0, value_name="number of seconds per vote")
        questions = len(self.questions)
        return Effort(
            n_images=len(self.questions.images),
            n_tasks=len(self),
            n_questions=questions,
            n_votes=round(votes_per_question * questions),
            seconds_per_vote=seconds_per_vote,
        )
