"""`reassess annotate invite`: links are shown once, replaced and revoked."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reassess import annotation
from tests.helpers import Run, Runner, document_of, message_of


@pytest.fixture
def invite(create: Runner, run: Runner) -> Runner:
    assert create().code == 0
    return lambda *argv: run("annotate", "invite", "pets.db", *argv)


def signs_in(link: str) -> bool:
    with annotation.use_campaign("pets.db") as campaign:
        return annotation.sign_in(campaign, link.partition("#")[2], 1e9) is not None


def people() -> list[tuple[str, str, bool]]:
    with annotation.use_campaign("pets.db") as campaign:
        return [(person.name, person.role, person.has_link) for person in annotation.list_people(campaign)]


def links_of(result: Run) -> dict[str, str]:
    return dict(re.findall(r"^(\S+): (http\S+)$", result.out, re.MULTILINE))


def test_people_are_added_and_their_links_are_not_stored(invite: Runner) -> None:
    result = invite("ann", "bob", "fay:expert", "kay:owner", "eve")
    assert (result.code, result.err) == (0, "")
    links = links_of(result)
    assert result.out == (
        "".join(f"{name}: {links[name]}\n" for name in ("ann", "bob", "fay", "kay", "eve"))
        + "each link is shown once; anyone who has it can sign in as that person\n"
        "these links work only on this computer; for other computers: --address URL\n"
        "2 raters for 5 votes per question: invite 3 more, or questions stay open\n"
        "next: reassess annotate serve pets.db\n"
    )
    for link in links.values():
        assert re.fullmatch(r"http://127\.0\.0\.1:8000/sign-in#[\w-]{43}", link)
        assert signs_in(link)
        stored = b"".join(path.read_bytes() for path in Path().glob("pets.db*"))
        assert link.partition("#")[2].encode() not in stored
    assert people() == [
        ("eve", "expert", True),  # her answers were imported
        *(("ann", "rater", True), ("bob", "rater", True), ("fay", "expert", True), ("kay", "owner", True)),
    ]


def test_links_have_the_address_of_the_pages(invite: Runner) -> None:
    result = invite("ida:owner", "--address", "https://rate.example.org/pets/", "--quiet")
    assert re.fullmatch(r"ida: https://rate\.example\.org/pets/sign-in#[\w-]{43}\n", result.out)
    document = document_of(invite("jo", "--json"), "annotate")
    (one,) = document["results"]
    assert (one["name"], one["role"], document["next"]) == ("jo", "rater", "reassess annotate serve pets.db")
    assert signs_in(one["link"])


def test_force_replaces_a_link_and_revoke_ends_it(invite: Runner) -> None:
    first = links_of(invite("ann"))["ann"]
    assert message_of(invite("bob", "ann")) == (
        "Error: person already exists\n"
        "  found:   ann\n"
        "  fix:     choose another name, or --force for a new link, or --revoke\n"
    )
    assert [name for name, *_ in people()] == ["eve", "ann"]
    second = links_of(invite("ann", "bob", "--force"))["ann"]
    assert (signs_in(first), signs_in(second)) == (False, True)
    assert invite("ann", "--revoke").out == "ann: link revoked\n"
    assert not signs_in(second)
    assert invite("ann").code == 1  # she had a link
    assert "2 raters for 5 votes per question: invite 3 more" in invite("cy").out
    assert "raters for" not in invite("ida:expert").out
    assert "raters for" not in invite("dot", "eli", "flo").out


@pytest.mark.parametrize(
    ("address", "served"),
    [
        ("http://127.0.0.1:8000/", ""),
        ("http://localhost:9000/", " --address localhost:9000"),
        ("http://[::1]", " --address '[::1]:80'"),
        ("https://rate.example.org", " --address 127.0.0.1:8000/"),
        ("HTTP://x.org/a/", " --address 127.0.0.1:8000/a"),
    ],
)
def test_next_step_serves_the_pages_at_the_address(invite: Runner, address: str, served: str) -> None:
    first, *notes, few, last = invite("ann", "--address", address).out.splitlines()
    assert any("only on this computer" in note for note in notes) == ("org" not in address)
    assert few == "1 rater for 5 votes per question: invite 4 more, or questions stay open"
    assert first.startswith(f"ann: {address.rstrip('/')}/sign-in#")
    assert last == f"next: reassess annotate serve pets.db{served}"


def test_raters_who_failed_practice_are_not_counted(invite: Runner) -> None:
    assert "1 rater for 5 votes" in invite("ann").out
    with closing(sqlite3.connect("pets.db")) as database, database:
        database.execute("update people set stage = 'failed' where name = 'ann'")
    assert "1 rater for 5 votes per question: invite 4 more" in invite("bob").out


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("rate.example.org/a", "has no scheme: write https://rate.example.org/a."),
        ("localhost:9000", "has no scheme: write http://localhost:9000."),
        *(
            (address, "is not an address of pages, such as https://rate.example.org/rating.")
            for address in (
                *("", "https://", "ftp://rate.example.org", "https://x.org?a=1", "https://x.org/#a"),
                *("https://eve@x.org", "https://x.org:0", "https://[x"),
            )
        ),
    ],
)
def test_invalid_addresses_are_usage_errors(run: Runner, address: str, wrong: str) -> None:
    assert message_of(run("annotate", "invite", "none.db", "ann", "--address", address), 2).endswith(
        f"Error: Invalid value for '--address': {address!r} {wrong}\n"
    )


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (["ann", "ann"], 2, "Error: ann is given twice.\n"),
        (["ann:rator"], 2, "'rator' is not a role: rater, expert, owner. did you mean rater?\n"),
        (["NAME..."], 2, "NAME... is a placeholder: give names, such as ann dora ida:expert.\n"),
        ([" "], 1, "Error: name has no visible letter\n  found:   ' '\n"),
        (["ann", "b\udcffb"], 1, "Error: name contains an unusual character\n  found:   '\\udcff' in 'b\\udcffb'\n"),
        (["Eve"], 1, "Error: name is too similar to another name\n  found:   'Eve', like 'eve'\n"),
        (["ann", "eve:rater"], 1, "Error: person already exists with another role\n  found:   eve, expert\n"),
        (["ann", "--revoke"], 1, "Error: unknown person\n  allowed: eve\n  found:   ann\n"),
    ],
)
def test_invalid_people_raise_and_nobody_is_added(invite: Runner, argv: list[str], code: int, expected: str) -> None:
    assert expected in message_of(invite(*argv), code)
    assert people() == [("eve", "expert", False)]


def test_locked_campaign_is_reported(invite: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.annotation.store.database._LOCK_TIMEOUT_MS", 1)
    with annotation.use_campaign("pets.db") as campaign, campaign.engine.begin():  # which may write
        error = message_of(invite("ann"))
    assert error.endswith("  found:   database is locked\n  fix:     try again once the other process has ended\n")
