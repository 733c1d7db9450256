"""`reassess annotate backup`: a copy, and what cannot be copied."""

from collections.abc import Callable
from pathlib import Path

from reassess.annotation.store.campaigns import open_campaign
from tests.helpers import Run, document_of


def test_a_copy_is_a_campaign(create: Callable[..., Run], run: Callable[..., Run]) -> None:
    create()
    result = run("annotate", "backup", "pets.db", "-o", "copy.db")
    size = Path("copy.db").stat().st_size
    assert (result.code, result.out) == (0, f"copy.db: {size / 1000:.1f} kB\n")
    campaign = open_campaign("copy.db")
    assert campaign.name == "pets"
    campaign.close()
    document = document_of(run("annotate", "backup", "pets.db", "-o", "copy.db", "--force", "--json"), "annotate")
    assert document["results"] == {"output": "copy.db", "bytes": size}


def test_what_cannot_be_is_refused(create: Callable[..., Run], run: Callable[..., Run]) -> None:
    create()
    Path("copy.db").write_text("kept")
    assert run("annotate", "backup", "pets.db", "-o", "copy.db").err.startswith("Error: output file exists\n")
    assert run("annotate", "backup", "none.db", "-o", "other.db").err.startswith("Error: campaign not found\n")
    assert Path("copy.db").read_text() == "kept"
