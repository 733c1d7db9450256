"""Help pages of commands: options in sections, then examples and the docs page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any

import click

_OPTIONS_SECTION = "Options"
_BENCHMARK_SECTION = "Benchmark"
_READING_SECTION = "Reading files"
_GENERAL_SECTION = "General options"

SectionLines = Mapping[str, Mapping[str, str]]  # section, then name and description


COMMANDS: SectionLines = {
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
    "Ask people and models": {
        "propose": "Choose candidate classes to ask about.",
        "sample": "Draw images to ask about, so that few answers measure models well.",
        "tasks": "Group candidates into tasks, and estimate the work.",
        "rate": "Let a model answer tasks.",
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
        "release": "Package a benchmark for publication.",
        "fetch": "Download known data; without a name, list it.",
    },
}
COMMON_OPTIONS: Mapping[str, str] = {
    "json": "Print JSON.",
    "quiet": "Print only the result.",
    "verbose": "Print every note and row.",
    "force": "Replace existing output files.",
}
ENVIRONMENT_VARIABLES: Mapping[str, str] = {
    "REASSESS_BENCHMARK": "Sets --benchmark.",
    "REASSESS_OFFLINE": "1: never use the network.",
    "REASSESS_MAX_BYTES": "Largest archive, unpacked.  [8 GiB]",
    "REASSESS_DATA": "Folders with known data.",
    "REASSESS_CACHE": "Folder of downloads.",
}


def list_group_commands(group: str) -> dict[str, str]:
    """Return the commands of a group, with the description of each command."""
    lines = (line for section in COMMANDS.values() for line in section.items())
    return {name.removeprefix(f"{group} "): line for name, line in lines if name.startswith(f"{group} ")}


class Option(click.Option):
    """An option in a section of the help. Plain click options are in the section Options."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


benchmark_section_option = partial(click.option, cls=Option, section=_BENCHMARK_SECTION)
reading_section_option = partial(click.option, cls=Option, section=_READING_SECTION)
general_section_option = partial(click.option, cls=Option, section=_GENERAL_SECTION)


class _CommandWithExamples(click.Command):
    """A command whose help ends with examples and the docs page."""

    def __init__(self, *arguments: Any, examples: Sequence[str], docs: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples, self.docs = examples, docs

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the docs page."""
        for section, lines in {"Examples": self.examples, "Docs": [self.docs]}.items():
            with formatter.section(section):
                for line in lines:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class Group(_CommandWithExamples, click.Group):
    """A group of commands."""


class LazyGroup(Group):
    """A group that lists its commands in sections, and imports a command when it is run.

    The command NAME is in the module NAME_command of `package`. In `sections`, a name with two words is a command of a
    subgroup. The help lists `notes` after the commands.
    """

    def __init__(
        self, *arguments: Any, package: str, sections: SectionLines, notes: SectionLines | None = None, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.package, self.sections, self.notes = package, sections, notes or {}
        self.names = tuple(dict.fromkeys(name.split()[0] for lines in sections.values() for name in lines))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name; None if there is no such command."""
        if cmd_name not in self.names:
            return None
        command: click.Command = getattr(import_module(f"{self.package}.{cmd_name}_command"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command. For an unknown name, the error suggests a similar name or top-level command."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            name = error.command_name
            is_top_level_command = ctx.parent is not None and any(name in lines for lines in COMMANDS.values())
            message = f"No such command {name!r}. Did you mean 'reassess {name}'?" if is_top_level_command else None
            possibilities = () if is_top_level_command else self.names
            raise click.NoSuchCommand(name, message, possibilities, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of commands, then the notes."""
        width = max(map(len, chain(*self.sections.values(), *self.notes.values())))
        for section, lines in {**self.sections, **self.notes}.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:{width}}", line) for name, line in lines.items()])


class Command(_CommandWithExamples):
    """A command with options in sections. A command without output does not have --force."""

    def __init__(self, *arguments: Any, params: Sequence[click.Parameter] = (), **settings: Any) -> None:
        writes_output = any(getattr(param.type, "is_output", False) for param in params)
        used_params = [
            param for param in params if writes_output or param.name != "force" or not isinstance(param, Option)
        ]
        super().__init__(*arguments, params=used_params, **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. An option for one input file is an error if it is given twice."""
        _, _, parameters = self.make_parser(ctx).parse_args(list(args))
        for parameter, n in Counter(parameters).items():
            is_input = isinstance(parameter.type, click.Path) and not getattr(parameter.type, "is_output", False)
            if n > 1 and is_input and isinstance(parameter, click.Option) and not parameter.multiple:
                raise click.UsageError(f"{parameter.opts[-1]} is given more than once, but takes one file.", ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of options."""
        rows: dict[str, list[tuple[str, str]]] = {
            _OPTIONS_SECTION: [],
            _BENCHMARK_SECTION: [],
            _READING_SECTION: [],
            _GENERAL_SECTION: [],
        }
        help_option = self.get_help_option(ctx)
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = (
                    _GENERAL_SECTION if parameter is help_option else getattr(parameter, "section", _OPTIONS_SECTION)
                )
                rows[section].append(record)
        for section, records in rows.items():
            if records and section != _GENERAL_SECTION:
                with formatter.section(section):
                    formatter.write_dl(records)
        formatter.write(f"\nGeneral options: see {ctx.find_root().command_path} -h\n")


class Choice(click.Choice[str]):
    """A choice of values. The error for an unknown value suggests a similar value."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the error message with a suggestion."""
        from difflib import get_close_matches

        close = get_close_matches(value, self.choices, n=1)
        return super().get_invalid_choice_message(value, ctx) + (f" Did you mean {close[0]!r}?" if close else "")
