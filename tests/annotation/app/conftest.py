"""A campaign for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.annotation.app.sites import Site, make_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A campaign with two raters, an expert and a keeper."""
    made = make_site(tmp_path)
    yield made
    made.campaign.close()
