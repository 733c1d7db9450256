"""Whatever befalls a process that writes, a file is as it was or whole; a failure is said once, with exit code 1."""

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
from reassess.cli import app
from reassess.cli.call import OUTPUT
from reassess.formats.files import sha256
from tests.faults.children import Child, Nursery
from tests.faults.inputs import INPUTS
from tests.faults.rows import FUNCTIONS, PRINTING, RESUMED, SERVING, WRITING, needed_by
from tests.helpers import Needs, leaves, write_csv, write_files

COMMANDS = (*PRINTING, *WRITING)
ROWS = (*WRITING, *FUNCTIONS)
FACES = tuple(
    f"reassess.{path.parent.name}"
    for path in Path(reassess.__file__).parent.glob("*/__init__.pyi")
    if path.parent.name != "annotation"
)
OLD = b"what was there before\n"
OLD_SETTINGS = b"{}\n"  # which an export reads
LARGEST_ID = 2**31 - 1
OF_IDS = (
    "evaluate heads.csv two.csv --labels labels.csv --original labels.csv --by class --details out.csv",
    "evaluate scores.csv --labels labels.csv --original labels.csv --classes outputs.txt --json",
    "compare heads.csv two.csv --labels labels.csv --original labels.csv",
    "propose heads.csv two.csv --original labels.csv -o out.csv",
    "propose heads.csv --unasked --benchmark large -o out.csv",
    "folds --original labels.csv --k 2 -o out.csv",
    "aggregate votes.csv -o out.csv",
    "labels scores-of-classes.csv --threshold 0.5 -o out.json",
)
KEPT = "cache/imagenet-train-clean"  # of any content, if there is one
ALSO_WRITE = {"fetch"}  # without an option
OF_RESUMED = ("run_files", "shards", "unfinished_runs")
OWN_CALLS = 8  # the last ones, of the child itself: the command has ended
NO_OUTPUT = ("full", "closed", "pipe without a reader")
MEMORY = 3 << 30  # bytes of a process: its own data and stacks
LITTLE = 1 << 14  # bytes: less than SQLite takes for the index of a log
LAST_CALLS = 80  # about those in which files take their places
SOURCE = Path(reassess.__file__).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and privileges are those of Linux")


Files = dict[str, tuple[int, str]]  # the size and hash of each file


@dataclass
class Faults:
    """Runs rows, each in a new folder of inputs, and knows what an undisturbed run makes of them."""

    nursery: Nursery
    root: Path
    _undisturbed: dict[tuple[str, bool], tuple[Child, Files]] = field(default_factory=dict)

    def undisturbed(self, row: str, *, force: bool = False) -> tuple[Child, Files]:
        """How a row runs, and the files that it makes or changes."""
        if (row, force) not in self._undisturbed:
            folder = self.folder()
            before = held(folder)
            child = self.nursery.run(row, folder, force=force)
            assert child.code == 0, child.err
            changed = {name: one for name, one in held(folder).items() if one != before.get(name)}
            self._undisturbed[row, force] = child, changed
        return self._undisturbed[row, force]

    def folder(self, row: str = "", *, old: bool = False) -> Path:
        """A new folder of inputs; with `old`, what a row makes is there already."""
        folder = write_files(self.root / str(next(self._numbers)), INPUTS)
        made = self.undisturbed(row)[1] if old else {}
        names = [name for name in made if name not in INPUTS and not name.startswith(KEPT)]
        return write_files(folder, {name: OLD_SETTINGS if name.endswith("benchmark.json") else OLD for name in names})

    _numbers: Iterator[int] = field(default_factory=count)


def held(folder: Path) -> Files:
    """Each file in a folder and those below, but for what a killed process left, and what says who uses a campaign."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".reassess-")]
    paths = [path for path in paths if not path.name.endswith((".db-wal", ".db-shm", ".db.lock"))]
    return {path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path)) for path in paths}


def left(folder: Path) -> list[Path]:
    return sorted(folder.rglob(".reassess-*"))


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    with Nursery() as nursery:
        yield Faults(nursery, tmp_path_factory.mktemp("faults"))


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest, needs: Needs) -> str:
    for package in needed_by(request.param):
        needs(package)
    return str(request.param)


# --- nothing is left out ---------------------------------------------------------------------------------------------


def test_every_command_and_each_of_its_outputs_is_a_row() -> None:
    words = {" ".join(path): command for path, command in leaves(app).items() if path != (RESUMED,)}
    for name in SERVING:
        del words[name]
    assert {name for name in words for row in COMMANDS if row.startswith(f"{name} ") or row == name} == set(words)
    for name, command in words.items():
        outputs = [param for param in command.params if param.type is OUTPUT]
        own = [row.split() for row in COMMANDS if row.startswith(f"{name} ")]
        for output in outputs:
            assert any(set(output.opts) & set(row) for row in own), f"{name} {output.opts}"
        takes = {option for param in command.params if isinstance(param, click.Option) for option in param.opts}
        assert bool(outputs) or name in ALSO_WRITE or not takes & {"-o", "--output"}


def test_every_public_function_that_writes_is_a_row() -> None:
    functions = {name: getattr(face, name) for face in map(import_module, FACES) for name in face.__all__}
    assert {row.split()[0] for row in FUNCTIONS} - {"create_campaign"} == {
        name
        for name, function in functions.items()
        if name.startswith(("write_", "update_"))
        or (isfunction(function) and "force" in signature(function).parameters)
    } - {RESUMED}


def test_every_place_in_the_code_that_writes_is_reached(faults: Faults, report_extra: None) -> None:
    places = {
        f"reassess.{path.relative_to(SOURCE).with_suffix('').as_posix().replace('/', '.')}.{function.name}".replace(
            ".__init__.", "."
        )
        for path in SOURCE.rglob("*.py")
        if path.stem not in OF_RESUMED
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "writing"
    }
    assert {place for row in ROWS for place in faults.undisturbed(row)[0].writers} == places


# --- killed and stopped ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_process_that_is_stopped_while_it_writes_leaves_no_half_file(
    faults: Faults, row: str, number: signal.Signals
) -> None:
    check_stopped(faults, row, number)


@pytest.mark.parametrize("row", [COMMANDS[0], "write_report out.html"])
def test_a_process_that_is_told_to_end_leaves_no_half_file(faults: Faults, row: str, report_extra: None) -> None:
    """A command stops as if it was interrupted."""
    check_stopped(faults, row, signal.SIGTERM)


def check_stopped(faults: Faults, row: str, number: signal.Signals) -> None:
    """A row meets one signal where its files are new, and the other where they were there before."""
    random = Random(f"{row} {number}")
    again = ((*COMMANDS, *FUNCTIONS).index(row) + number) % 2 == 0
    calm, whole = faults.undisturbed(row, force=again)
    first = random.choice([1, max(1, calm.calls - LAST_CALLS)])
    at = random.randint(first, max(first, calm.calls - OWN_CALLS))
    folder = faults.folder(row, old=again)
    before = held(folder)
    child = faults.nursery.run(row, folder, signal=number, at=at, force=again)
    check_ended(child, row, number)
    check_whole(before, held(folder), whole, child)
    check_next(faults, row, folder)


def check_ended(child: Child, row: str, number: signal.Signals) -> None:
    """By the signal, or as the last calls differ from run to run, well; who stops a command is told in a word."""
    if number == signal.SIGKILL or (number == signal.SIGTERM and row not in COMMANDS):
        assert child.code in (-number, 0), child.err
    elif row in COMMANDS and child.code:
        assert child.code == 130, child.err
        assert child.err.endswith("Stopped.\n")
        assert "Traceback" not in child.err


def check_whole(before: Files, after: Files, whole: Files, child: Child) -> None:
    """Each file is as it was or as an undisturbed run makes it; all are made where the code is 0."""
    for name in before.keys() | after.keys():
        assert after.get(name) in (before.get(name), whole.get(name, before.get(name))), name
    if child.code == 0:
        assert after == {**before, **whole}


def check_next(faults: Faults, row: str, folder: Path) -> None:
    """The next process writes all of it, and removes what was left when that is a day old."""
    remains = left(folder)
    for path in remains:
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    child, whole = faults.nursery.run(row, folder, force=True), faults.undisturbed(row, force=True)[1]
    assert {name: held(folder).get(name) for name in whole} == whole, child.err
    assert not left(folder)


def test_a_process_that_is_killed_at_any_time_leaves_no_half_file(faults: Faults, row: str) -> None:
    """Also amid code that is not Python, which an interrupt does not stop."""
    calm, whole = faults.undisturbed(row)
    folder = faults.folder(row)
    before = held(folder)
    child = faults.nursery.run(row, folder, signal=signal.SIGKILL, after=calm.seconds * Random(row).uniform(0.1, 1))
    assert child.code in (-signal.SIGKILL, 0)
    check_whole(before, held(folder), whole, child)


# --- no room ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_error_and_changes_nothing(faults: Faults, row: str) -> None:
    _, whole = faults.undisturbed(row)
    most = max(size for size, _ in whole.values())
    for size, again in ((most // 2, True), (most - 1, False), (min(most // 2, LITTLE), False)):
        folder = faults.folder(row, old=again)
        before = held(folder)
        child = faults.nursery.run(row, folder, bytes=size, force=again)
        assert_one_error(child, "disk I/O error" if ".db" in row else "File too large")  # as SQLite calls it
        assert held(folder) == before
        assert not left(folder)


def assert_one_error(child: Child, *texts: str) -> None:
    assert (child.code, child.err.count("Error")) == (1, 1), child.err
    for text in texts:
        assert text in child.err


# --- no memory -------------------------------------------------------------------------------------------------------


def large_ids(folder: Path) -> Path:
    """Six images in classes of which the last has the largest id."""
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


@pytest.mark.parametrize("command", OF_IDS)
def test_the_largest_class_id_takes_no_memory(faults: Faults, command: str) -> None:
    child = faults.nursery.run(command, large_ids(faults.folder()), memory=MEMORY)
    assert child.code == 0, child.err


@pytest.mark.parametrize("method", ["posterior", "consistent", "confident"])
def test_cleaning_refuses_ids_that_leave_classes_without_a_label(faults: Faults, method: str) -> None:
    command = f"clean heads.csv --original labels.csv --method {method} -o out.txt"
    child = faults.nursery.run(command, large_ids(faults.folder()), memory=MEMORY)
    assert_one_error(child, "classes have no label", "allowed: each of the 2,147,483,648 classes", "(2,147,483,645)")


# --- no output -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", NO_OUTPUT)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_takes_nothing_is_exit_code_1(faults: Faults, command: str, output: str, needs: Needs) -> None:
    for package in needed_by(command):
        needs(package)
    _, whole = faults.undisturbed(command)
    folder = faults.folder()
    before = held(folder)
    child = faults.nursery.run(command, folder, stdout=output)
    assert (child.code, child.out) == (1, "")
    assert "Traceback" not in child.err
    if output == "closed":
        assert_one_error(child, "Error: standard output is closed\n  fix:     leave it open, or send it to /dev/null\n")
        assert held(folder) == before
    else:  # a reader that went away needs no words
        assert child.err.count("Error") == (output == "full"), child.err
    check_whole(before, held(folder), whole, child)


@pytest.mark.parametrize("stream", ["stderr", "stdin"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_stream_that_takes_nothing_or_a_closed_input_changes_nothing(
    faults: Faults, command: str, stream: str, needs: Needs
) -> None:
    state = "closed" if stream == "stdin" else NO_OUTPUT[COMMANDS.index(command) % len(NO_OUTPUT)]
    for package in needed_by(command):
        needs(package)
    calm, whole = faults.undisturbed(command)
    folder = faults.folder()
    before = held(folder)
    child = faults.nursery.run(command, folder, **{stream: state})
    assert (child.code, child.out) == (calm.code, calm.out)
    assert held(folder) == {**before, **whole}


# --- no permission ---------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_error(faults: Faults, row: str) -> None:
    _, whole = faults.undisturbed(row)
    folder = faults.folder()
    (folder / "cache").mkdir()
    folders = {(folder / name).parent for name in whole}
    before = held(folder)
    for path in folders:
        path.chmod(0o555)
    child = faults.nursery.run(row, folder, **{"no privilege": os.geteuid() == 0})
    assert_one_error(child)
    assert re.search("(cache folder|folder of the output file) (cannot be written|is not writable)", child.err)
    assert held(folder) == before
    assert not left(folder)
