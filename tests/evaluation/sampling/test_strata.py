import time

import numpy as np
import pytest

from reassess.errors import DataError
from reassess.evaluation import Strata, allocate, guess_correct, guess_label_valid, make_strata, rescale_variances

RNG = np.random.default_rng(0)
N = 20_000
ORIGINAL = RNG.integers(0, 10, N)
CONFIDENCES = RNG.random((2, N))
TOP1 = np.where(RNG.random((2, N)) < 0.3 + 0.7 * CONFIDENCES, ORIGINAL, RNG.integers(0, 10, (2, N)))
GUESSES = guess_correct(TOP1, CONFIDENCES, ORIGINAL)


def test_guess_rises_with_confidence_among_images_that_agree_with_the_label() -> None:
    agrees = TOP1[0] == ORIGINAL
    for images in (agrees, ~agrees):
        order = np.argsort(CONFIDENCES[0, images])
        assert np.all(np.diff(GUESSES[0, images][order]) >= 0)
    assert GUESSES[0, agrees].min() > GUESSES[0, ~agrees].max()


def test_guess_depends_only_on_the_order_of_confidences() -> None:
    assert np.array_equal(guess_correct(TOP1, CONFIDENCES**3 * 50 - 7, ORIGINAL), GUESSES)


@pytest.mark.parametrize(("n_agreeing", "agreeing", "differing"), [(9, 0.92439, 0.46), (5, 0.91875, 0.3)])
def test_guesses_doubt_a_label_that_a_better_model_repeats_more(
    n_agreeing: int, agreeing: float, differing: float
) -> None:
    """1 - (0.1 + A^4) (1 - A), and 0.1 + 0.4 A, for the share A of ten images where model and label agree."""
    guesses = guess_correct(np.zeros((1, 10), int), original=(np.arange(10) >= n_agreeing).astype(int))[0]
    assert guesses == pytest.approx([agreeing] * n_agreeing + [differing] * (10 - n_agreeing))


def test_guess_without_labels_is_the_confidence() -> None:
    assert guess_correct(TOP1[:, :1], np.array([[0.4], [1.0]])).ravel().tolist() == [0.4, 0.95]
    assert guess_correct(TOP1[:, :1]).ravel().tolist() == [0.5, 0.5]


@pytest.mark.parametrize("purpose", ["accuracy", "labels", "difference"])
def test_strata_contain_each_image_once_and_have_equal_spread(purpose: str) -> None:
    strata = make_strata(TOP1, GUESSES, ORIGINAL, purpose=purpose)
    assert np.array_equal(np.sort(np.concatenate(strata.members)), np.arange(N))
    assert strata.sizes.min() >= 20
    spread = (strata.sizes * np.sqrt(strata.variances))[~strata.is_settled]
    assert spread.max() < 2.5 * spread.min()


def test_settled_stratum_contains_the_images_with_equal_predictions() -> None:
    strata = make_strata(TOP1, GUESSES, ORIGINAL, purpose="difference")
    assert np.array_equal(strata.members[0], np.flatnonzero(TOP1[0] == TOP1[1]))
    assert strata.is_settled.tolist() == [True] + [False] * (len(strata.sizes) - 1)
    assert not make_strata(TOP1, GUESSES, ORIGINAL).is_settled.any()


def test_images_with_equal_guesses_stay_in_one_stratum() -> None:
    guesses = guess_correct(TOP1[:1], original=ORIGINAL)
    assert make_strata(TOP1[:1], guesses, ORIGINAL).sizes.size == 2


def test_guess_of_a_label_follows_how_often_the_model_agrees() -> None:
    guesses = guess_label_valid(TOP1[:1], GUESSES[:1], ORIGINAL)
    agrees = TOP1[0] == ORIGINAL
    assert np.array_equal(guesses[agrees], GUESSES[0, agrees])
    agreement = (GUESSES[0, ~agrees] - 0.1) / 0.4
    assert np.allclose(guesses[~agrees], 0.7 - 0.3 * agreement)
    both = guess_label_valid(TOP1[:2], GUESSES[:2], ORIGINAL)
    assert np.allclose(both, (guesses + guess_label_valid(TOP1[1:2], GUESSES[1:2], ORIGINAL)) / 2)


def test_guesses_of_labels_change_only_the_size_of_a_plain_sample() -> None:
    labels = guess_label_valid(TOP1, GUESSES, ORIGINAL)
    strata, other = (
        make_strata(TOP1, GUESSES, ORIGINAL, purpose="labels", label_guesses=guesses) for guesses in (labels, None)
    )
    assert np.array_equal(strata.ids, other.ids)
    assert np.array_equal(strata.variances, other.variances)
    assert strata.plain_variance == pytest.approx(labels.mean() * (1 - labels.mean()))
    assert strata.plain_variance != other.plain_variance


@pytest.mark.parametrize("images", [1, 5, 39])
def test_few_images_make_few_strata(images: int) -> None:
    strata = make_strata(TOP1[:1, :images], GUESSES[:1, :images], ORIGINAL[:images])
    assert strata.sizes.size <= 3
    assert strata.sizes.sum() == images


def test_pilot_corrects_the_variances_of_a_kind_together() -> None:
    strata = make_strata(TOP1[:1], GUESSES[:1], ORIGINAL)
    pilot = np.repeat(np.arange(strata.sizes.size), 50)
    outcomes = np.random.default_rng(1).integers(0, 2, (1, pilot.size))
    ratio = rescale_variances(strata, pilot, outcomes).variances / strata.variances
    for kind in np.unique(strata.kinds):
        assert np.allclose(ratio[strata.kinds == kind], ratio[strata.kinds == kind][0])
    assert ratio.max() > 2  # the outcomes are noise where few mistakes were guessed
    guessed = 50 * np.bincount(strata.kinds, weights=strata.variances)[strata.kinds]
    assert np.allclose(rescale_variances(strata, pilot, outcomes * 0).variances, strata.variances * 2 / (2 + guessed))


def test_models_with_equal_predictions_cannot_be_compared() -> None:
    with pytest.raises(DataError) as error:
        make_strata(TOP1[[0, 0]], GUESSES[[0, 0]], ORIGINAL, purpose="difference")
    assert error.value.problem == "all models predict the same class for every image"
    with pytest.raises(DataError, match="two models"):
        make_strata(TOP1[:1], GUESSES[:1], ORIGINAL, purpose="difference")


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(DataError, match="wrong shape of guesses"):
        make_strata(TOP1, GUESSES[:1], ORIGINAL)
    with pytest.raises(DataError, match="unknown purpose"):
        make_strata(TOP1, GUESSES, ORIGINAL, purpose="precision")
    with pytest.raises(DataError, match="no image has an original label"):
        guess_correct(TOP1, CONFIDENCES, np.full(N, -1))
    with pytest.raises(DataError, match="confidence out of range"):
        guess_correct(TOP1, CONFIDENCES * 2)


def test_allocation_has_the_asked_sum_and_at_least_two_images_per_stratum() -> None:
    strata = make_strata(TOP1, GUESSES, ORIGINAL)
    least = 2 * strata.sizes.size
    for n in (least, least + 1, 100, 777, N - 1, N):
        counts = allocate(strata, n)
        assert counts.sum() == n
        assert counts.min() >= 2
        assert np.all(counts <= strata.sizes)
    with pytest.raises(DataError, match="number of images to draw out of range"):
        allocate(strata, least - 1)
    with pytest.raises(DataError, match="number of images to draw out of range"):
        allocate(strata, N + 1)


def test_allocation_for_differences_draws_a_tenth_where_predictions_are_equal() -> None:
    strata = make_strata(TOP1, GUESSES, ORIGINAL, purpose="difference")
    assert allocate(strata, 1000)[0] == 100
    assert allocate(strata, 60)[0] == 15


def test_pilot_moves_the_allocation_towards_neymans() -> None:
    strata = Strata(np.repeat([0, 1], [9000, 1000]), np.array([0.01, 0.25]), np.arange(2), np.zeros(2, bool), 0.1)
    neyman = 0.1 * 0.5 / (0.1 * 0.5 + 0.9 * 0.1)
    assert allocate(strata, 10_000, available=strata.sizes).tolist() == [9000, 1000]
    assert allocate(strata, 1000)[1] == round(1000 * (0.5 * 0.1 + 0.5 * neyman))
    assert allocate(strata, 1000, has_pilot=True)[1] == round(1000 * (0.25 * 0.1 + 0.75 * neyman))


def test_strata_of_many_images_and_five_models_are_made_in_seconds() -> None:
    rng = np.random.default_rng(0)
    original, confidences = rng.integers(0, 1000, 300_000), rng.random((5, 300_000), np.float32)
    top1 = np.where(rng.random((5, 300_000), np.float32) < confidences, original, 0)
    start = time.process_time()
    make_strata(top1, guess_correct(top1, confidences, original), original)
    assert time.process_time() - start < 5
