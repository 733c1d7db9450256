"""Nobody gets at what is of somebody else."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from reassess.annotation.assignment import Rules
from reassess.annotation.store.pictures import find_image
from tests.annotation.app.sites import Site, make_site


def next_task(client: TestClient, held: tuple[int, ...] = ()) -> dict[str, Any]:
    return client.post("/next", json={"held": list(held)}).json()["task"]


def test_tasks_and_questions_of_others_are_as_unknown_as_those_that_are_not(site: Site) -> None:
    ann, ben = site.client("ann"), site.client("ben")
    mine = [next_task(ann)]
    mine.append(next_task(ann, (mine[0]["task"],)))
    theirs = next_task(ben)
    others = next(task for task in mine if task["task"] != theirs["task"])
    question = others["rows"][0]["question"]
    for path, said in (
        ("/unfit", {"task": others["task"]}),
        ("/suggest", {"task": others["task"], "class": 5}),
        ("/answers", {"answers": [{"question": question, "answer": 2, "revision": 0}]}),
    ):
        response = ben.post(path, json=said)
        assert response.status_code == 400
        assert response.json()["error"].startswith("the rater was not shown this ")


@pytest.mark.parametrize("path", ["/next", "/answers", "/unfit", "/suggest", "/undo"])
def test_a_keeper_answers_nothing(site: Site, path: str) -> None:
    response = site.client("kim").post(path, json={})
    assert (response.status_code, response.json()) == (404, {"error": "there is no such page"})


@pytest.mark.parametrize("path", ["/classes", "/images/0", "/examples/0"])
def test_pictures_and_classes_are_for_those_who_are_signed_in(site: Site, path: str) -> None:
    task = next_task(site.client("ann"))
    for client in (site.client(), forged(site)):
        for at in (path, "/" + task["image"]):
            assert client.get(at).status_code == 401


def forged(site: Site) -> TestClient:
    """A browser with a cookie that no server gave it."""
    client = site.client()
    (name,) = site.client("ann").cookies
    client.cookies.set(name, "A" * 43)
    return client


def test_the_cookie_of_another_campaign_opens_nothing(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = make_site(tmp_path_factory.mktemp("other"))
    client = site.client()
    ((_, secret),) = other.client("ann").cookies.items()
    (name,) = site.client("ann").cookies
    client.cookies.set(name, secret)
    assert client.post("/next", json={"held": []}).status_code == 401
    assert list(other.client("ann").cookies) != [name]


def test_a_golden_task_looks_like_all_others(tmp_path: Path) -> None:
    site = make_site(tmp_path, sizes=(2,) * 6, rules=Rules(votes=2, golden_rate=0.5))
    client = site.client("ann")
    looks: dict[bool, set[str]] = {True: set(), False: set()}
    while task := client.post("/next", json={"held": []}).json().get("task"):
        address = task["image"].rpartition("/")[2]
        found = find_image(site.campaign, address)
        assert found is not None
        kinds = {name: type(value).__name__ for name, value in task.items()}
        rows = {(name, type(value).__name__) for row in task["rows"] for name, value in row.items()}
        given = [{"question": row["question"], "answer": 2, "revision": 0} for row in task["rows"]]
        kept = client.post("/answers", json={"answers": given}).json()
        look = [kinds, sorted(rows), len(address), kept["truths"], sorted(kept)]
        looks[found.name.startswith("golden")].add(json.dumps(look))
    assert looks[True]
    assert looks[True] == looks[False]
    site.campaign.close()


def test_what_a_rater_gets_tells_nothing_of_where_it_is_from(site: Site) -> None:
    """Neither names of files, nor which questions are golden, nor what others said."""
    site.client("ben").post("/answers", json={"answers": []})
    client = site.client("ann")
    texts = [client.get("/").text, client.get("/classes").text]
    held: tuple[int, ...] = ()
    for _ in range(2):
        task = next_task(client, held)
        held = (*held, task["task"])
        texts.append(json.dumps(task))
        image = client.get("/" + task["image"])
        texts.append(str(dict(image.headers)) + image.content.decode("latin-1"))
        assert set(task) == {"task", "image", "practice", "number", "rows"}
    for text in texts:
        for secret in ("main/", "golden", ".png", ".jpg", "truth", "posterior", "original", "votes", "ben", "expert-7"):
            assert secret not in text
