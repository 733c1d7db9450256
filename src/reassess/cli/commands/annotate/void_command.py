"""`reassess annotate void`: count the votes of a rater no more."""

import time
from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command

__all__ = ["exclude"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate void pets.db bob", "reassess annotate void pets.db bob --quiet"],
)
@campaign_argument
@click.argument("name")
@call_options
def void(call: Call, campaign: str | Path, name: str) -> None:
    """Count the votes of a rater no more.

    What they said is kept, and counts again after reassess annotate restore. Questions that lack their votes open again
    for others.
    """
    with annotation.using_campaign(campaign) as opened:
        changed = annotation.exclude_rater(opened, annotation.find_person(opened, name).id, time.time())
    if call.json:
        call.print_document("annotate", {"name": name, "excluded": True, "changed": changed})
        return
    if changed:
        call.tell(f"{name}: their votes do not count, and the questions are open again")
    else:
        call.tell(f"{name}: excluded before; nothing is changed")
