"""The practice round of a new rater: tasks that are used for nothing else, after which they go on or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from reassess.annotation.judging import agreeing
from reassess.annotation.store.campaigns import Campaign, Change
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    FAILED,
    PRACTICE,
    RATER,
    RATING,
    UNFIT,
    answers,
    people,
    questions,
    tasks,
    turns,
)

__all__ = ["PracticeResult", "end_practice", "practice_results", "practice_size"]


@dataclass(frozen=True)
class PracticeResult:
    """How a rater answered in the practice round.

    Parameters
    ----------
    right
        How many answers were as the experts'; a maybe is half of one.
    asked
        Of how many questions; those of pictures that they could not judge do not count.
    passed
        Whether that reaches the bar; None without a bar, or while they practise. Who has judged none of the pictures
        has not passed.
    """

    right: float
    asked: int
    passed: bool | None


def practice_size(campaign: Campaign) -> int:
    """Number of tasks of the practice round."""
    with reading(campaign.engine) as connection:
        found = select(func.count()).select_from(tasks).where(tasks.c.kind == PRACTICE)
        size: int = connection.execute(found).scalar_one()
    return size


def end_practice(change: Change, person: Row[Any]) -> Row[Any]:
    """Let a rater begin who has answered as the experts did often enough."""
    result = _result(change.connection.execute(_SAID.where(people.c.id == person.id)), change.campaign.bar)
    stage = FAILED if result.passed is False else RATING
    change.connection.execute(update(people).where(people.c.id == person.id).values(stage=stage))
    return change.person(person.id)


def practice_results(connection: Connection, bar: float | None) -> dict[int, PracticeResult]:
    """How each rater answered who has begun the practice round, by number."""
    return {
        person: _result(rows, None if rows[0].stage == PRACTICE else bar)
        for person, found in groupby(connection.execute(_SAID.order_by(people.c.id)), key=itemgetter(0))
        if (rows := list(found))
    }


# What raters said of practice questions that they have answered, or could not judge.
_SAID = (
    select(people.c.id, people.c.stage, questions.c.truth, answers.c.answer, turns.c.state)
    .select_from(turns)
    .join(people, people.c.id == turns.c.person)
    .join(tasks, tasks.c.id == turns.c.task)
    .join(questions, questions.c.task == tasks.c.id)
    .outerjoin(answers, and_(answers.c.question == questions.c.id, answers.c.person == people.c.id))
    .where(people.c.role == RATER, tasks.c.kind == PRACTICE, questions.c.truth.is_not(None))
    .where(or_(answers.c.answer.is_not(None), turns.c.state == UNFIT))
)


def _result(rows: Iterable[Row[Any]], bar: float | None) -> PracticeResult:
    rows = list(rows)
    said = [(row.truth, row.answer) for row in rows if row.state != UNFIT]
    right, asked = agreeing(said), len(said)
    if bar is None:
        return PracticeResult(right, asked, None)
    return PracticeResult(right, asked, right / asked >= bar if asked else not rows)
