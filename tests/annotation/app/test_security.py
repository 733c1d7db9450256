"""Security headers of responses, and the CSRF token of requests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from reassess.annotation import list_people
from tests.annotation.app.sites import Site, refusal

# The body of each changing request, and the roles that get 404.
RATING = {
    "/next": {"held": []},
    "/back": {"held": []},
    "/answers": {"answers": []},
    "/skip": {"task": 1},
    "/suggest": {"task": 1, "class": 1},
}
# 3 is ben.
OWNING = {
    "/owner/pause": {},
    "/owner/resume": {},
    "/owner/export": {},
    "/owner/invite": {"name": "x", "role": "owner"},
    **{f"/owner/people/{what}": {"person": 3} for what in ("exclude", "include", "admit", "revoke", "delete")},
}
BODIES = {**RATING, **OWNING, "/consent": {}, "/sign-out": {}}
CHANGES = list(BODIES)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/classes", "/images/0", "/static/rate.js", "/nowhere", "/next"])
def test_every_response_has_security_headers(still_site: Site, path: str) -> None:
    for client in (still_site.client(), still_site.client("ann")):
        headers = client.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "Server" not in headers


def test_pages_and_answers_are_not_cached(still_site: Site) -> None:
    client = still_site.client("ann")
    for response in (client.get("/"), client.post("/next", json={"held": []}), client.get("/nowhere")):
        assert response.headers["Cache-Control"] == "no-store"
    assert client.get("/static/page.css").headers["Cache-Control"] == "no-cache"


def test_pages_have_no_inline_script_or_style(still_site: Site) -> None:
    for page in (still_site.client().get("/sign-in").text, still_site.client("ann").get("/").text):
        assert page.count("<script") == page.count('<script type="module" src="static/')
        assert "<style" not in page
        assert " style=" not in page
        assert " on" not in page.replace(" on ", " ").replace(" one", " ").replace(" only", " ").replace(" once", " ")


def test_request_without_session_or_with_other_role_changes_nothing(still_site: Site) -> None:
    before = list_people(still_site.campaign)
    nobody, ann, eva, kim = (still_site.client(name) for name in (None, "ann", "eva", "kim"))
    for path, body in BODIES.items():
        assert refusal(nobody.post(path, json=body)) == (401, "you are not signed in: open your personal link")
    for bodies, clients in ((RATING, [kim]), (OWNING, [ann, eva])):
        for path, client in product(bodies, clients):
            assert refusal(client.post(path, json=bodies[path])) == (404, "page not found")
    assert [refusal(client.get("/owner"))[0] for client in (nobody, ann, eva)] == [401, 404, 404]
    assert list_people(still_site.campaign) == before


def test_request_without_csrf_token_changes_nothing(still_site: Site) -> None:
    before, other = list_people(still_site.campaign), still_site.client("ben").headers["X-CSRF-Token"]
    clients = {path: still_site.client("kim" if path in OWNING else "ann") for path in ("/next", "/owner/pause")}
    for (path, body), token in product(BODIES.items(), (None, "", "0" * 64, other, "é")):
        client = clients["/owner/pause" if path in OWNING else "/next"]
        client.headers.pop("X-CSRF-Token", None)
        headers = {} if token is None else {"X-CSRF-Token": token.encode()}
        response = client.post(path, json=body, headers=headers)
        assert refusal(response) == (403, "the page belongs to another session: reload it")
    assert list_people(still_site.campaign) == before


def test_form_of_another_site_is_rejected(still_site: Site) -> None:
    client = still_site.client("ann")
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None)
    for path, kind in product([*CHANGES, "/sign-in"], kinds):
        headers = {} if kind is None else {"Content-Type": kind}
        response = client.post(path, content=b'{"token": "x", "held": []}', headers=headers)
        assert refusal(response) == (415, "the request body is not application/json")


@pytest.mark.parametrize("announced", [True, False])
def test_large_body_is_rejected(still_site: Site, announced: bool) -> None:
    client, body = still_site.client("ann"), b'{"held": "' + b"x" * 65_536 + b'"}'
    for path in (*CHANGES, "/sign-in"):
        content = body if announced else iter([body[:40_000], body[40_000:]])
        response = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert refusal(response) == (413, "the request body has more than 65,536 bytes")


@pytest.mark.parametrize("pause", [0.01, 3600])
def test_endless_body_is_rejected_and_connection_closed(
    still_site: Site, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    monkeypatch.setattr("reassess.annotation.app.request_bodies._TIMEOUT_SECONDS", 0.2)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"content-type", b"application/json")]}
    with ThreadPoolExecutor(1) as pool:  # in a thread without the event loop of a browser
        pool.submit(lambda: asyncio.run(still_site.app(scope, receive, send))).result()
    start, body = sent
    assert (start["status"], dict(start["headers"])[b"connection"]) == (408, b"close")
    assert body["body"] == b'{"error":"the request body took more than 0 seconds"}'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"[" * 60_000, b"7", b'"held"', b'{"held": NaN}', b'{"held": [' + b"9" * 5_000 + b"]}"],
)
def test_body_that_is_not_a_json_object_is_rejected(still_site: Site, body: bytes) -> None:
    response = still_site.client("ann").post("/next", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"].startswith("the request body is invalid: ")


def test_body_with_duplicate_key_is_rejected(still_site: Site) -> None:
    body = b'{"held": [], "held": [1]}'
    response = still_site.client("ann").post("/next", content=body, headers={"Content-Type": "application/json"})
    error = "a key is named twice\n  where:   the request body\n  found:   held\n  fix:     remove one"
    assert refusal(response) == (400, error)


@pytest.mark.parametrize("path", ["/", "/owner", "/owner/", "/sign-in/", "/static", "/static/", "/owner/pause/"])
def test_redirects_ignore_host_header(still_site: Site, path: str) -> None:
    for name in (None, "kim"):
        response = still_site.client(name).get(path, headers={"Host": "evil.example"})
        assert "evil" not in str(response.headers) + response.text
