"""Entering with a personal link, and leaving."""

import json
import re

import pytest
from starlette.testclient import TestClient

from reassess.annotation import make_link, revoke_link
from tests.annotation.app.sites import HOSTILE, Site

JSON = {"Content-Type": "application/json"}
UNKNOWN = {"error": "This link is not valid. Please ask for a new one."}


def test_each_gets_their_page_and_who_is_not_signed_in_a_place_to_enter(site: Site) -> None:
    for name, page in ((None, "/sign-in"), ("kim", "/owner")):
        response = site.client(name).get("/")
        assert (response.status_code, response.headers["Location"]) == (303, page)
    for name in ("ann", "eva"):
        page = site.client(name).get("/")
        assert page.status_code == 200
        assert "static/rate.js" in page.text
    assert "static/sign_in.js" in site.client().get("/sign-in").text


def test_names_and_texts_are_no_html(site: Site) -> None:
    for page in (site.client().get("/sign-in"), site.client("ann").get("/")):
        assert HOSTILE not in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


def test_the_cookie_is_unseen_by_scripts_and_of_this_site_alone(site: Site) -> None:
    for base, path, ending in (
        ("http://test", "/", ""),
        ("https://test", "/", "; Secure"),
        ("https://test/below", "/below", "; Secure"),
    ):
        client = TestClient(site.app, base_url=base, root_path=path if path != "/" else "")
        cookie = client.post("sign-in", json={"token": site.tokens["ann"]}).headers["Set-Cookie"]
        assert re.fullmatch(
            rf"reassess-[0-9a-f]{{16}}=[\w-]{{43}}; HttpOnly; Max-Age=2592000; Path={path}; SameSite=lax{ending}",
            cookie,
        )


def test_redirects_stay_below_the_path_of_a_proxy(site: Site) -> None:
    client = TestClient(site.app, root_path="/below", follow_redirects=False)
    assert client.get("/below/").headers["Location"] == "/below/sign-in"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 10_000, "\ud800", None, 7, ["a"]])
def test_a_wrong_token_does_not_sign_in(site: Site, token: object) -> None:
    response = site.client().post("/sign-in", content=json.dumps({"token": token}), headers=JSON)
    if isinstance(token, str):
        assert (response.status_code, response.json()) == (403, UNKNOWN)
    else:
        assert response.status_code == 400
    assert "Set-Cookie" not in response.headers


def test_a_link_that_was_revoked_or_replaced_opens_nothing_and_its_sessions_end(site: Site) -> None:
    client, old = site.client("ann"), site.tokens["ann"]
    make_link(site.campaign, site.ids["ann"], site.now)
    other = site.client("ben")
    revoke_link(site.campaign, site.ids["ben"], site.now)
    for token, its_client in ((old, client), (site.tokens["ben"], other)):
        assert site.client().post("/sign-in", json={"token": token}).json() == UNKNOWN
        assert its_client.post("/next", json={"held": []}).status_code == 401


def test_who_leaves_is_signed_out_on_the_server_too(site: Site) -> None:
    client = site.client("ann")
    cookies = dict(client.cookies)
    assert client.post("/sign-out", json={}).status_code == 204
    assert dict(client.cookies) == {}
    replayed = site.client()
    replayed.cookies.update(cookies)
    replayed.headers["X-CSRF-Token"] = client.headers["X-CSRF-Token"]
    response = replayed.post("/next", json={"held": []})
    assert (response.status_code, response.json()) == (
        401,
        {"error": "you are not signed in: open your personal link"},
    )


def test_a_session_ends_after_thirty_days(site: Site) -> None:
    client = site.client("ann")
    site.now += 30 * 24 * 3600 - 1
    assert client.post("/next", json={"held": []}).status_code == 200
    site.now += 2
    assert client.post("/next", json={"held": []}).status_code == 401


def test_two_browsers_of_one_person_have_sessions_of_their_own(site: Site) -> None:
    one, two = site.client("ann"), site.client("ann")
    told = [re.search('name="csrf" content="(.*?)"', client.get("/").text)[1] for client in (one, two)]
    assert told[0] == one.headers["X-CSRF-Token"] != told[1]
    one.post("/sign-out", json={})
    assert two.post("/next", json={"held": []}).status_code == 200
