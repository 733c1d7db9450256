"""The tempering power of a campaign: how often each vote counts, renewed as raters answer golden questions.

Raters make the same mistakes, so the probabilities of questions would be too close to 0 and 1 if each vote counted
once. See `reassess.aggregation.tempering`.
"""

from typing import Any

import numpy as np
from sqlalchemy import Row, and_, exists, func, select, update

from reassess.aggregation import predict_golden_questions
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import (
    Role,
    TaskKind,
    TurnState,
    answers,
    golden_counts,
    people,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.transactions import open_transaction
from reassess.core import KNOWN_ANSWERS, Questions, Votes

_N_TASKS_PER_CHECK = 20  # tasks of a person until the power may be renewed
_MIN_NEW_ANSWERS, _MIN_GROWTH = 20, 0.1  # raters' golden answers since the last renewal

_SELECT_STATE = select(
    schema.campaign.c.tempering_answers,
    select(func.coalesce(func.sum(golden_counts.c.n), 0))
    .where(golden_counts.c.person.not_in(select(people.c.id).where(people.c.excluded)))
    .scalar_subquery()
    .label("n_answers"),
)
_IS_RATERS_ANSWER = and_(
    answers.c.question == questions.c.id,
    answers.c.person.in_(select(people.c.id).where(people.c.role == Role.RATER, ~people.c.excluded)),
    ~exists().where(
        turns.c.person == answers.c.person, turns.c.task == questions.c.task, turns.c.state == TurnState.SKIPPED
    ),
)
_SELECT_GOLDEN_ANSWERS = (
    select(tasks.c.image, questions.c["id", "truth", "prior"], answers.c["person", "answer"])
    .select_from(questions.join(tasks).outerjoin(answers, _IS_RATERS_ANSWER))
    .where(tasks.c.kind == TaskKind.GOLDEN, questions.c.truth.is_not(None))
    .order_by(tasks.c.image, questions.c.class_id, answers.c.person)  # ids of questions differ between equal campaigns
)


def is_power_check_due(person: Row[Any]) -> bool:
    """Return whether the power is checked after this task of a person.

    Renewing takes time, so this depends only on the number of the person's tasks, and not on whether tasks are golden.
    """
    return bool((person.draws + person.id) % _N_TASKS_PER_CHECK == 0)


def renew_power_if_due(campaign: Campaign) -> None:
    """Renew the tempering power if there are at least 20 new golden answers of raters, and 10 % more than before."""
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        state = connection.execute(_SELECT_STATE).one()
    if state.n_answers - state.tempering_answers >= max(_MIN_NEW_ANSWERS, _MIN_GROWTH * state.tempering_answers):
        renew_power(campaign)


def renew_power(campaign: Campaign) -> None:
    """Find the power that golden answers support, and store it for all servers of the campaign."""
    with connect_for_reading(campaign.engine) as connection:
        rows = connection.execute(_SELECT_GOLDEN_ANSWERS).all()
    power, n_questions = _find_power(rows, campaign.rules.votes_per_question)
    values = {
        "tempering_power": power,
        "tempering_questions": n_questions,
        "tempering_answers": sum(row.person is not None for row in rows),
    }
    with open_transaction(campaign) as transaction:
        transaction.connection.execute(update(schema.campaign).values(**values))


def _find_power(rows: list[Row[Any]], max_votes: int) -> tuple[float, int]:
    """Return the power, and the number of golden questions that it was found by."""
    first_rows = {row.id: row for row in rows}
    position = {question: number for number, question in enumerate(first_rows)}
    golden = Questions.from_columns([str(row.image) for row in first_rows.values()], np.arange(len(first_rows)))
    votes = [(position[row.id], row.person, row.answer) for row in rows if row.person is not None]
    if not votes:
        return 1.0, 0
    question, person, answer = np.array(votes).T
    raters, rater = np.unique(person, return_inverse=True)
    predictions = predict_golden_questions(
        Votes.from_columns(golden, question, rater, answer, raters.tolist(), KNOWN_ANSWERS),
        np.array([row.truth for row in first_rows.values()]),
        priors=np.array([row.prior for row in first_rows.values()], np.float64),
    )
    return predictions.find_power(max_votes), len(predictions)
