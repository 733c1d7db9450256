from dataclasses import replace

import numpy as np
import pytest

from reassess.errors import DataError
from reassess.evaluation import (
    ImageSample,
    Strata,
    adjust_by_guesses,
    anytime_quantile,
    count_usable,
    draw_images,
    estimate_ratio,
    image_weights,
    rescale_variances,
)

SIZES = np.array([2000, 800, 200])
IDS = np.random.default_rng(0).permutation(np.repeat(np.arange(3), SIZES))
STRATA = Strata(IDS, np.array([0.04, 0.2, 0.25]), np.arange(3), np.zeros(3, bool), 0.15)
HAS_LABEL = np.random.default_rng(1).random(3000) < np.array([0.98, 0.9, 0.8])[IDS]
CORRECT = HAS_LABEL & (np.random.default_rng(2).random(3000) < np.array([0.97, 0.7, 0.4])[IDS])
ACCURACY = CORRECT.sum() / HAS_LABEL.sum()


def plain_sample(n: int, total: int) -> ImageSample:
    """Return the first n images of a set as if they had been drawn from one stratum."""
    none = np.zeros(n, int)
    return ImageSample(np.arange(n), none, none, np.full(n, n / total), np.array([total]), np.zeros(1, bool))


def draw_with_pilot(seed: int, *, size: int = 100) -> ImageSample:
    pilot = draw_images(STRATA, 40, seed=seed)
    corrected = rescale_variances(STRATA, pilot.strata, CORRECT[pilot.images][None])
    return draw_images(corrected, size - 40, seed=seed, earlier=pilot)


def test_weights_of_one_batch_are_those_of_horvitz_and_thompson() -> None:
    sample = draw_images(STRATA, 100, seed=0)
    assert np.allclose(image_weights(sample), 1 / (3000 * sample.probabilities))


def test_two_batches_of_one_stratum_are_pooled() -> None:
    strata = Strata(np.zeros(300, int), np.full(1, 0.2), np.zeros(1, int), np.zeros(1, bool), 0.2)
    both = draw_images(strata, 50, seed=0, earlier=draw_images(strata, 70, seed=0))
    assert np.allclose(image_weights(both), 1 / 120)


def test_mean_is_unbiased_although_a_pilot_decides_the_second_batch() -> None:
    means = np.empty(1000)
    for seed in range(means.size):
        sample = draw_with_pilot(seed)
        means[seed] = image_weights(sample) @ CORRECT[sample.images]
    assert abs(means.mean() - CORRECT.mean()) < 4 * means.std() / np.sqrt(means.size)


def test_interval_covers_the_accuracy() -> None:
    estimates = [
        estimate_ratio(sample, CORRECT[sample.images], HAS_LABEL[sample.images])
        for sample in map(draw_with_pilot, range(600))
    ]
    coverage = np.mean([estimate.low <= ACCURACY <= estimate.high for estimate in estimates])
    assert 0.92 < coverage < 0.98
    errors = np.array([estimate.value for estimate in estimates]) - ACCURACY
    assert np.isclose(np.mean([estimate.standard_error for estimate in estimates]), errors.std(), rtol=0.1)


def test_stratified_intervals_are_narrower_than_those_of_plain_samples() -> None:
    widths = np.empty((40, 2))
    for seed in range(40):
        sample = draw_images(STRATA, 200, seed=seed)
        stratified = estimate_ratio(sample, CORRECT[sample.images], HAS_LABEL[sample.images])
        images = np.random.default_rng(seed).permutation(3000)[:200]
        plain = estimate_ratio(plain_sample(200, 3000), CORRECT[images], HAS_LABEL[images])
        widths[seed] = stratified.high - stratified.low, plain.high - plain.low
    stratified_width, plain_width = widths.mean(axis=0)
    assert stratified_width < 0.9 * plain_width


def test_interval_of_a_plain_sample_is_wilsons_with_students_quantile() -> None:
    estimate = estimate_ratio(plain_sample(100, 10**9), np.arange(100) < 90, np.ones(100))
    quantile = 1.9842169515086827  # of Student's t with 99 degrees of freedom
    centre = (90 + quantile**2 / 2) / (100 + quantile**2)
    half = quantile * np.sqrt(9 + quantile**2 / 4) / (100 + quantile**2)
    assert np.allclose([estimate.low, estimate.high], [centre - half, centre + half], atol=1e-7)


@pytest.mark.parametrize("is_difference", [False, True])
@pytest.mark.parametrize("answer", [0, 1])
def test_equal_answers_give_an_interval_with_a_width(answer: int, is_difference: bool) -> None:
    sample = draw_images(STRATA, 50, seed=0)
    estimate = estimate_ratio(sample, np.full(50, answer), np.ones(50), is_difference=is_difference)
    assert estimate.value == pytest.approx(answer)
    assert estimate.high - estimate.low > 0.04
    assert estimate.low <= answer <= estimate.high


def test_all_images_give_the_true_value() -> None:
    sample = draw_images(STRATA, 2900, seed=0, earlier=draw_images(STRATA, 100, seed=0))
    estimate = estimate_ratio(sample, CORRECT[sample.images], HAS_LABEL[sample.images])
    assert [estimate.value, estimate.low, estimate.high] == pytest.approx([ACCURACY] * 3)


def test_sample_without_a_valid_class_has_no_estimate() -> None:
    estimate = estimate_ratio(draw_images(STRATA, 50, seed=0), np.zeros(50), np.zeros(50))
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 50)


def test_difference_lies_within_the_share_of_images_where_predictions_differ() -> None:
    strata = Strata(np.repeat([0, 1], [9900, 100]), np.array([0, 0.5]), np.arange(2), np.array([True, False]), 0.01)
    sample = draw_images(strata, 60, seed=0)
    differ = sample.strata == 1
    only_first = estimate_ratio(sample, np.where(differ, 1, 0), np.ones(60), is_difference=True)
    assert only_first.value == pytest.approx(0.01)
    assert 0.008 < only_first.low < only_first.high < 0.01 + 1e-12
    signs = np.where(differ, (-1) ** np.cumsum(differ), 0)
    mixed = estimate_ratio(sample, signs, np.ones(60), is_difference=True)
    assert -0.003 < mixed.low < 0 < mixed.high < 0.003


def test_difference_counts_all_images_if_strata_are_settled() -> None:
    strata = Strata(np.repeat([0, 1], [5000, 5000]), np.array([0, 0.5]), np.arange(2), np.array([True, False]), 0.25)
    sample = draw_images(strata, 200, seed=0)
    denominators = np.arange(200) != 7
    with pytest.raises(DataError, match="denominator out of range"):
        estimate_ratio(sample, np.zeros(200), denominators, is_difference=True)
    assert estimate_ratio(sample, np.zeros(200), denominators).value == 0


def test_interval_for_all_times_is_wider_and_narrowest_at_the_planned_size() -> None:
    sample = draw_images(STRATA, 100, seed=0)
    answers = CORRECT[sample.images], HAS_LABEL[sample.images]
    once = estimate_ratio(sample, *answers)
    planned, late = (estimate_ratio(sample, *answers, planned=n) for n in (100, 1000))
    assert late.low < planned.low < once.low < once.high < planned.high < late.high
    quantiles = [anytime_quantile(n, 500) for n in (50, 499, 500, 501, 5000)]
    assert quantiles[0] > quantiles[1] > quantiles[2] < quantiles[3] < quantiles[4]


def test_walk_that_is_watched_at_all_times_rarely_leaves_the_interval() -> None:
    steps = np.random.default_rng(0).standard_normal((2000, 1000))
    n = np.arange(1, 1001)
    quantiles = np.array([anytime_quantile(int(count), 500) for count in n])
    left = np.abs(np.cumsum(steps, axis=1)) > quantiles * np.sqrt(n)
    assert 0.01 < left.any(axis=1).mean() < 0.05


def test_last_batch_counts_when_it_has_an_image_of_each_stratum() -> None:
    sample = draw_with_pilot(0)
    counts = [count_usable(sample.first(n)) for n in range(1, 101)]
    assert counts[:5] == [0] * 5
    assert counts[39:41] == [40, 40]
    assert counts[-1] == 100
    for n in (40, 41, 60, 100):
        usable = sample.first(count_usable(sample.first(n)))
        assert image_weights(usable).sum() == pytest.approx(1)
    with pytest.raises(DataError, match="too few images of a stratum"):
        image_weights(sample.first(41))
    with pytest.raises(DataError, match="too few images of a stratum"):
        image_weights(sample.first(0))


def test_wrong_number_of_answers_is_named() -> None:
    sample = draw_images(STRATA, 50, seed=0)
    with pytest.raises(DataError, match="wrong shape of numerators"):
        estimate_ratio(sample, np.ones(49), np.ones(50))
    with pytest.raises(DataError, match="wrong shape of denominators"):
        estimate_ratio(sample, np.ones(50), np.ones(51))


def test_unknown_answer_is_named() -> None:
    sample = draw_images(STRATA, 50, seed=0)
    answers = np.where(np.arange(50) == 3, np.nan, 1.0)
    with pytest.raises(DataError) as error:
        estimate_ratio(sample, answers, np.ones(50))
    assert str(error.value) == (
        "numerator out of range\n  where:   image 4 of the sample\n  allowed: a finite number\n  found:   nan"
    )
    with pytest.raises(DataError, match="denominator out of range"):
        estimate_ratio(sample, np.ones(50), 2 * np.ones(50))


GUESSES = np.clip(CORRECT * 0.6 + np.random.default_rng(3).random(3000) * 0.4, 0, 1)


def test_good_guesses_make_the_standard_error_of_a_plain_sample_smaller() -> None:
    images = np.random.default_rng(4).permutation(3000)[:200]
    sample = plain_sample(200, 3000)
    plain = estimate_ratio(sample, CORRECT[images], np.ones(200))
    adjusted, strength = adjust_by_guesses(sample, CORRECT[images], GUESSES[images], GUESSES.mean())
    assert strength > 0.5
    assert estimate_ratio(sample, adjusted, np.ones(200)).standard_error < 0.5 * plain.standard_error


def test_best_strength_has_the_smallest_standard_error_in_strata() -> None:
    sample = draw_with_pilot(0)
    answers, guesses = CORRECT[sample.images], GUESSES[sample.images]

    def error(strength: float | None) -> float:
        adjusted, _ = adjust_by_guesses(sample, answers, guesses, GUESSES.mean(), strength=strength)
        return estimate_ratio(sample, adjusted, np.ones(100)).standard_error or 0.0

    _, best = adjust_by_guesses(sample, answers, guesses, GUESSES.mean())
    assert error(None) < min(error(best - 0.3), error(best + 0.3), error(0))


def test_guesses_without_variance_change_nothing() -> None:
    sample = plain_sample(20, 100)
    adjusted, strength = adjust_by_guesses(sample, np.arange(20) % 2, np.full(20, 0.3), 0.3)
    assert strength == 0
    assert np.array_equal(adjusted, np.arange(20) % 2)


def test_control_by_guesses_equals_ppi_python() -> None:
    ppi = pytest.importorskip("ppi_py")
    sample = draw_images(STRATA, 100, seed=5)
    for drawn, weights in ((plain_sample(100, 3000), None), (sample, 100 * image_weights(sample))):
        y, guesses = CORRECT[drawn.images].astype(float), GUESSES[drawn.images]
        for strength in (0.0, 0.4, 1.0):
            adjusted, _ = adjust_by_guesses(drawn, y, guesses, GUESSES.mean(), strength=strength)
            theirs = ppi.ppi_mean_pointestimate(y, guesses, GUESSES, lam=strength, w=weights)
            assert image_weights(drawn) @ adjusted == pytest.approx(np.squeeze(theirs).item(), abs=1e-9)


def test_standard_error_equals_that_of_ppi_python() -> None:
    ppi = pytest.importorskip("ppi_py")
    sample = plain_sample(100, 3000)
    y, guesses = CORRECT[:100].astype(float), GUESSES[:100]
    for strength in (0.0, 0.4, 1.0):
        adjusted, _ = adjust_by_guesses(sample, y, guesses, GUESSES.mean(), strength=strength)
        low, high = ppi.ppi_mean_ci(y, guesses, GUESSES, alpha=0.05, lam=strength)
        squared = (np.squeeze(high - low).item() / 2 / 1.959963984540054) ** 2
        # Theirs are images of a larger population; here the mean guess of all images is known, and images are finite.
        of_sample = (squared - strength**2 * GUESSES.var() / GUESSES.size) * (1 - 100 / 3000)
        ours = estimate_ratio(sample, adjusted, np.ones(100)).standard_error
        assert ours == pytest.approx(np.sqrt(of_sample), abs=1e-9)


def test_interval_of_a_few_images_of_a_group_is_wide() -> None:
    sample = draw_images(STRATA, 200, seed=0)
    is_of_group = np.arange(200) % 40 == 0
    estimate = estimate_ratio(sample, is_of_group, is_of_group)
    assert estimate.value == pytest.approx(1)
    assert 0.2 < estimate.low < 0.7  # Wilson's bound for 5 of 5 is 0.57


@pytest.mark.parametrize(("n", "agreeing"), [(2000, 0.999), (500, 0.996), (100, 0.98)])
def test_interval_covers_accuracy_if_few_mistakes_in_large_strata_count_much(n: int, agreeing: float) -> None:
    """In 985 of 1,000 images, few predictions are wrong; elsewhere half of them are."""
    sizes, accuracies = np.array([16_500, 16_500, 16_250, 750]), np.array([agreeing] * 3 + [0.5])
    differ = n // 10
    ns = np.array([(n - differ) // 3] * 3 + [differ])
    strata, nothing = np.repeat(np.arange(4), ns), np.zeros(ns.sum(), int)
    sample = ImageSample(np.arange(ns.sum()), strata, nothing, np.ones(ns.sum()), sizes, np.zeros(4, bool))
    truth, rng = accuracies @ sizes / 50_000, np.random.default_rng(0)
    estimates = [estimate_ratio(sample, rng.random(strata.size) < accuracies[strata], nothing + 1) for _ in range(500)]
    assert np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]) > 0.92


def test_ends_of_an_interval_do_not_cross_if_the_value_is_out_of_range() -> None:
    """Values that are adjusted by guesses can have a mean above 1."""
    estimate = estimate_ratio(plain_sample(100, 10_000), np.linspace(1.0, 1.1, 100), np.ones(100))
    assert estimate.value == pytest.approx(1.05)
    assert estimate.low <= estimate.high <= 1


def test_few_mistakes_do_not_make_the_interval_wider_than_that_of_a_plain_sample() -> None:
    """Nothing is known of an image, and 2 of 100 answers are wrong."""
    ns = np.array([20, 20, 15, 15, 10, 10, 5, 5])
    strata, nothing = np.repeat(np.arange(8), ns), np.zeros(100, int)
    sample = ImageSample(np.arange(100), strata, nothing, np.ones(100), 100 * ns, np.zeros(8, bool))
    stratified = estimate_ratio(sample, ~np.isin(np.arange(100), [3, 82]), nothing + 1)
    plain = estimate_ratio(plain_sample(100, 10_000), np.arange(100) > 1, nothing + 1)
    assert stratified.value == pytest.approx(plain.value)
    assert stratified.high - stratified.low < 1.05 * (plain.high - plain.low)


def test_difference_is_significant_exactly_if_its_interval_excludes_0() -> None:
    estimates = []
    for lead in range(31):
        only_first = np.arange(200) < 20 + lead
        only_second = np.arange(200) >= 180
        values = only_first.astype(int) - only_second
        estimates.append(estimate_ratio(plain_sample(200, 10_000), values, np.ones(200), is_difference=True))
    p_values = [estimate.p_value for estimate in estimates]
    assert p_values[0] == 1
    assert p_values[-1] < 0.001
    assert np.all(np.diff(p_values) < 0)
    assert [p_value < 0.05 for p_value in p_values] == [estimate.low > 0 for estimate in estimates]


def test_only_differences_at_one_look_have_a_p_value() -> None:
    sample, values = plain_sample(100, 10_000), np.arange(100) < 60
    assert estimate_ratio(sample, values, np.ones(100)).p_value is None
    assert estimate_ratio(sample, values, np.ones(100), is_difference=True, planned=100).p_value is None


def test_plain_sample_is_compared_with_itself() -> None:
    estimate = estimate_ratio(plain_sample(1000, 10_000), np.arange(1000) < 700, np.ones(1000))
    assert estimate.plain_n == pytest.approx(1000, rel=0.01)
    assert estimate.plain_half_width == pytest.approx((estimate.high - estimate.low) / 2, rel=0.01)
    whole = estimate_ratio(plain_sample(1000, 1000), np.arange(1000) < 700, np.ones(1000))
    assert whole.low == whole.value == whole.high == pytest.approx(0.7, rel=1e-15)
    assert (whole.plain_n, whole.plain_half_width) == (1000, 0)


def test_stratified_sample_is_as_good_as_a_larger_plain_sample() -> None:
    """The true ratio of variances, from the known answers of all images."""
    sizes, ns = SIZES, np.array([80, 80, 40])
    residuals = CORRECT - ACCURACY * HAS_LABEL
    within = np.array([residuals[stratum == IDS].var() for stratum in range(3)])
    error = np.sqrt(((sizes / 3000) ** 2 * within / ns * (1 - ns / sizes)).sum())
    plain_n = residuals.var() / (error**2 + residuals.var() / 3000)
    means = np.empty(200)
    for seed in range(means.size):
        rng = np.random.default_rng(seed)
        images = np.concatenate(
            [rng.permutation(np.flatnonzero(stratum == IDS))[: ns[stratum]] for stratum in range(3)]
        )
        sample = ImageSample(images, IDS[images], np.zeros(200, int), np.ones(200), sizes, np.zeros(3, bool))
        means[seed] = estimate_ratio(sample, CORRECT[images], HAS_LABEL[images]).plain_n
    assert means.mean() == pytest.approx(plain_n, rel=0.1)


def test_interval_covers_a_share_although_few_images_of_a_large_settled_stratum_are_drawn() -> None:
    """9 of 10 images are settled, but only 30 of 100 images of the sample; 5 % and 30 % of the images are wrong."""
    is_settled, ns, sizes = np.array([True, False, False]), np.array([30, 35, 35]), np.array([9000, 500, 500])
    strata, probabilities = np.repeat([0, 1, 2], ns), np.repeat(ns / sizes, ns)
    sample = ImageSample(np.arange(100), strata, np.zeros(100, int), probabilities, sizes, is_settled)
    shares = np.array([0.05, 0.3, 0.3])
    truth = shares @ sizes / 10_000
    rng = np.random.default_rng(0)
    estimates = [estimate_ratio(sample, rng.random(100) < shares[strata], np.ones(100)) for _ in range(400)]
    assert np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]) > 0.92


def test_settled_strata_count_in_accuracy() -> None:
    """Equal predictions say nothing about a difference, but they may be wrong."""
    settled = ImageSample(
        np.arange(60),
        np.repeat([0, 1], 30),
        np.zeros(60, int),
        np.ones(60),
        np.array([900, 100]),
        np.array([True, False]),
    )
    correct = np.arange(60) % 3 > 0
    plain = replace(settled, is_settled=np.zeros(2, bool))
    estimate, expected = (estimate_ratio(sample, correct, np.ones(60)) for sample in (settled, plain))
    assert estimate.value == expected.value
    assert estimate.standard_error == pytest.approx(expected.standard_error)
    assert estimate.standard_error > 0.05
