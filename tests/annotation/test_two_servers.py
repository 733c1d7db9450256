"""Simulated pages rate through nginx, in front of two servers that are killed in turn."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import perf_counter, sleep
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.annotation_load import Load, LoadRater, rate
from reassess.annotation import Rules
from tests.annotation.app.proxying import Front, running_nginx
from tests.annotation.app.serving import Server
from tests.annotation.app.sites import Site, make_site
from tests.annotation.invariants import Stored, check

_MINUTES = int(os.environ.get("REASSESS_SERVER_MINUTES", "0"))  # 0: a short test
_SECONDS_BETWEEN_KILLS = 20.0
_VOTES = 5
_logger = logging.getLogger(__name__)


@dataclass
class Rating:
    """What the simulated pages did while servers were killed."""

    load: Load
    acknowledged: dict[tuple[int, int], tuple[int, int]]  # revision and answer, by person and question
    outages: list[tuple[float, float]]  # when a server was down

    def response_times(self, *, is_down: bool) -> npt.NDArray[np.float64]:
        """Return the response times of requests while one server was down, or while both were live."""
        seconds, ends = self.load.response_seconds, self.load.response_ends
        overlaps = [(ends > begin) & (ends - seconds < end) for begin, end in self.outages]
        return seconds[np.logical_or.reduce(overlaps) == is_down]


@contextmanager
def two_servers(folder: Path, database: str) -> Iterator[tuple[Front, list[Server]]]:
    """Serve a campaign twice, behind nginx."""
    servers = [Server(folder, root_path="/rating", campaign=database, name=str(number)) for number in range(2)]
    try:
        for server in servers:
            server.start()
        with running_nginx(folder, [server.port for server in servers], "http") as front:
            yield front, servers
    finally:
        for server in servers:
            if server.process is not None:
                server.kill()


def rate_with_kills(site: Site, database: str, raters: LoadRater, n_kills: int, seconds_between_kills: float) -> Rating:
    """Let all raters of a site rate; kill and restart one of two servers after the other."""
    names = [name for name in site.tokens if name.startswith("rater")]
    acknowledged: dict[tuple[int, int], tuple[int, int]] = {}
    has_begun, is_over = Event(), Event()

    def acknowledge(number: int, answers: list[dict[str, Any]]) -> None:
        for answer in answers:
            acknowledged[site.ids[names[number]], answer["question"]] = answer["revision"], answer["answer"]
        has_begun.set()

    with two_servers(site.folder, database) as (front, servers), ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            *(rate, front.address, [site.tokens[name] for name in names], [raters] * len(names), lambda *_: True),
            seconds=3600.0,
            images=False,
            acknowledge=acknowledge,
            is_over=is_over.is_set,
        )
        try:
            _wait_until(has_begun.is_set, working)
            outages: list[tuple[float, float]] = []
            for number in range(n_kills):
                wait([working], seconds_between_kills - (outages[-1][1] - outages[-1][0] if outages else 0.0))
                outages.append(_kill_and_restart(servers[number % 2], working))
            wait([working], seconds_between_kills)
        finally:
            is_over.set()
        return Rating(working.result(), acknowledged, outages)


def _kill_and_restart(server: Server, working: "Future[Load]") -> tuple[float, float]:
    """Kill a server and start it again; return when it was killed, and when it served a request again."""
    begin = perf_counter()
    server.kill()
    n_lines = server.log.read_text().count(" 200\n")
    server.start()
    _wait_until(lambda: server.log.read_text().count(" 200\n") > n_lines, working)
    return begin, perf_counter()


def _wait_until(condition: Callable[[], bool], working: "Future[Load]") -> None:
    while not condition() and not working.done():
        sleep(0.01)


def test_no_answer_is_lost_when_one_of_two_servers_is_killed(tmp_path: Path, database: str) -> None:
    n_raters, think, n_tasks, n_kills, pause = (
        (200, 1.0, 3_000 * _MINUTES, 3 * _MINUTES, _SECONDS_BETWEEN_KILLS) if _MINUTES else (20, 1.0, 100, 2, 0.0)
    )
    raters = tuple(f"rater {number}" for number in range(n_raters))
    rules = Rules(votes_per_question=_VOTES)
    site = make_site(tmp_path, address=database, sizes=(3,) * n_tasks, raters=raters, rules=rules)
    rating = rate_with_kills(site, database, LoadRater(think=think, drop=0.02), n_kills, pause)
    stored = Stored.of(site.campaign)
    votes = np.bincount([row.votes for row in stored.main], minlength=_VOTES + 1)
    _report(rating, votes)
    expert_answers = sum(len(answers) for answers in stored.expert_answers.values())
    check(stored, rating.acknowledged)
    assert len(stored.answers) - expert_answers == len(rating.acknowledged) == rating.load.answers
    assert rating.load.statuses.keys() == {200}


def _report(rating: Rating, votes: npt.NDArray[np.int64]) -> None:
    """Log numbers, which pytest shows with --log-cli-level=INFO."""
    load = rating.load
    _logger.info("%d tasks, %d answers in %.0f seconds", load.tasks, load.answers, load.seconds)
    _logger.info("statuses %s, %d requests repeated, %d lost by clients", load.statuses, load.n_repeated, load.lost)
    _logger.info("votes per question: %s", dict(enumerate(votes.tolist())))
    _logger.info("outages: %s seconds", [round(end - begin, 1) for begin, end in rating.outages])
    for is_down in (False, True):
        seconds = rating.response_times(is_down=is_down)
        quantiles = (1000 * np.quantile(seconds, [0.5, 0.95, 0.99])).round(1).tolist() if len(seconds) else []
        _logger.info("one down: %s, %d requests, 50, 95 and 99 %%: %s ms", is_down, len(seconds), quantiles)
