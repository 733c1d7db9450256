"""`reassess annotate upgrade`: a campaign of an earlier version gets the form of this one."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command

__all__ = ["upgrade"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate upgrade pets.db", "reassess annotate upgrade pets.db --json"],
)
@campaign_argument
@call_options
def upgrade(call: Call, campaign: str | Path) -> None:
    """Upgrade a campaign from an earlier version.

    Stop the server first. A copy of an SQLite file as it was is kept beside it; of a campaign on a server, make one
    with pg_dump. If anything fails, the campaign is as it was.
    """
    done = annotation.upgrade_campaign(campaign, force=call.force)
    if call.json:
        results = {"before": done.before, "after": done.after, "backup": done.backup and str(done.backup)}
        call.print_document("annotate", results)
        return
    place = annotation.shown_address(campaign)
    if done.before == done.after:
        call.tell(f"{place}: has the form of this version, {done.after}; nothing is to be done")
        return
    call.tell(f"{place}: from the form {done.before} to {done.after}")
    if done.backup is not None:
        call.tell(f"as it was: {done.backup}")
