"""Where a campaign is kept, as a text."""

from pathlib import Path

from reassess.errors import DataError

__all__ = ["is_server", "shown_address"]

_SCHEME = "postgresql"
_SECRETS = ("password", "sslpassword")  # parts of an address after its ?


def is_server(campaign: str | Path) -> bool:
    """Whether a campaign is in a database that a server keeps.

    Raises
    ------
    DataError
        It is an address of another kind.

    Examples
    --------
    >>> is_server("postgresql://eve@somewhere/pets"), is_server("pets.db"), is_server("postgresql-pets.db")
    (True, False, False)
    """
    scheme, separator, _ = str(campaign).partition("://")
    if separator and scheme != _SCHEME:
        raise DataError(
            "a campaign is not kept at such an address",
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
