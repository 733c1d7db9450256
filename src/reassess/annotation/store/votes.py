"""What raters answer, and which of it counts as a vote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from reassess.annotation.judging import current_model, probability_valid
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, Change, changing, in_parts
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
        A question is in no task that the rater was shown, or a key stands for another answer; nothing of the call is
        kept.
    """
    with changing(campaign) as change:
        counts = not change.is_voided(person)
        first: dict[int, GivenAnswer] = {}
        for one in given:
            first.setdefault(one.question, one)
        turned = _turns_of(change, person, list(first))
        asked = {row.id: row for task in turned for row in change.rows(task)}
        theirs = select(answers.c.question).where(answers.c.person == person, answers.c.question.in_(list(asked)))
        answered = set(change.connection.scalars(theirs))
        new = [one for one in first.values() if one.question not in answered]
        if not new:
            return
        rated = [asked[one.question] for one in new]
        counted = [row.id for row in rated if counts and row.truth is None and row.ended is None]
        rows = [{**vars(one), "person": person, "at": now, "counted": one.question in counted} for one in new]
        try:
            change.connection.execute(answers.insert(), rows)
        except IntegrityError as error:
            raise DataError("a key stands for another answer", mend="make a new key for each answer") from error
        _count_golden(change, person, [(row.truth, one.answer) for row, one in zip(rated, new, strict=True)])
        if counted:
            _settle(change, _cast(change, counted, answers.c.counted), _model(change, campaign))
        answered |= {one.question for one in new}
        for task, turn in turned.items():
            own = [row.id for row in rated if row.task == task]
            _go_on(change, turn, own, answered, now)


def void_rater(campaign: Campaign, person: int, now: float) -> None:
    """Count the votes of a rater no more; their questions open again."""
    _judge(campaign, person, True, now)


def restore_rater(campaign: Campaign, person: int, now: float) -> None:
    """Count the votes of a rater again, as if they had never been voided."""
    _judge(campaign, person, False, now)


def _turns_of(change: Change, person: int, given: Sequence[int]) -> dict[int, Row[Any]]:
    """The turns of a rater in which some questions stand, by task; the tasks are locked."""
    found = select(questions.c.id, questions.c.task).where(questions.c.id.in_(given))
    task_of = {row.id: row.task for row in change.connection.execute(found)}
    for question in given:
        if question not in task_of:
            raise DataError("there is no such question", found=f"question {question}")
    numbers = sorted(set(task_of.values()))
    change.lock(numbers)
    return {task: find_turn(change, person, task) for task in numbers}


def _count_golden(change: Change, person: int, said: Sequence[tuple[int | None, int]]) -> None:
    """Count answers of a rater to golden questions: the truth, None of other questions, and the answer of each."""
    for truth, answer in said:
        if truth is None:
            continue
        cell = {"person": person, "truth": truth, "answer": answer}
        here = (golden_counts.c[name] == value for name, value in cell.items())
        change.connection.execute(update(golden_counts).where(*here).values(n=golden_counts.c.n + 1))


def _go_on(change: Change, turn: Row[Any], new: Sequence[int], answered: set[int], now: float) -> None:
    """Give back the places of answered questions; a turn ends with its last one, and else has its lease anew."""
    if turn.state == ASKED:
        state = "done" if answered.issuperset(turn.shown) else ASKED
        own = turns.c.person == turn.person, turns.c.task == turn.task
        change.connection.execute(update(turns).where(*own).values(state=state, expires=now + change.rules.lease))
        change.reserve(sorted(set(turn.shown).intersection(new)), -1)
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
        for some in in_parts([row.id for row in asked]):
            counted = {}
            for question, cast in _cast(change, some, ~people.c.voided).items():
                counted[question] = enough = _enough(change, cast, model)
                counts = answers.c.person.in_([rater for rater, _ in enough])
                change.connection.execute(update(answers).where(answers.c.question == question).values(counted=counts))
            _settle(change, counted, model)
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


def _cast(change: Change, asked: Sequence[int], which: Any) -> dict[int, _Cast]:
    """Some of the answers to each of some questions, in the order in which they came: rater and answer."""
    found = select(answers).join(people, people.c.id == answers.c.person).where(answers.c.question.in_(asked), which)
    cast: dict[int, list[tuple[int, int]]] = {question: [] for question in asked}
    for row in change.connection.execute(found.order_by(answers.c.id)):
        cast[row.question].append((row.person, row.answer))
    return dict(cast)


def _settle(change: Change, counted: Mapping[int, _Cast], model: RaterModel) -> None:
    """Note what the counted votes on some questions say, and whether they are enough."""
    states = []
    for question, cast in counted.items():
        valid = probability_valid(cast, model)
        ended = change.rules.ending(len(cast), valid)
        states.append({"question": question, "votes": len(cast), "valid": valid, "ended": ended})
    values = {name: bindparam(name) for name in ("votes", "valid", "ended")}
    change.connection.execute(update(questions).where(questions.c.id == bindparam("question")).values(**values), states)


def _model(change: Change, campaign: Campaign) -> RaterModel:
    counts = change.connection.execute(select(golden_counts).where(golden_counts.c.n > 0)).all()
    return current_model(map(tuple, counts), campaign.golden, sorted({row.person for row in counts}))
