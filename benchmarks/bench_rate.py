"""Time and memory of `rate` with a server that answers each request after half a second."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.memory import anonymous_mib
from reassess import Classes, Questions, make_tasks
from reassess.core import Tasks
from reassess.proposals import rate

CONCURRENCY, DELAY = 64, 0.5
CLASSES_PER_IMAGE = 8
STUB = Path(__file__).with_name("chat_stub.py")


@contextmanager
def start_server() -> Iterator[str]:
    """Start the server in another process, and return its address."""
    with subprocess.Popen([sys.executable, STUB, str(DELAY)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.terminate()


def write_tasks_and_images(folder: Path, n_images: int) -> Tasks:
    """Write photographs of the size of ImageNet's, and return tasks about eight classes of each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"{number:04d}.jpg" for number in range(n_images)]
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(folder / name, quality=90)
    classes = Classes(CLASSES_PER_IMAGE, names=tuple(f"class {number}" for number in range(CLASSES_PER_IMAGE)))
    images = np.repeat(names, CLASSES_PER_IMAGE).tolist()
    return make_tasks(Questions.from_columns(images, np.tile(np.arange(CLASSES_PER_IMAGE), n_images), classes))


def test_rate_keeps_the_server_busy_with_little_memory(row: Callable[..., None], tmp_path: Path) -> None:
    """The memory is what 2,000 requests need more than 256 requests, in the same process."""
    with start_server() as endpoint:

        def run(n_requests: int) -> tuple[float, float]:
            """Return the seconds and the MiB of a run."""
            folder = tmp_path / str(n_requests)
            tasks = write_tasks_and_images(folder, n_requests // CLASSES_PER_IMAGE)
            options = {"model": "stub", "endpoint": endpoint, "concurrency": CONCURRENCY}
            start = time.perf_counter()
            mib = anonymous_mib(lambda: rate(tasks, folder, folder.with_suffix(".parquet"), **options))
            return time.perf_counter() - start, mib

        _, small_mib = run(256)
        seconds, large_mib = run(2_000)
    ideal = 2_000 / CONCURRENCY * DELAY
    row("rate, 2,000 requests", seconds, "the server", ideal, "<= 1.15", max(large_mib - small_mib, 0), 16)
