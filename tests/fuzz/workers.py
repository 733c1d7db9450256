"""Worker processes that run cases with limits on memory and time; a process that dies is replaced.

A worker reads one job per line, and prints the number of each case before running it. So the case that ended a process
is known.
"""

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Self

from tests.fuzz.cases import Case, case_of, run_case

MEMORY = 3 << 30  # bytes of data and stack per process, including about 1 GiB of libraries
CPU_SECONDS = 60  # per case; the first case may compile
WALL_SECONDS = 300  # per case
_TAIL = 4000  # bytes of the standard error in a failure
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Job:
    """The cases of a target with numbers from `start` to before `stop`."""

    target: str
    start: int
    stop: int


@dataclass(frozen=True)
class Failure:
    """A failed case, and how it failed."""

    target: str
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.how}\nreplay: {self.replay}"

    @property
    def replay(self) -> str:
        """The command that replays the case."""
        return f"python -m tests.fuzz replay '{self.target}' {self.number}"

    @property
    def kind(self) -> str:
        """The place in the code and the start of the last line, as a key for failures with one cause."""
        lines = [line.strip() for line in self.how.splitlines() if line.strip()]
        return f"{next((line for line in reversed(lines) if line.startswith('File ')), '')} {lines[-1][:40]}"


class Worker:
    """A process that runs cases of a module of targets, with a limit of CPU seconds per case."""

    def __init__(self, targets: str = "tests.fuzz.targets", *, cpu_seconds: int = CPU_SECONDS) -> None:
        self._arguments = [targets, str(cpu_seconds)]
        self._process: subprocess.Popen[str] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._stderr.close()

    def run(self, job: Job) -> Iterator[Failure]:
        """Run the cases of a job, and yield the failures."""
        number = job.start
        while number < job.stop:
            process = self._process = self._process or self._start()
            process.stdin.write(json.dumps([job.target, number, job.stop]) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                number, how = json.loads(line)
                if how:
                    yield Failure(job.target, number, how)
                if number == job.stop:
                    return
            yield Failure(job.target, number, self._describe_end(process.wait()))
            self._end()
            number += 1

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "REASSESS_DATA": "", "RUST_BACKTRACE": "0"},
        )

    def _describe_end(self, code: int) -> str:
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _TAIL))
        text = self._stderr.read().decode(errors="replace")
        if code == -signal.SIGPROF:
            return "took too long"
        return f"{text}\nended by {signal.Signals(-code).name}" if code < 0 else f"{text}\nended with code {code}"


def work(targets: str, cpu_seconds: int) -> None:
    """Run jobs from standard input, and print failures to standard output."""
    by_name = import_module(targets).TARGETS
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            target, start, stop = json.loads(line)
            for number in range(start, stop):
                results.write(json.dumps([number, ""]) + "\n")
                case = case_of(target, by_name[target], number)
                with limits(cpu_seconds):
                    how = _find_failure(case, Path(folder))
                if how:
                    results.write(json.dumps([number, how]) + "\n")
            results.write(json.dumps([stop, ""]) + "\n")


@contextmanager
def limits(cpu_seconds: int) -> Iterator[None]:
    """End the process if the block takes too long."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    faulthandler.dump_traceback_later(WALL_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_PROF, 0)


def _find_failure(case: Case, folder: Path) -> str:
    """Run a case; return the traceback of a failure, or an empty text."""
    try:
        run_case(case, folder)
    except BaseException:
        text = f"{case.text}\n{traceback.format_exc().rstrip()}"
        return text.encode(errors="backslashreplace").decode()  # the text must be printable
    return ""


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
