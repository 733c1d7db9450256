"""Addresses of campaigns and of pages."""

import re
from pathlib import Path

from reassess.errors import DataError

_SCHEME = "postgresql"
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_SECRETS = ("password", "sslpassword")  # query parameters of an address


def is_server(campaign: str | Path) -> bool:
    """Whether a campaign is in a database on a server."""
    scheme, separator, _ = str(campaign).partition("://")
    if separator and scheme != _SCHEME:
        raise DataError(
            "wrong-address",
            "not an address of a campaign",
            where=shown_address(campaign),
            allowed=f"a file, or an address that begins with {_SCHEME}://",
            found=f"{scheme}://",
        )
    return bool(separator)


def shown_address(campaign: str | Path) -> str:
    """Format a path or an address for messages, without its password."""
    text = str(campaign)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    nothing = f"{scheme}://***"
    try:
        from sqlalchemy import make_url

        url = make_url(text)
    except Exception:  # such as an invalid port, or SQLAlchemy is not installed
        return nothing
    if text.count("@") > 1:  # the password may contain one, and then the other parts contain its rest
        return nothing
    without = url.difference_update_query(_SECRETS)
    return text if without == url and url.password is None else without.render_as_string(hide_password=True)


def root_path_of(text: str) -> str:
    """Check the path of a site where a proxy shows pages; return it without a slash at the end.

    >>> root_path_of("/rating/"), root_path_of("/")
    ('/rating', '')
    """
    if not _ROOT_PATH.fullmatch(text):
        raise DataError(
            "wrong-address",
            "not a path of a site",
            allowed="a path such as /rating: after each slash letters, digits and -._~, not a point first",
            found=repr(text),
        )
    return text.rstrip("/")
