"""The most probable classes of each image, from held-out predictions."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.core.probabilities import probability_blocks
from reassess.errors import DataError, Fix
from reassess.numeric.jit import thread_count
from reassess.numeric.label_noise_kernels import approximate_log_of_power_sum, select_candidates

MAX_CANDIDATES = 16  # largest number of classes per image
_MIN_PROBABILITY = (
    1e-6  # lower probabilities are raised to this: float16 has none between 0 and 6e-8, and few below 6e-5
)
_BLOCK_SIZE = 1024


@dataclass(frozen=True, eq=False)
class ClassCandidates:
    """The most probable classes of each image, with their probabilities; the label is always included."""

    class_ids: npt.NDArray[np.int32]  # (images, candidates): class ids, each once
    # (images, candidates): logarithm of the probability that the model gives the class; for several models or
    # repetitions, the mean of the logarithms.
    log_probabilities: npt.NDArray[np.float32]
    label_columns: npt.NDArray[np.int32]  # (images,): column of the label in `class_ids`
    # (images, 2): the logarithm of the sum of the probabilities of all other classes, and of the sum of their squares;
    # -inf without other classes.
    log_sums_of_other_classes: npt.NDArray[np.float32]
    n_classes: int  # number of classes

    @classmethod
    def from_held_out(cls, held_out: HeldOutPredictions, *, max_candidates: int = MAX_CANDIDATES) -> "ClassCandidates":
        """Select the most probable classes of each image from held-out predictions."""
        images, classes = len(held_out.labels), held_out.n_classes
        ids = np.empty((images, min(max_candidates, classes)), np.int32)
        logs, place = np.empty(ids.shape, np.float32), np.empty(images, np.int32)
        tails = np.empty((images, 2), np.float32)
        readers = [_ProbabilityReader(file, images) for file in held_out.files]

        def read_block(start: int) -> None:
            part = slice(start, min(start + _BLOCK_SIZE, images))
            probabilities = np.empty((held_out.n_repetitions, part.stop - part.start, classes))
            for reader in readers:
                reader.read_rows(part, probabilities)
            labels = held_out.labels.indices[part]
            select_candidates(_geometric_mean(probabilities), labels, ids[part], logs[part], place[part], tails[part])

        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(read_block, range(0, images, _BLOCK_SIZE)))  # list() raises the errors of threads
        return cls(ids, logs, place, tails, classes)

    def __len__(self) -> int:
        return len(self.class_ids)

    def labels(self) -> npt.NDArray[np.int32]:
        """Return the label of each image: int32, shape (images,)."""
        return np.take_along_axis(self.class_ids, self.label_columns[:, None], axis=1)[:, 0]

    def select_rows(self, rows: npt.NDArray[np.integer]) -> "ClassCandidates":
        """Return the candidates of some images."""
        return ClassCandidates(
            self.class_ids[rows],
            self.log_probabilities[rows],
            self.label_columns[rows],
            self.log_sums_of_other_classes[rows],
            self.n_classes,
        )

    @property
    def has_all_classes(self) -> bool:
        """Whether all classes are candidates of each image."""
        return bool(self.class_ids.shape[1] == self.n_classes)

    def mean_by_first_class(self) -> npt.NDArray[np.float64]:
        """Return the mean probabilities of the images of each most probable class; each class counts one more image."""
        probabilities = np.zeros((len(self), self.n_classes))
        np.put_along_axis(probabilities, self.class_ids, self.calibrate(1.0), axis=1)
        sums = np.eye(self.n_classes)
        np.add.at(sums, probabilities.argmax(axis=1), probabilities)
        return np.asarray(sums / sums.sum(axis=1, keepdims=True))

    def compare_with_profiles(self, profiles: npt.NDArray[np.float64]) -> "ClassCandidates":
        """Replace the log-probability of each class by minus the divergence from the class's profile.

        `profiles` has a row of probabilities for each class. All classes must be candidates.
        """
        logs = np.empty((len(self), self.n_classes))
        np.put_along_axis(logs, self.class_ids, self.log_probabilities.astype(np.float64), axis=1)
        logs = np.take_along_axis(logs @ profiles.T + entr(profiles).sum(axis=1), self.class_ids, axis=1)
        return replace(self, log_probabilities=logs.astype(np.float32))

    def calibrate(
        self, calibration_exponent: float, biases: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Compute calibrated probabilities of the candidates; float64, shape (images, candidates)."""
        logs = calibration_exponent * self.log_probabilities.astype(np.float64)
        if biases is not None:
            logs += biases[self.class_ids]
        max_logs = logs.max(axis=1, keepdims=True)
        weights: npt.NDArray[np.float64] = np.exp(logs - max_logs)
        total = weights.sum(axis=1, keepdims=True)
        n_other_classes = self.n_classes - self.class_ids.shape[1]
        if n_other_classes:
            tails = approximate_log_of_power_sum(
                math.log(n_other_classes), *self.log_sums_of_other_classes.T.astype(np.float64), calibration_exponent
            )
            total += np.exp(tails[:, None] - max_logs)
        weights /= total
        return weights


class _ProbabilityReader:
    """A reader of the probabilities in one file, which raises probabilities near 0 to a minimum."""

    def __init__(self, file: HeldOutFile, n_images: int) -> None:
        if file.predictions.scores is None:
            raise DataError(
                "ids-only",
                "held-out predictions are class ids without scores",
                where=file.name,
                allowed="scores of all classes, to compute label quality",
                fix=Fix("pass scores, or use {method}", method='"consistent"'),
            )
        self._file, self._are_probabilities = file, file.score_kind == "probabilities"  # computed before threads start
        self._row_of = np.full(n_images, -1)
        self._row_of[file.label_rows] = np.arange(file.label_rows.size)

    def read_rows(self, image_rows: slice, output: npt.NDArray[np.float64]) -> None:
        """Write probabilities of images into `output`: float64, shape (repetitions, images, classes)."""
        places = np.flatnonzero(self._row_of[image_rows] >= 0)
        rows = self._row_of[image_rows][places]
        for block, values in probability_blocks(
            self._file.predictions, rows, has_probabilities=self._are_probabilities
        ):
            repetitions = self._file.repetition_numbers[rows[block]]
            output[repetitions, places[block]] = np.maximum(values, _MIN_PROBABILITY, out=values)


def _geometric_mean(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the geometric mean over the first axis, the repetitions; the order of repetitions does not matter."""
    if len(probabilities) > 1:
        logs = np.log(probabilities, out=probabilities)
        logs.sort(axis=0)  # then rounding does not depend on the order
        probabilities = np.exp(logs.mean(axis=0, keepdims=True))
    return np.asarray(probabilities[0])
