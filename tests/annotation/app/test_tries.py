"""A bound on wrong tries, of one address and of all."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from reassess.annotation.app.security import Tries
from tests.annotation.app.sites import Site


def test_one_address_waits_until_its_first_try_is_a_minute_old() -> None:
    tries = Tries(per_address=2)
    assert [tries.count("a", now) for now in (0.0, 10.0)] == [0, 0]
    assert [tries.count("a", now) for now in (10.0, 59.5, 60.0)] == [50, 1, 0]
    assert tries.count("a", 60.0) == 10
    assert tries.count("b", 60.0) == 0


def test_all_addresses_together_wait_too_and_no_more_tries_are_kept() -> None:
    tries = Tries(in_total=3)
    assert [tries.count(str(number), float(number)) for number in range(3)] == [0, 0, 0]
    assert [tries.count(f"new {number}", 3.0) for number in range(100)] == [57] * 100
    assert len(tries._wrong) == 3
    assert tries.count("new", 60.0) == 0


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    tries = Tries(per_address=1)
    tries.count("a", 1000.0)
    assert tries.count("a", 10.0) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
    ],
)
def test_a_network_of_one_owner_is_one_address(one: str, other: str, same: bool) -> None:
    tries = Tries(per_address=1)
    tries.count(one, 0.0)
    assert (tries.count(other, 0.0) > 0) == same


def test_a_flood_of_wrong_tokens_is_told_to_wait_and_a_right_one_opens(site: Site) -> None:
    client = site.client()
    responses = [client.post("/sign-in", json={"token": f"wrong {n}"}) for n in range(15)]
    assert [response.status_code for response in responses] == [403] * 10 + [429] * 5
    assert responses[-1].headers["Retry-After"] == "60"
    assert responses[-1].json() == {"error": "Too many wrong links. Please wait 60 seconds."}
    right = {"token": site.tokens["ann"]}
    assert client.post("/sign-in", json=right).status_code == 204
    site.now += 60
    assert [client.post("/sign-in", json=right).status_code for _ in range(12)] == [204] * 12
    assert client.post("/sign-in", json={"token": "wrong"}).status_code == 403


def test_wrong_tokens_at_the_same_time_pass_no_bound(site: Site) -> None:
    async def flood() -> list[int]:
        transport = httpx2.ASGITransport(site.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            asked = (client.post("/sign-in", json={"token": f"wrong {number}"}) for number in range(15))
            return [response.status_code for response in await asyncio.gather(*asked)]

    with ThreadPoolExecutor(1) as pool:  # where no other loop runs, such as that of a browser
        statuses = pool.submit(lambda: asyncio.run(flood())).result()
    assert sorted(statuses) == [403] * 10 + [429] * 5
