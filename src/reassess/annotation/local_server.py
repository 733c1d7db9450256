"""The server of a campaign in a process of its own, for simulated raters."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread

from reassess.errors import DataError

__all__ = ["running", "serving"]

_SERVE = """
import sys
from functools import partial
from reassess import annotation
from reassess.data.image_sources import open_images

campaign = annotation.open_campaign(sys.argv[1])
images = open_images(sys.argv[2]) if sys.argv[2] else None
annotation.serve(annotation.make_app(campaign, images), port=0, started=partial(print, flush=True))
"""


@contextmanager
def serving(campaign: str | Path, images: str | Path | None = None) -> Iterator[str]:
    """Serve a campaign on a free port of this machine; gives the address of its pages.

    Parameters
    ----------
    campaign
        Its path or address.
    images
        Where its images lie; without them no picture is shown.

    Raises
    ------
    DataError
        The server does not start.
    """
    with running([sys.executable, "-c", _SERVE, str(campaign), str(images or "")], what=campaign) as address:
        yield address


@contextmanager
def running(command: Sequence[str], *, what: object) -> Iterator[str]:
    """Run a server, of which the first line says where it is, as long as the block runs; gives that address."""
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                if not address:
                    process.wait()
                    errors.seek(0)
                    *_, found = re.split(r"\n(?=\S)", errors.read().strip())  # the error is told at the end
                    raise DataError("server-failed", "server does not start", where=what, found=found)
                # A process whose output nobody reads comes to a halt.
                reading = Thread(target=process.stdout.read)
                reading.start()
                yield address
                process.terminate()
                reading.join()
            finally:
                process.kill()
