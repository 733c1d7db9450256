"""Answers, skipped images, and excluded raters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update

from reassess.annotation.store.campaigns import Campaign, Transaction, changing
from reassess.annotation.store.choosing import ASKED_OF
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import Kind, Role, State, answers, cursors, people, questions, tasks, turns
from reassess.annotation.store.suggestions import renew_suggested
from reassess.annotation.store.turns import end_turn, find_turn, is_practice
from reassess.annotation.store.vote_counting import count_anew, count_golden, count_new, renew_truth
from reassess.core import KNOWN_ANSWERS
from reassess.core.checks import check_range
from reassess.errors import DataError

_MOST_CHANGES = 1_000  # of an answer, without the server; after the largest revision there could be no other
_MOST_COUNTED = 100  # questions per transaction; others wait until it ends


@dataclass(frozen=True)
class GivenAnswer:
    """An answer of a person to a question."""

    question: int
    answer: int  # 0 no, 1 maybe, 2 yes
    seconds: float | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.answer < len(KNOWN_ANSWERS) and self.revision >= 0 and (self.seconds or 0.0) >= 0):
            check_range(self.answer, 0, len(KNOWN_ANSWERS) - 1, what="answer")
            check_range(self.revision, 0, what="revision")
            check_range(self.seconds or 0.0, 0, what="seconds")


def save_answers(
    campaign: Campaign, person: int, given: Sequence[GivenAnswer], now: float, *, reveal: bool = True
) -> dict[int, int]:
    """Save answers: when this returns, each is stored, and only once however often it is sent.

    Of the answers of a person to a question, the one with the highest revision counts, and of equal revisions the
    first. An answer to a question with enough votes is saved, but does not count. With `reveal`, practice tasks whose
    questions all have an answer end, and the truths of their questions are returned; without it, their answers can
    still be changed. Nothing is saved if a question was not shown to the person.
    """
    with changing(campaign) as change:
        row = change.person(person)
        latest: dict[int, GivenAnswer] = {}
        for one in given:
            if one.question not in latest or one.revision > latest[one.question].revision:
                latest[one.question] = one
        truths: dict[int, int] = {}
        for turn in _turns_of(change, person, list(latest)):
            reveals = reveal and is_practice(row, turn.kind) and turn.state in (State.ASKED, State.EXPIRED, State.DONE)
            kept = _AnswersToTask(change, row, turn, latest, now, ends=reveals or not is_practice(row, turn.kind))
            kept.keep()
            if reveals and kept.is_whole:
                truths |= {each.id: each.truth for each in kept.asked if each.truth is not None}
        return truths


class _AnswersToTask:
    """New and changed answers of a person to the questions of one task."""

    def __init__(
        self,
        change: Transaction,
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
        self.changed = [] if _was_revealed(person, turn) else later
        self.counted = [row.id for row in self.new if self._counts(row)]
        answered_ids = {row.id for row in self.asked if row.answer is not None or row.id in given}
        self.is_whole = answered_ids.issuperset(turn.shown)  # every shown question has an answer

    def _counts(self, row: Row[Any]) -> bool:
        excluded, recounted = self.person.excluded, self.person.recounted
        stands = self.person.role == Role.RATER and not excluded and (recounted is None or row.id <= recounted)
        return (
            stands and not row.golden and row.ended is None and self.turn.state not in (State.SKIPPED, State.SUGGESTED)
        )

    def keep(self) -> None:
        """Store the answers, and update everything that depends on them."""
        self._insert()
        self._revise()
        self._update()
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

    def _update(self) -> None:
        """Update the truth, the rater's counts, or the votes on the question.

        A rater's answer takes the work for both its rater and its question, golden or not, so that the time does not
        tell golden questions.
        """
        change, kind = self.change, self.turn.kind
        _lock_campaign(change, self.person, kind)
        if self.person.role == Role.EXPERT:
            renew_truth(change, [*self.new, *self.changed], kind)
        elif kind != Kind.PRACTICE:
            counts_by = [(row, row.answer, -1) for row in self.changed]
            counts_by += [(row, self.given[row.id].answer, +1) for row in (*self.new, *self.changed)]
            counts = kind == Kind.GOLDEN and self.turn.state != State.SKIPPED
            count_golden(
                change, [_golden_count(self.person.id, row, answer, more * counts) for row, answer, more in counts_by]
            )
            new = self.counted if kind == Kind.MAIN else [row.id for row in self.new]
            if new:
                count_new(change, self.person.id, new, places=self._reserved(new))
            other = [row.id for row in self.changed if self.given[row.id].answer != row.answer]
            if other:
                count_anew(change, other, self.person.id)

    def _reserved(self, asked: Iterable[int]) -> list[int]:
        """Questions where the turn has a reserved place."""
        return [question for question in asked if self.turn.state == State.ASKED and question in self.turn.shown]

    def _go_on(self) -> None:
        """Free the places of answers that do not count; `_update` frees those of answers that count.

        A turn ends with its last answer if `ends`; otherwise its lease starts again, unless it has expired.
        """
        change, turn = self.change, self.turn
        is_over = self.ends and self.is_whole
        if turn.state == State.ASKED or (turn.state == State.EXPIRED and is_over):
            own = {"who": turn.person, "of_task": turn.task}
            then = {"then": State.DONE if is_over else State.ASKED, "until": self.now + change.rules.lease}
            change.connection.execute(_GO_ON, own | then)
            settled = self.counted if turn.kind == Kind.MAIN else [row.id for row in self.new]
            if self.person.role == Role.EXPERT or turn.kind == Kind.PRACTICE:
                settled = []
            change.reserve(self._reserved({row.id for row in self.new}.difference(settled)), -1)
        change.renew([turn.task], reopened=bool(self.changed))


def _lock_campaign(change: Transaction, person: Row[Any], kind: str) -> None:
    if kind == Kind.MAIN:
        change.pass_campaign()
    else:
        change.lock_campaign(with_others=person.role != Role.EXPERT)


def _golden_count(person: int, row: Row[Any], answer: int | None, more: int) -> tuple[int, int | None, int | None, int]:
    """An answer for `count_golden`; an answer to a main question has its likely truth, and counts for nobody."""
    return (person, row.truth, answer, more) if row.golden else (0, int(row.valid > 0.5), answer, 0)


def _was_revealed(person: Row[Any], turn: Row[Any]) -> bool:
    """Whether a practice turn has ended, so that the person has seen the experts' answers."""
    return turn.state == State.DONE and is_practice(person, turn.kind)


def skip_task(campaign: Campaign, person: int, task: int, now: float) -> None:
    """Skip the image of a task: the person's answers about it are saved, but no longer count.

    It works after the lease has expired too, but not after the experts' answers were shown in practice.
    """
    with changing(campaign) as change:
        row = change.person(person)
        change.lock([task])
        turn = find_turn(change, person, task)
        if turn.state in (State.SKIPPED, State.SUGGESTED) or _was_revealed(row, turn):
            return
        change.note(now, "skip", person, task=task)
        end_turn(change, turn, State.SKIPPED)
        asked = change.connection.execute(ASKED_OF, {"who": person, "of_task": task}).all()
        answered = [each for each in asked if each.answer is not None]
        _lock_campaign(change, row, turn.kind)
        if row.role == Role.EXPERT:
            renew_truth(change, answered, turn.kind)
        elif turn.kind != Kind.PRACTICE and answered:
            more = -1 if turn.kind == Kind.GOLDEN else 0
            count_golden(change, [_golden_count(person, each, each.answer, more) for each in answered])
            count_anew(change, [each.id for each in answered], person)
            change.renew([task], reopened=True)


def exclude_rater(campaign: Campaign, person: int, now: float, by: int | None = None, *, finish: bool = True) -> bool:
    """Exclude a rater: no vote of theirs counts from now on, and their questions open again.

    Return whether they were included before. Without `finish`, `finish_counting` must open their questions. `by` is the
    number of the owner who does this; None for the command line.
    """
    return _set_excluded(campaign, person, True, now, by, finish)


def include_rater(campaign: Campaign, person: int, now: float, by: int | None = None, *, finish: bool = True) -> bool:
    """Include a rater again, as if they had never been excluded; return whether they were excluded before."""
    return _set_excluded(campaign, person, False, now, by, finish)


def _set_excluded(campaign: Campaign, person: int, excluded: bool, now: float, by: int | None, finish: bool) -> bool:
    with changing(campaign) as change:
        row = change.person(person)
        if row.role != Role.RATER:
            raise DataError("not-a-rater", "only raters can be excluded", found=f"{row.name}, of the role {row.role}")
        is_new = bool(row.excluded != excluded)
        if is_new:
            values = {"excluded": excluded, "recounted": -1}
            change.connection.execute(update(people).where(people.c.id == person).values(**values))
            (_end_turns if excluded else _continue_turns)(change, person)
            change.note(now, "exclude" if excluded else "include", by, person=person)
    if finish:
        finish_counting(campaign)
    return is_new


def _end_turns(change: Transaction, person: int) -> None:
    begun = change.connection.execute(select(turns).where(turns.c.person == person, turns.c.state == State.ASKED)).all()
    change.lock(turn.task for turn in begun)
    for turn in begun:
        end_turn(change, turn, State.EXCLUDED)


def _continue_turns(change: Transaction, person: int) -> None:
    """Let turns that an exclusion ended continue, as after an expired lease."""
    own = turns.c.person == person, turns.c.state == State.EXCLUDED
    change.connection.execute(update(turns).where(*own).values(state=State.EXPIRED))
    change.connection.execute(update(cursors).where(cursors.c.person == person).values(position=0))


def finish_counting(campaign: Campaign) -> None:
    """Recount votes that no process has recounted since a rater was excluded or included again.

    Each transaction counts a few questions, so that nobody waits long. After a crash, the next call continues.
    """
    with reading(campaign.engine) as connection:
        left = connection.execute(select(people.c.id, people.c.excluded).where(people.c.recounted.is_not(None))).all()
    for person, excluded in left:
        task: int | None = -1
        while task is not None:
            begin = monotonic()
            with changing(campaign) as change:
                task = _recount(change, person, excluded, task)
            sleep((monotonic() - begin) / 2)  # others get the lock, which does not go to the one that waited longest


def _recount(change: Transaction, person: int, excluded: bool, after: int) -> int | None:
    """Recount some answers of a rater; after all answers, some of their suggestions, in tasks with larger numbers.

    Return the number for the next call; None at the end, or if somebody has included or excluded the rater again.
    """
    row = change.person(person)
    if row.recounted is None or row.excluded != excluded:
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
    .select_from(questions.join(tasks))
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


def _turns_of(change: Transaction, person: int, given: Sequence[int]) -> list[Row[Any]]:
    """A person's turns of the tasks with some questions, by task; the tasks are locked."""
    found = change.connection.execute(_TURNS_OF, {"who": person, "numbers": given}).all()
    unknown = set(given) - {row.question for row in found}
    if unknown:
        raise DataError("unknown-question", "unknown question", found=f"question {min(unknown)}")
    if others := [row.question for row in found if row.task is None]:
        raise DataError("not-shown", "rater was not shown this question", found=f"question {min(others)}")
    return list({row.task: row for row in found}.values())
