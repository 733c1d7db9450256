"""Calibration: probabilities beside golden answers."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import beta

from reassess.aggregation import Curve, GoldenQuestions, precision_recall
from reassess.core import Questions, Scores
from tests.helpers import Needs


def make_curve(
    valid: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float64], *, questions_per_image: int = 1
) -> Curve:
    n = valid.size
    images = [f"{row // questions_per_image}.png" for row in range(n)]
    return Curve(GoldenQuestions(Questions.from_columns(images, np.arange(n)), valid), probabilities)


def test_calibration_equals_scikit_learn(needs: Needs) -> None:
    needs("sklearn")
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, log_loss

    rng = np.random.default_rng(0)
    probabilities = rng.random(3_000) ** 2
    valid = rng.random(3_000) < probabilities**1.5
    calibration = make_curve(valid, probabilities).calibration()
    assert calibration.log_loss == pytest.approx(log_loss(valid, probabilities), abs=1e-12)
    assert calibration.brier_score == pytest.approx(brier_score_loss(valid, probabilities), abs=1e-12)
    shares, means = calibration_curve(valid, probabilities, n_bins=10)
    sizes = np.histogram(probabilities, 10, (0, 1))[0]
    assert calibration.calibration_error == pytest.approx((sizes * np.abs(shares - means)).sum() / 3_000, abs=1e-12)
    middle = [each for each in calibration.bins if each.high - each.low > 0.095]
    assert [each.share_valid for each in middle] == pytest.approx(shares[1:-1].tolist())
    assert [each.mean_probability for each in middle] == pytest.approx(means[1:-1].tolist())
    assert sum(each.n_questions for each in calibration.bins) == 3_000
    assert sum(each.n_valid for each in calibration.bins) == valid.sum()


def test_tenths_are_in_the_bin_that_starts_with_them() -> None:
    """In floating point, 0.3, 0.6 and 0.7 are below the third, sixth and seventh step of `np.linspace(0, 1, 11)`."""
    tenths = np.repeat(np.arange(11) / 10, 2)
    calibration = make_curve(np.tile([True, False], 11), tenths).calibration()
    # The bins of 0, 0.1, ..., 0.8 have two questions, and the last bin has 0.9 and 1.0.
    expected = (sum(2 * abs(tenth / 10 - 0.5) for tenth in range(9)) + 4 * 0.45) / 22
    assert calibration.calibration_error == pytest.approx(expected, abs=1e-12)


def test_certain_mistake_has_a_finite_log_loss() -> None:
    calibration = make_curve(np.array([True, True]), np.array([0.0, 1.0])).calibration()
    assert calibration.log_loss == pytest.approx(-np.log(1e-6) / 2)
    assert [(each.low, each.high) for each in calibration.bins] == [(0, 0.01), (0.99, 1)]


def test_interval_of_a_bin_has_a_width_even_without_mistakes() -> None:
    valid = np.ones(40, bool)
    for questions_per_image, n_images in ((1, 40), (4, 10)):
        curve = make_curve(valid, np.full(40, 0.95), questions_per_image=questions_per_image)
        low, high = curve.calibration().bins[0].interval
        assert low == pytest.approx(beta.ppf(0.025, n_images, 1))
        assert high == 1


def test_interval_covers_the_share_in_19_of_20_samples() -> None:
    rng = np.random.default_rng(1)
    share, hits = 0.85, 0
    for _ in range(400):
        of_image = rng.beta(8.5, 1.5, 60)  # images differ, so that their questions are not independent
        valid = rng.random(180) < np.repeat(of_image, 3)
        (each,) = make_curve(valid, np.full(180, 0.85), questions_per_image=3).calibration().bins
        hits += each.interval[0] <= share <= each.interval[1]
    assert hits >= 0.93 * 400


def test_one_class_per_image_measures_the_most_probable_class() -> None:
    classes = np.tile([0, 1, 2], 3)
    questions = Questions.from_columns(np.repeat(["a.png", "b.png", "c.png"], 3).tolist(), classes)
    values = np.array([0.7, 0.2, 0.1, 0.3, 0.6, 0.1, 0.05, 0.05, 0.9])
    valid = np.array([1, 0, 0, 1, 0, 0, 0, 0, 1], bool)
    golden = GoldenQuestions(questions, valid, has_one_class_per_image=True)
    calibration = precision_recall(Scores(questions, values, is_exclusive=True), golden).calibration()
    assert [(each.low, each.n_questions, each.n_valid) for each in calibration.bins] == [
        (0.6, 1, 0),
        (0.7, 1, 1),
        (0.9, 1, 1),
    ]
    assert calibration.log_loss == pytest.approx(-np.log([0.7, 0.3, 0.9]).mean())
    assert calibration.brier_score == pytest.approx(((values - valid) ** 2).sum() / 3)
