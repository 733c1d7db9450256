"""A campaign that is open, and changes of it.

Locks are taken in one order, so that no two transactions wait for one another: a person with their cursor, an image to
which a task may be added, tasks by number, the campaign where golden answers are counted, by raters together with
others and by experts alone, or where a task is added. Nobody waits for the cursors of others. Who holds that of a
person knows until the transaction ends whether their votes count. The locks are those beside which other rows may refer
to what is locked. Names and tokens of people are keys too, and for a change of one PostgreSQL waits for rows that refer
to the person, as an entry of the log does to who made it: so that change locks both people first, by number. On SQLite
a transaction that changes something is alone.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, bindparam, exists, func, literal_column, select, update

from reassess.annotation.addresses import shown_address
from reassess.annotation.assignment import Rules
from reassess.annotation.store import schema
from reassess.annotation.store.database import (
    RESTORE,
    Gate,
    database_errors,
    existing,
    is_server,
    open_engine,
    reading,
)
from reassess.annotation.store.schema import cursors, log, people, questions, tasks, turns
from reassess.annotation.store.versions import check_form
from reassess.core.stop_rule import StopRule
from reassess.errors import DataError, at
from reassess.text import counted

__all__ = ["Campaign", "Change", "changing", "in_parts", "open_campaign", "pause", "resume", "using_campaign"]

_MOST = 1_000  # values of a statement
_AFTER_ALL = (1 << 31) - 1  # a position that no cursor is beyond


@dataclass(frozen=True)
class Campaign:
    """A campaign.

    Parameters
    ----------
    engine
        Of its database.
    name
        What raters read above the page.
    rules
        The rules.
    bar
        The share of practice questions that a rater must answer as the experts did, from 0 to 1; None if all go on.
    at_least
        So many experts make the truth; None for more than half of those who answered.
    original_votes
        Whether each original label is a vote before all others.
    consent
        What people agree to before they begin; empty if nothing.
    images
        Where the images lie: a folder or an archive; None if that is not known.
    settings
        Of the benchmark, as its benchmark.json has them.
    gate
        Changes of this process pass it one after the other where the database can make no two at a time.
    """

    engine: Engine
    name: str
    rules: Rules
    bar: float | None
    at_least: int | None
    original_votes: bool
    consent: str
    images: str | None
    settings: dict[str, Any]
    gate: AbstractContextManager[Any]

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def open_campaign(address: str | Path) -> Campaign:
    """Open a campaign, by the path of an SQLite file or an address that begins with ``postgresql://``.

    Raises
    ------
    DataError
        There is none; it was made by another version, with other tables; the database is damaged, or cannot be used.
    """
    engine = open_engine(existing(address))
    try:
        with database_errors(address), at(shown_address(address)), reading(engine) as connection:
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
                found=counted(len(rows), "row"),
                fix=RESTORE,
            )
        (row,) = rows
        stop = None if row.stop_low is None else StopRule(row.stop_low, row.stop_high)
        return Campaign(
            engine=connection.engine,
            name=row.name,
            rules=Rules(votes=row.votes, stop=stop, golden_rate=row.golden_rate, lease=row.lease, seed=row.seed),
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
    except (TypeError, ValueError) as error:  # SQLite keeps a text in a column of numbers
        raise DataError(
            "damaged-campaign", "settings of the campaign cannot be read", found=str(error), fix=RESTORE
        ) from error


@contextmanager
def using_campaign(address: str | Path) -> Iterator[Campaign]:
    """A campaign that is open in a block; what its database refuses there is an error of this package.

    Raises
    ------
    DataError
        As for `open_campaign`; the database cannot be reached, is locked, or has no room.
    """
    with database_errors(address):
        campaign = open_campaign(address)
        try:
            yield campaign
        finally:
            campaign.close()


_HAS_LAPSED = exists().where(turns.c.person == people.c.id, turns.c.state == literal_column(f"'{schema.EXPIRED}'"))
_GOLDEN = select(func.max(tasks.c.position)).where(tasks.c.kind == schema.GOLDEN).scalar_subquery()
_PERSON = (
    select(
        *(people, schema.campaign.c.paused, cursors.c.position, cursors.c.turns, cursors.c.draws),
        _HAS_LAPSED.label("has_lapsed"),
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
_CAMPAIGN_WITH_OTHERS = select(schema.campaign.c.id).with_for_update(read=True)
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
_IS_MAIN = tasks.c.kind == literal_column(f"'{schema.MAIN}'")
_FREE = update(tasks).where(tasks.c.id == bindparam("number"), _IS_MAIN).values(free=bindparam("places"))
_BEHIND = cursors.c.position > bindparam("least")
_WAITING = select(cursors.c.person).where(_BEHIND).with_for_update(key_share=True, skip_locked=True)
_LOWER = update(cursors).where(cursors.c.person.in_(_WAITING)).values(position=bindparam("least"))


@dataclass
class Change:
    """A transaction.

    Parameters
    ----------
    connection
        Its connection.
    campaign
        The campaign.
    reopened
        Positions of main tasks that have a place again.
    """

    connection: Connection
    campaign: Campaign
    reopened: list[int] = field(default_factory=list)

    @property
    def rules(self) -> Rules:
        """The rules of the campaign."""
        return self.campaign.rules

    def person(self, number: int) -> Row[Any]:
        """A person with their cursor, which nobody else changes until the end, and what their next turn depends on."""
        found = self.connection.execute(_PERSON, {"number": number}).one_or_none()
        if found is None:
            raise DataError("unknown-person", "unknown person", found=f"person {number}")
        return found

    def person_with(self, number: int, by: int | None) -> Row[Any]:
        """As `person`, to change their name or link; who does that is locked too, both by number."""
        locked = {each: self.person(each) for each in sorted({number, number if by is None else by})}
        return locked[number]

    def lock(self, numbers: Iterable[int]) -> None:
        """Lock tasks, before anything of them is read."""
        if self.connection.dialect.name != "sqlite":
            for some in in_parts(sorted(set(numbers))):
                self.connection.execute(_LOCKED, {"numbers": some}).all()

    def lock_campaign(self, *, with_others: bool = False) -> None:
        """Let no other transaction change a truth or add a task; `with_others`, others may count answers meanwhile."""
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(_CAMPAIGN_WITH_OTHERS if with_others else _CAMPAIGN).all()

    def pass_campaign(self) -> None:
        """Take as long as `lock_campaign` does, and lock nothing."""
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(_CAMPAIGN_UNLOCKED).all()

    def reserve(self, shown: Sequence[int], places: int) -> None:
        """Add places that are reserved, or take them away, on questions that are voted on."""
        if shown:
            self.connection.execute(_RESERVE, {"numbers": shown, "places": places})

    def renew(self, numbers: Iterable[int], *, reopened: bool = False) -> None:
        """Note how many raters some tasks can be shown to: each of their open questions needs a place for them.

        `reopened`: raters who had passed them by may find something in them, also if others could be shown them before.
        It is looked for on golden tasks too, where nothing is noted, so that their requests take as long.
        """
        for some in in_parts(sorted(set(numbers))):
            places = []
            for task, rows in groupby(self.connection.execute(_OPEN, {"numbers": some}), key=itemgetter(0, 1, 2, 3)):
                number, kind, position, before = task
                is_main = kind == schema.MAIN
                is_open = [row for row in rows if row.votes is not None]
                free = min((self.rules.free(row.votes, row.reserved) for row in is_open), default=0)
                if is_main and free != before:
                    places.append({"number": number, "places": free})
                if free and (reopened or (is_main and not before)):
                    self.reopened.append(position if is_main else _AFTER_ALL)
            self.note_free(places)

    def note_free(self, places: Sequence[Mapping[str, int]]) -> None:
        """Note how many `places` tasks have by `number`."""
        if places:
            self.connection.execute(_FREE, places)

    def lower_cursors(self) -> None:
        """Let raters who have passed a task that is open again look at it first: but not who is being shown one now."""
        if self.reopened:
            self.connection.execute(_LOWER, {"least": min(self.reopened)})

    def note(self, now: float, what: str, by: int | None = None, **detail: Any) -> None:
        """Write into the log who did what; `by` is None for the command line."""
        self.connection.execute(log.insert(), {"at": now, "person": by, "what": what, "detail": detail})


def in_parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Numbers in parts that a statement can hold."""
    return (numbers[start : start + _MOST] for start in range(0, len(numbers), _MOST))


@contextmanager
def changing(campaign: Campaign) -> Iterator[Change]:
    """A transaction: all of the block, or nothing if it raises."""
    with campaign.gate, campaign.engine.begin() as connection:
        change = Change(connection, campaign)
        yield change
        change.lower_cursors()


def pause(campaign: Campaign, now: float, by: int | None = None) -> None:
    """Ask nothing more until the campaign is resumed; answers to what was asked are kept."""
    _set_paused(campaign, True, now, by)


def resume(campaign: Campaign, now: float, by: int | None = None) -> bool:
    """Ask again; whether the campaign was paused before."""
    return _set_paused(campaign, False, now, by)


def _set_paused(campaign: Campaign, paused: bool, now: float, by: int | None) -> bool:
    with changing(campaign) as change:
        other = update(schema.campaign).where(schema.campaign.c.paused != paused)
        is_other = bool(change.connection.execute(other.values(paused=paused)).rowcount)
        if is_other:
            change.note(now, "pause" if paused else "resume", by)
    return is_other
