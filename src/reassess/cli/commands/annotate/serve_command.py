"""`reassess annotate serve`: serve the pages of a campaign, for raters, experts and owners."""

from pathlib import Path
from typing import NamedTuple

import click

from reassess import annotation
from reassess.cli.campaign_inputs import DEFAULT_ADDRESS, campaign_argument, open_campaign_images
from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, add_common_options, find_unused_path
from reassess.cli.help_pages import Command
from reassess.cli.options import ParsedType
from reassess.cli.packages import check_packages
from reassess.errors import DataError


class _ServerAddress(NamedTuple):
    """The address of the server, and the path that a proxy serves the pages under."""

    host: str
    port: int
    proxy_path: str | None  # None without a proxy


def _parse_server_address(text: str) -> _ServerAddress:
    """Parse HOST:PORT, or HOST:PORT/PATH behind a proxy."""
    host_and_port, slash, path = text.partition("/")
    host, _, port = host_and_port.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{text!r} is not an address HOST:PORT or HOST:PORT/PATH.")
    try:
        root_path = annotation.parse_root_path(slash + path) if slash else None
    except DataError as error:
        raise click.BadParameter(f"{slash + path!r} is {error.problem}: {error.allowed}") from error
    return _ServerAddress(host.removeprefix("[").removesuffix("]"), int(port), root_path)


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate serve pets.db",
        "reassess annotate serve pets.db --address 127.0.0.1:9000/rating --images photos",
    ],
)
@campaign_argument
@click.option(
    "--address",
    type=ParsedType("address", _parse_server_address),
    default="127.0.0.1:8000",
    show_default=True,
    metavar="HOST:PORT[/PATH]",
    help="Address of the server. HOST 0.0.0.0 accepts other computers. PORT 0 is any free port. PATH is where a proxy "
    "on this computer serves the pages: / is the root. The proxy must forward the client's address.",
)
@click.option(
    "--images",
    type=INPUT_PATH_TYPE,
    metavar="FOLDER|ZIP|TAR",
    help="Current location of the images.  [default: as for create]",
)
@add_common_options
def serve(run: CommandRun, campaign: str | Path, address: _ServerAddress, images: Path | None) -> None:
    """Serve the rating pages.

    Stop it with Ctrl-C. People sign in with the links of `reassess annotate invite`. For other computers, use a
    proxy with https.
    """
    check_packages("annotate", "campaigns")
    with annotation.lock_campaign_file(campaign), annotation.use_campaign(campaign) as opened:
        app = annotation.make_app(opened, open_campaign_images(opened, images))
        run.suggest_command("annotate", "export", annotation.hide_password(campaign), "-o", find_unused_path("rated"))

        def print_address(served_address: str) -> None:
            if run.json:
                run.print_json("annotate", {"address": served_address, "root_path": address.proxy_path or ""})
            elif address.proxy_path:
                proxy_text = f"the proxy serves the campaign under {address.proxy_path}"
                run.print_line(f"{opened.name}: {served_address}; {proxy_text}")
            else:
                run.print_line(f"{opened.name}: {served_address}")
                if served_address != f"{DEFAULT_ADDRESS}/":
                    command = "reassess annotate invite --address URL (--force: new links)"
                    run.print_line(f"create links with the server's address: {command}")

        annotation.serve(
            app, host=address.host, port=address.port, root_path=address.proxy_path, report_address=print_address
        )
