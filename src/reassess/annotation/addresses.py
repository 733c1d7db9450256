"""Where a campaign is kept, and where its pages are, as a text."""

import re
from pathlib import Path

from reassess.errors import DataError

__all__ = ["is_server", "root_path_of", "shown_address"]

_SCHEME = "postgresql"
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_SECRETS = ("password", "sslpassword")  # parts of an address after its ?


def is_server(campaign: str | Path) -> bool:
    """Whether a campaign is in a database that a server keeps.

    Examples
    --------
    >>> is_server("postgresql://eve@somewhere/pets"), is_server("pets.db"), is_server("postgresql-pets.db")
    (True, False, False)
    """
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
    """A path or an address for messages, without the password.

    Examples
    --------
    >>> shown_address("postgresql://eve:secret@somewhere/pets"), shown_address("pets.db")
    ('postgresql://eve:***@somewhere/pets', 'pets.db')
    """
    text = str(campaign)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    nothing = f"{scheme}://***"
    try:
        from sqlalchemy import make_url

        url = make_url(text)
    except Exception:  # such as a port that is no number, or SQLAlchemy is not installed
        return nothing
    if text.count("@") > 1:  # one may be of the password, of which the parts then hold the rest
        return nothing
    without = url.difference_update_query(_SECRETS)
    return text if without == url and url.password is None else without.render_as_string(hide_password=True)


def root_path_of(text: str) -> str:
    """A path below which a proxy shows pages, without a slash at its end.

    Raises
    ------
    DataError
        It is none, or browsers and proxies would not all take it for the same.

    Examples
    --------
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
