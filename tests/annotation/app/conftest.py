"""Fixtures of campaigns with their pages, and of browsers."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.annotation.app.browsing import Window, Work, new_context
from tests.annotation.app.serving import Server, ThreadServer
from tests.annotation.app.sites import Site, make_site


@pytest.fixture
def site(memory_folder: Path) -> Site:
    """A campaign with two raters, an expert and an owner."""
    return make_site(memory_folder)


@pytest.fixture(scope="module")
def still_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A campaign for requests that do not change it."""
    site_ = make_site(tmp_path_factory.mktemp("still"))
    with closing(site_.campaign):
        yield site_


@pytest.fixture(scope="package")
def window(browser: Any) -> Window:
    """A tab that all tests share."""
    return Window(browser, new_context(browser))


@pytest.fixture
def work(window: Window, memory_folder: Path) -> Iterator[Callable[..., Work]]:
    """Serve campaigns, in a separate process if a test kills it; errors of pages fail the test."""
    begun: list[Work] = []

    def begin(*, is_killed: bool = False, root_path: str | None = None, **plan: Any) -> Work:
        site = make_site(memory_folder, **plan)
        begun.append(Work(window, site, Server(memory_folder) if is_killed else ThreadServer(site.app, root_path)))
        if is_killed:
            begun[-1].server.start()
        return begun[-1]

    yield begin
    complaints = list(window.complaints)
    window.clear()
    for server in begun:
        for own in server.contexts:
            own.close()
        server.server.kill()
    assert complaints == []
