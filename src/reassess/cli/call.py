"""What the commands share: options, notes, progress, cells of tables, and the JSON document around every result."""

import json
import math
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reassess import __version__, annotation
from reassess.cli.help_pages import OPTIONS, in_general
from reassess.cli.screen import in_shell, on_terminal, say, say_command
from reassess.errors import DataError, OutputError
from reassess.formats.files import check_output, exists, sha256, suffix_of
from reassess.formats.result_files import Printed
from reassess.text import counted, plain
from reassess.text import percent as percent_text
from reassess.text import percents as percents_text

if TYPE_CHECKING:
    from reassess.core import Benchmark, Id, Match
    from reassess.formats.predictions.id_columns import UnknownClass
    from reassess.numeric import Proportion


_MOST_NOTES = 5
_DIGITS = 12  # of a hash, which tell files apart
_DRAWN = (".svg", ".png", ".pdf", ".html", ".htm")  # outputs that need further packages
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Reading:
    """How a command reads files: the same way for each.

    `row_names` and `output_classes` are as --names and --classes give them.
    """

    match: "Match | None" = None
    ignore_unknown: bool = False
    row_names: tuple[str, ...] = ()
    output_classes: tuple[str, ...] = ()
    unknown_class: "UnknownClass" = "wrong"
    answers: "tuple[Id, ...] | None" = None


@dataclass
class Call:
    """How a command was called: its common options, how it reads files, and which it read."""

    json: bool = False
    force: bool = False
    quiet: bool = False
    verbose: bool = False
    reading: Reading = field(default_factory=Reading)
    inputs: list[dict[str, str | None]] = field(default_factory=list)
    states: dict[str, tuple[int, int] | None] = field(default_factory=dict)  # of each input, as it was when it was read
    outputs: list[Path] = field(default_factory=list)
    explanations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    following: str | None = None

    def resolve(self, name: str, source: str) -> Path:
        """The file at a path, or of a known source, noted as an input; downloaded if need be."""
        if exists(source):
            return self.read(name, Path(source))
        from reassess.data import SOURCES, resolve

        return self.read(source if source in SOURCES else name, resolve(source, progress=not self.quiet))

    def find(self, name: str) -> Path | None:
        """The file of a known source if this machine has it, noted as an input."""
        from reassess.data import find

        path = find(name)
        return None if path is None else self.read(name, path)

    def find_all(self, name: str) -> tuple[Path, ...] | None:
        """All files of a known source if this machine has them, noted as inputs."""
        from reassess.data import find_all

        paths = find_all(name)
        return None if paths is None else tuple(self.read(name, path) for path in paths)

    def note_hashes(self, *names: str) -> None:
        """Explain how inputs were read, and which files the user gave as `names`: hashes tell them from others."""
        for text in self.explanations:
            self.tell(text)
        digits = None if self.verbose else _DIGITS
        given = [entry for entry in self.inputs if entry["name"] in names]
        shown = given if self.verbose else given[:_MOST_NOTES]
        read = [f"{one['name']} {one['path']}, sha256 {sha256(Path(str(one['path'])))[:digits]}" for one in shown]
        if hidden := len(given) - len(shown):
            read.append(f"and {counted(hidden, 'more file')} (--verbose)")
        if read:
            self.tell(f"read: {'; '.join(read)}")

    def read(self, name: str, path: Path) -> Path:
        """Note that the file at `path` is read as `name`, and return the path; `OutputError` if it is an output."""
        self.keep(path)
        entry: dict[str, str | None] = {"name": name, "path": str(path)}
        if entry not in self.inputs:
            self.inputs.append(entry)
            self.states.setdefault(str(path), _state(path))
        return path

    def check_output(
        self,
        path: Path | None,
        suffixes: Collection[str],
        thing: str,
        *,
        benchmark: "Benchmark | None",
        part: str | None = None,
    ) -> None:
        """Raise before any work if an output cannot be written, or would spoil the benchmark."""
        from reassess.data import check_place

        if path is not None:
            suffix = suffix_of(path, suffixes, thing)
            if benchmark is not None:
                check_place(path, benchmark, part)
            check_output(path, force=self.force)
            if suffix in _DRAWN:
                from reassess.report.figures import check_packages

                check_packages(suffix)
            self.note_outputs(path)

    def note_outputs(self, *paths: Path) -> None:
        """Note where results go; `OutputError` if two of them are one file."""
        for path in paths:
            for other in self.outputs:
                if os.path.realpath(path) == os.path.realpath(other):
                    raise OutputError(
                        "two-outputs-one-file",
                        "two outputs are the same file",
                        where=f"{other} and {path}",
                        fix="name two files",
                    )
            self.outputs.append(path)

    def keep(self, path: Path) -> None:
        """Raise `OutputError` if an output would take the place of a file that is read, even with --force."""
        for output in self.outputs:
            if exists(output) and exists(path) and output.samefile(path):
                raise OutputError(
                    "output-is-input", "output file is also an input", where=output, fix="choose another name"
                )

    def tell(self, text: str) -> None:
        """Say what was done, or what a number rests on, unless asked to be quiet."""
        if not self.quiet:
            say(text)

    def tell_first(self, text: str) -> None:
        """Say what is about to be done, unless a document is all that is printed."""
        if not self.json:
            self.tell(text)

    def note(self, text: str) -> None:
        """Explain a result at the end of all, if few notes come before or all are asked for; an equal one once."""
        if text not in self.notes:
            self.notes.append(text)

    def next(self, *words: object) -> None:
        """Name the command to run next: in the last line, or in JSON as the key "next"."""
        self.following = in_shell(["reassess", *map(str, words)])

    def print_notes(self) -> None:
        """Print the notes, and how many more there are; then the next command. A document has none of them."""
        if self.json:
            return
        shown = self.notes if self.verbose else self.notes[:_MOST_NOTES]
        for text in shown:
            self.tell(text)
        if hidden := len(self.notes) - len(shown):
            self.tell(f"and {counted(hidden, 'more note')} (--verbose)")
        if self.following is not None and not self.quiet:
            say_command(f"next: {self.following}")

    def first_rows(self, count: int, most: int, things: str) -> int:
        """How many of so many rows to show; a note says how many are not."""
        if self.verbose or count <= most:
            return count
        self.tell(f"the first {most} of {count:,} {things} (--verbose shows all)")
        return most

    def record(self) -> dict[str, Any]:
        """The command line as one text, and the files that were read with their hashes: how a page was made."""
        return {"command": shlex.join(self._words()), "inputs": self.hashed_inputs()}

    def _words(self) -> list[str]:
        """The command line; without the password in the address of a campaign."""
        return ["reassess", *map(annotation.shown_address, click.get_current_context().find_root().obj)]

    def hashed_inputs(self) -> list[dict[str, str | None]]:
        """The files that were read, each with its SHA-256; `DataError` if one was changed since."""
        for path, state in self.states.items():
            if _state(Path(path)) != state:
                raise DataError("changed-input", "file changed while it was in use", where=path, fix="try again")
        return [entry | {"sha256": sha256(Path(str(entry["path"])))} for entry in self.inputs]

    def print_document(self, command: str, results: Any, **others: Any) -> None:
        """Print the JSON document of a command: schema, call, inputs with hashes, results, and other parts by name."""
        document = {
            "schema": f"reassess/{command}",
            "version": 1,
            "command": self._words(),
            "reassess": __version__,
            "inputs": self.hashed_inputs(),
            "results": results,
            **others,
        }
        if self.following is not None:
            document["next"] = self.following
        click.echo(json.dumps(document, indent=2, allow_nan=False))


class _PathType(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("A path is not empty.", param, ctx)
        if "\0" in str(value):
            self.fail("A path holds no null byte.", param, ctx)
        return super().convert(value, param, ctx)


class _OutputType(_PathType):
    is_output = True  # so the command takes --force


FILE = _PathType(path_type=Path)  # that is read
OUTPUT = _OutputType(path_type=Path)  # that is written


class Range(click.FloatRange):
    """A finite number between two bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a usage error if the value is no number or lies outside the bounds."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a {'number' if math.isnan(number) else 'finite number'}.", param, ctx)
        return number


def call_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options; its first argument is a `Call`."""

    def command(**options: Any) -> Any:
        reading = {each.name: options.pop(each.name) for each in fields(Reading) if each.name in options}
        call = Call(**{name: options.pop(name, False) for name in OPTIONS}, reading=Reading(**reading))
        result = function(call, **options)
        call.print_notes()
        return result

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    for name in reversed(list(OPTIONS)):
        command = in_general(f"--{name}", is_flag=True, help=OPTIONS[name])(command)
    return command


def tracked(call: Call, items: Sequence[_Item], what: str) -> Iterable[_Item]:
    """The items one by one, with a bar on standard error if there are several and it is a terminal."""
    if call.quiet or len(items) < 2 or not on_terminal(err=True) or os.environ.get("TERM") == "dumb":
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=what, console=Console(stderr=True), transient=True)


@contextmanager
def counting(call: Call) -> Iterator[Callable[[str, int, int], None]]:
    """What is told the name of a task, how many images are done and how many there are: a bar for each on a terminal.

    A bar shows how many are done in a second, and the time that is left; a total of 0 is unknown.
    """
    if call.quiet or not on_terminal(err=True):
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def show(name: str, done: int, total: int) -> None:
            if name not in bars:  # what was done before has no part in the rate
                bars[name] = progress.add_task(plain(name), total=total or None, completed=done, rate="")
            progress.update(bars[name], completed=done)
            speed = progress.tasks[bars[name]].speed
            progress.update(bars[name], rate="" if speed is None else f"{speed:,.1f} a second")

        yield show


def benchmark_words(benchmark: "Benchmark | None") -> list[str]:
    """The option that names a benchmark, for the next command."""
    named = None if benchmark is None else benchmark.folder or benchmark.name
    return [] if named is None else ["--benchmark", str(named)]


def free_name(path: str | Path) -> Path:
    """The path, with a number if there is such a file already: where a next command writes."""
    first = Path(path)
    names = (first.with_stem(f"{first.stem}-{number}") for number in count(2))
    return first if not exists(first) else next(name for name in names if not exists(name))


def _state(path: Path) -> tuple[int, int] | None:
    """What changes with a file: its size, and when it was written."""
    return (path.stat().st_size, path.stat().st_mtime_ns) if exists(path) else None


def percent(share: "Proportion | float | None") -> Printed | None:
    """A share in percent, as a cell of a table."""
    value = share if share is None or isinstance(share, int | float) else share.value
    return None if value is None else Printed(percent_text(value), 100 * value)


def percents(interval: "Proportion | tuple[float, float] | None") -> Printed | None:
    """An interval of a share in percent, as a cell of a table."""
    bounds = interval if interval is None or isinstance(interval, tuple) else interval.interval
    return None if bounds is None else Printed(percents_text(bounds), *(100 * bound for bound in bounds))


def refuse_repeated(files: Iterable[str | Path]) -> None:
    """Raise a usage error if a name is given twice, or two paths lead to one file."""
    seen: dict[str, str | Path] = {}
    for file in files:
        name = os.path.realpath(file) if isinstance(file, Path) and exists(file) else str(file)
        if name in seen:
            one_name = f"{file} is given twice."
            raise click.UsageError(one_name if file == seen[name] else f"{seen[name]} and {file} are one file.")
        seen[name] = file
