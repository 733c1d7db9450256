"""A bound on wrong tries, of one address and of all."""

from reassess.annotation.app.tries import Tries
from tests.annotation.app.sites import Site


def test_one_address_waits_until_its_first_try_is_a_minute_old() -> None:
    tries = Tries(of_one=2)
    tries.add("a", 0.0)
    assert tries.wait("a", 1.0) == 0
    tries.add("a", 10.0)
    assert [tries.wait("a", now) for now in (10.0, 59.5, 60.0)] == [50, 1, 0]
    tries.add("a", 60.0)
    assert tries.wait("a", 60.0) == 10
    assert tries.wait("b", 60.0) == 0


def test_all_addresses_together_wait_too_and_no_more_tries_are_kept() -> None:
    tries = Tries(of_all=3)
    for number in range(3):
        assert tries.wait(str(number), float(number)) == 0
        tries.add(str(number), float(number))
    assert tries.wait("new", 3.0) == 57
    assert tries.wait("new", 60.0) == 0


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    tries = Tries(of_one=1)
    tries.add("a", 1000.0)
    assert tries.wait("a", 10.0) == 0


def test_a_flood_of_wrong_tokens_is_told_to_wait_and_then_a_right_one_opens(site: Site) -> None:
    client = site.client()
    statuses = [client.post("/enter", json={"token": f"wrong {n}"}).status_code for n in range(15)]
    assert statuses == [403] * 10 + [429] * 5
    right = {"token": site.tokens["ann"]}
    waits = client.post("/enter", json=right)
    assert (waits.status_code, waits.headers["Retry-After"]) == (429, "60")
    assert waits.json() == {"error": "Too many wrong links were tried. Please wait 60 seconds."}
    assert site.client(client=("192.0.2.7", 5000)).post("/enter", json=right).status_code == 204
    site.now += 60
    assert client.post("/enter", json=right).status_code == 204
