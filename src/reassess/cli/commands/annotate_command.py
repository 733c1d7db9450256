"""`reassess annotate`: a campaign, in which people answer questions, from its making to its votes.

A command lives in a module of its own, which is imported when the command runs and not before.
"""

import click

from reassess.cli.help_pages import LazyGroup

__all__ = ["COMMANDS", "annotate"]

COMMANDS = {
    "create": "Make a campaign of tasks.",
    "invite": "Add people, and print the link by which each enters.",
    "serve": "Serve the pages in which people answer.",
    "status": "Say how far a campaign is, and how each rater does.",
    "exclude": "Count the votes of a rater no more.",
    "include": "Count the votes of a rater again.",
    "export": "Write the votes as a benchmark's folder.",
    "backup": "Copy a campaign while it is served.",
    "simulate": "Let programs answer, to try a campaign before people do.",
    "demo": "Open a small campaign of drawn shapes.",
    "upgrade": "Bring a campaign of an earlier version to the form of this one.",
}


@click.group(
    cls=LazyGroup,
    package="reassess.cli.commands.annotate",
    lines=COMMANDS,
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
