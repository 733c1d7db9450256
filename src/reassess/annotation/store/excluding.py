"""Excluding raters, and including them again."""

from time import monotonic, sleep

from sqlalchemy import select, update

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import (
    Role,
    TurnState,
    answers,
    cursors,
    people,
    questions,
    turns,
)
from reassess.annotation.store.stop_power import renew_power
from reassess.annotation.store.suggestions import withdraw_or_reopen_suggested_questions
from reassess.annotation.store.transactions import Transaction, open_transaction
from reassess.annotation.store.turns import end_turn
from reassess.annotation.store.vote_counting import recount_votes
from reassess.errors import DataError

_MAX_QUESTIONS = 100  # questions per transaction, since other transactions wait for it


def exclude_rater(
    campaign: Campaign, person_id: int, now: float, actor_id: int | None = None, *, recount_now: bool = True
) -> bool:
    """Exclude a rater, so that their votes no longer count and their questions open again.

    Return False if they were already excluded. With `recount_now=False`, the questions that they answered stay closed
    until `finish_recounting` is called. `actor_id` is the id of the owner who excludes them; None for the command line.
    """
    return _set_excluded(campaign, person_id, True, now, actor_id, recount_now)


def include_rater(
    campaign: Campaign, person_id: int, now: float, actor_id: int | None = None, *, recount_now: bool = True
) -> bool:
    """Include an excluded rater again; return False if they were not excluded."""
    return _set_excluded(campaign, person_id, False, now, actor_id, recount_now)


def _set_excluded(
    campaign: Campaign, person_id: int, is_excluded: bool, now: float, actor_id: int | None, recount_now: bool
) -> bool:
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        if row.role != Role.RATER:
            raise DataError("not-a-rater", "only raters can be excluded", found=f"{row.name}, of the role {row.role}")
        is_new = bool(row.excluded != is_excluded)
        if is_new:
            values = {"excluded": is_excluded, "recounted": -1}
            transaction.connection.execute(update(people).where(people.c.id == person_id).values(**values))
            (_end_tasks_of_excluded_person if is_excluded else _reopen_tasks_of_included_person)(transaction, person_id)
            transaction.log_action(now, "exclude" if is_excluded else "include", actor_id, person=person_id)
    if recount_now:
        finish_recounting(campaign)
    return is_new


def _end_tasks_of_excluded_person(transaction: Transaction, person_id: int) -> None:
    begun = transaction.connection.execute(
        select(turns).where(turns.c.person == person_id, turns.c.state == TurnState.ASKED)
    ).all()
    transaction.lock_tasks(turn.task for turn in begun)
    for turn in begun:
        end_turn(transaction, turn, TurnState.EXCLUDED)


def _reopen_tasks_of_included_person(transaction: Transaction, person_id: int) -> None:
    """Reopen the tasks of a person who is included again: tasks that ended because the person was excluded."""
    is_ended = turns.c.person == person_id, turns.c.state == TurnState.EXCLUDED
    transaction.connection.execute(update(turns).where(*is_ended).values(state=TurnState.EXPIRED))
    transaction.connection.execute(update(cursors).where(cursors.c.person == person_id).values(position=0))


def finish_recounting(campaign: Campaign) -> None:
    """Recount the votes of raters who were excluded or included again since the last recount.

    First the tempering power is renewed. Each transaction counts a few questions, so that other transactions do not
    wait long. After a crash, the next call continues.
    """
    with connect_for_reading(campaign.engine) as connection:
        pending = connection.execute(
            select(people.c.id, people.c.excluded).where(people.c.recounted.is_not(None))
        ).all()
    if pending:
        renew_power(campaign)
    for person, excluded in pending:
        task: int | None = -1
        while task is not None:
            begin = monotonic()
            with open_transaction(campaign) as transaction:
                task = _recount_chunk(transaction, person, excluded, task)
            sleep((monotonic() - begin) / 2)  # lets other processes take the lock; SQLite has no queue for it


def _recount_chunk(transaction: Transaction, person_id: int, is_excluded: bool, after_task_id: int) -> int | None:
    """Recount a chunk of a rater's answers; return `after_task_id` for the next call, or None at the end."""
    # After all answers, the suggested questions of tasks with ids above `after_task_id` are updated. The end is also
    # reached if somebody has included or excluded the rater again.
    row = transaction.lock_person(person_id)
    if row.recounted is None or row.excluded != is_excluded:
        return None
    remaining = select(answers.c.question).where(answers.c.person == person_id, answers.c.question > row.recounted)
    answered = transaction.connection.scalars(remaining.order_by(answers.c.question).limit(_MAX_QUESTIONS)).all()
    update_person = update(people).where(people.c.id == person_id)
    if not answered:
        last = withdraw_or_reopen_suggested_questions(transaction, person_id, after_task_id, _MAX_QUESTIONS)
        if last is None:
            transaction.connection.execute(update_person.values(recounted=None))
        return last
    transaction.connection.execute(update_person.values(recounted=answered[-1]))
    main = select(questions.c.id, questions.c.task).where(questions.c.id.in_(answered), ~questions.c.golden)
    rows = transaction.connection.execute(main).all()
    transaction.lock_tasks(row.task for row in rows)
    if rows:
        recount_votes(transaction, [row.id for row in rows])
        transaction.update_free([row.task for row in rows], is_reopened=True)
    return -1
