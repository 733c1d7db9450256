"""`reassess annotate`: a campaign, in which people answer questions, from its making to its votes.

A command lives in a module of its own, which is imported when the command runs and not before.
"""

import click

from reassess.cli.help_pages import LazyGroup, commands_of

__all__ = ["annotate"]


@click.group(
    cls=LazyGroup,
    package="reassess.cli.commands.annotate",
    sections={"Commands": commands_of("annotate")},
    docs="docs/annotate.md",
    examples=[
        "reassess annotate create pets.db --benchmark pets --tasks tasks.jsonl",
        "reassess annotate export pets.db -o rated",
    ],
)
def annotate() -> None:
    """Let people answer questions: make a campaign, invite people, and export what they say.

    A campaign is kept in an SQLite file, or on a server: postgresql://USER@HOST/DATABASE.
    """
