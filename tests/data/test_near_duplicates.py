"""Groups of duplicate images, by single linkage; the hashes equal those of ImageHash."""

from itertools import combinations

import numpy as np
import pytest

from reassess.data import near_duplicates
from reassess.data.fingerprints import (
    Fingerprints,
    compute_perceptual_hashes,
    fingerprint_dtype,
    shrink_to_thumbnails,
)
from reassess.data.near_duplicates import (
    MAX_DIFFERENT_BITS,
    MIN_CORRELATION,
    group_exact_duplicates,
    group_near_duplicates,
)
from tests.helpers import Needs
from tests.pictures import scene


def fingerprint_of(
    bits: int, thumbnail: np.ndarray, digest: str, middle: tuple[int, np.ndarray] | None = None
) -> Fingerprints:
    """Make a fingerprint; without `middle`, the middle of the image is not near to anything."""
    middle_bits, middle_thumbnail = middle or (~bits, 255 - thumbnail)
    values = ((ord(digest), 0), 32, False, (bits, middle_bits), (thumbnail, middle_thumbnail))
    return np.array([values], fingerprint_dtype(needs_hashes=True))


def exact(fingerprints: list[Fingerprints]) -> list[list[int]]:
    return group_exact_duplicates(np.concatenate(fingerprints))


def near(fingerprints: list[Fingerprints]) -> list[list[int]]:
    return group_near_duplicates(np.concatenate(fingerprints), lambda *_: None)


BASE = np.random.default_rng(0).integers(0, 256, 256, np.uint8)
CHAIN = [(1 << MAX_DIFFERENT_BITS * k) - 1 for k in range(4)]  # each hash is near only to its neighbours


def test_chain_of_near_images_is_one_group() -> None:
    chain = [fingerprint_of(CHAIN[k], BASE, f"{k}") for k in (2, 0, 1)]
    assert near(chain) == [[0, 1, 2]]
    assert near(chain[:2]) == []


def test_near_images_need_similar_hash_and_thumbnail() -> None:
    assert near([fingerprint_of(0, BASE, "a"), fingerprint_of(0, 255 - BASE, "b")]) == []
    assert near([fingerprint_of(0, BASE, "a"), fingerprint_of((1 << MAX_DIFFERENT_BITS) - 1, BASE, "b")]) == [[0, 1]]
    assert near([fingerprint_of(0, BASE, "a"), fingerprint_of((1 << MAX_DIFFERENT_BITS + 1) - 1, BASE, "b")]) == []


def test_image_is_near_to_the_middle_of_another_image() -> None:
    different = np.roll(BASE, 7)
    whole = fingerprint_of(-1, different, "a", middle=(0, BASE))
    part = fingerprint_of(0, BASE, "b")
    for pair in ([whole, part], [part, whole]):
        assert near(pair) == [[0, 1]]
    middles = [
        fingerprint_of(-1, different, "a", middle=(0, BASE)),
        fingerprint_of(1 << 20, 255 - different, "b", middle=(0, BASE)),
    ]
    assert near(middles) == [], "two middles are not compared"


def test_near_group_contains_exact_copies_but_copies_are_not_a_near_group() -> None:
    a, b, c = (fingerprint_of(bits, BASE, name) for bits, name in ((0, "a"), (1, "b"), (~0, "c")))
    assert near([a, c, a, b, c]) == [[0, 2, 3]]
    assert exact([a, c, a, b, c]) == [[0, 2], [1, 4]]
    assert near([a[:0]]) == exact([a[:0]]) == []


def test_images_of_one_grey_value_are_not_near() -> None:
    grey = np.full(256, 200, np.uint8)
    assert near([fingerprint_of(0, grey, "a"), fingerprint_of(0, grey, "b")]) == []


@pytest.mark.parametrize("many_images", [4_000_000, 1])
@pytest.mark.parametrize("seed", range(4))
def test_groups_equal_those_from_all_pairs(seed: int, many_images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference compares all pairs, with correlations by numpy."""
    monkeypatch.setattr(near_duplicates, "_MANY_IMAGES", many_images)
    rng = np.random.default_rng(seed)
    hashes = rng.choice([0, -1, 0x5555, 0x7FFF << 40, -(2**63)], (40, 2)) ^ (1 << rng.integers(0, 62, (40, 2)))
    small = BASE[None, None] + rng.normal(0, rng.choice([5, 30, 60], (40, 2, 1)), (40, 2, 256))
    small = np.clip(small, 0, 255).astype(np.uint8)
    fingerprints = np.zeros(40, fingerprint_dtype(needs_hashes=True))
    fingerprints["digest"][:, 0], fingerprints["hashes"], fingerprints["thumbnails"] = np.arange(40), hashes, small
    group = list(range(40))
    for i, j in combinations(range(40), 2):
        for a, b in ((0, 0), (0, 1), (1, 0)):
            differ = bin((int(hashes[i, a]) ^ int(hashes[j, b])) & (2**64 - 1)).count("1")
            if differ <= MAX_DIFFERENT_BITS and np.corrcoef(small[i, a], small[j, b])[0, 1] >= MIN_CORRELATION:
                group = [group[i] if each == group[j] else each for each in group]
    expected = [[i for i in range(40) if group[i] == name] for name in dict.fromkeys(group)]
    assert near([fingerprints]) == [members for members in expected if len(members) > 1]
    assert any(len(members) > 1 for members in expected)
    assert len(expected) > 1


@pytest.mark.usefixtures("report_extra")
def test_hash_equals_package_imagehash(needs: Needs) -> None:
    needs("imagehash")
    import imagehash
    from PIL import Image

    images = [scene(number, (40 + 5 * number, 90)) for number in range(30)]
    greys = np.stack([np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)) for image in images])
    expected = [imagehash.phash(image).hash for image in images]
    bits = np.unpackbits(compute_perceptual_hashes(greys).view(np.uint8).reshape(30, 8), axis=1)
    np.testing.assert_array_equal(bits.astype(bool), np.stack(expected).reshape(30, 64))


@pytest.mark.usefixtures("report_extra")
def test_thumbnail_has_rounded_means_of_four_pixels() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)
    found = shrink_to_thumbnails(grey).reshape(3, 16, 16)
    for n, y, x in ((0, 0, 0), (1, 5, 9), (2, 15, 15)):
        mean = grey[n, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
        assert abs(float(found[n, y, x]) - mean) <= 0.5
    assert (shrink_to_thumbnails(np.full((1, 32, 32), 255, np.uint8)) == 255).all()
