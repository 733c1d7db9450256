"""The requests of the rating page."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, update

from reassess.annotation import ExampleImage, Rules
from reassess.annotation.served_images import CampaignImages
from reassess.annotation.store.schema import answers
from reassess.core import Classes
from reassess.data.image_copies import strip_metadata
from tests.annotation.app.sites import HOSTILE, Site, answers_to, draw_images, make_site, next_task, refusal


def test_rater_answers_all_tasks(address: str | Path, tmp_path: Path) -> None:
    site = make_site(tmp_path, address=address)
    client = site.client("ann")
    assert client.get("/classes").status_code == 200
    seen = []
    while task := next_task(client):
        assert set(task) == {"task", "image", "practice", "number", "rows"}
        assert [set(row) for row in task["rows"]] == [{"question", "class", "answer", "revision"}] * len(task["rows"])
        assert client.get("/" + task["image"]).status_code == 200
        response = client.post("/answers", json=answers_to(task))
        assert response.json() == {"saved": [[row["question"], 0] for row in task["rows"]], "truths": {}}
        seen.append(len(task["rows"]))
    assert sorted(seen) == [1, 2, 3]
    assert client.post("/next", json={"held": []}).json() == {"task": None, "reason": "finished"}


def test_answers_can_request_the_next_task(address: str | Path, tmp_path: Path) -> None:
    """A response that is lost loses no task: the repeated request gets the same one."""
    site = make_site(tmp_path, address=address, sizes=(2, 2, 2))
    client = site.client("ann")
    first = next_task(client)
    second = next_task(client, [first["task"]])
    body = answers_to(first) | {"held": [second["task"]]}
    responses = [client.post("/answers", json=body).json() for _ in range(2)]
    assert responses[0] == responses[1]
    assert responses[0].keys() == {"saved", "truths", "next"}
    third = responses[0]["next"]["task"]
    assert len({task["image"] for task in (first, second, third)}) == 3
    body = answers_to(second) | {"held": [third["task"]]}
    assert client.post("/answers", json=body).json()["next"] == {"task": None, "reason": "waiting"}
    body = answers_to(third) | {"held": []}
    assert client.post("/answers", json=body).json()["next"] == {"task": None, "reason": "finished"}


def test_rater_can_go_back_to_last_task(site: Site) -> None:
    client = site.client("ann")
    first = next_task(client)
    client.post("/answers", json=answers_to(first))
    second = next_task(client)
    client.post("/answers", json=answers_to(second))
    first_task, second_task = first["task"], second["task"]
    for held, last in (([], second_task), ([second_task], first_task)):
        assert client.post("/back", json={"held": held}).json()["task"]["task"] == last
    assert client.post("/back", json={"held": [first_task, second_task]}).json() == {"task": None}


def test_classes_are_sent_once(still_site: Site) -> None:
    client = still_site.client("ann")
    first = client.get("/classes")
    assert first.headers["Cache-Control"] == "private, no-cache"
    circle, *_, hostile, _, _ = first.json()
    assert circle == {
        "id": 0,
        "name": "circle",
        "definition": "all of it is as far from the middle",
        "synonyms": ["disc", "round"],
        "examples": [],
        "path": [],
    }
    assert hostile["name"] == HOSTILE
    again = client.get("/classes", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_first_word_of_synset_is_the_name(tmp_path: Path) -> None:
    names = ("tench, Tinca tinca", "goldfish", "crane", "ray", "eel, sea eel, marine eel", "")
    wnids = tuple(f"n0144{number}" for number in range(1000, 1006))
    client = make_site(tmp_path, classes=Classes(6, names=names, wnids=wnids)).client("ann")
    words_of = [(info["name"], info["synonyms"]) for info in client.get("/classes").json()]
    assert words_of[0] == ("tench", ["Tinca tinca"])
    assert words_of[4:] == [("eel", ["sea eel", "marine eel"]), ("n01441005", [])]


def test_image_addresses_reveal_nothing(tmp_path: Path) -> None:
    site = make_site(tmp_path, examples=[ExampleImage(1, b"\x89PNG of a square", "image/png")])
    client = site.client("ann")
    image = client.get("/" + next_task(client)["image"])
    assert image.status_code == 200
    assert image.headers["Content-Type"] == "image/png"
    assert image.headers["Cache-Control"] == "private, max-age=3600"
    assert "Content-Disposition" not in image.headers
    (example,) = client.get("/classes").json()[1]["examples"]
    assert client.get("/" + example).content == b"\x89PNG of a square"


def test_characters_that_databases_reject_are_not_found(tmp_path: Path, database: str) -> None:
    site = make_site(tmp_path, address=database)
    client = site.client("ann")
    for path in ("/images/x%00y", "/examples/%00", "/images/é"):
        assert client.get(path).status_code == 404


def test_image_that_changed_after_it_was_shown_is_not_served(site: Site) -> None:
    client = site.client("ann")
    address = "/" + next_task(client)["image"]
    assert client.get(address).status_code == 200
    draw_images(site.folder / "images", ["main/2.png", "main/0.png", "main/1.png"])
    assert client.get(address).status_code == 404


def test_stored_hash_is_of_shown_image(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def show_and_replace(content: bytes, name: str, **size: int) -> tuple[bytes, str]:
        draw_images(site.folder / "images", ["main/2.png", "main/0.png", "main/1.png"])
        return strip_metadata(content, name, **size)

    client = site.client("ann")
    address = "/" + next_task(client)["image"]
    monkeypatch.setattr("reassess.annotation.served_images.strip_metadata", show_and_replace)
    assert client.get(address).status_code == 200
    assert client.get(address).status_code == 404


def test_missing_or_broken_image_is_error_without_its_name(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    client = site.client("ann")
    address = "/" + next_task(client)["image"]
    for path in (site.folder / "images" / "main").iterdir():
        path.write_bytes(b"not an image")
    broken = client.get(address)
    assert refusal(broken) == (404, "image cannot be shown")
    assert "main/" in caplog.text
    other = client.get("/images/" + "0" * 32)
    assert refusal(other) == (404, "image not found")


def test_image_requests_do_not_delay_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.client("ann")
    address = "/" + next_task(client)["image"]
    loaded, most, load = [], [], CampaignImages.load_without_metadata

    def slow_image(*given: Any) -> Any:
        loaded.append(1)
        most.append(len(loaded))
        time.sleep(0.02)
        loaded.pop()
        return load(*given)

    async def ask_for_many() -> None:
        transport = httpx2.ASGITransport(site.app)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://testserver", cookies=client.cookies
        ) as many:
            answers = await asyncio.gather(*(many.get(address) for _ in range(5 * os.cpu_count())))
        assert {answer.status_code for answer in answers} == {200}

    monkeypatch.setattr(CampaignImages, "load_without_metadata", slow_image)
    with ThreadPoolExecutor(1) as apart:  # away from the event loop of an open browser
        apart.submit(asyncio.run, ask_for_many()).result()
    assert max(most) <= min(os.cpu_count() or 1, 16)


def answer(**changes: object) -> dict[str, Any]:
    return {"answers": [{"question": 1, "answer": 2, "revision": 0} | changes]}


@pytest.mark.parametrize(
    ("route", "body", "error"),
    [
        *((route, {}, "Object missing required field `held`") for route in ("next", "back")),
        ("next", {"held": [0] * 11}, "Expected `array` of length <= 10 - at `$.held`"),
        *(("next", {"held": [one]}, "Expected `int`") for one in (1.5, True, "1", None)),
        ("answers", {"answers": {}}, "Expected `array`, got `object` - at `$.answers`"),
        ("answers", {"answers": [7]}, "Expected `object`, got `int` - at `$.answers[0]`"),
        ("answers", {"answers": [{"question": 1, "answer": 2}]}, "Object missing required field `revision`"),
        ("answers", answer() | {"held": [0] * 11}, "Expected `array` of length <= 10 - at `$.held`"),
        *(("answers", answer(seconds=one), "Expected `float") for one in (-1, 1e9, "1")),
        ("answers", answer(revision=1 << 31), "Expected `int` <= 2147483647"),
        ("suggest", {"task": 1, "class": 1 << 31}, "Expected `int` <= 2147483647"),
        ("suggest", {"task": 1 << 53, "class": 2}, f"Expected `int` <= {(1 << 53) - 1}"),
        ("skip", {"task": -1}, "Expected `int` >= 0"),
    ],
)
def test_invalid_bodies_are_rejected(still_site: Site, route: str, body: dict[str, Any], error: str) -> None:
    response = still_site.client("ann").post(f"/{route}", json=body)
    assert response.status_code == 400
    assert response.json()["error"].startswith(f"the request body is invalid: {error}")


@pytest.mark.parametrize(
    ("route", "body", "error"),
    [
        ("answers", answer(answer=3), "answer out of range\n  allowed: 0 to 2\n  found:   3"),
        ("answers", answer(), "unknown question\n  found:   question 1"),
        ("skip", {"task": 1}, "rater was not shown this task\n  found:   task 1"),
        ("suggest", {"task": 1, "class": 2}, "rater was not shown this task\n  found:   task 1"),
    ],
)
def test_unshown_tasks_and_questions_are_rejected(
    still_site: Site, route: str, body: dict[str, Any], error: str
) -> None:
    response = still_site.client("ann").post(f"/{route}", json=body)
    assert refusal(response) == (400, error)


def test_images_left_fall_by_one_per_image_golden_or_not(address: str | Path, tmp_path: Path) -> None:
    rules = Rules(votes_per_question=2, golden_share=0.5)
    site = make_site(tmp_path, address=address, sizes=(2,) * 8, practice=1, golden=6, rules=rules)
    client, progress = site.client("ann"), []
    while task := next_task(client):
        progress.append(client.get("/progress").json())
        client.post("/answers", json=answers_to(task))
    progress.append(client.get("/progress").json())
    count = len(progress) - 1
    assert count > 1 + 8  # some tasks are golden
    assert [(entry["done"], entry["left"]) for entry in progress] == [(n, count - n) for n in range(count + 1)]
    assert [entry["pace"] for entry in progress] == [None] * 3 + [3.0] * (count - 2)  # two answers of 1.5 seconds
    last = progress[-1]
    assert (last["answers"], last["seconds"]) == (2 * count, 3.0 * count)
    assert (last["agreed"], last["practised"]) == (1.0, 2)  # one of two is valid, and both answers are yes
    with site.campaign.engine.begin() as connection:  # a break of two hours before one answer, which counts as 120 s
        own = select(func.max(answers.c.id)).where(answers.c.person == site.ids["ann"]).scalar_subquery()
        connection.execute(update(answers).where(answers.c.id == own).values(seconds=7200.0))
    last = client.get("/progress").json()
    assert (last["seconds"], last["pace"]) == (3.0 * count + 118.5, pytest.approx(3.0 + 118.5 / count))
    expert = site.client("eva")
    assert [expert.get("/progress").json()[name] for name in ("done", "left")] == [0, 7]
    while task := next_task(expert):
        expert.post("/answers", json=answers_to(task))
    assert [expert.get("/progress").json()[name] for name in ("done", "left")] == [7, 0]
    assert site.client("kim").get("/progress").status_code == 404
