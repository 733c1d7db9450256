"""By what people enter: their links and sessions; and how somebody is forgotten."""

from hashlib import sha256
from itertools import count
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update

from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.people import Person, person_of_row
from reassess.annotation.store.schema import KEEPER, log, people, sessions
from reassess.errors import DataError

__all__ = [
    "SESSION_SECONDS",
    "ever_linked",
    "forget_person",
    "make_link",
    "person_of_session",
    "revoke_link",
    "sign_in",
    "sign_out",
]

_SECRET = 32  # bytes
SESSION_SECONDS = 30 * 24 * 3600.0


def make_link(campaign: Campaign, person: int, now: float, by: int | None = None) -> str:
    """A token by which somebody enters. It is not kept; what they had before, and their sessions, end.

    The address of their link is that of the page, ``enter#`` and the token.

    Raises
    ------
    DataError
        There is no such person, or a keeper does so for themselves: it ends the session in which the link is shown.
    """
    token = token_urlsafe(_SECRET)
    with changing(campaign) as change:
        row = change.person_with(person, by)
        if person == by:
            raise DataError(
                "own-link",
                "a new link for yourself would end this session",
                found=row.name,
                fix="reassess annotate invite --again makes it; or another keeper does",
            )
        _end_link(change, person, _digest(token))
        change.note(now, "link", by, person=person)
    return token


def revoke_link(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Let nobody enter by the link of a person any more; their sessions end.

    Raises
    ------
    DataError
        There is no such person, or a keeper does so to the only keeper.
    """
    with changing(campaign) as change:
        row = change.person_with(person, by)
        if by is not None:
            _refuse_only_keeper(change, row, "the link of the only keeper cannot be revoked")
        if row.token is not None:
            _end_link(change, person, None)
            change.note(now, "revoke", by, person=person)


def ever_linked(campaign: Campaign) -> frozenset[int]:
    """The numbers of people who have a link by which they can enter, or had one."""
    with reading(campaign.engine) as connection:
        made = connection.scalars(select(log.c.detail).where(log.c.what == "link"))
        return frozenset(detail["person"] for detail in made)


def sign_in(campaign: Campaign, token: str, now: float) -> str | None:
    """The secret of a new session; None if the token is of nobody, for which no other change has to wait."""
    found = select(people.c.id).where(people.c.token == _digest(token))
    with reading(campaign.engine) as connection:
        if connection.scalar(found) is None:
            return None
    secret = token_urlsafe(_SECRET)
    with changing(campaign) as change:
        person = change.connection.scalar(found.with_for_update(key_share=True))
        if person is None:
            return None
        change.connection.execute(delete(sessions).where(sessions.c.expires < now))
        row = {"secret": _digest(secret), "person": person, "expires": now + SESSION_SECONDS}
        change.connection.execute(sessions.insert(), row)
        change.note(now, "enter", person)
    return secret


def sign_out(campaign: Campaign, secret: str) -> None:
    """End a session."""
    with changing(campaign) as change:
        change.connection.execute(delete(sessions).where(sessions.c.secret == _digest(secret)))


_OF_SESSION = (
    select(people)
    .join(sessions, sessions.c.person == people.c.id)
    .where(sessions.c.secret == bindparam("own"), sessions.c.expires > bindparam("now"))
)


def person_of_session(campaign: Campaign, secret: str, now: float) -> Person | None:
    """Whose session it is; None if it has ended, or is none."""
    with reading(campaign.engine, once=True) as connection:
        row = connection.execute(_OF_SESSION, {"own": _digest(secret), "now": now}).one_or_none()
    return None if row is None else person_of_row(row)


def forget_person(campaign: Campaign, person: int, now: float, by: int | None = None) -> None:
    """Take away the name of a person, their link and their sessions; what they said stays, under a number.

    Raises
    ------
    DataError
        There is no such person, or they are the only keeper.
    """
    with changing(campaign) as change:
        row = change.person_with(person, by)
        _refuse_only_keeper(change, row, "the only keeper cannot be forgotten")
        _end_link(change, person, None)
        others_named = select(people.c.name).where(people.c.id != person)
        taken = set(change.connection.scalars(others_named.where(people.c.name.startswith("forgotten "))))
        pseudonyms = (f"forgotten {person}{'-again' * times}" for times in count())
        nameless = {"name": next(name for name in pseudonyms if name not in taken), "consented": None}
        change.connection.execute(update(people).where(people.c.id == person).values(**nameless))
        change.note(now, "forget", by, person=person)


_KEEPERS = select(people.c.id).where(people.c.role == KEEPER, people.c.token.is_not(None))


def _refuse_only_keeper(change: Change, person: Row[Any], what: str) -> None:
    others = _KEEPERS.where(people.c.id != person.id)
    if person.role == KEEPER and change.connection.scalar(others) is None:
        raise DataError("only-owner", what, found=person.name, fix="invite another keeper first")


def _end_link(change: Change, person: int, token: str | None) -> None:
    change.connection.execute(update(people).where(people.c.id == person).values(token=token))
    change.connection.execute(delete(sessions).where(sessions.c.person == person))


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
