"""Time of `scan`, against a loop in one process that only decodes the same images."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reassess import scan_images

IMAGES, SIDE, COPIES = 60_000, 32, 600


@pytest.fixture(scope="module")
def archive(tmp_path_factory: Any) -> Path:
    """An archive of PNG images of smooth spots, some of them twice."""
    path = tmp_path_factory.mktemp("images") / "images.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as pack:
        for number in range(IMAGES):
            if number >= COPIES:
                spots = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
                file = io.BytesIO()
                spots.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "PNG")
            elif number % 2 == 0:
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(file, "PNG")
            pack.writestr(f"{number % 10}/{number:05d}.png", file.getvalue())
    return path


@pytest.mark.parametrize("near", [False, True], ids=["exact", "near"])
def test_scan_takes_few_times_as_long_as_decoding(compare: Callable[..., None], archive: Path, near: bool) -> None:
    def loop() -> None:
        with zipfile.ZipFile(archive) as pack:
            for name in pack.namelist():
                Image.open(io.BytesIO(pack.read(name))).convert("RGB").tobytes()

    def run() -> None:
        scan = scan_images([archive], find_near_duplicates=near, workers=2)
        assert scan.duplicates.count_groups("exact") == COPIES // 2

    name = f"scan{' --near' * near}, {IMAGES:,} PNG of {SIDE} x {SIDE}, 2 processes"
    compare(name, run, loop, against="decoding them in one loop", limit="<= 4", rounds=3)
