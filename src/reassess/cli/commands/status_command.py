"""`reassess status`: the state of a benchmark or campaign, and the next step."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_options import PLACE
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.tables.campaign_table import print_progress

if TYPE_CHECKING:
    from reassess.annotation import Progress

__all__ = ["status"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess status pets.db", "reassess status pets.db --json"],
)
@click.argument("place", type=PLACE)
@call_options
def status(call: Call, place: str | Path) -> None:
    """Show the state of a campaign, and what is next.

    PLACE is the file or address of a campaign. Its raters are measured on golden questions.
    """
    _show_campaign(call, place)


def _show_campaign(call: Call, campaign: str | Path) -> None:
    with annotation.using_campaign(campaign) as opened:
        progress = annotation.progress_of(opened, time.time())
    call.next(f"reassess annotate {_next_of(progress)}".format(shlex.quote(annotation.shown_address(campaign))))
    if call.json:
        call.print_document("status", progress.to_json())
    else:
        print_progress(call, progress)


def _next_of(progress: "Progress") -> str:
    """The next command of `annotate`, with braces in place of the campaign."""
    if not any(one.linked and one.role == "rater" for one in progress.raters) or progress.waiting:
        return "invite {} NAME..."
    return "serve {}" if progress.open else "export {} -o FOLDER"
