"""Fingerprints of images: a digest of the pixels, perceptual hashes and thumbnails."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image


GreyImages = npt.NDArray[np.uint8]
Fingerprints = npt.NDArray[Any]  # of the dtype of `fingerprint_dtype`
_GREY_SIDE = 32  # of the grey image that hash and thumbnail are made from, in pixels
_EDGE_SHARE = 0.025  # share of a side that is cut off at each end for the middle of an image
_FREQUENCIES_PER_AXIS = 8  # lowest frequencies in each direction, which make the hash
THUMBNAIL_PIXELS = (_GREY_SIDE // 2) ** 2
_DIGEST_BYTES = 16
_COMMON_FIELDS = [
    ("digest", np.uint64, (2,)),  # hash of the size and the RGB values: equal for equal pixels in any file format
    ("shorter_side", np.int32),  # in pixels
    ("is_single_colour", np.bool_),  # whether all pixels have the same colour
]
# Of the whole image, then of its middle.
_NEAR_FIELDS = [("hashes", np.int64, (2,)), ("thumbnails", np.uint8, (2, THUMBNAIL_PIXELS))]


def fingerprint_dtype(*, needs_hashes: bool) -> np.dtype[Any]:
    """Return the dtype of fingerprints; with `needs_hashes`, the dtype includes hashes and thumbnails."""
    return np.dtype(_COMMON_FIELDS + (_NEAR_FIELDS if needs_hashes else []))


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one image; hash and thumbnail are computed later, for many images at once."""

    digest: bytes
    shorter_side: int
    is_single_colour: bool
    grey_images: tuple[GreyImages, ...]  # the whole image, and its middle; empty if hashes are not needed


def make_fingerprint(image: "Image.Image", *, needs_hashes: bool) -> Fingerprint:
    """Compute the fingerprint of an image."""
    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=_DIGEST_BYTES)
    pixels = memoryview(image.tobytes())
    digest.update(pixels)
    is_single_colour = pixels[3:] == pixels[:-3]  # each pixel equals the next one; faster than the extrema of Pillow
    grey_images = _make_grey_whole_and_middle(image) if needs_hashes else ()
    return Fingerprint(digest.digest(), min(image.size), is_single_colour, grey_images)


def stack_fingerprints(fingerprints: list[Fingerprint], *, needs_hashes: bool) -> Fingerprints:
    """Put fingerprints into one array, with hashes and thumbnails."""
    stacked = np.zeros(len(fingerprints), fingerprint_dtype(needs_hashes=needs_hashes))
    stacked["digest"] = np.frombuffer(b"".join(each.digest for each in fingerprints), np.uint64).reshape(-1, 2)
    stacked["shorter_side"] = [each.shorter_side for each in fingerprints]
    stacked["is_single_colour"] = [each.is_single_colour for each in fingerprints]
    if needs_hashes and fingerprints:
        grey_images = np.stack([grey for each in fingerprints for grey in each.grey_images])
        stacked["hashes"] = compute_perceptual_hashes(grey_images).reshape(-1, 2)
        stacked["thumbnails"] = shrink_to_thumbnails(grey_images).reshape(-1, 2, THUMBNAIL_PIXELS)
    return stacked


def _make_grey_whole_and_middle(image: "Image.Image") -> tuple[GreyImages, GreyImages]:
    """Make two grey images of 32 x 32 pixels: of the whole image, and of its middle."""
    from PIL import Image

    grey, lanczos = image.convert("L"), Image.Resampling.LANCZOS
    left, top = grey.width * _EDGE_SHARE, grey.height * _EDGE_SHARE
    middle = (left, top, grey.width - left, grey.height - top)
    return np.asarray(grey.resize((_GREY_SIDE, _GREY_SIDE), lanczos)), np.asarray(
        grey.resize((_GREY_SIDE, _GREY_SIDE), lanczos, middle)
    )


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
