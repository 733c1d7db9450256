"""Choosing the next task for a person, and its questions."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, bindparam, exists, func, or_, select

from reassess.annotation.assignment import N_SEARCH_POSITIONS
from reassess.annotation.store.schema import (
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    answers,
    images,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.statements import constant, is_in_list
from reassess.annotation.store.transactions import Transaction

_MAX_SEARCH_LAG = 128  # tasks between a search position and the chosen task before the position moves


class ChosenTask(NamedTuple):
    """A task chosen for a person, with the questions to show."""

    task: Row[Any]
    question_rows: Sequence[Row[Any]]
    remains_free: bool  # whether another rater can get the task too


def choose_task(transaction: Transaction, person: Row[Any], loaded_task_ids: Sequence[int]) -> ChosenTask | None:
    """Choose a task that a person does not have yet, with the questions they have not answered.

    Experts get golden tasks, new raters practice tasks, all others main tasks. Sometimes a rater gets a golden task
    instead of a main task. It has the same number of questions if possible, so that raters cannot recognize it.
    """
    params = {"person_id": person.id, "held": loaded_task_ids}
    if person.role == Role.EXPERT:
        task = transaction.find_row(_SELECT_EXPERT_TASK, params)
        return None if task is None else _choose_questions(transaction, person, task)
    if person.stage == RaterStage.PRACTICE:  # practice tasks are never skipped
        task = transaction.find_row(_SELECT_PRACTICE_TASK, params | {"held": []})
        return None if task is None else _choose_questions(transaction, person, task)
    main = _lock_next_voting_task(transaction, params, person.position)
    if main is None:
        return None
    # A golden task is chosen even if it is not needed, so that the time does not reveal golden tasks.
    is_golden = transaction.rules.is_golden_task(person.id, person.draws)
    golden = _find_golden_task(transaction, person, params, main.size, accepts_smaller=is_golden)

    def compute_sort_key(row: Row[Any]) -> tuple[bool, float]:
        """Compute a sort key: questions with a known truth come first, otherwise the order is random."""
        return row.truth is None, transaction.rules.draw_class_sort_key(person.id, person.draws, row.class_id)

    if is_golden and golden is not None:
        return _choose_questions(transaction, person, golden, main.size, compute_sort_key)
    while main is not None:
        choice = _choose_questions(transaction, person, main, None, compute_sort_key)
        if choice.question_rows:
            return choice
        # All questions of the task were closed meanwhile.
        main = _lock_next_voting_task(transaction, params, main.position + 1)
    return None


def _lock_next_voting_task(transaction: Transaction, params: dict[str, Any], first_position: int) -> Row[Any] | None:
    """Find and lock the next free main task. Search from a position to the end, then from the start."""
    for position in sorted({0, first_position}, reverse=True):
        task = transaction.find_row(_LOCK_MAIN_TASK, params | {"place": position})
        if task is not None:
            return task
    return None


def _find_golden_task(
    transaction: Transaction, person: Row[Any], params: dict[str, Any], n_questions: int, *, accepts_smaller: bool
) -> Row[Any] | None:
    """Find a golden task with `n_questions` questions or more; if there is no such task, one of the largest.

    Without `accepts_smaller`, return None instead of a smaller task.
    """
    rules = transaction.rules
    if person.golden is None or not rules.golden_share:
        return None
    positions = rules.draw_golden_task_positions(person.id, person.draws, person.golden + 1)
    numbered = {f"place_{number}": position for number, position in enumerate(positions)}
    rows = transaction.execute(_SELECT_GOLDEN_AT_POSITIONS, {"person_id": person.id, "least": n_questions, **numbered})
    by_position = {task.position: task for task in rows if task.id not in params["held"]}
    task = next((by_position[position] for position in positions if position in by_position), None)
    if task is not None or not accepts_smaller:
        return task
    tasks_left = transaction.execute(_SELECT_GOLDEN_TASKS, params)
    if not tasks_left:
        return None
    return tasks_left[
        rules.choose_golden_task(person.id, person.draws, [task.size for task in tasks_left], n_questions)
    ]


def _choose_questions(
    transaction: Transaction,
    person: Row[Any],
    task: Row[Any],
    n_questions: int | None = None,
    sort_key: Callable[[Row[Any]], Any] = attrgetter("id"),
) -> ChosenTask:
    """Choose the open questions of a task to show to a person: the first `n_questions` by `sort_key`."""
    rows = transaction.execute(SELECT_TASK_QUESTIONS, {"person_id": person.id, "task_id": task.id})
    open_rows = [row for row in rows if row.ended is None]
    chosen = sorted((row for row in open_rows if row.answer is None), key=sort_key)[:n_questions]
    ids = {row.id for row in chosen}
    remains_free = transaction.rules.allows_another_rater(
        [(row.votes, row.reserved + (row.id in ids)) for row in open_rows]
    )
    # Ids are random, so this order reveals nothing.
    return ChosenTask(task, sorted(chosen, key=attrgetter("id")), remains_free)


def choose_start_of_next_task_search(transaction: Transaction, person: Row[Any], chosen_task: Row[Any]) -> int:
    """Choose where the search for a person's next main task starts.

    Tasks before the chosen task may be free again soon: another transaction has locked them, or the person's page has
    loaded them. So the search position moves only when it is far behind the chosen task.
    """
    if person.position <= chosen_task.position <= person.position + _MAX_SEARCH_LAG:
        return int(person.position)
    first = transaction.find_row(_SELECT_FIRST_FREE, {"person_id": person.id, "place": person.position, "held": []})
    return int(chosen_task.position if first is None else min(first.position, chosen_task.position))


def has_tasks_left(transaction: Transaction, person: Row[Any]) -> bool:
    """Return whether there are main tasks that this rater may get later, when other raters give them up."""
    return person.role == Role.RATER and bool(
        transaction.connection.scalar(_HAS_MAIN_LEFT, {"person_id": person.id, "held": []})
    )


_IS_OWN = and_(answers.c.question == questions.c.id, answers.c.person == bindparam("person_id"))
SELECT_TASK_QUESTIONS = (
    select(questions, answers.c.answer, answers.c.revision)
    .select_from(questions)
    .outerjoin(answers, _IS_OWN)
    .where(questions.c.task == bindparam("task_id"))
    .order_by(questions.c.id)
)
_HAS_UNANSWERED = exists().where(questions.c.task == tasks.c.id, ~exists().where(_IS_OWN))
_SELECT_ALL_TASKS = (
    select(tasks.c.id, tasks.c.kind, tasks.c.position, images.c.address, turns.c.state.label("turn_state"))
    .select_from(tasks.join(images))
    .outerjoin(turns, and_(turns.c.task == tasks.c.id, turns.c.person == bindparam("person_id")))
)
_SELECT_TASKS = _SELECT_ALL_TASKS.where(~is_in_list(tasks.c.id, "held"))
# Tasks with an open question that the person has not seen, or did not answer within the lease.
_SELECT_ASKABLE_TASKS = _SELECT_TASKS.where(
    or_(
        turns.c.state.is_(None),
        turns.c.state.not_in(map(constant, [TurnState.ASKED, TurnState.SKIPPED, TurnState.SUGGESTED])),
    ),
    exists().where(questions.c.task == tasks.c.id, questions.c.ended.is_(None), ~exists().where(_IS_OWN)),
)
_COUNT_UNANSWERED = (
    select(func.count()).select_from(questions).where(questions.c.task == tasks.c.id, ~exists().where(_IS_OWN))
)
_N_UNANSWERED, _N_OPEN = (
    _COUNT_UNANSWERED.scalar_subquery(),
    _COUNT_UNANSWERED.where(questions.c.ended.is_(None)).scalar_subquery(),
)
_IS_FREE_MAIN_TASK = tasks.c.kind == constant(TaskKind.MAIN), tasks.c.free > constant(0)
_SELECT_FIRST_FREE = (
    _SELECT_ASKABLE_TASKS.where(*_IS_FREE_MAIN_TASK, tasks.c.position >= bindparam("place"))
    .order_by(tasks.c.position)
    .limit(constant(1))
)
_LOCK_MAIN_TASK = _SELECT_FIRST_FREE.add_columns(_N_OPEN.label("size")).with_for_update(
    of=tasks, key_share=True, skip_locked=True
)
_HAS_MAIN_LEFT = select(_SELECT_ASKABLE_TASKS.where(tasks.c.kind == constant(TaskKind.MAIN)).exists())
# Tasks that are new to the person, or whose turn ended without an answer.
_IS_NEW = or_(turns.c.state.is_(None), turns.c.state.in_([constant(TurnState.EXPIRED), constant(TurnState.EXCLUDED)]))
_SELECT_NEW_TASKS = _SELECT_TASKS.where(_IS_NEW).order_by(tasks.c.kind, tasks.c.position)
_HAS_TRUTH = exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None), ~exists().where(_IS_OWN))
# Practice tasks come first, since raters wait for them.
_SELECT_EXPERT_TASK = (
    _SELECT_TASKS.where(
        _IS_NEW, tasks.c.kind.in_([constant(TaskKind.GOLDEN), constant(TaskKind.PRACTICE)]), _HAS_UNANSWERED
    )
    .order_by(tasks.c.kind.desc(), tasks.c.position)
    .limit(1)
)
_SELECT_PRACTICE_TASK = _SELECT_NEW_TASKS.where(tasks.c.kind == constant(TaskKind.PRACTICE), _HAS_TRUTH).limit(1)
_IS_GOLDEN = tasks.c.kind == constant(TaskKind.GOLDEN)
_SELECT_GOLDEN_TASKS = _SELECT_NEW_TASKS.where(_IS_GOLDEN, _HAS_TRUTH).add_columns(_N_UNANSWERED.label("size"))
# A fixed number of parameters, which is faster.
_POSITION_PARAMETERS = [bindparam(f"place_{number}") for number in range(N_SEARCH_POSITIONS)]
_SELECT_GOLDEN_AT_POSITIONS = _SELECT_ALL_TASKS.where(
    _IS_GOLDEN, tasks.c.position.in_(_POSITION_PARAMETERS), _IS_NEW, _HAS_TRUTH, bindparam("least") <= _N_UNANSWERED
)
