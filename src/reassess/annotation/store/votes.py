"""What raters answer, and which of it counts as a vote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from reassess.annotation.judging import current_model, probability_valid
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.schema import ASKED, answers, golden_counts, people, questions, turns
from reassess.annotation.store.turns import end_turn, find_turn
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.checks import check_range
from reassess.core.rater_model import RaterModel
from reassess.errors import DataError

__all__ = ["GivenAnswer", "keep_answers", "restore_rater", "void_rater"]


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as it was given.

    Parameters
    ----------
    key
        Made where it was given: an answer that is sent twice has one key.
    question
        The question.
    answer
        0 no, 1 maybe, 2 yes.
    seconds
        How long it took; None if that is not known.
    """

    key: str
    question: int
    answer: int
    seconds: float | None = None

    def __post_init__(self) -> None:
        check_range(self.answer, 0, len(KNOWN_ANSWERS) - 1, what="answer")


def keep_answers(campaign: Campaign, person: int, given: Sequence[GivenAnswer], now: float) -> None:
    """Keep answers: when this returns, each is in the database, and is there once however often it is sent.

    Of two answers of a rater to a question the first is kept. One to a question that has votes enough is kept, and does
    not count.

    Raises
    ------
    DataError
        A question is in no task that the rater was shown; nothing of the call is kept.
    """
    with changing(campaign) as change:
        counts = not change.is_voided(person)
        found = select(questions.c.id, questions.c.task).where(questions.c.id.in_([one.question for one in given]))
        task_of = {row.id: row.task for row in change.connection.execute(found)}
        change.lock(task_of.values())
        for one in given:
            if one.question not in task_of:
                raise DataError("there is no such question", found=f"question {one.question}")
            turn = find_turn(change, person, task_of[one.question])
            _keep(change, campaign, turn, one, now, counts=counts)


def void_rater(campaign: Campaign, person: int, now: float) -> None:
    """Count the votes of a rater no more; their questions open again."""
    _judge(campaign, person, True, now)


def restore_rater(campaign: Campaign, person: int, now: float) -> None:
    """Count the votes of a rater again, as if they had never been voided."""
    _judge(campaign, person, False, now)


def _keep(change: Change, campaign: Campaign, turn: Row[Any], given: GivenAnswer, now: float, *, counts: bool) -> None:
    connection = change.connection
    theirs = answers.c.question == given.question, answers.c.person == turn.person
    if connection.execute(select(answers.c.id).where(*theirs)).one_or_none() is not None:
        return
    row = connection.execute(select(questions).where(questions.c.id == given.question)).one()
    counted = counts and row.truth is None and row.ended is None
    kept = {**vars(given), "person": turn.person, "at": now, "counted": counted}
    connection.execute(answers.insert().values(**kept))
    if row.truth is not None:
        cell = {"person": turn.person, "truth": row.truth, "answer": given.answer}
        here = (golden_counts.c[name] == value for name, value in cell.items())
        connection.execute(update(golden_counts).where(*here).values(n=golden_counts.c.n + 1))
    elif counted:
        cast = _cast(change, given.question, answers.c.counted)
        _settle(change, given.question, [(one.person, one.answer) for one in cast], _model(change, campaign))
    if turn.state == ASKED and given.question in turn.shown:
        asked = select(answers.c.question).where(answers.c.person == turn.person, answers.c.question.in_(turn.shown))
        done = set(connection.scalars(asked)) == set(turn.shown)
        own = turns.c.person == turn.person, turns.c.task == turn.task
        state = {"state": "done" if done else ASKED, "expires": now + change.rules.lease}
        connection.execute(update(turns).where(*own).values(**state))
        change.reserve([given.question], -1)
    change.renew(turn.task)


def _judge(campaign: Campaign, person: int, voided: bool, now: float) -> None:
    """Count the answers to each question of a rater anew, in the order in which they came."""
    with changing(campaign) as change:
        change.connection.execute(update(people).where(people.c.id == person).values(voided=voided))
        found = select(questions.c.id, questions.c.task).join(answers, answers.c.question == questions.c.id)
        theirs = found.where(answers.c.person == person, questions.c.truth.is_(None)).order_by(questions.c.id)
        asked = change.connection.execute(theirs).all()
        begun = change.connection.execute(select(turns).where(turns.c.person == person, turns.c.state == ASKED)).all()
        change.lock([*(row.task for row in asked), *(turn.task for turn in begun)])
        for turn in begun if voided else ():
            end_turn(change, find_turn(change, person, turn.task), "voided")
        model = _model(change, campaign)
        for row in asked:
            cast = _cast(change, row.id, ~people.c.voided)
            counted = _enough(change, [(one.person, one.answer) for one in cast], model)
            keys = [one.id for one in cast[: len(counted)]]
            of_question = update(answers).where(answers.c.question == row.id)
            change.connection.execute(of_question.values(counted=answers.c.id.in_(keys)))
            _settle(change, row.id, counted, model)
        for task in sorted({row.task for row in asked}):
            change.renew(task)
        entry = {"at": now, "who": "keeper", "what": "void" if voided else "restore", "detail": {"person": person}}
        change.connection.execute(schema.log.insert().values(**entry))


_Cast = Sequence[tuple[int, int]]


def _enough(change: Change, cast: _Cast, model: RaterModel) -> _Cast:
    """The first of some votes, until they are enough."""
    for votes in range(len(cast)):
        if change.rules.ending(votes, probability_valid(cast[:votes], model)) is not None:
            return cast[:votes]
    return cast


def _cast(change: Change, question: int, which: Any) -> Sequence[Row[Any]]:
    """Some of the answers to a question, in the order in which they came."""
    found = select(answers).join(people, people.c.id == answers.c.person).where(answers.c.question == question, which)
    rows: Sequence[Row[Any]] = change.connection.execute(found.order_by(answers.c.id)).all()
    return rows


def _settle(change: Change, question: int, counted: _Cast, model: RaterModel) -> None:
    """Note what the counted votes on a question say, and whether they are enough."""
    valid = probability_valid(counted, model)
    state = {"votes": len(counted), "valid": valid, "ended": change.rules.ending(len(counted), valid)}
    change.connection.execute(update(questions).where(questions.c.id == question).values(**state))


def _model(change: Change, campaign: Campaign) -> RaterModel:
    counts = change.connection.execute(select(golden_counts).where(golden_counts.c.n > 0)).all()
    return current_model(map(tuple, counts), campaign.golden, sorted({row.person for row in counts}))
