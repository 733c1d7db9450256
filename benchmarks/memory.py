"""Peak anonymous memory of a piece of work: what it allocates, without the pages of mapped files."""

import threading
from collections.abc import Callable
from pathlib import Path


def _kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError("this system does not tell the memory of a process")


def peak_mib() -> float:
    """The highest resident memory of this process since it was started, in MiB."""
    return _kib("VmHWM") / 1024


def anonymous_mib(work: Callable[[], object]) -> float:
    """How far, in MiB, the process's anonymous memory rises above its start while `work` runs; sampled twice a ms."""
    start = peak = _kib("RssAnon")
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.0005):
            peak = max(peak, _kib("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return (max(peak, _kib("RssAnon")) - start) / 1024
