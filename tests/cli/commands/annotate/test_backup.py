"""`reassess annotate backup`: the copy, and the upgrade afterwards."""

from pathlib import Path

import pytest

from reassess import annotation
from reassess.annotation.store import schema
from tests.helpers import Runner, document_of, output_of


def test_backup_is_a_campaign(create: Runner, run: Runner) -> None:
    create()
    result = run("annotate", "backup", "pets.db", "-o", "copy.db")
    size = Path("copy.db").stat().st_size
    assert (result.code, result.out) == (0, f"copy.db: {size / 1000:.1f} kB\n")
    with annotation.use_campaign("copy.db") as campaign:
        assert campaign.name == "pets"
    document = document_of(run("annotate", "backup", "pets.db", "-o", "copy.db", "--force", "--json"), "annotate")
    assert document["results"] == {"output": "copy.db", "bytes": size}


def test_invalid_calls_raise(create: Runner, run: Runner) -> None:
    create()
    Path("copy.db").write_text("kept")
    assert run("annotate", "backup", "pets.db", "-o", "copy.db").err.startswith("Error: output file exists\n")
    assert run("annotate", "backup", "none.db", "-o", "other.db").err.startswith("Error: campaign not found\n")
    for options in ([], ["--upgrade"]):
        assert run("annotate", "backup", "pets.db", *options).code == 2
    assert Path("copy.db").read_text() == "kept"


def test_upgrade_copies_the_campaign_first(create: Runner, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    create()
    before = Path("pets.db").read_bytes()
    assert output_of(run("annotate", "backup", "pets.db", "-o", "copy.db", "--upgrade")).splitlines()[1:] == [
        f"pets.db: already up to date (schema version {schema.CURRENT_SCHEMA_VERSION})",
        "next: reassess annotate serve pets.db",
    ]
    assert Path("pets.db").read_bytes() == before
    version = schema.CURRENT_SCHEMA_VERSION
    monkeypatch.setattr(schema, "CURRENT_SCHEMA_VERSION", "9999")
    assert run("status", "pets.db").err.endswith(
        f"  found:   schema version {version}\n  fix:     reassess annotate backup pets.db -o COPY --upgrade\n"
    )
    monkeypatch.setattr("reassess.annotation.upgrade_campaign", lambda *_, **__: ("0001", "9999"), raising=False)
    result = run("annotate", "backup", "pets.db", "-o", "copy.db", "--upgrade", "--force", "--json")
    assert document_of(result, "annotate")["results"].items() >= {"before": "0001", "after": "9999"}.items()
