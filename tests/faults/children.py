"""A fork server: each child process runs a row of `tests.faults.rows` in a folder, with a fault.

A fork takes a few milliseconds. It is made before polars and numba start any work, since neither works after a fork.

Faults are: a signal at the n-th call of a Python or C function after the first file was opened for writing, or after
some seconds; a limit on memory or file size; a standard stream that cannot be written; folders without permission.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Self

_ROOT = Path(__file__).parents[2]
_CPU_SECONDS = 60  # per child
_PRELOADED = (
    *("polars", "scipy.stats", "scipy.cluster.hierarchy", "jinja2", "fontTools.subset", "PIL.features"),
    *("matplotlib.figure", *(f"matplotlib.backends.backend_{kind}" for kind in ("agg", "pdf", "svg"))),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "reassess.annotation.store.progress"),
    *("reassess.annotation.export_folder", "reassess.annotation.store.creation"),
    *(f"reassess.numeric.{kind}_kernels" for kind in ("em", "rank", "resampling", "vote")),
)


@dataclass(frozen=True)
class Child:
    """The result of a child process."""

    code: int  # the exit code, or minus the number of a signal
    out: str
    err: str
    calls: int  # function calls after the first file was opened for writing
    writers: list[str]  # the functions that wrote files
    seconds: float


class ForkServer:
    """A process that forks a child for each row."""

    def __enter__(self) -> Self:
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**variables, "REASSESS_DATA": "", "REASSESS_CACHE": "cache", "REASSESS_BENCHMARK": ""},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, row: str, folder: Path, **fault: Any) -> Child:
        """Run a row in a folder with a fault."""
        self._process.stdin.write(json.dumps([row, str(folder), fault]) + "\n")
        self._process.stdin.flush()
        return Child(**json.loads(self._process.stdout.readline()))


def _serve() -> None:
    """Load everything that rows need, then fork a child for each line of standard input."""
    from numba.core.registry import cpu_target

    from reassess.cli import root_command
    from reassess.report import label_placing
    from tests.helpers import leaves

    leaves(root_command)
    for name in _PRELOADED:
        with suppress(ImportError):  # the extra is not installed
            import_module(name)
    cpu_target.target_context.refresh()  # numba would load this at the first loop
    label_placing._MAX_ORDERS = 1  # labels may be anywhere: only whole files matter
    import_module("tests.faults.rows")
    import_module("tests.formats.test_paths")
    gc.freeze()  # children then share this memory
    for line in sys.stdin:
        print(json.dumps(_fork_child(*json.loads(line))), flush=True)  # noqa: T201 - the result


def _fork_child(row: str, folder: str, fault: dict[str, Any]) -> dict[str, Any]:
    """Fork a child, wait until it ends, and return its result."""
    pipes = [os.pipe() for _ in range(3)]
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _run_child(row, folder, fault, [write for _, write in pipes])
    for _, write in pipes:
        os.close(write)
    if (after := fault.get("after")) is not None:
        time.sleep(after)
        os.kill(pid, fault["signal"])
    out, err, report_text = (os.fdopen(read, "rb").read().decode() for read, _ in pipes)
    _, status = os.waitpid(pid, 0)
    report = json.loads(report_text or "{}")
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out,
        "err": err,
        "calls": report.get("calls", 0),
        "writers": report.get("writers", []),
        "seconds": time.monotonic() - start,
    }


def _run_child(row: str, folder: str, fault: dict[str, Any], pipes: list[int]) -> None:
    """Run a row, then flush the streams and exit like Python, with code 120 if a stream cannot be written."""
    from tests.faults.rows import run_row

    os.chdir(folder)
    os.dup2(pipes[0], 1)
    os.dup2(pipes[1], 2)
    watch = _Watch(fault)
    _apply(fault)
    code: Any = 0
    try:
        run_row(row, force=fault.get("force", False))
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.setprofile(None)
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    try:
        for stream in (sys.stderr, sys.stdout):
            if stream is not None:
                stream.flush()
    except OSError:
        code = 120
    os.write(pipes[2], json.dumps({"calls": watch.calls, "writers": sorted(watch.writers)}).encode())
    os._exit(code)


class _Watch:
    """Counts function calls after the first file is opened for writing, and sends a signal at one of them."""

    def __init__(self, fault: dict[str, Any]) -> None:
        self.calls = 0
        self.writers: set[str] = set()
        self._at, self._signal = fault.get("at"), fault.get("signal")
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: Any) -> None:
        if event == "tempfile.mkstemp" and not str(arguments[0]).endswith(".array"):  # such a file is never an output
            self.writers.add(_find_writer(sys._getframe(1)))
            sys.setprofile(self._count)

    def _count(self, *_: object) -> None:
        self.calls += 1
        if self.calls == self._at:
            os.kill(os.getpid(), self._signal)


def _find_writer(frame: FrameType | None) -> str:
    """Return the function that called the context manager `write_to_temporary`."""
    names = []
    while frame is not None:
        names.append((frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        frame = frame.f_back
    callers = names[names.index(("reassess.formats.files", "write_to_temporary")) + 1 :]
    return next(f"{module}.{name}" for module, name in callers if module != "contextlib")


def _apply(fault: dict[str, Any]) -> None:
    """Set the limits, streams and privileges of a fault."""
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
    if (limit := fault.get("bytes")) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if (limit := fault.get("memory")) is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        state = fault.get(name)
        if state == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), number)
        elif state == "pipe without a reader":
            read, write = os.pipe()
            os.dup2(write, number)
            os.close(read)
            os.close(write)
        elif state == "closed":
            os.close(number)
            setattr(sys, name, None)  # as Python does at its start
    if fault.get("no privilege"):  # root could write into any folder
        header, no_capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(header, no_capabilities) == 0


if __name__ == "__main__":
    _serve()
