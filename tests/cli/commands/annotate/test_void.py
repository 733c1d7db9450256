"""`reassess annotate void` and `restore`: votes that count no more, and again."""

from collections.abc import Callable

import pytest

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.owner_lists import LogEntry, last_entries
from tests.helpers import Run, document_of


def votes() -> int:
    campaign = open_campaign("pets.db")
    count = len(export_votes(campaign).votes)
    campaign.close()
    return count


def entries() -> list[LogEntry]:
    campaign = open_campaign("pets.db")
    found = last_entries(campaign, 100)
    campaign.close()
    return found


@pytest.fixture
def voted(create: Callable[..., Run], run: Callable[..., Run], work: Callable[..., None]) -> None:
    """A campaign with the votes of two raters."""
    create("--golden-rate", "0")
    run("annotate", "invite", "pets.db", "ann", "bob")
    work()


def test_votes_of_a_voided_rater_do_not_count_until_they_are_restored(voted: None, run: Callable[..., Run]) -> None:
    assert votes() == 16
    result = run("annotate", "exclude", "pets.db", "ann")
    assert (result.code, result.out) == (0, "ann: their votes do not count, and the questions are open again\n")
    assert votes() == 8
    result = run("annotate", "include", "pets.db", "ann")
    assert (result.code, result.out) == (0, "ann: their votes count again\n")
    assert votes() == 16


@pytest.mark.parametrize(("verb", "excluded"), [("exclude", True), ("include", False)])
def test_the_document_says_what_is_so_now(voted: None, run: Callable[..., Run], verb: str, excluded: bool) -> None:
    document = document_of(run("annotate", verb, "pets.db", "bob", "--json"), "annotate")
    assert document["results"] == {"name": "bob", "excluded": excluded, "changed": excluded}


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("exclude", "ann: excluded before; nothing is changed\n"),
        ("include", "ann: not excluded; nothing is changed\n"),
    ],
)
def test_what_is_so_already_is_said_and_not_logged(voted: None, run: Callable[..., Run], verb: str, told: str) -> None:
    if verb == "exclude":
        run("annotate", "exclude", "pets.db", "ann")
    before = entries()
    result = run("annotate", verb, "pets.db", "ann")
    assert (result.code, result.out) == (0, told)
    assert entries() == before


@pytest.mark.parametrize("verb", ["exclude", "include"])
def test_nobody_and_who_is_no_rater_are_refused(voted: None, run: Callable[..., Run], verb: str) -> None:
    assert run("annotate", verb, "pets.db", "cy").err == (
        "Error: unknown person\n  allowed: eve, ann, bob\n  found:   cy\n"
        "  fix:     reassess annotate status shows everybody\n"
    )
    run("annotate", "invite", "pets.db", "ida", "--role", "owner")
    for name, role in (("eve", "expert"), ("ida", "owner")):
        result = run("annotate", verb, "pets.db", name)
        assert (result.code, result.out) == (1, "")
        assert result.err == (f"Error: only raters can be excluded\n  found:   {name}, of the role {role}\n")
