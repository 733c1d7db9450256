"""The people of a campaign: their names, roles, sign-in links and sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from reassess.annotation.person_names import check_name, refuse_similar
from reassess.annotation.store.campaigns import Campaign, Transaction, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.practice import PRACTICE_TASK_COUNT
from reassess.annotation.store.schema import Role, Stage, cursors, golden_counts, log, people, sessions
from reassess.core import KNOWN_ANSWERS, VALIDITY
from reassess.errors import DataError
from reassess.text import join_first, suggest_name

_MAX_NAMES = 12  # in a message


@dataclass(frozen=True)
class Person:
    """A rater, an expert or an owner."""

    id: int
    name: str
    role: str
    stage: str  # of a rater: practice, rating, or failed (below the bar in practice)
    excluded: bool  # whether the owner has excluded their votes
    consented: bool  # whether they have agreed to the consent text
    linked: bool  # whether they have a valid link


def add_person(
    campaign: Campaign, name: str, role: str = Role.RATER, *, now: float = 0.0, by: int | None = None
) -> int:
    """Add a person; return their number."""
    (person,) = add_people(campaign, [name], role, now=now, by=by)
    return person


def add_people(
    campaign: Campaign,
    names: Sequence[str],
    role: str = Role.RATER,
    *,
    now: float = 0.0,
    by: int | None = None,
    simulated: bool = False,
) -> list[int]:
    """Add people, all or none; return their numbers.

    The log marks `simulated` people: `check_replaceable` does not protect their answers.
    """
    numbers = []
    try:
        with changing(campaign) as change:
            change.lock_campaign()  # avoids a deadlock when two people add the same names
            practice = role == Role.RATER and change.connection.scalar(PRACTICE_TASK_COUNT)
            for name in names:
                person = insert_person(change.connection, name, role, Stage.PRACTICE if practice else Stage.RATING)
                change.note(now, "simulate" if simulated else "add", by, person=person, role=role)
                numbers.append(person)
    except IntegrityError as error:
        raise DataError("duplicate-person", "person already exists", found=name, fix="choose another name") from error
    return numbers


def insert_person(connection: Connection, name: str, role: str, stage: str) -> int:
    """Insert a person with a cursor and zero counts; `DataError` for an invalid name."""
    check_name(name)
    refuse_similar(name, connection.scalars(select(people.c.name)).all())  # an open result would keep an old state
    insert = people.insert().values(name=name, role=role, stage=stage).returning(people.c.id)
    person: int = connection.execute(insert).scalar_one()
    connection.execute(cursors.insert().values(person=person))
    cells = [(truth, answer) for truth in range(len(VALIDITY)) for answer in range(len(KNOWN_ANSWERS))]
    counts = [{"person": person, "truth": truth, "answer": answer, "n": 0} for truth, answer in cells]
    connection.execute(golden_counts.insert(), counts)
    return person


def people_of(campaign: Campaign) -> list[Person]:
    """List all people of a campaign, by number."""
    with reading(campaign.engine) as connection:
        return [person_of_row(row) for row in connection.execute(select(people).order_by(people.c.id))]


def find_person(campaign: Campaign, name: str) -> Person:
    """Find a person by name; `DataError` for an unknown name."""
    everybody = people_of(campaign)
    for person in everybody:
        if person.name == name:
            return person
    names = [person.name for person in everybody]
    raise DataError(
        "unknown-person",
        "unknown person",
        allowed=join_first(names, max_items=_MAX_NAMES) or "nobody",
        found=name,
        fix=suggest_name(name, names) or "check the names in reassess status",
    )


def consent(campaign: Campaign, person: int, now: float) -> None:
    """Store when a person agreed to the consent text; only the first time counts."""
    with changing(campaign) as change:
        if change.person(person).consented is None:
            change.connection.execute(update(people).where(people.c.id == person).values(consented=now))
            change.note(now, "consent", person)


def admit(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Let a rater rate who is in practice, or failed it."""
    with changing(campaign) as change:
        row = change.person(person)
        if row.role != Role.RATER or row.stage not in (Stage.FAILED, Stage.PRACTICE):
            raise DataError(
                "not-waiting",
                "person is not waiting to be admitted",
                allowed="a rater in practice, or below the bar",
                found=f"{row.name}: {row.role}, {row.stage}",
            )
        change.connection.execute(update(people).where(people.c.id == person).values(stage=Stage.RATING))
        change.note(now, "admit", by, person=person)


def person_of_row(row: Row[Any]) -> Person:
    """Convert a row of the table to a person."""
    return Person(
        id=row.id,
        name=row.name,
        role=row.role,
        stage=row.stage,
        excluded=row.excluded,
        consented=row.consented is not None,
        linked=row.token is not None,
    )


_SECRET = 32  # bytes of a token or session secret
SESSION_SECONDS = 30 * 24 * 3600.0


def make_link(campaign: Campaign, person: int, now: float, by: int | None = None) -> str:
    """Create a sign-in token for a person, and revoke their earlier link and sessions.

    The link is the address of the pages, followed by ``sign-in#`` and the token. Only the token's hash is stored.
    """
    token = token_urlsafe(_SECRET)
    with changing(campaign) as change:
        row = change.person_with(person, by)
        if person == by:
            raise DataError(
                "own-link",
                "a new link for yourself would end this session",
                found=row.name,
                fix="reassess annotate invite --force, or ask another owner",
            )
        _set_token(change, person, _digest(token))
        change.note(now, "link", by, person=person)
    return token


def revoke_link(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Revoke the link of a person, and end their sessions."""
    with changing(campaign) as change:
        row = change.person_with(person, by)
        if by is not None:
            _refuse_only_owner(change, row, "the link of the only owner cannot be revoked")
        if row.token is not None:
            _set_token(change, person, None)
            change.note(now, "revoke", by, person=person)


def invited_people(campaign: Campaign) -> frozenset[int]:
    """Return the numbers of people who have, or once had, a link."""
    with reading(campaign.engine) as connection:
        details = connection.scalars(select(log.c.detail).where(log.c.what == "link"))
        return frozenset(detail["person"] for detail in details)


def sign_in(campaign: Campaign, token: str, now: float) -> str | None:
    """Start a session and return its secret; None for an unknown token.

    Unknown tokens are only read, so they do not delay other changes.
    """
    by_token = select(people.c.id).where(people.c.token == _digest(token))
    with reading(campaign.engine) as connection:
        if connection.scalar(by_token) is None:
            return None
    secret = token_urlsafe(_SECRET)
    with changing(campaign) as change:
        person = change.connection.scalar(by_token.with_for_update(key_share=True))
        if person is None:
            return None
        change.connection.execute(delete(sessions).where(sessions.c.expires < now))
        row = {"secret": _digest(secret), "person": person, "expires": now + SESSION_SECONDS}
        change.connection.execute(sessions.insert(), row)
        change.note(now, "sign in", person)
    return secret


def sign_out(campaign: Campaign, secret: str) -> None:
    """End a session."""
    with changing(campaign) as change:
        change.connection.execute(delete(sessions).where(sessions.c.secret == _digest(secret)))


_OF_SESSION = (
    select(people)
    .join(sessions, sessions.c.person == people.c.id)
    .where(sessions.c.secret == bindparam("digest"), sessions.c.expires > bindparam("now"))
)


def person_of_session(campaign: Campaign, secret: str, now: float) -> Person | None:
    """Return the person of a session; None if the session has ended."""
    with reading(campaign.engine, once=True) as connection:
        row = connection.execute(_OF_SESSION, {"digest": _digest(secret), "now": now}).one_or_none()
    return None if row is None else person_of_row(row)


def delete_person(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Delete the name, link and sessions of a person; their answers stay, under a number."""
    with changing(campaign) as change:
        row = change.person_with(person, by)
        _refuse_only_owner(change, row, "the only owner cannot be deleted")
        _set_token(change, person, None)
        other_names = select(people.c.name).where(people.c.id != person)
        used = set(change.connection.scalars(other_names.where(people.c.name.startswith("deleted "))))
        pseudonyms = (f"deleted {person}{'-again' * times}" for times in count())
        values = {"name": next(name for name in pseudonyms if name not in used), "consented": None}
        change.connection.execute(update(people).where(people.c.id == person).values(**values))
        change.note(now, "delete", by, person=person)


_OWNERS = select(people.c.id).where(people.c.role == Role.OWNER, people.c.token.is_not(None))


def _refuse_only_owner(change: Transaction, person: Row[Any], message: str) -> None:
    other_owners = _OWNERS.where(people.c.id != person.id)
    if person.role == Role.OWNER and change.connection.scalar(other_owners) is None:
        raise DataError("only-owner", message, found=person.name, fix="invite another owner first")


def _set_token(change: Transaction, person: int, token: str | None) -> None:
    change.connection.execute(update(people).where(people.c.id == person).values(token=token))
    change.connection.execute(delete(sessions).where(sessions.c.person == person))


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
