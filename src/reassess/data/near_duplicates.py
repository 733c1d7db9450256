"""Fingerprints that find duplicate images: a digest of the pixels, a perceptual hash and a thumbnail."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.data.image_sources import ImageSource, UnreadableReason, process_image
from reassess.numeric.near_kernels import merge_near_groups

if TYPE_CHECKING:
    from PIL import Image


GreyImages = npt.NDArray[np.uint8]
_GREY_SIDE = 32  # of the grey image that hash and thumbnail are made from, in pixels
_EDGE_SHARE = 0.025  # share of a side that is cut off at each end for the middle of an image
_FREQUENCIES_PER_AXIS = 8  # lowest frequencies in each direction, which make the hash
THUMBNAIL_PIXELS = (_GREY_SIDE // 2) ** 2
_DIGEST_BYTES = 16
MAX_DIFFERENT_BITS = 10  # of 64: near images differ in at most this many bits of their hashes
MIN_CORRELATION = 0.92  # of the thumbnails of near images
_BLOCK_SIZE = 1024  # images that are compared with all others before each call of `progress`
Groups = list[list[int]]


@dataclass(frozen=True)
class ImageBatch:
    """A batch of images to read: rows of one set of images."""

    set_id: int
    rows: range


@dataclass(frozen=True)
class Fingerprint:
    """Numbers that identify an image: a digest of its pixels, its size, hashes and thumbnails."""

    digest: bytes  # hash of the size and the RGB values: equal for equal pixels, whatever the file format
    shorter_side: int  # in pixels
    is_single_colour: bool  # whether all pixels have the same colour
    # By `compute_perceptual_hashes` and `shrink_to_thumbnails`: of the whole image, then of its middle. Empty if the
    # reader has no hashes.
    hashes: bytes = b""
    thumbnails: bytes = b""


@dataclass(frozen=True)
class FingerprintReader:
    """A callable that computes the fingerprints of a batch of images, also in another process."""

    sets: Sequence[ImageSource]
    needs_hashes: bool  # whether to compute hashes and thumbnails too

    def __call__(self, batch: ImageBatch) -> list[Fingerprint | UnreadableReason]:
        """Return the fingerprint of each image, or the reason why it cannot be read."""
        grey_images: list[GreyImages] = []
        read = partial(_make_fingerprint, append_grey_images_to=grey_images if self.needs_hashes else None)
        fingerprints = [process_image(self.sets[batch.set_id], row, read) for row in batch.rows]
        if not grey_images:
            return fingerprints
        stacked = np.stack(grey_images)
        near_parts = zip(
            compute_perceptual_hashes(stacked).reshape(-1, 2),
            shrink_to_thumbnails(stacked).reshape(len(grey_images) // 2, -1),
            strict=True,
        )
        return [
            fingerprint if isinstance(fingerprint, str) else _add_hashes(fingerprint, *next(near_parts))
            for fingerprint in fingerprints
        ]


def _make_fingerprint(image: "Image.Image", *, append_grey_images_to: list[GreyImages] | None) -> Fingerprint:
    """Compute a fingerprint without hashes and thumbnails; append the grey images for them to a list."""
    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=_DIGEST_BYTES)
    digest.update(image.tobytes())
    is_single_colour = all(low == high for low, high in image.getextrema())
    if append_grey_images_to is not None:
        append_grey_images_to += _make_grey_images_of_whole_and_middle(image)
    return Fingerprint(digest.digest(), min(image.size), is_single_colour)


def _make_grey_images_of_whole_and_middle(image: "Image.Image") -> tuple[GreyImages, GreyImages]:
    """Shrink the whole image, and its middle, to grey images of 32 x 32 pixels."""
    from PIL import Image

    grey, lanczos = image.convert("L"), Image.Resampling.LANCZOS
    left, top = grey.width * _EDGE_SHARE, grey.height * _EDGE_SHARE
    middle = (left, top, grey.width - left, grey.height - top)
    return np.asarray(grey.resize((_GREY_SIDE, _GREY_SIDE), lanczos)), np.asarray(
        grey.resize((_GREY_SIDE, _GREY_SIDE), lanczos, middle)
    )


def _add_hashes(fingerprint: Fingerprint, hashes: npt.NDArray[np.int64], thumbnails: GreyImages) -> Fingerprint:
    """Add perceptual hashes and thumbnails to a fingerprint."""
    return replace(fingerprint, hashes=hashes.tobytes(), thumbnails=thumbnails.tobytes())


def compute_perceptual_hashes(greys: GreyImages) -> npt.NDArray[np.int64]:
    """Compute a 64-bit hash of each grey image; similar images differ in few bits.

    Each bit tells whether one of the 64 lowest frequencies of the image's cosine transform is above the median of the
    64. The hash equals pHash of the package ImageHash, bit by bit. int64, shape (n,).
    """
    from scipy.fft import dctn

    frequencies = dctn(greys.astype(np.float64), axes=(1, 2))[
        :, :_FREQUENCIES_PER_AXIS, :_FREQUENCIES_PER_AXIS
    ].reshape(len(greys), -1)
    return np.packbits(frequencies > np.median(frequencies, axis=1, keepdims=True), axis=1).view(np.int64).ravel()


def shrink_to_thumbnails(greys: GreyImages) -> GreyImages:
    """Shrink grey images to 16 x 16 pixels, and flatten them; uint8, shape (n, 256)."""
    side = _GREY_SIDE // 2
    sums = greys.reshape(-1, side, 2, side, 2).sum(axis=(2, 4), dtype=np.uint16)
    means: GreyImages = ((sums + 2) // 4).astype(np.uint8)
    return means.reshape(len(greys), -1)


def find_exact_groups(fingerprints: Sequence[Fingerprint]) -> Groups:
    """Group the positions of images with equal pixels; a group has at least two images."""
    return [group for group in _group_by_digest(fingerprints) if len(group) > 1]


def find_near_groups(fingerprints: Sequence[Fingerprint], report_progress: Callable[[int, int], object]) -> Groups:
    """Group the positions of images that look the same.

    Two images are near if their hashes differ in at most `MAX_DIFFERENT_BITS` bits, and the correlation of their
    thumbnails is at least `MIN_CORRELATION`. Compared are the two whole images, and the whole of one image with the
    middle of the other; one of these comparisons must fulfil both conditions. Groups are formed by single linkage: each
    image is near to another image of its group, but not always to all. A group contains the exact copies of its images
    too, but exact copies without a near image are not a group. An image of one colour is not near to any other image.
    """
    copies = _group_by_digest(fingerprints)
    groups: dict[int, Groups] = {}
    for row, first_row in enumerate(
        _first_near_image_of_each([fingerprints[group[0]] for group in copies], report_progress).tolist()
    ):
        groups.setdefault(first_row, []).append(copies[row])
    return [sorted(chain.from_iterable(near_copies)) for near_copies in groups.values() if len(near_copies) > 1]


def _group_by_digest(fingerprints: Sequence[Fingerprint]) -> Groups:
    """Group the positions of images by their pixels; a group can have one image."""
    groups: dict[bytes, list[int]] = {}
    for position, fingerprint in enumerate(fingerprints):
        groups.setdefault(fingerprint.digest, []).append(position)
    return list(groups.values())


def _first_near_image_of_each(
    fingerprints: Sequence[Fingerprint], report_progress: Callable[[int, int], object]
) -> npt.NDArray[np.int64]:
    """Return for each image the position of the first image in the same group of near duplicates."""
    hashes = np.frombuffer(b"".join(fingerprint.hashes for fingerprint in fingerprints), np.int64).reshape(-1, 2)
    small = np.frombuffer(b"".join(fingerprint.thumbnails for fingerprint in fingerprints), np.uint8)
    small = small.reshape(-1, 2, THUMBNAIL_PIXELS)
    group = np.arange(len(fingerprints))
    for start in range(0, len(fingerprints), _BLOCK_SIZE):
        stop = min(start + _BLOCK_SIZE, len(fingerprints))
        merge_near_groups(hashes, small, start, stop, MAX_DIFFERENT_BITS, MIN_CORRELATION, group)
        report_progress(stop, len(fingerprints))
    # `group` leads to an earlier image of the group, which already leads to the first.
    for row in range(len(group)):
        group[row] = group[group[row]]
    return group
