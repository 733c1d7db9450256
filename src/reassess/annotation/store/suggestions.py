"""Classes that raters suggest for an image; each class becomes a new question for other raters."""

from typing import Any

from sqlalchemy import Integer, Row, bindparam, cast, delete, exists, func, insert, or_, select, update

from reassess.annotation.running_posterior import estimate_priors_by_label, estimate_rater_model
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.creation import draw_random_ids
from reassess.annotation.store.schema import (
    WITHDRAWN,
    RaterStage,
    TaskKind,
    TurnState,
    answers,
    images,
    people,
    questions,
    suggestions,
    tasks,
    turns,
)
from reassess.annotation.store.transactions import Transaction, open_transaction
from reassess.annotation.store.turns import find_turn
from reassess.annotation.store.vote_counting import recount_votes
from reassess.errors import DataError

_MAX_SUGGESTIONS = 8  # per rater and task


def suggest_class(campaign: Campaign, person_id: int, task_id: int, class_id: int, now: float) -> None:
    """Suggest a class for the image of a task, so that other raters are asked about the class.

    A suggestion is not a vote. A suggestion for a practice image is saved, but nobody is asked about it.
    """
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        for is_closed, reason in (
            (row.paused, "paused"),
            (row.excluded, "an excluded rater"),
            (row.stage == RaterStage.FAILED, "a rater who did not reach the pass mark"),
        ):
            if is_closed:
                raise DataError("no-suggestions", "suggestions are not accepted", found=reason)
        find_turn(transaction, person_id, task_id)
        if transaction.connection.scalar(select(schema.classes.c.id).where(schema.classes.c.id == class_id)) is None:
            raise DataError("unknown-class", "unknown class", found=f"class {class_id}")
        is_own = suggestions.c.person == person_id, suggestions.c.task == task_id
        suggested_ids = set(transaction.connection.scalars(select(suggestions.c.class_id).where(*is_own)))
        if class_id in suggested_ids:
            return
        if len(suggested_ids) >= _MAX_SUGGESTIONS:
            raise DataError(
                "too-many",
                "too many suggested classes for one image",
                allowed=f"up to {_MAX_SUGGESTIONS}",
                found=len(suggested_ids) + 1,
            )
        transaction.connection.execute(
            insert(suggestions).values(person=person_id, task=task_id, class_id=class_id, at=now)
        )
        transaction.log_action(now, "suggest", person_id, task=task_id, class_id=class_id)
        # Also locks the image, so that nobody else adds a task.
        image = transaction.connection.execute(_LOCK_IMAGE, {"task_id": task_id}).one()
        if image.kind == TaskKind.PRACTICE:  # practice images are used only for practice
            return
        task_of = select(questions.c.task).join(tasks, tasks.c.id == questions.c.task)
        existing = transaction.connection.scalar(
            task_of.where(tasks.c.image == image.id, questions.c.class_id == class_id)
        )
        # A suggested turn keeps the person from being asked about their own suggestion.
        turn = {"person": person_id, "shown": [], "state": TurnState.SUGGESTED, "number": 0, "expires": now}
        if existing is None:
            transaction.connection.execute(
                turns.insert().values(task=_add_question(transaction, image, class_id), **turn)
            )
            return
        transaction.lock_tasks([existing])
        is_own_turn = turns.c.task == existing, turns.c.person == person_id
        is_suggested = (
            suggestions.c.class_id == class_id,
            turns.c.task == existing,
            turns.c.state == TurnState.SUGGESTED,
        )
        earlier = select(turns.c.task).join(suggestions, suggestions.c.person == turns.c.person).where(*is_suggested)
        if transaction.connection.scalar(earlier) is None:
            return
        # The suggested turn replaces a turn that ended without an answer.
        transaction.connection.execute(
            delete(turns).where(*is_own_turn, turns.c.state.in_([TurnState.EXPIRED, TurnState.EXCLUDED]))
        )
        if transaction.connection.scalar(select(turns.c.task).where(*is_own_turn)) is None:
            transaction.connection.execute(turns.insert().values(task=existing, **turn))
            _withdraw_or_reopen_question(transaction, existing)


_LOCK_IMAGE = (
    select(images.c.id, images.c.original, tasks.c.kind)
    .join(tasks, tasks.c.image == images.c.id)
    .where(tasks.c.id == bindparam("task_id"))
    .with_for_update(of=images, key_share=True)
)


def _add_question(transaction: Transaction, image: Row[Any], class_id: int) -> int:
    """Add a task that asks about a class of an image, after all other tasks; return its id."""
    transaction.lock_campaign()
    ((task,), (question,)) = draw_random_ids(1), draw_random_ids(1)
    last = select(func.coalesce(func.max(tasks.c.position), -1)).where(tasks.c.kind == TaskKind.MAIN)
    position = transaction.connection.execute(last).scalar_one() + 1
    place = {"kind": TaskKind.MAIN, "position": position, "free": 1}
    transaction.connection.execute(tasks.insert().values(id=task, image=image.id, **place))
    golden = transaction.connection.execute(
        select(schema.campaign.c.golden_invalid, schema.campaign.c.golden_valid)
    ).one()
    prior = _estimate_prior(transaction, image, class_id)
    valid = float(estimate_rater_model([], (golden[0], golden[1]), []).prior[1]) if prior is None else prior
    row = {"task": task, "class_id": class_id, "golden": False, "prior": prior, "valid": valid}
    transaction.connection.execute(questions.insert().values(id=question, **row))
    return task


_SELECT_GOLDEN_LABELS = (
    select(questions.c.truth, cast(questions.c.class_id == images.c.original, Integer))
    .select_from(questions.join(tasks).join(images))
    .where(tasks.c.kind == TaskKind.GOLDEN)
)


def _estimate_prior(transaction: Transaction, image: Row[Any], class_id: int) -> float | None:
    """Estimate the probability that a class is valid, from the original label of the image.

    None if the image has no original label, or if original labels do not count as votes.
    """
    if not transaction.campaign.has_original_votes or image.original is None:
        return None
    labels = [(row[0], row[1]) for row in transaction.connection.execute(_SELECT_GOLDEN_LABELS)]
    return estimate_priors_by_label(labels)[class_id == image.original]


def withdraw_or_reopen_suggested_questions(
    transaction: Transaction, person_id: int, after_task_id: int, max_tasks: int
) -> int | None:
    """Withdraw or reopen the questions that a rater suggested, after the rater is excluded or included again.

    A question is withdrawn if it has no answers, nobody is answering it, and no included rater suggested it. It is
    reopened when a rater who suggested it is included again. This updates up to `max_tasks` tasks with ids above
    `after_task_id`. It returns the id of the last updated task, or None if no task is left.
    """
    suggested_tasks = select(turns.c.task).where(
        turns.c.person == person_id, turns.c.state == TurnState.SUGGESTED, turns.c.task > after_task_id
    )
    task_ids = transaction.connection.scalars(suggested_tasks.order_by(turns.c.task).limit(max_tasks)).all()
    transaction.lock_tasks(task_ids)
    for task in task_ids:
        _withdraw_or_reopen_question(transaction, task)
    return task_ids[-1] if task_ids else None


def _withdraw_or_reopen_question(transaction: Transaction, task_id: int) -> None:
    """Withdraw a question if all raters who suggested it are excluded; reopen it if one is included again."""
    in_task = questions.c.task == task_id
    is_suggested = exists().where(
        turns.c.task == task_id, turns.c.state == TurnState.SUGGESTED, people.c.id == turns.c.person, ~people.c.excluded
    )
    is_begun = or_(questions.c.reserved > 0, exists().where(answers.c.question == questions.c.id))
    withdraw = update(questions).where(in_task, questions.c.ended.is_(None), ~is_begun, ~is_suggested)
    ask_again = update(questions).where(in_task, questions.c.ended == WITHDRAWN, is_suggested)
    transaction.connection.execute(withdraw.values(ended=WITHDRAWN))
    reopened = transaction.connection.scalars(ask_again.values(ended=None).returning(questions.c.id)).all()
    if reopened:  # people may have answered after it was withdrawn
        recount_votes(transaction, reopened)
    transaction.update_free([task_id])
