"""Browser pages of a served campaign."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import answers
from tests.annotation.app.serving import Server, ThreadServer
from tests.annotation.app.sites import Site

VIEWS = ((1366, "light"), (360, "dark"))  # width and colour scheme
# Return only the violations, since transferring the whole result is slow.
_FAULTS = """async () => {
  const rules = { "label-content-name-mismatch": { enabled: true } };
  const { violations } = await axe.run({ resultTypes: ["violations"], rules });
  return violations.map(({ id, nodes: [{ html, failureSummary }] }) => [id, html, failureSummary]);
}"""
_LOST = "Failed to load resource"  # browsers log this for rejected and failed requests


@dataclass
class Window:
    """A tab shared by tests, since a new tab takes half a second, and the errors of its pages."""

    browser: Any
    context: Any
    complaints: list[str] = field(default_factory=list)

    def first_tab(self) -> Any:
        """Return the tab, or a new tab if a test has closed it."""
        return self.context.pages[0] if self.context.pages else self.tab(self.context)

    def tab(self, context: Any) -> Any:
        """Open a new tab; its errors fail the test, except failed requests."""
        view = context.new_page()
        view.on("console", lambda message: None if _LOST in message.text else self.complaints.append(message.text))
        view.on("pageerror", lambda error: self.complaints.append(str(error)))
        view.on("dialog", lambda dialog: self.complaints.append(dialog.message) or dialog.dismiss())
        view.set_default_timeout(15_000)
        return view

    def clear(self) -> None:
        """Reset the tab."""
        view, *other_tabs = self.context.pages or [self.first_tab()]
        for other in other_tabs:
            other.close()
        view.unroute_all()
        view.goto("about:blank")
        resize(view, VIEWS[0][0])
        self.context.set_offline(False)
        self.context.clear_cookies()
        self.complaints.clear()


@dataclass
class Work:
    """A served campaign, and the browsers of its people."""

    window: Window
    site: Site
    server: Server | ThreadServer
    contexts: list[Any] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        """Errors of the pages."""
        return self.window.complaints

    def browse(self, **options: Any) -> Any:
        """Open a tab in a separate browser context, with its own clock, cookies and settings."""
        self.contexts.append(new_context(self.window.browser, **options))
        return self.window.tab(self.contexts[-1])

    def another_tab(self) -> Any:
        """Open another tab beside the tab of `sign_in`."""
        return self.window.tab(self.window.context)

    def sign_in(self, name: str, page: str = "", view: Any = None) -> Any:
        """Sign a person in, and return their page."""
        view = view or self.window.first_tab()
        view.goto(f"{self.server.address}sign-in#{self.site.tokens[name]}")
        view.wait_for_url(f"{self.server.address}{page}")
        return view

    def kept(self, name: str = "ann") -> list[int]:
        """Read a person's saved answers from the server, sorted."""
        own = answers.c.person == self.site.ids[name]
        with connect_for_reading(self.site.campaign.engine) as connection:
            return list(connection.scalars(select(answers.c.answer).where(own).order_by(answers.c.answer)))


def new_context(browser: Any, **options: Any) -> Any:
    """Open a browser without cookies."""
    size = {"width": VIEWS[0][0], "height": 768}
    return browser.new_context(**{"viewport": size, "reduced_motion": "reduce", **options})


def check_page(view: Any) -> None:
    """Check that axe finds no violation, and that nothing is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    if not view.evaluate("'axe' in window"):
        view.evaluate(Axe().axe_script)
    assert view.evaluate(_FAULTS) == []
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")


def look(view: Any, name: str) -> None:
    """Check a page on a wide and a narrow screen, light and dark; save screenshots in the folder REASSESS_SHOTS."""
    for width, scheme in reversed(VIEWS):
        resize(view, width, scheme)
        check_page(view)
        if folder := os.environ.get("REASSESS_SHOTS"):
            view.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png")


def resize(view: Any, width: int, scheme: str = "light") -> None:
    """Change the width and colour scheme of the screen."""
    view.set_viewport_size({"width": width, "height": 768})
    view.emulate_media(color_scheme=scheme)


def wait_until(view: Any, condition: str) -> None:
    """Wait until an expression is true on a page; the page's policy forbids waiting inside the browser."""
    while not view.evaluate(condition):
        view.wait_for_timeout(50)
