"""`reassess annotate serve`: serve the pages of a campaign, for raters, experts and owners."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.call import INPUT_PATH_TYPE, Call, add_call_options, find_unused_path
from reassess.cli.campaign_inputs import DEFAULT_ADDRESS, campaign_argument, open_campaign_images
from reassess.cli.help_pages import Command
from reassess.cli.options import ParsedType
from reassess.cli.packages import check_packages
from reassess.errors import DataError


def _parse_address(text: str) -> tuple[str, int, str | None]:
    """Parse host, port and path; the path is None without a proxy."""
    place, slash, path = text.partition("/")
    host, _, port = place.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{text!r} is not an address HOST:PORT or HOST:PORT/PATH.")
    try:
        root_path = annotation.parse_root_path(slash + path) if slash else None
    except DataError as error:
        raise click.BadParameter(f"{slash + path!r} is {error.problem}: {error.allowed}") from error
    return host.removeprefix("[").removesuffix("]"), int(port), root_path


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
    type=ParsedType("address", _parse_address),
    default="127.0.0.1:8000",
    show_default=True,
    metavar="HOST:PORT[/PATH]",
    help="Address of the server: 0.0.0.0 for other machines, port 0 for any free port. Add /PATH if a proxy on "
    "this machine serves the pages under that path (/ if it serves them at the root); the proxy must forward the "
    "client's address.",
)
@click.option(
    "--images",
    type=INPUT_PATH_TYPE,
    metavar="FOLDER|ZIP|TAR",
    help="Current location of the images.  [default: as for create]",
)
@add_call_options
def serve(call: Call, campaign: str | Path, address: tuple[str, int, str | None], images: Path | None) -> None:
    """Serve the rating pages.

    Stop it with Ctrl-C. People sign in with the links of reassess annotate invite. For other machines, use a proxy with
    https.
    """
    check_packages("annotate", "campaigns")
    host, port, path = address
    with annotation.lock_campaign_file(campaign), annotation.use_campaign(campaign) as opened:
        app = annotation.make_app(opened, open_campaign_images(opened, images))
        call.suggest_command("annotate", "export", annotation.hide_password(campaign), "-o", find_unused_path("rated"))

        def print_address(address_opened: str) -> None:
            if call.json:
                call.print_json("annotate", {"address": address_opened, "root_path": path or ""})
            elif path:
                call.print_line(f"{opened.name}: {address_opened}, for a proxy that serves it at {path}")
            else:
                call.print_line(f"{opened.name}: {address_opened}")
                if address_opened != f"{DEFAULT_ADDRESS}/":
                    how = "reassess annotate invite --address URL (--force: new links)"
                    call.print_line(f"links need the address people open: {how}")

        annotation.serve(app, host=host, port=port, root_path=path, report_address=print_address)
