"""`reassess annotate invite`: links are shown once, and end."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.people import people_of, sign_in
from tests.helpers import Run, document_of

Invite = Callable[..., Run]


@pytest.fixture
def invite(create: Callable[..., Run], run: Callable[..., Run]) -> Invite:
    assert create().code == 0
    return lambda *argv: run("annotate", "invite", "pets.db", *argv)


def enters(link: str) -> bool:
    campaign = open_campaign("pets.db")
    found = sign_in(campaign, link.partition("#")[2], 1e9)
    campaign.close()
    return found is not None


def links_of(result: Run) -> dict[str, str]:
    return dict(re.findall(r"^(\S+): (http\S+)$", result.out, re.MULTILINE))


def test_people_are_added_and_each_link_is_printed_and_kept_nowhere(invite: Invite) -> None:
    result = invite("ann", "bob")
    assert (result.code, result.err) == (0, "")
    links = links_of(result)
    assert result.out == (
        f"ann: {links['ann']}\nbob: {links['bob']}\n"
        "each link is shown this once: whoever has it enters as that person\n"
        "the pages are served there by reassess annotate serve pets.db\n"
    )
    for link in links.values():
        assert re.fullmatch(r"http://127\.0\.0\.1:8000/sign-in#[\w-]{43}", link)
        assert enters(link)
        held = b"".join(path.read_bytes() for path in Path().glob("pets.db*"))
        assert link.partition("#")[2].encode() not in held
    assert [(one.name, one.role, one.linked) for one in people_of(open_campaign("pets.db"))] == [
        ("eve", "expert", False),
        ("ann", "rater", True),
        ("bob", "rater", True),
    ]


def test_a_link_is_the_result_and_has_the_address_of_the_pages(invite: Invite) -> None:
    result = invite("ida", "--role", "owner", "--address", "https://rate.example.org/pets/", "--quiet")
    assert re.fullmatch(r"ida: https://rate\.example\.org/pets/sign-in#[\w-]{43}\n", result.out)
    (one,) = document_of(invite("jo", "--json"), "annotate")["results"]
    assert (one["name"], one["role"]) == ("jo", "rater")
    assert enters(one["link"])


def test_a_name_that_is_there_is_an_error_and_nobody_is_added(invite: Invite) -> None:
    invite("ann")
    result = invite("bob", "ann")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: person already exists\n"
        "  found:   ann\n"
        "  fix:     take another name; or give --again for a new link, or --revoke to end the old one\n"
    )
    assert [one.name for one in people_of(open_campaign("pets.db"))] == ["eve", "ann"]


def test_an_expert_whose_answers_were_given_gets_a_link_once(invite: Invite) -> None:
    result = invite("eve")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: person already exists, with another role\n"
        "  found:   eve, expert\n"
        "  fix:     take another name; or give their --role for a link\n"
    )
    links = links_of(invite("eve", "fay", "--role", "expert"))
    assert all(map(enters, links.values()))
    assert [(one.name, one.role) for one in people_of(open_campaign("pets.db"))] == [
        ("eve", "expert"),
        ("fay", "expert"),
    ]
    assert invite("eve", "--revoke").code == 0
    assert invite("eve", "--role", "expert").err.startswith("Error: person already exists\n  found:   eve\n")


@pytest.mark.parametrize(
    ("address", "served"),
    [
        ("http://localhost:9000/", "there by reassess annotate serve pets.db --port 9000"),
        ("http://[::1]", "there by reassess annotate serve pets.db --port 80"),
        ("https://rate.example.org", ", behind the proxy there, by reassess annotate serve pets.db --root-path /"),
        ("HTTP://x.org/a/", ", behind the proxy there, by reassess annotate serve pets.db --root-path /a"),
    ],
)
def test_what_must_run_for_the_links_is_said(invite: Invite, address: str, served: str) -> None:
    first, _, last = invite("ann", "--address", address).out.splitlines()
    assert first.startswith(f"ann: {address.rstrip('/')}/sign-in#")
    assert last.startswith("the pages are served")
    assert last.endswith(served)


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("rate.example.org/a", "lacks the scheme: give https://rate.example.org/a."),
        ("localhost:9000", "lacks the scheme: give http://localhost:9000."),
        *(
            (address, "is no address of pages, such as https://rate.example.org/rating.")
            for address in (
                *("", "/", "https://", "ftp://rate.example.org", "https://x.org?a=1", "https://x.org/#a"),
                *("https://eve@x.org", "https://x.org:port", "https://x.org:0", "https://x .org", "https://[x"),
            )
        ),
    ],
)
def test_what_is_no_address_of_pages_is_refused(invite: Invite, address: str, wrong: str) -> None:
    result = invite("ann", "--address", address)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(f"Error: Invalid value for '--address': {address!r} {wrong}\n")
    assert [one.name for one in people_of(open_campaign("pets.db"))] == ["eve"]


def test_a_name_that_is_none_is_an_error_and_nobody_is_added(invite: Invite) -> None:
    result = invite("ann", "b\udcffb")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: name contains an unusual character\n"
        "  found:   '\\udcff' in 'b\\udcffb'\n"
        "  fix:     write it in one line of text\n"
    )
    assert [one.name for one in people_of(open_campaign("pets.db"))] == ["eve"]


def test_a_new_link_ends_the_old_one_and_a_revoked_one_lets_nobody_enter(invite: Invite) -> None:
    first = links_of(invite("ann"))["ann"]
    second = links_of(invite("ann", "--again"))["ann"]
    assert (enters(first), enters(second)) == (False, True)
    assert invite("ann", "--revoke").out == "ann: nobody enters by their link any more\n"
    assert not enters(second)
    assert links_of(invite("eve", "--again")).keys() == {"eve"}  # an expert whose votes were given


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (["ann", "--again", "--revoke"], 2, "Error: Give --again or --revoke.\n"),
        (["eve", "--again", "--role", "rater"], 2, "Error: --role is of people who are added; others keep theirs.\n"),
        (["ann", "ann"], 2, "Error: ann is given twice.\n"),
        (["ann", "--role", "rator"], 2, "'rater', 'expert', 'owner'. Did you mean 'rater'?\n"),
        ([" "], 1, "Error: name has no visible letter\n  found:   ' '\n"),
        (["ann "], 1, "Error: name starts or ends with a space\n  found:   'ann '\n  fix:     leave them out: 'ann'\n"),
        (
            ["Eve", "--role", "expert"],
            1,
            "Error: name is too similar to another name\n"
            "  found:   Eve, beside eve\n"
            "  fix:     write it in the same way if they are one person; or take another name\n",
        ),
        (
            ["ann", "--again"],
            1,
            "Error: unknown person\n  allowed: eve\n  found:   ann\n"
            "  fix:     reassess annotate status shows everybody\n",
        ),
    ],
)
def test_what_cannot_be_is_refused(invite: Invite, argv: list[str], code: int, expected: str) -> None:
    result = invite(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.endswith(expected)


def test_a_campaign_that_is_not_there_is_an_error(folder: Path, run: Callable[..., Run]) -> None:
    result = run("annotate", "invite", "none.db", "ann")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: campaign not found\n  where:   none.db\n  fix:     make one with reassess annotate create\n"
    )
    assert not list(folder.iterdir())


def test_a_campaign_that_another_process_writes_is_said_to_be_locked(
    invite: Invite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reassess.annotation.store.database._PATIENCE", 1)
    campaign = open_campaign("pets.db")
    with campaign.engine.begin():  # which has the right to write
        result = invite("ann")
    campaign.close()
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: database of the campaign cannot be used\n"
        "  where:   pets.db\n"
        "  found:   database is locked\n"
        "  fix:     wait until the other process has written, and try again\n"
    )
