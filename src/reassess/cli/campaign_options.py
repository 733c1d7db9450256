"""What the commands of `reassess annotate` share: the campaign that they are called for."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from reassess import annotation
from reassess.cli.inputs import FILE
from reassess.data.image_sources import open_images
from reassess.errors import DataError

if TYPE_CHECKING:
    from reassess.annotation import Campaign
    from reassess.data.image_sources import ImageSource

__all__ = [
    "PAGES",
    "campaign_argument",
    "images_of",
    "images_option",
    "served_by",
]


class _CampaignType(click.ParamType[str | Path]):
    name = "campaign"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(FILE.convert(value, param, ctx))


campaign_argument = click.argument("campaign", type=_CampaignType(), metavar="CAMPAIGN")
images_option = click.option(
    "--images",
    type=FILE,
    metavar="FOLDER|ZIP|TAR",
    help="Where the images lie now.  [default: where they lay when the campaign was made]",
)


def images_of(campaign: "Campaign", place: str | Path | None) -> "ImageSource":
    """The images of a campaign, where they lie now; `DataError` if one is not there."""
    where = place or campaign.images
    if where is None:
        raise DataError("no-image-folder", "image folder of the campaign is unknown", fix="give --images FOLDER")
    source = open_images(where)
    annotation.stored_names(source, tuple(annotation.image_addresses(campaign).values()))
    return source


_SCHEMES = ("http", "https")
_HERE = ("127.0.0.1", "localhost", "::1")
_PORT = 8000  # at which `serve` serves unless told


class _AddressType(click.ParamType[str]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not _is_address(text):
            with_scheme = f"{'http' if text.startswith(_HERE) else 'https'}://{text}"
            if "://" not in text and _is_address(with_scheme):
                self.fail(f"{text!r} lacks the scheme: give {with_scheme}.", param, ctx)
            self.fail(f"{text!r} is no address of pages, such as https://rate.example.org/rating.", param, ctx)
        return text.rstrip("/")


PAGES = _AddressType()


def served_by(campaign: str | Path, address: str) -> str:
    """What must run for links at an address to lead to the pages, in words.

    >>> served_by("pets.db", "http://127.0.0.1:9000")
    'the pages are served there by reassess annotate serve pets.db --port 9000'
    >>> served_by("pets.db", "https://rate.example.org/rating")
    'the pages are served, behind the proxy there, by reassess annotate serve pets.db --root-path /rating'
    """
    parts = urlsplit(address)
    serve = ["reassess", "annotate", "serve", annotation.shown_address(campaign)]
    if parts.scheme == "http" and parts.hostname in _HERE and not parts.path:
        port = parts.port or 80
        options = [] if port == _PORT else ["--port", str(port)]
        return f"the pages are served there by {shlex.join(serve + options)}"
    return f"the pages are served, behind the proxy there, by {shlex.join([*serve, '--root-path', parts.path or '/'])}"


def _is_address(text: str) -> bool:
    """Whether a text is the address of a site, or of a path of it, and nothing more."""
    try:
        parts = urlsplit(text)
        at_port = parts.port is None or parts.port > 0
    except ValueError:  # such as of a port that is no number
        return False
    is_plain = text.isprintable() and not set(text) & set("?#@\\ ")
    return is_plain and at_port and parts.scheme in _SCHEMES and bool(parts.hostname)
