"""What raters are shown: turns begin, and end with the last answer, without one, or with their lease."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, literal_column, or_, select, update

from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.choosing import ASKED_OF, Choice, choose, first_place, is_left
from reassess.annotation.store.database import reading
from reassess.annotation.store.practice import end_practice
from reassess.annotation.store.schema import (
    ASKED,
    DONE,
    EXPIRED,
    FAILED,
    MAIN,
    PRACTICE,
    RATER,
    UNFIT,
    WITHDRAWN,
    cursors,
    images,
    tasks,
    turns,
)
from reassess.errors import DataError

__all__ = [
    "Nothing",
    "ShownRow",
    "Turn",
    "end_turn",
    "find_turn",
    "is_practice",
    "last_turn",
    "next_turn",
    "release",
]

_MOST_HELD = 2  # turns of a rater at a time: the one on the screen, and the next

Why = Literal["consent", "paused", "voided", "failed", "waiting", "finished"]


@dataclass(frozen=True)
class ShownRow:
    """A row of a task as it is shown.

    Parameters
    ----------
    question
        The number of the question.
    class_id
        The class that is asked about.
    answer
        What they have answered: 0 no, 1 maybe, 2 yes; None if nothing.
    revision
        Of the answer that they give next.
    """

    question: int
    class_id: int
    answer: int | None = None
    revision: int = 0


@dataclass(frozen=True)
class Turn:
    """What somebody is shown.

    Parameters
    ----------
    task
        The number of the task.
    image
        The address of its image, which tells nothing of its name.
    rows
        What is asked, in an order that tells nothing.
    practice
        Whether it is of the practice round, in which they are shown what is right.
    number
        How many turns they had before.
    """

    task: int
    image: str
    rows: tuple[ShownRow, ...]
    practice: bool = False
    number: int = 0


@dataclass(frozen=True)
class Nothing:
    """There is nothing to show somebody, and why.

    Parameters
    ----------
    why
        ``"consent"``: they must agree first; ``"paused"``: the campaign is; ``"voided"``: their votes do not count;
        ``"failed"``: they did not reach the bar in the practice round; ``"waiting"``: what is left is shown to others
        now; ``"finished"``: nothing is left for them.
    """

    why: Why


def next_turn(campaign: Campaign, person: int, now: float, *, held: Sequence[int] = ()) -> Turn | Nothing:
    """What somebody is shown next.

    Parameters
    ----------
    campaign
        The campaign.
    person
        A rater, or an expert, who is shown golden tasks alone.
    now
        The time, in seconds.
    held
        Tasks that their page has already.

    Raises
    ------
    DataError
        There is no such person.
    """
    while True:
        with changing(campaign) as change:
            shown = _next_turn(change, person, now, held)
        if shown is not None:
            return shown
        release(campaign, now)


def last_turn(campaign: Campaign, person: int, *, held: Sequence[int] = ()) -> Turn | None:
    """The task that somebody has finished last, of those that their page has not already, with what they answered.

    None if there is none, if they could not judge its picture, or while nothing is asked of them.
    """
    with changing(campaign) as change:
        row = change.person(person)
        turn = change.connection.execute(_LAST, {"who": person, "held": held}).first()
        shows = turn is not None and turn.turn_state == DONE
        return _again(change, turn, row) if shows and _unready(change, row) is None else None


def release(campaign: Campaign, now: float) -> None:
    """End the turns whose lease has ended, and those whose lease is too far ahead since the clock was set back."""
    with reading(campaign.engine) as connection:
        late = _late(connection, campaign, now)
    for turn in late:
        with changing(campaign) as change:
            change.person(turn.person)
            change.lock([turn.task])
            if turn in _late(change.connection, campaign, now):
                end_turn(change, find_turn(change, turn.person, turn.task), EXPIRED)


def find_turn(change: Change, person: int, task: int) -> Row[Any]:
    """A turn of somebody, with the kind of its task; `DataError` if they were not shown the task."""
    turn = change.connection.execute(_TURN, {"who": person, "of_task": task}).one_or_none()
    if turn is None:
        raise DataError("task-not-shown", "rater was not shown this task", found=f"task {task}")
    return turn


def end_turn(change: Change, turn: Row[Any], state: str) -> None:
    """End a turn; if it had not ended before, places on questions without an answer are free again."""
    change.connection.execute(_END, {"who": turn.person, "of_task": turn.task, "ended": state})
    if turn.state != ASKED:
        return
    asked = change.connection.execute(ASKED_OF, {"who": turn.person, "of_task": turn.task}).all()
    change.reserve([row.id for row in asked if row.answer is None and row.id in turn.shown], -1)
    change.renew([turn.task], reopened=state == EXPIRED)


# Conditions of indexes hold no parameters, here and in choosing.py: a plan kept for all could not use the index.
_IS_ASKED = turns.c.state == literal_column(f"'{ASKED}'")
_OWN = turns.c.person == bindparam("who")
_TURN = select(turns, tasks.c.kind).join(tasks).where(_OWN, tasks.c.id == bindparam("of_task"))
_WITH_TASKS = (
    select(
        *(turns.c.person, turns.c.task, turns.c.shown, turns.c.number, turns.c.state.label("turn_state")),
        *(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address),
    )
    .select_from(turns)
    .join(tasks, tasks.c.id == turns.c.task)
    .join(images, images.c.id == tasks.c.image)
)
_FINISHED = turns.c.state.in_([DONE, UNFIT]), tasks.c.id.not_in(bindparam("held", expanding=True))
_LAST = _WITH_TASKS.where(_OWN, *_FINISHED).order_by(turns.c.number.desc()).limit(1)
_IS_LATE = or_(turns.c.expires < bindparam("now"), turns.c.expires > bindparam("latest"))
_LATE = select(turns.c.person, turns.c.task).where(_IS_ASKED, _IS_LATE)
_BEGUN_OR_LATE = (
    select(turns.c.task, _IS_LATE.label("is_late")).where(_IS_ASKED, or_(_OWN, _IS_LATE)).order_by(turns.c.number)
)
_OWN_WITH_TASK = _WITH_TASKS.where(_OWN, turns.c.task == bindparam("of_task"))
_IS_LAPSED = turns.c.state == literal_column(f"'{EXPIRED}'")
_LAPSED = _WITH_TASKS.where(_OWN, _IS_LAPSED, tasks.c.id.not_in(bindparam("held", expanding=True)))
_END = update(turns).where(_OWN, turns.c.task == bindparam("of_task")).values(state=bindparam("ended"))
_BEGIN_AGAIN = (
    update(turns)
    .where(_OWN, turns.c.task == bindparam("of_task"))
    .values(number=bindparam("next"), state=ASKED, expires=bindparam("until"))
)
_MOVE = (
    update(cursors)
    .where(cursors.c.person == bindparam("who"))
    .values(position=bindparam("place"), turns=cursors.c.turns + 1, draws=cursors.c.draws + bindparam("drawn"))
)


def _late(connection: Connection, campaign: Campaign, now: float) -> Sequence[Row[Any]]:
    rows: Sequence[Row[Any]] = connection.execute(_LATE, _at(campaign, now)).all()
    return rows


def _at(campaign: Campaign, now: float) -> dict[str, float]:
    """By what it is known that a lease has ended, or would end later than any can."""
    return {"now": now, "latest": now + 2 * campaign.rules.lease}


def _next_turn(change: Change, person: int, now: float, held: Sequence[int]) -> Turn | Nothing | None:
    """What somebody is shown next; None if leases have ended, of whomever, which are to be released first."""
    row = change.person(person)
    if (why := _unready(change, row)) is not None:
        return Nothing(why)
    begun = change.connection.execute(_BEGUN_OR_LATE, {"who": person, **_at(change.campaign, now)}).all()
    if any(turn.is_late for turn in begun):
        return None
    for turn in begun:
        if turn.task not in held:
            own = change.connection.execute(_OWN_WITH_TASK, {"who": person, "of_task": turn.task}).one()
            return _again(change, own, row)
    if len(begun) >= _MOST_HELD:
        return Nothing("waiting")
    held = sorted(set(held) - {turn.task for turn in begun})  # of which the lease has ended
    if row.has_lapsed and (again := _resume(change, row, held, now + change.rules.lease)) is not None:
        return again
    choice = choose(change, row, held)
    if choice is None and row.stage == PRACTICE and not begun:
        row = end_practice(change, row)
        if row.stage == FAILED:
            return Nothing("failed")
        choice = choose(change, row, held)
    if choice is None:
        return Nothing("waiting" if begun or is_left(change, row) else "finished")
    _begin(change, row, choice, now + change.rules.lease)
    place = first_place(change, row, choice.task) if choice.task.kind == MAIN else row.position
    change.connection.execute(_MOVE, {"who": person, "place": place, "drawn": 1})
    return _shown(choice.task, choice.rows, row.turns, practice=is_practice(row, choice.task.kind))


def _unready(change: Change, person: Row[Any]) -> Why | None:
    """Why somebody is shown nothing, whatever is left."""
    if change.campaign.consent and person.consented is None:
        return "consent"
    if person.voided:
        return "voided"
    if person.stage == FAILED:
        return "failed"
    return "paused" if person.paused else None


def _begin(change: Change, person: Row[Any], choice: Choice, expires: float) -> None:
    """Begin a turn, which reserves a place on each main question that it shows."""
    task, shown = choice.task, [row.id for row in choice.rows]
    state = {"number": person.turns, "shown": shown, "state": ASKED, "expires": expires}
    if task.turn_state is None:
        change.connection.execute(turns.insert(), {"person": person.id, "task": task.id, **state})
    else:
        again = turns.c.person == person.id, turns.c.task == task.id
        change.connection.execute(update(turns).where(*again).values(**state))
    change.reserve(shown, 1)
    change.note_free([{"number": task.id, "places": choice.free}])


def _resume(change: Change, person: Row[Any], held: Sequence[int], expires: float) -> Turn | None:
    """Show somebody again what they had begun when its lease ended, whatever others have answered since.

    If a main task gave way to others, and a golden one never does, a lapse would tell which it was.
    """
    for turn in change.connection.execute(_LAPSED.order_by(turns.c.number), {"who": person.id, "held": held}).all():
        if is_practice(person, turn.kind):
            continue
        change.lock([turn.task])
        rows = change.connection.execute(ASKED_OF, {"who": person.id, "of_task": turn.task}).all()
        left = [row.id for row in rows if row.id in turn.shown and row.answer is None and row.ended != WITHDRAWN]
        if not left:
            continue
        own = {"who": person.id, "of_task": turn.task, "next": person.turns, "until": expires}
        change.connection.execute(_BEGIN_AGAIN, own)
        change.connection.execute(_MOVE, {"who": person.id, "place": person.position, "drawn": 0})
        change.reserve(left, 1)
        change.renew([turn.task])
        return _shown(turn, [row for row in rows if row.id in turn.shown], person.turns, practice=False)
    return None


def _again(change: Change, turn: Row[Any], person: Row[Any]) -> Turn:
    """A turn with what was answered in it."""
    rows = change.connection.execute(ASKED_OF, {"who": turn.person, "of_task": turn.task}).all()
    shown = [row for row in rows if row.id in turn.shown]
    return _shown(turn, shown, turn.number, practice=is_practice(person, turn.kind))


def is_practice(person: Row[Any], kind: str) -> bool:
    """Whether a task of a kind is of somebody's practice round: experts answer it as all golden ones."""
    return kind == PRACTICE and person.role == RATER


def _shown(task: Row[Any], rows: Iterable[Row[Any]], number: int, *, practice: bool) -> Turn:
    each = (ShownRow(row.id, row.class_id, row.answer, 0 if row.answer is None else row.revision + 1) for row in rows)
    return Turn(task.id, task.address, tuple(each), practice=practice, number=number)
