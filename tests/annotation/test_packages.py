"""Missing packages of a campaign are named with their extra."""

import sys

import pytest

from reassess.annotation.served_images import CampaignImages
from reassess.annotation.store.database import open_engine
from reassess.errors import MissingPackageError
from tests.helpers import python


@pytest.mark.parametrize(
    ("package", "name", "purpose"),
    [
        ("sqlalchemy", "create_campaign", "a campaign"),
        ("starlette", "make_app", "the pages of a campaign"),
        ("uvicorn", "serve", "the pages of a campaign"),
        ("jinja2", "make_app", "the pages of a campaign"),
    ],
)
def test_missing_packages_name_the_extra(package: str, name: str, purpose: str) -> None:
    code = f"""
import sys
sys.modules["{package}"] = None
from reassess.errors import ReassessError
import reassess.annotation
try:
    reassess.annotation.{name}
except ReassessError as error:
    print(error)
"""
    assert python("-c", code).out == (
        f"package {package} is missing (for {purpose})\n  fix:     pip install 'reassess[annotate]'\n"
    )


def test_missing_pillow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r"reassess\[annotate\]"):
        CampaignImages(None)


def test_missing_psycopg_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingPackageError, match=r"reassess\[postgresql\]"):
        open_engine("postgresql://somewhere/campaign")
