"""Time and memory of `rate`, against a program that only sends bytes to the same server.

The server answers each request after half a second.
"""

import asyncio
import subprocess
import sys
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


async def send_bytes(endpoint: str, n_requests: int, n_bytes: int) -> None:
    """Send requests of this size over one connection for each request at a time, and read the answers."""
    host, port = endpoint.removeprefix("http://").removesuffix("/v1").split(":")
    request = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % n_bytes + bytes(n_bytes)
    numbers = iter(range(n_requests))

    async def send_some() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for _ in numbers:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b": ")[2]))
        writer.close()

    await asyncio.gather(*(send_some() for _ in range(CONCURRENCY)))


def test_rate_keeps_the_server_busy_with_little_memory(compare: Callable[..., None], tmp_path: Path) -> None:
    """The memory is what 2,000 requests need more than 256 requests, in the same process."""
    with start_server() as endpoint:
        tasks = {n: write_tasks_and_images(tmp_path / str(n), n // CLASSES_PER_IMAGE) for n in (256, 2_000)}
        n_bytes = (tmp_path / "256" / "0000.jpg").stat().st_size * 4 // 3  # in base64

        def run(n_requests: int = 2_000) -> None:
            folder = tmp_path / str(n_requests)
            options = {"model": "stub", "endpoint": endpoint, "concurrency": CONCURRENCY, "force": True}
            rate(tasks[n_requests], folder, folder.with_suffix(".parquet"), **options)

        run(256)  # imports packages
        small_mib = anonymous_mib(lambda: run(256))
        more_mib = max(anonymous_mib(run) - small_mib, 0)
        compare(
            "rate, 2,000 requests",
            run,
            lambda: asyncio.run(send_bytes(endpoint, 2_000, n_bytes)),
            against="sending bytes",
            limit="<= 1.15",
            rounds=3,
            peak_mib=more_mib,
            max_mib=16,
        )
