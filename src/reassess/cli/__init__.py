"""The command line: `main(argv)` runs a command, and returns its exit code.

Exit codes are 0 (ok), 1 (data error) and 2 (usage error). Each command has its own module, which is imported only
when the command runs.
"""

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TextIO

import click

from reassess import __version__
from reassess.cli.help_pages import COMMANDS, COMMON_OPTIONS, ENVIRONMENT_VARIABLES, LazyGroup
from reassess.cli.screen import format_message, print_text
from reassess.errors import DataError, OutputError, ReassessError, ReassessWarning


@click.group(
    cls=LazyGroup,
    package="reassess.cli.commands",
    sections=COMMANDS,
    notes={
        "Common options": {**{f"--{name}": line for name, line in COMMON_OPTIONS.items()}, "-h, --help": "Show help."},
        "Environment": ENVIRONMENT_VARIABLES,
    },
    docs="README.md",
    examples=["reassess fetch imagenet-real imagenet-original", "reassess evaluate a.npz b.npz"],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", package_name="reassess")
def root_command() -> None:
    """Find wrong labels in an image benchmark, and measure models by better labels."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, set())
        warnings.simplefilter("always", ReassessWarning)
        try:
            if sys.stdout is None:  # closed by the parent process
                raise OutputError(
                    "closed-output", "standard output is closed", fix="keep it open, or redirect it to /dev/null"
                )
            arguments = list(sys.argv[1:] if argv is None else argv)
            result = root_command.main(args=arguments, prog_name="reassess", standalone_mode=False, obj=arguments)
        except click.Abort as stop:
            click.echo("Stopped.", err=True)
            _print_error_notes(stop.__cause__)
            return 130
        except click.exceptions.NoArgsIsHelpError as error:
            print_text(error.format_message(), err=True)
            return error.exit_code
        except click.ClickException as error:
            if isinstance(error, click.UsageError) and error.ctx is not None:
                print_text(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
            print_text(f"Error: {error.format_message()}", err=True)
            return error.exit_code
        except (ReassessError, MemoryError, OSError) as error:
            print_text(f"Error: {format_message(_to_reassess_error(error))}", err=True)
            _print_error_notes(error)
            return 1
    return result if isinstance(result, int) else 0


def _to_reassess_error(error: ReassessError | MemoryError | OSError) -> ReassessError:
    """Convert an error of Python to an error of this package."""
    if isinstance(error, ReassessError):
        return error
    if isinstance(error, MemoryError):
        fix = "use a computer with more memory, or less data at a time"
        return DataError("out-of-memory", "not enough memory", fix=fix)
    # Standard output was closed, or a file disappeared while it was read.
    problem = "file cannot be accessed" if error.filename else "output cannot be written"
    where, reason = error.filename or "standard output", error.strerror or error
    return OutputError("file-error", problem, where=where, found=reason)


def _print_error_notes(error: BaseException | None) -> None:
    """Print the notes of an error, such as the place of partial results."""
    for note in getattr(error, "__notes__", ()):
        print_text(note, err=True)


def _show_warning(
    printed_texts: set[str],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning, but print equal warnings of this package only once."""
    if isinstance(message, ReassessWarning):
        text = format_message(message)
        if text not in printed_texts:
            print_text(f"Warning: {text}", err=True)
            printed_texts.add(text)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        click.echo(text, err=True, nl=False)
