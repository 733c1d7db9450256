"""The form of a command's help: its options in sections, then examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import click

__all__ = ["Choice", "Command", "Group", "LazyGroup", "Option", "in_benchmark", "in_general", "in_reading"]

_OWN = "Options"
_BENCHMARK = "The benchmark and its parts"
_READING = "How files are read"
_GENERAL = "General"


class Option(click.Option):
    """An option in a section of the help; an option of click's own stands among those of the command alone."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


in_benchmark = partial(click.option, cls=Option, section=_BENCHMARK)
in_reading = partial(click.option, cls=Option, section=_READING)
in_general = partial(click.option, cls=Option, section=_GENERAL)


class _Taught(click.Command):
    """A command whose help ends with examples that run as they stand, and the page of the docs."""

    def __init__(self, *arguments: Any, examples: Sequence[str], docs: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples, self.docs = examples, docs

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, a line each, and the page, then what click has to say."""
        for section, lines in {"Examples": self.examples, "Docs": [self.docs]}.items():
            with formatter.section(section):
                for line in lines:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class Group(_Taught, click.Group):
    """A group of commands."""


class LazyGroup(Group):
    """A group that knows its commands' one-line help, and imports a command only to run it.

    Parameters
    ----------
    package
        The package that holds a module for each command, called as the command is.
    lines
        The one-line help of each command, by name.
    """

    def __init__(self, *arguments: Any, package: str, lines: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.package, self.lines = package, lines

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in their order."""
        return list(self.lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None if there is none."""
        if cmd_name not in self.lines:
            return None
        command: click.Command = getattr(import_module(f"{self.package}.{cmd_name}_command"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was called; an error that names one called much the same."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.lines, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lines.items()))


class Command(_Taught):
    """A command whose help has its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        rows: dict[str, list[tuple[str, str]]] = {_OWN: [], _BENCHMARK: [], _READING: [], _GENERAL: []}
        help_option = self.get_help_option(ctx)
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = _GENERAL if parameter is help_option else getattr(parameter, "section", _OWN)
                rows[section].append(record)
        for section, records in rows.items():
            if records:
                with formatter.section(section):
                    formatter.write_dl(records)


class Choice(click.Choice[str]):
    """One of some names; a mistyped one gets a suggestion."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The names there are, and the one that is nearest."""
        from difflib import get_close_matches

        close = get_close_matches(value, self.choices, n=1)
        return super().get_invalid_choice_message(value, ctx) + (f" Did you mean {close[0]!r}?" if close else "")
