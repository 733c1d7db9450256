"""Turns: a person gets a task; a turn ends with the last answer, when the image is skipped, or with its lease."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, literal_column, or_, select, update

from reassess.annotation.store.campaigns import Campaign, Transaction, changing
from reassess.annotation.store.choosing import ASKED_OF, ChosenTask, choose_task, first_place, is_left
from reassess.annotation.store.database import reading
from reassess.annotation.store.practice import end_practice, practice_round
from reassess.annotation.store.schema import WITHDRAWN, Kind, Role, Stage, State, cursors, images, tasks, turns
from reassess.errors import DataError

_MOST_HELD = 2  # turns of a rater at a time: the one on the screen, and the next

# Why a person gets no task now; `experts`: practice waits for their answers.
Reason = Literal["consent", "paused", "excluded", "failed", "experts", "waiting", "finished"]


@dataclass(frozen=True)
class ShownRow:
    """A row of a shown task."""

    question: int
    class_id: int
    answer: int | None = None  # 0 no, 1 maybe, 2 yes
    revision: int = 0  # of their next answer


@dataclass(frozen=True)
class Turn:
    """A task as it is shown to a person."""

    task: int
    image: str  # address of the image
    rows: tuple[ShownRow, ...]  # in an order that tells nothing
    practice: bool = False  # whether they see the experts' answers afterwards
    number: int = 0  # number of earlier turns


def next_turn(campaign: Campaign, person: int, now: float, *, held: Sequence[int] = ()) -> Turn | Reason:
    """The next task for a person, whose page already has the tasks in `held`; experts get golden tasks."""
    while True:
        with changing(campaign) as change:
            shown = _next_turn(change, person, now, held)
        if shown is not None:
            return shown
        end_expired_turns(campaign, now)


def last_turn(campaign: Campaign, person: int, *, held: Sequence[int] = ()) -> Turn | None:
    """The task that a person answered last, with their answers; the page already has the tasks in `held`.

    Skipped images are passed over. None if there is none, or while they get no tasks.
    """
    with changing(campaign) as change:
        row = change.person(person)
        turn = change.connection.execute(_LAST, {"who": person, "held": held}).first()
        return None if turn is None or _why_blocked(change, row) is not None else _again(change, turn, row)


def end_expired_turns(campaign: Campaign, now: float) -> None:
    """End turns with an expired lease, and turns whose lease ends too late because the clock was set back."""
    with reading(campaign.engine) as connection:
        late = _late(connection, campaign, now)
    for turn in late:
        with changing(campaign) as change:
            change.person(turn.person)
            change.lock([turn.task])
            if turn in _late(change.connection, campaign, now):
                end_turn(change, find_turn(change, turn.person, turn.task), State.EXPIRED)


def find_turn(change: Transaction, person: int, task: int) -> Row[Any]:
    """A person's turn of a task, with the task's kind; `DataError` if it was not shown to them."""
    turn = change.connection.execute(_TURN, {"who": person, "of_task": task}).one_or_none()
    if turn is None:
        raise DataError("not-shown", "rater was not shown this task", found=f"task {task}")
    return turn


def end_turn(change: Transaction, turn: Row[Any], state: str) -> None:
    """End a turn; if it had not ended, free its places on questions without an answer."""
    change.connection.execute(_END, {"who": turn.person, "of_task": turn.task, "ended": state})
    if turn.state != State.ASKED:
        return
    asked = change.connection.execute(ASKED_OF, {"who": turn.person, "of_task": turn.task}).all()
    change.reserve([row.id for row in asked if row.answer is None and row.id in turn.shown], -1)
    change.renew([turn.task], reopened=state == State.EXPIRED)


# Conditions of indexes have no parameters, here and in choosing.py: a prepared plan could not use the index.
_IS_ASKED = turns.c.state == literal_column(f"'{State.ASKED}'")
_OWN = turns.c.person == bindparam("who")
_TURN = select(turns, tasks.c.kind).join(tasks).where(_OWN, tasks.c.id == bindparam("of_task"))
_WITH_TASKS = select(
    *(turns.c.person, turns.c.task, turns.c.shown, turns.c.number, turns.c.state.label("turn_state")),
    *(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address),
).select_from(turns.join(tasks).join(images))
_FINISHED = turns.c.state == State.DONE, tasks.c.id.not_in(bindparam("held", expanding=True))
_LAST = _WITH_TASKS.where(_OWN, *_FINISHED).order_by(turns.c.number.desc()).limit(1)
_IS_LATE = or_(turns.c.expires < bindparam("now"), turns.c.expires > bindparam("latest"))
_LATE = select(turns.c.person, turns.c.task).where(_IS_ASKED, _IS_LATE)
_BEGUN_OR_LATE = (
    select(turns.c.task, _IS_LATE.label("is_late")).where(_IS_ASKED, or_(_OWN, _IS_LATE)).order_by(turns.c.number)
)
_OWN_WITH_TASK = _WITH_TASKS.where(_OWN, turns.c.task == bindparam("of_task"))
_IS_LAPSED = turns.c.state == literal_column(f"'{State.EXPIRED}'")
_LAPSED = _WITH_TASKS.where(_OWN, _IS_LAPSED, tasks.c.id.not_in(bindparam("held", expanding=True)))
_END = update(turns).where(_OWN, turns.c.task == bindparam("of_task")).values(state=bindparam("ended"))
_BEGIN_AGAIN = (
    update(turns)
    .where(_OWN, turns.c.task == bindparam("of_task"))
    .values(number=bindparam("next"), state=State.ASKED, expires=bindparam("until"))
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
    """Bounds of the end of a lease that has not expired."""
    return {"now": now, "latest": now + 2 * campaign.rules.lease}


def _next_turn(change: Transaction, person: int, now: float, held: Sequence[int]) -> Turn | Reason | None:
    """The next turn; None if some leases have expired, and must be released first."""
    row = change.person(person)
    if (reason := _why_blocked(change, row)) is not None:
        return reason
    begun = change.connection.execute(_BEGUN_OR_LATE, {"who": person, **_at(change.campaign, now)}).all()
    if any(turn.is_late for turn in begun):
        return None
    for turn in begun:
        if turn.task not in held:
            own = change.connection.execute(_OWN_WITH_TASK, {"who": person, "of_task": turn.task}).one()
            return _again(change, own, row)
    if len(begun) >= _MOST_HELD:
        return "waiting"
    held = sorted(set(held) - {turn.task for turn in begun})  # their lease has expired
    if row.has_lapsed and (again := _resume(change, row, held, now + change.rules.lease)) is not None:
        return again
    if row.stage == Stage.PRACTICE and practice_round(change.connection, change.campaign.bar).waits_for is not None:
        return "waiting" if begun else "experts"
    choice = choose_task(change, row, held)
    if choice is None and row.stage == Stage.PRACTICE and not begun:
        row = end_practice(change, row)
        if row.stage == Stage.FAILED:
            return "failed"
        choice = choose_task(change, row, held)
    if choice is None:
        return "waiting" if begun or is_left(change, row) else "finished"
    _begin(change, row, choice, now + change.rules.lease)
    place = first_place(change, row, choice.task) if choice.task.kind == Kind.MAIN else row.position
    change.connection.execute(_MOVE, {"who": person, "place": place, "drawn": 1})
    return _shown(choice.task, choice.rows, row.turns, practice=is_practice(row, choice.task.kind))


def _why_blocked(change: Transaction, person: Row[Any]) -> Reason | None:
    """Why a person gets no task, whatever is left."""
    if change.campaign.consent and person.consented is None:
        return "consent"
    if person.excluded:
        return "excluded"
    if person.stage == Stage.FAILED:
        return "failed"
    return "paused" if person.paused else None


def _begin(change: Transaction, person: Row[Any], choice: ChosenTask, expires: float) -> None:
    """Begin a turn, which reserves a place on each shown main question."""
    task, shown = choice.task, [row.id for row in choice.rows]
    state = {"number": person.turns, "shown": shown, "state": State.ASKED, "expires": expires}
    if task.turn_state is None:
        change.connection.execute(turns.insert(), {"person": person.id, "task": task.id, **state})
    else:
        again = turns.c.person == person.id, turns.c.task == task.id
        change.connection.execute(update(turns).where(*again).values(**state))
    change.reserve(shown, 1)
    change.note_free([{"number": task.id, "places": choice.free}])


def _resume(change: Transaction, person: Row[Any], held: Sequence[int], expires: float) -> Turn | None:
    """Show a person a task again whose lease expired, whatever others have answered since.

    If main tasks went to others, but golden ones never did, an expired lease would tell which it was.
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


def _again(change: Transaction, turn: Row[Any], person: Row[Any]) -> Turn:
    """A turn with the answers so far."""
    rows = change.connection.execute(ASKED_OF, {"who": turn.person, "of_task": turn.task}).all()
    shown = [row for row in rows if row.id in turn.shown]
    return _shown(turn, shown, turn.number, practice=is_practice(person, turn.kind))


def is_practice(person: Row[Any], kind: str) -> bool:
    """Whether a task is practice for a person; experts answer practice tasks like other golden ones."""
    return kind == Kind.PRACTICE and person.role == Role.RATER


def _shown(task: Row[Any], rows: Iterable[Row[Any]], number: int, *, practice: bool) -> Turn:
    each = (ShownRow(row.id, row.class_id, row.answer, 0 if row.answer is None else row.revision + 1) for row in rows)
    return Turn(task.id, task.address, tuple(each), practice=practice, number=number)
