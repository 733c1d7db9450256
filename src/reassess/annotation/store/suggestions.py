"""Classes that raters suggest for an image: each becomes a new question for others."""

from typing import Any

from sqlalchemy import Integer, Row, bindparam, cast, delete, exists, func, insert, or_, select, update

from reassess.annotation.running_posterior import current_model, probability_by_label
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, Transaction, changing
from reassess.annotation.store.creation import random_ids
from reassess.annotation.store.schema import (
    WITHDRAWN,
    Kind,
    Stage,
    State,
    answers,
    images,
    people,
    questions,
    suggestions,
    tasks,
    turns,
)
from reassess.annotation.store.turns import find_turn
from reassess.annotation.store.vote_counting import count_anew
from reassess.errors import DataError

_MOST = 8  # suggestions of a rater per task


def suggest(campaign: Campaign, person: int, task: int, class_id: int, now: float) -> None:
    """Suggest a class for the image of a task. It is not a vote; others are asked about the class.

    A suggestion for a practice image is only noted.
    """
    with changing(campaign) as change:
        connection = change.connection
        row = change.person(person)
        for is_so, why in (
            (row.paused, "paused"),
            (row.excluded, "an excluded rater"),
            (row.stage == Stage.FAILED, "a rater who did not reach the bar"),
        ):
            if is_so:
                raise DataError("no-suggestions", "suggestions are closed", found=why)
        find_turn(change, person, task)
        if connection.scalar(select(schema.classes.c.id).where(schema.classes.c.id == class_id)) is None:
            raise DataError("unknown-class", "unknown class", found=f"class {class_id}")
        own = suggestions.c.person == person, suggestions.c.task == task
        before = set(connection.scalars(select(suggestions.c.class_id).where(*own)))
        if class_id in before:
            return
        if len(before) >= _MOST:
            raise DataError(
                "too-many",
                "too many suggested classes for one image",
                allowed=f"up to {_MOST}",
                found=len(before) + 1,
            )
        connection.execute(insert(suggestions).values(person=person, task=task, class_id=class_id, at=now))
        change.note(now, "suggest", person, task=task, class_id=class_id)
        image = connection.execute(_IMAGE, {"of_task": task}).one()  # locked, so nobody else adds a task to it
        if image.kind == Kind.PRACTICE:  # used for nothing else
            return
        same = select(questions.c.task).join(tasks, tasks.c.id == questions.c.task)
        asked_in = connection.scalar(same.where(tasks.c.image == image.id, questions.c.class_id == class_id))
        # A person who suggests a class is not asked about it.
        turn = {"person": person, "shown": [], "state": State.SUGGESTED, "number": 0, "expires": now}
        if asked_in is None:
            connection.execute(turns.insert().values(task=_ask(change, image, class_id), **turn))
            return
        change.lock([asked_in])
        own_turn = turns.c.task == asked_in, turns.c.person == person
        suggested = suggestions.c.class_id == class_id, turns.c.task == asked_in, turns.c.state == State.SUGGESTED
        known = select(turns.c.task).join(suggestions, suggestions.c.person == turns.c.person).where(*suggested)
        if connection.scalar(known) is None:
            return
        # It replaces a turn that ended without an answer.
        connection.execute(delete(turns).where(*own_turn, turns.c.state.in_([State.EXPIRED, State.EXCLUDED])))
        if connection.scalar(select(turns.c.task).where(*own_turn)) is None:
            connection.execute(turns.insert().values(task=asked_in, **turn))
            _renew(change, asked_in)


_IMAGE = (
    select(images.c.id, images.c.original, tasks.c.kind)
    .join(tasks, tasks.c.image == images.c.id)
    .where(tasks.c.id == bindparam("of_task"))
    .with_for_update(of=images, key_share=True)
)


def _ask(change: Transaction, image: Row[Any], class_id: int) -> int:
    """Ask about a class in a new task, the last one."""
    change.lock_campaign()
    connection = change.connection
    ((task,), (question,)) = random_ids(1), random_ids(1)
    last = select(func.coalesce(func.max(tasks.c.position), -1)).where(tasks.c.kind == Kind.MAIN)
    position = connection.execute(last).scalar_one() + 1
    place = {"kind": Kind.MAIN, "position": position, "free": change.rules.free(votes=0, reserved=0)}
    connection.execute(tasks.insert().values(id=task, image=image.id, **place))
    golden = connection.execute(select(schema.campaign.c.golden_invalid, schema.campaign.c.golden_valid)).one()
    prior = _prior(change, image, class_id)
    valid = float(current_model([], (golden[0], golden[1]), []).prior[1]) if prior is None else prior
    asked = {"task": task, "class_id": class_id, "golden": False, "prior": prior, "valid": valid}
    connection.execute(questions.insert().values(id=question, **asked))
    return task


_GOLDEN_LABELS = (
    select(questions.c.truth, cast(questions.c.class_id == images.c.original, Integer))
    .select_from(questions.join(tasks).join(images))
    .where(tasks.c.kind == Kind.GOLDEN)
)


def _prior(change: Transaction, image: Row[Any], class_id: int) -> float | None:
    """Probability of valid before any vote, by the original label of the image, if that counts as a vote."""
    if not change.campaign.original_votes or image.original is None:
        return None
    labels = [(row[0], row[1]) for row in change.connection.execute(_GOLDEN_LABELS)]
    return probability_by_label(labels)[class_id == image.original]


def renew_suggested(change: Transaction, person: int, after: int, most: int) -> int | None:
    """Withdraw suggestions of an excluded rater that nobody has begun to answer, and nobody else has suggested.

    A question returns once a person who suggested it is included. This handles up to `most` tasks with numbers above
    `after`, and returns the last number, or None if no task is left.
    """
    own = select(turns.c.task).where(turns.c.person == person, turns.c.state == State.SUGGESTED, turns.c.task > after)
    found = change.connection.scalars(own.order_by(turns.c.task).limit(most)).all()
    change.lock(found)
    for task in found:
        _renew(change, task)
    return found[-1] if found else None


def _renew(change: Transaction, task: int) -> None:
    its = questions.c.task == task
    is_suggested = exists().where(
        turns.c.task == task, turns.c.state == State.SUGGESTED, people.c.id == turns.c.person, ~people.c.excluded
    )
    is_begun = or_(questions.c.reserved > 0, exists().where(answers.c.question == questions.c.id))
    withdraw = update(questions).where(its, questions.c.ended.is_(None), ~is_begun, ~is_suggested)
    ask = update(questions).where(its, questions.c.ended == WITHDRAWN, is_suggested)
    change.connection.execute(withdraw.values(ended=WITHDRAWN))
    asked = change.connection.scalars(ask.values(ended=None).returning(questions.c.id)).all()
    if asked:  # somebody may have answered since it was withdrawn
        count_anew(change, asked)
    change.renew([task])
