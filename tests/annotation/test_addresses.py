"""Addresses of campaigns: files, servers, and hidden passwords."""

from collections.abc import Callable

import pytest

from reassess.annotation import create_campaign, hide_password, open_campaign
from reassess.annotation.addresses import is_server_address
from tests.helpers import message


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("pets.db", "pets.db"),
        ("postgresql://eve@h/d?host=/run", "postgresql://eve@h/d?host=/run"),
        ("postgresql://eve:secret@h:5432/d", "postgresql://eve:***@h:5432/d"),
        ("postgresql://eve@h/d?password=secret", "postgresql://eve@h/d"),
        ("postgresql://eve@h/d?sslpassword=secret&sslmode=require", "postgresql://eve@h/d?sslmode=require"),
        ("postgresql://eve:secret@h/d?password=secret", "postgresql://eve:***@h/d"),
        ("postgresql://eve:sec@ret@h/d", "postgresql://***"),
        ("postgresql://eve:s@h/sec@ret/d", "postgresql://***"),
        ("postgresql://eve:sec%40ret@h/d", "postgresql://eve:***@h/d"),
        ("postgresql://eve:sec/ret@h/d", "postgresql://eve:***@h/d"),
        ("postgresql://eve:secret", "postgresql://***"),
        ("postgres://eve:secret@h/d", "postgres://eve:***@h/d"),
        ("--campaign=postgresql://eve:secret@h/d", "--campaign=postgresql://***"),
    ],
)
def test_password_is_hidden(address: str, shown: str) -> None:
    assert hide_password(address) == shown


@pytest.mark.parametrize("scheme", ["postgres", "mysql", "postgresql+psycopg", "sqlite"])
def test_address_with_other_scheme_raises(scheme: str) -> None:
    assert message(is_server_address, f"{scheme}://eve:secret@h/d") == (
        "not an address of a campaign\n"
        f"  where:   {scheme}://eve:***@h/d\n"
        "  allowed: a file, or an address that begins with postgresql://\n"
        f"  found:   {scheme}://"
    )


@pytest.mark.parametrize("function", [open_campaign, lambda address: create_campaign(address, None)])
@pytest.mark.parametrize("rest", ["eve:secret", "eve@h:port/d", "eve:p@ss@h/d"])
def test_invalid_database_address_raises(function: Callable[[str], object], rest: str) -> None:
    assert message(function, f"postgresql://{rest}") == (
        "not the address of a database\n"
        "  where:   postgresql://***\n"
        "  allowed: postgresql://USER@HOST/DATABASE, with %40 for an @ in the password"
    )
