"""`reassess status`: the state of a benchmark or campaign, and what is next."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.call import Call, call_options, free_name
from reassess.cli.campaign_inputs import PLACE
from reassess.cli.help_pages import Command
from reassess.cli.screen import in_options, say
from reassess.core import IMAGENET

if TYPE_CHECKING:
    from reassess.annotation import Progress


@click.command(cls=Command, docs="docs/own-images.md", examples=["reassess status pets", "reassess status pets.db"])
@click.argument("place", metavar="[NAME|FOLDER|CAMPAIGN]", envvar="REASSESS_BENCHMARK", default=IMAGENET.name)
@call_options
def status(call: Call, place: str) -> int:
    """Show the state of a benchmark or campaign, and what is next.

    Of a benchmark, each part is read: what it contains, what it was made from, whether it is stale, and which names do
    not fit the other parts. The exit code is 1 if a part cannot be read. The network is not used. Of a campaign, its
    file or address, raters are measured on golden questions.
    """
    if "://" in place or Path(place).is_file():
        _show_campaign(call, PLACE.convert(place, None, None))
        return 0
    return _show_benchmark(call, place)


def _show_benchmark(call: Call, place: str) -> int:
    from reassess.cli.tables.status_table import print_status, to_json
    from reassess.data import check_benchmark

    result = check_benchmark(place)
    call.following = result.next_command
    if call.json:
        for one in result.parts:
            for path in one.paths:
                if one.part != "images" and path.is_file():
                    call.read(one.part, path)
        call.print_document("status", to_json(result))
    else:
        print_status(result)
    errors = dict.fromkeys(map(in_options, result.errors))
    for error in errors:
        say(f"Error: {error}", err=True)
    return 1 if errors else 0


def _show_campaign(call: Call, campaign: str | Path) -> None:
    from reassess.cli.tables.status_table import print_progress, warn_of_easy_practice

    with annotation.using_campaign(campaign) as opened:
        progress = annotation.progress_of(opened, time.time())
    command, *rest = _next_of(progress)
    call.next("annotate", command, annotation.shown_address(campaign), *rest)
    if call.json:
        call.print_document("status", progress.to_json())
    else:
        print_progress(call, progress)
    has_begun = any(one.role == "rater" and one.last is not None for one in progress.raters)
    warn_of_easy_practice(progress.practice, has_begun=has_begun)


def _next_of(progress: "Progress") -> list[str]:
    """The next command of `annotate`, and what follows the campaign."""
    linked = {one.role for one in progress.raters if one.linked}
    if progress.golden_unknown and "expert" not in linked:
        return ["invite", "NAME:expert..."]
    if progress.waiting or (progress.open and "rater" not in linked):
        return ["invite", "NAME..."]
    return ["serve"] if progress.open else ["export", "-o", str(free_name("rated"))]
