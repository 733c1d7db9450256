"""Where a campaign is kept, as a text."""

import re
from pathlib import Path

__all__ = ["is_server", "shown_address"]

_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")


def is_server(campaign: str | Path) -> bool:
    """Whether a campaign is in a database that a server keeps.

    >>> is_server("postgresql://eve@somewhere/pets"), is_server("pets.db")
    (True, False)
    """
    return str(campaign).startswith("postgresql")


def shown_address(campaign: str | Path) -> str:
    """A path or an address for messages, without the password.

    >>> shown_address("postgresql://eve:secret@somewhere/pets"), shown_address("pets.db")
    ('postgresql://eve:***@somewhere/pets', 'pets.db')
    """
    return _PASSWORD.sub(r"\1:***@", str(campaign))
