"""Links, sessions, consent, and deleted people."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DatabaseError

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    add_people,
    add_person,
    admit_rater,
    create_campaign,
    create_sign_in_token,
    delete_person,
    export_votes,
    find_person,
    find_session_person,
    list_people,
    open_campaign,
    revoke_link,
    save_answers,
    save_consent,
    sign_in,
    sign_out,
)
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import log, people, sessions
from reassess.annotation.store.transactions import open_transaction
from tests.annotation.campaigns import NOW, tasks_of, turn_of, waiting, why
from tests.helpers import code_of, message

_MONTH = 30 * 24 * 3600


@pytest.fixture
def campaign(address: str | Path) -> Campaign:
    """A campaign with a consent text."""
    create_campaign(address, CampaignPlan(tasks_of(2), consent_text="We keep your votes."))
    return open_campaign(address)


def signed_in(campaign: Campaign, name: str = "ann") -> tuple[int, str]:
    """Return a person who has consented, and the secret of their session."""
    person = add_person(campaign, name)
    secret = sign_in(campaign, create_sign_in_token(campaign, person, NOW), NOW)
    assert secret is not None
    assert why(campaign, person) == "consent"
    save_consent(campaign, person, NOW)
    return person, secret


def test_session_ends_after_a_month_or_sign_out(campaign: Campaign) -> None:
    person, secret = signed_in(campaign)
    own = find_session_person(campaign, secret, NOW)
    assert (own.id, own.name, own.role, own.has_consented) == (person, "ann", "rater", True)
    assert find_session_person(campaign, secret, NOW + _MONTH - 1) is not None
    assert find_session_person(campaign, secret, NOW + _MONTH + 1) is None
    sign_out(campaign, secret)
    assert find_session_person(campaign, secret, NOW) is None


def test_forged_replaced_and_revoked_tokens_do_not_sign_in(campaign: Campaign) -> None:
    person = add_person(campaign, "ann")
    first = create_sign_in_token(campaign, person, NOW)
    secret = sign_in(campaign, first, NOW)
    second = create_sign_in_token(campaign, person, NOW)
    assert find_session_person(campaign, secret, NOW) is None
    assert [sign_in(campaign, token, NOW) for token in (first, second + "A")] == [None, None]
    other = sign_in(campaign, second, NOW)
    with connect_for_reading(campaign.engine) as connection:
        rows = str([connection.execute(select(table)).all() for table in (people, sessions, log)])
    assert [one for one in (first, second, secret, other) if one in rows] == []
    revoke_link(campaign, person, NOW)
    assert find_session_person(campaign, other, NOW) is None
    assert sign_in(campaign, second, NOW) is None


@pytest.mark.parametrize("change", [create_sign_in_token, revoke_link, delete_person])
def test_people_who_change_each_other_do_not_deadlock(campaign: Campaign, change: Callable[..., object]) -> None:
    kim, lee = add_people(campaign, ["kim", "lee"], "expert")
    together = Barrier(2, timeout=20)

    def change_often(person: int, by: int) -> None:
        for _ in range(20):
            create_sign_in_token(campaign, person, NOW)
            together.wait()
            change(campaign, person, NOW, actor_id=by)

    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(change_often, kim, lee), threads.submit(change_often, lee, kim)]:
            done.result()
    assert [person.has_link for person in list_people(campaign)] == [change is create_sign_in_token] * 2


def test_wrong_token_delays_no_change(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("reassess.annotation.store.people.open_transaction")
    assert sign_in(campaign, "wrong", NOW) is None


def test_deleted_name_disappears_and_votes_stay(campaign: Campaign) -> None:
    person, secret = signed_in(campaign, "Ann Example")
    turn = turn_of(campaign, person)
    save_answers(campaign, person, [GivenAnswer(turn.questions[0].question_id, 2)], NOW)
    delete_person(campaign, person, NOW)
    assert find_session_person(campaign, secret, NOW) is None
    with connect_for_reading(campaign.engine) as connection:
        assert "Ann" not in str([connection.execute(select(table)).all() for table in (people, sessions, log)])
    assert export_votes(campaign, with_rater_names=True).votes.raters == (f"deleted {person}",)


def test_only_owner_cannot_be_deleted(campaign: Campaign) -> None:
    owner = add_person(campaign, "kim", "owner")
    assert message(delete_person, campaign, owner, NOW) == (
        "the only owner cannot be deleted\n  found:   kim\n  fix:     invite another owner first"
    )
    create_sign_in_token(campaign, owner, NOW)
    assert message(revoke_link, campaign, owner, NOW, owner) == (
        "the link of the only owner cannot be revoked\n  found:   kim\n  fix:     invite another owner first"
    )
    revoke_link(campaign, owner, NOW)  # the command line can make a new link
    create_sign_in_token(campaign, add_person(campaign, "lee", "owner"), NOW)
    delete_person(campaign, owner, NOW)
    assert [person.name for person in list_people(campaign)] == [f"deleted {owner}", "lee"]


def test_existing_and_unknown_names_raise(campaign: Campaign) -> None:
    add_person(campaign, "ann")
    assert code_of(add_person, campaign, "ann") == "duplicate-person"
    for name in (" ", "Ann", "\u0430nn"):
        assert code_of(add_person, campaign, name) in ("invalid-name", "similar-name")
    assert message(find_person, campaign, "bo") == (
        "unknown person\n  allowed: ann\n  found:   bo\n  fix:     check the names in `reassess status`"
    )
    assert message(find_person, campaign, "anna").endswith("\n  fix:     did you mean ann?")
    add_people(campaign, [f"r{number}" for number in range(20)])
    assert "\n  allowed: ann, r0, " in (error := message(find_person, campaign, "bo"))
    assert "r10 and 9 more\n" in error
    assert message(create_sign_in_token, campaign, 99, NOW) == "unknown person\n  found:   person 99"


@pytest.mark.parametrize("last", ["cy\n", "", "a" * 201, "ann", "bob", "Bob"])
def test_people_are_added_all_or_none(campaign: Campaign, last: str) -> None:
    add_person(campaign, "bob")
    message(add_people, campaign, ["ann", last], "expert", now=NOW)
    assert [person.name for person in list_people(campaign)] == ["bob"]
    assert add_people(campaign, ["ann", "cy"]) == [person.id for person in list_people(campaign)[1:]]


def test_adding_the_same_people_in_two_orders_does_not_deadlock(database: str) -> None:
    create_campaign(database, CampaignPlan(tasks_of(2)))
    campaign, other = open_campaign(database), open_campaign(database)
    later: list[Any] = []

    def begin_the_other(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("INSERT INTO people") and parameters["name"] == "bob":  # while ann is added
            later.append(pool.submit(message, add_people, other, ["bob", "ann"]))
            waiting(other, 1)

    event.listen(campaign.engine, "before_cursor_execute", begin_the_other)
    with ThreadPoolExecutor(1) as pool:
        add_people(campaign, ["ann", "bob"])
        assert later[0].result().startswith("person already exists\n")
    assert [person.name for person in list_people(campaign)] == ["ann", "bob"]
    other.close()


def test_deleted_person_gets_unused_name(campaign: Campaign) -> None:
    person = add_person(campaign, "ann")
    add_person(campaign, f"deleted {person}")
    delete_person(campaign, person, NOW)
    assert [person.name for person in list_people(campaign)] == [f"deleted {person}-again", f"deleted {person}"]
    delete_person(campaign, person, NOW)
    assert list_people(campaign)[0].name == f"deleted {person}-again"


def test_only_waiting_raters_can_be_admitted(campaign: Campaign) -> None:
    assert message(admit_rater, campaign, 99, NOW) == "unknown person\n  found:   person 99"
    for name, role in (("ann", "rater"), ("eva", "expert")):
        assert message(admit_rater, campaign, add_person(campaign, name, role), NOW) == (
            "person is not waiting to be admitted\n"
            "  allowed: a rater who is in practice or has failed practice\n"
            f"  found:   {name}: {role}, rating"
        )
    with connect_for_reading(campaign.engine) as connection:
        assert "admit" not in set(connection.scalars(select(log.c.what)))


@pytest.mark.parametrize("change", ["UPDATE log SET what = 'nothing'", "DELETE FROM log"])
def test_log_is_append_only(campaign: Campaign, change: str) -> None:
    person = add_person(campaign, "ann", now=NOW)
    create_sign_in_token(campaign, person, NOW + 1)
    with pytest.raises(DatabaseError, match="the log only grows"), open_transaction(campaign) as changed:
        changed.connection.execute(text(change))
    with connect_for_reading(campaign.engine) as connection:
        entries = [(row.what, row.person, row.detail) for row in connection.execute(select(log).order_by(log.c.id))]
    assert entries == [
        ("create", None, {}),
        ("add", None, {"person": person, "role": "rater"}),
        ("link", None, {"person": person}),
    ]
