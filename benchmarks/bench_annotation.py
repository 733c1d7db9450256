"""Speed of a campaign with simulated raters, beside a minimal server on the same machine."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotation_load import Load, LoadRater, rate, run_server, serve_campaign
from scipy.stats import rankdata

from reassess import Classes, Questions, Tasks, Votes
from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    TaskQuestion,
    add_person,
    begin_next_turn,
    create_campaign,
    create_sign_in_token,
    find_previous_turn,
    lock_campaign_file,
    open_campaign,
    save_answers,
    skip_task,
    suggest_class,
)
from reassess.annotation.store.shown_items import read_golden_truths, read_image_names_by_address
from reassess.annotation.store.write_ahead_log import WriteAheadLog
from reassess.core import KNOWN_ANSWERS, StopRule
from tests.annotation.postgresql import new_database, running_server

_TASKS, _QUESTIONS = 50_000, 8  # a page shows 8 questions; the stop rule leaves two thirds of them open
_SECONDS = 60.0  # long enough that the first requests, whose SQL statements are compiled, do not count
_GOLDEN_TASKS = 200
_CHANGES = 60  # changes of one answer, whose times might reveal a golden task
_CLASSES = Classes(1000, names=tuple(f"class {number}" for number in range(1000)))


def make_tasks(count: int, prefix: str = "") -> Tasks:
    names = [f"{prefix}{number:06}.jpg" for number in range(count) for _ in range(_QUESTIONS)]
    questions = Questions.from_columns(names, np.arange(len(names)) % 1000, _CLASSES)
    return Tasks(questions, np.arange(0, len(names) + 1, _QUESTIONS), np.arange(count), ["all"] * count)


def is_valid(_: str, class_id: int) -> bool:
    """Return the truth of a question, which the experts answer."""
    return class_id % 3 == 0


def make_plan(tasks: int = _TASKS) -> CampaignPlan:
    """Plan a campaign with golden tasks and a stop rule."""
    golden = make_tasks(_GOLDEN_TASKS, "golden ")
    questions = golden.questions
    answers = np.array([2 * is_valid("", class_id) for class_id in questions.class_ids.tolist()])
    items, eve = np.arange(len(questions)), np.zeros(len(questions), int)
    experts = Votes.from_columns(questions, items, eve, answers, ("eve",), KNOWN_ANSWERS)
    rules = Rules(votes_per_question=5, stop_rule=StopRule(0.01, 0.99))
    return CampaignPlan(make_tasks(tasks), rules=rules, golden_tasks=golden, expert_votes=experts)


def bare_command(address: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("bare_server.py")), address]


def serve_bare(address: str) -> AbstractContextManager[str]:
    return run_server(bare_command(address), where=address)


def rate_campaign(address: str, raters: int, think: float) -> Load:
    """Let programs rate in a new campaign."""
    create_campaign(address, make_plan())
    campaign, now = open_campaign(address), time.time()
    tokens = [create_sign_in_token(campaign, add_person(campaign, f"rater {number}"), now) for number in range(raters)]
    campaign.close()
    with serve_campaign(address) as pages:
        return run_raters(pages, tokens, think)


def run_raters(pages: str, tokens: list[str], think: float) -> Load:
    raters = [LoadRater(think=think)] * len(tokens)
    return rate(pages, tokens, raters, is_valid, seconds=_SECONDS, images=False)


def quantile(seconds: Any, share: float) -> float:
    return float(np.quantile(seconds, share))


def compare_with_bare(row: Any, name: str, address: str, bare_address: str, raters: int, think: float) -> Load:
    """Add rows for the response times of a campaign's server and of a bare one; no response may be an error."""
    with serve_bare(bare_address) as pages:
        bare = run_raters(pages, [""] * raters, think)
    load = rate_campaign(address, raters, think)
    assert max(load.statuses) < 500, load.statuses
    speed, bare_speed = load.answers / load.seconds, bare.answers / bare.seconds
    print(f"{name}: {speed:.0f} answers per second, a bare server {bare_speed:.0f}; statuses {dict(load.statuses)}")
    for share in (0.5, 0.95):
        seconds, bare_seconds = quantile(load.response_seconds, share), quantile(bare.response_seconds, share)
        row(f"{name}, {share:.0%}", seconds, "a bare server", bare_seconds, "<= 10")
    return load


def test_eight_raters_get_fast_responses(row: Any, tmp_path: Path) -> None:
    name = "8 raters, 1 s of thought, SQLite"
    load = compare_with_bare(row, name, str(tmp_path / "c.db"), str(tmp_path / "bare.db"), 8, 1.0)
    row(f"{name}, 95%", quantile(load.response_seconds, 0.95), "25 ms", 0.025, "<= 1")


@pytest.mark.parametrize(("where", "raters", "think"), [("SQLite", 8, 0.0), ("PostgreSQL", 50, 1.0)])
def test_server_saves_many_answers(row: Any, tmp_path: Path, where: str, raters: int, think: float) -> None:
    name = f"{raters} raters, {think:g} s of thought, {where}"
    with ExitStack() as stack:
        addresses = [str(tmp_path / "c.db"), str(tmp_path / "bare.db")]
        if where == "PostgreSQL":
            server = stack.enter_context(running_server(durable=True))
            addresses = [new_database(server) for _ in addresses]
        load = compare_with_bare(row, name, *addresses, raters, think)
    row(f"{name}, 200 answers", 200 * load.seconds / load.answers, "1 s", 1.0, "<= 1")
    row(f"{name}, 95%", quantile(load.response_seconds, 0.95), "50 ms", 0.05, "<= 1")


def test_check_of_the_log_file_is_a_small_part_of_each_change(
    row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contains_all_commits_of_this_process = WriteAheadLog.contains_all_commits_of_this_process
    checks, changes = [0.0], []

    def timed_check(*args: Any, **options: Any) -> bool:
        begin = time.perf_counter()
        result = contains_all_commits_of_this_process(*args, **options)
        checks[-1] += time.perf_counter() - begin
        return result

    create_campaign(tmp_path / "c.db", make_plan(1_000))
    with lock_campaign_file(tmp_path / "c.db"):
        campaign = open_campaign(tmp_path / "c.db")
        person = add_person(campaign, "ann")
        question = begin_next_turn(campaign, person, time.time()).questions[0].question_id
        monkeypatch.setattr(WriteAheadLog, "contains_all_commits_of_this_process", timed_check)
        for revision in range(1_500):
            answers = [GivenAnswer(question, 2 * (revision % 2), 1.0, revision)]
            begin = time.perf_counter()
            save_answers(campaign, person, answers, time.time())
            changes.append(time.perf_counter() - begin)
            checks.append(0.0)
        campaign.close()
    for name, average in (("mean", np.mean), ("50%", np.median)):
        whole = float(average(changes))
        row(f"check of the log file, {name}", float(average(checks[:-1])), "the whole change", whole, "<= 0.1")
    averages = (average(times) for times in (checks[:-1], changes) for average in (np.mean, np.median))
    print(*(f"{1e6 * float(seconds):.0f} us" for seconds in averages))


def measure_seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def auc(golden: Sequence[float], main: Sequence[float]) -> float:
    """Return how well times separate golden tasks from main tasks: 0.5 not at all, 1 perfectly."""
    ranks = rankdata([*golden, *main])[: len(golden)]
    share = (ranks.sum() / len(golden) - (len(golden) + 1) / 2) / len(main)
    return float(max(share, 1 - share))


@pytest.mark.parametrize("where", ["SQLite", "PostgreSQL"])
def test_response_times_do_not_reveal_golden_tasks(row: Any, tmp_path: Path, where: str) -> None:
    """A network would hide differences, so requests are timed in process: the fifth rater's, after four others'."""
    with ExitStack() as stack:
        address = str(tmp_path / "c.db")
        if where == "PostgreSQL":
            address = new_database(stack.enter_context(running_server()))
        rules = Rules(votes_per_question=5, stop_rule=StopRule(0.01, 0.99), golden_share=0.5)
        create_campaign(address, replace(make_plan(2_000), rules=rules))
        campaign = open_campaign(address)
        addresses = {name: address for address, name in read_image_names_by_address(campaign).items()}
        golden = {addresses[image] for image, _ in read_golden_truths(campaign)}
        durations: dict[str, dict[bool, list[float]]] = {}
        for number in range(5):
            person = add_person(campaign, f"rater {number}")
            for step in range(200):
                times = time_turn(campaign, person, step, changes=_CHANGES if number == 4 else 1)
                image = times.pop("image")
                for request, duration in times.items() if number == 4 and step >= 20 else ():
                    durations.setdefault(request, {True: [], False: []})[image in golden].append(duration)
        campaign.close()
    for request, seconds in durations.items():
        medians = [1000 * float(np.median(seconds[is_golden])) for is_golden in (True, False)]
        print(f"{where}, {request}: golden {medians[0]:.2f} ms, main {medians[1]:.2f} ms")
        row(f"{where}, {request}: area under the curve", auc(seconds[True], seconds[False]), "0.6", 0.6, "<= 1")


def time_turn(campaign: Campaign, person: int, step: int, *, changes: int) -> dict[str, Any]:
    """Return the seconds of each request of a turn, and the turn's image."""
    times: dict[str, Any] = {}
    chance = np.random.default_rng([person, step])

    def request(name: str, send: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        response = send()
        times[name] = time.perf_counter() - begin
        return response

    def answer(rows: Sequence[TaskQuestion], revision: int = 0) -> list[GivenAnswer]:
        answers = [2 * is_valid("", row.class_id) if chance.random() < 0.9 else 1 for row in rows]
        return [GivenAnswer(row.question_id, answer, 1.0, revision) for row, answer in zip(rows, answers, strict=True)]

    turn = request("next", lambda: begin_next_turn(campaign, person, time.time()))
    first, *rest = turn.questions
    request("next on another page", lambda: begin_next_turn(campaign, person, time.time()))
    request("submit one answer", lambda: save_answers(campaign, person, answer([first]), time.time()))
    request("submit the others", lambda: save_answers(campaign, person, answer(rest), time.time()))
    for revision in range(1, changes + 1):
        change = GivenAnswer(first.question_id, 2 * (revision % 2), 1.0, revision)
        request(f"change {revision}", lambda change=change: save_answers(campaign, person, [change], time.time()))
    seconds = [times.pop(f"change {revision}") for revision in range(1, changes + 1)]
    times["change an answer"], times[f"{changes} changes"] = seconds[-1], sum(seconds)
    request("back", lambda: find_previous_turn(campaign, person))
    request("suggest", lambda: suggest_class(campaign, person, turn.task_id, 999 - step % 7, time.time()))
    if step % 2 == 0:
        request("skip", lambda: skip_task(campaign, person, turn.task_id, time.time()))
    return times | {"image": turn.image_address}


def load_first_page(command: Sequence[str]) -> None:
    """Start a server and get its first page; the first line that the server prints ends with its address."""
    with run_server(command, where=command[-1]) as line, urllib.request.urlopen(line.split()[-1], timeout=60) as page:
        page.read()


def test_first_page_comes_soon_after_start(row: Any, tmp_path: Path) -> None:
    """Each task has an image file, since `serve` checks that they exist."""
    (tmp_path / "images").mkdir()
    plan = replace(make_plan(), images_path=str(tmp_path / "images"))
    for part in (plan.tasks, plan.golden_tasks):
        for name in dict.fromkeys(part.questions.images):
            (tmp_path / "images" / name).touch()
    create_campaign(tmp_path / "c.db", plan)
    serve = [sys.executable, "-m", "reassess", "annotate", "serve", str(tmp_path / "c.db"), "--address", "127.0.0.1:0"]
    bare_serve = bare_command(str(tmp_path / "bare.db"))
    for command in (serve, bare_serve):
        load_first_page(command)  # so that byte code is cached
    seconds, bare_seconds = (measure_seconds(partial(load_first_page, command)) for command in (serve, bare_serve))
    row("start to first page", seconds, "2 s", 2.0, "<= 1")
    row("start to first page", seconds, "a bare server", bare_seconds, "<= 10")


def test_extra_adds_few_packages(row: Any, tmp_path: Path) -> None:
    """Installs the package without and with the extra, each into an empty folder."""
    sizes = []
    for extra in ("", "[annotate]"):
        folder = tmp_path / f"site{extra.strip('[]')}"
        project = f"{Path(__file__).parent.parent}{extra}"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder, project], check=True)
        pip_list = subprocess.run(
            [sys.executable, "-m", "pip", "list", "--path", folder, "--format=json"],
            check=True,
            capture_output=True,
            text=True,
        )
        megabytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
        sizes.append((len(json.loads(pip_list.stdout)), megabytes))
    packages, megabytes = (total - core for core, total in zip(*sizes, strict=True))
    print(f"the extra adds {packages} packages, {megabytes:.0f} MB")
    row("packages added to the core", packages, "16 packages", 16, "<= 1")
    row("megabytes added to the core", megabytes, "70 MB", 70, "<= 1")
