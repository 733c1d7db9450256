"""Addresses of campaigns (a file path or a database URL), and the URL path of their pages."""

import re
from pathlib import Path

from reassess.errors import DataError

_SERVER_SCHEME = "postgresql"
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_SECRET_PARAMETERS = ("password", "sslpassword")  # query parameters of an address


def is_server_address(address: str | Path) -> bool:
    """Return whether an address is a database server, not a file; raise `DataError` for an unknown scheme."""
    scheme, separator, _ = str(address).partition("://")
    if separator and scheme != _SERVER_SCHEME:
        raise DataError(
            "wrong-address",
            "not an address of a campaign",
            where=hide_password(address),
            allowed=f"a file, or an address that begins with {_SERVER_SCHEME}://",
            found=f"{scheme}://",
        )
    return bool(separator)


def hide_password(address: str | Path) -> str:
    """Return a path or a database address for messages, with asterisks in place of its password."""
    text = str(address)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    masked = f"{scheme}://***"
    try:
        from sqlalchemy import make_url

        url = make_url(text)
    except Exception:  # for example an invalid port, or SQLAlchemy is not installed
        return masked
    if text.count("@") > 1:  # a password may contain an @, and then other parts of the URL contain the rest of it
        return masked
    public = url.difference_update_query(_SECRET_PARAMETERS)
    return text if public == url and url.password is None else public.render_as_string(hide_password=True)


def parse_root_path(path: str) -> str:
    """Check the URL path of the pages behind a proxy; return it without a slash at the end.

    >>> parse_root_path("/rating/"), parse_root_path("/")
    ('/rating', '')
    """
    if not _ROOT_PATH.fullmatch(path):
        raise DataError(
            "wrong-address",
            "not a path of a site",
            allowed="a path such as /rating: letters, digits and -._~ after each slash, no dot directly after a slash",
            found=repr(path),
        )
    return path.rstrip("/")
