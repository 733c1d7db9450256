import numpy as np
import pytest

from reassess.errors import DataError
from reassess.evaluation import ImageSample, Strata, draw_images

SIZES = np.array([600, 300, 100])
STRATA = Strata(
    np.random.default_rng(0).permutation(np.repeat(np.arange(3), SIZES)),
    np.array([0.05, 0.2, 0.25]),
    np.arange(3),
    np.zeros(3, bool),
    0.2,
)


def test_draw_is_determined_by_the_seed() -> None:
    first, second, other = (draw_images(STRATA, 90, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.images, second.images)
    assert not np.array_equal(first.images, other.images)


def test_sample_names_strata_probabilities_and_sizes() -> None:
    sample = draw_images(STRATA, 90, seed=1)
    assert len(sample) == np.unique(sample.images).size == 90
    assert np.array_equal(sample.strata, STRATA.ids[sample.images])
    counts = sample.counts()[0]
    assert np.allclose(sample.probabilities, (counts / SIZES)[sample.strata])
    assert sample.stratum_sizes.tolist() == SIZES.tolist()


def test_each_prefix_contains_the_strata_in_proportion() -> None:
    sample = draw_images(STRATA, 90, seed=1)
    shares = sample.counts()[0] / 90
    for n in range(1, 91):
        assert np.all(np.abs(np.bincount(sample.strata[:n], minlength=3) - n * shares) <= 1.5)


def test_next_batch_draws_images_that_were_not_drawn_and_keeps_the_order() -> None:
    first = draw_images(STRATA, 90, seed=1)
    both = draw_images(STRATA, 200, seed=1, earlier=first)
    assert np.array_equal(both.images[:90], first.images)
    assert np.unique(both.images).size == 290
    assert both.batches.tolist() == [0] * 90 + [1] * 200
    counts = both.counts()
    assert np.allclose(both.probabilities[90:], (counts[1] / (SIZES - counts[0]))[both.strata[90:]])


def test_all_images_can_be_drawn() -> None:
    sample = draw_images(STRATA, 910, seed=1, earlier=draw_images(STRATA, 90, seed=1))
    assert np.array_equal(np.sort(sample.images), np.arange(1000))
    with pytest.raises(DataError, match="number of images to draw out of range"):
        draw_images(STRATA, 1, seed=1, earlier=sample)


def test_each_image_of_a_stratum_is_equally_likely_to_be_drawn_and_to_come_first() -> None:
    drawn, first = np.zeros(1000), np.zeros(1000)
    for seed in range(2000):
        sample = draw_images(STRATA, 90, seed=seed)
        drawn[sample.images] += 1
        first[sample.first(30).images] += 1
    for counts in (drawn, first):
        for stratum in range(3):
            images = counts[STRATA.ids == stratum]
            # The variance of counts, if each of them is binomial.
            assert images.var() < 1.5 * images.mean()


def test_batches_of_other_strata_cannot_be_continued() -> None:
    other = Strata(np.repeat([0, 1], 500), np.full(2, 0.1), np.zeros(2, int), np.zeros(2, bool), 0.1)
    with pytest.raises(DataError, match="other strata"):
        draw_images(STRATA, 100, seed=0, earlier=draw_images(other, 100, seed=0))


def test_first_images_are_a_sample() -> None:
    sample = draw_images(STRATA, 90, seed=1)
    assert isinstance(sample.first(20), ImageSample)
    assert np.array_equal(sample.first(20).images, sample.images[:20])
