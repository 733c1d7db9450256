"""Turns. A person gets a task; the turn ends with the last answer, a skipped image, or the end of its lease."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, literal_column, or_, select, update

from reassess.annotation.store.campaigns import Campaign, Transaction, open_transaction
from reassess.annotation.store.choosing import (
    SELECT_TASK_QUESTIONS,
    ChosenTask,
    choose_cursor_position,
    choose_task,
    has_tasks_left,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.practice import finish_practice, read_practice_round
from reassess.annotation.store.schema import WITHDRAWN, Kind, Role, Stage, State, cursors, images, tasks, turns
from reassess.errors import DataError

_MAX_TURNS = 2  # of a person at a time: the turn on the screen, and the next turn

# Why a person gets no task now; `experts`: the practice round waits for experts' answers.
NoTaskReason = Literal["consent", "paused", "excluded", "failed", "experts", "waiting", "finished"]


@dataclass(frozen=True)
class TaskRow:
    """A question of a task, as a row of the rating page."""

    question_id: int
    class_id: int
    answer: int | None = None  # 0 no, 1 maybe, 2 yes
    revision: int = 0  # revision of the next answer


@dataclass(frozen=True)
class Turn:
    """A task as shown to a person, with their answers so far."""

    task_id: int
    image_address: str  # address of the image
    rows: tuple[TaskRow, ...]  # in random order
    is_practice: bool = False  # whether the person sees the experts' answers afterwards
    turn_number: int = 0  # number of earlier turns of the person


def next_turn(
    campaign: Campaign, person_id: int, now: float, *, held_task_ids: Sequence[int] = ()
) -> Turn | NoTaskReason:
    """Give a person the next task, or return the reason why there is none; experts get golden tasks.

    The person's page already has the tasks in `held_task_ids`.
    """
    while True:
        with open_transaction(campaign) as transaction:
            turn = _choose_turn(transaction, person_id, now, held_task_ids)
        if turn is not None:
            return turn
        end_expired_turns(campaign, now)


def last_turn(campaign: Campaign, person_id: int, *, held_task_ids: Sequence[int] = ()) -> Turn | None:
    """Return the last task that a person answered, ignoring `held_task_ids`, with their answers.

    None if there is no such task, or while the person gets no tasks. Skipped images are ignored.
    """
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        turn = transaction.connection.execute(
            _SELECT_LAST_TURN, {"person_id": person_id, "held": held_task_ids}
        ).first()
        return (
            None
            if turn is None or _find_block_reason(transaction, row) is not None
            else _load_turn(transaction, turn, row)
        )


def end_expired_turns(campaign: Campaign, now: float) -> None:
    """End the turns whose lease has expired, or is too long because the clock was set back."""
    with connect_for_reading(campaign.engine) as connection:
        late = _find_late_turns(connection, campaign, now)
    for turn in late:
        with open_transaction(campaign) as transaction:
            transaction.lock_person(turn.person)
            transaction.lock_tasks([turn.task])
            if turn in _find_late_turns(transaction.connection, campaign, now):
                end_turn(transaction, find_turn(transaction, turn.person, turn.task), State.EXPIRED)


def find_turn(transaction: Transaction, person_id: int, task_id: int) -> Row[Any]:
    """Find the turn of a person on a task; raise `DataError` if the person never got the task."""
    turn = transaction.connection.execute(_SELECT_TURN, {"person_id": person_id, "task_id": task_id}).one_or_none()
    if turn is None:
        raise DataError("not-shown", "rater was not shown this task", found=f"task {task_id}")
    return turn


def end_turn(transaction: Transaction, turn: Row[Any], state: str) -> None:
    """End a turn with a state, and free its places on questions without an answer."""
    transaction.connection.execute(_UPDATE_STATE, {"person_id": turn.person, "task_id": turn.task, "new_state": state})
    if turn.state != State.ASKED:
        return
    rows = transaction.connection.execute(SELECT_TASK_QUESTIONS, {"person_id": turn.person, "task_id": turn.task}).all()
    transaction.change_reserved_places([row.id for row in rows if row.answer is None and row.id in turn.shown], -1)
    transaction.update_free_places([turn.task], is_reopened=state == State.EXPIRED)


# Conditions of partial indexes are literals, here and in choosing.py: with parameters, PostgreSQL would not use the
# index for prepared statements.
_IS_ASKED = turns.c.state == literal_column(f"'{State.ASKED}'")
_IS_OWN = turns.c.person == bindparam("person_id")
_SELECT_TURN = select(turns, tasks.c.kind).join(tasks).where(_IS_OWN, tasks.c.id == bindparam("task_id"))
_SELECT_TURNS_WITH_TASKS = select(
    *(turns.c.person, turns.c.task, turns.c.shown, turns.c.number, turns.c.state.label("turn_state")),
    *(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address),
).select_from(turns.join(tasks).join(images))
_IS_FINISHED = turns.c.state == State.DONE, tasks.c.id.not_in(bindparam("held", expanding=True))
_SELECT_LAST_TURN = _SELECT_TURNS_WITH_TASKS.where(_IS_OWN, *_IS_FINISHED).order_by(turns.c.number.desc()).limit(1)
_IS_LATE = or_(turns.c.expires < bindparam("now"), turns.c.expires > bindparam("latest"))
_SELECT_LATE_TURNS = select(turns.c.person, turns.c.task).where(_IS_ASKED, _IS_LATE)
_SELECT_BEGUN_OR_LATE = (
    select(turns.c.task, _IS_LATE.label("is_late")).where(_IS_ASKED, or_(_IS_OWN, _IS_LATE)).order_by(turns.c.number)
)
_SELECT_TURN_WITH_TASK = _SELECT_TURNS_WITH_TASKS.where(_IS_OWN, turns.c.task == bindparam("task_id"))
_IS_EXPIRED = turns.c.state == literal_column(f"'{State.EXPIRED}'")
_SELECT_EXPIRED_TURNS = _SELECT_TURNS_WITH_TASKS.where(
    _IS_OWN, _IS_EXPIRED, tasks.c.id.not_in(bindparam("held", expanding=True))
)
_UPDATE_STATE = update(turns).where(_IS_OWN, turns.c.task == bindparam("task_id")).values(state=bindparam("new_state"))
_RESTART_TURN = (
    update(turns)
    .where(_IS_OWN, turns.c.task == bindparam("task_id"))
    .values(number=bindparam("new_number"), state=State.ASKED, expires=bindparam("end"))
)
_MOVE_CURSOR = (
    update(cursors)
    .where(cursors.c.person == bindparam("person_id"))
    .values(position=bindparam("place"), turns=cursors.c.turns + 1, draws=cursors.c.draws + bindparam("drawn"))
)


def _find_late_turns(connection: Connection, campaign: Campaign, now: float) -> Sequence[Row[Any]]:
    """Find the turns whose lease has expired, or is too long."""
    rows: Sequence[Row[Any]] = connection.execute(_SELECT_LATE_TURNS, _lease_bounds(campaign, now)).all()
    return rows


def _lease_bounds(campaign: Campaign, now: float) -> dict[str, float]:
    """Return the times between which the lease of a running turn must end, as query parameters."""
    return {"now": now, "latest": now + 2 * campaign.rules.lease_seconds}


def _choose_turn(
    transaction: Transaction, person_id: int, now: float, held_task_ids: Sequence[int]
) -> Turn | NoTaskReason | None:
    """Choose the next turn, or the reason for none; None if expired turns must end first."""
    row = transaction.lock_person(person_id)
    if (reason := _find_block_reason(transaction, row)) is not None:
        return reason
    begun = transaction.connection.execute(
        _SELECT_BEGUN_OR_LATE, {"person_id": person_id, **_lease_bounds(transaction.campaign, now)}
    ).all()
    if any(turn.is_late for turn in begun):
        return None
    for turn in begun:
        if turn.task not in held_task_ids:
            with_task = transaction.connection.execute(
                _SELECT_TURN_WITH_TASK, {"person_id": person_id, "task_id": turn.task}
            ).one()
            return _load_turn(transaction, with_task, row)
    if len(begun) >= _MAX_TURNS:
        return "waiting"
    held_task_ids = sorted(set(held_task_ids) - {turn.task for turn in begun})  # only tasks whose lease has expired
    if (
        row.has_expired
        and (resumed := _resume_expired_turn(transaction, row, held_task_ids, now + transaction.rules.lease_seconds))
        is not None
    ):
        return resumed
    if (
        row.stage == Stage.PRACTICE
        and read_practice_round(transaction.connection, transaction.campaign.bar).reason_to_wait is not None
    ):
        return "waiting" if begun else "experts"
    choice = choose_task(transaction, row, held_task_ids)
    if choice is None and row.stage == Stage.PRACTICE and not begun:
        row = finish_practice(transaction, row)
        if row.stage == Stage.FAILED:
            return "failed"
        choice = choose_task(transaction, row, held_task_ids)
    if choice is None:
        return "waiting" if begun or has_tasks_left(transaction, row) else "finished"
    _begin_turn(transaction, row, choice, now + transaction.rules.lease_seconds)
    place = choose_cursor_position(transaction, row, choice.task) if choice.task.kind == Kind.MAIN else row.position
    transaction.connection.execute(_MOVE_CURSOR, {"person_id": person_id, "place": place, "drawn": 1})
    return _make_turn(choice.task, choice.rows, row.turns, is_practice=is_practice_turn(row, choice.task.kind))


def _find_block_reason(transaction: Transaction, person: Row[Any]) -> NoTaskReason | None:
    """Return the reason why a person may get no task now; None if they may."""
    if transaction.campaign.consent_text and person.consented is None:
        return "consent"
    if person.excluded:
        return "excluded"
    if person.stage == Stage.FAILED:
        return "failed"
    return "paused" if person.paused else None


def _begin_turn(transaction: Transaction, person: Row[Any], choice: ChosenTask, expires: float) -> None:
    """Store the begin of a turn, and reserve a place on each of its main questions."""
    task, question_ids = choice.task, [row.id for row in choice.rows]
    values = {"number": person.turns, "shown": question_ids, "state": State.ASKED, "expires": expires}
    if task.turn_state is None:
        transaction.connection.execute(turns.insert(), {"person": person.id, "task": task.id, **values})
    else:
        is_old = turns.c.person == person.id, turns.c.task == task.id
        transaction.connection.execute(update(turns).where(*is_old).values(**values))
    transaction.change_reserved_places(question_ids, 1)
    transaction.store_free_places([{"number": task.id, "places": choice.n_free_places}])


def _resume_expired_turn(
    transaction: Transaction, person: Row[Any], held_task_ids: Sequence[int], expires: float
) -> Turn | None:
    """Give a person a task again whose lease has expired; None if there is no such task."""
    # The person gets it even if others have answered it meanwhile. Golden tasks come back after an expired lease. So
    # main tasks must come back, too, or this would reveal golden tasks.
    for turn in transaction.connection.execute(
        _SELECT_EXPIRED_TURNS.order_by(turns.c.number), {"person_id": person.id, "held": held_task_ids}
    ).all():
        if is_practice_turn(person, turn.kind):
            continue
        transaction.lock_tasks([turn.task])
        rows = transaction.connection.execute(
            SELECT_TASK_QUESTIONS, {"person_id": person.id, "task_id": turn.task}
        ).all()
        open_ids = [row.id for row in rows if row.id in turn.shown and row.answer is None and row.ended != WITHDRAWN]
        if not open_ids:
            continue
        params = {"person_id": person.id, "task_id": turn.task, "new_number": person.turns, "end": expires}
        transaction.connection.execute(_RESTART_TURN, params)
        transaction.connection.execute(_MOVE_CURSOR, {"person_id": person.id, "place": person.position, "drawn": 0})
        transaction.change_reserved_places(open_ids, 1)
        transaction.update_free_places([turn.task])
        return _make_turn(turn, [row for row in rows if row.id in turn.shown], person.turns, is_practice=False)
    return None


def _load_turn(transaction: Transaction, turn: Row[Any], person: Row[Any]) -> Turn:
    """Load the questions of a turn, with the person's answers so far."""
    rows = transaction.connection.execute(SELECT_TASK_QUESTIONS, {"person_id": turn.person, "task_id": turn.task}).all()
    shown_rows = [row for row in rows if row.id in turn.shown]
    return _make_turn(turn, shown_rows, turn.number, is_practice=is_practice_turn(person, turn.kind))


def is_practice_turn(person: Row[Any], task_kind: str) -> bool:
    """Return whether a task of this kind is practice for a person; experts have no practice."""
    return task_kind == Kind.PRACTICE and person.role == Role.RATER


def _make_turn(task: Row[Any], rows: Iterable[Row[Any]], turn_number: int, *, is_practice: bool) -> Turn:
    task_rows = (
        TaskRow(row.id, row.class_id, row.answer, 0 if row.answer is None else row.revision + 1) for row in rows
    )
    return Turn(task.id, task.address, tuple(task_rows), is_practice=is_practice, turn_number=turn_number)
