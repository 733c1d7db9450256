"""`reassess status`: the state of a benchmark, and what is next."""

import click

from reassess.cli.common import Call, call_options
from reassess.cli.fixes import error_in_options
from reassess.cli.help_pages import Command
from reassess.cli.screen import say
from reassess.core.benchmark import IMAGENET

__all__ = ["status"]


@click.command(cls=Command, docs="docs/data.md", examples=["reassess status", "reassess status pets"])
@click.argument("place", metavar="[NAME|FOLDER]", envvar="REASSESS_BENCHMARK", default=IMAGENET.name)
@call_options
def status(call: Call, place: str) -> int:
    """Show the state of a benchmark, and what is next.

    Each part is read: what it contains, how it was made, and which names do not fit the other parts. The exit code is 1
    if a part cannot be read. The network is not used.
    """
    from reassess.cli.tables.status_table import print_status, to_json
    from reassess.data.benchmark_status import check_benchmark

    result = check_benchmark(place)
    if call.json:
        for one in result.parts:
            for path in one.paths:
                if one.part != "images" and path.is_file():
                    call.read(one.part, path)
        call.print_document("status", to_json(result))
    else:
        print_status(result)
    errors = dict.fromkeys(map(error_in_options, result.errors))
    for error in errors:
        say(f"Error: {error}", err=True)
    return 1 if errors else 0
