"""The practice round of a new rater: tasks that are used for nothing else, after which they go on or not."""

from typing import Any

from sqlalchemy import Row, select, update

from reassess.annotation.judging import agreement
from reassess.annotation.store.campaigns import Change
from reassess.annotation.store.schema import FAILED, PRACTICE, RATING, answers, people, questions, tasks

__all__ = ["end_practice"]


def end_practice(change: Change, person: Row[Any]) -> Row[Any]:
    """Let a rater begin who has answered as the experts did often enough."""
    theirs = answers.c.person == person.id, tasks.c.kind == PRACTICE, questions.c.truth.is_not(None)
    found = select(questions.c.truth, answers.c.answer).select_from(answers).where(*theirs)
    found = found.join(questions, questions.c.id == answers.c.question).join(tasks, tasks.c.id == questions.c.task)
    said = change.connection.execute(found).all()
    bar = change.campaign.bar
    failed = bar is not None and agreement([(row.truth, row.answer) for row in said]) < bar
    stage = FAILED if failed else RATING
    change.connection.execute(update(people).where(people.c.id == person.id).values(stage=stage))
    return change.person(person.id)
