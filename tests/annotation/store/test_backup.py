"""A copy of a campaign, made while it is served."""

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
    CampaignPlan,
    GivenAnswer,
    Turn,
    backup_campaign,
    create_campaign,
    export_votes,
    last_turn,
    next_turn,
    open_campaign,
    save_answers,
)
from reassess.annotation.addresses import is_server
from reassess.annotation.store import database as database_module
from reassess.annotation.store.database import _prepare, reading
from reassess.annotation.store.schema import answers, metadata
from reassess.core import Votes
from reassess.errors import OutputError
from tests.annotation.campaigns import campaign_at, tasks_of, vote_on_all
from tests.helpers import WORDS, message


def rows_of(campaign: Campaign) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with reading(campaign.engine) as connection:
        tables = metadata.sorted_tables
        found = {table.name: connection.execute(select(table).order_by(*table.primary_key)).all() for table in tables}
    return {name: [tuple(row) for row in rows] for name, rows in found.items()}


def test_a_copy_holds_what_was_acknowledged_while_the_campaign_is_open_and_written(
    address: str | Path, tmp_path: Path
) -> None:
    campaign = campaign_at(address, (2, 1), raters=2)
    vote_on_all(campaign, raters=1)
    if not is_server(address):
        assert (tmp_path / "c.db-wal").stat().st_size  # so that a copy of the file alone would lack votes
    acknowledged = rows_of(campaign)
    with campaign.engine.connect() as connection:  # which has the right to write
        connection.exec_driver_sql("UPDATE campaign SET paused = TRUE")
        backup_campaign(address, tmp_path / "copy.db")
    vote_on_all(campaign, raters=2)
    assert len(export_votes(campaign).votes) == 6
    copy = open_campaign(tmp_path / "copy.db")
    assert rows_of(copy) == acknowledged
    assert len(export_votes(copy).votes) == 3
    vote_on_all(copy, raters=2)
    assert len(export_votes(copy).votes) == 6
    copy.close()
    campaign.close()
    assert {path.name for path in tmp_path.iterdir()} == {"copy.db"} | ({"c.db"} if not is_server(address) else set())


def test_a_full_disk_spoils_no_copy_of_a_campaign_on_a_server(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_at(database, (2,), raters=1).close()

    def fill(connection: Any, record: Any) -> None:
        _prepare(connection, record)
        connection.execute("PRAGMA max_page_count=5")

    monkeypatch.setattr(database_module, "_prepare", fill)
    with pytest.raises(OutputError, match="database or disk is full"):
        backup_campaign(database, tmp_path / "copy.db")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_copied_is_refused(tmp_path: Path) -> None:
    campaign_at(tmp_path / "c.db", (1,), raters=1).close()
    copy = tmp_path / "copy.db"
    assert message(backup_campaign, "postgresql://eve:secret@127.0.0.1:1/pets", copy).startswith(
        "database of the campaign cannot be used\n  where:   postgresql://eve:***@127.0.0.1:1/pets\n"
    )
    assert message(backup_campaign, tmp_path / "none.db", copy).startswith("campaign not found\n")
    (tmp_path / "text.db").write_text("no database, but as long as the head of one" * 10)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE cats (name)").connection.close()
    for name, found in (("text.db", "file is not a database"), ("other.db", "no such table: campaign")):
        assert message(backup_campaign, tmp_path / name, copy) == (
            "database of the campaign cannot be used\n"
            f"  where:   {tmp_path / name}\n"
            f"  found:   {found}\n"
            "  fix:     choose the file of a campaign"
        )
    assert not copy.exists()
    copy.write_text("kept")
    with pytest.raises(OutputError, match="output file exists"):
        backup_campaign(tmp_path / "c.db", copy)
    assert copy.read_text() == "kept"
    backup_campaign(tmp_path / "c.db", copy, force=True)
    open_campaign(copy).close()


def test_a_damaged_campaign_takes_no_place_of_a_good_copy(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,) * 200, raters=1)
    campaign.close()
    backup_campaign(tmp_path / "c.db", tmp_path / "copy.db")
    good = (tmp_path / "copy.db").read_bytes()
    with (tmp_path / "c.db").open("r+b") as file:
        file.seek(8192)
        file.write(bytes(range(256)) * 64)
    refused = message(backup_campaign, tmp_path / "c.db", tmp_path / "copy.db", force=True)
    assert "damaged" in refused or "malformed" in refused
    assert refused.endswith("\n  fix:     use a copy by reassess annotate backup")
    assert (tmp_path / "copy.db").read_bytes() == good


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal", ".lock"])
def test_no_copy_takes_the_place_of_a_file_beside_a_campaign(tmp_path: Path, ending: str) -> None:
    """A log that is overwritten while its campaign is open loses what was acknowledged."""
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=1)
    vote_on_all(campaign, raters=1)
    place = tmp_path / f"c.db{ending}"
    before = place.read_bytes() if place.exists() else None
    with pytest.raises(OutputError) as refused:
        backup_campaign(tmp_path / "c.db", place, force=True)
    assert str(refused.value) == (
        f"campaign name cannot end in {ending}, like files beside a campaign\n"
        f"  where:   {place}\n"
        "  fix:     choose another name"
    )
    assert (place.read_bytes() if place.exists() else None) == before
    campaign.close()


def campaign_of(path: Path, *, raters: int) -> Path:
    """A campaign in which some of two raters have voted."""
    campaign = campaign_at(path, (2, 1), raters=2, golden_share=0)
    vote_on_all(campaign, raters=raters)
    campaign.close()
    return path


def test_no_copy_takes_the_place_of_answers_that_it_lacks(tmp_path: Path) -> None:
    path, other = campaign_of(tmp_path / "c.db", raters=2), campaign_of(tmp_path / "other.db", raters=1)
    refused = (
        "file is a campaign with answers, and is not replaced\n"
        "  where:   {}\n"
        "  found:   {} answers missing from the new file\n"
        "  fix:     choose another name, or delete the file"
    )
    before = other.read_bytes()
    with pytest.raises(OutputError) as copied:
        backup_campaign(path, other, force=True)
    assert str(copied.value) == refused.format(other, 3)
    assert other.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"c.db", "other.db"}


def test_an_earlier_copy_is_overwritten_and_a_later_campaign_is_not(tmp_path: Path) -> None:
    path, copy = campaign_of(tmp_path / "c.db", raters=1), tmp_path / "copy.db"
    backup_campaign(path, copy)
    for _ in range(2):
        backup_campaign(path, copy, force=True)
    with closing(open_campaign(path)) as campaign:
        vote_on_all(campaign, raters=2, now=2e9)
    with pytest.raises(OutputError, match="a campaign with answers") as copied:
        backup_campaign(copy, path, force=True)
    assert "\n  found:   3 answers missing" in str(copied.value)
    with closing(open_campaign(copy)) as campaign:  # somebody goes on in the copy
        vote_on_all(campaign, raters=2, now=3e9)
    with pytest.raises(OutputError, match="a campaign with answers"):
        backup_campaign(path, copy, force=True)


def change_answers(path: Path, person: int, answer: int) -> None:
    """Change what somebody said of the task that they have finished last."""
    with closing(open_campaign(path)) as campaign:
        turn = last_turn(campaign, person)
        assert turn is not None
        given = [GivenAnswer(row.question, answer, revision=row.revision) for row in turn.rows]
        save_answers(campaign, person, given, 2e9)


def test_no_copy_takes_the_place_of_answers_that_were_changed_since(tmp_path: Path) -> None:
    path, copy = campaign_of(tmp_path / "c.db", raters=1), tmp_path / "copy.db"
    backup_campaign(path, copy)
    change_answers(path, 2, 1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="a campaign with answers"):
        backup_campaign(copy, path, force=True)
    assert path.read_bytes() == before
    change_answers(copy, 2, 0)
    with pytest.raises(OutputError, match="a campaign with answers"):  # as often changed, and to another one
        backup_campaign(path, copy, force=True)
    change_answers(path, 2, 1)
    backup_campaign(path, copy, force=True)


def test_what_experts_brought_along_and_changed_is_not_overwritten(tmp_path: Path) -> None:
    path, copy = tmp_path / "c.db", tmp_path / "copy.db"
    golden = tasks_of(2, prefix="g")
    experts = Votes.from_columns(golden.questions, *np.array([[0], [0], [2]]), ("eve",), WORDS)
    create_campaign(path, CampaignPlan(tasks_of(1), golden_tasks=golden, experts=experts))
    backup_campaign(path, copy)
    with closing(open_campaign(path)) as campaign:
        turn = next_turn(campaign, 1, 1e9)
        assert isinstance(turn, Turn)
        with reading(campaign.engine) as connection:
            (known,) = connection.scalars(select(answers.c.question))
        save_answers(campaign, 1, [GivenAnswer(known, 0, revision=1)], 1e9)
    with pytest.raises(OutputError) as refused:
        backup_campaign(copy, path, force=True)
    assert "\n  found:   1 answer missing from the new file\n" in str(refused.value)


def test_a_copy_from_a_server_takes_no_place_of_answers_that_it_lacks(database: str, tmp_path: Path) -> None:
    campaign_at(database, (1,), raters=1).close()
    other = campaign_of(tmp_path / "other.db", raters=1)
    with pytest.raises(OutputError, match="a campaign with answers"):
        backup_campaign(database, other, force=True)
    backup_campaign(database, tmp_path / "copy.db")
    backup_campaign(database, tmp_path / "copy.db", force=True)


def test_a_copy_is_made_anew_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff # %41")
    folder.mkdir()
    campaign = campaign_at(folder / "c.db", (2,), raters=1)
    vote_on_all(campaign, raters=1)
    for force in (False, True):
        backup_campaign(folder / "c.db", folder / "copy.db", force=force)
    campaign.close()
