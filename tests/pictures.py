"""Picture files for tests."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["claim", "save", "scene"]


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


def scene(number: int, size: tuple[int, int] = (96, 64)) -> Any:
    """A picture of smooth spots, another one for each number."""
    from PIL import Image

    spots = np.random.default_rng(number).integers(0, 256, (7, 7, 3), np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)
