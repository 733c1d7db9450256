"""A copy of a campaign, made while it is served."""

import sqlite3
from pathlib import Path

import pytest

from reassess.annotation.store.backup import backup_campaign
from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.export import export_votes
from reassess.errors import OutputError
from tests.annotation.campaigns import campaign_at, vote_on_all
from tests.helpers import message


def test_a_copy_holds_what_was_acknowledged_while_the_campaign_is_open_and_written(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2, 1), raters=2)
    vote_on_all(campaign, raters=1)
    assert (tmp_path / "c.db-wal").stat().st_size  # so that a copy of the file alone would lack votes
    with campaign.engine.connect() as connection:  # which has the right to write
        connection.exec_driver_sql("UPDATE campaign SET paused = TRUE")
        backup_campaign(tmp_path / "c.db", tmp_path / "copy.db")
    vote_on_all(campaign, raters=2)
    assert len(export_votes(campaign).votes) == 6
    copy = open_campaign(tmp_path / "copy.db")
    assert len(export_votes(copy).votes) == 3
    copy.close()
    campaign.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.db", "copy.db"]


def test_what_cannot_be_copied_is_refused(tmp_path: Path) -> None:
    campaign_at(tmp_path / "c.db", (1,), raters=1).close()
    copy = tmp_path / "copy.db"
    assert message(backup_campaign, "postgresql://eve:secret@somewhere/pets", copy) == (
        "a campaign on a server is copied by the server's own tools\n"
        "  where:   postgresql://eve:***@somewhere/pets\n"
        "  to mend: pg_dump --format=custom --file=FILE ADDRESS; and pg_restore"
    )
    assert message(backup_campaign, tmp_path / "none.db", copy).startswith("there is no campaign\n")
    (tmp_path / "text.db").write_text("no database, but as long as the head of one" * 10)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE cats (name)").connection.close()
    for name, found in (("text.db", "file is not a database"), ("other.db", "no such table: campaign")):
        assert message(backup_campaign, tmp_path / name, copy) == (
            "the database of the campaign cannot be used\n"
            f"  where:   {tmp_path / name}\n"
            f"  found:   {found}\n"
            "  to mend: name the file of a campaign"
        )
    assert not copy.exists()
    copy.write_text("kept")
    with pytest.raises(OutputError, match="the output file exists"):
        backup_campaign(tmp_path / "c.db", copy)
    assert copy.read_text() == "kept"
    backup_campaign(tmp_path / "c.db", copy, force=True)
    open_campaign(copy).close()
