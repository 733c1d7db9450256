"""What is given as CAMPAIGN and is none: the error says what it is, and nothing is left beside it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Run


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("verb", ["status", "serve", "upgrade"])
def test_what_is_no_file_of_a_campaign_is_named_with_a_mend_that_fits(run: Callable[..., Run], verb: str) -> None:
    Path("pets").mkdir()
    Path("link.db").symlink_to("gone.db")
    os.mkfifo("pipe")
    for place, expected in {
        "pets": "a folder was given where a campaign is read\n  where:   pets\n  fix:     name the file of a campaign",
        "pipe": "a pipe or a device was given where a campaign is read\n"
        "  where:   pipe\n  fix:     name the file of a campaign",
        "link.db": "campaign not found\n  where:   link.db\n"
        "  found:   a link to gone.db, which is not there\n  fix:     fix the link",
        "x" * 300: "campaign not found",
    }.items():
        result = run("annotate", verb, place)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"Error: {expected}\n")


@pytest.mark.parametrize("verb", ["status", "serve", "upgrade", "simulate"])
def test_no_file_is_left_beside_what_is_no_campaign(folder: Path, run: Callable[..., Run], verb: str) -> None:
    Path("foreign.txt").write_text("of somebody else\n" * 99)
    result = run("annotate", verb, "foreign.txt")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: database of the campaign cannot be used\n  where:   foreign.txt\n"
        "  found:   file is not a database\n  fix:     name the file of a campaign\n"
    )
    assert [one.name for one in folder.iterdir()] == ["foreign.txt"]
