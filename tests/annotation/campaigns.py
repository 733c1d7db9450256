"""Small campaigns for tests."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
from sqlalchemy import text

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    TaskQuestion,
    Turn,
    add_people,
    begin_next_turn,
    create_campaign,
    export_votes,
    open_campaign,
    save_answers,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.core import Classes, Questions, Tasks, Votes
from tests.helpers import WORDS

NO, MAYBE, YES = range(3)
NOW = 1e9
CLASSES = Classes(6, names=tuple("abcdef"))
_RULES = {field.name for field in fields(Rules)}


def tasks_of(*sizes: int, prefix: str = "m") -> Tasks:
    """Make tasks with these numbers of classes, each on its own image."""
    images = [f"{prefix}{task}.png" for task, size in enumerate(sizes) for _ in range(size)]
    class_ids = np.array([class_id for size in sizes for class_id in range(size)])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return Tasks(
        Questions.from_columns(images, class_ids, CLASSES), indptr, np.arange(len(sizes)), ["all"] * len(sizes)
    )


def golden_of(*sizes: int) -> tuple[Tasks, Votes]:
    """Make golden tasks where every other question is valid, and the votes of an expert."""
    tasks = tasks_of(*sizes, prefix="g")
    count = len(tasks.questions)
    answers = np.where(np.arange(count) % 2, 2, 0)
    experts = Votes.from_columns(tasks.questions, np.arange(count), np.zeros(count, int), answers, ("eve",), WORDS)
    return tasks, experts


def campaign_at(
    address: str | Path, sizes: tuple[int, ...], raters: int = 0, *, golden: Sequence[int] = (2, 3), **options: Any
) -> Campaign:
    """Create a campaign with golden tasks answered by eve (number 1), and raters numbered from 2.

    The options are fields of the rules or the plan. Without `expert_votes`, the first rater has number 1.
    """
    golden_tasks, experts = golden_of(*golden)
    rules = Rules(**{name: options.pop(name) for name in _RULES & options.keys()})
    parts = {"golden_tasks": golden_tasks, "expert_votes": experts, **options}
    create_campaign(address, CampaignPlan(tasks_of(*sizes), rules=rules, **parts))
    campaign = open_campaign(address)
    add_people(campaign, [f"rater {number}" for number in raters_of(raters)])
    return campaign


def raters_of(count: int) -> list[int]:
    """Return the numbers of the raters."""
    return list(range(2, count + 2))


def turn_of(campaign: Campaign, person: int, now: float = NOW, **options: Any) -> Turn:
    """Return the next task for a person."""
    turn = begin_next_turn(campaign, person, now, **options)
    assert isinstance(turn, Turn), turn
    return turn


def why(campaign: Campaign, person: int, now: float = NOW, **options: Any) -> str:
    """Return why a person gets no task."""
    reason = begin_next_turn(campaign, person, now, **options)
    assert not isinstance(reason, Turn), reason
    return reason


def give(
    campaign: Campaign, person: int, turn: Turn, *values: int, now: float = NOW, revision: int = 0, **options: Any
) -> dict[int, int]:
    """Answer the first rows of a turn (a single answer is for all rows); return the revealed truths."""
    answers = values * len(turn.questions) if len(values) == 1 else values
    rows = zip(turn.questions, answers, strict=False)
    new_answers = [GivenAnswer(row.question_id, answer, 2.0, revision) for row, answer in rows]
    return save_answers(campaign, person, new_answers, now, **options)


def answer_all(
    campaign: Campaign,
    person: int,
    say: int | Callable[[TaskQuestion], int] = YES,
    now: float = NOW,
    seconds: float = 2.0,
) -> list[Turn]:
    """Answer all tasks that a person gets, until no task is left."""
    turns = []
    while isinstance(turn := begin_next_turn(campaign, person, now), Turn):
        values = [say(row) if callable(say) else say for row in turn.questions]
        new_answers = [
            GivenAnswer(row.question_id, answer, seconds) for row, answer in zip(turn.questions, values, strict=True)
        ]
        save_answers(campaign, person, new_answers, now)
        turns.append(turn)
    return turns


def vote_on_all(campaign: Campaign, *, raters: int, now: float = NOW, seconds: float = 2.0) -> None:
    """Let raters answer yes for class 1 and no for other classes, until no task is left."""
    for rater in raters_of(raters):
        answer_all(campaign, rater, lambda row: YES * (row.class_id == 1), now, seconds)


def votes_of(campaign: Campaign) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Return image, class and votes of each question with votes."""
    votes = export_votes(campaign, with_rater_names=True).votes
    pairs = zip(votes.items.image_ids.tolist(), votes.items.class_ids.tolist(), strict=True)
    return [(votes.items.images[i], c, list(votes.votes_on(row))) for row, (i, c) in enumerate(pairs)]


def waiting(campaign: Campaign, count: int) -> None:
    """Wait until this number of transactions waits for a lock."""
    is_blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(1000):
        with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
            if connection.scalar(is_blocked) >= count:
                return
        sleep(0.01)
    raise AssertionError
