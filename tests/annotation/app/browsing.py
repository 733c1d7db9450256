"""Pages of a served campaign in browsers."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import answers
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import Site

VIEWS = ((1366, "light"), (360, "dark"))  # width and colour scheme
_LOST = "Failed to load resource"  # a browser says so of requests that are refused, or do not arrive


@dataclass
class Work:
    """A served campaign, and browsers of its people."""

    browser: Any
    site: Site
    server: Server
    contexts: list[Any] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, name: str, width: int = 1366, scheme: str = "light", page: str = "") -> Any:
        """Sign somebody in, in a browser of their own; give their page."""
        context = self.browser.new_context(viewport={"width": width, "height": 768}, color_scheme=scheme)
        self.contexts.append(context)
        view = self.tab(context)
        view.goto(f"{self.server.address}sign-in#{self.site.tokens[name]}")
        view.wait_for_url(f"{self.server.address}{page}")
        return view

    def tab(self, context: Any) -> Any:
        """A tab; its errors fail the test, except failed requests."""
        view = context.new_page()
        view.on("console", lambda said: None if _LOST in said.text else self.complaints.append(said.text))
        view.on("pageerror", lambda error: self.complaints.append(str(error)))
        view.on("dialog", lambda dialog: self.complaints.append(dialog.message) or dialog.dismiss())
        view.set_default_timeout(15_000)
        return view

    def kept(self, name: str = "ann") -> list[int]:
        """The answers of somebody that the server has, sorted."""
        own = answers.c.person == self.site.ids[name]
        with reading(self.site.campaign.engine) as connection:
            return list(connection.scalars(select(answers.c.answer).where(own).order_by(answers.c.answer)))


def check_page(view: Any) -> None:
    """Check that axe finds no fault, and nothing is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(view).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"]) for one in found] == []
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
