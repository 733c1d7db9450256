"""`reassess annotate upgrade`: what is said of a campaign of an earlier version, and of one of today."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.annotation.store import schema
from reassess.annotation.store.backup_and_upgrade import Upgraded
from tests.helpers import Run, document_of


def test_a_campaign_of_this_version_is_left_as_it_is(create: Callable[..., Run], run: Callable[..., Run]) -> None:
    create()
    before = Path("pets.db").read_bytes()
    result = run("annotate", "upgrade", "pets.db")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"pets.db: has the form of this version, {schema.FORM}; nothing is to be done\n"
    document = document_of(run("annotate", "upgrade", "pets.db", "--json"), "annotate")
    assert document["results"] == {"before": schema.FORM, "after": schema.FORM, "backup": None}
    assert (Path("pets.db").read_bytes(), sorted(Path().glob("*.db"))) == (before, [Path("pets.db")])


def test_a_campaign_of_an_earlier_version_says_how_to_upgrade_it_and_where_its_copy_is(
    create: Callable[..., Run], run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    create()
    monkeypatch.setattr(schema, "FORM", "9999")
    assert run("annotate", "status", "pets.db").err.endswith("  fix:     reassess annotate upgrade pets.db\n")
    done = Upgraded("0001", "9999", Path("pets-0001.db"))
    monkeypatch.setattr("reassess.annotation.upgrade_campaign", lambda *_, **__: done, raising=False)
    assert run("annotate", "upgrade", "pets.db").out == (
        "pets.db: from the form 0001 to 9999\nas it was: pets-0001.db\n"
    )
