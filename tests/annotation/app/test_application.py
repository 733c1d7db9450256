"""The application: its routes, and its errors."""

import gzip
import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import event

from reassess.annotation import make_app
from reassess.annotation.app import rating_page
from reassess.annotation.store import database
from tests.annotation.app.sites import Site, answers_to, next_task, refusal

UNAVAILABLE = 503, "the campaign cannot be read or changed right now; please try again later"


def test_page_script_and_style_are_small(still_site: Site) -> None:
    client = still_site.client("ann")
    page = client.get("/")
    assert page.headers["Content-Encoding"] == "gzip"
    linked = set(re.findall(r'(?:href|src)="(static/[^"]+)"', page.text))
    static = {f"static/{path.name}" for path in (files("reassess.annotation.app") / "static").iterdir()}
    assert linked == static - {"static/sign_in.js", "static/owner.css", "static/owner.js"}
    parts = [page.content, *(client.get(f"/{path}").content for path in linked)]
    assert sum(len(gzip.compress(part)) for part in parts) < 30_000


@pytest.mark.parametrize(
    "path", ["/static/../security.py", "/static/%2e%2e/security.py", "/static//etc/passwd", "/images/..%2fcampaign"]
)
def test_paths_lead_only_to_served_files(still_site: Site, path: str) -> None:
    response = still_site.client("ann").get(path)
    assert response.status_code == 404
    assert "error" in response.json()


def test_server_error_hides_details(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(rating_page, "begin_next_turn", fail)
    response = site.client("ann").post("/next", json={"held": []})
    assert refusal(response) == (500, "internal error; see the log of the server")


def test_without_image_source_images_are_not_found(site: Site) -> None:
    site.app = make_app(site.campaign, clock=lambda: site.now)
    client = site.client("ann")
    image = next_task(client)["image"]
    assert client.get(f"/{image}").status_code == 404


def test_full_disk_is_reported_and_answers_are_saved_later(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    client = site.client("ann")
    task = next_task(client)
    room = [1]  # maximum pages of the file; existing pages stay

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={room[0]}")

    event.listen(site.campaign.engine, "checkout", limit)
    refused = site.client().post("/sign-in", json={"token": site.tokens["ben"]})
    tries = 0
    while refused.status_code == 204:  # while the existing pages have room
        refused = site.client().post("/sign-in", json={"token": site.tokens["ben"]})
        tries += 1
        assert tries < 500
    assert refusal(refused) == UNAVAILABLE
    assert "database of the campaign cannot be used: database or disk is full" in caplog.text
    room[0] = 100_000
    assert len(client.post("/answers", json=answers_to(task)).json()["saved"]) == len(task["rows"])


def test_locked_database_is_reported_and_nothing_is_lost(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    client = site.client("ann")
    task = next_task(client)
    event.listen(site.campaign.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA busy_timeout=10"))
    with closing(sqlite3.connect(site.folder / "campaign", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = client.post("/answers", json=answers_to(task))
        other.execute("ROLLBACK")
    assert refusal(refused) == UNAVAILABLE
    assert "database of the campaign cannot be used: database is locked" in caplog.text
    assert len(client.post("/answers", json=answers_to(task)).json()["saved"]) == len(task["rows"])


def test_waiting_requests_time_out_together(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site.client("ann")
    monkeypatch.setattr(database, "_LOCK_TIMEOUT_MS", 10)
    with site.campaign.write_lock:  # another request waits for the database there
        refused = client.post("/next", json={"held": []})
    assert refusal(refused) == UNAVAILABLE
    assert "cannot be used: another change by this process has locked the database for too long" in caplog.text
    assert "task" in client.post("/next", json={"held": []}).json()
