"""Labels of people on real images: the first rater of CIFAR-10N, and held-out predictions of a small network."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation import GoldenQuestions
from reassess.cleaning import HeldOutPredictions, find_label_errors
from reassess.cleaning.checked_labels import adjust_to_checked_labels, find_label_verdicts
from reassess.cleaning.class_candidates import ClassCandidates
from reassess.cleaning.noise_model import fit_noise_model
from reassess.core import Cleaning, Questions
from reassess.data import read_original_labels
from reassess.formats import read_predictions
from tests.cleaning.simulated import matrix_of
from tests.cleaning.test_checked_labels import simple_sample
from tests.cleaning.test_noise_model import second_labels
from tests.helpers import RealFile


class MeasuredLabels(NamedTuple):
    held_out: HeldOutPredictions
    cleaning: Cleaning
    truth: npt.NDArray[np.int64]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        return self.truth != self.cleaning.class_ids


@cache
def _measure(scores: Path, labels: Path, original: Path) -> MeasuredLabels:
    rater = read_original_labels(labels)
    predictions = read_predictions(scores, rater.classes)
    held_out = HeldOutPredictions.from_predictions({"heldout": predictions}, rater)
    true = read_original_labels(original, classes=rater.classes)
    return MeasuredLabels(held_out, find_label_errors(held_out), true.indices[true.find(rater.images)].astype(np.int64))


@pytest.fixture
def measured(real_file: RealFile) -> MeasuredLabels:
    files = ("heldout-first-rater.npz", "train-first-rater.csv", "train-original.csv")
    return _measure(*map(real_file, files))


def count_wrong(measured: MeasuredLabels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count wrong labels, and all labels, among the first n by label quality, the lowest first."""
    wrong = measured.wrong[np.argsort(measured.cleaning.label_quality, kind="stable")]
    return np.cumsum(wrong), np.arange(1, wrong.size + 1)


def test_wrong_labels_come_first(measured: MeasuredLabels) -> None:
    """Measured: average precision 0.7560, and F1 0.6756 at the best threshold."""
    hits, n = count_wrong(measured)
    wrong = np.diff(hits, prepend=0)
    assert (wrong * hits / n).sum() / hits[-1] >= 0.750
    assert (2 * hits / (n + hits[-1])).max() >= 0.66


def test_matrix_and_share_are_near_the_true_values(measured: MeasuredLabels) -> None:
    """Measured: a mean error of the matrix of 0.0055, and a share of 16.80 % for 17.23 %."""
    noise: Any = measured.cleaning.noise
    true = matrix_of(measured.truth, measured.cleaning.class_ids.astype(np.int64), 10)
    assert np.abs(noise.matrix - true).mean() <= 0.013
    assert noise.wrong_share == pytest.approx(measured.wrong.mean(), abs=0.015)


def test_probabilities_are_calibrated(measured: MeasuredLabels) -> None:
    label_quality = measured.cleaning.label_quality
    tenths = np.minimum((10 * label_quality).astype(int), 9)
    tested = 0
    for tenth in range(10):
        in_tenth = tenths == tenth
        if in_tenth.sum() >= 500:
            tested += 1
            assert tenth / 10 - 0.05 <= (~measured.wrong[in_tenth]).mean() <= (tenth + 1) / 10 + 0.05
    assert tested == 10


def test_500_checked_labels_correct_the_share(measured: MeasuredLabels) -> None:
    """The error is at most 1.5 points in 9 of 10 draws, and the interval has nearly its nominal coverage.

    Measured over 200 draws: 99 % and 94.5 %.
    """
    labels, share = measured.held_out.labels, measured.wrong.mean()
    near = covered = 0
    for seed in range(40):
        rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:500])
        images = [labels.images[row] for row in rows.tolist()]
        pairs = Questions.from_columns(images, labels.indices[rows], labels.classes)
        known = find_label_verdicts(measured.held_out, GoldenQuestions(pairs, ~measured.wrong[rows]))
        label_quality, checked = adjust_to_checked_labels(measured.cleaning.label_quality, known, simple_sample(known))
        near += abs(1 - label_quality.mean() - share) <= 0.015
        covered += checked.interval[0] <= share <= checked.interval[1]
    assert near >= 36
    assert covered >= 34


def test_labels_that_look_like_their_image_are_found(measured: MeasuredLabels) -> None:
    """A fifth of the labels are the second-likeliest class. Measured: average precision 0.69, and a share of 22 %."""
    images = ClassCandidates.from_held_out(measured.held_out)
    rows = np.sort(np.random.default_rng(0).permutation(len(images))[:10_000])
    logs, truth = images.log_probabilities[rows], measured.truth[rows]
    labels = second_labels(np.exp(logs), truth, 0.2)
    wrong = labels != truth
    _, found = fit_noise_model(replace(images.select_rows(rows), label_columns=labels.astype(np.int32)))
    assert 1 - found.label_quality.mean() == pytest.approx(wrong.mean(), abs=0.05)
    others = np.exp(logs)
    of_label = np.take_along_axis(others, labels[:, None], axis=1)[:, 0]
    np.put_along_axis(others, labels[:, None], -1.0, axis=1)
    by_margin = average_precision(wrong, of_label - others.max(axis=1))  # as cleanlab's normalized margin
    assert average_precision(wrong, found.label_quality) >= by_margin - 0.01


def average_precision(wrong: npt.NDArray[np.bool_], quality: npt.NDArray[np.floating]) -> float:
    ordered = wrong[np.argsort(quality, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, ordered.size + 1))[ordered].mean())


@pytest.mark.filterwarnings("ignore:classes where more than a third")
def test_share_is_near_the_true_share_with_few_images(measured: MeasuredLabels) -> None:
    """The limit is on the mean absolute error over 10 random parts of 1,000 images."""
    images = ClassCandidates.from_held_out(measured.held_out)
    off = []
    for seed in range(10):
        rows = np.sort(np.random.default_rng(seed).permutation(len(images))[:1_000])
        _, found = fit_noise_model(images.select_rows(rows))
        off.append(1 - found.label_quality.mean() - measured.wrong[rows].mean())
    assert np.abs(off).mean() <= 0.02


@pytest.mark.filterwarnings("ignore:classes where more than a third")
def test_more_dropped_labels_are_wrong_than_with_the_method_consistent(measured: MeasuredLabels) -> None:
    consistent = find_label_errors(measured.held_out, "consistent")
    equally_many = np.argsort(measured.cleaning.label_quality, kind="stable")[: (~consistent.is_kept).sum()]
    assert measured.wrong[equally_many].sum() > measured.wrong[~consistent.is_kept].sum()
