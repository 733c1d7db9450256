"""The built site in a browser: readable on phones and in the dark, accessible, searchable, without other hosts."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SITE = Path(__file__).parent.parent / "build" / "site"
PAGES = ("index", "speed", "api/errors", "live/rating/index")  # small ones: axe takes 20 seconds for a long page
LONG_PAGES = ("aggregation", "api/integrations", "decisions/0024-default-method", "live/report")
SIZES = ((1366, "light"), (390, "dark"))


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a server of the built site; skip the test if it is not built."""
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_pages_fit_phones_are_accessible_and_use_no_other_host(address: str, browser: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    requests: list[str] = []
    for width, scheme in SIZES:
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("request", lambda request: requests.append(request.url))
        for name in (*PAGES, *LONG_PAGES):
            page.goto(f"{address}/{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
            found = Axe().run(page) if name in PAGES else None
            assert found is None or found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"
        page.close()
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []


def test_search_finds_threshold(address: str, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{address}/search.html?q=threshold")
    page.wait_for_selector("#search-results a[href*='votes.html']")
    page.close()


def test_example_of_the_rating_page_takes_answers(address: str, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{address}/live/rating/index.html")
    page.wait_for_selector("#image img")
    page.keyboard.type("ynnnn")
    page.keyboard.press("Enter")
    page.wait_for_selector("#image img[src='images/001.png']")
    assert page.locator("#stage").inner_text().startswith("1 done, at most 11 left")
    page.close()


def test_llms_txt_names_existing_pages(address: str) -> None:
    links = re.findall(r"\]\((.*?)\)", (SITE / "llms.txt").read_text(encoding="utf-8"))
    assert len(links) > 60
    assert [link for link in links if not (SITE / link).exists()] == []
