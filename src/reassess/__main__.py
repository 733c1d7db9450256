"""The entry point of the command line: `python -m reassess`, and the script `reassess`."""

import gc
import io
import os
import signal
import sys
from typing import Any, TextIO


def entry() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    gc.set_threshold(100_000)  # a command makes many objects, and seldom cycles of them
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # threads that numpy starts sleep while they have no work
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a terminated command cleans up, as after Ctrl-C
    _replace_closed_streams()
    try:
        from reassess.cli import main

        code = main()
        _discard_unwritten(sys.stdout)
        sys.exit(code)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


class _StreamIgnoringFailedWrites(io.RawIOBase):
    """A stream that ignores failed writes, for example on a full disk."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def write(self, content: Any) -> int:
        try:
            return int(self._raw.write(content) or len(content))
        except OSError:
            return len(content)


def _replace_closed_streams() -> None:
    """Open the null device in place of closed standard streams, and ignore failed writes to standard error."""
    # Otherwise, the next file that is opened gets the number of the closed stream, and output goes into this file.
    while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(opened)
    if sys.stderr is None:  # closed before the process began
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - to the end of the process
        return
    buffer = getattr(sys.stderr, "buffer", None)
    if buffer is not None:
        held = io.BufferedWriter(_StreamIgnoringFailedWrites(getattr(buffer, "raw", buffer)))
        sys.stderr = io.TextIOWrapper(held, sys.stderr.encoding, sys.stderr.errors, line_buffering=True)


def _discard_unwritten(output: TextIO | None) -> None:
    """Write the remaining output. If this fails, discard it, since Python would exit with code 120.

    `main` has already reported the error.
    """
    if output is None:  # closed before the process began
        return
    try:
        output.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


if __name__ == "__main__":
    entry()
