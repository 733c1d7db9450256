"""`reassess annotate`: the commands for campaigns, where people answer questions."""

import click

from reassess.cli.help_pages import LazyGroup, list_group_commands


@click.group(
    cls=LazyGroup,
    package="reassess.cli.commands.annotate",
    sections={"Commands": list_group_commands("annotate")},
    docs="docs/annotate.md",
    examples=[
        "reassess annotate create pets.db tasks.jsonl --benchmark pets",
        "reassess annotate export pets.db -o rated",
    ],
)
def annotate() -> None:
    """Ask people: create a campaign, invite people, and export their votes.

    A campaign is an SQLite file, or a database on a server: postgresql://USER@HOST/DATABASE.
    """
