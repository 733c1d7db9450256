"""Errors of an invalid CAMPAIGN, which leave no files behind."""

import os
from pathlib import Path

import pytest

from tests.helpers import Runner, message_of

VERBS = {
    "simulate": ("annotate", "simulate"),
    "serve": ("annotate", "serve"),
    "upgrade": ("annotate", "backup", "--upgrade", "-o", "x"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_invalid_campaign_is_named_with_a_fix(folder: Path, run: Runner, verb: str) -> None:
    Path("pets").mkdir()
    Path("link.db").symlink_to("gone.db")
    os.mkfifo("pipe")
    Path("foreign.txt").write_text("of somebody else\n" * 99)
    before = set(folder.iterdir())
    for place, expected in {
        "pets": "path is a folder, not a campaign\n  where:   pets\n  fix:     choose the file of a campaign",
        "pipe": "path is a pipe or a device, not a campaign\n  where:   pipe\n  fix:     choose the file of a campaign",
        "link.db": "campaign not found\n  where:   link.db\n"
        "  found:   a link to gone.db, which does not exist\n  fix:     correct the link",
        "none.db": "campaign not found\n  where:   none.db\n"
        "  fix:     check the path, or create a campaign: reassess annotate create",
        "x" * 300: "campaign not found",
        "foreign.txt": "database of the campaign cannot be used\n  where:   foreign.txt\n"
        "  found:   file is not a database\n  fix:     choose the file of a campaign",
    }.items():
        assert message_of(run(*VERBS[verb], place)).startswith(f"Error: {expected}\n")
    assert set(folder.iterdir()) == before
