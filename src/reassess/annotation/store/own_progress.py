"""The progress of one person, as their own page shows it.

It tells nothing about golden questions. The number of images left falls by one with each image, golden or not. Answers
are compared with the experts' only in practice: after any other comparison, a rater could change an answer, look again,
and know whether the question is golden.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, distinct, exists, func, or_, select

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import Kind, Role, Stage, State, answers, cursors, people, questions, tasks, turns

_RECENT = 30  # turns whose pace is the present one
_FEWEST = 3  # turns with answers that tell a pace
_LONGEST = 120.0  # seconds of an answer; longer times, such as breaks, count as this


@dataclass(frozen=True)
class OwnProgress:
    """How far a person is."""

    done: int  # images that they answered or skipped
    left: int  # images still to come, at most, with those on their page; others may answer some of them first
    pace: float | None  # seconds per image, lately; None after fewer than three images
    answers: int
    seconds: float | None  # for all answers, without breaks; None if no time is known
    agreed: float  # answers in practice that agree with the experts; maybe counts half
    practised: int  # answers in practice


def own_progress(campaign: Campaign, person: int) -> OwnProgress:
    """Measure the progress of a person."""
    with reading(campaign.engine) as connection:
        row = connection.execute(_PERSON, {"who": person}).one()
        states = {each.state: each.n for each in connection.execute(_STATES, {"who": person})}
        given = connection.execute(_GIVEN, {"who": person, "recent": row.turns - _RECENT}).one()
        left = _left(connection, campaign, row)
        practice = connection.execute(_PRACTICE, {"who": person}).one()
    return OwnProgress(
        done=states.get(State.DONE, 0) + states.get(State.SKIPPED, 0),
        left=states.get(State.ASKED, 0) + states.get(State.EXPIRED, 0) + left,
        pace=given.recent_seconds / given.recent_turns if given.recent_turns >= _FEWEST else None,
        answers=given.answers,
        seconds=given.seconds,
        agreed=practice.agreed or 0.0,
        practised=practice.practised,
    )


def _left(connection: Connection, campaign: Campaign, person: Row[Any]) -> int:
    """Number of turns that a person has not begun."""
    if person.excluded or person.stage == Stage.FAILED:
        return 0
    free = {each.kind: each.n for each in connection.execute(_FREE, {"who": person.id})}
    if person.role == Role.EXPERT:
        return connection.scalar(_UNANSWERED, {"who": person.id}) or 0
    first = free.get(Kind.PRACTICE, 0) if person.stage == Stage.PRACTICE else 0
    main, golden, draw = free.get(Kind.MAIN, 0), free.get(Kind.GOLDEN, 0), person.draws + first
    left = first
    while main:
        if golden and campaign.rules.is_golden(person.id, draw):
            golden -= 1
        else:
            main -= 1
        draw += 1
        left += 1
    return left


_PERSON = (
    select(people.c.id, people.c.role, people.c.stage, people.c.excluded, cursors.c.turns, cursors.c.draws)
    .join(cursors)
    .where(people.c.id == bindparam("who"))
)
_OWN = turns.c.person == bindparam("who")
_STATES = select(turns.c.state, func.count().label("n")).where(_OWN).group_by(turns.c.state)
_SECONDS = case((answers.c.seconds > _LONGEST, _LONGEST), else_=answers.c.seconds)
_IS_RECENT = and_(turns.c.number >= bindparam("recent"), answers.c.seconds.is_not(None))
_GIVEN = (
    select(
        func.count().label("answers"),
        func.sum(_SECONDS).label("seconds"),
        func.sum(case((_IS_RECENT, _SECONDS))).label("recent_seconds"),
        func.count(distinct(case((_IS_RECENT, turns.c.task)))).label("recent_turns"),
    )
    .select_from(turns.join(questions, questions.c.task == turns.c.task))
    .join(answers, and_(answers.c.question == questions.c.id, answers.c.person == turns.c.person))
    .where(_OWN)
)
# Only of tasks whose truths the person has seen.
_PRACTICE = (
    select(
        func.sum(case((answers.c.answer == 2 * questions.c.truth, 1.0), (answers.c.answer == 1, 0.5), else_=0.0)).label(
            "agreed"
        ),
        func.count().label("practised"),
    )
    .select_from(turns.join(tasks).join(questions).join(people))
    .join(answers, and_(answers.c.question == questions.c.id, answers.c.person == turns.c.person))
    .where(_OWN, turns.c.state == State.DONE, tasks.c.kind == Kind.PRACTICE, people.c.role == Role.RATER)
    .where(questions.c.truth.is_not(None))
)
# Tasks that are free for a person who has not had them.
_HAS_HAD = exists().where(_OWN, turns.c.task == tasks.c.id, turns.c.state != State.EXCLUDED)
_IS_KNOWN = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None))
_FREE = (
    select(tasks.c.kind, func.count().label("n"))
    .where(~_HAS_HAD, or_(tasks.c.free > 0, and_(tasks.c.kind != Kind.MAIN, _IS_KNOWN)))
    .group_by(tasks.c.kind)
)
_THEIRS = exists().where(answers.c.question == questions.c.id, answers.c.person == bindparam("who"))
_UNANSWERED = select(func.count()).where(
    tasks.c.kind != Kind.MAIN, ~_HAS_HAD, exists().where(questions.c.task == tasks.c.id, ~_THEIRS)
)
