"""What raters are shown: turns begin, and end with the last answer, without one, or with their lease."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, exists, func, literal_column, or_, select, update

from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.practice import end_practice
from reassess.annotation.store.schema import (
    ASKED,
    DONE,
    EXPERT,
    EXPIRED,
    FAILED,
    GOLDEN,
    MAIN,
    PRACTICE,
    RATER,
    SUGGESTED,
    UNFIT,
    VOIDED,
    answers,
    cursors,
    images,
    questions,
    tasks,
    turns,
)
from reassess.errors import DataError

__all__ = [
    "ASKED_OF",
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
_NEAR = 128  # tasks

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
    """End the turns of which the lease has ended; or never would, since the clock was set back."""
    with reading(campaign.engine) as connection:
        late = _late(connection, campaign, now)
    for turn in late:
        with changing(campaign) as change:
            change.person(turn.person)
            change.lock([turn.task])
            if turn in _late(change.connection, campaign, now):
                end_turn(change, find_turn(change, turn.person, turn.task), EXPIRED)


def find_turn(change: Change, person: int, task: int) -> Row[Any]:
    """A turn of somebody; `DataError` if they were not shown the task."""
    turn = change.connection.execute(_TURN, {"who": person, "of_task": task}).one_or_none()
    if turn is None:
        raise DataError("the rater was not shown this task", found=f"task {task}")
    return turn


def end_turn(change: Change, turn: Row[Any], state: str) -> None:
    """End a turn that has not ended; places on questions without an answer are free again."""
    if turn.state != ASKED:
        return
    change.connection.execute(_END, {"who": turn.person, "of_task": turn.task, "ended": state})
    asked = change.connection.execute(ASKED_OF, {"who": turn.person, "of_task": turn.task}).all()
    change.reserve([row.id for row in asked if row.answer is None and row.id in turn.shown], -1)
    if asked and not asked[0].golden:
        change.renew([turn.task], reopened=state == EXPIRED)


# Conditions of indexes, here and in `_FREE`, hold no parameters: a plan that is kept for all of them could not use it.
_IS_ASKED = turns.c.state == literal_column(f"'{ASKED}'")
_OWN = turns.c.person == bindparam("who")
_TURN = select(turns).where(_OWN, turns.c.task == bindparam("of_task"))
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
_WITH_TASK = _WITH_TASKS.where(_OWN, turns.c.task == bindparam("of_task"))
_END = update(turns).where(_OWN, turns.c.task == bindparam("of_task")).values(state=bindparam("ended"))
_MOVE = (
    update(cursors)
    .where(cursors.c.person == bindparam("who"))
    .values(position=bindparam("place"), turns=bindparam("next"))
)
_THEIRS = and_(answers.c.question == questions.c.id, answers.c.person == bindparam("who"))
ASKED_OF = (
    select(questions, answers.c.answer, answers.c.revision)
    .select_from(questions)
    .outerjoin(answers, _THEIRS)
    .where(questions.c.task == bindparam("of_task"))
    .order_by(questions.c.id)
)
_UNANSWERED = exists().where(questions.c.task == tasks.c.id, ~exists().where(_THEIRS))
_TURNS_OF = (
    select(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address, turns.c.state.label("turn_state"))
    .select_from(tasks)
    .join(images, images.c.id == tasks.c.image)
    .outerjoin(turns, and_(turns.c.task == tasks.c.id, _OWN))
    .where(tasks.c.id.not_in(bindparam("held", expanding=True)))
)
# Main tasks with an open question that somebody was not shown, or did not answer before the lease ended.
_ASKABLE = _TURNS_OF.where(
    or_(turns.c.state.is_(None), turns.c.state.not_in([ASKED, UNFIT, SUGGESTED])),
    exists().where(questions.c.task == tasks.c.id, questions.c.ended.is_(None), ~exists().where(_THEIRS)),
)
_FREE = tasks.c.kind == literal_column(f"'{MAIN}'"), tasks.c.free > literal_column("0")
_FIRST = (
    _ASKABLE.where(*_FREE, tasks.c.position >= bindparam("place")).order_by(tasks.c.position).limit(literal_column("1"))
)
_MAIN_TASK = _FIRST.with_for_update(of=tasks, key_share=True, skip_locked=True)
_LEFT = select(_ASKABLE.where(tasks.c.kind == MAIN).exists())
# Other tasks that somebody has not had, or that ended without them.
_OTHER = _TURNS_OF.where(or_(turns.c.state.is_(None), turns.c.state.in_([EXPIRED, VOIDED]))).order_by(
    tasks.c.kind, tasks.c.position
)
_KNOWN = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None), ~exists().where(_THEIRS))
_EXPERT_TASK = _OTHER.where(tasks.c.kind.in_([GOLDEN, PRACTICE]), _UNANSWERED).limit(1)
_PRACTICE_TASK = _OTHER.where(tasks.c.kind == PRACTICE, _KNOWN).limit(1)
_SIZE = (
    select(func.count())
    .select_from(questions)
    .where(questions.c.task == tasks.c.id, ~exists().where(_THEIRS))
    .scalar_subquery()
)
_IS_GOLDEN = tasks.c.kind == literal_column(f"'{GOLDEN}'")
_LAST_GOLDEN = select(func.max(tasks.c.position)).where(_IS_GOLDEN)
_GOLDEN_TASKS = _OTHER.where(_IS_GOLDEN, _KNOWN).add_columns(_SIZE.label("size"))
_GOLDEN_AT = _GOLDEN_TASKS.where(tasks.c.position.in_(bindparam("places", expanding=True)), bindparam("least") <= _SIZE)


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
            own = change.connection.execute(_WITH_TASK, {"who": person, "of_task": turn.task}).one()
            return _again(change, own, row)
    if len(begun) >= _MOST_HELD:
        return Nothing("waiting")
    held = sorted(set(held) - {turn.task for turn in begun})  # of which the lease has ended
    choice = _choose(change, row, held)
    if choice is None and row.stage == PRACTICE and not begun:
        row = end_practice(change, row)
        if row.stage == FAILED:
            return Nothing("failed")
        choice = _choose(change, row, held)
    if choice is None:
        is_left = row.role == RATER and change.connection.scalar(_LEFT, {"who": person, "held": []})
        return Nothing("waiting" if begun or is_left else "finished")
    _begin(change, row, choice, now + change.rules.lease)
    place = _first_place(change, row, choice.task) if choice.task.kind == MAIN else row.position
    change.connection.execute(_MOVE, {"who": person, "place": place, "next": row.turns + 1})
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


class _Choice(NamedTuple):
    """A task that somebody is shown, with the questions that they are asked of it."""

    task: Row[Any]
    rows: Sequence[Row[Any]]
    free: int = 0  # places that are left on a main task then


def _choose(change: Change, person: Row[Any], held: Sequence[int]) -> _Choice | None:
    """A task that somebody does not hold, and all of it that they were not asked before.

    Experts are shown golden tasks, and new raters those of the practice round. All others are shown main tasks. Golden
    ones stand in their place, and show no more questions: so their size does not tell them.
    """
    own = {"who": person.id, "held": held}
    if person.role == EXPERT:
        task = change.connection.execute(_EXPERT_TASK, own).one_or_none()
        return None if task is None else _Choice(task, _unanswered(change, person, task))
    if person.stage == PRACTICE:  # of which none is passed over
        task = change.connection.execute(_PRACTICE_TASK, own | {"held": []}).one_or_none()
        return None if task is None else _Choice(task, _unanswered(change, person, task))
    main = _choose_main(change, person, own)
    if main is None or not change.rules.is_golden(person.id, person.turns):
        return main
    return _choose_golden(change, person, own, len(main.rows)) or main


def _choose_main(change: Change, person: Row[Any], own: dict[str, Any]) -> _Choice | None:
    """The first main task from the cursor on, or else of all: one may be open again that the cursor has passed."""
    for place in sorted({0, person.position}, reverse=True):
        while (task := change.connection.execute(_MAIN_TASK, own | {"place": place}).one_or_none()) is not None:
            asked = change.connection.execute(ASKED_OF, {"who": person.id, "of_task": task.id})
            is_open = [row for row in asked if row.ended is None]
            rows = [row for row in is_open if row.answer is None]
            if rows:
                free = min(change.rules.free(row.votes, row.reserved + (row in rows)) for row in is_open)
                return _Choice(task, rows, free)
            place = task.position + 1  # its questions went while it was chosen
    return None


def _choose_golden(change: Change, person: Row[Any], own: dict[str, Any], size: int) -> _Choice | None:
    """A golden task with at least so many questions, or else a largest one; and so many of them, known ones first."""
    rules, connection = change.rules, change.connection
    last = connection.scalar(_LAST_GOLDEN)
    if last is None:
        return None
    places = rules.places(person.id, person.turns, last + 1)
    found = {task.position: task for task in connection.execute(_GOLDEN_AT, own | {"places": places, "least": size})}
    task = next((found[place] for place in places if place in found), None)
    if task is None:
        left = connection.execute(_GOLDEN_TASKS, own).all()
        if not left:
            return None
        task = left[rules.pick(person.id, person.turns, [one.size for one in left], size)]
    rows = _unanswered(change, person, task)
    rows.sort(key=lambda row: (row.truth is None, rules.rank(person.id, person.turns, row.class_id)))
    return _Choice(task, sorted(rows[:size], key=attrgetter("id")))  # in an order that tells nothing


def _unanswered(change: Change, person: Row[Any], task: Row[Any]) -> list[Row[Any]]:
    asked = change.connection.execute(ASKED_OF, {"who": person.id, "of_task": task.id})
    return [row for row in asked if row.answer is None]


def _first_place(change: Change, person: Row[Any], chosen: Row[Any]) -> int:
    """Where the cursor of somebody stands from now on.

    Before the chosen task there may be one of which another transaction has the lock, or that their page holds still.
    So the cursor stays until it is far behind.
    """
    if person.position <= chosen.position <= person.position + _NEAR:
        return int(person.position)
    first = change.connection.execute(_FIRST, {"who": person.id, "place": person.position, "held": []}).one_or_none()
    return int(chosen.position if first is None else min(first.position, chosen.position))


def _begin(change: Change, person: Row[Any], choice: _Choice, expires: float) -> None:
    """Begin a turn, which reserves a place on each main question that it shows."""
    task, shown = choice.task, [row.id for row in choice.rows]
    state = {"number": person.turns, "shown": shown, "state": ASKED, "expires": expires}
    if task.turn_state is None:
        change.connection.execute(turns.insert(), {"person": person.id, "task": task.id, **state})
    else:
        again = turns.c.person == person.id, turns.c.task == task.id
        change.connection.execute(update(turns).where(*again).values(**state))
    if task.kind == MAIN:
        change.reserve(shown, 1)
        change.note_free([{"number": task.id, "places": choice.free}])


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
