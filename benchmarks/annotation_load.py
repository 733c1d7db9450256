"""Load on the server of a campaign: programs that rate through the requests of the page, over lost connections."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from tempfile import TemporaryFile
from threading import Thread
from time import perf_counter, sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError

_TIMEOUT = 60.0  # seconds for a response
_RETRY = 0.05  # seconds between tries
_PATIENCE = 30.0  # seconds without a server
_CHECK_AGAIN = 0.5  # seconds between requests while there is no task
_CSRF = re.compile(r'<meta name="csrf" content="([0-9a-f]+)">')
_Result = TypeVar("_Result")
_SERVE = """
import sys
from functools import partial
from reassess import annotation

campaign = annotation.open_campaign(sys.argv[1])
annotation.serve(annotation.make_app(campaign), port=0, started=partial(print, flush=True))
"""


@contextmanager
def serving(campaign: str | Path) -> Iterator[str]:
    """Serve a campaign without its images on a free port of this machine; give the address of its pages."""
    with running([sys.executable, "-c", _SERVE, str(campaign)], what=campaign) as address:
        yield address


@contextmanager
def running(command: Sequence[str], *, what: object) -> Iterator[str]:
    """Run a server while the block runs; give the first line that it prints, with its address."""
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                if not address:
                    process.wait()
                    errors.seek(0)
                    *_, found = re.split(r"\n(?=\S)", errors.read().strip())  # the error comes last
                    raise DataError("server-failed", "server does not start", where=what, found=found)
                reading = Thread(target=process.stdout.read)  # a process stops if nobody reads its output
                reading.start()
                yield address
                process.terminate()
                reading.join()
            finally:
                process.kill()


class PageClient:
    """A signed-in person with one open connection."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path.rstrip("/")
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        self._headers = {"Content-Type": "application/json"}
        self.seconds: dict[str, list[float]] = {}  # of each answered request, by route
        self.statuses: dict[int, int] = {}  # number of responses with each status, after signing in
        try:
            self._sign_in(address, token)
        except (OSError, HTTPException) as error:
            self.close()
            raise DataError("server-failed", "server is not reachable", where=address, found=str(error)) from error
        except DataError:
            self.close()
            raise

    def _sign_in(self, address: str, token: str) -> None:
        self._send("POST", "sign-in", {"token": token})
        response = self._connection.getresponse()
        found = response.read().decode(errors="replace")
        if response.status != 204:
            raise DataError("link-refused", "server rejects a sign-in link", where=address, found=found)
        self._headers["Cookie"] = response.getheader("Set-Cookie", "").partition(";")[0]
        self._send("GET", "", None)
        csrf = _CSRF.search(self._connection.getresponse().read().decode(errors="replace"))
        if csrf is None:
            raise DataError("wrong-page", "page is not a rating page", where=address)
        self._headers["X-CSRF-Token"] = csrf[1]

    def ask(self, route: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send a request, and return the JSON of the response."""
        begin = perf_counter()
        status, body = self._exchange("POST", route, content)
        self.seconds.setdefault(route, []).append(perf_counter() - begin)
        if status >= 500:
            raise ConnectionError(f"status {status}")
        if status >= 300:
            found = f"status {status}, {body.decode(errors='replace')}"
            raise DataError("request-rejected", "server rejects a request", where=route, found=found)
        return json.loads(body) if body else {}

    def send_and_disconnect(self, route: str, content: dict[str, Any]) -> None:
        """Send a request, and lose the connection before the response."""
        with suppress(OSError, HTTPException):
            self._send("POST", route, content)
        self._connection.close()

    def fetch(self, path: str) -> bool:
        """Fetch an image; return whether the server shows it."""
        return self._exchange("GET", path, None)[0] == 200

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, method: str, path: str, content: dict[str, Any] | None) -> tuple[int, bytes]:
        """Return status and body of the response; `ConnectionError` if the connection is lost."""
        try:
            self._send(method, path, content)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise ConnectionError(str(error)) from error
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        return response.status, body

    def _send(self, method: str, path: str, content: dict[str, Any] | None) -> None:
        body = None if content is None else json.dumps(content).encode()
        self._connection.request(method, f"{self._path}/{path}", body, self._headers)


@dataclass(frozen=True)
class LoadRater:
    """How a program rates: its answers, seconds per task on average, and the probability of a lost connection."""

    matrix: Sequence[Sequence[float]] = ((0.9, 0.05, 0.05), (0.05, 0.05, 0.9))
    think: float = 0.0
    drop: float = 0.0


@dataclass(frozen=True, eq=False)
class Load:
    """The work of programs, and the response times of the server."""

    tasks: int
    answers: int  # each once
    lost: int  # connections
    seconds: float
    next_seconds: npt.NDArray[np.float64]
    answer_seconds: npt.NDArray[np.float64]
    statuses: dict[int, int]


def rate(
    address: str,
    tokens: Sequence[str],
    raters: Sequence[LoadRater],
    truth: Callable[[str, int], bool],
    *,
    seconds: float = 60.0,
    seed: int = 0,
    images: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Load:
    """Let programs rate, one thread each, until no task is left or the time is over; `progress` gets saved answers.

    The answer to a question depends only on the seed, the rater and the question.
    """
    begin = perf_counter()
    at_work = [
        _AtWork(PageClient(address, token), rater, truth, number, seed, images, progress)
        for number, (token, rater) in enumerate(zip(tokens, raters, strict=True))
    ]
    with ThreadPoolExecutor(len(at_work)) as pool:
        list(pool.map(lambda one: one.work(begin + seconds), at_work))
    statuses: dict[int, int] = {}
    for one in at_work:
        one.client.close()
        for status, count in one.client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count

    def times(route: str) -> npt.NDArray[np.float64]:
        return np.array([took for one in at_work for took in one.client.seconds.get(route, ())], np.float64)

    return Load(
        tasks=sum(one.tasks for one in at_work),
        answers=sum(one.answers for one in at_work),
        lost=sum(one.lost for one in at_work),
        seconds=perf_counter() - begin,
        next_seconds=times("next"),
        answer_seconds=times("answers"),
        statuses=statuses,
    )


@dataclass
class _AtWork:
    """A program at work."""

    client: PageClient
    rater: LoadRater
    truth: Callable[[str, int], bool]
    number: int
    seed: int
    images: bool
    progress: Callable[[int], None]
    tasks: int = 0
    answers: int = 0
    lost: int = 0

    def work(self, until: float) -> None:
        """Answer tasks; fetch the next one before answering, as the page does."""
        chance = Random(f"{self.seed} {self.number}")
        self._wait(chance.uniform(0, self.rater.think), until)  # raters do not start at the same moment
        shown = self._next([])
        while perf_counter() < until:
            if not (task := shown["task"]):
                if shown["reason"] not in ("waiting", "paused"):
                    break
                self._wait(_CHECK_AGAIN, until)
                shown = self._next([])
                continue
            after = self._next([task["task"]])
            if self.rater.think:
                self._wait(chance.expovariate(1 / self.rater.think), until)
                if perf_counter() >= until:  # otherwise all would answer at that moment
                    break
            given, is_lost = self._given(task), chance.random() < self.rater.drop
            if is_lost:
                self.client.send_and_disconnect("answers", {"answers": given})
            self._ask("answers", {"answers": given})
            self.progress(len(given))
            self.tasks, self.answers, self.lost = self.tasks + 1, self.answers + len(given), self.lost + is_lost
            shown = after if after["task"] else self._next([])

    def _wait(self, seconds: float, until: float) -> None:
        sleep(min(seconds, max(0.0, until - perf_counter())))

    def _next(self, held: list[int]) -> dict[str, Any]:
        shown = self._ask("next", {"held": held})
        if self.images and shown["task"]:
            image = shown["task"]["image"]
            self._keep_trying(image, lambda: self.client.fetch(image))
        return shown

    def _given(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        address = task["image"].rpartition("/")[2]
        given = []
        for row in task["rows"]:
            if row["answer"] is None:
                own = Random(f"{self.seed} {self.number} {address} {row['class']}")
                answer = own.choices(range(3), self.rater.matrix[self.truth(address, row["class"])])[0]
                question = {name: row[name] for name in ("question", "revision")}
                given.append({**question, "answer": answer, "seconds": 1.0})
        return given

    def _ask(self, route: str, content: dict[str, Any]) -> dict[str, Any]:
        return self._keep_trying(route, lambda: self.client.ask(route, content))

    def _keep_trying(self, route: str, ask: Callable[[], _Result]) -> _Result:
        """Repeat a request until the server answers it."""
        begin = time.perf_counter()
        while True:
            try:
                return ask()
            except ConnectionError as error:
                if perf_counter() - begin > _PATIENCE:
                    raise DataError(
                        "server-failed", "server is not reachable", where=route, found=str(error)
                    ) from error
                sleep(_RETRY)
