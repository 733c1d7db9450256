"""Groups of duplicate images, exact and near, by their fingerprints.

Not all pairs of images are compared. The 64 bits of a hash are divided into chunks. If two hashes differ in at most 10
bits, at least one chunk differs in at most its radius, because the radii plus one add up to more than 10. So images are
put into buckets by the bits of a chunk, and only buckets that differ in at most the radius are compared. The groups are
the same as from all pairs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from reassess.data.fingerprints import Fingerprints
from reassess.numeric.near_kernels import merge_near_buckets

MAX_DIFFERENT_BITS = 10  # of 64: near images differ in at most this many bits of their hashes
MIN_CORRELATION = 0.92  # of the thumbnails of near images
# Width and radius of each chunk, in bits. Wider chunks have fewer images per bucket, but more buckets to compare.
_CHUNKS_FOR_FEW_IMAGES = ((16, 2), (16, 2), (16, 2), (16, 1))
_CHUNKS_FOR_MANY_IMAGES = ((21, 3), (21, 3), (22, 2))
_MANY_IMAGES = 4_000_000  # from here on, fewer and wider chunks take less time

_Rows = npt.NDArray[np.int64]
Groups = list[list[int]]


def group_exact_duplicates(fingerprints: Fingerprints) -> Groups:
    """Group the rows of images with equal pixels; a group has at least two images."""
    return _list_groups(_find_first_copies(fingerprints))


def group_near_duplicates(fingerprints: Fingerprints, report_progress: Callable[[int, int], object]) -> Groups:
    """Group the rows of images that look the same.

    Two images are near if their hashes differ in at most `MAX_DIFFERENT_BITS` bits, and the correlation of their
    thumbnails is at least `MIN_CORRELATION`. Compared are the two whole images, and the whole of one image with the
    middle of the other; one of these comparisons must fulfil both conditions. Groups are formed by single linkage: each
    image is near to another image of its group, but not always to all. A group contains the exact copies of its images
    too, but exact copies without a near image are not a group. An image of one colour is not near to any other image.
    """
    first_copies = _find_first_copies(fingerprints)
    rows = np.flatnonzero((first_copies == np.arange(len(fingerprints))) & ~fingerprints["is_single_colour"])
    first_near = first_copies.copy()
    first_near[rows] = rows[_find_first_near_images(fingerprints, rows, report_progress)]
    first_near = first_near[first_copies]
    n_different = np.bincount(first_near[rows], minlength=len(fingerprints))  # images of a group, without copies
    return [group for group in _list_groups(first_near) if n_different[group[0]] > 1]


def _find_first_copies(fingerprints: Fingerprints) -> _Rows:
    """For each image, find the first row whose image has the same pixels."""
    digests = np.ascontiguousarray(fingerprints["digest"])
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable, so equal digests keep the order of their rows
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (digests[order[1:]] != digests[order[:-1]]).any(axis=1)
    first_copies = np.empty(len(order), np.int64)
    first_copies[order] = order[is_first][np.cumsum(is_first) - 1]
    return first_copies


def _list_groups(first_rows: _Rows) -> Groups:
    """List the groups of at least two rows. Rows of a group have the same value in `first_rows`."""
    sizes = np.bincount(first_rows, minlength=len(first_rows))
    rows = np.flatnonzero(sizes[first_rows] > 1)
    rows = rows[np.argsort(first_rows[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(first_rows[rows], prepend=-1))
    return [group.tolist() for group in np.split(rows, starts[1:])] if rows.size else []


def _find_first_near_images(
    fingerprints: Fingerprints, rows: _Rows, report_progress: Callable[[int, int], object]
) -> _Rows:
    """Find the position in `rows` of the first image of each group of near duplicates."""
    hashes = np.ascontiguousarray(fingerprints["hashes"][rows])
    thumbnails, group = fingerprints["thumbnails"], np.arange(rows.size)
    chunks = _CHUNKS_FOR_FEW_IMAGES if rows.size < _MANY_IMAGES else _CHUNKS_FOR_MANY_IMAGES
    n_comparisons = sum(1 for width, radius in chunks for _ in _iter_bit_masks(width, radius))
    n_done, n_reported, first_bit = 0, -1, 0
    for width, radius in chunks:
        whole, middle = (_BucketTable.from_hashes(hashes[:, part], first_bit, width) for part in (0, 1))
        for mask in _iter_bit_masks(width, radius):
            for queries in (whole, middle):
                merge_near_buckets(
                    mask,
                    queries.hashes,
                    queries.buckets,
                    queries.positions,
                    whole.hashes,
                    whole.starts,
                    whole.positions,
                    queries is whole,
                    hashes,
                    thumbnails,
                    rows,
                    MAX_DIFFERENT_BITS,
                    MIN_CORRELATION,
                    group,
                )
            n_done += 1
            if (n_images := rows.size * n_done // n_comparisons) != n_reported:
                report_progress(n_reported := n_images, rows.size)
        first_bit += width
    # `group` leads to an earlier image of the group, which already leads to the first.
    for position in range(group.size):
        group[position] = group[group[position]]
    return group


def _iter_bit_masks(n_bits: int, max_ones: int) -> Iterator[int]:
    """Yield all numbers of `n_bits` bits where at most `max_ones` bits are 1."""
    for n_ones in range(max_ones + 1):
        for bits in combinations(range(n_bits), n_ones):
            yield sum(1 << bit for bit in bits)


@dataclass(frozen=True, eq=False)
class _BucketTable:
    """Hashes sorted into buckets. All hashes of a bucket have the same value of a few successive bits."""

    hashes: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.int64]  # bucket of each hash, ascending
    starts: npt.NDArray[np.int64]  # first hash of each bucket, and the number of hashes
    positions: npt.NDArray[np.int32]  # position of each hash's image

    @classmethod
    def from_hashes(cls, hashes: npt.NDArray[np.int64], first_bit: int, width: int) -> "_BucketTable":
        """Sort hashes into buckets by `width` bits from `first_bit` on."""
        buckets = (hashes >> first_bit) & ((1 << width) - 1)
        order = np.argsort(buckets, kind="stable").astype(np.int32)
        counts = np.bincount(buckets, minlength=1 << width)
        return cls(hashes[order], buckets[order], np.concatenate([[0], np.cumsum(counts)]), order)
