"""Write docs/cli.md from the commands themselves; with --check, fail if it is not up to date."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from reassess.cli import root_command

TARGET = Path(__file__).parent / "cli.md"
WIDTH = 100


def sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """The help of a command and of every command below it."""
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from sections(found, context, below)


def reference() -> str:
    """The whole page."""
    head = "# Command line\n\nMade from the commands' own help by `python docs/cli_reference.py`.\n"
    return "\n".join([head, *sections(root_command, None, "reassess")])


def main() -> int:
    """Write the page, or check it."""
    if "--check" not in sys.argv:
        TARGET.write_text(reference(), encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != reference():
        print("docs/cli.md is not up to date: run python docs/cli_reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
