"""Picture files for tests."""

import os
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np


def save(path: Path, size: tuple[int, int] = (400, 200), mode: str = "RGB", **options: object) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path, **options)
    return path


def claim(path: Path, width: int, height: int) -> Path:
    """A PNG of 57 bytes that claims to be so large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (header, b"IDAT", b"IEND")
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def claim_bytes(folder: Path, kind: str, size: int) -> Path:
    """A folder or a tar of the picture good.png, and of huge.jpg, whose many zeros take no room on the disk."""
    save(folder / "images" / "good.png", (40, 30))
    with (folder / "images" / "huge.jpg").open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(size)
    if kind == "folder":
        return folder / "images"
    with (folder / "images.tar").open("wb") as file, tarfile.open(fileobj=file, mode="w") as tape:
        tape.add(folder / "images" / "good.png", "images/good.png")
        huge = tarfile.TarInfo("images/huge.jpg")
        huge.size = size
        header = huge.tobuf()
        file.write(header)  # addfile of Python 3.13 wants the content too
        file.seek(size, os.SEEK_CUR)
        tape.offset += len(header) + size
    return folder / "images.tar"


def scene(number: int, size: tuple[int, int] = (96, 64)) -> Any:
    """A picture of smooth spots, another one for each number."""
    from PIL import Image

    spots = np.random.default_rng(number).integers(0, 256, (7, 7, 3), np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)
