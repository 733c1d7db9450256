"""Giving tasks to people. A turn is one task given to one person, until an answer, a skip, or the end of the lease."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.choosing import (
    SELECT_TASK_QUESTIONS,
    ChosenTask,
    choose_start_of_next_task_search,
    choose_task,
    has_tasks_left,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.practice import finish_practice, read_practice_round
from reassess.annotation.store.schema import (
    WITHDRAWN,
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    cursors,
    images,
    tasks,
    turns,
)
from reassess.annotation.store.statements import constant, is_in_list
from reassess.annotation.store.transactions import UPDATE_FREE, UPDATE_RESERVED, Transaction, open_transaction
from reassess.errors import DataError

_SECONDS_BETWEEN_LEASE_CHECKS = 1.0
_MAX_TURNS = 2  # of a person at a time: the turn on the screen, and the next turn

# Why a person gets no task now; `experts`: the practice round waits for experts' answers.
NoTaskReason = Literal["consent", "paused", "excluded", "failed", "experts", "waiting", "finished"]


@dataclass(frozen=True)
class TaskQuestion:
    """A question of a task, as the rating page shows it to a person."""

    question_id: int
    class_id: int
    answer: int | None = None  # 0 no, 1 maybe, 2 yes
    revision: int = 0  # revision of the next answer


@dataclass(frozen=True)
class Turn:
    """A task that one person has, with this person's answers so far."""

    task_id: int
    image_address: str  # address of the image
    questions: tuple[TaskQuestion, ...]  # in random order
    is_practice: bool = False  # whether the person sees the experts' answers afterwards
    turn_number: int = 0  # number of earlier turns of the person


def begin_next_turn(
    campaign: Campaign, person_id: int, now: float, *, loaded_task_ids: Sequence[int] = ()
) -> Turn | NoTaskReason:
    """Give a person the next task, or return the reason why they get no task; experts get golden tasks.

    The person's page has already loaded the tasks in `loaded_task_ids`.
    """
    take_back_expired_tasks_if_due(campaign, now)
    while True:
        with open_transaction(campaign) as transaction:
            turn = give_next_task(transaction, transaction.lock_person(person_id), now, loaded_task_ids)
        if turn is not None:
            return turn
        take_back_expired_tasks(campaign, now)


def find_previous_turn(campaign: Campaign, person_id: int, *, loaded_task_ids: Sequence[int] = ()) -> Turn | None:
    """Find the last task that a person answered, except `loaded_task_ids`; return the task with their answers.

    None if there is no such task, or while the person gets no tasks. Skipped images are ignored.
    """
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        turn = transaction.find_row(_SELECT_PREVIOUS_TURN, {"person_id": person_id, "held": loaded_task_ids})
        return (
            None
            if turn is None or _find_reason_for_no_task(transaction, row) is not None
            else _load_shown_task(transaction, turn, row)
        )


def take_back_expired_tasks_if_due(campaign: Campaign, now: float) -> None:
    """Call `take_back_expired_tasks`, which reads the turns of all people, at most once per second."""
    if not 0 <= now - campaign.last_lease_check.seconds < _SECONDS_BETWEEN_LEASE_CHECKS:
        campaign.last_lease_check.seconds = now
        take_back_expired_tasks(campaign, now)


def take_back_expired_tasks(campaign: Campaign, now: float) -> None:
    """Take tasks back from raters whose lease has expired, or is too long because the clock was set back."""
    with connect_for_reading(campaign.engine) as connection:
        late = _find_given_tasks_with_invalid_lease(connection, campaign, now)
    for turn in late:
        with open_transaction(campaign) as transaction:
            transaction.lock_person(turn.person)
            transaction.lock_tasks([turn.task])
            if turn in _find_given_tasks_with_invalid_lease(transaction.connection, campaign, now):
                end_turn(transaction, find_turn(transaction, turn.person, turn.task), TurnState.EXPIRED)


def find_turn(transaction: Transaction, person_id: int, task_id: int) -> Row[Any]:
    """Find the row of a task that was given to a person; raise `DataError` if the person never got it."""
    turn = transaction.find_row(_SELECT_TURN, {"person_id": person_id, "task_id": task_id})
    if turn is None:
        raise DataError("not-shown", "rater was not shown this task", found=f"task {task_id}")
    return turn


def end_turn(transaction: Transaction, turn: Row[Any], state: str) -> None:
    """End a person's work on a task: store its final state, and release reserved votes on unanswered questions."""
    transaction.execute(_UPDATE_STATE, {"person_id": turn.person, "task_id": turn.task, "new_state": state})
    if turn.state != TurnState.ASKED:
        return
    rows = transaction.execute(SELECT_TASK_QUESTIONS, {"person_id": turn.person, "task_id": turn.task})
    transaction.release_one_vote_per_question([row.id for row in rows if row.answer is None and row.id in turn.shown])
    transaction.update_free([turn.task], is_reopened=state == TurnState.EXPIRED)


_IS_ASKED = turns.c.state == constant(TurnState.ASKED)
_IS_OWN = turns.c.person == bindparam("person_id")
_SELECT_TURN = select(turns, tasks.c.kind).join(tasks).where(_IS_OWN, tasks.c.id == bindparam("task_id"))
_SELECT_TURNS_WITH_TASKS = select(
    *(turns.c.person, turns.c.task, turns.c.shown, turns.c.number, turns.c.state.label("turn_state")),
    *(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address),
).select_from(turns.join(tasks).join(images))
_IS_FINISHED = turns.c.state == constant(TurnState.DONE), ~is_in_list(tasks.c.id, "held")
_SELECT_PREVIOUS_TURN = _SELECT_TURNS_WITH_TASKS.where(_IS_OWN, *_IS_FINISHED).order_by(turns.c.number.desc()).limit(1)
_IS_LATE = or_(turns.c.expires < bindparam("now"), turns.c.expires > bindparam("latest"))
_SELECT_LATE_TURNS = select(turns.c.person, turns.c.task).where(_IS_ASKED, _IS_LATE)
_SELECT_BEGUN = select(turns.c.task, _IS_LATE.label("is_late")).where(_IS_ASKED, _IS_OWN).order_by(turns.c.number)
_SELECT_TURN_WITH_TASK = _SELECT_TURNS_WITH_TASKS.where(_IS_OWN, turns.c.task == bindparam("task_id"))
_IS_EXPIRED = turns.c.state == constant(TurnState.EXPIRED)
_SELECT_EXPIRED_TURNS = _SELECT_TURNS_WITH_TASKS.where(_IS_OWN, _IS_EXPIRED, ~is_in_list(tasks.c.id, "held")).order_by(
    turns.c.number
)
_UPDATE_STATE = update(turns).where(_IS_OWN, turns.c.task == bindparam("task_id")).values(state=bindparam("new_state"))
_RESTART_TURN = (
    update(turns)
    .where(_IS_OWN, turns.c.task == bindparam("task_id"))
    .values(number=bindparam("new_number"), state=constant(TurnState.ASKED), expires=bindparam("end"))
)
_MOVE_CURSOR = (
    update(cursors)
    .where(cursors.c.person == bindparam("person_id"))
    .values(position=bindparam("place"), turns=cursors.c.turns + 1, draws=cursors.c.draws + bindparam("drawn"))
)
_GIVEN_TURN = {
    "number": bindparam("new_number"),
    "shown": bindparam("shown_ids"),
    "state": constant(TurnState.ASKED),
    "expires": bindparam("end"),
}
_INSERT_TURN = turns.insert().values(person=bindparam("person_id"), task=bindparam("task_id"), **_GIVEN_TURN)
_UPDATE_TURN = update(turns).where(_IS_OWN, turns.c.task == bindparam("task_id")).values(_GIVEN_TURN)


def _find_given_tasks_with_invalid_lease(connection: Connection, campaign: Campaign, now: float) -> Sequence[Row[Any]]:
    """Find the tasks that raters have and whose lease has expired, or is too long because the clock was set back."""
    rows: Sequence[Row[Any]] = connection.execute(_SELECT_LATE_TURNS, _make_lease_bounds(campaign, now)).all()
    return rows


def _make_lease_bounds(campaign: Campaign, now: float) -> dict[str, float]:
    """Return the earliest and the latest time when a valid lease can end, as parameters of an SQL query."""
    return {"now": now, "latest": now + 2 * campaign.rules.lease_seconds}


def give_next_task(
    transaction: Transaction, person: Row[Any], now: float, loaded_task_ids: Sequence[int]
) -> Turn | NoTaskReason | None:
    """Give a person, whose row is locked, the next task, or return the reason why they get no task.

    Return None if a lease of the person has expired, and the caller must first end the turn.
    """
    if (reason := _find_reason_for_no_task(transaction, person)) is not None:
        return reason
    begun = transaction.execute(
        _SELECT_BEGUN, {"person_id": person.id, **_make_lease_bounds(transaction.campaign, now)}
    )
    if any(turn.is_late for turn in begun):
        return None
    for turn in begun:
        if turn.task not in loaded_task_ids:
            (with_task,) = transaction.execute(_SELECT_TURN_WITH_TASK, {"person_id": person.id, "task_id": turn.task})
            return _load_shown_task(transaction, with_task, person)
    if len(begun) >= _MAX_TURNS:
        return "waiting"
    loaded_task_ids = sorted(set(loaded_task_ids) - {turn.task for turn in begun})  # only tasks whose lease has expired
    if (
        person.has_expired
        and (
            resumed := _give_expired_task_again(
                transaction, person, loaded_task_ids, now + transaction.rules.lease_seconds
            )
        )
        is not None
    ):
        return resumed
    if (
        person.stage == RaterStage.PRACTICE
        and read_practice_round(transaction.connection, transaction.campaign.practice_bar).reason_raters_cannot_begin
        is not None
    ):
        return "waiting" if begun else "experts"
    choice = choose_task(transaction, person, loaded_task_ids)
    if choice is None and person.stage == RaterStage.PRACTICE and not begun:
        person = finish_practice(transaction, person)
        if person.stage == RaterStage.FAILED:
            return "failed"
        choice = choose_task(transaction, person, loaded_task_ids)
    if choice is None:
        return "waiting" if begun or has_tasks_left(transaction, person) else "finished"
    _store_given_task(transaction, person, choice, now + transaction.rules.lease_seconds)
    return _make_shown_task(
        choice.task, choice.question_rows, person.turns, is_practice=is_practice_turn(person, choice.task.kind)
    )


def _find_reason_for_no_task(transaction: Transaction, person: Row[Any]) -> NoTaskReason | None:
    """Return the reason why a person must not get a task now; None if they may get one."""
    if transaction.campaign.consent_text and person.consented is None:
        return "consent"
    if person.excluded:
        return "excluded"
    if person.stage == RaterStage.FAILED:
        return "failed"
    return "paused" if person.paused else None


def _store_given_task(transaction: Transaction, person: Row[Any], choice: ChosenTask, lease_end: float) -> None:
    """Store that a person gets a task now, and reserve the person's vote on each main question of the task."""
    task, question_ids = choice.task, [row.id for row in choice.question_rows]
    is_main = task.kind == TaskKind.MAIN
    params = {
        "person_id": person.id,
        "task_id": task.id,
        "new_number": person.turns,
        "shown_ids": question_ids,
        "end": lease_end,
        "numbers": question_ids,
        "change": 1,
        "is_free": int(choice.remains_free),
        "drawn": 1,
        "place": choose_start_of_next_task_search(transaction, person, task) if is_main else person.position,
    }
    store_turn = _INSERT_TURN if task.turn_state is None else _UPDATE_TURN
    for change in (store_turn, UPDATE_RESERVED, UPDATE_FREE, _MOVE_CURSOR):
        transaction.execute(change, params)


def _give_expired_task_again(
    transaction: Transaction, person: Row[Any], loaded_task_ids: Sequence[int], lease_end: float
) -> Turn | None:
    """Give a person the same task again after its lease has expired; None if there is no such task."""
    # The person gets the task even if others have answered it meanwhile. Golden tasks come back after an expired lease.
    # So main tasks must come back, too. Otherwise a task that comes back would be recognized as golden.
    rows = transaction.execute(_SELECT_EXPIRED_TURNS, {"person_id": person.id, "held": loaded_task_ids})
    expired = [turn for turn in rows if not is_practice_turn(person, turn.kind)]
    transaction.lock_tasks(turn.task for turn in expired)
    for turn in expired:
        rows = transaction.execute(SELECT_TASK_QUESTIONS, {"person_id": person.id, "task_id": turn.task})
        open_ids = [row.id for row in rows if row.id in turn.shown and row.answer is None and row.ended != WITHDRAWN]
        if not open_ids:
            continue
        params = {"person_id": person.id, "task_id": turn.task, "new_number": person.turns, "end": lease_end}
        transaction.execute(_RESTART_TURN, params)
        transaction.execute(_MOVE_CURSOR, {"person_id": person.id, "place": person.position, "drawn": 0})
        transaction.reserve_one_vote_per_question(open_ids)
        transaction.update_free([turn.task])
        return _make_shown_task(turn, [row for row in rows if row.id in turn.shown], person.turns, is_practice=False)
    return None


def _load_shown_task(transaction: Transaction, turn: Row[Any], person: Row[Any]) -> Turn:
    """Load the questions of the task that a person has, with the person's answers so far."""
    rows = transaction.execute(SELECT_TASK_QUESTIONS, {"person_id": turn.person, "task_id": turn.task})
    shown_rows = [row for row in rows if row.id in turn.shown]
    return _make_shown_task(turn, shown_rows, turn.number, is_practice=is_practice_turn(person, turn.kind))


def is_practice_turn(person: Row[Any], task_kind: str) -> bool:
    """Return whether a task of this kind is practice for a person; experts have no practice."""
    return task_kind == TaskKind.PRACTICE and person.role == Role.RATER


def _make_shown_task(task: Row[Any], question_rows: Iterable[Row[Any]], turn_number: int, *, is_practice: bool) -> Turn:
    task_rows = (
        TaskQuestion(row.id, row.class_id, row.answer, 0 if row.answer is None else row.revision + 1)
        for row in question_rows
    )
    return Turn(task.id, task.address, tuple(task_rows), is_practice=is_practice, turn_number=turn_number)
