"""A campaign for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotation.app.browsing import Work
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import Site, make_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A campaign with two raters, an expert and an owner."""
    made = make_site(tmp_path)
    yield made
    made.campaign.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium of the system, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def work(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Work]]:
    """Serves a campaign; what a page complains of fails the test."""
    begun: list[Work] = []

    def begin(root_path: str = "", **plan: Any) -> Work:
        begun.append(Work(browser, make_site(tmp_path, **plan), Server(tmp_path, root_path=root_path)))
        begun[-1].server.start()
        return begun[-1]

    yield begin
    for one in begun:
        for context in one.contexts:
            context.close()
        one.server.kill()
        one.site.campaign.close()
        assert one.complaints == []
