"""`reassess annotate status`: how far a campaign is, and how each rater does."""

import time
from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.tables.campaign_table import print_progress

__all__ = ["status"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate status pets.db", "reassess annotate status pets.db --json"],
)
@campaign_argument
@call_options
def status(call: Call, campaign: str | Path) -> None:
    """Show progress and rater accuracy.

    The raters are measured on golden questions, and flagged as by reassess raters; but who has answered few of them is
    not called uninformative yet.
    """
    with annotation.using_campaign(campaign) as opened:
        progress = annotation.progress_of(opened, time.time())
    if call.json:
        call.print_document("annotate", progress.to_json())
        return
    print_progress(call, progress)
