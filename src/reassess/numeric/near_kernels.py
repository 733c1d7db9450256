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
def _are_near(hashes, thumbnails, i, j, max_bits, min_correlation):  # type: ignore[no-untyped-def]
    """Return whether two images are near: compare the whole images, and each image with the other's centre."""
    for a, b in ((0, 0), (0, 1), (1, 0)):
        if (
            _count_one_bits(hashes[i, a] ^ hashes[j, b]) <= max_bits
            and _correlate(thumbnails[i, a], thumbnails[j, b]) >= min_correlation
        ):
            return True
    return False


@compile_cached
def merge_near_groups(hashes, thumbnails, start, stop, max_bits, min_correlation, group):  # type: ignore[no-untyped-def]
    """Merge the groups of near images: rows ``start:stop`` with all later rows (single linkage).

    Images in the same group are not compared again. The pairs are not stored, so their number does not matter.
    """
    for i in range(start, stop):
        whole, middle = hashes[i, 0], hashes[i, 1]
        for j in range(i + 1, len(hashes)):
            fewest = min(
                _count_one_bits(whole ^ hashes[j, 0]),
                min(_count_one_bits(whole ^ hashes[j, 1]), _count_one_bits(middle ^ hashes[j, 0])),
            )
            if fewest <= max_bits:
                a, b = _find_group_root(group, i), _find_group_root(group, j)
                if a != b and _are_near(hashes, thumbnails, i, j, max_bits, min_correlation):
                    group[max(a, b)] = min(a, b)
