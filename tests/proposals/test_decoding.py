"""Decoding images in order, in this or other processes; unreadable images have a reason."""

import os
from dataclasses import replace
from multiprocessing import active_children, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import Transform
from reassess.data import open_images
from reassess.proposals.shard_scoring import Decoder, decode_batches
from tests.helpers import code_of, number_of, picture, write_files
from tests.pictures import save

pytestmark = pytest.mark.usefixtures("report_extra")

CUT = Transform(16, (8, 12), (0, 0, 0), (1, 1, 1))


def test_images_are_decoded_or_have_a_reason(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (40, 20))
    save(tmp_path / "long.png", (20_000, 1))
    write_files(tmp_path, {"list.txt": "a.png\ngone.png\nlong.png\nfolder.png", "folder.png/x.txt": b""})
    images = open_images(tmp_path / "list.txt")
    assert [Decoder(images, None)(0)[0].shape, Decoder(images, CUT)(0)[0].shape] == [(20, 40, 3), (8, 12, 3)]
    assert Decoder(images, CUT)(0)[0].dtype == np.uint8
    assert [Decoder(images, replace(CUT, size=100))(row)[0].partition(":")[0] for row in (1, 2, 3)] == [
        *("image not found", "image would have too many pixels after resizing", "image is not a file")
    ]


@pytest.fixture
def always_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use processes, even if decoding is fast."""
    monkeypatch.setattr("reassess.proposals.shard_scoring._MIN_SECONDS", 0)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_complete_and_in_order(tmp_path: Path, workers: int, always_processes: None) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") if n % 5 else b"" for n in range(40)})
    decoder = Decoder(open_images(tmp_path), CUT)
    batches = [range(17), range(17, 20), range(30, 40)]
    expected = [[-1 if n % 5 == 0 else n % 12 for n in batch] for batch in batches]
    found = [
        [-1 if isinstance(pixels, str) else number_of(pixels) for pixels, _ in batch]
        for batch in decode_batches(decoder, batches, workers)
    ]
    assert found == expected
    assert list(decode_batches(decoder, [], workers)) == []
    assert len(list(decode_batches(decoder, [range(4), range(4, 8)], workers))) == 2


def test_few_images_are_decoded_without_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") for n in range(20)})
    monkeypatch.setattr("reassess.data.worker_processes._Worker", None)
    decoder = Decoder(open_images(tmp_path), CUT)
    batches = [range(3), range(3, 20)]
    expected = [[n % 12 for n in batch] for batch in batches]
    assert [[number_of(pixels) for pixels, _ in batch] for batch in decode_batches(decoder, batches, 2)] == expected
    monkeypatch.setattr("reassess.proposals.shard_scoring._MIN_SECONDS", 0)
    with pytest.raises(TypeError):
        list(decode_batches(decoder, batches, 2))


class Ending(Decoder):
    """A decoder that ends its worker process, as an out-of-memory kill does; the main process waits for this."""

    def __call__(self, row: int) -> Any:
        if parent_process() is not None:
            os._exit(9)
        for process in active_children():
            process.join()
        return super().__call__(row)


def test_killed_process_raises(tmp_path: Path, always_processes: None) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") for n in range(24)})
    assert code_of(lambda: list(decode_batches(Ending(open_images(tmp_path), None), [range(24)], 1))) == "process-ended"
