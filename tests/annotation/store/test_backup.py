"""Backups of a campaign while it is served."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from reassess.annotation import (
    Campaign,
    GivenAnswer,
    backup_campaign,
    export_votes,
    find_previous_turn,
    open_campaign,
    save_answers,
)
from reassess.annotation.store import database as database_module
from reassess.annotation.store.database import _set_pragmas, connect_for_reading
from reassess.annotation.store.schema import answers, metadata
from reassess.core import Votes
from tests.annotation.campaigns import MAYBE, NO, NOW, YES, campaign_at, give, tasks_of, turn_of, vote_on_all
from tests.helpers import WORDS, code_of, message


def rows_of(campaign: Campaign) -> dict[str, list[tuple[object, ...]]]:
    """Read all rows of all tables."""
    with connect_for_reading(campaign.engine) as connection:
        tables = metadata.sorted_tables
        found = {table.name: connection.execute(select(table).order_by(*table.primary_key)).all() for table in tables}
    return {name: [tuple(row) for row in rows] for name, rows in found.items()}


def test_backup_contains_acknowledged_changes(address: str | Path, tmp_path: Path) -> None:
    campaign, copied = campaign_at(address, (2, 1), raters=2), tmp_path / "copy.db"
    vote_on_all(campaign, raters=1)
    if isinstance(address, Path):
        assert address.with_name("c.db-wal").stat().st_size  # so that a plain copy of the file would miss votes
    acknowledged = rows_of(campaign)
    with campaign.engine.connect() as connection:  # this transaction has the write lock
        connection.exec_driver_sql("UPDATE campaign SET paused = TRUE")
        backup_campaign(address, copied)
    vote_on_all(campaign, raters=2)
    assert len(export_votes(campaign).votes) == 6
    with closing(open_campaign(copied)) as copy:
        assert rows_of(copy) == acknowledged
        vote_on_all(copy, raters=2)
        assert len(export_votes(copy).votes) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]


def test_full_disk_leaves_no_broken_backup(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_at(database, (2,), raters=1).close()

    def fill(connection: Any, record: Any) -> None:
        _set_pragmas(connection, record)
        connection.execute("PRAGMA max_page_count=5")

    monkeypatch.setattr(database_module, "_set_pragmas", fill)
    assert "database or disk is full" in message(backup_campaign, database, tmp_path / "copy.db")
    assert not list(tmp_path.iterdir())


def test_invalid_backups_raise(path: Path) -> None:
    campaign_at(path, (1,)).close()
    copy, other = path.with_name("copy.db"), path.with_name("other.db")
    assert code_of(backup_campaign, "postgresql://eve:secret@127.0.0.1:1/pets", copy) == "database-failed"
    assert message(backup_campaign, path.with_name("none.db"), copy).startswith("campaign not found\n")
    other.write_text("no database, but as long as the head of one" * 10)
    assert "file is not a database\n  fix:     choose the file of a campaign" in message(backup_campaign, other, copy)
    other.unlink()
    sqlite3.connect(other).execute("CREATE TABLE cats (name)").connection.close()
    assert "no such table: campaign\n  fix:     choose the file of a campaign" in message(backup_campaign, other, copy)
    assert not copy.exists()
    copy.write_text("kept")
    assert code_of(backup_campaign, path, copy) == "output-exists"
    assert copy.read_text() == "kept"
    backup_campaign(path, copy, force=True)
    open_campaign(copy)


def test_damaged_campaign_does_not_replace_good_backup(path: Path) -> None:
    campaign_at(path, (2,) * 200).close()
    copy = path.with_name("copy.db")
    backup_campaign(path, copy)
    good = copy.read_bytes()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(bytes(range(256)) * 64)
    refused = message(backup_campaign, path, copy, force=True)
    assert "damaged" in refused or "malformed" in refused
    assert refused.endswith("\n  fix:     use a copy made by `reassess annotate backup`")
    assert copy.read_bytes() == good


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal", ".lock"])
def test_backup_does_not_replace_files_beside_campaign(path: Path, ending: str) -> None:
    """Overwriting the log of an open campaign would lose acknowledged changes."""
    campaign = campaign_at(path, (2,), raters=1)
    vote_on_all(campaign, raters=1)
    place = path.with_name(f"c.db{ending}")
    before = place.read_bytes() if place.exists() else None
    assert message(backup_campaign, path, place, force=True) == (
        f"campaign name cannot end in {ending}, the ending of files that SQLite writes next to a campaign\n"
        f"  where:   {place}\n"
        "  fix:     choose another name"
    )
    assert (place.read_bytes() if place.exists() else None) == before


def campaign_of(path: Path, *, raters: int) -> Path:
    """Create a campaign where some of two raters have voted."""
    campaign = campaign_at(path, (2, 1), raters=2, golden_share=0)
    vote_on_all(campaign, raters=raters)
    campaign.close()
    return path


def test_backup_replaces_only_earlier_copy(path: Path) -> None:
    copy = path.with_name("copy.db")
    backup_campaign(campaign_of(path, raters=1), copy)
    for _ in range(2):
        backup_campaign(path, copy, force=True)
    with closing(open_campaign(path)) as campaign:
        vote_on_all(campaign, raters=2, now=2e9)
    before = path.read_bytes()
    assert message(backup_campaign, copy, path, force=True) == (
        "existing file is a campaign with answers, so it is not replaced\n"
        f"  where:   {path}\n"
        "  found:   3 answers that the new file does not contain\n"
        "  fix:     choose another name, or delete the existing file"
    )
    assert path.read_bytes() == before
    with closing(open_campaign(copy)) as campaign:  # a rater continues in the copy
        vote_on_all(campaign, raters=2, now=3e9)
    assert code_of(backup_campaign, path, copy, force=True) == "output-is-campaign"
    assert {file.name for file in path.parent.iterdir()} == {"c.db", "copy.db"}


def change_answers(path: Path, person: int, answer: int) -> None:
    """Change a person's answers to their last finished task."""
    with closing(open_campaign(path)) as campaign:
        turn = find_previous_turn(campaign, person)
        give(campaign, person, turn, answer, now=2e9, revision=turn.questions[0].revision)


def test_backup_does_not_replace_changed_answers(path: Path) -> None:
    copy = path.with_name("copy.db")
    backup_campaign(campaign_of(path, raters=1), copy)
    change_answers(path, 2, MAYBE)
    before = path.read_bytes()
    assert code_of(backup_campaign, copy, path, force=True) == "output-is-campaign"
    assert path.read_bytes() == before
    change_answers(copy, 2, NO)
    # Changed equally often, to another answer.
    assert code_of(backup_campaign, path, copy, force=True) == "output-is-campaign"
    change_answers(path, 2, MAYBE)
    backup_campaign(path, copy, force=True)


def test_changed_imported_answers_are_not_replaced(path: Path) -> None:
    copy, golden = path.with_name("copy.db"), tasks_of(2, prefix="g")
    experts = Votes.from_columns(golden.questions, *np.array([[0], [0], [YES]]), ("eve",), WORDS)
    campaign_at(path, (1,), golden=(2,), expert_votes=experts).close()
    backup_campaign(path, copy)
    with closing(open_campaign(path)) as campaign:
        turn_of(campaign, 1)
        with connect_for_reading(campaign.engine) as connection:
            (question,) = connection.scalars(select(answers.c.question))
        save_answers(campaign, 1, [GivenAnswer(question, NO, revision=1)], NOW)
    assert "\n  found:   1 answer that the new file does not contain\n" in message(
        backup_campaign, copy, path, force=True
    )


def test_backup_from_server_does_not_replace_other_answers(database: str, path: Path) -> None:
    campaign_at(database, (1,), raters=1).close()
    assert code_of(backup_campaign, database, campaign_of(path, raters=1), force=True) == "output-is-campaign"
    for force in (False, True):
        backup_campaign(database, path.with_name("copy.db"), force=force)


def test_backup_can_be_repeated_in_folder_with_special_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff # %41")
    folder.mkdir()
    campaign = campaign_at(folder / "c.db", (2,), raters=1)
    vote_on_all(campaign, raters=1)
    for force in (False, True):
        backup_campaign(folder / "c.db", folder / "copy.db", force=force)
