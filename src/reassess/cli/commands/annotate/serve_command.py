"""`reassess annotate serve`: the pages of a campaign, for raters, experts and owners."""

from pathlib import Path

import click

from reassess import annotation
from reassess.cli.campaign_options import campaign_argument, images_of, images_option
from reassess.cli.common import Call, call_options
from reassess.cli.help_pages import Command
from reassess.cli.inputs import ParsedType

__all__ = ["serve"]

_ROOT_PATH = ParsedType("path", annotation.root_path_of)
_HOST, _PORT = "127.0.0.1", 8000


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate serve pets.db",
        "reassess annotate serve pets.db --port 9000 --images photos --root-path /rating",
    ],
)
@campaign_argument
@click.option("--host", default=_HOST, show_default=True, metavar="NAME", help="0.0.0.0 lets other machines reach it.")
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="0 takes a free one.")
@click.option(
    "--root-path",
    type=_ROOT_PATH,
    metavar="PATH",
    help="A proxy on this machine shows the pages below this path, such as /rating or /, and takes it away. What the "
    "proxy says of the client is believed. The pages open there alone.",
)
@images_option
@call_options
def serve(call: Call, campaign: str | Path, host: str, port: int, root_path: str | None, images: Path | None) -> None:
    """Serve the pages in which people answer, until Ctrl-C.

    Everybody enters by the link that reassess annotate invite printed. Beyond this machine, put the pages behind a
    proxy that speaks https.
    """
    with annotation.only_process(campaign), annotation.using_campaign(campaign) as opened:
        app = annotation.make_app(opened, images_of(opened, images))

        def started(address: str) -> None:
            if call.json:
                call.print_document("annotate", {"address": address, "root_path": root_path or ""})
            elif below := (root_path or "").rstrip("/"):
                call.tell(f"{opened.name}: below {below} of the proxy, which asks {address}")
            else:
                call.tell(f"{opened.name}: {address}")

        annotation.serve(app, host=host, port=port, root_path=root_path, started=started)
