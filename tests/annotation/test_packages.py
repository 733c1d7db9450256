"""Without its packages, a campaign says which extra brings them."""

import sys

import pytest

from reassess.annotation.store.database import open_engine
from reassess.errors import MissingPackageError
from tests.helpers import python


def test_without_sqlalchemy_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["sqlalchemy"] = None
from reassess.errors import ReassessError
import reassess.annotation
try:
    reassess.annotation.create_campaign
except ReassessError as error:
    print(error)
"""
    assert python("-c", code).out == (
        "a campaign needs the package sqlalchemy, which is not installed\n  to mend: pip install 'reassess[annotate]'\n"
    )


def test_without_psycopg_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingPackageError, match=r"reassess\[postgresql\]"):
        open_engine("postgresql://somewhere/campaign")
