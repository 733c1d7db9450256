"""Children of one process that has loaded the package: each runs a row in a folder, and meets a fault.

A child is a fork, which costs a few milliseconds. It is made before polars and numba have begun any work, as neither
goes on in a fork. Faults: a signal at the n-th call, of Python or of C, after the first file is begun; or after some
seconds; memory or files that may not grow beyond some bytes; a standard stream that takes nothing; folders that cannot
be written.
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
_SECONDS = 60  # of the processor, for one child
_NEEDED = (
    *("polars", "scipy.stats", "scipy.cluster.hierarchy", "jinja2", "fontTools.subset", "PIL.features"),
    *("matplotlib.figure", *(f"matplotlib.backends.backend_{kind}" for kind in ("agg", "pdf", "svg"))),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "reassess.annotation.store.progress"),
    *("reassess.annotation.export_folder", "reassess.annotation.store.creation"),
    *(f"reassess.numeric.{kind}_kernels" for kind in ("em", "rank", "resampling", "vote")),
)


@dataclass(frozen=True)
class Child:
    """How a child ended: its code, or less than 0 by a signal; what it printed; how it wrote."""

    code: int
    out: str
    err: str
    calls: int  # from the first file that was begun to the end
    writers: list[str]  # the functions that began to write a file
    seconds: float


class Nursery:
    """The process whose children run rows."""

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
    """Load what rows need, so that no child loads it again; then make children."""
    from numba.core.registry import cpu_target

    from reassess.cli import app
    from tests.helpers import leaves

    leaves(app)
    for name in _NEEDED:
        with suppress(ImportError):  # of an extra that is not installed
            import_module(name)
    cpu_target.target_context.refresh()  # what numba loads before the first loop
    import_module("tests.faults.rows")
    import_module("tests.formats.test_paths")
    gc.freeze()  # so that children share the memory of what is loaded
    for line in sys.stdin:
        print(json.dumps(_child(*json.loads(line))), flush=True)  # noqa: T201 - the answer


def _child(row: str, folder: str, fault: dict[str, Any]) -> dict[str, Any]:
    """Make a child, wait for its end, and tell of it."""
    pipes = [os.pipe() for _ in range(3)]
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _live(row, folder, fault, [write for _, write in pipes])
    for _, write in pipes:
        os.close(write)
    if (after := fault.get("after")) is not None:
        time.sleep(after)
        os.kill(pid, fault["signal"])
    out, err, told = (os.fdopen(read, "rb").read().decode() for read, _ in pipes)
    _, status = os.waitpid(pid, 0)
    report = json.loads(told or "{}")
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out,
        "err": err,
        "calls": report.get("calls", 0),
        "writers": report.get("writers", []),
        "seconds": time.monotonic() - start,
    }


def _live(row: str, folder: str, fault: dict[str, Any], pipes: list[int]) -> None:
    """Run a row, and end the process as Python does: what is left to print is printed, or the code is 120."""
    from tests.faults.rows import run_row

    os.chdir(folder)
    os.dup2(pipes[0], 1)
    os.dup2(pipes[1], 2)
    watch = _Watch(fault)
    _meet(fault)
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
    """Sees files begun, counts calls from then on, and sends this process a signal at one of them."""

    def __init__(self, fault: dict[str, Any]) -> None:
        self.calls = 0
        self.writers: set[str] = set()
        self._at, self._signal = fault.get("at"), fault.get("signal")
        sys.addaudithook(self._see)

    def _see(self, event: str, _: object) -> None:
        if event == "tempfile.mkstemp":
            self.writers.add(_writer(sys._getframe(1)))
            sys.setprofile(self._count)

    def _count(self, *_: object) -> None:
        self.calls += 1
        if self.calls == self._at:
            os.kill(os.getpid(), self._signal)


def _writer(frame: FrameType | None) -> str:
    """The function that has begun a file: the one below `writing`, which is a context manager."""
    names = []
    while frame is not None:
        names.append((frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        frame = frame.f_back
    after = names[names.index(("reassess.formats.files", "writing")) + 1 :]
    return next(f"{module}.{name}" for module, name in after if module != "contextlib")


def _meet(fault: dict[str, Any]) -> None:
    """Bring a fault about, but for signals."""
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    if (most := fault.get("bytes")) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if (most := fault.get("memory")) is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
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
            setattr(sys, name, None)  # as Python begins
    if fault.get("no privilege"):  # of root, who may write into any folder
        head, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(head, none) == 0


if __name__ == "__main__":
    _serve()
