"""Transactions that change a campaign.

All transactions take locks in the same order, to avoid deadlocks:

1. a person, with their search position (in the table `cursors`)
2. an image that may get a new task
3. tasks, by number
4. the campaign, if a truth changes or a task is added
5. counts of golden answers, by person, truth and answer

No transaction waits for the search position of another person. A person's next task is found after other tasks may
have been locked, so the search skips tasks that are locked. While a person is locked, nobody can exclude or include
them. Rows that refer to a locked row can still be added. Names and tokens are unique keys; on PostgreSQL, changing a
key waits for new rows that refer to the person, such as log entries. So such a change locks both people first, by
number. On SQLite, only one transaction can write at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    select,
    update,
)

from reassess.annotation.assignment import Rules
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.schema import (
    WITHDRAWN,
    TaskKind,
    TurnState,
    answers,
    cursors,
    golden_counts,
    log,
    people,
    questions,
    tasks,
    turns,
)
from reassess.annotation.store.statements import Params, Request, constant, execute, is_in_list
from reassess.errors import DataError

_MAX_STATEMENT_VALUES = 1_000  # maximum number of values in a statement
_POSITION_AFTER_ALL = (1 << 31) - 1  # a position after all search positions

_IS_ANSWERED = (
    exists().where(answers.c.question == questions.c.id, answers.c.person == turns.c.person).correlate(questions, turns)
)
_HAS_UNANSWERED = exists().where(
    questions.c.task == turns.c.task, questions.c.ended.is_distinct_from(constant(WITHDRAWN)), ~_IS_ANSWERED
)
# Whether a lease has expired before the person has answered all questions, so that the person gets the task again.
IS_EXPIRED_AND_OPEN = and_(turns.c.state == constant(TurnState.EXPIRED), _HAS_UNANSWERED)
_HAS_EXPIRED = exists().where(turns.c.person == people.c.id, IS_EXPIRED_AND_OPEN)
_MAX_GOLDEN_POSITION = (
    select(func.max(tasks.c.position)).where(tasks.c.kind == constant(TaskKind.GOLDEN)).scalar_subquery()
)
_LOCK_PERSON = (
    select(
        *(people, schema.campaign.c.paused, cursors.c.position, cursors.c.turns, cursors.c.draws),
        _HAS_EXPIRED.label("has_expired"),
        _MAX_GOLDEN_POSITION.label("golden"),
    )
    .select_from(people)
    .join(schema.campaign, schema.campaign.c.id == constant(1))
    .join(cursors, cursors.c.person == people.c.id)
    .where(people.c.id == bindparam("number"))
    .with_for_update(of=[people, cursors], key_share=True)
)
_LOCK_CAMPAIGN = select(schema.campaign.c.id).with_for_update(key_share=True)
_LOCK_TASKS = (
    select(tasks.c.id).where(is_in_list(tasks.c.id, "numbers")).order_by(tasks.c.id).with_for_update(key_share=True)
)
_SELECT_OPEN_QUESTIONS = (
    select(tasks.c.id, tasks.c.kind, tasks.c.position, tasks.c.free, questions.c.votes, questions.c.reserved)
    .outerjoin(questions, and_(questions.c.task == tasks.c.id, questions.c.ended.is_(None)))
    .where(is_in_list(tasks.c.id, "numbers"))
    .order_by(tasks.c.id)
)
UPDATE_RESERVED = (
    update(questions)
    .where(is_in_list(questions.c.id, "numbers"), ~questions.c.golden)
    .values(reserved=questions.c.reserved + bindparam("change"))
)
_IS_MAIN = tasks.c.kind == constant(TaskKind.MAIN)
_IS_OUTDATED = tasks.c.free != bindparam("is_free")  # an update without a change would make the table grow
UPDATE_FREE = (
    update(tasks).where(tasks.c.id == bindparam("task_id"), _IS_MAIN, _IS_OUTDATED).values(free=bindparam("is_free"))
)
_HAS_PASSED_POSITION = cursors.c.position > bindparam("least")
_SELECT_CURSORS = select(cursors.c.person).where(_HAS_PASSED_POSITION).with_for_update(key_share=True, skip_locked=True)
_UPDATE_GOLDEN_COUNT = (
    update(golden_counts)
    .where(
        golden_counts.c.person == bindparam("person_id"),
        golden_counts.c.truth == bindparam("row_truth"),
        golden_counts.c.answer == bindparam("row_answer"),
    )
    .values(n=golden_counts.c.n + bindparam("increment"))
)
_MOVE_CURSORS_BACK = update(cursors).where(cursors.c.person.in_(_SELECT_CURSORS)).values(position=bindparam("least"))


@dataclass
class Transaction:
    """A database transaction that changes a campaign."""

    _connection: Connection
    campaign: Campaign
    reopened_task_positions: list[int] = field(default_factory=list)  # of tasks that raters can get again
    golden_count_changes: Counter[tuple[int, int, int]] = field(default_factory=Counter)  # by person, truth and answer
    _unsent_changes: list[Request] = field(default_factory=list)  # only on PostgreSQL

    @property
    def connection(self) -> Connection:
        """The connection, for statements that are not constants; earlier changes are sent first."""
        self._send()
        return self._connection

    @property
    def is_on_sqlite(self) -> bool:
        """Whether the database is an SQLite file."""
        return bool(self._connection.dialect.name == "sqlite")

    @property
    def rules(self) -> Rules:
        """The rules of the campaign."""
        return self.campaign.rules

    def execute(self, statement: Executable, params: Params) -> list[Row[Any]]:
        """Execute a statement that is a constant, once for each mapping in `params`; return the rows of a `select`.

        PostgreSQL executes a change when the next `select` is executed, or at the end: this saves round trips.
        """
        request = statement, params
        if self.is_on_sqlite or isinstance(statement, Select):
            return self._send(request)
        self._unsent_changes.append(request)
        return []

    def _send(self, *requests: Request, then_commit: bool = False) -> list[Row[Any]]:
        """Send earlier changes and `requests`; return the rows of the last request."""
        changes, self._unsent_changes = self._unsent_changes, []
        if not (changes or requests or then_commit):
            return []
        return execute(self._connection, *changes, *requests, then_commit=then_commit)

    def commit_on_postgresql(self) -> None:
        """Commit in the same round trip as the last changes; SQLAlchemy's commit then does nothing."""
        if not self.is_on_sqlite:
            self._send(then_commit=True)

    def find_row(self, statement: Select[Any], params: Mapping[str, Any]) -> Row[Any] | None:
        """Return the first row of a `select` that is a constant; None without a row."""
        return next(iter(self.execute(statement, params)), None)

    def lock_person(self, person_id: int) -> Row[Any]:
        """Lock the row of a person and the row with their position in the list of tasks; return both rows.

        The result also has the campaign's state.
        """
        row = self.find_row(_LOCK_PERSON, {"number": person_id})
        if row is None:
            raise DataError("unknown-person", "unknown person", found=f"person {person_id}")
        return row

    def lock_person_and_actor(self, person_id: int, actor_id: int | None) -> Row[Any]:
        """Lock a person's row and the row of the owner who changes the person's name or link; return the first row."""
        locked = {
            person: self.lock_person(person)
            for person in sorted({person_id, person_id if actor_id is None else actor_id})
        }
        return locked[person_id]

    def lock_tasks(self, task_ids: Iterable[int]) -> None:
        """Lock tasks; call this before reading anything about the tasks."""
        if not self.is_on_sqlite:
            for chunk in split_into_chunks(sorted(set(task_ids))):
                self.execute(_LOCK_TASKS, {"numbers": chunk})

    def lock_campaign(self) -> None:
        """Lock the campaign, so that no other transaction changes a truth or adds a task."""
        if not self.is_on_sqlite:
            self.connection.execute(_LOCK_CAMPAIGN).all()

    def reserve_one_vote_per_question(self, question_ids: Sequence[int]) -> None:
        """Reserve one vote on each question for a rater who is answering; golden questions have no reserved votes."""
        if question_ids:
            self.execute(UPDATE_RESERVED, {"numbers": question_ids, "change": 1})

    def release_one_vote_per_question(self, question_ids: Sequence[int]) -> None:
        """Release one reserved vote on each question; golden questions have no reserved votes."""
        if question_ids:
            self.execute(UPDATE_RESERVED, {"numbers": question_ids, "change": -1})

    def update_free(self, task_ids: Iterable[int], *, is_reopened: bool = False) -> None:
        """Compute and store whether another rater can get each task.

        A rater can get a task if each of its open questions still needs a vote that no other rater has reserved. With
        `is_reopened`, raters whose search has passed these tasks can get them again, even if raters could get the tasks
        before. Golden tasks take the same time, but nothing is stored for them.
        """
        for chunk in split_into_chunks(sorted(set(task_ids))):
            task_rows = []
            for task, rows in groupby(
                self.execute(_SELECT_OPEN_QUESTIONS, {"numbers": chunk}), key=itemgetter(0, 1, 2, 3)
            ):
                number, kind, position, was_free = task
                is_main = kind == TaskKind.MAIN
                is_free = self.rules.allows_another_rater(
                    [(row.votes, row.reserved) for row in rows if row.votes is not None]
                )
                if is_main and is_free != bool(was_free):
                    task_rows.append({"task_id": number, "is_free": int(is_free)})
                if is_free and (is_reopened or (is_main and not was_free)):
                    self.reopened_task_positions.append(position if is_main else _POSITION_AFTER_ALL)
            if task_rows:
                self.execute(UPDATE_FREE, task_rows)

    def store_golden_count_changes(self) -> None:
        """Store the changes of golden counts at the end of the transaction, sorted to avoid deadlocks."""
        rows = [
            {"person_id": person, "row_truth": truth, "row_answer": answer, "increment": increment}
            for (person, truth, answer), increment in sorted(self.golden_count_changes.items())
        ]
        if rows:
            self.execute(_UPDATE_GOLDEN_COUNT, rows)

    def restart_searches_at_first_reopened_task(self) -> None:
        """Let each rater's search for the next task restart at the first reopened task; skip locked rows."""
        if self.reopened_task_positions:
            self.execute(_MOVE_CURSORS_BACK, {"least": min(self.reopened_task_positions)})

    def log_action(self, now: float, action: str, actor_id: int | None = None, **detail: Any) -> None:
        """Write an entry into the campaign's log; `actor_id` is the person who acts, None for the command line."""
        self.connection.execute(log.insert(), {"at": now, "person": actor_id, "what": action, "detail": detail})


def split_into_chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split numbers into chunks that each fit into one SQL statement."""
    return (numbers[start : start + _MAX_STATEMENT_VALUES] for start in range(0, len(numbers), _MAX_STATEMENT_VALUES))


@contextmanager
def open_transaction(campaign: Campaign) -> Iterator[Transaction]:
    """Run the `with` block as one transaction; if the block raises an error, nothing changes."""
    with campaign.write_lock, campaign.engine.begin() as connection:
        transaction = Transaction(connection, campaign)
        yield transaction
        transaction.store_golden_count_changes()
        transaction.restart_searches_at_first_reopened_task()
        transaction.commit_on_postgresql()
