"""Opening the database of a campaign: damaged or other files raise one error, and are not changed.

Changes wait for each other for a limited time.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from reassess.annotation import (
    Campaign,
    add_person,
    backup_campaign,
    export_votes,
    list_people,
    lock_campaign_file,
    make_app,
    measure_progress,
    open_campaign,
    resume,
    upgrade_campaign,
    use_campaign,
)
from reassess.annotation.store import database as store
from reassess.annotation.store.database import connect_for_reading, convert_database_errors
from reassess.annotation.store.transactions import open_transaction
from tests.annotation.campaigns import campaign_at, vote_on_all
from tests.helpers import message

RESTORE = "  fix:     use a copy made by `reassess annotate backup`"
NO_CAMPAIGN = "not a campaign\n  where:   FILE\n  fix:     reassess annotate create"
FORM = (
    "schema version of the campaign is unknown\n"
    "  where:   FILE\n"
    "  allowed: one schema version, 0001 or later, in the table alembic_version\n"
    f"  found:   {{}}\n{RESTORE}"
)
FAULT = f"{{}}\n  where:   FILE\n  found:   {{}}\n{RESTORE}"
NO_COLUMNS = "columns are missing in the tables of the campaign"
NO_SETTINGS = "settings of the campaign cannot be read"


@pytest.fixture
def path(path: Path) -> Path:
    """A campaign with votes."""
    campaign = campaign_at(path, (2, 1), raters=2)
    vote_on_all(campaign, raters=2)
    campaign.close()
    return path


def beside(path: Path, ending: str = "-wal") -> Path:
    """Return the path of a file beside a campaign, such as its log."""
    return path.with_name(f"{path.name}{ending}")


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE alembic_version", NO_CAMPAIGN),
        ("DROP TABLE campaign", NO_CAMPAIGN),
        ("DELETE FROM alembic_version", FORM.format("none")),
        ("INSERT INTO alembic_version VALUES ('0004')", FORM.format("0003, 0004")),
        ("UPDATE alembic_version SET version_num = '0000'", FORM.format("0000")),
        ("UPDATE alembic_version SET version_num = 'ae1027a6acf'", FORM.format("ae1027a6acf")),
        (
            "DROP TABLE golden_counts",
            FAULT.format(NO_COLUMNS, "golden_counts.person, golden_counts.truth, golden_counts.answer and 1 more"),
        ),
        ("ALTER TABLE images DROP COLUMN original", FAULT.format(NO_COLUMNS, "images.original")),
    ],
)
def test_unknown_form_is_neither_opened_nor_upgraded(address: str | Path, statement: str, expected: str) -> None:
    campaign = campaign_at(address, (1,), raters=1)
    with campaign.engine.begin() as connection:
        connection.execute(text(statement))
    campaign.close()
    for function in (open_campaign, upgrade_campaign):
        assert message(function, address) == expected.replace("FILE", str(address))


def test_null_form_raises(path: Path) -> None:
    execute(path, "DROP TABLE alembic_version", "CREATE TABLE alembic_version (version_num)")
    execute(path, "INSERT INTO alembic_version VALUES (NULL)")
    assert message(open_campaign, path) == FORM.format("None").replace("FILE", str(path))
    execute(path, "ALTER TABLE alembic_version RENAME COLUMN version_num TO form")
    for function in (open_campaign, upgrade_campaign):
        assert "no such column: alembic_version.version_num\n  fix:     choose" in message(function, path)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "DELETE FROM campaign",
            "table 'campaign' does not have exactly one row\n  where:   FILE\n  allowed: 1 row\n  found:   0 rows\n"
            + RESTORE,
        ),
        *(
            (f"UPDATE campaign SET settings = {value}", FAULT.format("a value in the database is not JSON", value))
            for value in ("'cat'", "3")
        ),
        ("UPDATE campaign SET settings = 'true'", FAULT.format(NO_SETTINGS, "'bool' object is not iterable")),
        (
            "UPDATE campaign SET stop_low = 0.1",
            FAULT.format(NO_SETTINGS, "'<' not supported between instances of 'float' and 'NoneType'"),
        ),
        (
            "UPDATE campaign SET per_question = 'many'",
            "number of votes per question is not a whole number\n  where:   FILE\n  found:   'many'",
        ),
    ],
)
def test_unreadable_settings_raise(path: Path, statement: str, expected: str) -> None:
    execute(path, statement)
    assert message(open_campaign, path) == expected.replace("FILE", str(path))


def test_database_errors_are_data_errors(path: Path) -> None:
    def fail() -> None:
        with convert_database_errors("c.db"):
            raise NoResultFound("No row was found when one was required")

    assert message(fail) == (
        "database of the campaign cannot be used\n  where:   c.db\n  found:   No row was found when one was required"
    )
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert message(open_campaign, path).endswith(f"\n  found:   database disk image is malformed\n{RESTORE}")


def read_all(path: Path) -> int:
    """Read what status and export read; return the number of votes."""
    with use_campaign(path) as campaign:
        measure_progress(campaign, 1e9)
        return len(export_votes(campaign).votes)


@pytest.mark.parametrize("statement", [None, "CREATE TABLE cats (name)", "CREATE TABLE campaign (id)"])
def test_database_of_another_program_is_not_changed(tmp_path: Path, statement: str | None) -> None:
    path = tmp_path / "other.db"
    path.touch()
    if statement is not None:
        execute(path, statement)
    content = path.read_bytes()
    for function in (read_all, upgrade_campaign):
        assert message(function, path) == NO_CAMPAIGN.replace("FILE", str(path))
    assert path.read_bytes() == content
    assert not list(tmp_path.glob("*.db-*"))


def test_campaign_and_backup_use_write_ahead_log(path: Path) -> None:
    copy = path.with_name("copy.db")
    backup_campaign(path, copy)
    for place in (path, copy):
        with use_campaign(place) as campaign:
            add_person(campaign, "zoe")
            assert beside(place).stat().st_size


@contextmanager
def drop_root() -> Iterator[None]:
    """Drop the rights of root, which can do everything."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("folder", [0o555, 0o777])
def test_read_only_campaign_is_read_without_side_files(path: Path, memory_folder: Path, folder: int) -> None:
    read_all(path)  # imports modules that nobody else can read
    memory_folder.chmod(0o755)
    fixed, copies = memory_folder / "fixed", memory_folder / "copies"
    fixed.mkdir()
    copies.mkdir()
    copies.chmod(0o777)
    copied = Path(shutil.copy(path, fixed / "100 %? #.db"))
    copied.chmod(0o444)
    fixed.chmod(folder)
    with drop_root():
        assert read_all(copied) == 6
        backup_campaign(copied, copies / "copy.db")
        assert read_all(copies / "copy.db") == 6
        with use_campaign(copies / "copy.db") as campaign:
            add_person(campaign, "zoe")

        def write() -> None:
            with use_campaign(copied) as campaign:
                add_person(campaign, "zoe")

        assert message(write) == (
            "database of the campaign cannot be used\n"
            f"  where:   {copied}\n"
            "  found:   attempt to write a readonly database\n"
            "  fix:     make the file and its folder writable"
        )
        assert [file.name for file in fixed.iterdir()] == [copied.name]
    fixed.chmod(0o777)


@pytest.mark.parametrize(("folder", "file"), [(0o555, 0o666), (0o777, 0o444)])
def test_read_only_campaign_is_not_served(path: Path, memory_folder: Path, folder: int, file: int) -> None:
    path.chmod(file)
    memory_folder.chmod(folder)
    with drop_root():
        assert message(lock_campaign_file(path).__enter__) == (
            "campaign file is read-only, so it cannot be served or upgraded\n"
            f"  where:   {path}\n"
            "  found:   Permission denied\n"
            "  fix:     make the file and its folder writable"
        )
    memory_folder.chmod(0o755)


def test_served_read_only_campaign_is_read_with_latest_changes(path: Path, memory_folder: Path) -> None:
    memory_folder.chmod(0o755)
    path.chmod(0o644)
    with use_campaign(path) as campaign:
        add_person(campaign, "zoe")
        with drop_root(), use_campaign(path) as read:
            assert "zoe" in [rater.name for rater in measure_progress(read, 1e9).people]


def test_change_on_server_does_not_wait_forever(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCK_TIMEOUT_MS", 50)
    campaign = campaign_at(database, (2,), raters=1, golden_share=0)
    with open_transaction(campaign) as change:
        change.lock_person(2)
        with pytest.raises(store.UnavailableError, match="lock timeout"), open_transaction(campaign) as other:
            other.lock_person(2)


def test_database_errors_contain_no_values(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=1)
    with pytest.raises(SQLAlchemyError) as caught, connect_for_reading(campaign.engine) as connection:
        connection.execute(text("SELECT nothing FROM people WHERE name = :name"), {"name": "secret"})
    assert "secret" not in str(caught.value)


def overwrite(path: Path, start: int, content: bytes) -> None:
    """Overwrite a file in place, like `dd conv=notrunc`; its length stays."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def delete(*endings: str) -> Callable[[Path], None]:
    def unlink(path: Path) -> None:
        for ending in endings:
            beside(path, ending).unlink()

    return unlink


def delete_logs_and_read(path: Path) -> None:
    """Delete the logs, and let another process create new ones."""
    delete("-wal", "-shm")(path)
    subprocess.run([sys.executable, "-m", "reassess", "status", path], check=True, capture_output=True)


def damage_a_byte_of_the_log(path: Path) -> None:
    content = beside(path).read_bytes()
    overwrite(beside(path), len(content) - 1, bytes([content[-1] ^ 1]))


def size(path: Path) -> int:
    return path.stat().st_size


_CHANGED = "was changed by another program since it was opened"
_LOG_CHANGED = r"has a log \(-wal\) that another program changed since it was opened"
_NO_LOG = "lost its log: a file beside it that ends in -wal or -shm was deleted or replaced"
# Changes of a served file, by error message.
_FILE_CHANGES: dict[str, Callable[[Path], object]] = {
    "another campaign": lambda path: path.write_bytes((path.parent / "other.db").read_bytes()),
    "an earlier copy": lambda path: path.write_bytes((path.parent / "earlier.db").read_bytes()),
    "cut": lambda path: os.truncate(path, size(path) // 2),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: os.truncate(path, size(path) + 4096),
    "another head": lambda path: overwrite(path, 0, b"x"),
}
_LOSSES: dict[str, Callable[[Path], object]] = {
    "no logs": delete("-wal", "-shm"),
    "no log": delete("-wal"),
    "no index": delete("-shm"),
    "new logs": delete_logs_and_read,
}
_LOG_CHANGES: dict[str, Callable[[Path], object]] = {
    "head": lambda path: overwrite(beside(path), 0, os.urandom(32)),
    "middle": lambda path: overwrite(beside(path), size(beside(path)) // 2, b"\xff" * 5000),
    "byte": damage_a_byte_of_the_log,
    "zeros": lambda path: overwrite(beside(path), 0, bytes(size(beside(path)))),
    "empty": lambda path: os.truncate(beside(path), 0),
    "earlier": lambda path: beside(path).write_bytes((path.parent / "earlier.db-wal").read_bytes()),
}


@pytest.mark.parametrize(
    ("found", "how"), [*((_CHANGED, how) for how in _FILE_CHANGES), *((_NO_LOG, how) for how in _LOSSES)]
)
def test_served_file_changed_by_others_accepts_no_change(path: Path, found: str, how: str) -> None:
    """Later changes would be lost. Earlier changes are saved if the log was deleted."""
    campaign_at(path.with_name("other.db"), (3,) * 9, raters=3).close()
    shutil.copy(path, path.with_name("earlier.db"))
    with lock_campaign_file(path), use_campaign(path) as campaign:
        add_person(campaign, "xia")
        add_person(campaign, "zoe")
        (_FILE_CHANGES | _LOSSES)[how](path)
        for _ in range(2):
            with pytest.raises(store.UnavailableError, match=found):
                add_person(campaign, "yan")
        if found == _NO_LOG:
            assert {"xia", "zoe"} <= names_if_killed(path)


def names_if_killed(path: Path) -> set[str]:
    """Return the people in a served file if its server were killed now."""
    for ending in ("", "-wal"):
        if (side_file := beside(path, ending)).exists():
            shutil.copy(side_file, path.with_name(f"killed.db{ending}"))
    with use_campaign(path.with_name("killed.db")) as killed:
        export_votes(killed)  # raises if it is damaged
        return {person.name for person in list_people(killed)}


def add_many(campaign: Campaign, path: Path, count: int = 20) -> None:
    """Add people, and copy the log after half of them."""
    for number in range(count):
        add_person(campaign, f"{number}")
        if number == count // 2:
            shutil.copy(beside(path), path.with_name("earlier.db-wal"))


@pytest.mark.parametrize("how", _LOG_CHANGES)
def test_stopping_server_moves_no_damaged_log(path: Path, how: str) -> None:
    """It loses at most what a killed server loses, and the file is intact."""
    with lock_campaign_file(path), use_campaign(path) as campaign:
        add_many(campaign, path)
        _LOG_CHANGES[how](path)
        for _ in range(2):
            with pytest.raises(store.UnavailableError, match=_LOG_CHANGED):
                add_person(campaign, "yan")
        names = names_if_killed(path)
    with use_campaign(path) as campaign:
        export_votes(campaign)
        assert {person.name for person in list_people(campaign)} == names
    assert "yan" not in names
    assert ("0" in names) == (how not in ("zeros", "empty"))
    assert ("19" in names) == (how == "head")


def test_log_overwritten_within_one_tick_is_noticed(path: Path) -> None:
    """Within one tick of the clock for file times."""
    with lock_campaign_file(path), use_campaign(path) as campaign:
        log = beside(path)
        for number in range(20):
            add_person(campaign, f"{number}")
            content = log.read_bytes()
            descriptor = os.open(log, os.O_WRONLY)
            add_person(campaign, f"{number} again")
            whole = log.read_bytes()
            os.pwrite(descriptor, content[4000:9000][::-1], 4000)
            with pytest.raises(store.UnavailableError, match=_LOG_CHANGED):
                add_person(campaign, "yan")
            os.pwrite(descriptor, whole, 0)
            os.close(descriptor)
            campaign.write_lock._is_log_changed = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", _LOG_CHANGES)
def test_change_is_not_acknowledged_if_log_is_overwritten(path: Path, how: str) -> None:
    with lock_campaign_file(path), use_campaign(path) as campaign:
        add_many(campaign, path)

        def change_meanwhile() -> None:
            with open_transaction(campaign) as change:
                change.log_action(1e9, "pause")
                _LOG_CHANGES[how](path)

        with pytest.raises(store.UnavailableError, match=_LOG_CHANGED):
            change_meanwhile()
        with pytest.raises(store.UnavailableError, match=_LOG_CHANGED):
            add_person(campaign, "yan")
        names_if_killed(path)


def restart_in_the_index(path: Path) -> None:
    """Imitate a kill during a log restart: only the index says that the log is empty."""
    with beside(path, "-shm").open("r+b") as index:
        words = np.frombuffer(index.read(48), "<u4").copy()
        words[4] = 0  # commits
        words[8:9] = (words[8:9].byteswap() + 1).byteswap()  # the salt, which is big-endian
        first = second = 0
        for one, other in words[:10].reshape(-1, 2).tolist():
            first = (first + one + second) % 2**32
            second = (second + other + first) % 2**32
        words[10:] = first, second
        index.seek(0)
        index.write(words.tobytes() * 2 + bytes(4))  # no page of it was moved into the file


def test_kill_during_log_restart_stops_no_later_server(path: Path) -> None:
    with use_campaign(path) as other:
        add_person(other, "xia")
        with connect_for_reading(other.engine) as connection:
            connection.connection.execute("PRAGMA wal_checkpoint")
        restart_in_the_index(path)
        with lock_campaign_file(path), use_campaign(path) as campaign:
            for name in ("zoe", "yan"):
                add_person(campaign, name)
            assert {"xia", "zoe", "yan"} <= names_if_killed(path)


def test_closed_campaign_has_no_open_file(path: Path) -> None:
    with lock_campaign_file(path):
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(5):
            with use_campaign(path) as campaign:
                add_person(campaign, f"{number}")
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_damage_to_commit_of_another_process_is_noticed(path: Path) -> None:
    """Later changes of the server would be lost, too."""
    with lock_campaign_file(path), use_campaign(path) as campaign:
        add_person(campaign, "zoe")
        before = size(beside(path))
        run_many(path, "other", 2).wait()
        overwrite(beside(path), before + 5000, b"\xff" * 5000)
        for _ in range(2):
            with pytest.raises(store.UnavailableError, match=_LOG_CHANGED):
                add_person(campaign, "yan")
    with use_campaign(path) as campaign:
        assert {"zoe"} == {person.name for person in list_people(campaign)} - {"eve", "rater 2", "rater 3"}


def test_uncommitted_pages_of_another_program_are_no_damage(path: Path) -> None:
    """Also if a change of the server wrote nothing."""
    many = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) SELECT x, zeroblob(3000) FROM n"
    )
    with lock_campaign_file(path), use_campaign(path) as campaign, closing(sqlite3.connect(path)) as other:
        add_person(campaign, "zoe")
        other.execute("PRAGMA cache_size=1")

        def write_much(*_: object) -> None:
            if not other.in_transaction:
                before = size(beside(path))
                other.execute("BEGIN IMMEDIATE")
                other.execute(f"CREATE TABLE numbers AS {many}")
                assert size(beside(path)) > before

        event.listen(campaign.engine, "checkin", write_much)
        assert not resume(campaign, 1e9)
        event.remove(campaign.engine, "checkin", write_much)
        other.rollback()
        add_person(campaign, "yan")
        assert {"zoe", "yan"} <= names_if_killed(path)


def run_many(path: Path, name: str, count: int) -> "subprocess.Popen[bytes]":
    """Start another process that changes the campaign `count` times."""
    many = "from reassess import annotation as a; import sys; c = a.open_campaign(sys.argv[1])\n"
    many += "for n in range(int(sys.argv[3])): a.add_people(c, [f'{sys.argv[2]} {n} {k}' for k in range(8)])\n"
    return subprocess.Popen([sys.executable, "-c", many, path, name, str(count)])


def test_threads_continue_after_log_restart(path: Path) -> None:
    with lock_campaign_file(path), use_campaign(path) as campaign:
        heads = set()

        def add_some(thread: int) -> None:
            for number in range(100):
                add_person(campaign, f"{thread} {number}")
                heads.add(beside(path).read_bytes()[:32])

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add_some, range(4)))
        assert len(heads) > 5
        assert len(names_if_killed(path)) == 3 + 400


def test_checking_log_keeps_locks_of_database(path: Path) -> None:
    """Closing a file releases the process's locks on it, but SQLite takes no lock on the log."""
    lock = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    with lock_campaign_file(path), use_campaign(path) as campaign, open_transaction(campaign) as change:
        beside(path).read_bytes()
        other = subprocess.run([sys.executable, "-c", lock], check=False, capture_output=True, text=True)
        assert "database is locked" in other.stderr
        change.log_action(1e9, "pause")


def test_other_processes_and_server_change_file_together(path: Path) -> None:
    """Also when the log is long enough for SQLite to move it."""
    with lock_campaign_file(path), use_campaign(path) as campaign:
        other = run_many(path, "other", 120)
        for number in range(250):
            add_person(campaign, f"own {number}")
        assert other.wait(60) == 0
        for number in range(250):
            add_person(campaign, f"late {number}")
        assert size(beside(path)) < 20_000_000
    with use_campaign(path) as campaign:
        assert len(list_people(campaign)) == 3 + 120 * 8 + 500


def test_damaged_file_is_neither_exported_nor_served(path: Path) -> None:
    """Also if SQLite can read all requested rows."""
    with use_campaign(path) as campaign:
        vote_on_all(campaign, raters=2)
    execute(path, "PRAGMA writable_schema=ON", "DELETE FROM sqlite_master WHERE name = 'ix_turns_expired'")
    for function in (export_votes, lambda campaign: measure_progress(campaign, 1e9), make_app):

        def read(function: Callable[..., object] = function) -> None:
            with use_campaign(path) as campaign:
                function(campaign)

        assert message(read).startswith("campaign file is damaged\n")


def test_campaign_without_file_rejects_changes(path: Path) -> None:
    moved = path.with_name("moved.db")
    with use_campaign(path) as campaign:
        path.rename(moved)
        for _ in range(2):  # the second time, another file replaces it
            with pytest.raises(store.UnavailableError, match="was moved, deleted or replaced since it was opened"):
                add_person(campaign, "zoe")
            shutil.copy(moved, path)
        path.unlink()
        moved.rename(path)
        add_person(campaign, "zoe")
