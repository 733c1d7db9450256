"""A campaign that is open, and changes of it.

Locks are taken in one order, so that no two transactions wait for one another: a person, tasks by number, cursors by
person. Who holds that of a person knows whether their votes count until the transaction ends.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update

from reassess.annotation.assignment import Rules
from reassess.annotation.store import schema
from reassess.annotation.store.database import is_server, open_engine, reading
from reassess.annotation.store.schema import MAIN, cursors, people, questions, tasks
from reassess.core.stop_rule import StopRule
from reassess.errors import DataError

__all__ = ["Campaign", "Change", "changing", "in_parts", "open_campaign"]

_MOST = 1_000  # values of a statement


@dataclass(frozen=True)
class Campaign:
    """A campaign.

    Parameters
    ----------
    engine
        Of its database.
    rules
        The rules.
    golden
        Number of golden questions that are invalid, and that are valid.
    """

    engine: Engine
    rules: Rules
    golden: tuple[int, int]

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def open_campaign(address: str | Path) -> Campaign:
    """Open a campaign, by the path of an SQLite file or an address that begins with ``postgresql://``.

    Raises
    ------
    DataError
        There is none.
    """
    if not is_server(address) and not Path(address).is_file():
        raise DataError("there is no campaign", where=address, mend="make one with reassess annotate create")
    engine = open_engine(address)
    with reading(engine) as connection:
        row = connection.execute(select(schema.campaign)).one()
    stop = None if row.stop_low is None else StopRule(row.stop_low, row.stop_high)
    rules = Rules(votes=row.votes, stop=stop, golden_rate=row.golden_rate, lease=row.lease, seed=row.seed)
    return Campaign(engine, rules, (row.golden_invalid, row.golden_valid))


@dataclass
class Change:
    """A transaction on some tasks.

    Parameters
    ----------
    connection
        Its connection.
    rules
        The rules of the campaign.
    reopened
        Positions of main tasks that have a place again.
    """

    connection: Connection
    rules: Rules
    reopened: list[int] = field(default_factory=list)

    def is_voided(self, person: int) -> bool:
        """Whether the votes of a person do not count, which stays so until the transaction ends."""
        found = select(people.c.voided).where(people.c.id == person).with_for_update(read=True)
        return bool(self.connection.execute(found).scalar_one())

    def lock(self, numbers: Iterable[int]) -> None:
        """Lock tasks, before anything of them is read."""
        for some in in_parts(sorted(set(numbers))):
            found = select(tasks.c.id).where(tasks.c.id.in_(some)).order_by(tasks.c.id)
            self.connection.execute(found.with_for_update()).all()

    def rows(self, task: int) -> Sequence[Row[Any]]:
        """The questions of a task."""
        found = select(questions).where(questions.c.task == task).order_by(questions.c.id)
        rows: Sequence[Row[Any]] = self.connection.execute(found).all()
        return rows

    def free(self, row: Row[Any]) -> int:
        """How many more raters a question can be shown to."""
        return 0 if row.ended is not None else self.rules.free(row.votes, row.reserved)

    def reserve(self, shown: Sequence[int], places: int) -> None:
        """Add places that are reserved, or take them away, on questions that are voted on."""
        if shown:
            voted_on = questions.c.id.in_(shown), questions.c.truth.is_(None)
            reserved = questions.c.reserved + places
            self.connection.execute(update(questions).where(*voted_on).values(reserved=reserved))

    def renew(self, task: int, *, reopened: bool = False) -> None:
        """Note how many places are free on a task; it may be `reopened` for a rater although they are no more."""
        before = self.connection.execute(select(tasks).where(tasks.c.id == task)).one()
        if before.kind != MAIN:
            return
        free = sum(map(self.free, self.rows(task)))
        if free != before.free:
            self.connection.execute(update(tasks).where(tasks.c.id == task).values(free=free))
        if reopened or free > before.free:
            self.reopened.append(before.position)

    def lower_cursors(self) -> None:
        """Let raters who have passed a task that is open again look at it."""
        if self.reopened:
            behind = cursors.c.position > min(self.reopened)
            found = select(cursors.c.person).where(behind).order_by(cursors.c.person).with_for_update()
            self.connection.execute(found).all()
            self.connection.execute(update(cursors).where(behind).values(position=min(self.reopened)))


def in_parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Numbers in parts that a statement can hold."""
    return (numbers[start : start + _MOST] for start in range(0, len(numbers), _MOST))


@contextmanager
def changing(campaign: Campaign) -> Iterator[Change]:
    """A transaction: all of the block, or nothing if it raises."""
    with campaign.engine.begin() as connection:
        change = Change(connection, campaign.rules)
        yield change
        change.lower_cursors()
