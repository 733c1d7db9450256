"""An open campaign, and its transactions.

All transactions take locks in the same order, so that there are no deadlocks:

1. a person, with their cursor
2. an image that may get a new task
3. tasks, by number
4. the campaign, if golden answers are counted or a task is added. Raters share this lock, experts do not.

No transaction waits for the cursor of another person. While a person is locked, nobody can exclude or include them.
Rows that refer to a locked row can still be added. Names and tokens are unique keys; on PostgreSQL, changing a key
waits for new rows that refer to the person, such as log entries. So such a change locks both people first, by number.
On SQLite, only one transaction can write at a time.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, bindparam, exists, func, literal_column, select, update

from reassess.annotation.addresses import is_server, shown_address
from reassess.annotation.assignment import Rules
from reassess.annotation.store import schema
from reassess.annotation.store.database import RESTORE, Gate, database_errors, existing, open_engine, reading
from reassess.annotation.store.schema import Kind, State, check_form, cursors, log, people, questions, tasks, turns
from reassess.core import StopRule
from reassess.errors import DataError, add_place_to_errors
from reassess.text import count_noun

_CHUNK = 1_000  # maximum number of values in a statement
_AFTER_ALL = (1 << 31) - 1  # a position after all cursors


@dataclass(frozen=True)
class Campaign:
    """An open campaign."""

    engine: Engine
    name: str  # shown at the top of the rating page
    rules: Rules
    bar: float | None
    at_least: int | None  # experts who must agree; None: more than half of those who answered
    original_votes: bool  # whether each original label counts as one vote
    consent: str  # text that people must agree to first; may be empty
    images: str | None  # folder or archive of the images; None if unknown
    settings: dict[str, Any]  # settings of the benchmark, as in its benchmark.json
    gate: AbstractContextManager[Any]  # entered for each change

    def close(self) -> None:
        """Close all database connections."""
        self.engine.dispose()


def open_campaign(address: str | Path) -> Campaign:
    """Open a campaign: an SQLite file, or a database with an address like ``postgresql://...``."""
    engine = open_engine(existing(address))
    try:
        with database_errors(address), add_place_to_errors(shown_address(address)), reading(engine) as connection:
            check_form(connection, address)
            return _campaign(
                connection, nullcontext() if is_server(address) else Gate(engine, os.path.realpath(address))
            )
    except BaseException:
        engine.dispose()
        raise


def _campaign(connection: Connection, gate: AbstractContextManager[Any]) -> Campaign:
    try:
        rows = connection.execute(select(schema.campaign)).all()
        if len(rows) != 1:
            raise DataError(
                "damaged-campaign",
                "table 'campaign' does not have exactly one row",
                allowed="1 row",
                found=count_noun(len(rows), "row"),
                fix=RESTORE,
            )
        (row,) = rows
        stop = None if row.stop_low is None else StopRule(row.stop_low, row.stop_high)
        return Campaign(
            engine=connection.engine,
            name=row.name,
            rules=Rules(
                per_question=row.per_question, stop=stop, golden_share=row.golden_share, lease=row.lease, seed=row.seed
            ),
            bar=row.bar,
            at_least=row.at_least,
            original_votes=row.original_votes,
            consent=row.consent,
            images=row.images,
            settings=dict(row.settings),
            gate=gate,
        )
    except DataError:
        raise
    except (TypeError, ValueError) as error:  # SQLite allows text in columns of numbers
        raise DataError(
            "damaged-campaign", "settings of the campaign cannot be read", found=str(error), fix=RESTORE
        ) from error


@contextmanager
def using_campaign(address: str | Path) -> Iterator[Campaign]:
    """Open a campaign for a block; database errors in the block become `DataError`."""
    with database_errors(address), closing(open_campaign(address)) as campaign:
        yield campaign


_HAS_EXPIRED = exists().where(turns.c.person == people.c.id, turns.c.state == literal_column(f"'{State.EXPIRED}'"))
_GOLDEN = select(func.max(tasks.c.position)).where(tasks.c.kind == Kind.GOLDEN).scalar_subquery()
_PERSON = (
    select(
        *(people, schema.campaign.c.paused, cursors.c.position, cursors.c.turns, cursors.c.draws),
        _HAS_EXPIRED.label("has_expired"),
        _GOLDEN.label("golden"),
    )
    .select_from(people)
    .join(schema.campaign, schema.campaign.c.id == 1)
    .join(cursors, cursors.c.person == people.c.id)
    .where(people.c.id == bindparam("number"))
    .with_for_update(of=[people, cursors], key_share=True)
)
_CAMPAIGN = select(schema.campaign.c.id).with_for_update(key_share=True)
_CAMPAIGN_UNLOCKED = select(schema.campaign.c.id)
_CAMPAIGN_SHARED = select(schema.campaign.c.id).with_for_update(read=True)
_LOCKED = (
    select(tasks.c.id).where(tasks.c.id.in_(bindparam("numbers", expanding=True))).order_by(tasks.c.id)
).with_for_update(key_share=True)
_OPEN = (
    select(tasks.c.id, tasks.c.kind, tasks.c.position, tasks.c.free, questions.c.votes, questions.c.reserved)
    .outerjoin(questions, and_(questions.c.task == tasks.c.id, questions.c.ended.is_(None)))
    .where(tasks.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(tasks.c.id)
)
_RESERVE = (
    update(questions)
    .where(questions.c.id.in_(bindparam("numbers", expanding=True)), ~questions.c.golden)
    .values(reserved=questions.c.reserved + bindparam("places"))
)
_IS_MAIN = tasks.c.kind == literal_column(f"'{Kind.MAIN}'")
_FREE = update(tasks).where(tasks.c.id == bindparam("number"), _IS_MAIN).values(free=bindparam("places"))
_BEHIND = cursors.c.position > bindparam("least")
_WAITING = select(cursors.c.person).where(_BEHIND).with_for_update(key_share=True, skip_locked=True)
_LOWER = update(cursors).where(cursors.c.person.in_(_WAITING)).values(position=bindparam("least"))


@dataclass
class Transaction:
    """A transaction that changes a campaign."""

    connection: Connection
    campaign: Campaign
    reopened: list[int] = field(default_factory=list)  # positions of main tasks that raters can get again

    @property
    def rules(self) -> Rules:
        """The rules of the campaign."""
        return self.campaign.rules

    def person(self, number: int) -> Row[Any]:
        """Lock a person and their cursor; return both, and what else their next turn depends on."""
        row = self.connection.execute(_PERSON, {"number": number}).one_or_none()
        if row is None:
            raise DataError("unknown-person", "unknown person", found=f"person {number}")
        return row

    def person_with(self, number: int, by: int | None) -> Row[Any]:
        """Lock a person, and the owner who changes their name or link (`by`), in the order of their numbers."""
        locked = {person: self.person(person) for person in sorted({number, number if by is None else by})}
        return locked[number]

    def lock(self, numbers: Iterable[int]) -> None:
        """Lock tasks. Call this before reading anything about them."""
        if self.connection.dialect.name != "sqlite":
            for chunk in in_chunks(sorted(set(numbers))):
                self.connection.execute(_LOCKED, {"numbers": chunk}).all()

    def lock_campaign(self, *, is_shared: bool = False) -> None:
        """Prevent other transactions from changing a truth or adding a task.

        With `is_shared`, other transactions can count answers at the same time.
        """
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(_CAMPAIGN_SHARED if is_shared else _CAMPAIGN).all()

    def imitate_campaign_lock(self) -> None:
        """Take as long as `lock_campaign`, without a lock, so that the time does not reveal golden tasks."""
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(_CAMPAIGN_UNLOCKED).all()

    def reserve(self, question_ids: Sequence[int], places: int) -> None:
        """Add reserved places on questions (1), or remove them (-1); golden questions have no places."""
        if question_ids:
            self.connection.execute(_RESERVE, {"numbers": question_ids, "places": places})

    def update_free(self, numbers: Iterable[int], *, reopened: bool = False) -> None:
        """Update how many further raters can get each task.

        Every open question of the task needs a free place. `reopened`: raters whose cursors have passed these tasks can
        get them now, even if other raters could get them before. Golden tasks take the same time, but nothing is stored
        for them.
        """
        for chunk in in_chunks(sorted(set(numbers))):
            places = []
            for task, rows in groupby(self.connection.execute(_OPEN, {"numbers": chunk}), key=itemgetter(0, 1, 2, 3)):
                number, kind, position, before = task
                is_main = kind == Kind.MAIN
                is_open = [row for row in rows if row.votes is not None]
                free = min((self.rules.free(row.votes, row.reserved) for row in is_open), default=0)
                if is_main and free != before:
                    places.append({"number": number, "places": free})
                if free and (reopened or (is_main and not before)):
                    self.reopened.append(position if is_main else _AFTER_ALL)
            self.store_free(places)

    def store_free(self, places: Sequence[Mapping[str, int]]) -> None:
        """Store how many further raters can get each task."""
        if places:
            self.connection.execute(_FREE, places)

    def lower_cursors(self) -> None:
        """Move cursors back to the first reopened task, except cursors that another transaction has locked."""
        if self.reopened:
            self.connection.execute(_LOWER, {"least": min(self.reopened)})

    def note(self, now: float, action: str, by: int | None = None, **detail: Any) -> None:
        """Write a log entry; `by` is the person who acts, None for the command line."""
        self.connection.execute(log.insert(), {"at": now, "person": by, "what": action, "detail": detail})


def in_chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split numbers into chunks that fit into one statement."""
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))


@contextmanager
def changing(campaign: Campaign) -> Iterator[Transaction]:
    """Run a block as one transaction; if it raises, nothing changes."""
    with campaign.gate, campaign.engine.begin() as connection:
        change = Transaction(connection, campaign)
        yield change
        change.lower_cursors()


def pause(campaign: Campaign, now: float, by: int | None = None) -> None:
    """Pause the campaign: people get no new tasks, but answers to current tasks are saved."""
    _set_paused(campaign, True, now, by)


def resume(campaign: Campaign, now: float, by: int | None = None) -> bool:
    """Resume the campaign; return whether it was paused."""
    return _set_paused(campaign, False, now, by)


def _set_paused(campaign: Campaign, paused: bool, now: float, by: int | None) -> bool:
    with changing(campaign) as change:
        pausing = update(schema.campaign).where(schema.campaign.c.paused != paused).values(paused=paused)
        is_new = bool(change.connection.execute(pausing).rowcount)
        if is_new:
            change.note(now, "pause" if paused else "resume", by)
    return is_new
