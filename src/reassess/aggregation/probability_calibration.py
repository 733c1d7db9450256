"""Calibration: whether classes with probability p are valid in a share p of cases."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import GoldenQuestions
from reassess.numeric.proportions import share_interval
from reassess.text import Printable

BIN_BOUNDS = (0.0, 0.01, *(tenth / 10 for tenth in range(1, 10)), 0.99, 1.0)
_ERROR_BOUNDS = np.arange(11) / 10  # bins of equal width, as usual for the calibration error
_MIN_PROBABILITY = 1e-6  # lower probabilities count as this in the log loss

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CalibrationBin:
    """Golden questions whose probabilities are similar, and how many of them are valid."""

    low: float  # probabilities of the bin: from `low`, to less than `high` (in the last bin: to 1)
    high: float
    n_questions: int
    n_valid: int
    mean_probability: float
    interval: tuple[float, float]  # 95 %, of the share of valid questions

    @property
    def share_valid(self) -> float:
        """Share of the questions that are valid, in [0, 1]."""
        return self.n_valid / self.n_questions

    def to_json(self) -> dict[str, float]:
        """Return a dict for JSON output."""
        return {
            "low": self.low,
            "high": self.high,
            "questions": self.n_questions,
            "valid": self.n_valid,
            "mean_probability": self.mean_probability,
            "share_valid": self.share_valid,
            "share_low": self.interval[0],
            "share_high": self.interval[1],
        }


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Printable):
    """How well probabilities agree with golden answers."""

    bins: tuple[CalibrationBin, ...]  # without empty bins
    log_loss: float  # natural logarithm
    brier_score: float
    calibration_error: float  # mean of |mean probability - share valid| over questions, in ten bins of equal width
    is_of_images: bool  # one class per image: the most probable class of each golden image is measured

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "log_loss": self.log_loss,
            "brier_score": self.brier_score,
            "calibration_error": self.calibration_error,
            "bins": [each.to_json() for each in self.bins],
        }


def measure_calibration(golden: GoldenQuestions, probabilities: Floats) -> Calibration:
    """Compare the probabilities of golden questions, shape (questions,), with golden answers.

    If each image has one class, the bins contain the most probable class of each golden image, log loss is the mean of
    -log(probability of the experts' class), and the Brier score is summed over the classes of an image.
    """
    is_valid, image_ids = golden.is_valid, golden.questions.image_ids
    errors = (probabilities - is_valid) ** 2
    if golden.has_one_class_per_image:
        of_truth = probabilities[is_valid]
        order = np.lexsort((-probabilities, image_ids))
        rows = order[np.unique(image_ids[order], return_index=True)[1]]
        brier_score = errors.sum() / rows.size
        probabilities, is_valid, image_ids = probabilities[rows], is_valid[rows], image_ids[rows]
    else:
        of_truth = np.where(is_valid, probabilities, 1 - probabilities)
        brier_score = errors.mean()
    gaps = [
        abs((probabilities[rows] - is_valid[rows]).sum()) for rows in _split_into_bins(probabilities, _ERROR_BOUNDS)
    ]
    return Calibration(
        bins=tuple(
            _measure_bin(probabilities[rows], is_valid[rows], image_ids[rows])
            for rows in _split_into_bins(probabilities, np.array(BIN_BOUNDS))
            if rows.size
        ),
        log_loss=float(-np.log(np.maximum(of_truth, _MIN_PROBABILITY)).mean()) + 0.0,  # not -0.0
        brier_score=float(brier_score),
        calibration_error=float(sum(gaps)) / probabilities.size,
        is_of_images=golden.has_one_class_per_image,
    )


def _split_into_bins(probabilities: Floats, bounds: Floats) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each bin."""
    numbers = np.searchsorted(bounds[1:-1], probabilities, side="right")
    return [np.flatnonzero(numbers == number) for number in range(bounds.size - 1)]


def _measure_bin(
    probabilities: Floats, is_valid: npt.NDArray[np.bool_], image_ids: npt.NDArray[np.int32]
) -> CalibrationBin:
    """Count valid questions of a bin; the questions of an image are not independent."""
    number = int(np.searchsorted(BIN_BOUNDS[1:-1], probabilities[0], side="right"))
    n_by_image, valid_by_image = np.bincount(image_ids), np.bincount(image_ids, is_valid).astype(np.int64)
    return CalibrationBin(
        low=BIN_BOUNDS[number],
        high=BIN_BOUNDS[number + 1],
        n_questions=probabilities.size,
        n_valid=int(is_valid.sum()),
        mean_probability=float(probabilities.mean()),
        interval=share_interval(valid_by_image, n_by_image),
    )
