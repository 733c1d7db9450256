"""The practice round of a new rater: tasks that are used for nothing else, after which they go on or not."""

from typing import Any

from sqlalchemy import Row, and_, func, select, update

from reassess.annotation.judging import agreement
from reassess.annotation.store.campaigns import Campaign, Change
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import FAILED, PRACTICE, RATING, answers, people, questions, tasks

__all__ = ["end_practice", "practice_size"]


def practice_size(campaign: Campaign) -> int:
    """Number of tasks of the practice round."""
    with reading(campaign.engine) as connection:
        found = select(func.count()).select_from(tasks).where(tasks.c.kind == PRACTICE)
        size: int = connection.execute(found).scalar_one()
    return size


def end_practice(change: Change, person: Row[Any]) -> Row[Any]:
    """Let a rater begin who has answered as the experts did often enough."""
    theirs = and_(answers.c.question == questions.c.id, answers.c.person == person.id)
    found = select(questions.c.truth, answers.c.answer).select_from(questions).outerjoin(answers, theirs)
    found = found.join(tasks, tasks.c.id == questions.c.task)
    found = found.where(tasks.c.kind == PRACTICE, questions.c.truth.is_not(None))
    said = change.connection.execute(found).all()
    bar = change.campaign.bar
    failed = bar is not None and agreement([(row.truth, row.answer) for row in said]) < bar
    stage = FAILED if failed else RATING
    change.connection.execute(update(people).where(people.c.id == person.id).values(stage=stage))
    return change.person(person.id)
