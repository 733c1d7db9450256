"""Raters, experts and keepers: who takes part in a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.exc import IntegrityError

from reassess.annotation.person_names import check_name, refuse_alike
from reassess.annotation.store.campaigns import Campaign, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    FAILED,
    PRACTICE,
    RATER,
    RATING,
    cursors,
    golden_counts,
    people,
    tasks,
)
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.rater_model import VALIDITY
from reassess.errors import DataError
from reassess.text import nearest, some

__all__ = [
    "Person",
    "add_people",
    "add_person",
    "admit",
    "consent",
    "find_person",
    "insert_person",
    "people_of",
    "person_of_row",
]

_MOST_NAMES = 12  # that a message lists


@dataclass(frozen=True)
class Person:
    """Somebody who takes part in a campaign.

    Parameters
    ----------
    id
        Their number.
    name
        Their name.
    role
        rater, expert or keeper.
    stage
        Of a rater: practice, rating, or failed if they did not reach the bar in their practice round.
    voided
        Whether their votes do not count.
    consented
        Whether they have agreed to what the keeper asks them to agree to.
    linked
        Whether there is a link by which they can enter.
    """

    id: int
    name: str
    role: str
    stage: str
    voided: bool
    consented: bool
    linked: bool


def add_person(campaign: Campaign, name: str, role: str = RATER, *, now: float = 0.0, by: int | None = None) -> int:
    """Add a rater, an expert or a keeper; their number. Errors are those of `add_people`."""
    (person,) = add_people(campaign, [name], role, now=now, by=by)
    return person


def add_people(
    campaign: Campaign,
    names: Sequence[str],
    role: str = RATER,
    *,
    now: float = 0.0,
    by: int | None = None,
    simulated: bool = False,
) -> list[int]:
    """Add raters, experts or keepers, all of them or none; their numbers.

    The log says of those who are `simulated` that they are no people, whose answers are not to be lost.

    Raises
    ------
    DataError
        There is somebody of a name, or of one that looks nearly the same; or a name is empty, too long, of more
        than one line of text, or has blanks around it.
    """
    added = []
    try:
        with changing(campaign) as change:
            change.lock_campaign()  # two who add the same names would else wait for one another
            practice = role == RATER and change.connection.scalar(_PRACTICE_TASKS)
            for name in names:
                person = insert_person(change.connection, name, role, PRACTICE if practice else RATING)
                change.note(now, "simulate" if simulated else "add", by, person=person, role=role)
                added.append(person)
    except IntegrityError as error:
        raise DataError("duplicate-person", "person already exists", found=name, fix="take another name") from error
    return added


_PRACTICE_TASKS = select(func.count()).select_from(tasks).where(tasks.c.kind == PRACTICE)


def insert_person(connection: Connection, name: str, role: str, stage: str) -> int:
    """Insert a person, with all that is counted of them; `DataError` for a name that cannot be theirs."""
    check_name(name)
    refuse_alike(name, connection.scalars(select(people.c.name)))
    added = people.insert().values(name=name, role=role, stage=stage).returning(people.c.id)
    person: int = connection.execute(added).scalar_one()
    connection.execute(cursors.insert().values(person=person))
    cells = [(truth, answer) for truth in range(len(VALIDITY)) for answer in range(len(KNOWN_ANSWERS))]
    counts = [{"person": person, "truth": truth, "answer": answer, "n": 0} for truth, answer in cells]
    connection.execute(golden_counts.insert(), counts)
    return person


def people_of(campaign: Campaign) -> list[Person]:
    """All people of a campaign, by number."""
    with reading(campaign.engine) as connection:
        return [person_of_row(row) for row in connection.execute(select(people).order_by(people.c.id))]


def find_person(campaign: Campaign, name: str) -> Person:
    """Somebody by name.

    Raises
    ------
    DataError
        There is nobody of that name.
    """
    everybody = people_of(campaign)
    for person in everybody:
        if person.name == name:
            return person
    names = [person.name for person in everybody]
    raise DataError(
        "unknown-person",
        "unknown person",
        allowed=some(names, most=_MOST_NAMES) or "nobody",
        found=name,
        fix=nearest(name, names) or "reassess annotate status shows everybody",
    )


def consent(campaign: Campaign, person: int, now: float) -> None:
    """Note that somebody agrees to what the keeper asks them to agree to; the first time counts."""
    with changing(campaign) as change:
        if change.person(person).consented is None:
            change.connection.execute(update(people).where(people.c.id == person).values(consented=now))
            change.note(now, "consent", person)


def admit(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Let a rater begin who did not reach the bar, or has not finished the practice round.

    Raises
    ------
    DataError
        There is no such person, or they are no rater who waits.
    """
    with changing(campaign) as change:
        row = change.person(person)
        if row.role != RATER or row.stage not in (FAILED, PRACTICE):
            raise DataError(
                "not-waiting",
                "person is not waiting to be admitted",
                allowed=f"a {RATER} of the stage {PRACTICE} or {FAILED}",
                found=f"{row.name}: {row.role}, {row.stage}",
            )
        change.connection.execute(update(people).where(people.c.id == person).values(stage=RATING))
        change.note(now, "admit", by, person=person)


def person_of_row(row: Row[Any]) -> Person:
    """Somebody, as a row of the table holds them."""
    return Person(
        id=row.id,
        name=row.name,
        role=row.role,
        stage=row.stage,
        voided=row.voided,
        consented=row.consented is not None,
        linked=row.token is not None,
    )
