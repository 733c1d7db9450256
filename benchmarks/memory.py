"""Peak memory of a process, and the anonymous memory of a function: without the pages of mapped files."""

import threading
from collections.abc import Callable
from pathlib import Path


def _kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no field {field}")


def peak_mib() -> float:
    """Return the peak resident memory of this process in MiB."""
    return _kib("VmHWM") / 1024


def anonymous_mib(work: Callable[[], object]) -> float:
    """Return the peak increase of anonymous memory while `work` runs, in MiB, sampled every 0.5 ms."""
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
