"""Options of the commands for campaigns: the campaign, the location of its images, and addresses of pages."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from reassess import annotation
from reassess.cli.call import FILE
from reassess.cli.options import ParsedType
from reassess.data import open_images
from reassess.errors import DataError

if TYPE_CHECKING:
    from reassess.annotation import Campaign
    from reassess.data import ImageSource


class _PlaceType(click.ParamType[str | Path]):
    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(FILE.convert(value, param, ctx))


class _WrittenPlaceType(_PlaceType):
    is_output = True  # so the command takes --force


PLACE = _PlaceType()
campaign_argument = click.argument("campaign", type=PLACE, metavar="CAMPAIGN")
written_campaign_argument = click.argument("campaign", type=_WrittenPlaceType(), metavar="CAMPAIGN")


def images_of(campaign: "Campaign", place: str | Path | None) -> "ImageSource":
    """Open the images of a campaign; `DataError` if one is missing."""
    where = place or campaign.images
    if where is None:
        raise DataError("no-image-folder", "image folder of the campaign is unknown", fix="--images FOLDER")
    source = open_images(where)
    annotation.stored_names(source, tuple(annotation.image_addresses(campaign).values()))
    return source


_SCHEMES = ("http", "https")
_LOCAL = ("127.0.0.1", "localhost", "::1")
_PORT = 8000  # default of `serve`


def _parsed_address(text: str) -> str:
    if not _is_address(text):
        with_scheme = f"{'http' if text.startswith(_LOCAL) else 'https'}://{text}"
        if "://" not in text and _is_address(with_scheme):
            raise click.BadParameter(f"{text!r} has no scheme: write {with_scheme}.")
        raise click.BadParameter(f"{text!r} is not an address of pages, such as https://rate.example.org/rating.")
    return text.rstrip("/")


PAGES = ParsedType("address", _parsed_address)


def serve_command_of(campaign: str | Path, address: str) -> str:
    """The command that serves the pages at an address, or behind the proxy there.

    >>> serve_command_of("pets.db", "http://127.0.0.1:9000")
    'reassess annotate serve pets.db --address 127.0.0.1:9000'
    >>> serve_command_of("pets.db", "https://rate.example.org/rating")
    'reassess annotate serve pets.db --address 127.0.0.1:8000/rating'
    """
    parts = urlsplit(address)
    serve = ["reassess", "annotate", "serve", annotation.shown_address(campaign)]
    if parts.scheme != "http" or parts.hostname not in _LOCAL or parts.path:
        return shlex.join([*serve, "--address", f"127.0.0.1:{_PORT}{parts.path or '/'}"])
    port = parts.port or 80
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port == _PORT and host == "127.0.0.1"
    return shlex.join(serve if usual else [*serve, "--address", f"{host}:{port}"])


def _is_address(text: str) -> bool:
    """Whether a text is the address of a site or of a path of it, and nothing more."""
    try:
        parts = urlsplit(text)
        at_port = parts.port is None or parts.port > 0
    except ValueError:  # such as an invalid port
        return False
    is_plain = text.isprintable() and not set(text) & set("?#@\\ ")
    return is_plain and at_port and parts.scheme in _SCHEMES and bool(parts.hostname)
