"""Hashes are those of the public package, bit by bit; thumbnails are means."""

from collections.abc import Callable

import numpy as np
import pytest

from reassess.data.near_duplicates import perceptual_hashes, thumbnails
from tests.pictures import scene

pytestmark = pytest.mark.usefixtures("report_extra")


def test_a_hash_is_that_of_the_package_imagehash(needs: Callable[[str], None]) -> None:
    needs("imagehash")
    import imagehash
    from PIL import Image

    pictures = [scene(number, (40 + 5 * number, 90)) for number in range(30)]
    greys = np.stack([np.asarray(one.convert("L").resize((32, 32), Image.Resampling.LANCZOS)) for one in pictures])
    expected = [imagehash.phash(one).hash for one in pictures]
    bits = np.unpackbits(perceptual_hashes(greys).view(np.uint8).reshape(30, 8), axis=1)
    np.testing.assert_array_equal(bits.astype(bool), np.stack(expected).reshape(30, 64))


def test_a_thumbnail_holds_the_rounded_means_of_four_values() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)
    found = thumbnails(grey).reshape(3, 16, 16)
    for n, y, x in ((0, 0, 0), (1, 5, 9), (2, 15, 15)):
        mean = grey[n, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
        assert abs(float(found[n, y, x]) - mean) <= 0.5
    assert (thumbnails(np.full((1, 32, 32), 255, np.uint8)) == 255).all()
