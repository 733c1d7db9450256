"""The choice of the next task for a person, and of its questions."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, bindparam, exists, func, literal_column, or_, select

from reassess.annotation.assignment import TRIES
from reassess.annotation.store.campaigns import Transaction
from reassess.annotation.store.schema import Kind, Role, Stage, State, answers, images, questions, tasks, turns

_NEAR = 128  # tasks


class ChosenTask(NamedTuple):
    """A task for a person, and the questions that they are asked."""

    task: Row[Any]
    rows: Sequence[Row[Any]]
    free: int  # remaining places on it


def choose_task(change: Transaction, person: Row[Any], held: Sequence[int]) -> ChosenTask | None:
    """Choose a task that a person does not have yet, with the questions they have not answered.

    Experts get golden tasks, new raters practice tasks, all others main tasks. A golden task sometimes replaces a main
    task, with the same number of questions if it has enough, so that its size does not tell it.
    """
    own = {"who": person.id, "held": held}
    if person.role == Role.EXPERT:
        task = change.connection.execute(_EXPERT_TASK, own).one_or_none()
        return None if task is None else _choice(change, person, task)
    if person.stage == Stage.PRACTICE:  # practice tasks are never skipped
        task = change.connection.execute(_PRACTICE_TASK, own | {"held": []}).one_or_none()
        return None if task is None else _choice(change, person, task)
    main = _choose_main(change, own, person.position)
    if main is None:
        return None
    # A golden task is chosen for every main one; otherwise the time would tell golden tasks.
    is_golden = change.rules.is_golden(person.id, person.draws)
    golden = _choose_golden(change, person, own, main.size, last_resort=is_golden)

    def rank(row: Row[Any]) -> tuple[bool, float]:
        """Questions with a known truth come first."""
        return row.truth is None, change.rules.rank(person.id, person.draws, row.class_id)

    if is_golden and golden is not None:
        return _choice(change, person, golden, main.size, rank)
    while main is not None:
        choice = _choice(change, person, main, None, rank)
        if choice.rows:
            return choice
        main = _choose_main(change, own, main.position + 1)  # its questions were closed while it was chosen
    return None


def _choose_main(change: Transaction, own: dict[str, Any], begin: int) -> Row[Any] | None:
    """The first main task from a position on, or else the first of all: one before the cursor may be open again."""
    for place in sorted({0, begin}, reverse=True):
        task = change.connection.execute(_MAIN_TASK, own | {"place": place}).one_or_none()
        if task is not None:
            return task
    return None


def _choose_golden(
    change: Transaction, person: Row[Any], own: dict[str, Any], size: int, *, last_resort: bool
) -> Row[Any] | None:
    """A golden task with at least `size` questions; as a last resort, one of the largest."""
    rules, connection = change.rules, change.connection
    if person.golden is None or not rules.golden_share:
        return None
    places = rules.places(person.id, person.draws, person.golden + 1)
    at_places = {f"place_{number}": place for number, place in enumerate(places)}
    rows = connection.execute(_GOLDEN_AT, {"who": person.id, "least": size, **at_places}).all()
    found = {task.position: task for task in rows if task.id not in own["held"]}
    task = next((found[place] for place in places if place in found), None)
    if task is not None or not last_resort:
        return task
    left = connection.execute(_GOLDEN_TASKS, own).all()
    return left[rules.pick(person.id, person.draws, [one.size for one in left], size)] if left else None


def _choice(
    change: Transaction,
    person: Row[Any],
    task: Row[Any],
    size: int | None = None,
    rank: Callable[[Row[Any]], Any] = attrgetter("id"),
) -> ChosenTask:
    """A task with its open questions that a person has not answered: at most `size`, those with the lowest rank."""
    asked = change.connection.execute(ASKED_OF, {"who": person.id, "of_task": task.id})
    is_open = [row for row in asked if row.ended is None]
    rows = sorted((row for row in is_open if row.answer is None), key=rank)[:size]
    shown = {row.id for row in rows}
    free = min((change.rules.free(row.votes, row.reserved + (row.id in shown)) for row in is_open), default=0)
    return ChosenTask(task, sorted(rows, key=attrgetter("id")), free)  # an order that tells nothing


def first_place(change: Transaction, person: Row[Any], chosen: Row[Any]) -> int:
    """The new position of a person's cursor.

    Earlier tasks may be locked by another transaction, or still held by the person's page. So the cursor stays until it
    is far behind.
    """
    if person.position <= chosen.position <= person.position + _NEAR:
        return int(person.position)
    first = change.connection.execute(_FIRST, {"who": person.id, "place": person.position, "held": []}).one_or_none()
    return int(chosen.position if first is None else min(first.position, chosen.position))


def is_left(change: Transaction, person: Row[Any]) -> bool:
    """Whether a rater has main tasks left that others have now."""
    return person.role == Role.RATER and bool(change.connection.scalar(_LEFT, {"who": person.id, "held": []}))


_THEIRS = and_(answers.c.question == questions.c.id, answers.c.person == bindparam("who"))
ASKED_OF = (
    select(questions, answers.c.answer, answers.c.revision)
    .select_from(questions)
    .outerjoin(answers, _THEIRS)
    .where(questions.c.task == bindparam("of_task"))
    .order_by(questions.c.id)
)
_UNANSWERED = exists().where(questions.c.task == tasks.c.id, ~exists().where(_THEIRS))
_ALL_WITH_TURN = (
    select(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address, turns.c.state.label("turn_state"))
    .select_from(tasks.join(images))
    .outerjoin(turns, and_(turns.c.task == tasks.c.id, turns.c.person == bindparam("who")))
)
_WITH_TURN = _ALL_WITH_TURN.where(tasks.c.id.not_in(bindparam("held", expanding=True)))
# Main tasks with an open question that a person was not shown, or did not answer within the lease.
_ASKABLE = _WITH_TURN.where(
    or_(turns.c.state.is_(None), turns.c.state.not_in([State.ASKED, State.SKIPPED, State.SUGGESTED])),
    exists().where(questions.c.task == tasks.c.id, questions.c.ended.is_(None), ~exists().where(_THEIRS)),
)
_COUNT = select(func.count()).select_from(questions).where(questions.c.task == tasks.c.id, ~exists().where(_THEIRS))
_SIZE, _OPEN_SIZE = _COUNT.scalar_subquery(), _COUNT.where(questions.c.ended.is_(None)).scalar_subquery()
_FREE = tasks.c.kind == literal_column(f"'{Kind.MAIN}'"), tasks.c.free > literal_column("0")
_FIRST = (
    _ASKABLE.where(*_FREE, tasks.c.position >= bindparam("place")).order_by(tasks.c.position).limit(literal_column("1"))
)
_MAIN_TASK = _FIRST.add_columns(_OPEN_SIZE.label("size")).with_for_update(of=tasks, key_share=True, skip_locked=True)
_LEFT = select(_ASKABLE.where(tasks.c.kind == Kind.MAIN).exists())
# Other tasks that a person has not had, or whose turn ended without an answer.
_IS_OTHER = or_(turns.c.state.is_(None), turns.c.state.in_([State.EXPIRED, State.EXCLUDED]))
_OTHER = _WITH_TURN.where(_IS_OTHER).order_by(tasks.c.kind, tasks.c.position)
_KNOWN = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None), ~exists().where(_THEIRS))
# Practice first, since raters wait for it.
_EXPERT_TASK = (
    _WITH_TURN.where(_IS_OTHER, tasks.c.kind.in_([Kind.GOLDEN, Kind.PRACTICE]), _UNANSWERED)
    .order_by(tasks.c.kind.desc(), tasks.c.position)
    .limit(1)
)
_PRACTICE_TASK = _OTHER.where(tasks.c.kind == Kind.PRACTICE, _KNOWN).limit(1)
_IS_GOLDEN = tasks.c.kind == literal_column(f"'{Kind.GOLDEN}'")
_GOLDEN_TASKS = _OTHER.where(_IS_GOLDEN, _KNOWN).add_columns(_SIZE.label("size"))
_PLACES = [bindparam(f"place_{number}") for number in range(TRIES)]  # a fixed number, which is faster
_GOLDEN_AT = _ALL_WITH_TURN.where(
    _IS_GOLDEN, tasks.c.position.in_(_PLACES), _IS_OTHER, _KNOWN, bindparam("least") <= _SIZE
)
