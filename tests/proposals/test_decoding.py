"""Images are decoded in order, in this process or in others, and what cannot be decoded says why."""

import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import Transform
from reassess.data import open_images
from reassess.proposals.shard_scoring import Decoder, decoded
from tests.helpers import code_of, number_of, picture, write_files
from tests.pictures import claim, save

pytestmark = pytest.mark.usefixtures("report_extra")

CUT = Transform(16, (8, 12), (0, 0, 0), (1, 1, 1))


def decode(folder: Path, transform: Transform | None = None) -> dict[str, Any]:
    source = open_images(folder)
    each = Decoder(source, transform)
    return {name: each(row) for row, name in enumerate(source.names)}


def test_what_cannot_be_decoded_says_why(tmp_path: Path) -> None:
    whole = picture(3)
    write_files(tmp_path, {"empty.jpg": b"", "text.png": b"text", "cut.jpg": whole[:-9], "dir.png/x.txt": b""})
    write_files(tmp_path, {"flipped.png": picture(3, "PNG")[:40] + b"?" + picture(3, "PNG")[41:]})
    claim(tmp_path / "bomb.png", 20_000, 20_000)
    claim(tmp_path / "large.png", 10_001, 10_000)
    save(tmp_path / "long.png", (20_000, 1))
    save(tmp_path / "floats.tif", (8, 8), "F")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    os.truncate(write_files(tmp_path, {"huge.jpg": b"\xff\xd8\xff"}) / "huge.jpg", 30 << 30)
    reasons = decode(tmp_path, Transform(100, (8, 8), (0, 0, 0), (1, 1, 1)))
    assert {name: reason.partition(" (")[0] for name, reason in reasons.items()} == {
        "bomb.png": "image is too large: 400,000,000 pixels",
        "cut.jpg": "image file is truncated",
        "empty.jpg": "file is empty",
        "flipped.png": "this is no picture of a known format",
        "floats.tif": "range of the pixel values is unknown: floats",
        "huge.jpg": "image has too many bytes: 32.2 GB",
        "large.png": "image is too large: 100,010,000 pixels",
        "long.png": "image is too long for its width: 20,000 x 1 pixels",
        "loop.png": "image is not a file",
        "pipe.png": "image is not a file",
        "text.png": "this is no picture of a known format",
    }


def test_what_cannot_be_read_of_a_list_or_an_archive_says_why_in_the_same_words(tmp_path: Path) -> None:
    write_files(tmp_path, {"list.txt": "gone.png\nempty.png\nfolder.png", "empty.png": b"", "folder.png/a.txt": "x"})
    expected = {"gone.png": "image not found", "empty.png": "file is empty", "folder.png": "image is not a file"}
    assert decode(tmp_path / "list.txt") == expected
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as pack, tarfile.open(tmp_path / "a.tar", "w") as tape:
        pack.write(tmp_path / "empty.png", "empty.png")
        tape.add(tmp_path / "empty.png", "empty.png")
    assert decode(tmp_path / "a.zip") == decode(tmp_path / "a.tar") == {"empty.png": "file is empty"}


def test_a_file_whose_name_is_no_text_cannot_be_read_and_is_shown(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb") as file:  # noqa: PTH123 - the name is of bytes
        file.write(picture(3, "PNG"))
    write_files(tmp_path, {"b.png": picture(5, "PNG")})
    found = decode(tmp_path)
    assert found.pop("caf%E9.png") == "file name is not UTF-8"
    assert {name: number_of(pixels) for name, pixels in found.items()} == {"b.png": 5}


def test_two_images_of_one_name_and_odd_names_are_each_their_own(tmp_path: Path) -> None:
    names = {"a/x.png": 1, "b/x.png": 2, "b/x y.png": 3, "ç/ñ 日本.png": 4, "a/x.PNG": 5, "#%?.png": 6}
    write_files(tmp_path, {name: picture(number, "PNG") for name, number in names.items()})
    assert {name: number_of(pixels) for name, pixels in decode(tmp_path).items()} == names


def test_whole_pictures_or_parts_are_decoded(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (40, 20))
    assert decode(tmp_path)["a.png"].shape == (20, 40, 3)
    assert decode(tmp_path, CUT)["a.png"].shape == (8, 12, 3)
    assert decode(tmp_path, CUT)["a.png"].dtype == np.uint8


@pytest.fixture
def always_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little time the images take."""
    monkeypatch.setattr("reassess.proposals.shard_scoring._LEAST_SECONDS", 0)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_and_whole(tmp_path: Path, workers: int, always_processes: None) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") if n % 5 else b"" for n in range(40)})
    each = Decoder(open_images(tmp_path), CUT)
    batches = [range(17), range(17, 20), range(30, 40)]
    expected = [[-1 if n % 5 == 0 else n % 12 for n in batch] for batch in batches]
    found = [
        [-1 if isinstance(one, str) else number_of(one) for one in batch] for batch in decoded(each, batches, workers)
    ]
    assert found == expected
    assert list(decoded(each, [], workers)) == []
    assert len(list(decoded(each, [range(4), range(4, 8)], workers))) == 2


def test_few_images_are_decoded_without_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") for n in range(20)})
    monkeypatch.setattr("reassess.data.worker_processes.ProcessPoolExecutor", None)
    each = Decoder(open_images(tmp_path), CUT)
    batches = [range(3), range(3, 20)]
    expected = [[n % 12 for n in batch] for batch in batches]
    assert [[number_of(one) for one in batch] for batch in decoded(each, batches, 2)] == expected
    monkeypatch.setattr("reassess.proposals.shard_scoring._LEAST_SECONDS", 0)
    with pytest.raises(TypeError):
        list(decoded(each, batches, 2))


class Ending(Decoder):
    """Ends its process at the fourteenth image, as a system does that has no memory left."""

    def __call__(self, row: int) -> Any:
        if row == 13:
            os._exit(9)
        return super().__call__(row)


def test_a_process_that_is_ended_is_an_error(tmp_path: Path, always_processes: None) -> None:
    write_files(tmp_path, {f"{n:02d}.png": picture(n % 12, "PNG") for n in range(20)})
    assert code_of(lambda: list(decoded(Ending(open_images(tmp_path), None), [range(20)], 1))) == "process-ended"


def test_memory_that_is_lacking_is_no_fault_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"a.png": picture(1, "PNG")})

    def full(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("reassess.data.image_sources.rgb", full)
    with pytest.raises(MemoryError):
        decode(tmp_path)
