"""What tells whether images are the same: a digest of their pixels, and a hash and a thumbnail of what they show."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import ImageSource, read_picture
from reassess.numeric.near_kernels import join_near

if TYPE_CHECKING:
    from PIL import Image


Grey = npt.NDArray[np.uint8]
_SIDE = 32  # of the grey image from which hash and thumbnail are made
_EDGE = 0.025  # of a side, which the middle of an image leaves out at either end
_LOW = 8  # frequencies in each direction that a hash keeps
THUMBNAIL_PIXELS = (_SIDE // 2) ** 2
_DIGEST = 16  # bytes
MOST_BITS = 10  # of 64, in which the hashes of near images may differ
LEAST_CORRELATION = 0.92  # of their thumbnails
_BLOCK = 1024  # images that are compared with all others between two reports
Groups = list[list[int]]


@dataclass(frozen=True)
class Part:
    """Some rows of one set of images."""

    set_id: int
    rows: range


@dataclass(frozen=True)
class Print:
    """What is kept of an image."""

    # Of its size and its red, green and blue values: equal for images of equal pixels, whatever their file formats.
    digest: bytes
    shorter_side: int  # in pixels
    is_plain: bool  # whether all of it has one colour
    # See `perceptual_hashes` and `thumbnails`: of the whole image, then of its middle; empty where they are not asked
    # for.
    hashes: bytes = b""
    thumbnails: bytes = b""


@dataclass(frozen=True)
class Printer:
    """Makes the prints of some images of several sets; another process can have it too."""

    sets: Sequence[ImageSource]
    with_looks: bool

    def __call__(self, part: Part) -> list[Print | str]:
        """The print of each image, or why it cannot be read."""
        greys: list[Grey] = []
        make = partial(_print_of, greys=greys if self.with_looks else None)
        prints = [read_picture(self.sets[part.set_id], row, make) for row in part.rows]
        if not greys:
            return prints
        stacked = np.stack(greys)
        looks = zip(
            perceptual_hashes(stacked).reshape(-1, 2), thumbnails(stacked).reshape(len(greys) // 2, -1), strict=True
        )
        return [each if isinstance(each, str) else _with_looks(each, *next(looks)) for each in prints]


def _print_of(image: "Image.Image", *, greys: list[Grey] | None) -> Print:
    """The print of an image without its looks, for which two small grey images are added to the list."""
    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=_DIGEST)
    digest.update(image.tobytes())
    is_plain = all(low == high for low, high in image.getextrema())
    if greys is not None:
        greys += _views(image)
    return Print(digest.digest(), min(image.size), is_plain)


def _views(image: "Image.Image") -> tuple[Grey, Grey]:
    """An image in shades of grey, made small: all of it, and its middle."""
    from PIL import Image

    grey, lanczos = image.convert("L"), Image.Resampling.LANCZOS
    left, top = grey.width * _EDGE, grey.height * _EDGE
    middle = (left, top, grey.width - left, grey.height - top)
    return np.asarray(grey.resize((_SIDE, _SIDE), lanczos)), np.asarray(grey.resize((_SIDE, _SIDE), lanczos, middle))


def _with_looks(each: Print, hashes: npt.NDArray[np.int64], small: Grey) -> Print:
    return replace(each, hashes=hashes.tobytes(), thumbnails=small.tobytes())


def perceptual_hashes(greys: Grey) -> npt.NDArray[np.int64]:
    """Hashes of 64 bits that differ in few bits where images look alike.

    A bit says whether one of the 64 lowest frequencies of the image's cosine transform is above their median. It is the
    hash pHash as the package ImageHash makes it, bit by bit.
    """
    from scipy.fft import dctn

    low = dctn(greys.astype(np.float64), axes=(1, 2))[:, :_LOW, :_LOW].reshape(len(greys), -1)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1).view(np.int64).ravel()


def thumbnails(greys: Grey) -> Grey:
    """Pictures of half the side, each value the mean of four, flattened; uint8, shape (n, 256)."""
    half = _SIDE // 2
    sums = greys.reshape(-1, half, 2, half, 2).sum(axis=(2, 4), dtype=np.uint16)
    means: Grey = ((sums + 2) // 4).astype(np.uint8)
    return means.reshape(len(greys), -1)


def exact_groups(prints: Sequence[Print]) -> Groups:
    """Positions of images of equal pixels, in the order of the first of each group; groups of one are left out."""
    return [group for group in _by_digest(prints) if len(group) > 1]


def near_groups(prints: Sequence[Print], progress: Callable[[int, int], object]) -> Groups:
    """Positions of images that look the same, in the order of the first of each group.

    Two images are near if their hashes differ in at most `MOST_BITS` bits and their thumbnails correlate at least at
    `LEAST_CORRELATION`, both of the whole images, or of the one and of the middle of the other. What is near in steps
    is one group, and holds the exact copies of its images too; exact copies alone are none. An image of one colour
    is near to no other.
    """
    copies = _by_digest(prints)
    groups: dict[int, Groups] = {}
    for row, first in enumerate(_joined([prints[group[0]] for group in copies], progress).tolist()):
        groups.setdefault(first, []).append(copies[row])
    return [sorted(chain.from_iterable(near)) for near in groups.values() if len(near) > 1]


def _by_digest(prints: Sequence[Print]) -> Groups:
    """Positions of images by their pixels."""
    groups: dict[bytes, list[int]] = {}
    for position, each in enumerate(prints):
        groups.setdefault(each.digest, []).append(position)
    return list(groups.values())


def _joined(prints: Sequence[Print], progress: Callable[[int, int], object]) -> npt.NDArray[np.int64]:
    """For each of some different images the first one of its group."""
    hashes = np.frombuffer(b"".join(each.hashes for each in prints), np.int64).reshape(-1, 2)
    small = np.frombuffer(b"".join(each.thumbnails for each in prints), np.uint8).reshape(-1, 2, THUMBNAIL_PIXELS)
    group = np.arange(len(prints))
    for start in range(0, len(prints), _BLOCK):
        stop = min(start + _BLOCK, len(prints))
        join_near(hashes, small, start, stop, MOST_BITS, LEAST_CORRELATION, group)
        progress(stop, len(prints))
    for row in range(len(group)):  # an image of the same group, always an earlier one
        group[row] = group[group[row]]
    return group
