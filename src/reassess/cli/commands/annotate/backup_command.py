"""`reassess annotate backup`: a copy of a campaign."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.inputs import OUTPUT
from reassess.formats.files import check_output
from reassess.text import in_bytes

__all__ = ["backup"]


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate backup pets.db -o monday.db",
        "reassess annotate backup pets.db -o newest.db --force",
    ],
)
@campaign_argument
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE", help="The copy, which is a campaign too.")
@call_options
def backup(call: Call, campaign: str | Path, output: Path) -> None:
    """Copy a campaign while it is served.

    Nobody has to wait meanwhile, and no answer that was acknowledged before is left out. Copy an SQLite file in no
    other way: newer answers are in a file beside it. The copy of a campaign on a server is an SQLite file too; what
    the server can take back, pg_dump makes. With --force an earlier copy is overwritten, but no campaign in which
    people gave answers that the copy lacks.
    """
    check_output(output, force=call.force)
    annotation.backup_campaign(campaign, output, force=call.force)
    size = output.stat().st_size
    if call.json:
        call.print_document("annotate", {"output": str(output), "bytes": size})
        return
    call.tell(f"{output}: {in_bytes(size)}")
