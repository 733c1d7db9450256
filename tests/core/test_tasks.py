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
    ("call", "expected"),
    [
        (lambda: tasks_of([0, 3], [4]), ("task has questions on two images\n  where:   task 4")),
        (lambda: tasks_of([0, 1, 3], [4, 5]), ("task has questions on two images\n  where:   task 5")),
        (lambda: tasks_of([0, 2, 2, 3], [4, 5, 6]), ("task has no question\n  where:   task 5")),
        (lambda: tasks_of([0, 2, 3], [4, 4]), ("a task is named twice\n  found:   4")),
        (lambda: tasks_of([0, 2, 3], [-1, 4]), ("number of a task out of range\n  allowed: 0 or more\n  found:   -1")),
        (
            lambda: tasks_of([0, 2], [4]),
            ("indptr does not fit the questions\n  allowed: from 0 to 3\n  found:   from 0 to 2"),
        ),
        (
            lambda: tasks_of([0, 2, 3], [4, 5], ["why"]),
            ("wrong number of reasons\n  allowed: 2, one for each task\n  found:   1"),
        ),
        (
            lambda: tasks_of([0, 3], [4, 5]),
            ("wrong number of tasks in indptr\n  allowed: 2, one for each number\n  found:   1"),
        ),
        (
            lambda: tasks_of([0, 2, 3], [4, 5], ["why", "\ud800"]),
            (
                "the reason of a task contains a lone surrogate\n"
                "  allowed: text that UTF-8 can write\n"
                "  found:   '\\ud800'\n"
                "  fix:     spell it anew"
            ),
        ),
        (
            lambda: tasks_of([0, 2, 3], [4, 5]).effort(0),
            ("number of votes per question out of range\n  allowed: 1 or more\n  found:   0"),
        ),
        (
            lambda: tasks_of([0, 2, 3], [4, 5]).effort(1, -1.0),
            ("number of seconds per vote out of range\n  allowed: 0 or more\n  found:   -1.0"),
        ),
    ],
)
def test_what_are_no_tasks_is_refused(refused_text: Callable[..., str], call: Any, expected: str) -> None:
    assert refused_text(call) == expected
