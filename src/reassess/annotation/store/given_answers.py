"""Saving answers, and skipping images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.choosing import SELECT_TASK_QUESTIONS
from reassess.annotation.store.schema import (
    Role,
    TaskKind,
    TurnState,
    answers,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.statements import is_in_list
from reassess.annotation.store.stop_power import is_power_check_due, renew_power_if_due
from reassess.annotation.store.transactions import Transaction, open_transaction
from reassess.annotation.store.turns import (
    NoTaskReason,
    Turn,
    begin_next_turn,
    end_turn,
    find_turn,
    give_next_task,
    is_practice_turn,
    take_back_expired_tasks_if_due,
)
from reassess.annotation.store.vote_counting import (
    GoldenCountChange,
    recount_votes,
    store_new_votes_and_counts,
    update_golden_counts,
    update_truths,
)
from reassess.core import KNOWN_ANSWERS
from reassess.core.checks import check_range
from reassess.errors import DataError

_MAX_REVISION_STEP = 1_000  # of an answer between two requests; a huge revision would leave no room for later revisions


TruthsByQuestionId = dict[int, int]  # 1 valid, 0 invalid


@dataclass(frozen=True)
class GivenAnswer:
    """A person's answer to a question."""

    question_id: int
    answer: int  # 0 no, 1 maybe, 2 yes
    seconds: float | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.answer < len(KNOWN_ANSWERS) and self.revision >= 0 and (self.seconds or 0.0) >= 0):
            check_range(self.answer, 0, len(KNOWN_ANSWERS) - 1, value_name="answer")
            check_range(self.revision, 0, value_name="revision")
            check_range(self.seconds or 0.0, 0, value_name="seconds")


def save_answers(
    campaign: Campaign, person_id: int, new_answers: Sequence[GivenAnswer], now: float, *, reveal_truths: bool = True
) -> TruthsByQuestionId:
    """Save the new and changed answers of a person; an answer that a page sends twice is saved once.

    If there are several answers to a question, the answer with the highest revision is kept, or the first of them.
    Answers to questions that have enough votes are saved, but do not count as votes. If one answer is
    invalid, nothing is saved. `DataError` if a question was not shown to the person.

    With `reveal_truths`, a practice task ends once all its questions have answers. The function returns the truths of
    its questions. Without `reveal_truths`, practice answers can still be changed,
    and the function returns an empty dict.
    """
    with open_transaction(campaign) as transaction:
        person = transaction.lock_person(person_id)
        truths = _save_answers(transaction, person, new_answers, now, reveal_truths=reveal_truths)
    _renew_power_if_due(campaign, person)
    return truths


def save_answers_and_begin_next_turn(
    campaign: Campaign,
    person_id: int,
    new_answers: Sequence[GivenAnswer],
    now: float,
    *,
    reveal_truths: bool = True,
    loaded_task_ids: Sequence[int] = (),
) -> tuple[TruthsByQuestionId, Turn | NoTaskReason]:
    """Save answers like `save_answers`, and give the person the next task like `begin_next_turn`.

    This takes less time than two calls, since it is usually one transaction. If an answer is invalid, nothing is saved;
    after another error, the answers may be saved.
    """
    with open_transaction(campaign) as transaction:
        person = transaction.lock_person(person_id)
        truths = _save_answers(transaction, person, new_answers, now, reveal_truths=reveal_truths)
        person = person._replace(position=min([person.position, *transaction.reopened_task_positions]))
        # A transaction that has locked tasks must not wait for the lock of another task, as for an expired turn.
        turn = None if person.has_expired else give_next_task(transaction, person, now, loaded_task_ids)
    _renew_power_if_due(campaign, person)
    take_back_expired_tasks_if_due(campaign, now)
    if not isinstance(turn, Turn):
        turn = begin_next_turn(campaign, person_id, now, loaded_task_ids=loaded_task_ids)
    return truths, turn


def _renew_power_if_due(campaign: Campaign, person: Row[Any]) -> None:
    if is_power_check_due(person):
        renew_power_if_due(campaign)


def _save_answers(
    transaction: Transaction, person: Row[Any], new_answers: Sequence[GivenAnswer], now: float, *, reveal_truths: bool
) -> TruthsByQuestionId:
    """Save the answers of a person whose row is locked; return the truths that they may see now."""
    latest: dict[int, GivenAnswer] = {}
    for answer in new_answers:
        if answer.question_id not in latest or answer.revision > latest[answer.question_id].revision:
            latest[answer.question_id] = answer
    truths: TruthsByQuestionId = {}
    for task_rows in _lock_tasks_with_questions(transaction, person.id, list(latest)):
        turn = task_rows[0]
        reveals = (
            reveal_truths
            and is_practice_turn(person, turn.kind)
            and turn.state in (TurnState.ASKED, TurnState.EXPIRED, TurnState.DONE)
        )
        task_answers = _AnswersToTask(
            transaction,
            person,
            task_rows,
            latest,
            now,
            can_end_turn=reveals or not is_practice_turn(person, turn.kind),
        )
        task_answers.save()
        if reveals and task_answers.is_complete:
            truths |= {question.id: question.truth for question in task_answers.questions if question.truth is not None}
    return truths


class _AnswersToTask:
    """New and changed answers of a person to the questions of one task."""

    def __init__(
        self,
        transaction: Transaction,
        person: Row[Any],
        questions_with_turn: Sequence[Row[Any]],
        latest_answers: Mapping[int, GivenAnswer],
        now: float,
        *,
        can_end_turn: bool,
    ) -> None:
        self.transaction, self.person = transaction, person
        self.questions, self.turn = questions_with_turn, questions_with_turn[0]
        self.latest_answers, self.now, self.can_end_turn = latest_answers, now, can_end_turn
        answered = [row for row in self.questions if row.id in latest_answers]
        for row in answered:
            limit = (row.revision or 0) + _MAX_REVISION_STEP
            if latest_answers[row.id].revision > limit:
                check_range(
                    latest_answers[row.id].revision, 0, limit, value_name="revision", where=f"question {row.id}"
                )
        self.new_rows = [row for row in answered if row.answer is None]
        later = [row for row in answered if row.answer is not None and latest_answers[row.id].revision > row.revision]
        self.changed_rows = [] if _has_seen_expert_answers(person, self.turn) else later
        self.counted_ids = [row.id for row in self.new_rows if self._counts_as_vote(row)]
        answered_ids = {row.id for row in self.questions if row.answer is not None or row.id in latest_answers}
        self.is_complete = answered_ids.issuperset(self.turn.shown)  # whether each shown question has an answer

    def _counts_as_vote(self, row: Row[Any]) -> bool:
        """Return whether an answer to a question counts as a vote."""
        excluded, recounted = self.person.excluded, self.person.recounted
        can_count = self.person.role == Role.RATER and not excluded and (recounted is None or row.id <= recounted)
        return (
            can_count
            and not row.golden
            and row.ended is None
            and self.turn.state not in (TurnState.SKIPPED, TurnState.SUGGESTED)
        )

    def save(self) -> None:
        """Save the answers, and update what depends on them: truths, votes and the state of the person's task."""
        self._insert_new_answers()
        self._update_changed_answers()
        self._update_counts()
        self._end_task_or_renew_lease()

    def _insert_new_answers(self) -> None:
        shared_values = {"person": self.person.id, "at": self.now}
        rows = []
        for question in self.new_rows:
            new = self.latest_answers[question.id]
            values = {"answer": new.answer, "seconds": new.seconds, "revision": new.revision}
            is_counted = question.id in self.counted_ids
            rows.append({"question": question.id, "counted": is_counted, **values, **shared_values})
        if rows:
            self.transaction.execute(_INSERT_ANSWER, rows)

    def _update_changed_answers(self) -> None:
        for row in self.changed_rows:
            new = self.latest_answers[row.id]
            is_old = answers.c.person == self.person.id, answers.c.question == row.id
            values = {"answer": new.answer, "seconds": new.seconds, "revision": new.revision}
            self.transaction.connection.execute(update(answers).where(*is_old).values(**values))
            self.transaction.log_action(
                self.now, "change", self.person.id, question=row.id, was=row.answer, answer=new.answer
            )

    def _update_counts(self) -> None:
        """Update truths (for an expert), or the golden counts and the votes (for a rater)."""
        # The work for a rater's answer is the same for golden and main questions, so that the time does not reveal
        # golden questions.
        transaction, kind = self.transaction, self.turn.kind
        if self.person.role == Role.EXPERT:
            update_truths(transaction, [*self.new_rows, *self.changed_rows], kind)
        elif kind != TaskKind.PRACTICE:
            increments = [(row, row.answer, -1) for row in self.changed_rows]
            increments += [
                (row, self.latest_answers[row.id].answer, +1) for row in (*self.new_rows, *self.changed_rows)
            ]
            counts = kind == TaskKind.GOLDEN and self.turn.state != TurnState.SKIPPED
            update_golden_counts(
                transaction,
                [
                    _make_golden_count_change(self.person.id, row, answer, increment * counts)
                    for row, answer, increment in increments
                ],
            )
            new = self.counted_ids if kind == TaskKind.MAIN else [row.id for row in self.new_rows]
            if new:
                store_new_votes_and_counts(
                    transaction,
                    self.person.id,
                    new,
                    reserved_question_ids=self._select_questions_with_reserved_vote(new),
                )
            different = [row.id for row in self.changed_rows if self.latest_answers[row.id].answer != row.answer]
            if different:
                recount_votes(transaction, different, self.person.id)

    def _select_questions_with_reserved_vote(self, question_ids: Iterable[int]) -> list[int]:
        """Select the questions that have a vote reserved for this person."""
        return [
            question for question in question_ids if self.turn.state == TurnState.ASKED and question in self.turn.shown
        ]

    def _end_task_or_renew_lease(self) -> None:
        """End the person's task or renew its lease. Release the reserved votes of answers that are not votes."""
        # A turn ends with its last answer if `can_end_turn`; otherwise its lease starts again, unless it has expired.
        # `_update_counts` releases the reserved votes of answers that count.
        transaction, turn = self.transaction, self.turn
        is_over = self.can_end_turn and self.is_complete
        if turn.state == TurnState.ASKED or (turn.state == TurnState.EXPIRED and is_over):
            key = {"person_id": self.person.id, "task_id": turn.task}
            values = {
                "new_state": TurnState.DONE if is_over else TurnState.ASKED,
                "end": self.now + transaction.rules.lease_seconds,
            }
            transaction.execute(_UPDATE_TURN, key | values)
            freed = self.counted_ids if turn.kind == TaskKind.MAIN else [row.id for row in self.new_rows]
            if self.person.role == Role.EXPERT or turn.kind == TaskKind.PRACTICE:
                freed = []
            transaction.release_one_vote_per_question(
                self._select_questions_with_reserved_vote({row.id for row in self.new_rows}.difference(freed))
            )
        transaction.update_free([turn.task], is_reopened=bool(self.changed_rows))


def _make_golden_count_change(person_id: int, row: Row[Any], answer: int | None, increment: int) -> GoldenCountChange:
    """Return what an answer adds to the person's counts on golden questions; 0 for a main question."""
    if row.golden:
        return GoldenCountChange(person_id, row.truth, answer, increment)
    return GoldenCountChange(0, int(row.valid > 0.5), answer, 0)


def _has_seen_expert_answers(person: Row[Any], turn: Row[Any]) -> bool:
    """Return whether a person has finished a practice task, and so has seen the experts' answers."""
    return turn.state == TurnState.DONE and is_practice_turn(person, turn.kind)


def skip_task(campaign: Campaign, person_id: int, task_id: int, now: float) -> None:
    """Skip the image of a task: the person's answers to the task are kept, but no longer count as votes.

    This also works after the lease has expired, but not after the experts' answers were shown in practice.
    """
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        transaction.lock_tasks([task_id])
        turn = find_turn(transaction, person_id, task_id)
        if turn.state in (TurnState.SKIPPED, TurnState.SUGGESTED) or _has_seen_expert_answers(row, turn):
            return
        transaction.log_action(now, "skip", person_id, task=task_id)
        end_turn(transaction, turn, TurnState.SKIPPED)
        rows = transaction.execute(SELECT_TASK_QUESTIONS, {"person_id": person_id, "task_id": task_id})
        answered = [question for question in rows if question.answer is not None]
        if row.role == Role.EXPERT:
            update_truths(transaction, answered, turn.kind)
        elif turn.kind != TaskKind.PRACTICE and answered:
            increment = -1 if turn.kind == TaskKind.GOLDEN else 0
            update_golden_counts(
                transaction,
                [_make_golden_count_change(person_id, question, question.answer, increment) for question in answered],
            )
            recount_votes(transaction, [question.id for question in answered], person_id)
            transaction.update_free([task_id], is_reopened=True)


_ASKED_TASKS = select(questions.c.task).where(is_in_list(questions.c.id, "numbers"))
# Locks the questions too. So PostgreSQL returns their latest state, even if it has waited for another transaction.
_LOCK_TASK_QUESTIONS = (
    select(questions, tasks.c.kind, turns.c.state, turns.c.shown, answers.c.answer, answers.c.revision)
    .select_from(tasks.join(questions))
    .outerjoin(turns, and_(turns.c.task == tasks.c.id, turns.c.person == bindparam("person_id")))
    .outerjoin(answers, and_(answers.c.question == questions.c.id, answers.c.person == bindparam("person_id")))
    .where(tasks.c.id.in_(_ASKED_TASKS))
    .order_by(tasks.c.id, questions.c.id)
    .with_for_update(of=[tasks, questions], key_share=True)
)
_INSERT_ANSWER = answers.insert()
_UPDATE_TURN = (
    update(turns)
    .where(turns.c.person == bindparam("person_id"), turns.c.task == bindparam("task_id"))
    .values(state=bindparam("new_state"), expires=bindparam("end"))
)


def _lock_tasks_with_questions(
    transaction: Transaction, person_id: int, question_ids: Sequence[int]
) -> list[list[Row[Any]]]:
    """Lock the tasks of these questions; return all questions of each task, with the person's turn and answers."""
    rows = transaction.execute(_LOCK_TASK_QUESTIONS, {"person_id": person_id, "numbers": question_ids})
    unknown = set(question_ids) - {row.id for row in rows}
    if unknown:
        raise DataError("unknown-question", "unknown question", found=f"question {min(unknown)}")
    if not_shown := [row.id for row in rows if row.state is None and row.id in set(question_ids)]:
        raise DataError("not-shown", "rater was not shown this question", found=f"question {min(not_shown)}")
    return [list(task_rows) for _, task_rows in groupby(rows, key=attrgetter("task"))]
