"""A running command with its inputs and notes, and helpers for options, progress bars and table cells."""

import json
import math
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from reassess import __version__, annotation
from reassess.cli.help_pages import COMMON_OPTIONS, general_section_option
from reassess.cli.screen import is_terminal, join_shell_words, print_command, print_text
from reassess.errors import DataError, OutputError
from reassess.formats.files import check_output, check_suffix, exists, sha256
from reassess.formats.result_files import PrintedNumbers
from reassess.text import count_noun, escape_controls, format_percent, format_percent_interval

if TYPE_CHECKING:
    from reassess.core import Benchmark, Id, Match
    from reassess.core.free_text import Extract
    from reassess.formats.predictions.id_columns import UnknownClass
    from reassess.numeric import Proportion


_MAX_PRINTED_NOTES = 5
_N_HASH_DIGITS = 12  # printed digits of a hash, enough to distinguish files
_FIGURE_AND_PAGE_SUFFIXES = (".svg", ".png", ".pdf", ".html", ".htm")  # outputs that need optional packages
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading files. `row_names` comes from --names, `output_classes` from --classes."""

    match: "Match | None" = None
    ignore_unknown: bool = False
    row_names: tuple[str, ...] = ()
    output_classes: tuple[str, ...] = ()
    unknown_class: "UnknownClass" = "wrong"
    extract: "Extract" = "first"
    answers: "tuple[Id, ...] | None" = None


class FileState(NamedTuple):
    """The size and the modification time of a file, which show later whether the file has changed."""

    n_bytes: int
    modified_ns: int


@dataclass
class CommandRun:
    """A running command: its common options, input and output files, and notes."""

    json: bool = False
    force: bool = False
    quiet: bool = False
    verbose: bool = False
    reading_options: ReadingOptions = field(default_factory=ReadingOptions)
    inputs: list[dict[str, str | None]] = field(default_factory=list)
    input_file_states: dict[str, FileState | None] = field(default_factory=dict)  # by path, when the file was read
    outputs: list[Path] = field(default_factory=list)
    input_explanations: list[str] = field(default_factory=list)  # how inputs were read; printed before their names
    final_notes: list[str] = field(default_factory=list)  # printed at the end of the output
    next_command: str | None = None

    def find_or_download_source(self, input_name: str, source: str) -> Path:
        """Return a file, given its path or a known source, and add it to the inputs. Download it if needed."""
        if exists(source):
            return self.add_input(input_name, Path(source))
        from reassess.data import SOURCES, resolve_path_or_source

        return self.add_input(
            source if source in SOURCES else input_name, resolve_path_or_source(source, progress=not self.quiet)
        )

    def find_first_file_of_source(self, source_name: str) -> Path | None:
        """Return the first local file of a known source, and add it to the inputs; None if it is missing."""
        from reassess.data import find_first_file_of_source

        path = find_first_file_of_source(source_name)
        return None if path is None else self.add_input(source_name, path)

    def add_source_files(self, source_name: str) -> None:
        """Add the local files of a known source to the inputs, if all of them are on this computer."""
        from reassess.data import find_all_files_of_source

        for path in find_all_files_of_source(source_name) or ():
            self.add_input(source_name, path)

    def print_inputs(self, *names: str) -> None:
        """Print how inputs were read, then the path and hash of each input whose name is in `names`."""
        for text in self.input_explanations:
            self.print_line(text)
        digits = None if self.verbose else _N_HASH_DIGITS
        entries = [entry for entry in self.inputs if entry["name"] in names]
        printed = entries if self.verbose else entries[:_MAX_PRINTED_NOTES]
        files = []
        for entry in printed:
            path = Path(str(entry["path"]))
            files.append(f"{entry['name']} {path} (sha256 {sha256(path)[:digits]})")
        if hidden := len(entries) - len(printed):
            files.append(f"and {count_noun(hidden, 'more file')} (--verbose)")
        if files:
            self.print_line(f"inputs: {'; '.join(files)}")

    def add_input(self, name: str, path: Path) -> Path:
        """Add the file at `path` to the inputs, and return the path; `OutputError` if it is also an output."""
        self.check_not_an_output(path)
        entry: dict[str, str | None] = {"name": name, "path": str(path)}
        if entry not in self.inputs:
            self.inputs.append(entry)
            self.input_file_states.setdefault(str(path), _read_file_state(path))
        return path

    def check_output(
        self,
        path: Path | None,
        suffixes: Collection[str],
        content_name: str,
        *,
        benchmark: "Benchmark | None",
        part: str | None = None,
    ) -> None:
        """Raise an error if an output cannot be written, or would replace another part of the benchmark."""
        from reassess.data import check_output_path

        if path is not None:
            suffix = check_suffix(path, suffixes, content_name)
            if benchmark is not None:
                check_output_path(path, benchmark, part)
            check_output(path, force=self.force)
            if suffix in _FIGURE_AND_PAGE_SUFFIXES:
                from reassess.report.figures import check_packages

                check_packages(suffix)
            self.add_outputs(path)

    def add_outputs(self, *paths: Path) -> None:
        """Add output files; `OutputError` if two of them are the same file."""
        for path in paths:
            for earlier in self.outputs:
                if os.path.realpath(path) == os.path.realpath(earlier):
                    raise OutputError(
                        "two-outputs-one-file",
                        "two results would be written to the same file",
                        where=f"{earlier} and {path}",
                        fix="give two different paths",
                    )
            self.outputs.append(path)

    def check_not_an_output(self, path: Path) -> None:
        """Raise `OutputError` if an input file is also an output. --force does not allow this."""
        for output in self.outputs:
            if exists(output) and exists(path) and output.samefile(path):
                raise OutputError(
                    "output-is-input", "output file is also an input", where=output, fix="choose another name"
                )

    def print_line(self, text: str) -> None:
        """Print a line, except with --quiet."""
        if not self.quiet:
            print_text(text)

    def print_progress_line(self, text: str) -> None:
        """Print a line about the work ahead, except with --quiet or --json."""
        if not self.json:
            self.print_line(text)

    def add_note(self, text: str) -> None:
        """Add a note for the end of the output, unless an equal note was added before."""
        if text not in self.final_notes:
            self.final_notes.append(text)

    def suggest_command(self, *words: object) -> None:
        """Suggest the next command: in the last line of the output, or as "next" in JSON."""
        self.next_command = join_shell_words(["reassess", *map(str, words)])

    def print_notes(self) -> None:
        """Print the first notes (with --verbose, all notes), then the next command; nothing with --json."""
        if self.json:
            return
        printed = self.final_notes if self.verbose else self.final_notes[:_MAX_PRINTED_NOTES]
        for text in printed:
            self.print_line(text)
        if hidden := len(self.final_notes) - len(printed):
            self.print_line(f"and {count_noun(hidden, 'more note')} (--verbose)")
        if self.next_command is not None and not self.quiet:
            print_command(f"next: {self.next_command}")

    def limit_printed_rows(self, n_rows: int, limit: int, rows_name: str) -> int:
        """Return the number of rows to print. If some rows are hidden, print a line that says so."""
        if self.verbose or n_rows <= limit:
            return n_rows
        self.print_line(f"the first {limit} of {n_rows:,} {rows_name} (--verbose shows all)")
        return limit

    def describe_command(self) -> dict[str, Any]:
        """Return the command line and the hashed input files, for an HTML page."""
        return {"command": shlex.join(self._list_arguments_without_password()), "inputs": self.hash_inputs()}

    def _list_arguments_without_password(self) -> list[str]:
        """Return the command line as a list, without the password in the address of a campaign."""
        return ["reassess", *map(annotation.hide_password, click.get_current_context().find_root().obj)]

    def hash_inputs(self) -> list[dict[str, str | None]]:
        """Return the input files with their SHA-256; `DataError` if a file has changed since it was read."""
        for path, state in self.input_file_states.items():
            if _read_file_state(Path(path)) != state:
                raise DataError("changed-input", "file changed while it was in use", where=path, fix="try again")
        return [entry | {"sha256": sha256(Path(str(entry["path"])))} for entry in self.inputs]

    def print_json(self, command: str, results: Any, **further_keys: Any) -> None:
        """Print the JSON document of a command: schema, command line, hashed inputs, results and further keys."""
        document = {
            "schema": f"reassess/{command}",
            "version": 1,
            "command": self._list_arguments_without_password(),
            "reassess": __version__,
            "inputs": self.hash_inputs(),
            "results": results,
            **further_keys,
        }
        if self.next_command is not None:
            document["next"] = self.next_command
        click.echo(json.dumps(document, indent=2, allow_nan=False))


class _PathType(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("The path is empty.", param, ctx)
        if "\0" in str(value):
            self.fail("The path contains a null byte.", param, ctx)
        return super().convert(value, param, ctx)


class _OutputPathType(_PathType):
    is_output = True  # so the command has --force


INPUT_PATH_TYPE = _PathType(path_type=Path)  # an input
OUTPUT_PATH_TYPE = _OutputPathType(path_type=Path)


class FiniteRange(click.FloatRange):
    """A finite number between two bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a number. A number that is not finite or is out of range is a usage error."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a {'number' if math.isnan(number) else 'finite number'}.", param, ctx)
        return number


def add_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the common options to a command, and pass them as its first argument, a `CommandRun`."""

    def run_command(**options: Any) -> Any:
        reading = {option.name: options.pop(option.name) for option in fields(ReadingOptions) if option.name in options}
        run = CommandRun(
            **{name: options.pop(name, False) for name in COMMON_OPTIONS}, reading_options=ReadingOptions(**reading)
        )
        result = function(run, **options)
        run.print_notes()
        return result

    run_command.__doc__ = function.__doc__
    run_command.__name__ = function.__name__
    run_command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    for name in reversed(list(COMMON_OPTIONS)):
        run_command = general_section_option(f"--{name}", is_flag=True, help=COMMON_OPTIONS[name])(run_command)
    return run_command


def with_progress(run: CommandRun, items: Sequence[_Item], label: str) -> Iterable[_Item]:
    """Iterate over items, with a progress bar if standard error is a terminal and there are several items."""
    if run.quiet or len(items) < 2 or not is_terminal(err=True) or os.environ.get("TERM") == "dumb":
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=label, console=Console(stderr=True), transient=True)


@contextmanager
def show_progress_bars(run: CommandRun) -> Iterator[Callable[..., None]]:
    """Yield a function that updates a progress bar, given a task name, the images done, their total, and a note.

    Bars are only shown on a terminal. A bar shows the images per second, the remaining time, and the note, which may be
    missing. A total of 0 means that the total is unknown.
    """
    if run.quiet or not is_terminal(err=True):
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    note_column = TextColumn("{task.fields[note]}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TimeRemainingColumn(),
        note_column,
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def update_bar(task_name: str, n_done: int, total: int, note: str = "") -> None:
            if task_name not in bars:  # images of an earlier run do not count for the rate
                bars[task_name] = progress.add_task(
                    escape_controls(task_name), total=total or None, completed=n_done, rate="", note=note
                )
            progress.update(bars[task_name], completed=n_done, note=note)
            speed = progress.tasks[bars[task_name]].speed
            progress.update(bars[task_name], rate="" if speed is None else f"{speed:,.1f} per second")

        yield update_bar


def make_benchmark_arguments(benchmark: "Benchmark | None") -> list[str]:
    """Return --benchmark and its value for a suggested command; an empty list without a benchmark."""
    source = None if benchmark is None else benchmark.folder or benchmark.name
    return [] if source is None else ["--benchmark", str(source)]


def find_unused_path(path: str | Path) -> Path:
    """Return an output path for a suggested command: `path`, or a similar path with a number if `path` exists."""
    first_path = Path(path)
    names = (first_path.with_stem(f"{first_path.stem}-{number}") for number in count(2))
    return first_path if not exists(first_path) else next(name for name in names if not exists(name))


def _read_file_state(path: Path) -> FileState | None:
    return FileState(path.stat().st_size, path.stat().st_mtime_ns) if exists(path) else None


def format_percent_cell(share: "Proportion | float | None") -> PrintedNumbers | None:
    """Format a share as a table cell, in percent."""
    value = share if share is None or isinstance(share, int | float) else share.value
    return None if value is None else PrintedNumbers(format_percent(value), 100 * value)


def format_interval_cell(interval: "Proportion | tuple[float, float] | None") -> PrintedNumbers | None:
    """Format the confidence interval of a share as a table cell, in percent."""
    bounds = interval if interval is None or isinstance(interval, tuple) else interval.interval
    return (
        None if bounds is None else PrintedNumbers(format_percent_interval(bounds), *(100 * bound for bound in bounds))
    )


def reject_repeated_files(files: Iterable[str | Path]) -> None:
    """Raise a usage error if a name is repeated, or if two paths lead to the same file."""
    earlier_files: dict[str, str | Path] = {}
    for file in files:
        name = os.path.realpath(file) if isinstance(file, Path) and exists(file) else str(file)
        if name in earlier_files:
            is_repeated = file == earlier_files[name]
            text = f"{file} is given twice." if is_repeated else f"{earlier_files[name]} and {file} are the same file."
            raise click.UsageError(text)
        earlier_files[name] = file
