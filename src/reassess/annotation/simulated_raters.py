"""Raters as programs: what they answer follows from the truth, by confusion matrices that are known."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter, sleep
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.annotation.page_client import PageClient
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.checks import check_range
from reassess.core.rater_model import VALIDITY
from reassess.errors import DataError
from reassess.text import Shown

__all__ = ["AT_RANDOM", "CAREFUL", "Simulated", "SimulatedRater", "rate"]

CAREFUL = ((0.9, 0.05, 0.05), (0.05, 0.05, 0.9))
AT_RANDOM = ((1 / 3, 1 / 3, 1 / 3), (1 / 3, 1 / 3, 1 / 3))
_MOST_RATERS = 200
_RETRY = 0.05  # seconds
_PATIENCE = 30.0  # seconds for which a server may be away
_LOOK_AGAIN = 0.5  # seconds, where there is nothing to do now

Truth = Callable[[str, int], bool]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class SimulatedRater:
    """How a simulated rater answers.

    Parameters
    ----------
    matrix
        Probability of no, maybe and yes for a class that is invalid, and for one that is valid; shape (2, 3).
    think
        Seconds that they look at a task, on average: exponentially distributed.
    drop
        Probability that the connection is lost before they learn that answers were kept, from 0 to 0.9. They send these
        again.

    Raises
    ------
    DataError
        The matrix is of another shape, or its rows do not add up to 1; a number is out of range.

    Examples
    --------
    >>> rater = SimulatedRater(((1, 0, 0), (0, 0, 1)))
    >>> rater.answer(True, Random(0)), rater.answer(False, Random(0))
    (2, 0)
    """

    matrix: Sequence[Sequence[float]] = CAREFUL
    think: float = 0.0
    drop: float = 0.0

    def __post_init__(self) -> None:
        check_range(self.think, 0, what="seconds of think time")
        check_range(self.drop, 0, 0.9, what="probability of a lost connection")
        sizes = [len(row) for row in self.matrix]
        if sizes != [len(KNOWN_ANSWERS)] * len(VALIDITY) or not all(map(_adds_up, self.matrix)):
            raise DataError(
                "wrong-matrix",
                "not a confusion matrix of a rater",
                allowed="2 rows, invalid and valid, of 3 probabilities, no, maybe and yes, that add up to 1",
                found=[list(row) for row in self.matrix],
            )

    def answer(self, valid: bool, chance: Random) -> int:
        """0 no, 1 maybe or 2 yes, to a question of which the truth is given."""
        return chance.choices(range(len(KNOWN_ANSWERS)), self.matrix[valid])[0]


@dataclass(frozen=True, eq=False, repr=False)
class Simulated(Shown):
    """What came of simulated raters.

    Parameters
    ----------
    raters
        How many.
    tasks, answers
        How many they finished, and gave; each answer once.
    lost
        Number of times that a connection was lost.
    seconds
        How long it took.
    next_seconds, answer_seconds
        float64: how long the server took to show a next task, and to keep answers, each time that it did.
    statuses
        How often the server gave each HTTP status, to requests for tasks and pictures and to answers.
    not_shown
        Number of requests for a picture in which the server showed none: its file is not there, is damaged or has
        changed.
    """

    raters: int
    tasks: int
    answers: int
    lost: int
    seconds: float
    next_seconds: npt.NDArray[np.float64]
    answer_seconds: npt.NDArray[np.float64]
    statuses: Mapping[int, int]
    not_shown: int

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold; times are the median, the 95 % point and the longest, in seconds."""
        times = {
            name: np.quantile(took, (0.5, 0.95, 1.0)).tolist() if took.size else None
            for name, took in (("next_seconds", self.next_seconds), ("answer_seconds", self.answer_seconds))
        }
        return {**vars(self), **times, "statuses": {str(status): n for status, n in sorted(self.statuses.items())}}


def rate(
    address: str,
    tokens: Sequence[str],
    raters: Sequence[SimulatedRater],
    truth: Truth,
    *,
    seconds: float = 60.0,
    seed: int = 0,
    pictures: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Simulated:
    """Let simulated raters work, each in a thread of its own, until nothing is left for them or the time is over.

    What a rater answers to a question depends on the seed, the rater and the question alone, and not on when it is
    asked.

    Parameters
    ----------
    address
        Of the pages of a campaign.
    tokens
        Of the raters' personal links.
    raters
        How each of them answers.
    truth
        Whether a class is valid, by the address of its image and the class id.
    seconds
        How long they work at most.
    seed
        Of what they answer, how long they think, and when connections are lost.
    pictures
        Whether they fetch each picture, as a browser does.
    progress
        Is told the number of answers each time that some were kept.

    Raises
    ------
    DataError
        There are not as many tokens as raters, or too many; server is not reachable; it refuses an answer.
    """
    check_range(len(raters), 1, _MOST_RATERS, what="number of simulated raters")
    check_range(seconds, 0, what="seconds")
    if len(tokens) != len(raters):
        raise DataError(
            "wrong-length", "number of links differs from the number of raters", allowed=len(raters), found=len(tokens)
        )
    begin = perf_counter()
    at_work = [
        _AtWork(PageClient(address, token), rater, truth, number, seed, pictures, progress)
        for number, (token, rater) in enumerate(zip(tokens, raters, strict=True))
    ]
    with ThreadPoolExecutor(len(at_work)) as pool:
        done = list(pool.map(lambda one: one.work(begin + seconds), at_work))
    took = perf_counter() - begin
    clients = [one.client for one in at_work]
    statuses: dict[int, int] = {}
    for client in clients:
        client.close()
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return Simulated(
        raters=len(done),
        tasks=sum(one.tasks for one in done),
        answers=sum(one.answers for one in done),
        lost=sum(one.lost for one in done),
        seconds=took,
        next_seconds=_together(clients, "next"),
        answer_seconds=_together(clients, "answers"),
        statuses=statuses,
        not_shown=sum(client.not_shown for client in clients),
    )


@dataclass(frozen=True)
class _Done:
    tasks: int = 0
    answers: int = 0
    lost: int = 0


@dataclass(frozen=True)
class _AtWork:
    """A rater at work."""

    client: PageClient
    rater: SimulatedRater
    truth: Truth
    number: int
    seed: int
    pictures: bool
    progress: Callable[[int], None]

    def work(self, until: float) -> _Done:
        """Answer tasks, and hold the next one before the last is answered, as the page does."""
        chance, done = Random(f"{self.seed} {self.number}"), _Done()
        self._wait(chance.uniform(0, self.rater.think), until)  # they do not come at one moment
        shown = self._next([])
        while perf_counter() < until:
            if not (task := shown.get("task")):
                if shown["nothing"] not in ("waiting", "paused"):
                    break
                self._wait(_LOOK_AGAIN, until)
                shown = self._next([])
                continue
            after = self._next([task["task"]])
            if self.rater.think:
                self._wait(chance.expovariate(1 / self.rater.think), until)
                if perf_counter() >= until:  # or all would answer at that moment, before they have looked long enough
                    break
            given, lost = self._given(task), chance.random() < self.rater.drop
            if lost:
                self.client.say_and_lose("answers", {"answers": given})
            self._ask("answers", {"answers": given})
            self.progress(len(given))
            done = replace(done, tasks=done.tasks + 1, answers=done.answers + len(given), lost=done.lost + int(lost))
            shown = after if "task" in after else self._next([])
        return done

    def _wait(self, seconds: float, until: float) -> None:
        sleep(min(seconds, max(0.0, until - perf_counter())))

    def _next(self, held: list[int]) -> dict[str, Any]:
        shown = self._ask("next", {"held": held})
        if self.pictures and "task" in shown:
            image = shown["task"]["image"]
            self._keep_asking(image, lambda: self.client.fetch(image))
        return shown

    def _given(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        address = task["image"].rpartition("/")[2]
        given = []
        for row in task["rows"]:
            if row["answer"] is None:
                own = Random(f"{self.seed} {self.number} {address} {row['class']}")
                answer = self.rater.answer(self.truth(address, row["class"]), own)
                given.append(
                    {**{name: row[name] for name in ("question", "revision")}, "answer": answer, "seconds": 1.0}
                )
        return given

    def _ask(self, what: str, said: dict[str, Any]) -> dict[str, Any]:
        return self._keep_asking(what, lambda: self.client.ask(what, said))

    def _keep_asking(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        """Ask until the server answers: a lost connection is one of those things."""
        begin = perf_counter()
        while True:
            try:
                return ask()
            except ConnectionError as error:
                if perf_counter() - begin > _PATIENCE:
                    raise DataError("server-failed", "server is not reachable", where=what, found=str(error)) from error
                sleep(_RETRY)


def _adds_up(row: Sequence[float]) -> bool:
    return min(row) >= 0 and abs(sum(row) - 1) < 1e-6


def _together(clients: Sequence[PageClient], what: str) -> npt.NDArray[np.float64]:
    return np.array([seconds for client in clients for seconds in client.took.get(what, ())], np.float64)
