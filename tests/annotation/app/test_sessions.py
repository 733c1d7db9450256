"""Sessions protect people from each other."""

import itertools
import re
from operator import itemgetter
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from reassess.annotation import Rules, read_image_names_by_address
from reassess.annotation.app import application
from tests.annotation.app.sites import Site, answers_to, make_site, next_task


@pytest.mark.parametrize("path", ["/classes", "/progress", "/images/0", "/thumbnails/0", "/examples/0"])
def test_images_and_classes_need_a_session(still_site: Site, path: str) -> None:
    task = next_task(still_site.client("ann"))
    for client in (still_site.client(), forged(still_site)):
        for at in (path, "/" + task["image"]):
            assert client.get(at).status_code == 401


def forged(site: Site) -> TestClient:
    """Return a client with a forged cookie."""
    client = site.client()
    (name,) = site.client("ann").cookies
    client.cookies.set(name, "A" * 43)
    return client


def test_cookie_of_another_campaign_gives_no_access(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = make_site(tmp_path_factory.mktemp("other"))
    client = site.client()
    ((_, secret),) = other.client("ann").cookies.items()
    (name,) = site.client("ann").cookies
    client.cookies.set(name, secret)
    assert client.post("/next", json={"held": []}).status_code == 401
    assert list(other.client("ann").cookies) != [name]


SECRETS = ("golden", "n01440764", ".png", "expert-7", "eva", "ben", "posterior", "proposed", "original")


def form_of(response: Response) -> tuple[str, ...]:
    """Return everything of a response except lengths, numbers, addresses and pixels."""
    values = {name: value for name, value in response.headers.multi_items() if name != "content-length"}
    is_json = response.headers.get("content-type") == "application/json"
    text = re.sub("images/[0-9a-f]{32}", "images/*", response.text) if is_json else ""
    return str(response.status_code), str(values), str(list(response.headers)), re.sub("[0-9]+", "0", text)


def test_session_does_not_reveal_golden_tasks(tmp_path: Path) -> None:
    """Responses do not reveal file names, answers of others, or which questions are golden."""
    rules = Rules(votes_per_question=2, golden_share=0.5)
    plan = {"golden": 24, "golden_type": "png", "golden_size": 4, "folder_name": "n01440764"}
    site = make_site(tmp_path, sizes=(1, 2, 3) * 8, rules=rules, name="Shapes", **plan)
    ann, ben = site.client("ann"), site.client("ben")
    static = Path(application.__file__).parent / "static"
    responses = [ann.get(path) for path in ("/", "/classes", *(f"/static/{path_.name}" for path_ in static.iterdir()))]
    forms: dict[bool, set[tuple[str, ...]]] = {True: set(), False: set()}
    tasks: dict[bool, list[int]] = {True: [], False: []}
    questions: dict[bool, list[int]] = {True: [], False: []}
    next_response = ann.post("/next", json={"held": []})
    for turn in itertools.count():
        task = next_response.json()["task"]
        if task is None:
            break
        number, rows, address = task["task"], task["rows"], "/" + task["image"]
        name = read_image_names_by_address(site.campaign)[address.rpartition("/")[2]]
        after = ann.post("/next", json={"held": [number]})
        body = answers_to(task)
        requests = {
            "shown": next_response,
            "image": ann.get(address),
            "head": ann.head(address),
            "of another": ben.post("/answers", json=body),
            "skipped for another": ben.post("/skip", json={"task": number}),
            "suggested": ann.post("/suggest", json={"task": number, "class": 5}) if turn % 4 == 1 else None,
            "skipped": ann.post("/skip", json={"task": number}) if turn % 4 == 2 else None,
            "answers": ann.post("/answers", json=body),
            "again": ann.post("/answers", json=body),
            "undone": ann.post("/back", json={"held": []}),
        }
        is_golden = name.startswith("golden")
        in_order = rows == sorted(rows, key=itemgetter("question"))
        got = {what: response for what, response in requests.items() if response is not None}
        forms[is_golden] |= {(what, str(in_order), *form_of(response)) for what, response in got.items()}
        tasks[is_golden].append(number)
        questions[is_golden] += [row["question"] for row in rows]
        responses += got.values()
        next_response = after
    assert min(len(tasks[True]), len(tasks[False])) > 10
    assert forms[True] == forms[False]
    for numbers in (tasks, questions):  # neither kind of task has only the smaller responses
        assert min(numbers[True]) < max(numbers[False])
        assert min(numbers[False]) < max(numbers[True])
    for response in [*responses, next_response]:
        text = str(response.headers.multi_items()) + response.content.decode("latin-1")
        assert [secret for secret in SECRETS if secret in text.lower()] == []
