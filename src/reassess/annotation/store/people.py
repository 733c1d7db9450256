"""The people of a campaign: their names, roles, sign-in links and sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from reassess.annotation.person_names import check_name, refuse_similar_name
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.practice import COUNT_PRACTICE_TASKS
from reassess.annotation.store.schema import RaterStage, Role, cursors, golden_counts, log, people, sessions
from reassess.annotation.store.statements import execute
from reassess.annotation.store.transactions import Transaction, open_transaction
from reassess.core import KNOWN_ANSWERS, VALIDITY
from reassess.errors import DataError
from reassess.text import join_first, suggest_name

_MAX_LISTED_NAMES = 12  # in a message


@dataclass(frozen=True)
class Person:
    """A rater, an expert or an owner."""

    id: int
    name: str
    role: str
    stage: str  # of a rater: practice, rating, or failed (below the bar in practice)
    is_excluded: bool  # whether the owner has excluded their votes
    has_consented: bool  # whether they have agreed to the consent text
    has_link: bool  # whether they have a valid link


def add_person(
    campaign: Campaign, name: str, role: str = Role.RATER, *, now: float = 0.0, actor_id: int | None = None
) -> int:
    """Add a person to a campaign; return their id."""
    (person,) = add_people(campaign, [name], role, now=now, actor_id=actor_id)
    return person


def add_people(
    campaign: Campaign,
    names: Sequence[str],
    role: str = Role.RATER,
    *,
    now: float = 0.0,
    actor_id: int | None = None,
    is_simulated: bool = False,
) -> list[int]:
    """Add people to a campaign, all or none; return their ids.

    With `is_simulated`, the log marks the people as simulated. Then `check_replaceable` allows that a new campaign
    replaces their answers.
    """
    numbers = []
    try:
        with open_transaction(campaign) as transaction:
            transaction.lock_campaign()  # avoids a deadlock when two people add the same names
            practice = role == Role.RATER and transaction.connection.scalar(COUNT_PRACTICE_TASKS)
            for name in names:
                person = insert_person(
                    transaction.connection, name, role, RaterStage.PRACTICE if practice else RaterStage.RATING
                )
                transaction.log_action(now, "simulate" if is_simulated else "add", actor_id, person=person, role=role)
                numbers.append(person)
    except IntegrityError as error:
        raise DataError("duplicate-person", "person already exists", found=name, fix="choose another name") from error
    return numbers


def insert_person(connection: Connection, name: str, role: str, stage: str) -> int:
    """Insert the rows of a new person; return their id. `DataError` for an invalid name."""
    check_name(name)
    refuse_similar_name(name, connection.scalars(select(people.c.name)).all())  # an open result would keep an old state
    insert = people.insert().values(name=name, role=role, stage=stage).returning(people.c.id)
    person: int = connection.execute(insert).scalar_one()
    connection.execute(cursors.insert().values(person=person))
    cells = [(truth, answer) for truth in range(len(VALIDITY)) for answer in range(len(KNOWN_ANSWERS))]
    counts = [{"person": person, "truth": truth, "answer": answer, "n": 0} for truth, answer in cells]
    connection.execute(golden_counts.insert(), counts)
    return person


def list_people(campaign: Campaign) -> list[Person]:
    """List all people of a campaign, sorted by id."""
    with connect_for_reading(campaign.engine) as connection:
        return [person_from_row(row) for row in connection.execute(select(people).order_by(people.c.id))]


def find_person(campaign: Campaign, name: str) -> Person:
    """Find a person by name; raise `DataError` for an unknown name."""
    everybody = list_people(campaign)
    for person in everybody:
        if person.name == name:
            return person
    names = [person.name for person in everybody]
    raise DataError(
        "unknown-person",
        "unknown person",
        allowed=join_first(names, max_items=_MAX_LISTED_NAMES) or "nobody",
        found=name,
        fix=suggest_name(name, names) or "check the names in `reassess status`",
    )


def save_consent(campaign: Campaign, person_id: int, now: float) -> None:
    """Save when a person first agreed to the consent text."""
    with open_transaction(campaign) as transaction:
        if transaction.lock_person(person_id).consented is None:
            transaction.connection.execute(update(people).where(people.c.id == person_id).values(consented=now))
            transaction.log_action(now, "consent", person_id)


def admit_rater(campaign: Campaign, person_id: int, now: float, actor_id: int | None = None) -> None:
    """Admit a rater who has not finished the practice tasks or has failed them: the rater can now rate images."""
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person(person_id)
        if row.role != Role.RATER or row.stage not in (RaterStage.FAILED, RaterStage.PRACTICE):
            raise DataError(
                "not-waiting",
                "person is not waiting to be admitted",
                allowed="a rater who is in practice or has failed practice",
                found=f"{row.name}: {row.role}, {row.stage}",
            )
        transaction.connection.execute(update(people).where(people.c.id == person_id).values(stage=RaterStage.RATING))
        transaction.log_action(now, "admit", actor_id, person=person_id)


def person_from_row(row: Row[Any]) -> Person:
    """Make a person from a row of the table."""
    return Person(
        id=row.id,
        name=row.name,
        role=row.role,
        stage=row.stage,
        is_excluded=row.excluded,
        has_consented=row.consented is not None,
        has_link=row.token is not None,
    )


_SECRET_BYTES = 32  # bytes of a token or session secret
SESSION_SECONDS = 30 * 24 * 3600.0


def create_sign_in_token(campaign: Campaign, person_id: int, now: float, actor_id: int | None = None) -> str:
    """Create a sign-in token for a person, and revoke their earlier link and sessions.

    The link is the address of the pages, followed by ``sign-in#`` and the token. Only the token's hash is stored.
    """
    token = token_urlsafe(_SECRET_BYTES)
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person_and_actor(person_id, actor_id)
        if person_id == actor_id:
            raise DataError(
                "own-link",
                "creating a link for yourself would sign you out",
                found=row.name,
                fix="run `reassess annotate invite --force`, or ask another owner",
            )
        _set_token(transaction, person_id, _hash_secret(token))
        transaction.log_action(now, "link", actor_id, person=person_id)
    return token


def revoke_link(campaign: Campaign, person_id: int, now: float, actor_id: int | None = None) -> None:
    """Revoke the link of a person, and end their sessions."""
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person_and_actor(person_id, actor_id)
        if actor_id is not None:
            _refuse_if_only_owner(transaction, row, "the link of the only owner cannot be revoked")
        if row.token is not None:
            _set_token(transaction, person_id, None)
            transaction.log_action(now, "revoke", actor_id, person=person_id)


def read_invited_ids(campaign: Campaign) -> frozenset[int]:
    """Return the ids of people who have, or once had, a link."""
    with connect_for_reading(campaign.engine) as connection:
        details = connection.scalars(select(log.c.detail).where(log.c.what == "link"))
        return frozenset(detail["person"] for detail in details)


def sign_in(campaign: Campaign, token: str, now: float) -> str | None:
    """Start a session with a sign-in token, and return the session's secret; None for an unknown token.

    An unknown token causes only a read of the database. So guessing tokens does not delay changes by other people.
    """
    by_token = select(people.c.id).where(people.c.token == _hash_secret(token))
    with connect_for_reading(campaign.engine) as connection:
        if connection.scalar(by_token) is None:
            return None
    secret = token_urlsafe(_SECRET_BYTES)
    with open_transaction(campaign) as transaction:
        person = transaction.connection.scalar(by_token.with_for_update(key_share=True))
        if person is None:
            return None
        transaction.connection.execute(delete(sessions).where(sessions.c.expires < now))
        row = {"secret": _hash_secret(secret), "person": person, "expires": now + SESSION_SECONDS}
        transaction.connection.execute(sessions.insert(), row)
        transaction.log_action(now, "sign in", person)
    return secret


def sign_out(campaign: Campaign, session_secret: str) -> None:
    """End the session that has this secret in its cookie."""
    with open_transaction(campaign) as transaction:
        transaction.connection.execute(delete(sessions).where(sessions.c.secret == _hash_secret(session_secret)))


_SELECT_SESSION_PERSON = (
    select(people)
    .join(sessions, sessions.c.person == people.c.id)
    .where(sessions.c.secret == bindparam("digest"), sessions.c.expires > bindparam("now"))
)


def find_session_person(campaign: Campaign, session_secret: str, now: float) -> Person | None:
    """Find the person of a session by its secret; None if the session has ended."""
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        rows = execute(connection, (_SELECT_SESSION_PERSON, {"digest": _hash_secret(session_secret), "now": now}))
    return person_from_row(rows[0]) if rows else None


def delete_person(campaign: Campaign, person_id: int, now: float, actor_id: int | None = None) -> None:
    """Delete the name, link and sessions of a person; their answers stay, under a number."""
    with open_transaction(campaign) as transaction:
        row = transaction.lock_person_and_actor(person_id, actor_id)
        _refuse_if_only_owner(transaction, row, "the only owner cannot be deleted")
        _set_token(transaction, person_id, None)
        other_names = select(people.c.name).where(people.c.id != person_id)
        used = set(transaction.connection.scalars(other_names.where(people.c.name.startswith("deleted "))))
        pseudonyms = (f"deleted {person_id}{'-again' * times}" for times in count())
        values = {"name": next(name for name in pseudonyms if name not in used), "consented": None}
        transaction.connection.execute(update(people).where(people.c.id == person_id).values(**values))
        transaction.log_action(now, "delete", actor_id, person=person_id)


_SELECT_OWNERS = select(people.c.id).where(people.c.role == Role.OWNER, people.c.token.is_not(None))


def _refuse_if_only_owner(transaction: Transaction, person: Row[Any], message: str) -> None:
    """Raise `DataError` with this message if a person is the only owner who has a link."""
    other_owners = _SELECT_OWNERS.where(people.c.id != person.id)
    if person.role == Role.OWNER and transaction.connection.scalar(other_owners) is None:
        raise DataError("only-owner", message, found=person.name, fix="invite another owner first")


def _set_token(transaction: Transaction, person_id: int, token: str | None) -> None:
    transaction.connection.execute(update(people).where(people.c.id == person_id).values(token=token))
    transaction.connection.execute(delete(sessions).where(sessions.c.person == person_id))


def _hash_secret(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
