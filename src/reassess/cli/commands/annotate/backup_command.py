"""`reassess annotate backup`: copy and upgrade a campaign."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_inputs import campaign_argument
from reassess.cli.command_run import CommandRun, add_common_options
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
    "upgrades_campaign",
    is_flag=True,
    help="After the copy, upgrade the campaign to this version of reassess. Stop the campaign's server first.",
)
@add_common_options
def backup(run: CommandRun, campaign: str | Path, output: Path | None, upgrades_campaign: bool) -> None:
    """Copy a campaign while it is served.

    Raters can continue, and the copy contains all answers saved so far. Do not copy the SQLite file yourself: its
    newest answers are in a second file. The copy of a campaign on a server is an SQLite file too. --force replaces an
    earlier copy, but only if the new copy contains all its answers.

    --upgrade upgrades the campaign after the copy. If the upgrade fails, the campaign does not change. To upgrade a
    campaign on a server, first copy it with pg_dump, then use --upgrade without -o.
    """
    if output is None and (isinstance(campaign, Path) or not upgrades_campaign):
        raise click.UsageError("Missing option '-o' / '--output'.")
    if output is not None:
        check_output(output, force=run.force)
    versions: dict[str, str] = {}
    if upgrades_campaign:
        versions["before"], versions["after"] = annotation.upgrade_campaign(campaign, output, force=run.force)
    elif output is not None:
        annotation.backup_campaign(campaign, output, force=run.force)
    campaign_name = annotation.hide_password(campaign)
    if versions:
        run.suggest_command("annotate", "serve", campaign_name)
    if run.json:
        results = {"output": output and str(output), "bytes": output and output.stat().st_size}
        run.print_json("annotate", results | versions)
        return
    if output is not None:
        run.print_line(f"{output}: {format_bytes(output.stat().st_size)}")
    if versions and versions["before"] == versions["after"]:
        run.print_line(f"{campaign_name}: already up to date (schema version {versions['after']})")
    elif versions:
        run.print_line(f"{campaign_name}: upgraded from schema version {versions['before']} to {versions['after']}")
