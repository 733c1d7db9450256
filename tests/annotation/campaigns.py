"""Small campaigns."""

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    Turn,
    add_person,
    create_campaign,
    next_turn,
    open_campaign,
    save_answers,
)
from reassess.annotation.store.database import reading
from reassess.core import Classes, Questions, Tasks, Votes
from reassess.errors import ReassessError
from tests.helpers import WORDS

CLASSES = Classes(6, names=tuple("abcdef"))


def tasks_of(*sizes: int, prefix: str = "m") -> Tasks:
    """Tasks with so many classes, each on an image of its own."""
    images = [f"{prefix}{task}.png" for task, size in enumerate(sizes) for _ in range(size)]
    class_ids = np.array([class_id for size in sizes for class_id in range(size)])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return Tasks(
        Questions.from_columns(images, class_ids, CLASSES), indptr, np.arange(len(sizes)), ["all"] * len(sizes)
    )


def golden_of(*sizes: int) -> tuple[Tasks, Votes]:
    """Golden tasks, of which every other question is valid, and one expert."""
    tasks = tasks_of(*sizes, prefix="g")
    count = len(tasks.questions)
    answers = np.where(np.arange(count) % 2, 2, 0)
    experts = Votes.from_columns(tasks.questions, np.arange(count), np.zeros(count, int), answers, ("eve",), WORDS)
    return tasks, experts


def campaign_at(address: str | Path, sizes: tuple[int, ...], raters: int, **rules: Any) -> Campaign:
    """A campaign with golden tasks, and raters of the numbers 2, 3 and so on; 1 is the expert."""
    golden, experts = golden_of(2, 3)
    plan = CampaignPlan(tasks_of(*sizes), rules=Rules(**rules), golden_tasks=golden, experts=experts)
    create_campaign(address, plan)
    campaign = open_campaign(address)
    for number in raters_of(raters):
        assert add_person(campaign, f"rater {number}") == number
    return campaign


def raters_of(count: int) -> list[int]:
    """Their numbers."""
    return list(range(2, count + 2))


def vote_on_all(campaign: Campaign, *, raters: int, now: float = 1e9, seconds: float = 2.0) -> None:
    """Let raters say yes to questions on class 1, and no to others, until nothing is left for them."""
    for rater in raters_of(raters):
        while isinstance(turn := next_turn(campaign, rater, now), Turn):
            given = [GivenAnswer(row.question, 2 * (row.class_id == 1), seconds) for row in turn.rows]
            save_answers(campaign, rater, given, now)


def waiting(campaign: Campaign, count: int) -> None:
    """Wait until so many transactions wait for a lock."""
    is_blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(1000):
        with reading(campaign.engine, once=True) as connection:
            if connection.scalar(is_blocked) >= count:
                return
        sleep(0.01)
    raise AssertionError


def code_of(function: Callable[..., object], *args: object, **options: object) -> str:
    """The code of the error with which a call is refused."""
    with pytest.raises(ReassessError) as caught:
        function(*args, **options)
    return caught.value.code
