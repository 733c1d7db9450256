"""The practice round of a new rater. Its tasks are used for nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from reassess.annotation.running_posterior import count_agreements
from reassess.annotation.store.campaigns import Campaign, Transaction
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import Kind, Role, Stage, State, answers, people, questions, tasks, turns


@dataclass(frozen=True)
class PracticeResult:
    """The result of a rater's practice round."""

    correct: float  # answers that agree with the experts; maybe counts half
    asked: int  # questions, without those of skipped images
    passed: bool | None


def practice_size(campaign: Campaign) -> int:
    """Number of practice tasks."""
    with reading(campaign.engine) as connection:
        size: int = connection.execute(PRACTICE_TASKS).scalar_one()
    return size


def end_practice(change: Transaction, person: Row[Any]) -> Row[Any]:
    """End the practice round of a rater, who then rates or has failed."""
    result = _result(change.connection.execute(_PRACTICE_ANSWERS.where(people.c.id == person.id)), change.campaign.bar)
    stage = Stage.FAILED if result.passed is False else Stage.RATING
    change.connection.execute(update(people).where(people.c.id == person.id).values(stage=stage))
    return change.person(person.id)


def practice_results(connection: Connection, bar: float | None) -> dict[int, PracticeResult]:
    """Results of all raters who have begun practice, by number."""
    return {
        person: _result(rows, None if rows[0].stage == Stage.PRACTICE else bar)
        for person, found in groupby(connection.execute(_PRACTICE_ANSWERS.order_by(people.c.id)), key=itemgetter(0))
        if (rows := list(found))
    }


PRACTICE_TASKS = select(func.count()).select_from(tasks).where(tasks.c.kind == Kind.PRACTICE)  # their number
# Answers of raters to practice questions; also questions of skipped images.
_PRACTICE_ANSWERS = (
    select(people.c.id, people.c.stage, questions.c.truth, answers.c.answer, turns.c.state)
    .select_from(turns.join(people).join(tasks).join(questions))
    .outerjoin(answers, and_(answers.c.question == questions.c.id, answers.c.person == people.c.id))
    .where(people.c.role == Role.RATER, tasks.c.kind == Kind.PRACTICE, questions.c.truth.is_not(None))
    .where(or_(answers.c.answer.is_not(None), turns.c.state == State.SKIPPED))
)


def _result(rows: Iterable[Row[Any]], bar: float | None) -> PracticeResult:
    rows = list(rows)
    pairs = [(row.truth, row.answer) for row in rows if row.state != State.SKIPPED]
    correct, asked = count_agreements(pairs), len(pairs)
    if bar is None:
        return PracticeResult(correct, asked, None)
    return PracticeResult(correct, asked, correct / asked >= bar if asked else not rows)
