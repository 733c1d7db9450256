"""Raters, experts and keepers: their links, their sessions, and what is kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from secrets import token_urlsafe
from typing import Any
from unicodedata import category

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from reassess.annotation.store.campaigns import Campaign, Change, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import (
    FAILED,
    KEEPER,
    PRACTICE,
    RATER,
    RATING,
    cursors,
    golden_counts,
    log,
    people,
    sessions,
    tasks,
)
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.rater_model import VALIDITY
from reassess.errors import DataError
from reassess.text import composed, nearest, some

__all__ = [
    "SESSION_SECONDS",
    "Person",
    "add_people",
    "add_person",
    "admit",
    "check_name",
    "consent",
    "ever_linked",
    "find_person",
    "forget_person",
    "insert_person",
    "make_link",
    "people_of",
    "person_of_session",
    "revoke_link",
    "sign_in",
    "sign_out",
]

_SECRET = 32  # bytes
_LONGEST_NAME = 200
_MOST_NAMES = 12  # that a message lists
_NO_LETTERS = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, what is not seen, halves of letters, ends of lines
_JOINERS = "\u200c\u200d"  # which some scripts need between letters
SESSION_SECONDS = 30 * 24 * 3600.0


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
        raise DataError("there is somebody of that name", found=name, mend="take another name") from error
    return added


def check_name(name: str) -> None:
    """`DataError` unless a name can be that of a person or a campaign: one line of text that can be seen."""
    if all(category(letter)[0] in "CZ" for letter in name):
        raise DataError("a name is needed that can be seen", found=ascii(name))
    if len(name) > _LONGEST_NAME:
        raise DataError("the name is too long", allowed=f"up to {_LONGEST_NAME} letters", found=f"{len(name)} letters")
    if wrong := [letter for letter in name if category(letter) in _NO_LETTERS and letter not in _JOINERS]:
        raise DataError(
            "the name holds what is no letter",
            found=f"{wrong[0]!a} in {name!a}",
            mend="write it in one line of text",
        )
    if name != name.strip():
        raise DataError("the name has blanks around it", found=repr(name), mend=f"leave them out: {name.strip()!r}")


def _refuse_alike(connection: Connection, name: str) -> None:
    for other in connection.scalars(select(people.c.name)):
        if other != name and _as_seen(other) == _as_seen(name):
            raise DataError(
                "there is somebody whose name looks nearly the same, and nobody could tell them apart",
                found=f"{name}, beside {other}",
                mend="write it in the same way if they are one person; or take another name",
            )


def _as_seen(name: str) -> str:
    """A name without what is hardly seen in it: capitals, joiners, and forms of one letter."""
    return composed(name.translate(dict.fromkeys(map(ord, _JOINERS))).casefold())


_PRACTICE_TASKS = select(func.count()).select_from(tasks).where(tasks.c.kind == PRACTICE)


def insert_person(connection: Connection, name: str, role: str, stage: str) -> int:
    """Insert a person, with all that is counted of them; `DataError` for a name that cannot be theirs."""
    check_name(name)
    _refuse_alike(connection, name)
    added = people.insert().values(name=name, role=role, stage=stage).returning(people.c.id)
    person: int = connection.execute(added).scalar_one()
    connection.execute(cursors.insert().values(person=person))
    cells = [(truth, answer) for truth in range(len(VALIDITY)) for answer in range(len(KNOWN_ANSWERS))]
    counts = [{"person": person, "truth": truth, "answer": answer, "n": 0} for truth, answer in cells]
    connection.execute(golden_counts.insert(), counts)
    return person


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
                "a new link of your own would end the session that shows it",
                found=row.name,
                mend="reassess annotate invite --again makes it; or another keeper does",
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
    return None if row is None else _person(row)


def people_of(campaign: Campaign) -> list[Person]:
    """All people of a campaign, by number."""
    with reading(campaign.engine) as connection:
        return [_person(row) for row in connection.execute(select(people).order_by(people.c.id))]


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
        "there is nobody of that name",
        allowed=some(names, most=_MOST_NAMES) or "nobody",
        found=name,
        mend=nearest(name, names) or "reassess annotate status shows everybody",
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
                "the person does not wait to begin",
                allowed=f"a {RATER} of the stage {PRACTICE} or {FAILED}",
                found=f"{row.name}: {row.role}, {row.stage}",
            )
        change.connection.execute(update(people).where(people.c.id == person).values(stage=RATING))
        change.note(now, "admit", by, person=person)


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
        raise DataError(what, found=person.name, mend="invite another keeper first")


def _end_link(change: Change, person: int, token: str | None) -> None:
    change.connection.execute(update(people).where(people.c.id == person).values(token=token))
    change.connection.execute(delete(sessions).where(sessions.c.person == person))


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _person(row: Any) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        role=row.role,
        stage=row.stage,
        voided=row.voided,
        consented=row.consented is not None,
        linked=row.token is not None,
    )
