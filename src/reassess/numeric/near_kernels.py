"""Compiled loops that group near-duplicate images, by hashes and then by thumbnails."""

import math

from reassess.numeric.jit import compile_cached


@compile_cached
def _count_one_bits(x):  # type: ignore[no-untyped-def]
    """Count the bits of a word that are 1."""
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (x * 0x0101010101010101) >> 56


@compile_cached
def _find_group_root(group, i):  # type: ignore[no-untyped-def]
    """Find the first image of an image's group; then all visited images point to it (path compression)."""
    root = i
    while group[root] != root:
        root = group[root]
    while group[i] != root:
        group[i], i = root, group[i]
    return root


@compile_cached
def _correlate(a, b):  # type: ignore[no-untyped-def]
    """Compute the Pearson correlation of two grey thumbnails; 0 if one of them is constant."""
    n = a.size
    sum_a = sum_b = squares_a = squares_b = products = 0
    for k in range(n):
        x, y = int(a[k]), int(b[k])
        sum_a += x
        sum_b += y
        squares_a += x * x
        squares_b += y * y
        products += x * y
    spread = (n * squares_a - sum_a * sum_a) * float(n * squares_b - sum_b * sum_b)
    return 0.0 if spread == 0 else (n * products - sum_a * sum_b) / math.sqrt(spread)


@compile_cached
def _are_near(hashes, other_hashes, thumbnails, other_thumbnails, max_bits, min_correlation):  # type: ignore[no-untyped-def]
    """Return whether two images are near: compare the images, and each image with the centre of the other image."""
    for a, b in ((0, 0), (0, 1), (1, 0)):
        if (
            _count_one_bits(hashes[a] ^ other_hashes[b]) <= max_bits
            and _correlate(thumbnails[a], other_thumbnails[b]) >= min_correlation
        ):
            return True
    return False


@compile_cached
def merge_near_buckets(  # type: ignore[no-untyped-def]
    pattern,
    queries,
    query_buckets,
    query_positions,
    entries,
    entry_starts,
    entry_positions,
    is_same_table,
    hashes,
    thumbnails,
    thumbnail_rows,
    max_bits,
    min_correlation,
    group,
):
    """Compare images of two buckets whose numbers differ in exactly the bits of `pattern`; merge groups of near images.

    Groups are merged by single linkage. `queries` and `entries` are hashes that are sorted by bucket, with the position
    of their image in `hashes` and `group`. The entries in bucket k are ``entry_starts[k]:entry_starts[k + 1]``. If both
    are the same table, each pair of hashes is compared once. Images in the same group are not compared again. The pairs
    are not stored, so their number does not matter.
    """
    for a in range(queries.size):
        bucket = query_buckets[a] ^ pattern
        if is_same_table and bucket < query_buckets[a]:
            continue
        start = a + 1 if is_same_table and pattern == 0 else entry_starts[bucket]
        for b in range(start, entry_starts[bucket + 1]):
            if _count_one_bits(queries[a] ^ entries[b]) <= max_bits:
                i, j = query_positions[a], entry_positions[b]
                first, second = _find_group_root(group, i), _find_group_root(group, j)
                if first != second and _are_near(
                    hashes[i],
                    hashes[j],
                    thumbnails[thumbnail_rows[i]],
                    thumbnails[thumbnail_rows[j]],
                    max_bits,
                    min_correlation,
                ):
                    group[max(first, second)] = min(first, second)
