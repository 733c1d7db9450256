"""Checks of input and output files, and atomic writing."""

import errno
import gzip
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reassess.errors import DataError, OutputError
from reassess.formats.files import (
    atomic_writes,
    check_input,
    check_output,
    check_suffix,
    read_lines,
    write_to_temporary,
)
from tests.helpers import File, Refused, fault_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder", "folder-not-file at folder"),
        ("missing.txt", "file-not-found at missing.txt"),
        ("missing.csv", "file-not-found at missing.csv"),
        ("no/missing.csv", "file-not-found at no/missing.csv"),
        ("empty.csv.gz", "empty-file at empty.csv.gz"),
    ],
)
def test_unreadable_input_raises(refused: Refused, file: File, tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "folder").mkdir()
    file("empty.csv.gz", "")
    assert refused(check_input, tmp_path / name) == expected


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="the system cannot find holes in a file")
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json", "txt", "toml"])
def test_text_file_with_a_hole_raises(refused_text: Refused, file: File, suffix: str) -> None:
    path = file(f"a.{suffix}", "image\na.png\n")
    os.truncate(path, 1 << 40)
    text, where, found, _ = refused_text(check_input, path).split("\n")
    assert (text, where) == ("part of the file was never written", f"  where:   DIR/a.{suffix}")
    assert re.fullmatch(r"  found:   a hole from byte [0-9,]+ on, in 1,099,511,627,776 bytes", found)


def test_compressed_text_error_suggests_unpacking(refused_text: Refused, file: File) -> None:
    assert refused_text(read_lines, file("a.jsonl", gzip.compress(b"{}"))) == (
        "file is not UTF-8 text\n  where:   DIR/a.jsonl\n  found:   the byte 0x8b\n"
        "  fix:     if this is a gz file, unpack it"
    )


LONG = "x" * 300 + ".csv"


def test_too_long_file_name_raises(tmp_path: Path) -> None:
    assert fault_of(check_input, tmp_path / LONG) == ("file-not-found", None)
    assert fault_of(write, tmp_path / LONG, "new") == ("output-not-writable", "File name too long")
    assert not list(tmp_path.iterdir())
    write(tmp_path / ("n" * 250 + ".csv"), "new")
    assert [len(path.name) for path in tmp_path.iterdir()] == [254]


def test_pipe_is_neither_read_nor_replaced(refused_text: Refused, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert refused_text(check_input, tmp_path / "pipe.csv") == (
        "a pipe or a device was given instead of a file\n  where:   DIR/pipe.csv\n  fix:     save its content to a file"
    )
    assert refused_text(check_output, tmp_path / "pipe.csv", force=True) == (
        "output path is a pipe or a device\n  where:   DIR/pipe.csv\n  fix:     give the path of a file"
    )


def test_writing_to_a_link_replaces_its_target(file: File, tmp_path: Path) -> None:
    path = file("a.csv", "old")
    (tmp_path / "link.csv").symlink_to("a.csv")
    write(tmp_path / "link.csv", "new", force=True)
    assert (path.read_text(), (tmp_path / "link.csv").is_symlink()) == ("new", True)


@pytest.mark.parametrize(
    ("check", "mode", "expected"),
    [
        (check_input, os.R_OK, "file cannot be read\n  where:   DIR/a.csv\n  fix:     check its permissions"),
        (
            lambda path: check_output(path, force=True),
            os.W_OK,
            "folder of the output file is not writable\n  where:   DIR/a.csv\n  fix:     choose another folder",
        ),
    ],
)
def test_missing_permission_raises(
    refused_text: Refused, file: File, monkeypatch: pytest.MonkeyPatch, check: Any, mode: int, expected: str
) -> None:
    path = file("a.csv", "x")
    check(path)
    monkeypatch.setattr(os, "access", lambda _, checked: checked != mode)
    assert refused_text(check, path) == expected


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\ufeffa\nb\n", ["a", "b"]),  # a byte-order mark
        ("a\n\nb\n", ["a", "", "b"]),
        (" a \u2028\x85\x1c\x0bb\n", [" a \u2028\x85\x1c\x0bb"]),  # str.splitlines would split here
        ("\n", [""]),
    ],
)
def test_lines_end_only_at_line_ends(file: File, content: str, lines: list[str]) -> None:
    assert read_lines(file("names.txt", content)) == lines


def test_bytes_that_are_not_utf8_raise(refused_text: Refused, file: File) -> None:
    assert refused_text(read_lines, file("names.txt", b"a\nb\xff")) == (
        "file is not UTF-8 text\n  where:   DIR/names.txt\n  found:   the byte 0xff\n  fix:     save it as UTF-8"
    )


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.xlsx", ".xlsx\n  fix:     save it as .csv"),
        ("a.pkl", ".pkl\n  fix:     save it as .csv"),
        ("a", "no suffix"),
        ("A.GZ", ".gz"),
    ],
)
def test_unknown_suffix_is_named(refused_text: Refused, tmp_path: Path, name: str, suffix: str) -> None:
    assert refused_text(check_suffix, tmp_path / name, (".csv", ".json"), "a label set") == (
        f"wrong kind of file for a label set\n  where:   DIR/{name}\n  allowed: .csv, .json\n  found:   {suffix}"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder", "output path is a folder\n  where:   DIR/folder\n  fix:     give the path of a file"),
        ("old.csv", "output file exists\n  where:   DIR/old.csv\n  fix:     choose another name, or force=True"),
        (
            "no/such/new.csv",
            "folder of the output file does not exist\n  where:   DIR/no/such/new.csv\n  fix:     mkdir -p DIR/no/such",
        ),
        (
            "old.csv/new.csv",
            "folder of the output file does not exist\n  where:   DIR/old.csv/new.csv\n  fix:     mkdir -p DIR/old.csv",
        ),
    ],
)
def test_unwritable_output_raises(refused_text: Refused, file: File, tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "folder").mkdir()
    file("old.csv", "old")
    assert refused_text(check_output, tmp_path / name) == expected


def write(path: Path, content: str, **options: Any) -> None:
    with write_to_temporary(path, **options) as temporary:
        temporary.write_text(content)
        assert temporary.suffix == path.suffix
        assert not path.exists() or path.read_text() == "old"


def test_written_file_has_usual_permissions_and_leaves_no_temporary(tmp_path: Path) -> None:
    write(tmp_path / "new.csv", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"new.csv": "new"}
    (tmp_path / "usual").touch()
    assert stat.filemode((tmp_path / "new.csv").stat().st_mode) == stat.filemode((tmp_path / "usual").stat().st_mode)


def fail(path: Path, error: Any) -> None:
    with write_to_temporary(path, force=True) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [DataError("code", "wrong"), ValueError("wrong"), KeyboardInterrupt()])
def test_failed_write_keeps_old_file_and_leaves_no_temporary(file: File, tmp_path: Path, error: Any) -> None:
    path = file("old.csv", "old")
    with pytest.raises(type(error)):
        fail(path, error)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert path.read_text() == "old"


def test_full_disk_raises_and_keeps_old_file(
    refused_text: Refused, file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, full = file("old.csv", "old"), OSError(28, "No space left on device")
    expected = (
        "output file cannot be written\n  where:   DIR/old.csv\n  found:   No space left on device\n"
        "  fix:     make room, or choose another name or folder"
    )
    assert refused_text(fail, path, full) == expected

    def read_only(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    assert fault_of(write, tmp_path / "new.csv", "new") == ("output-not-writable", "Read-only file system")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_output_error_of_another_file_is_unchanged(refused_text: Refused, tmp_path: Path) -> None:
    assert refused_text(fail, tmp_path / "new.csv", OutputError("code", "another file")) == "another file"


# --- several processes, several outputs ------------------------------------------------------------------------------


@pytest.fixture(params=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system with hard links, or without."""
    if request.param == "no links":

        def refuse(*_: Any) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)


def write_during_another_write(path: Path, **options: Any) -> None:
    with write_to_temporary(path, **options) as temporary:
        temporary.write_text("mine")
        path.write_text("theirs")


def test_file_of_another_process_is_kept_without_force(refused_text: Refused, tmp_path: Path, links: None) -> None:
    assert refused_text(write_during_another_write, tmp_path / "a.csv") == (
        "output file exists\n  where:   DIR/a.csv\n  fix:     choose another name, or force=True"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "theirs"}
    write_during_another_write(tmp_path / "b.csv", force=True)
    assert (tmp_path / "b.csv").read_text() == "mine"


def test_one_of_several_writing_processes_wins(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom reassess.formats.files import write_to_temporary\n"
        "with write_to_temporary(Path('a.csv')) as temporary:\n"
        "    temporary.write_text(sys.argv[1] * 1000)\n    Path(sys.argv[1]).touch()\n"
        "    while len(list(Path().glob('[0-3]'))) < 4:\n        time.sleep(0.01)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(i)], cwd=tmp_path, stderr=subprocess.PIPE) for i in range(4)
    ]
    errors = [process.communicate()[1].decode() for process in processes]
    winners = [i for i, error in enumerate(errors) if not error]
    assert (tmp_path / "a.csv").read_text() == str(winners[0]) * 1000
    assert len(winners) == 1
    assert all("OutputError: output file exists" in error for error in errors if error)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3", "a.csv"}


def test_abandoned_temporary_files_are_removed_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".reassess-old.csv", 25), (".reassess-new.csv", 23), ("reassess-old.csv", 25)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age * 3600,) * 2)
    write(tmp_path / "a.csv", "new")
    assert {path.name for path in tmp_path.iterdir()} == {".reassess-new.csv", "reassess-old.csv", "a.csv"}


def write_both(first: Path, second: Path, error: Exception | None = None, **options: Any) -> None:
    with atomic_writes():
        write(first, "new", **options)
        write(second, "new", **options)
        assert not any(path.exists() and path.read_text() == "new" for path in (first, second))
        if error:
            raise error


def test_atomic_block_moves_all_files_or_none(refused: Refused, file: File, tmp_path: Path) -> None:
    old = file("a.csv", "old")
    with pytest.raises(KeyError):
        write_both(old, tmp_path / "b.csv", KeyError("x"), force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "old"}
    write_both(old, tmp_path / "b.csv", force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "new", "b.csv": "new"}
    write(tmp_path / "c.csv", "new")  # outside the block
    assert (tmp_path / "c.csv").read_text() == "new"


def test_two_outputs_with_one_target_raise(refused_text: Refused, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("a.csv")
    assert refused_text(write_both, tmp_path / "a.csv", tmp_path / "link.csv") == (
        "two results would be written to the same file\n"
        "  where:   DIR/a.csv and DIR/link.csv\n  fix:     give two different paths"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["link.csv"]


def test_temporary_files_of_the_same_mark_are_removed_at_once(tmp_path: Path) -> None:
    for name in (".reassess-m1-old.csv", ".reassess-m2-old.csv", ".reassess-old.csv"):
        (tmp_path / name).touch()
    with atomic_writes(temporary_prefix="m1"):
        write(tmp_path / "a.csv", "new")
        write(tmp_path / "b.csv", "new")
        temporary = [path.name for path in tmp_path.glob(".reassess-m1-*")]
        assert len(temporary) == 2
        assert ".reassess-m1-old.csv" not in temporary
    assert {path.name for path in tmp_path.iterdir()} == {
        *(".reassess-m2-old.csv", ".reassess-old.csv", "a.csv", "b.csv")
    }
