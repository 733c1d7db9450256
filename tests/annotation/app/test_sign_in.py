"""Signing in with a personal link, signing out, and the rate limit."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from starlette.testclient import TestClient

from reassess.annotation.app.security import SignInLimit
from tests.annotation.app.sites import HOSTILE, Site, refusal

JSON = {"Content-Type": "application/json"}
UNKNOWN = 403, "This link is not valid. Please ask for a new one."


def test_people_get_page_of_their_role_or_sign_in_page(still_site: Site) -> None:
    for name, page in ((None, "/sign-in"), ("kim", "/owner")):
        response = still_site.client(name).get("/")
        assert (response.status_code, response.headers["Location"]) == (303, page)
    for name in ("ann", "eva"):
        page = still_site.client(name).get("/")
        assert page.status_code == 200
        assert "static/rate.js" in page.text
    assert "static/sign_in.js" in still_site.client().get("/sign-in").text


def test_names_and_texts_are_escaped(still_site: Site) -> None:
    for page in (still_site.client().get("/sign-in"), still_site.client("ann").get("/")):
        assert HOSTILE not in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


def test_cookie_is_httponly_and_limited_to_site(still_site: Site) -> None:
    for base, path, ending in (
        ("http://test", "/", ""),
        ("https://test", "/", "; Secure"),
        ("https://test/below", "/below", "; Secure"),
    ):
        client = TestClient(still_site.app, base_url=base, root_path=path if path != "/" else "")
        cookie = client.post("sign-in", json={"token": still_site.tokens["ann"]}).headers["Set-Cookie"]
        assert re.fullmatch(
            rf"reassess-[0-9a-f]{{16}}=[\w-]{{43}}; HttpOnly; Max-Age=2592000; Path={path}; SameSite=lax{ending}",
            cookie,
        )


def test_redirects_stay_below_root_path(still_site: Site) -> None:
    client = TestClient(still_site.app, root_path="/below", follow_redirects=False)
    assert client.get("/below/").headers["Location"] == "/below/sign-in"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 10_000, "\ud800", None, 7, ["a"]])
def test_wrong_token_does_not_sign_in(site: Site, token: object) -> None:
    response = site.client().post("/sign-in", content=json.dumps({"token": token}), headers=JSON)
    if isinstance(token, str):
        assert refusal(response) == UNKNOWN
    else:
        assert response.status_code == 400
    assert "Set-Cookie" not in response.headers


def test_sign_out_ends_session_on_server(site: Site) -> None:
    client = site.client("ann")
    cookies = dict(client.cookies)
    assert client.post("/sign-out", json={}).status_code == 204
    assert dict(client.cookies) == {}
    replayed = site.client()
    replayed.cookies.update(cookies)
    replayed.headers["X-CSRF-Token"] = client.headers["X-CSRF-Token"]
    response = replayed.post("/next", json={"held": []})
    assert refusal(response) == (401, "you are not signed in: open your personal link")


def test_two_browsers_have_separate_sessions(site: Site) -> None:
    first, second = site.client("ann"), site.client("ann")
    tokens = [re.search('name="csrf" content="(.*?)"', client.get("/").text)[1] for client in (first, second)]
    assert tokens[0] == first.headers["X-CSRF-Token"] != tokens[1]
    first.post("/sign-out", json={})
    assert second.post("/next", json={"held": []}).status_code == 200


def attempt(limit: SignInLimit, address: str, now: float) -> int:
    """Count a sign-in attempt, unless the address must wait; return the seconds to wait."""
    wait_seconds = limit.find_wait_seconds(address, now)
    if not wait_seconds:
        limit.count_sign_in_attempt(address, now)
    return wait_seconds


def test_address_waits_until_first_try_is_a_minute_old() -> None:
    tries = SignInLimit(max_per_address=2)
    assert [attempt(tries, "a", now) for now in (0.0, 10.0)] == [0, 0]
    assert [attempt(tries, "a", now) for now in (10.0, 59.5, 60.0)] == [50, 1, 0]
    assert attempt(tries, "a", 60.0) == 10
    assert attempt(tries, "b", 60.0) == 0


def test_all_addresses_share_a_limit() -> None:
    tries = SignInLimit(max_total=3)
    assert [attempt(tries, str(number), float(number)) for number in range(3)] == [0, 0, 0]
    assert [attempt(tries, f"new {number}", 3.0) for number in range(100)] == [57] * 100
    assert len(tries._wrong_attempts) == 3
    assert attempt(tries, "new", 60.0) == 0


def test_clock_set_back_locks_nobody_out() -> None:
    tries = SignInLimit(max_per_address=1)
    attempt(tries, "a", 1000.0)
    assert attempt(tries, "a", 10.0) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
    ],
)
def test_ipv6_network_counts_as_one_address(one: str, other: str, same: bool) -> None:
    tries = SignInLimit(max_per_address=1)
    attempt(tries, one, 0.0)
    assert (attempt(tries, other, 0.0) > 0) == same


def test_wrong_tokens_are_rate_limited_and_correct_token_signs_in(site: Site) -> None:
    client = site.client()
    responses = [client.post("/sign-in", json={"token": f"wrong {n}"}) for n in range(15)]
    assert [response.status_code for response in responses] == [403] * 10 + [429] * 5
    assert responses[-1].headers["Retry-After"] == "60"
    assert refusal(responses[-1]) == (429, "Too many wrong links. Please wait 60 seconds.")
    right = {"token": site.tokens["ann"]}
    assert client.post("/sign-in", json=right).status_code == 204
    site.now += 60
    assert [client.post("/sign-in", json=right).status_code for _ in range(12)] == [204] * 12
    assert client.post("/sign-in", json={"token": "wrong"}).status_code == 403


def test_simultaneous_wrong_tokens_do_not_pass_limit(site: Site) -> None:
    async def flood() -> list[int]:
        transport = httpx2.ASGITransport(site.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            requests = (client.post("/sign-in", json={"token": f"wrong {number}"}) for number in range(15))
            return [response.status_code for response in await asyncio.gather(*requests)]

    with ThreadPoolExecutor(1) as pool:  # in a thread without another event loop
        statuses = pool.submit(lambda: asyncio.run(flood())).result()
    assert sorted(statuses) == [403] * 10 + [429] * 5
