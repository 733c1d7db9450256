"""The server of a campaign in a process of its own, for simulated raters."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from reassess.errors import DataError

__all__ = ["serving"]

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
    command = [sys.executable, "-c", _SERVE, str(campaign), str(images or "")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    # A process whose output nobody reads comes to a halt.
    errors = Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    errors.start()
    try:
        address = process.stdout.readline().strip()
        if not address:
            errors.join()
            raise DataError("the server does not start", where=campaign, found="".join(said[-1:]).strip())
        Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()
        yield address
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
        process.stdout.close()
