"""Processes that run cases within limits of memory and time; one that a case ends is replaced, and the run goes on.

A worker takes jobs, a line each, and says the number of each case before it begins it, so that whatever ends the
process is known by its case. In it nothing of a case is caught that would keep the process from ending.
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

MEMORY = 3 << 30  # bytes of a process: its own data and stacks, with some 1 GiB of libraries that are loaded
PROCESSOR = 60  # seconds of a case; the first may compile
WAIT = 300  # seconds of a case, whatever it waits for
_SHOWN = 4000  # last letters of what a process said
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Job:
    """Cases of a target, from a number to before another."""

    target: str
    start: int
    stop: int


@dataclass(frozen=True)
class Failure:
    """A case that failed, and how."""

    target: str
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.how}\nreplay: {self.replay}"

    @property
    def replay(self) -> str:
        """The command that runs the case again."""
        return f"python -m tests.fuzz replay '{self.target}' {self.number}"

    @property
    def kind(self) -> str:
        """What failures of one cause have in common: where they were raised, and the beginning of the last line."""
        lines = [line.strip() for line in self.how.splitlines() if line.strip()]
        return f"{next((line for line in reversed(lines) if line.startswith('File ')), '')} {lines[-1][:40]}"


class Worker:
    """A process that runs cases of a module of targets, each with so many seconds of the processor."""

    def __init__(self, targets: str = "tests.fuzz.targets", *, processor: int = PROCESSOR) -> None:
        self._arguments = [targets, str(processor)]
        self._process: subprocess.Popen[str] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._said.close()

    def run(self, job: Job) -> Iterator[Failure]:
        """Run the cases of a job, and give those that fail."""
        number = job.start
        while number < job.stop:
            process = self._process = self._process or self._started()
            process.stdin.write(json.dumps([job.target, number, job.stop]) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                number, how = json.loads(line)
                if how:
                    yield Failure(job.target, number, how)
                if number == job.stop:
                    return
            yield Failure(job.target, number, self._how_ended(process.wait()))
            self._end()
            number += 1

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", "work", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "REASSESS_DATA": "", "RUST_BACKTRACE": "0"},
        )

    def _how_ended(self, code: int) -> str:
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _SHOWN))
        said = self._said.read().decode(errors="replace")
        if code == -signal.SIGPROF:
            return "took too long"
        return f"{said}\nended by {signal.Signals(-code).name}" if code < 0 else f"{said}\nended with code {code}"


def work(targets: str, processor: int) -> None:
    """Run the jobs of standard input."""
    held = import_module(targets).TARGETS
    say = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            target, start, stop = json.loads(line)
            for number in range(start, stop):
                say.write(json.dumps([number, ""]) + "\n")
                case = case_of(target, held[target], number)
                with limits(processor):
                    how = _how_failed(case, Path(folder))
                if how:
                    say.write(json.dumps([number, how]) + "\n")
            say.write(json.dumps([stop, ""]) + "\n")


@contextmanager
def limits(processor: int) -> Iterator[None]:
    """End the process if what it does takes too long."""
    signal.setitimer(signal.ITIMER_PROF, processor)
    faulthandler.dump_traceback_later(WAIT, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_PROF, 0)


def _how_failed(case: Case, folder: Path) -> str:
    """The traceback of a case that fails; nothing of one that does not."""
    try:
        run_case(case, folder)
    except BaseException:
        text = f"{case.text}\n{traceback.format_exc().rstrip()}"
        return text.encode(errors="backslashreplace").decode()  # so that it can be printed
    return ""
