"""`reassess annotate exclude`: exclude a rater's votes, or include them again."""

import time
from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_inputs import campaign_argument
from reassess.cli.command_run import CommandRun, add_common_options, reject_repeated_files
from reassess.cli.help_pages import Command


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=["reassess annotate exclude pets.db bob", "reassess annotate exclude pets.db bob --undo"],
)
@campaign_argument
@click.argument("rater_names", nargs=-1, required=True, metavar="NAME...")
@click.option("--undo", is_flag=True, help="Include the raters again.")
@add_common_options
def exclude(run: CommandRun, campaign: str | Path, rater_names: tuple[str, ...], undo: bool) -> None:
    """Exclude a rater's votes, or include them again.

    The answers stay stored but do not count, and other raters are asked the questions. With --undo, the votes count as
    if the rater had never been excluded: for each question, the earliest votes count, up to the number that it needs.
    """
    reject_repeated_files(rater_names)
    change = annotation.include_rater if undo else annotation.exclude_rater
    with annotation.use_campaign(campaign) as opened:
        people = [annotation.find_person(opened, name) for name in rater_names]
        changed = {person.name: change(opened, person.id, time.time()) for person in people}
    if run.json:
        results = [{"name": name, "excluded": not undo, "changed": is_changed} for name, is_changed in changed.items()]
        run.print_json("annotate", results)
        return
    changed_text = "included again" if undo else "excluded; their questions are open again"
    unchanged_text = "not excluded, so nothing changed" if undo else "already excluded, so nothing changed"
    for name, is_changed in changed.items():
        run.print_line(f"{name}: {changed_text if is_changed else unchanged_text}")
