"""The schema version of a campaign: stored, checked when the campaign is opened, and upgraded."""

import shutil
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, UniqueConstraint, inspect, text

from reassess.annotation import export_votes, measure_progress, open_campaign, upgrade_campaign
from reassess.annotation.store import campaign_files as upgrades
from reassess.annotation.store import schema
from reassess.annotation.store.database import open_engine
from reassess.annotation.store.schema import CURRENT_SCHEMA_VERSION
from reassess.errors import MissingPackageError, OutputError
from tests.annotation.campaigns import NOW, campaign_at, vote_on_all
from tests.helpers import message

ADDED = (
    *(("tasks", "probability"), ("tasks", "stratum"), ("classes", "path")),
    *(("campaign", name) for name in ("sample", *(f"tempering_{each}" for each in ("power", "questions", "answers")))),
)


def has_added_columns(engine: Engine) -> bool:
    inspector = inspect(engine)
    return any(name in {column["name"] for column in inspector.get_columns(table)} for table, name in ADDED)


def differences(engine: Engine) -> list[object]:
    """Return the differences between tables and schema."""
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def test_schema_changes_need_new_version_and_migration() -> None:
    """version_N.txt lists the columns, indexes and unique columns of each table in schema version N."""
    tables = []
    for table in schema.metadata.sorted_tables:
        columns = [f"{column.name} {column.type}{'?' * bool(column.nullable)}" for column in table.columns]
        unique = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
        names = sorted(str(one.name) for one in (*table.indexes, *unique))
        tables.append(f"{table.name}: {', '.join((*columns, *names))}\n")
    assert "".join(sorted(tables)) == Path(__file__).with_name(f"version_{CURRENT_SCHEMA_VERSION}.txt").read_text()
    assert ScriptDirectory(str(upgrades._MIGRATIONS_FOLDER)).get_current_head() == CURRENT_SCHEMA_VERSION


@pytest.fixture
def older(address: str | Path) -> str | Path:
    """A campaign with votes, in schema version before the latest form."""
    campaign = campaign_at(address, (2, 1), raters=2)
    vote_on_all(campaign, raters=2)
    with campaign.engine.begin() as connection:
        for table, name in ADDED:
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    campaign.close()
    return address


def test_earlier_version_is_upgraded_with_votes(older: str | Path) -> None:
    assert message(open_campaign, older) == (
        "campaign was created by an earlier version of reassess\n"
        f"  where:   {older}\n"
        f"  allowed: schema version {CURRENT_SCHEMA_VERSION}\n"
        "  found:   schema version 0001\n"
        f"  fix:     reassess annotate backup {older} -o COPY --upgrade"
    )
    backup = older.with_name("before.db") if isinstance(older, Path) else None
    assert upgrade_campaign(older, backup) == ("0001", CURRENT_SCHEMA_VERSION)
    campaign = open_campaign(older)
    assert differences(campaign.engine) == []
    assert len(export_votes(campaign).votes) == 6
    progress = measure_progress(campaign, NOW)
    assert (progress.tempering_power, progress.n_tempering_questions) == (1.0, 0)
    campaign.close()
    assert upgrade_campaign(older) == (CURRENT_SCHEMA_VERSION, CURRENT_SCHEMA_VERSION)
    if backup is not None:
        engine = open_engine(backup)
        assert not has_added_columns(engine)
        engine.dispose()


def test_failed_upgrade_changes_nothing(older: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(upgrades._MIGRATIONS_FOLDER, tmp_path / "migrations 100 %")
    monkeypatch.setattr(upgrades, "_MIGRATIONS_FOLDER", tmp_path / "migrations 100 %")
    last = tmp_path / "migrations 100 %" / "versions" / f"version_{CURRENT_SCHEMA_VERSION}.py"
    migration = last.read_text()
    last.write_text(migration + '    op.execute("SELECT no_such_column")\n')
    assert "no_such_column" in message(upgrade_campaign, older)
    assert message(open_campaign, older).startswith("campaign was created by an earlier version")
    engine = open_engine(older)
    assert not has_added_columns(engine)
    engine.dispose()
    if isinstance(older, Path):
        copy = older.with_name("before.db")
        copy.touch()
        with pytest.raises(OutputError, match="output file exists"):
            upgrade_campaign(older, copy)
    else:
        assert "pg_dump" in message(upgrade_campaign, older, "before.db")
    last.write_text(migration)
    assert upgrade_campaign(older)[1] == CURRENT_SCHEMA_VERSION


def test_later_version_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.db"
    campaign_at(path, (1,), raters=1).close()
    monkeypatch.setattr(schema, "CURRENT_SCHEMA_VERSION", "0000")
    for function in (open_campaign, upgrade_campaign):
        assert message(function, path) == (
            "campaign was created by a later version of reassess\n"
            f"  where:   {path}\n"
            "  allowed: schema version 0000\n"
            f"  found:   schema version {CURRENT_SCHEMA_VERSION}\n"
            "  fix:     install that version"
        )


def test_missing_alembic_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'reassess\[annotate\]'"):
        upgrade_campaign(tmp_path / "c.db")
