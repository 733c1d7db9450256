"""`reassess status`: show the state of a benchmark or campaign, and what is next."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.call import Call, add_call_options, find_unused_path
from reassess.cli.campaign_inputs import CAMPAIGN_TYPE
from reassess.cli.help_pages import Command
from reassess.cli.screen import format_message, print_text
from reassess.core import IMAGENET

if TYPE_CHECKING:
    from reassess.annotation import Progress


@click.command(cls=Command, docs="docs/own-images.md", examples=["reassess status pets", "reassess status pets.db"])
@click.argument("place", metavar="[NAME|FOLDER|CAMPAIGN]", envvar="REASSESS_BENCHMARK", default=IMAGENET.name)
@add_call_options
def status(call: Call, place: str) -> int:
    """Show the state of a benchmark or campaign, and what is next.

    For a benchmark, each part is read without using the network. Shown are its contents, what it was made from, whether
    it is stale, and names that do not fit the other parts. The exit code is 1 if a part cannot be read. For a campaign,
    a file or address, progress and rater accuracy on golden questions are shown.
    """
    if "://" in place or Path(place).is_file():
        _show_campaign(call, CAMPAIGN_TYPE.convert(place, None, None))
        return 0
    return _show_benchmark(call, place)


def _show_benchmark(call: Call, place: str) -> int:
    from reassess.cli.tables.status_table import print_status, to_json
    from reassess.data import check_benchmark

    result = check_benchmark(place)
    call.next_command = result.next_command
    if call.json:
        for part in result.parts:
            for path in part.paths:
                if part.part != "images" and path.is_file():
                    call.add_input(part.part, path)
        call.print_json("status", to_json(result))
    else:
        print_status(result)
    errors = dict.fromkeys(map(format_message, result.errors))
    for error in errors:
        print_text(f"Error: {error}", err=True)
    return 1 if errors else 0


def _show_campaign(call: Call, campaign: str | Path) -> None:
    from reassess.cli.tables.status_table import print_progress, warn_if_practice_is_easy

    with annotation.use_campaign(campaign) as opened:
        progress = annotation.measure_progress(opened, time.time())
    command, *arguments = _next_annotate_arguments(progress)
    call.suggest_command("annotate", command, annotation.hide_password(campaign), *arguments)
    if call.json:
        call.print_json("status", progress.to_json())
    else:
        print_progress(call, progress)
    has_begun = any(is_alone.role == "rater" and is_alone.last_answer_time is not None for is_alone in progress.people)
    warn_if_practice_is_easy(progress.practice_round, has_begun=has_begun)


def _next_annotate_arguments(progress: "Progress") -> list[str]:
    """Return the next `annotate` command, and its arguments after the campaign."""
    roles_with_link = {rater.role for rater in progress.people if rater.has_link}
    if progress.n_golden_unknown and "expert" not in roles_with_link:
        return ["invite", "NAME:expert..."]
    if progress.n_questions_without_rater or (progress.n_open_questions and "rater" not in roles_with_link):
        return ["invite", "NAME..."]
    return ["serve"] if progress.n_open_questions else ["export", "-o", str(find_unused_path("rated"))]
