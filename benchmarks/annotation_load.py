"""Load test of a campaign server: programs send the requests of the rating page, and lose some connections."""

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
_RETRY = 0.05  # seconds between attempts
_PATIENCE = 30.0  # seconds without a response before giving up
_CHECK_AGAIN = 0.5  # seconds between requests while no task is free
_TASKS_PER_PROGRESS = 10  # tasks between requests for the rater's progress, as the page sends them
_CSRF = re.compile(r'<meta name="csrf" content="([0-9a-f]+)">')
_Result = TypeVar("_Result")
_SERVE = """
import sys
from functools import partial
from reassess import annotation

campaign = annotation.open_campaign(sys.argv[1])
annotation.serve(annotation.make_app(campaign), port=0, report_address=partial(print, flush=True))
"""


@contextmanager
def serve_campaign(campaign: str | Path) -> Iterator[str]:
    """Serve a campaign without its images on a free local port; yield the address of its pages."""
    with run_server([sys.executable, "-c", _SERVE, str(campaign)], where=campaign) as address:
        yield address


@contextmanager
def run_server(command: Sequence[str], *, where: object) -> Iterator[str]:
    """Run a server during the block; yield the first line it prints, which has its address."""
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                if not address:
                    process.wait()
                    errors.seek(0)
                    *_, message = re.split(r"\n(?=\S)", errors.read().strip())  # the error comes last
                    raise DataError("server-failed", "server does not start", where=where, found=message)
                reader = Thread(target=process.stdout.read)  # the server would stop at a full pipe
                reader.start()
                yield address
                process.terminate()
                reader.join()
            finally:
                process.kill()


class PageClient:
    """A signed-in person with one open connection."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path.rstrip("/")
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        self._headers = {"Content-Type": "application/json"}
        self.seconds: list[float] = []  # response times of `post`
        self.ends: list[float] = []  # when the responses arrived
        self.statuses: dict[int, int] = {}  # number of responses by status, after signing in
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
        body = response.read().decode(errors="replace")
        if response.status != 204:
            raise DataError("link-refused", "server rejects a sign-in link", where=address, found=body)
        self._headers["Cookie"] = response.getheader("Set-Cookie", "").partition(";")[0]
        self._send("GET", "", None)
        csrf = _CSRF.search(self._connection.getresponse().read().decode(errors="replace"))
        if csrf is None:
            raise DataError("wrong-page", "page is not a rating page", where=address)
        self._headers["X-CSRF-Token"] = csrf[1]

    def post(self, route: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send a request, and return the JSON response."""
        begin = perf_counter()
        status, body = self._exchange("POST", route, content)
        end = perf_counter()
        self.seconds.append(end - begin)
        self.ends.append(end)
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
        """Fetch an image; return whether the server sends it."""
        return self._exchange("GET", path, None)[0] == 200

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, method: str, path: str, content: dict[str, Any] | None) -> tuple[int, bytes]:
        """Return the status and body of the response; raise `ConnectionError` if the connection is lost."""
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
    """The behaviour of a program that rates."""

    matrix: Sequence[Sequence[float]] = ((0.9, 0.05, 0.05), (0.05, 0.05, 0.9))  # confusion matrix, shape (2, 3)
    think: float = 0.0  # mean seconds per task
    drop: float = 0.0  # probability that a connection is lost


@dataclass(frozen=True, eq=False)
class Load:
    """What all programs did together, and the server's response times."""

    tasks: int
    answers: int  # without repeats after a lost connection
    lost: int  # lost connections
    seconds: float
    response_seconds: npt.NDArray[np.float64]  # of requests that save answers, give a task, or both
    response_ends: npt.NDArray[np.float64]  # when the responses arrived, as time.perf_counter
    statuses: dict[int, int]
    n_repeated: int  # requests without a response, or with status 5xx, which were sent again


def rate(
    address: str,
    tokens: Sequence[str],
    raters: Sequence[LoadRater],
    truth: Callable[[str, int], bool],
    *,
    seconds: float = 60.0,
    seed: int = 0,
    images: bool = True,
    acknowledge: Callable[[int, list[dict[str, Any]]], None] = lambda *_: None,
    is_over: Callable[[], bool] = lambda: False,
) -> Load:
    """Let programs rate, one thread each, until no task is left, the time is over, or `is_over` returns True.

    `acknowledge` gets the number of the program and the answers of each saved request. The answer to a question depends
    only on the seed, the rater and the question.
    """
    begin = perf_counter()
    workers = [
        _Worker(PageClient(address, token), rater, truth, number, seed, images, acknowledge, is_over)
        for number, (token, rater) in enumerate(zip(tokens, raters, strict=True))
    ]
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(lambda worker: worker.work(begin + seconds), workers))
    statuses: dict[int, int] = {}
    for worker in workers:
        worker.client.close()
        for status, count in worker.client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count

    return Load(
        tasks=sum(worker.tasks for worker in workers),
        answers=sum(worker.answers for worker in workers),
        lost=sum(worker.lost for worker in workers),
        seconds=perf_counter() - begin,
        response_seconds=np.concatenate([worker.client.seconds for worker in workers]),
        response_ends=np.concatenate([worker.client.ends for worker in workers]),
        statuses=statuses,
        n_repeated=sum(worker.n_repeated for worker in workers),
    )


@dataclass
class _Worker:
    client: PageClient
    rater: LoadRater
    truth: Callable[[str, int], bool]
    number: int
    seed: int
    images: bool
    acknowledge: Callable[[int, list[dict[str, Any]]], None]
    is_over: Callable[[], bool]
    tasks: int = 0
    answers: int = 0
    lost: int = 0
    n_repeated: int = 0

    def work(self, until: float) -> None:
        """Answer tasks as the page does: after the first two, each comes with the response to earlier answers."""
        chance = Random(f"{self.seed} {self.number}")
        self._wait(chance.uniform(0, self.rater.think), until)  # so that raters do not start together
        response, following = self._next([]), None
        while perf_counter() < until and not self.is_over():
            if not (task := response["task"]):
                if response["reason"] not in ("waiting", "paused"):
                    break
                self._wait(_CHECK_AGAIN, until)
                response, following = self._next([]), None
                continue
            following = following or self._next([task["task"]])
            if self.rater.think:
                self._wait(chance.expovariate(1 / self.rater.think), until)
                if perf_counter() >= until or self.is_over():  # else all raters would answer when the time is over
                    break
            answers, is_lost = self._answer(task), chance.random() < self.rater.drop
            content = {"answers": answers} | ({"held": [following["task"]["task"]]} if following["task"] else {})
            if is_lost:
                self.client.send_and_disconnect("answers", content)
            saved = self._post("answers", content)
            self.acknowledge(self.number, answers)
            self.tasks, self.answers, self.lost = self.tasks + 1, self.answers + len(answers), self.lost + is_lost
            if self.tasks % _TASKS_PER_PROGRESS == 0:
                self._retry("progress", lambda: self.client.fetch("progress"))
            if following["task"]:
                response, following = following, self._load_image(saved["next"])
            else:
                response, following = self._next([]), None

    def _wait(self, seconds: float, until: float) -> None:
        sleep(min(seconds, max(0.0, until - perf_counter())))

    def _next(self, held: list[int]) -> dict[str, Any]:
        return self._load_image(self._post("next", {"held": held}))

    def _load_image(self, response: dict[str, Any]) -> dict[str, Any]:
        if self.images and response["task"]:
            image = response["task"]["image"]
            self._retry(image, lambda: self.client.fetch(image))
        return response

    def _answer(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        address = task["image"].rpartition("/")[2]
        answers = []
        for row in task["rows"]:
            if row["answer"] is None:
                chance = Random(f"{self.seed} {self.number} {address} {row['class']}")
                answer = chance.choices(range(3), self.rater.matrix[self.truth(address, row["class"])])[0]
                question = {name: row[name] for name in ("question", "revision")}
                answers.append({**question, "answer": answer, "seconds": 1.0})
        return answers

    def _post(self, route: str, content: dict[str, Any]) -> dict[str, Any]:
        return self._retry(route, lambda: self.client.post(route, content))

    def _retry(self, route: str, request: Callable[[], _Result]) -> _Result:
        """Repeat a request until the server responds."""
        begin = time.perf_counter()
        while True:
            try:
                return request()
            except ConnectionError as error:
                self.n_repeated += 1
                if perf_counter() - begin > _PATIENCE:
                    raise DataError(
                        "server-failed", "server is not reachable", where=route, found=str(error)
                    ) from error
                sleep(_RETRY)
