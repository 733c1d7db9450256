"""Runs of many cases on several workers, with a progress file to resume from."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from tests.fuzz.targets import TARGETS
from tests.fuzz.workers import Failure, Job, Worker

_ROUND = 4  # cases of each target in a round, times its share

Done = tuple[Job, list[Failure]]


def jobs_of(cases: int) -> list[Job]:
    """Return jobs with at least `cases` cases, in rounds of all targets. More cases only append jobs."""
    sizes = {name: target.share * _ROUND for name, target in TARGETS.items()}
    rounds = range(-(-cases // sum(sizes.values())))
    return [Job(name, k * size, (k + 1) * size) for k in rounds for name, size in sizes.items()]


def run(jobs: Sequence[Job], cores: int) -> Iterator[Done]:
    """Run jobs on `cores` workers, and yield each finished job with its failures."""
    waiting: Queue[Job] = Queue()
    done: Queue[Done] = Queue()
    for job in jobs:
        waiting.put(job)
    threads = [Thread(target=_serve, args=(waiting, done), daemon=True) for _ in range(cores)]
    for thread in threads:
        thread.start()
    for _ in jobs:
        yield done.get()
    for thread in threads:
        thread.join()


def _serve(waiting: Queue[Job], done: Queue[Done]) -> None:
    with Worker() as worker, suppress(Empty):
        while True:
            job = waiting.get_nowait()
            done.put((job, list(worker.run(job))))


class Progress:
    """A file of finished jobs, with one job and its failures per line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.done: list[Done] = [
            (Job(*job), [Failure(*failure) for failure in failures]) for job, failures in map(json.loads, lines)
        ]

    def add(self, job: Job, failures: list[Failure]) -> None:
        """Append a finished job."""
        self.done.append((job, failures))
        with self._path.open("a") as file:
            file.write(json.dumps([astuple(job), [astuple(failure) for failure in failures]]) + "\n")
