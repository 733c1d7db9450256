"""The practice round of a new rater; raters' answers to its tasks are used only for practice."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, and_, exists, func, or_, select, update

from reassess.annotation.practice_round import PracticeRound
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import (
    RaterStage,
    Role,
    TaskKind,
    TurnState,
    answers,
    people,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.transactions import Transaction
from reassess.core import KNOWN_ANSWERS, VALIDITY
from reassess.numeric import BalancedAccuracy


@dataclass(frozen=True)
class PracticeResult:
    """The balanced accuracy of a rater in practice, and whether they passed."""

    accuracy: BalancedAccuracy  # on practice questions; questions of skipped images count as maybe
    has_passed: bool | None  # None without a bar, before the end, and for a failed rater whom an owner admitted

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict for JSON output."""
        return {**self.accuracy.to_json(), "passed": self.has_passed}


def count_practice_tasks(campaign: Campaign) -> int:
    """Count the practice tasks of a campaign."""
    with connect_for_reading(campaign.engine) as connection:
        size: int = connection.execute(COUNT_PRACTICE_TASKS).scalar_one()
    return size


def read_practice_round(connection: Connection, practice_bar: float | None) -> PracticeRound:
    """Read the practice round of a campaign, with the truths that experts have decided so far."""
    truths = {row.truth: row.n for row in connection.execute(_SELECT_TRUTH_COUNTS)}
    return PracticeRound(
        n_tasks=connection.scalar(COUNT_PRACTICE_TASKS) or 0,
        n_unanswered_tasks=connection.scalar(_COUNT_UNANSWERED) or 0,
        n_invalid_questions=truths.get(0, 0),
        n_valid_questions=truths.get(1, 0),
        pass_mark=practice_bar,
    )


def finish_practice(transaction: Transaction, person: Row[Any]) -> Row[Any]:
    """End a rater's practice, as passed or failed; return the updated row of the person."""
    result = _compute_result(
        transaction.connection.execute(_SELECT_PRACTICE_ANSWERS.where(people.c.id == person.id)),
        transaction.campaign.practice_bar,
    )
    stage = RaterStage.FAILED if result.has_passed is False else RaterStage.RATING
    transaction.connection.execute(update(people).where(people.c.id == person.id).values(stage=stage))
    return transaction.lock_person(person.id)


def compute_practice_results(connection: Connection, practice_bar: float | None) -> dict[int, PracticeResult]:
    """Compute the practice results of all raters who have begun practice, by id."""
    results = {}
    for person, group in groupby(connection.execute(_SELECT_PRACTICE_ANSWERS.order_by(people.c.id)), key=itemgetter(0)):
        rows = list(group)
        result = _compute_result(rows, practice_bar)
        # An earlier version of reassess may have decided by another rule.
        passed = {RaterStage.PRACTICE: None, RaterStage.FAILED: False}.get(rows[0].stage, result.has_passed or None)
        results[person] = replace(result, has_passed=passed)
    return results


_MAYBE = KNOWN_ANSWERS.index("maybe")
_IS_PRACTICE = tasks.c.kind == TaskKind.PRACTICE
COUNT_PRACTICE_TASKS = select(func.count()).select_from(tasks).where(_IS_PRACTICE)
_SKIPPED_BY_EXPERT = (
    exists()
    .where(turns.c.task == tasks.c.id, turns.c.state == TurnState.SKIPPED)
    .where(turns.c.person.in_(select(people.c.id).where(people.c.role == Role.EXPERT)))
)
_COUNT_UNANSWERED = COUNT_PRACTICE_TASKS.where(
    ~exists().where(questions.c.task == tasks.c.id, questions.c.truth.is_not(None)), ~_SKIPPED_BY_EXPERT
)
_SELECT_TRUTH_COUNTS = (
    select(questions.c.truth, func.count().label("n"))
    .select_from(questions.join(tasks))
    .where(_IS_PRACTICE)
    .group_by(questions.c.truth)
)
# Answers of raters to practice questions, and the questions of images that they skipped.
_SELECT_PRACTICE_ANSWERS = (
    select(people.c.id, people.c.stage, questions.c.truth, answers.c.answer, turns.c.state)
    .select_from(turns.join(people).join(tasks).join(questions))
    .outerjoin(answers, and_(answers.c.question == questions.c.id, answers.c.person == people.c.id))
    .where(people.c.role == Role.RATER, _IS_PRACTICE, questions.c.truth.is_not(None))
    .where(or_(answers.c.answer.is_not(None), turns.c.state == TurnState.SKIPPED))
)


def _compute_result(answer_rows: Iterable[Row[Any]], practice_bar: float | None) -> PracticeResult:
    """Compute the practice result of a rater from their answers; questions of skipped images count as maybe."""
    # If skipped images did not count, a rater could skip all images except an easy one.
    answered, skipped = np.zeros((2, len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    for row in answer_rows:
        if row.state == TurnState.SKIPPED:
            skipped[row.truth, _MAYBE] += 1
        else:
            answered[row.truth, row.answer] += 1
    accuracy = BalancedAccuracy.from_confusion(answered + skipped)
    has_both_truths = bool(answered.any(axis=1).all())
    has_passed = None if practice_bar is None else has_both_truths and accuracy.reaches(practice_bar)
    return PracticeResult(accuracy, has_passed)
