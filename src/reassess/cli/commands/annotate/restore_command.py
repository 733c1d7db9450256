"""`reassess annotate restore`: count the votes of a rater again."""

import time
from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command

__all__ = ["include"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate restore pets.db bob", "reassess annotate restore pets.db bob --quiet"],
)
@campaign_argument
@click.argument("name")
@call_options
def restore(call: Call, campaign: str | Path, name: str) -> None:
    """Count the votes of a rater again.

    They count as if they had never been excluded: of each question those that came first, until it has enough.
    """
    with annotation.using_campaign(campaign) as opened:
        changed = annotation.include_rater(opened, annotation.find_person(opened, name).id, time.time())
    if call.json:
        call.print_document("annotate", {"name": name, "excluded": False, "changed": changed})
        return
    if changed:
        call.tell(f"{name}: their votes count again")
    else:
        call.tell(f"{name}: not excluded; nothing is changed")
