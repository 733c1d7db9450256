"""Several servers of a campaign on one PostgreSQL database, and a database that goes away."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from reassess.annotation import Rules, exclude_rater, list_people, make_app, measure_progress, open_campaign
from reassess.annotation.app.security import SignInLimit
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.excluding import finish_recounting
from reassess.annotation.store.schema import questions
from tests.annotation.app.sites import Site, answers_to, make_site, next_task, refusal
from tests.annotation.app.test_application import UNAVAILABLE
from tests.annotation.campaigns import NO
from tests.annotation.invariants import Stored, check
from tests.annotation.postgresql import DatabaseServer
from tests.helpers import Runner


@dataclass
class TwoServers:
    """A campaign in a database, and two applications that share only the database."""

    site: Site
    first: Site
    second: Site

    def clients(self, name: str) -> tuple[TestClient, TestClient]:
        """Sign a person in on the first server; return their client of each server, with the same cookie."""
        client = self.first.client(name)
        other = self.second.client()
        other.cookies, other.headers = client.cookies, client.headers
        return client, other


@pytest.fixture
def two_servers(tmp_path: Path, request: pytest.FixtureRequest) -> TwoServers:
    """A campaign with a consent text, served twice."""
    database = request.getfixturevalue("database")
    rules = Rules(votes_per_question=1, golden_share=0.0)
    site = make_site(tmp_path, address=database, sizes=(2, 2), rules=rules, consent_text="Agree?")
    servers = []
    for _ in range(2):
        campaign = open_campaign(database)
        app = make_app(campaign, clock=lambda: site.now)
        servers.append(Site(tmp_path, campaign, app, site.tokens, ids=site.ids))
    return TwoServers(site, *servers)


def reason(client: TestClient) -> str:
    """Return why a person gets no task."""
    answer: dict[str, Any] = client.post("/next", json={"held": []}).json()
    return str(answer["reason"])


def test_session_consent_and_answers_hold_on_either_server(two_servers: TwoServers) -> None:
    first, second = two_servers.clients("ann")
    assert reason(second) == "consent"
    assert first.post("/consent", json={}).status_code == 204
    task = next_task(second)
    assert next_task(first) == task
    for client in (first, second):  # a proxy sends the request again if the first server fails
        assert len(client.post("/answers", json=answers_to(task)).json()["saved"]) == 2
    assert first.get("/progress").json() == second.get("/progress").json()
    check(Stored.of(two_servers.site.campaign), {})
    assert second.post("/sign-out", json={}).status_code == 204
    assert first.get("/progress").status_code == 401


def test_changes_of_owner_hold_on_either_server(two_servers: TwoServers) -> None:
    (first, second), (owner, other) = two_servers.clients("ann"), two_servers.clients("kim")
    first.post("/consent", json={})
    assert owner.post("/owner/pause", json={}).status_code == 204
    assert reason(second) == "paused"
    assert other.post("/owner/resume", json={}).status_code == 204
    first.post("/answers", json=answers_to(next_task(first)))
    assert other.post("/owner/people/exclude", json={"person": two_servers.site.ids["ann"]}).status_code == 204
    assert reason(first) == reason(second) == "excluded"
    assert measure_progress(two_servers.first.campaign, two_servers.site.now).n_votes == 0
    assert owner.post("/owner/people/revoke", json={"person": two_servers.site.ids["ann"]}).status_code == 204
    assert second.post("/next", json={"held": []}).status_code == 401


def test_correct_link_works_although_other_server_counts_too_many_wrong_links(two_servers: TwoServers) -> None:
    """Each server counts wrong links in its own memory, so that strangers cause no changes of the database."""
    first, second = two_servers.first.client(), two_servers.second.client()
    for _ in range(SignInLimit.max_per_address):
        assert first.post("/sign-in", json={"token": "wrong"}).status_code == 403
    assert first.post("/sign-in", json={"token": "wrong"}).status_code == 429
    assert second.post("/sign-in", json={"token": "wrong"}).status_code == 403
    assert first.post("/sign-in", json={"token": two_servers.site.tokens["ann"]}).status_code == 204


def test_two_servers_recount_together(database: str, tmp_path: Path) -> None:
    rules = Rules(votes_per_question=1, golden_share=0.0)
    site = make_site(tmp_path, address=database, sizes=(6,) * 18, rules=rules)  # more than fit into a transaction
    site.answer_all("ann", NO)
    exclude_rater(site.campaign, site.ids["ann"], site.now, recount_now=False)
    servers = [open_campaign(database) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finish_recounting, servers))
    with connect_for_reading(site.campaign.engine) as connection:
        votes = connection.scalars(select(questions.c.votes).where(~questions.c.golden)).all()
    assert votes == [0] * 108
    check(Stored.of(site.campaign), {})
    site.answer_all("ben")
    check(Stored.of(site.campaign), {})


def test_server_recovers_after_database_was_away(
    two_servers: TwoServers, database_server: DatabaseServer, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = two_servers.clients("ann")
    first.post("/consent", json={})
    task = next_task(second)
    database_server.stop()
    try:
        for client in (first, first, second):
            assert refusal(client.post("/answers", json=answers_to(task))) == UNAVAILABLE
    finally:
        database_server.start()
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(": ")[0] for message in messages] == ["database of the campaign cannot be used"] * 3
    assert ["server closed the connection unexpectedly" in message for message in messages] == [True, False, True]
    assert "\n" not in "".join(messages)  # so that each line of the log names the server
    for client in (first, second):
        assert len(client.post("/answers", json=answers_to(task)).json()["saved"]) == 2
    check(Stored.of(two_servers.first.campaign), {})


@pytest.mark.parametrize("command", ["status", "annotate serve"])
def test_database_that_does_not_answer_is_named(run: Runner, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://eve:secret@127.0.0.1:{silent.getsockname()[1]}/campaign?connect_timeout=1"
        result = run(*command.split(), address)
    assert result.code == 1
    assert result.err == (
        "Error: database of the campaign cannot be used\n"
        f"  where:   {address.replace('secret', '***')}\n"
        "  found:   connection timeout expired\n"
        "  fix:     check the address, and start the server\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "found", "fix"),
    [
        (
            "postgres@",
            "guest:wrong@",
            'password authentication failed for user "guest"',
            "correct the password in the address, in PGPASSWORD or in ~/.pgpass",
        ),
        (
            "postgres@",
            "guest@",
            "fe_sendauth: no password supplied",
            "correct the password in the address, in PGPASSWORD or in ~/.pgpass",
        ),
        (
            "@/campaign",
            "@/nocampaign",
            "does not exist",
            "check the names of the user and the database",
        ),
    ],
)
def test_rejected_sign_in_to_database_is_one_error(
    run: Runner, database: str, before: str, after: str, found: str, fix: str
) -> None:
    result = run("annotate", "serve", database.replace(before, after))
    assert result.code == 1
    text = " ".join(result.err.split())
    assert text.startswith("Error: database of the campaign cannot be used where: postgresql://")
    assert found in text
    assert text.endswith(f" fix: {fix}")
    assert "wrong" not in text


def test_link_of_either_server_signs_in(two_servers: TwoServers) -> None:
    first, _ = two_servers.clients("kim")
    link = first.post("/owner/invite", json={"name": "zoe", "role": "rater"}).json()["link"]
    signed_in = two_servers.second.client().post("/sign-in", json={"token": link.partition("#")[2]})
    assert signed_in.status_code == 204
    assert "zoe" in [person.name for person in list_people(two_servers.second.campaign)]
