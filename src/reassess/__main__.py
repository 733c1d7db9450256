"""`python -m reassess` and the console script: the command line, with a word where it is stopped while it loads."""

import gc
import os
import signal
import sys
from typing import TextIO

__all__ = ["entry"]


def entry() -> None:
    """Run the command of this process, and end it with the exit code."""
    gc.set_threshold(100_000)  # a command makes many objects, and seldom circles of them
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # threads that numpy starts sleep while they have no work
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is told to end cleans up, as after Ctrl-C
    try:
        from reassess.cli import main

        code = main()
        _drop_unwritten(sys.stdout)
        sys.exit(code)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


def _drop_unwritten(output: TextIO | None) -> None:
    """Drop what an output did not take, of which `main` has told; else Python tries again as it ends, with code 120."""
    if output is None:  # closed before the process began
        return
    try:
        output.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


if __name__ == "__main__":
    entry()
