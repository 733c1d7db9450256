"""`reassess annotate exclude`: votes no longer count, and count again with --undo."""

from collections.abc import Callable

import pytest

from reassess import annotation
from tests.helpers import Runner, document_of, message_of


def votes() -> int:
    with annotation.use_campaign("pets.db") as campaign:
        return len(annotation.export_votes(campaign).votes)


@pytest.fixture
def exclude(create: Runner, run: Runner, work: Callable[..., None]) -> Runner:
    """Run the command on a campaign with the votes of two raters."""
    create("--golden-share", "0")
    run("annotate", "invite", "pets.db", "ann", "bob", "ida:owner")
    work()
    return lambda *argv: run("annotate", "exclude", "pets.db", *argv)


def test_excluded_votes_count_again_after_undo(exclude: Runner) -> None:
    done, undone = "excluded; their questions are open again", "included again"
    same = {"": "already excluded, so nothing changed", "--undo": "not excluded, so nothing changed"}
    for option, names, output, votes_after in (
        ("", ("ann",), [f"ann: {done}"], 8),
        ("", ("ann", "bob"), [f"ann: {same['']}", f"bob: {done}"], 0),
        ("--undo", ("ann", "bob"), [f"ann: {undone}", f"bob: {undone}"], 16),
        ("--undo", ("bob",), [f"bob: {same['--undo']}"], 16),
    ):
        result = exclude(*names, *filter(None, [option]))
        assert (result.code, result.err, result.out.splitlines()) == (0, "", output)
        assert votes() == votes_after
    document = document_of(exclude("bob", "--json"), "annotate")
    assert document["results"] == [{"name": "bob", "excluded": True, "changed": True}]


def test_only_raters_of_the_campaign_can_be_excluded_and_write_atomically(exclude: Runner) -> None:
    for option in ([], ["--undo"]):
        assert "  allowed: eve, ann, bob, ida\n  found:   cy\n" in message_of(exclude("ann", "cy", *option))
        for name in ("eve", "ida"):
            assert message_of(exclude(name, *option)).startswith("Error: only raters can be excluded\n")
    assert votes() == 16
    assert exclude("ann", "ann").code == 2
