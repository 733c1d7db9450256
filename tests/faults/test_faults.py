"""After any fault, each file is unchanged or complete, and a failure is one error with exit code 1."""

import ast
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isfunction, signature
from itertools import count
from pathlib import Path
from random import Random
from shutil import copyfile

import click
import pytest

import reassess
from reassess.cli import root_command
from reassess.cli.command_run import OUTPUT_PATH_TYPE
from reassess.formats.files import sha256
from tests.faults.children import Child, ForkServer
from tests.faults.inputs import INPUTS
from tests.faults.rows import FUNCTIONS, PRINTING, RESUMED, SERVING, TESTED_ELSEWHERE, WRITING, needed_by
from tests.helpers import Needs, leaves, write_csv, write_files

COMMANDS = (*PRINTING, *WRITING)
ROWS = (*WRITING, *FUNCTIONS)
FACES = tuple(
    f"reassess.{path.parent.name}"
    for path in Path(reassess.__file__).parent.glob("*/__init__.pyi")
    if path.parent.name != "annotation"
)
OLD = b"an older file\n"
OLD_SETTINGS = b"{}\n"  # valid, since an export reads it
LARGEST_ID = 2**31 - 1
LARGE_ID_COMMANDS = (
    "evaluate heads.csv two.csv --labels labels.csv --original labels.csv --by class --details out.csv",
    "evaluate scores.csv --labels labels.csv --original labels.csv --classes outputs.txt --json",
    "compare heads.csv two.csv --labels labels.csv --original labels.csv",
    "propose heads.csv two.csv --original labels.csv -o out.csv",
    "propose heads.csv --unasked --benchmark large -o out.csv",
    "folds --original labels.csv --k 2 -o out.csv",
    "aggregate votes.csv -o out.csv",
    "labels scores-of-classes.csv --threshold 0.5 -o out.json",
)
CACHED = "cache/imagenet-train-clean"  # never replaced, since its hash is unknown
WRITE_WITHOUT_OPTION = {"fetch"}
RESUMED_MODULES = ("run_files", "rating")  # of predict and rate
CHILD_CALLS = 8  # calls of the child itself after the command has ended
NO_OUTPUT = ("full", "closed", "pipe without a reader")
MEMORY = 3 << 30  # bytes of data and stack
SMALL = 1 << 14  # bytes: less than SQLite needs for the index of a log
LAST_CALLS = 80  # roughly the calls that move files to their targets
SOURCE = Path(reassess.__file__).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses limits and privileges of Linux")


Files = dict[str, tuple[int, str]]  # the size and hash of each file


@dataclass
class Faults:
    """Runs rows in new folders of inputs, and stores the result of each row without a fault."""

    server: ForkServer
    root: Path
    _normal_runs: dict[tuple[str, bool], tuple[Child, Files]] = field(default_factory=dict)

    def run_normally(self, row: str, *, force: bool = False) -> tuple[Child, Files]:
        """Run a row without a fault; return the result, and the files that it creates or changes."""
        if (row, force) not in self._normal_runs:
            folder = self.new_folder()
            before = hash_files(folder)
            child = self.server.run(row, folder, force=force)
            assert child.code == 0, child.err
            changed = {name: content for name, content in hash_files(folder).items() if content != before.get(name)}
            self._normal_runs[row, force] = child, changed
        return self._normal_runs[row, force]

    def new_folder(self, row: str = "", *, old: bool = False) -> Path:
        """Create a folder of inputs; with `old`, the files that a row would create exist already."""
        folder = write_files(self.root / str(next(self._numbers)), INPUTS)
        outputs = self.run_normally(row)[1] if old else {}
        names = [name for name in outputs if name not in INPUTS and not name.startswith(CACHED)]
        return write_files(folder, {name: OLD_SETTINGS if name.endswith("benchmark.json") else OLD for name in names})

    _numbers: Iterator[int] = field(default_factory=count)


def hash_files(folder: Path) -> Files:
    """Return the size and hash of each file below a folder, except temporary and lock files and unfinished runs."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".reassess-")]
    paths = [path for path in paths if not any(parent.suffix == ".unfinished" for parent in path.parents)]
    paths = [path for path in paths if not path.name.endswith((".db-wal", ".db-shm", ".db.lock"))]
    return {path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path)) for path in paths}


def temporary_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(".reassess-*") if ".unfinished" not in str(path.parent))


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    with ForkServer() as server:
        yield Faults(server, tmp_path_factory.mktemp("faults"))


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest, needs: Needs) -> str:
    for package in needed_by(request.param):
        needs(package)
    return str(request.param)


# --- the table of rows is complete ----------------------------------------------------------------------------------


def test_every_command_and_output_is_a_row() -> None:
    words = {" ".join(path): command for path, command in leaves(root_command).items() if " ".join(path) not in RESUMED}
    for name in SERVING:
        del words[name]
    assert {name for name in words for row in COMMANDS if row.startswith(f"{name} ") or row == name} == set(words)
    for name, command in words.items():
        outputs = [param for param in command.params if param.type is OUTPUT_PATH_TYPE]
        rows = [row.split() for row in COMMANDS if row.startswith(f"{name} ")]
        for output in outputs:
            assert any(set(output.opts) & set(row) for row in rows), f"{name} {output.opts}"
        options = {option for param in command.params if isinstance(param, click.Option) for option in param.opts}
        assert bool(outputs) or name in WRITE_WITHOUT_OPTION or not options & {"-o", "--output"}


def test_every_public_writer_is_a_row() -> None:
    functions = {name: getattr(face, name) for face in map(import_module, FACES) for name in face.__all__}
    assert {row.split()[0] for row in FUNCTIONS} - {"create_campaign"} == {
        name
        for name, function in functions.items()
        if name.startswith(("write_", "update_"))
        or (isfunction(function) and "force" in signature(function).parameters)
    } - {*RESUMED, *TESTED_ELSEWHERE}


def test_rows_reach_every_call_of_write_to_temporary(faults: Faults, report_extra: None) -> None:
    writers = {
        f"reassess.{path.relative_to(SOURCE).with_suffix('').as_posix().replace('/', '.')}.{function.name}".replace(
            ".__init__.", "."
        )
        for path in SOURCE.rglob("*.py")
        if path.stem not in RESUMED_MODULES
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "write_to_temporary"
    }
    assert {writer for row in ROWS for writer in faults.run_normally(row)[0].writers} == writers


# --- killed and stopped ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_stopped_process_leaves_no_incomplete_file(faults: Faults, row: str, number: signal.Signals) -> None:
    check_stopped(faults, row, number)


@pytest.mark.parametrize("row", [COMMANDS[0], "write_report out.html"])
def test_terminated_process_leaves_no_incomplete_file(faults: Faults, row: str, report_extra: None) -> None:
    """A command reacts to SIGTERM as to an interrupt."""
    check_stopped(faults, row, signal.SIGTERM)


def check_stopped(faults: Faults, row: str, number: signal.Signals) -> None:
    """Send a signal while a row writes; for half of the rows and signals, the files exist already."""
    random = Random(f"{row} {number}")
    exists = ((*COMMANDS, *FUNCTIONS).index(row) + number) % 2 == 0
    normal, outputs = faults.run_normally(row, force=exists)
    first = random.choice([1, max(1, normal.calls - LAST_CALLS)])
    at = random.randint(first, max(first, normal.calls - CHILD_CALLS))
    folder = faults.new_folder(row, old=exists)
    before = hash_files(folder)
    child = faults.server.run(row, folder, signal=number, at=at, force=exists)
    check_exit(child, row, number)
    check_files(before, hash_files(folder), outputs, child)
    check_next_run(faults, row, folder)


def check_exit(child: Child, row: str, number: signal.Signals) -> None:
    """Check for an end by the signal, or for success if it came too late."""
    if number == signal.SIGKILL or (number == signal.SIGTERM and row not in COMMANDS):
        assert child.code in (-number, 0), child.err
    elif row in COMMANDS and child.code:
        assert child.code == 130, child.err
        assert child.err.endswith("Stopped.\n")
        assert "Traceback" not in child.err


def check_files(before: Files, after: Files, outputs: Files, child: Child) -> None:
    """Check that each file is unchanged or complete, and that all are complete if the exit code is 0."""
    for name in before.keys() | after.keys():
        assert after.get(name) in (before.get(name), outputs.get(name, before.get(name))), name
    if child.code == 0:
        assert after == {**before, **outputs}


def check_next_run(faults: Faults, row: str, folder: Path) -> None:
    """Check that the next run writes all files, and removes temporary files that are a day old."""
    for path in temporary_files(folder):
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    child, outputs = faults.server.run(row, folder, force=True), faults.run_normally(row, force=True)[1]
    assert {name: hash_files(folder).get(name) for name in outputs} == outputs, child.err
    assert not temporary_files(folder)


def test_killed_process_leaves_no_incomplete_file(faults: Faults, row: str) -> None:
    """Even within compiled code, which an interrupt does not stop."""
    normal, outputs = faults.run_normally(row)
    folder = faults.new_folder(row)
    before = hash_files(folder)
    child = faults.server.run(row, folder, signal=signal.SIGKILL, after=normal.seconds * Random(row).uniform(0.1, 1))
    assert child.code in (-signal.SIGKILL, 0)
    check_files(before, hash_files(folder), outputs, child)


# --- full disk ------------------------------------------------------------------------------------------------------


def test_full_disk_gives_one_error_and_changes_nothing(faults: Faults, row: str) -> None:
    _, outputs = faults.run_normally(row)
    largest = max(size for size, _ in outputs.values())
    for limit, exists in ((largest // 2, True), (largest - 1, False), (min(largest // 2, SMALL), False)):
        folder = faults.new_folder(row, old=exists)
        before = hash_files(folder)
        child = faults.server.run(row, folder, bytes=limit, force=exists)
        assert_one_error(child, "disk I/O error" if ".db" in row else "File too large")  # the error of SQLite
        assert hash_files(folder) == before
        assert not temporary_files(folder)


def assert_one_error(child: Child, *texts: str) -> None:
    assert (child.code, child.err.count("Error")) == (1, 1), child.err
    for text in texts:
        assert text in child.err


# --- little memory --------------------------------------------------------------------------------------------------


def write_large_ids(folder: Path) -> Path:
    """Write files of six images in three classes; one class has the largest possible id."""
    ids, images = [0, 1, LARGEST_ID], [f"{letter}.png" for letter in "abcdef"]
    rows = {image: [0.9 if k == row % 3 else 0.05 for k in range(3)] for row, image in enumerate(images)}
    classes = {image: ids[row % 3] for row, image in enumerate(images)}
    write_csv(folder / "heads.csv", f"image,0,1,{LARGEST_ID}", ([image, *row] for image, row in rows.items()))
    write_csv(folder / "scores.csv", "image,0,1,2", ([image, *row] for image, row in rows.items()))
    write_csv(folder / "two.csv", "image,prediction_1,prediction_2", ([i, k, 7] for i, k in classes.items()))
    write_csv(folder / "labels.csv", "image,class", classes.items())
    write_csv(folder / "scores-of-classes.csv", "image,class,score", ([i, k, 0.9] for i, k in classes.items()))
    votes = ([i, k, rater, "yes"] for i, k in classes.items() for rater in "ABC")
    write_csv(folder / "votes.csv", "image,class,rater,answer", votes)
    (folder / "large").mkdir()
    for name, source in (("original", "labels"), ("labels", "labels"), ("scores", "scores-of-classes")):
        copyfile(folder / f"{source}.csv", folder / f"large/{name}.csv")
    return write_files(folder, {"outputs.txt": f"0\n1\n{LARGEST_ID}\n"})


@pytest.mark.parametrize("command", LARGE_ID_COMMANDS)
def test_largest_class_id_needs_little_memory(faults: Faults, command: str) -> None:
    child = faults.server.run(command, write_large_ids(faults.new_folder()), memory=MEMORY)
    assert child.code == 0, child.err


@pytest.mark.parametrize("method", ["posterior", "consistent", "confident"])
def test_cleaning_raises_if_classes_have_no_label(faults: Faults, method: str, needs: Needs) -> None:
    if method == "confident":
        needs("cleanlab")
    command = f"clean heads.csv --original labels.csv --method {method} -o out.txt"
    child = faults.server.run(command, write_large_ids(faults.new_folder()), memory=MEMORY)
    assert_one_error(
        child,
        "some classes are not the label of any image",
        "allowed: each of the 2,147,483,648 classes",
        "(2,147,483,645)",
    )


# --- no output -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", NO_OUTPUT)
@pytest.mark.parametrize("command", COMMANDS)
def test_unwritable_output_stream_gives_exit_code_1(faults: Faults, command: str, output: str, needs: Needs) -> None:
    for package in needed_by(command):
        needs(package)
    _, outputs = faults.run_normally(command)
    folder = faults.new_folder()
    before = hash_files(folder)
    child = faults.server.run(command, folder, stdout=output)
    assert (child.code, child.out) == (1, "")
    assert "Traceback" not in child.err
    if output == "closed":
        assert_one_error(
            child, "Error: standard output is closed\n  fix:     keep it open, or redirect it to /dev/null\n"
        )
        assert hash_files(folder) == before
    else:  # a pipe without a reader is not an error
        assert child.err.count("Error") == (output == "full"), child.err
    check_files(before, hash_files(folder), outputs, child)


@pytest.mark.parametrize("stream", ["stderr", "stdin"])
@pytest.mark.parametrize("command", COMMANDS)
def test_unwritable_error_stream_or_closed_input_changes_nothing(
    faults: Faults, command: str, stream: str, needs: Needs
) -> None:
    state = "closed" if stream == "stdin" else NO_OUTPUT[COMMANDS.index(command) % len(NO_OUTPUT)]
    for package in needed_by(command):
        needs(package)
    normal, outputs = faults.run_normally(command)
    folder = faults.new_folder()
    before = hash_files(folder)
    child = faults.server.run(command, folder, **{stream: state})
    assert (child.code, child.out) == (normal.code, normal.out)
    assert hash_files(folder) == {**before, **outputs}


# --- no permission ---------------------------------------------------------------------------------------------------


def test_read_only_folder_gives_one_error(faults: Faults, row: str) -> None:
    _, outputs = faults.run_normally(row)
    folder = faults.new_folder()
    (folder / "cache").mkdir()
    folders = {(folder / name).parent for name in outputs}
    before = hash_files(folder)
    for path in folders:
        path.chmod(0o555)
    child = faults.server.run(row, folder, **{"no privilege": os.geteuid() == 0})
    assert_one_error(child)
    assert re.search("(cache folder|folder of the output file) (cannot be written|is not writable)", child.err)
    assert hash_files(folder) == before
    assert not temporary_files(folder)
