"""Tasks as a noun: what is none is refused, and the effort adds up."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reassess.core import Questions, Tasks

QUESTIONS = Questions.from_columns(["a.png", "a.png", "b.png"], np.array([7, 3, 7]))


def tasks_of(indptr: list[int], numbers: list[int], reasons: list[str] | None = None) -> Tasks:
    return Tasks(QUESTIONS, np.array(indptr), np.array(numbers), reasons or ["why"] * len(numbers))


def test_the_effort_adds_up() -> None:
    effort = tasks_of([0, 2, 3], [0, 1]).effort(5, 36.0)
    assert (effort.images, effort.tasks, effort.questions, effort.votes, effort.hours) == (2, 2, 3, 15, 0.15)
    assert tasks_of([0, 2, 3], [0, 1]).effort(5).hours is None
    assert str(effort) == "Effort(images=2, tasks=2, questions=3, votes=15, seconds_per_vote=36.0)"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: tasks_of([0, 3], [4]), "mixed-task at task 4"),
        (lambda: tasks_of([0, 1, 3], [4, 5]), "mixed-task at task 5"),
        (lambda: tasks_of([0, 2, 2, 3], [4, 5, 6]), "empty-task at task 5"),
        (lambda: tasks_of([0, 2, 3], [4, 4]), "duplicate-name"),
        (lambda: tasks_of([0, 2, 3], [-1, 4]), "out-of-range"),
        (lambda: tasks_of([0, 2], [4]), "wrong-indptr"),
        (lambda: tasks_of([0, 2, 3], [4, 5], ["why"]), "wrong-length"),
        (lambda: tasks_of([0, 3], [4, 5]), "wrong-length"),
        (lambda: tasks_of([0, 2, 3], [4, 5], ["why", "\ud800"]), "invalid-text"),
        (lambda: tasks_of([0, 2, 3], [4, 5]).effort(0), "out-of-range"),
        (lambda: tasks_of([0, 2, 3], [4, 5]).effort(1, -1.0), "out-of-range"),
    ],
)
def test_what_are_no_tasks_is_refused(refused: Callable[..., str], call: Any, code: str) -> None:
    assert refused(call) == code


def test_the_messages_about_a_task_give_its_number(refused_text: Callable[..., str]) -> None:
    assert refused_text(tasks_of, [0, 3], [4]) == "task has questions on two images\n  where:   task 4"
    assert refused_text(tasks_of, [0, 2, 2, 3], [4, 5, 6]) == "task has no question\n  where:   task 5"
    assert refused_text(tasks_of, [0, 2], [4]) == (
        "indptr does not fit the questions\n  allowed: from 0 to 3\n  found:   from 0 to 2"
    )
