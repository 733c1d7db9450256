"""What raters are shown: turns begin, and end with the last answer, without one, or with their lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, exists, or_, select, update

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    ASKED,
    EXPIRED,
    GOLDEN,
    MAIN,
    answers,
    cursors,
    questions,
    tasks,
    turns,
)
from reassess.errors import DataError

__all__ = ["Turn", "cannot_judge", "end_turn", "find_turn", "next_turn", "release"]

_MOST_HELD = 2  # turns of a rater at a time: the one on the screen, and the next


@dataclass(frozen=True)
class Turn:
    """What a rater is shown: a task, its image, and the (question, class) of each row."""

    task: int
    image: int
    rows: tuple[tuple[int, int], ...]


def next_turn(campaign: Campaign, person: int, now: float, *, held: Sequence[int] = ()) -> Turn | None:
    """What a rater is shown next; None if there is nothing for them now.

    Parameters
    ----------
    campaign
        The campaign.
    person
        The rater.
    now
        The time, in seconds.
    held
        Tasks that the rater's page has already.
    """
    release(campaign, now)
    with changing(campaign) as change:
        connection, rules, voided = change.connection, campaign.rules, change.is_voided(person)
        # Of one rater there is one such transaction at a time.
        cursor = connection.execute(select(cursors).where(cursors.c.person == person).with_for_update()).one()
        if voided or connection.scalar(select(schema.campaign.c.paused)):
            return None
        theirs = select(turns).where(turns.c.person == person, turns.c.state == ASKED).order_by(turns.c.task)
        begun = connection.execute(theirs).all()
        for turn in begun:
            if turn.task not in held:
                return _as_shown(change, turn)
        if len(begun) >= _MOST_HELD:
            return None
        task = _golden_task(change, cursor) if rules.is_golden(person, cursor.turns) else None
        task = task or _main_task(change, cursor)
        if task is None:
            return None
        position = task.position if task.kind == MAIN else cursor.position
        own = cursors.c.person == person
        connection.execute(update(cursors).where(own).values(position=position, turns=cursor.turns + 1))
        return _begin(change, person, task, now + rules.lease)


def cannot_judge(campaign: Campaign, person: int, task: int) -> None:
    """Note that a rater cannot judge a picture: their places on its questions are free again.

    Raises
    ------
    DataError
        They were not shown the task.
    """
    with changing(campaign) as change:
        change.lock([task])
        end_turn(change, find_turn(change, person, task), "unfit")


def release(campaign: Campaign, now: float) -> None:
    """End the turns of which the lease has ended; or never would, since the clock was set back."""
    over = or_(turns.c.expires < now, turns.c.expires > now + 2 * campaign.rules.lease)
    with reading(campaign.engine) as connection:
        late = connection.execute(select(turns.c.person, turns.c.task).where(turns.c.state == ASKED, over)).all()
    if late:
        with changing(campaign) as change:
            change.lock(turn.task for turn in late)
            for turn in late:
                end_turn(change, find_turn(change, turn.person, turn.task), EXPIRED)


def find_turn(change: Change, person: int, task: int) -> Row[Any]:
    """A turn of a rater; `DataError` if they were not shown the task."""
    found = select(turns).where(turns.c.person == person, turns.c.task == task)
    turn = change.connection.execute(found).one_or_none()
    if turn is None:
        raise DataError("the rater was not shown this task", found=f"task {task}")
    return turn


def end_turn(change: Change, turn: Row[Any], state: str) -> None:
    """End a turn that has not ended; places on questions without an answer are free again."""
    if turn.state != ASKED:
        return
    own = turns.c.person == turn.person, turns.c.task == turn.task
    change.connection.execute(update(turns).where(*own).values(state=state))
    change.reserve(sorted(set(turn.shown) - _answered(change, turn)), -1)
    change.renew(turn.task, reopened=state == EXPIRED)


def _answered(change: Change, turn: Row[Any]) -> set[int]:
    found = select(answers.c.question).where(answers.c.person == turn.person, answers.c.question.in_(turn.shown))
    return set(change.connection.scalars(found))


def _not_had(person: int) -> Any:
    """Of a task: the rater has not had it, or has let its lease end."""
    return ~exists().where(turns.c.task == tasks.c.id, turns.c.person == person, turns.c.state != EXPIRED)


def _not_answered(person: int) -> Any:
    """Of a question: the rater has not answered it."""
    return ~exists().where(answers.c.question == questions.c.id, answers.c.person == person)


def _main_task(change: Change, cursor: Row[Any]) -> Row[Any] | None:
    """The first task with a free place on a question that the rater has not answered."""
    place = exists().where(
        questions.c.task == tasks.c.id,
        questions.c.ended.is_(None),
        questions.c.votes + questions.c.reserved < change.rules.votes,
        _not_answered(cursor.person),
    )
    open_to_them = tasks.c.kind == MAIN, tasks.c.free > 0, tasks.c.position >= cursor.position, _not_had(cursor.person)
    found = select(tasks).where(*open_to_them, place).order_by(tasks.c.position).limit(1)
    return change.connection.execute(found.with_for_update(skip_locked=True)).one_or_none()


def _golden_task(change: Change, cursor: Row[Any]) -> Row[Any] | None:
    """One of the golden tasks that the rater has not had."""
    found = select(tasks).where(tasks.c.kind == GOLDEN, _not_had(cursor.person)).order_by(tasks.c.position)
    unanswered = exists().where(questions.c.task == tasks.c.id, _not_answered(cursor.person))
    left = change.connection.execute(found.where(unanswered)).all()
    return left[change.rules.pick(cursor.person, cursor.turns, len(left))] if left else None


def _begin(change: Change, person: int, task: Row[Any], expires: float) -> Turn:
    found = select(questions.c.id).where(questions.c.task == task.id, _not_answered(person))
    unanswered = set(change.connection.scalars(found))
    rows = [row for row in change.rows(task.id) if row.id in unanswered and (row.truth is not None or change.free(row))]
    shown = [row.id for row in rows]
    own = {"person": person, "task": task.id}
    state = {"shown": shown, "state": ASKED, "expires": expires}
    again = update(turns).where(*(turns.c[name] == value for name, value in own.items())).values(**state)
    if not change.connection.execute(again).rowcount:
        change.connection.execute(turns.insert().values(**own, **state))
    change.reserve(shown, 1)
    change.renew(task.id)
    return Turn(task.id, task.image, tuple((row.id, row.class_id) for row in rows))


def _as_shown(change: Change, turn: Row[Any]) -> Turn:
    """A turn that was begun, without the rows that were answered."""
    left = set(turn.shown) - _answered(change, turn)
    found = select(tasks.c.image).where(tasks.c.id == turn.task)
    rows = tuple((row.id, row.class_id) for row in change.rows(turn.task) if row.id in left)
    return Turn(turn.task, change.connection.execute(found).scalar_one(), rows)
