"""`reassess annotate backup`: copy and upgrade a campaign."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.call import Call, add_call_options
from reassess.cli.campaign_inputs import campaign_argument
from reassess.cli.help_pages import Command
from reassess.cli.options import output_option
from reassess.formats.files import check_output
from reassess.text import format_bytes


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate backup pets.db -o monday.db",
        "reassess annotate backup pets.db -o before.db --upgrade",
    ],
)
@campaign_argument
@output_option("FILE", "The copy, an SQLite campaign.", required=False)
@click.option(
    "--upgrade",
    is_flag=True,
    help="Make the copy, then upgrade a campaign that an earlier version of reassess created. Stop its server first.",
)
@add_call_options
def backup(call: Call, campaign: str | Path, output: Path | None, upgrade: bool) -> None:
    """Copy a campaign while it is served.

    Raters can continue, and the copy contains all answers saved so far. Do not copy the SQLite file yourself: its
    newest answers are in a second file. A campaign on a server is copied to an SQLite file too. If an upgrade fails,
    the campaign does not change. To upgrade a campaign on a server, make a copy with pg_dump and omit -o. With --force,
    an earlier copy is replaced, but never a campaign with answers that the new copy does not contain.
    """
    if output is None and (isinstance(campaign, Path) or not upgrade):
        raise click.UsageError("Missing option '-o' / '--output'.")
    if output is not None:
        check_output(output, force=call.force)
    versions: dict[str, str] = {}
    if upgrade:
        versions["before"], versions["after"] = annotation.upgrade_campaign(campaign, output, force=call.force)
    elif output is not None:
        annotation.backup_campaign(campaign, output, force=call.force)
    place = annotation.hide_password(campaign)
    if versions:
        call.suggest_command("annotate", "serve", place)
    if call.json:
        results = {"output": output and str(output), "bytes": output and output.stat().st_size}
        call.print_json("annotate", results | versions)
        return
    if output is not None:
        call.print_line(f"{output}: {format_bytes(output.stat().st_size)}")
    if versions and versions["before"] == versions["after"]:
        call.print_line(f"{place}: already up to date (schema version {versions['after']})")
    elif versions:
        call.print_line(f"{place}: upgraded from schema version {versions['before']} to {versions['after']}")
