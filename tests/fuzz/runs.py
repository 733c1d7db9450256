"""Many cases on several workers, and a file of what is done, from which a run goes on."""

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
    """The jobs of at least so many cases, in rounds of all targets; of more cases, they are the same and more."""
    sizes = {name: target.share * _ROUND for name, target in TARGETS.items()}
    rounds = range(-(-cases // sum(sizes.values())))
    return [Job(name, k * size, (k + 1) * size) for k in rounds for name, size in sizes.items()]


def run(jobs: Sequence[Job], cores: int) -> Iterator[Done]:
    """Run jobs on so many workers, and give each when it is done."""
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
    """A file of jobs that are done, a line each with its failures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.done: list[Done] = [
            (Job(*job), [Failure(*failure) for failure in failures]) for job, failures in map(json.loads, lines)
        ]

    def add(self, job: Job, failures: list[Failure]) -> None:
        """Note a job that is done."""
        self.done.append((job, failures))
        with self._path.open("a") as file:
            file.write(json.dumps([astuple(job), [astuple(failure) for failure in failures]]) + "\n")
