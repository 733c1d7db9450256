"""`reassess annotate`: campaigns, where people answer questions.

A command lives in a module of its own, which is imported when the command runs and not before.
"""

import click

from reassess.cli.help_pages import LazyGroup

__all__ = ["COMMANDS", "annotate"]

COMMANDS = {
    "create": "Create a campaign, where people answer tasks.",
    "invite": "Add people, and print a sign-in link for each.",
    "serve": "Serve the rating pages.",
    "exclude": "Exclude a rater's votes, or include them again.",
    "export": "Write the votes as a benchmark folder.",
    "backup": "Copy a campaign while it is served.",
    "simulate": "Estimate votes, hours and label accuracy.",
    "demo": "Try a small campaign with drawn shapes.",
}


@click.group(
    cls=LazyGroup,
    package="reassess.cli.commands.annotate",
    lines=COMMANDS,
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
