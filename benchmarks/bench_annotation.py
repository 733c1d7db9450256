"""Speed of a campaign: simulated raters, and the server beside a bare one, on one machine."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotation_load import Load, LoadRater, rate, running, serving
from scipy.stats import rankdata

from reassess import Classes, Questions, Tasks, Votes
from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    TaskRow,
    add_person,
    create_campaign,
    last_turn,
    make_link,
    next_turn,
    only_process,
    open_campaign,
    save_answers,
    skip_task,
    suggest,
)
from reassess.annotation.store.log_file import LogFile
from reassess.annotation.store.shown_items import golden_truths, image_addresses
from reassess.core import KNOWN_ANSWERS, StopRule
from tests.annotation.postgresql import new_database, running_server

_TASKS, _EACH = 50_000, 8  # as many questions as a page shows, of which a stop rule leaves two thirds open
_SECONDS = 60.0  # so that the first requests, of which each statement is compiled, are few
_GOLDEN = 200  # tasks
_CHANGES = 60  # of an answer, by which somebody would tell golden tasks
_CLASSES = Classes(1000, names=tuple(f"class {number}" for number in range(1000)))


def tasks_of(count: int, each: int, prefix: str = "") -> Tasks:
    names = [f"{prefix}{number:06}.jpg" for number in range(count) for _ in range(each)]
    asked = Questions.from_columns(names, np.arange(count * each) % 1000, _CLASSES)
    return Tasks(asked, np.arange(0, count * each + 1, each), np.arange(count), ["all"] * count)


def is_valid(_: str, class_id: int) -> bool:
    """What experts say, and raters see."""
    return class_id % 3 == 0


def plan_of_golden_and_stop(tasks: int = _TASKS) -> CampaignPlan:
    """Golden questions among the tasks, and a rule by which questions close."""
    golden = tasks_of(_GOLDEN, _EACH, "golden ")
    asked = golden.questions
    said = np.array([2 * is_valid("", class_id) for class_id in asked.class_ids.tolist()])
    experts = Votes.from_columns(asked, np.arange(len(asked)), np.zeros(len(asked), int), said, ("eve",), KNOWN_ANSWERS)
    rules = Rules(per_question=5, stop=StopRule(0.01, 0.99))
    return CampaignPlan(tasks_of(tasks, _EACH), rules=rules, golden_tasks=golden, experts=experts)


def bare_command(address: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("bare_server.py")), address]


def bare(address: str) -> AbstractContextManager[str]:
    return running(bare_command(address), what=address)


def rated(address: str, raters: int, think: float) -> Load:
    """What comes of raters in a new campaign."""
    create_campaign(address, plan_of_golden_and_stop())
    campaign, now = open_campaign(address), time.time()
    tokens = [make_link(campaign, add_person(campaign, f"rater {number}"), now) for number in range(raters)]
    campaign.close()
    with serving(address) as pages:
        return work(pages, tokens, think)


def work(pages: str, tokens: list[str], think: float) -> Load:
    raters = [LoadRater(think=think)] * len(tokens)
    return rate(pages, tokens, raters, is_valid, seconds=_SECONDS, images=False)


def at(took: Any, share: float) -> float:
    return float(np.quantile(took, share))


def compare_with_bare(row: Any, name: str, address: str, bare_address: str, raters: int, think: float) -> Load:
    """Rows for the times of the server beside a bare one; it may not fail."""
    with bare(bare_address) as pages:
        least = work(pages, [""] * raters, think)
    found = rated(address, raters, think)
    assert max(found.statuses) < 500, found.statuses
    rate_of, least_rate = found.answers / found.seconds, least.answers / least.seconds
    print(f"{name}: {rate_of:.0f} answers a second, a bare server {least_rate:.0f}; statuses {dict(found.statuses)}")
    for what, took, bare_took in (
        ("next", found.next_seconds, least.next_seconds),
        ("submit", found.answer_seconds, least.answer_seconds),
    ):
        for share in (0.5, 0.95):
            against = "a bare server"
            row(f"{name}, {what}, {share:.0%}", at(took, share), against, at(bare_took, share), "<= 10")
    return found


def test_eight_raters_who_think_a_second(row: Any, tmp_path: Path) -> None:
    name = "8 raters, 1 s of thought, SQLite"
    found = compare_with_bare(row, name, str(tmp_path / "c.db"), str(tmp_path / "bare.db"), 8, 1.0)
    row(f"{name}, next, 50%", at(found.next_seconds, 0.5), "5 ms", 0.005, "<= 1")
    row(f"{name}, next, 95%", at(found.next_seconds, 0.95), "25 ms", 0.025, "<= 1")
    row(f"{name}, submit, 95%", at(found.answer_seconds, 0.95), "25 ms", 0.025, "<= 1")


@pytest.mark.parametrize(("where", "raters", "think"), [("SQLite", 8, 0.0), ("PostgreSQL", 50, 1.0)])
def test_as_many_answers_as_can_be(row: Any, tmp_path: Path, where: str, raters: int, think: float) -> None:
    name = f"{raters} raters, {think:g} s of thought, {where}"
    with ExitStack() as stack:
        addresses = [str(tmp_path / "c.db"), str(tmp_path / "bare.db")]
        if where == "PostgreSQL":
            server = stack.enter_context(running_server(durable=True))
            addresses = [new_database(server) for _ in addresses]
        found = compare_with_bare(row, name, *addresses, raters, think)
    row(f"{name}, 200 answers", 200 * found.seconds / found.answers, "1 s", 1.0, "<= 1")
    row(f"{name}, next, 95%", at(found.next_seconds, 0.95), "50 ms", 0.05, "<= 1")
    row(f"{name}, submit, 95%", at(found.answer_seconds, 0.95), "50 ms", 0.05, "<= 1")


def test_the_log_of_a_served_file_is_looked_at_with_every_change(
    row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_intact, looks, changes = LogFile.is_intact, [0.0], []

    def timed_look(*args: Any, **how: Any) -> bool:
        begin = time.perf_counter()
        found = is_intact(*args, **how)
        looks[-1] += time.perf_counter() - begin
        return found

    create_campaign(tmp_path / "c.db", plan_of_golden_and_stop(1_000))
    with only_process(tmp_path / "c.db"):
        campaign = open_campaign(tmp_path / "c.db")
        person = add_person(campaign, "ann")
        question = next_turn(campaign, person, time.time()).rows[0].question
        monkeypatch.setattr(LogFile, "is_intact", timed_look)
        for revision in range(1_500):
            given = [GivenAnswer(question, 2 * (revision % 2), 1.0, revision)]
            begin = time.perf_counter()
            save_answers(campaign, person, given, time.time())
            changes.append(time.perf_counter() - begin)
            looks.append(0.0)
        campaign.close()
    for name, of in (("mean", np.mean), ("50%", np.median)):
        row(f"looks at the log, {name}", float(of(looks[:-1])), "the whole change", float(of(changes)), "<= 0.1")
    print(*(f"{1e6 * float(of(times)):.0f} us" for times in (looks[:-1], changes) for of in (np.mean, np.median)))


def timed(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def auc(golden: Sequence[float], main: Sequence[float]) -> float:
    """How well times tell golden tasks from main ones: 0.5 not at all, 1 always."""
    ranks = rankdata([*golden, *main])[: len(golden)]
    share = (ranks.sum() / len(golden) - (len(golden) + 1) / 2) / len(main)
    return float(max(share, 1 - share))


@pytest.mark.parametrize("where", ["SQLite", "PostgreSQL"])
def test_times_do_not_tell_golden_tasks(row: Any, tmp_path: Path, where: str) -> None:
    """In process, so that no network hides them: of each request of a rater, after four others have answered."""
    with ExitStack() as stack:
        address = str(tmp_path / "c.db")
        if where == "PostgreSQL":
            address = new_database(stack.enter_context(running_server()))
        rules = Rules(per_question=5, stop=StopRule(0.01, 0.99), golden_share=0.5)
        create_campaign(address, replace(plan_of_golden_and_stop(2_000), rules=rules))
        campaign = open_campaign(address)
        addresses = {name: address for address, name in image_addresses(campaign).items()}
        golden = {addresses[image] for image, _ in golden_truths(campaign)}
        took: dict[str, dict[bool, list[float]]] = {}
        for number in range(5):
            person = add_person(campaign, f"rater {number}")
            for step in range(200):
                times = times_of_a_turn(campaign, person, step, changes=_CHANGES if number == 4 else 1)
                image = times.pop("image")
                for what, seconds in times.items() if number == 4 and step >= 20 else ():
                    took.setdefault(what, {True: [], False: []})[image in golden].append(seconds)
        campaign.close()
    for what, seconds in took.items():
        medians = [1000 * float(np.median(seconds[kind])) for kind in (True, False)]
        print(f"{where}, {what}: golden {medians[0]:.2f} ms, main {medians[1]:.2f} ms")
        row(f"{where}, {what}: area under the curve", auc(seconds[True], seconds[False]), "0.6", 0.6, "<= 1")


def times_of_a_turn(campaign: Campaign, person: int, step: int, *, changes: int) -> dict[str, Any]:
    """How long each request of a turn takes, and its image."""
    times: dict[str, Any] = {}
    chance = np.random.default_rng([person, step])

    def request(what: str, do: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        found = do()
        times[what] = time.perf_counter() - begin
        return found

    def given(rows: Sequence[TaskRow], revision: int = 0) -> list[GivenAnswer]:
        said = [2 * is_valid("", shown.class_id) if chance.random() < 0.9 else 1 for shown in rows]
        return [GivenAnswer(shown.question, answer, 1.0, revision) for shown, answer in zip(rows, said, strict=True)]

    turn = request("next", lambda: next_turn(campaign, person, time.time()))
    first, *others = turn.rows
    request("next on another page", lambda: next_turn(campaign, person, time.time()))
    request("submit one answer", lambda: save_answers(campaign, person, given([first]), time.time()))
    request("submit the others", lambda: save_answers(campaign, person, given(others), time.time()))
    for revision in range(1, changes + 1):
        one = GivenAnswer(first.question, 2 * (revision % 2), 1.0, revision)
        request(f"change {revision}", lambda one=one: save_answers(campaign, person, [one], time.time()))
    each = [times.pop(f"change {revision}") for revision in range(1, changes + 1)]
    times["change an answer"], times[f"{changes} changes"] = each[-1], sum(each)
    request("back", lambda: last_turn(campaign, person))
    request("suggest", lambda: suggest(campaign, person, turn.task, 999 - step % 7, time.time()))
    if step % 2 == 0:
        request("skip", lambda: skip_task(campaign, person, turn.task, time.time()))
    return times | {"image": turn.image}


def first_page(command: Sequence[str]) -> None:
    """Start a server, whose first line ends with its address, and get its first page."""
    with running(command, what=command[-1]) as said, urllib.request.urlopen(said.split()[-1], timeout=60) as page:
        page.read()


def test_start_to_first_page(row: Any, tmp_path: Path) -> None:
    """With an image of each task, which `serve` looks for."""
    (tmp_path / "images").mkdir()
    plan = replace(plan_of_golden_and_stop(), images=str(tmp_path / "images"))
    for part in (plan.tasks, plan.golden_tasks):
        for name in dict.fromkeys(part.questions.images):
            (tmp_path / "images" / name).touch()
    create_campaign(tmp_path / "c.db", plan)
    serve = [sys.executable, "-m", "reassess", "annotate", "serve", str(tmp_path / "c.db"), "--address", "127.0.0.1:0"]
    bare_serve = bare_command(str(tmp_path / "bare.db"))
    for command in (serve, bare_serve):
        first_page(command)  # byte code is kept
    seconds, bare_seconds = timed(lambda: first_page(serve)), timed(lambda: first_page(bare_serve))
    row("start to first page", seconds, "2 s", 2.0, "<= 1")
    row("start to first page", seconds, "a bare server", bare_seconds, "<= 10")


def test_install(row: Any, tmp_path: Path) -> None:
    """What the extra brings beyond the core, in environments that are made for it."""
    sizes = []
    for extra in ("", "[annotate]"):
        place = tmp_path / f"site{extra.strip('[]')}"
        project = f"{Path(__file__).parent.parent}{extra}"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", place, project], check=True)
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "list", "--path", place, "--format=json"],
            check=True,
            capture_output=True,
            text=True,
        )
        megabytes = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 1e6
        sizes.append((len(json.loads(listed.stdout)), megabytes))
    packages, megabytes = (more - core for core, more in zip(*sizes, strict=True))
    print(f"the extra brings {packages} packages, {megabytes:.0f} MB")
    row("packages beyond the core", packages, "16 packages", 16, "<= 1")
    row("megabytes beyond the core", megabytes, "70 MB", 70, "<= 1")
