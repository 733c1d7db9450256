"""The application as a whole: what it is made of, and how it fails."""

import gzip
import re
from importlib.resources import files

import pytest

from reassess.annotation.app import rating
from reassess.annotation.app.application import make_app
from tests.annotation.app.sites import Site


def test_page_script_and_style_are_small(site: Site) -> None:
    client = site.client("ann")
    page = client.get("/")
    assert page.headers["Content-Encoding"] == "gzip"
    linked = set(re.findall(r'(?:href|src)="(static/[^"]+)"', page.text))
    static = {f"static/{path.name}" for path in (files("reassess.annotation.app") / "static").iterdir()}
    assert linked == static - {"static/enter.js"}
    parts = [page.content, *(client.get(f"/{path}").content for path in linked)]
    assert sum(len(gzip.compress(part)) for part in parts) < 20_000


@pytest.mark.parametrize(
    "path", ["/static/../security.py", "/static/%2e%2e/security.py", "/static//etc/passwd", "/images/..%2fcampaign"]
)
def test_paths_lead_to_nothing_but_what_is_served(site: Site, path: str) -> None:
    response = site.client("ann").get(path)
    assert response.status_code == 404
    assert "error" in response.json()


def test_a_fault_of_the_server_is_told_without_its_inside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(rating, "next_turn", fail)
    response = site.client("ann").post("/next", json={"held": []})
    assert (response.status_code, response.json()) == (
        500,
        {"error": "the server could not do this; its log says why"},
    )


def test_without_images_no_picture_is_shown(site: Site) -> None:
    site.app = make_app(site.campaign, clock=lambda: site.now)
    client = site.client("ann")
    image = client.post("/next", json={"held": []}).json()["task"]["image"]
    assert client.get(f"/{image}").status_code == 404
