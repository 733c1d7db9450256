"""The form of a command's help: its options in sections, then examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any

import click

_OWN = "Options"
_BENCHMARK = "Benchmark"
_READING = "Reading files"
_GENERAL = "General options"

Lines = Mapping[str, Mapping[str, str]]  # section, name, and its line


COMMANDS: Lines = {
    "Measure models": {
        "evaluate": "Measure models by reassessed and by original labels.",
        "compare": "Test whether models differ on the same images.",
        "leaderboard": "Relate reassessed to original accuracy over many models.",
        "report": "Write an HTML report, or one chart of it.",
        "show": "Show everything known about one image.",
        "predict": "Run models on images.",
    },
    "Make labels": {
        "aggregate": "Compute scores from votes.",
        "labels": "Make label sets from scores, or compare label sets.",
        "curve": "Measure precision and recall, and choose a threshold.",
        "raters": "Measure the accuracy of raters.",
    },
    "Ask people": {
        "propose": "Choose candidate classes to ask about.",
        "tasks": "Group candidates into tasks, and estimate the work.",
        "annotate create": "Create a campaign, where people answer tasks.",
        "annotate invite": "Add people, and print a sign-in link for each.",
        "annotate serve": "Serve the rating pages.",
        "annotate exclude": "Exclude a rater's votes, or include them again.",
        "annotate export": "Write the votes as a benchmark folder.",
        "annotate backup": "Copy a campaign while it is served.",
        "annotate simulate": "Estimate votes, hours and label accuracy.",
        "annotate demo": "Try a small campaign with drawn shapes.",
    },
    "Clean training data": {
        "scan": "Find duplicate, unreadable, empty and tiny images.",
        "folds": "Split images into stratified folds.",
        "clean": "Find wrong labels from held-out predictions.",
    },
    "Data": {
        "status": "Show the state of a benchmark or campaign, and what is next.",
        "fetch": "Download known data; without a name, list it.",
    },
}
OPTIONS: Mapping[str, str] = {
    "json": "Print JSON.",
    "quiet": "Print only the result.",
    "verbose": "Print every note and row.",
    "force": "Replace existing output.",
}
ENVIRONMENT: Mapping[str, str] = {
    "REASSESS_BENCHMARK": "Sets --benchmark.",
    "REASSESS_OFFLINE": "1: never use the network.",
    "REASSESS_MAX_BYTES": "Largest archive, unpacked.  [8 GiB]",
    "REASSESS_DATA": "Folders with known data.",
    "REASSESS_CACHE": "Folder of downloads.",
}


def commands_of(group: str) -> dict[str, str]:
    """The commands of a group, and the line of each."""
    lines = (line for section in COMMANDS.values() for line in section.items())
    return {name.removeprefix(f"{group} "): line for name, line in lines if name.startswith(f"{group} ")}


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
    """A group that has the help of its commands in sections, and imports a command only to run it.

    The command NAME is in the module NAME_command of `package`. In `sections`, a name of two words is a command of a
    group; `notes` are terms and their meaning, after the commands.
    """

    def __init__(
        self, *arguments: Any, package: str, sections: Lines, notes: Lines | None = None, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.package, self.sections, self.notes = package, sections, notes or {}
        self.names = tuple(dict.fromkeys(name.split()[0] for lines in sections.values() for name in lines))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in their order."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None if there is none."""
        if cmd_name not in self.names:
            return None
        command: click.Command = getattr(import_module(f"{self.package}.{cmd_name}_command"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was called; an error that names a similar one, or the command without this group."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            name = error.command_name
            outside = ctx.parent is not None and any(name in lines for lines in COMMANDS.values())
            message = f"No such command {name!r}. Did you mean 'reassess {name}'?" if outside else None
            possibilities = () if outside else self.names
            raise click.NoSuchCommand(name, message, possibilities, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command, section by section, and the notes."""
        width = max(map(len, chain(*self.sections.values(), *self.notes.values())))
        for section, lines in {**self.sections, **self.notes}.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:{width}}", line) for name, line in lines.items()])


class Command(_Taught):
    """A command whose help has its options in sections; only one that writes an output takes --force."""

    def __init__(self, *arguments: Any, params: Sequence[click.Parameter] = (), **settings: Any) -> None:
        writes = any(getattr(param.type, "is_output", False) for param in params)
        kept = [param for param in params if writes or param.name != "force" or not isinstance(param, Option)]
        super().__init__(*arguments, params=kept, **settings)

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
            if records and section != _GENERAL:
                with formatter.section(section):
                    formatter.write_dl(records)
        formatter.write(f"\nGeneral options: see {ctx.find_root().command_path} -h\n")


class Choice(click.Choice[str]):
    """One of some names; a mistyped one gets a suggestion."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The names there are, and the one that is nearest."""
        from difflib import get_close_matches

        close = get_close_matches(value, self.choices, n=1)
        return super().get_invalid_choice_message(value, ctx) + (f" Did you mean {close[0]!r}?" if close else "")
