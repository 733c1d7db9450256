"""What people answer, and what they say besides."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.choosing import ASKED_OF
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    ASKED,
    DONE,
    EXPERT,
    EXPIRED,
    GOLDEN,
    PRACTICE,
    RATER,
    SUGGESTED,
    UNFIT,
    VOIDED,
    answers,
    cursors,
    people,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.suggestions import renew_suggested
from reassess.annotation.store.turns import end_turn, find_turn, is_practice
from reassess.annotation.store.vote_counting import count_anew, count_golden, count_new, renew_truth
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.checks import check_range
from reassess.errors import DataError

__all__ = ["GivenAnswer", "cannot_judge", "finish_counting", "keep_answers", "restore_rater", "void_rater"]

_MOST_CHANGES = 1_000  # of an answer, of which the server has not heard; after the largest revision there is none
_MOST_COUNTED = 100  # questions in a transaction; others wait until it ends


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as it was given.

    Parameters
    ----------
    question
        The question.
    answer
        0 no, 1 maybe, 2 yes.
    seconds
        How long it took; None if that is not known.
    revision
        How often they have changed it. Person, question and revision are the key by which an answer that is sent twice
        is kept once.

    Raises
    ------
    DataError
        A number is out of range.
    """

    question: int
    answer: int
    seconds: float | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.answer < len(KNOWN_ANSWERS) and self.revision >= 0 and (self.seconds or 0.0) >= 0):
            check_range(self.answer, 0, len(KNOWN_ANSWERS) - 1, what="answer")
            check_range(self.revision, 0, what="revision")
            check_range(self.seconds or 0.0, 0, what="seconds")


def keep_answers(
    campaign: Campaign, person: int, given: Sequence[GivenAnswer], now: float, *, reveal: bool = True
) -> dict[int, int]:
    """Keep answers: when this returns, each is in the database, and is there once however often it is sent.

    Of the answers of a person to a question that of the highest revision is kept, and of several the first. One to a
    question that has votes enough is kept, and does not count.

    Parameters
    ----------
    campaign
        The campaign.
    person
        Who answers.
    given
        What they answer.
    now
        The time, in seconds.
    reveal
        Whether practice tasks that are answered as a whole by now end, and what is right is told. Without it their
        answers can be changed still.

    Returns
    -------
    The truth, 0 invalid or 1 valid, of each question of those practice tasks that have ended; else nothing.

    Raises
    ------
    DataError
        A question is in no task that they were shown, or a revision is far beyond the one that is kept; nothing of the
        call is kept.
    """
    with changing(campaign) as change:
        row = change.person(person)
        latest: dict[int, GivenAnswer] = {}
        for one in given:
            if one.question not in latest or one.revision > latest[one.question].revision:
                latest[one.question] = one
        truths: dict[int, int] = {}
        for turn in _turns_of(change, person, list(latest)):
            reveals = reveal and is_practice(row, turn.kind) and turn.state in (ASKED, EXPIRED, DONE)
            kept = _Kept(change, row, turn, latest, now, ends=reveals or not is_practice(row, turn.kind))
            kept.keep()
            if reveals and kept.is_whole:
                truths |= {each.id: each.truth for each in kept.asked if each.truth is not None}
        return truths


class _Kept:
    """Answers of a person to questions of one task: those that are new, and those that change what was said."""

    def __init__(
        self,
        change: Change,
        person: Row[Any],
        turn: Row[Any],
        given: Mapping[int, GivenAnswer],
        now: float,
        *,
        ends: bool,
    ) -> None:
        self.change, self.person, self.turn = change, person, turn
        self.given, self.now, self.ends = given, now, ends
        self.asked = change.connection.execute(ASKED_OF, {"who": person.id, "of_task": turn.task}).all()
        answered = [row for row in self.asked if row.id in given]
        for row in answered:
            most = (row.revision or 0) + _MOST_CHANGES
            if given[row.id].revision > most:
                check_range(given[row.id].revision, 0, most, what="revision", where=f"question {row.id}")
        self.new = [row for row in answered if row.answer is None]
        later = [row for row in answered if row.answer is not None and given[row.id].revision > row.revision]
        self.changed = [] if _knows(person, turn) else later
        self.counted = [row.id for row in self.new if self._counts(row)]
        said = {row.id for row in self.asked if row.answer is not None or row.id in given}
        self.is_whole = said.issuperset(turn.shown)  # all that was shown has an answer

    def _counts(self, row: Row[Any]) -> bool:
        voided, recounted = self.person.voided, self.person.recounted
        stands = self.person.role == RATER and not voided and (recounted is None or row.id <= recounted)
        return stands and not row.golden and row.ended is None and self.turn.state not in (UNFIT, SUGGESTED)

    def keep(self) -> None:
        """Write them down, with all that follows from them."""
        self._insert()
        self._revise()
        self._judge()
        self._go_on()

    def _insert(self) -> None:
        rows = [
            {**vars(self.given[row.id]), "person": self.person.id, "at": self.now, "counted": row.id in self.counted}
            for row in self.new
        ]
        if rows:
            self.change.connection.execute(answers.insert(), rows)

    def _revise(self) -> None:
        for row in self.changed:
            one = self.given[row.id]
            own = answers.c.person == self.person.id, answers.c.question == row.id
            values = {"answer": one.answer, "seconds": one.seconds, "revision": one.revision}
            self.change.connection.execute(update(answers).where(*own).values(**values))
            self.change.note(self.now, "change", self.person.id, question=row.id, was=row.answer, answer=one.answer)

    def _judge(self) -> None:
        """Note what the answers say: of the truth, of the rater, or of the question.

        Of a rater's answers, golden or not, both the rater and the question are looked at, so that the time does not
        tell which they are.
        """
        change, kind = self.change, self.turn.kind
        _lock_campaign(change, self.person, kind)
        if self.person.role == EXPERT:
            renew_truth(change, [*self.new, *self.changed], kind)
        elif kind != PRACTICE:
            said = [(row, row.answer, -1) for row in self.changed]
            said += [(row, self.given[row.id].answer, +1) for row in (*self.new, *self.changed)]
            counts = kind == GOLDEN and self.turn.state != UNFIT
            count_golden(change, [_measured(self.person.id, row, answer, more * counts) for row, answer, more in said])
            new = self.counted if kind == schema.MAIN else [row.id for row in self.new]
            if new:
                count_new(change, self.person.id, new, places=self._reserved(new))
            other = [row.id for row in self.changed if self.given[row.id].answer != row.answer]
            if other:
                count_anew(change, other, self.person.id)

    def _reserved(self, asked: Iterable[int]) -> list[int]:
        """Those of some questions on which the turn has a place."""
        return [question for question in asked if self.turn.state == ASKED and question in self.turn.shown]

    def _go_on(self) -> None:
        """Give back places on questions whose answers do not count, as `_judge` does where they do.

        A turn ends with its last answer, if it `ends` so, and else has its lease anew, unless that has ended.
        """
        change, turn = self.change, self.turn
        is_over = self.ends and self.is_whole
        if turn.state == ASKED or (turn.state == EXPIRED and is_over):
            own = {"who": turn.person, "of_task": turn.task}
            then = {"then": DONE if is_over else ASKED, "until": self.now + change.rules.lease}
            change.connection.execute(_GO_ON, own | then)
            settled = self.counted if turn.kind == schema.MAIN else [row.id for row in self.new]
            if self.person.role == EXPERT or turn.kind == PRACTICE:
                settled = []
            change.reserve(self._reserved({row.id for row in self.new}.difference(settled)), -1)
        change.renew([turn.task], reopened=bool(self.changed))


def _lock_campaign(change: Change, person: Row[Any], kind: str) -> None:
    if kind == schema.MAIN:
        change.pass_campaign()
    else:
        change.lock_campaign(with_others=person.role != EXPERT)


def _measured(person: int, row: Row[Any], answer: int | None, more: int) -> tuple[int, int | None, int | None, int]:
    """An answer as `count_golden` takes it; one to a main question is of its likely truth, and of nobody."""
    return (person, row.truth, answer, more) if row.golden else (0, int(row.valid > 0.5), answer, 0)


def _knows(person: Row[Any], turn: Row[Any]) -> bool:
    """Whether a turn was of somebody's practice round, and they were told what is right."""
    return turn.state == DONE and is_practice(person, turn.kind)


def cannot_judge(campaign: Campaign, person: int, task: int, now: float) -> None:
    """Note that somebody cannot judge a picture: what they answered about it is kept, and counts no more.

    It may come after the lease has ended. Nothing is changed once they were told what is right, in practice.

    Raises
    ------
    DataError
        They were not shown the task.
    """
    with changing(campaign) as change:
        row = change.person(person)
        change.lock([task])
        turn = find_turn(change, person, task)
        if turn.state in (UNFIT, SUGGESTED) or _knows(row, turn):
            return
        change.note(now, "cannot judge", person, task=task)
        end_turn(change, turn, UNFIT)
        asked = change.connection.execute(ASKED_OF, {"who": person, "of_task": task}).all()
        answered = [each for each in asked if each.answer is not None]
        _lock_campaign(change, row, turn.kind)
        if row.role == EXPERT:
            renew_truth(change, answered, turn.kind)
        elif turn.kind != PRACTICE and answered:
            more = -1 if turn.kind == GOLDEN else 0
            count_golden(change, [_measured(person, each, each.answer, more) for each in answered])
            count_anew(change, [each.id for each in answered], person)
            change.renew([task], reopened=True)


def void_rater(campaign: Campaign, person: int, now: float, by: int | None = None, *, finish: bool = True) -> bool:
    """Count no vote of a rater from now on; their questions open again, some at a time.

    Parameters
    ----------
    campaign
        The campaign.
    person
        The rater.
    now
        The time, in seconds.
    by
        The number of the keeper who does so; None for the command line.
    finish
        Whether all questions are open again when this returns. Else `finish_counting` has to open them.

    Returns
    -------
    Whether their votes counted before; if not, nothing is changed.

    Raises
    ------
    DataError
        There is no such rater.
    """
    return _set_voided(campaign, person, True, now, by, finish)


def restore_rater(campaign: Campaign, person: int, now: float, by: int | None = None, *, finish: bool = True) -> bool:
    """Count the votes of a rater again, some questions at a time, as if they had never been voided.

    Parameters are those of `void_rater`.

    Returns
    -------
    Whether they were voided before; if not, nothing is changed.

    Raises
    ------
    DataError
        There is no such rater.
    """
    return _set_voided(campaign, person, False, now, by, finish)


def _set_voided(campaign: Campaign, person: int, voided: bool, now: float, by: int | None, finish: bool) -> bool:
    with changing(campaign) as change:
        row = change.person(person)
        if row.role != RATER:
            raise DataError("not-a-rater", "only raters can be excluded", found=f"{row.name}, of the role {row.role}")
        is_new = bool(row.voided != voided)
        if is_new:
            values = {"voided": voided, "recounted": -1}
            change.connection.execute(update(people).where(people.c.id == person).values(**values))
            (_end_begun if voided else _let_go_on)(change, person)
            change.note(now, "void" if voided else "restore", by, person=person)
    if finish:
        finish_counting(campaign)
    return is_new


def _end_begun(change: Change, person: int) -> None:
    begun = change.connection.execute(select(turns).where(turns.c.person == person, turns.c.state == ASKED)).all()
    change.lock(turn.task for turn in begun)
    for turn in begun:
        end_turn(change, turn, VOIDED)


def _let_go_on(change: Change, person: int) -> None:
    """What they had begun when they were voided is as if its lease had ended."""
    own = turns.c.person == person, turns.c.state == VOIDED
    change.connection.execute(update(turns).where(*own).values(state=EXPIRED))
    change.connection.execute(update(cursors).where(cursors.c.person == person).values(position=0))


def finish_counting(campaign: Campaign) -> None:
    """Count the votes anew that this or another process has not counted since a rater was voided or restored.

    A few questions are counted in each transaction, so that nobody waits long. After a crash it goes on from there.
    """
    with reading(campaign.engine) as connection:
        left = connection.execute(select(people.c.id, people.c.voided).where(people.c.recounted.is_not(None))).all()
    for person, voided in left:
        task: int | None = -1
        while task is not None:
            begin = monotonic()
            with changing(campaign) as change:
                task = _recount(change, person, voided, task)
            sleep((monotonic() - begin) / 2)  # so that others get the lock, which does not go to who waited longest


def _recount(change: Change, person: int, voided: bool, after: int) -> int | None:
    """Count some answers of a rater anew; or else look at some of their suggestions, in tasks above a number.

    The number for the next time; None if nothing is left, or somebody has restored or voided them and does the rest.
    """
    row = change.person(person)
    if row.recounted is None or row.voided != voided:
        return None
    theirs = select(answers.c.question).where(answers.c.person == person, answers.c.question > row.recounted)
    answered = change.connection.scalars(theirs.order_by(answers.c.question).limit(_MOST_COUNTED)).all()
    own = update(people).where(people.c.id == person)
    if not answered:
        last = renew_suggested(change, person, after, _MOST_COUNTED)
        if last is None:
            change.connection.execute(own.values(recounted=None))
        return last
    change.connection.execute(own.values(recounted=answered[-1]))
    asked = select(questions.c.id, questions.c.task).where(questions.c.id.in_(answered), ~questions.c.golden)
    found = change.connection.execute(asked).all()
    change.lock(question.task for question in found)
    if found:
        count_anew(change, [question.id for question in found])
        change.renew([question.task for question in found], reopened=True)
    return -1


_TURNS_OF = (
    select(questions.c.id.label("question"), tasks.c.kind, turns)
    .select_from(questions)
    .join(tasks, tasks.c.id == questions.c.task)
    .outerjoin(turns, and_(turns.c.task == tasks.c.id, turns.c.person == bindparam("who")))
    .where(questions.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(tasks.c.id)
    .with_for_update(of=tasks, key_share=True)
)
_GO_ON = (
    update(turns)
    .where(turns.c.person == bindparam("who"), turns.c.task == bindparam("of_task"))
    .values(state=bindparam("then"), expires=bindparam("until"))
)


def _turns_of(change: Change, person: int, given: Sequence[int]) -> list[Row[Any]]:
    """Somebody's turns of the tasks in which some questions stand, by number of the task; the tasks are locked."""
    found = change.connection.execute(_TURNS_OF, {"who": person, "numbers": given}).all()
    unknown = set(given) - {row.question for row in found}
    if unknown:
        raise DataError("unknown-question", "unknown question", found=f"question {min(unknown)}")
    if others := [row.question for row in found if row.task is None]:
        raise DataError("question-not-shown", "rater was not shown this question", found=f"question {min(others)}")
    return list({row.task: row for row in found}.values())
