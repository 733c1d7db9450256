"""The most probable classes of each image, by held-out predictions."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.cleaning.held_out import HeldOutPredictions
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.errors import DataError, Fix
from reassess.evaluation.probabilities import probability_blocks
from reassess.numeric.jit import thread_count
from reassess.numeric.label_noise_kernels import approximate_tail_log, select_candidates

CANDIDATES = 16  # largest number of classes per image
_LEAST = 1e-6  # lower probabilities are raised to this: float16 has none between 0 and 6e-8, and few below 6e-5
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class ClassCandidates:
    """The most probable classes of each image, always with its label."""

    ids: npt.NDArray[np.int32]  # (images, candidates): class ids, each once
    # (images, candidates): logarithm of the probability that the model gives the class; for several models or
    # repetitions, the mean of the logarithms.
    logs: npt.NDArray[np.float32]
    place: npt.NDArray[np.int32]  # (images,): position of the label in `ids`
    # (images, 2): the logarithm of the sum of the probabilities of all other classes, and of the sum of their squares;
    # -inf without any.
    tails: npt.NDArray[np.float32]
    classes: int  # number of classes

    @classmethod
    def of(cls, held_out: HeldOutPredictions, *, most: int = CANDIDATES) -> "ClassCandidates":
        """Read the probabilities of all images, several blocks at a time."""
        images, classes = len(held_out.labels), held_out.classes
        ids = np.empty((images, min(most, classes)), np.int32)
        logs, place = np.empty(ids.shape, np.float32), np.empty(images, np.int32)
        tails = np.empty((images, 2), np.float32)
        readers = [_ProbabilityReader(file, images) for file in held_out.files]

        def read(start: int) -> None:
            part = slice(start, min(start + _BLOCK, images))
            probabilities = np.empty((held_out.repetitions, part.stop - part.start, classes))
            for reader in readers:
                reader.read(part, probabilities)
            labels = held_out.labels.indices[part]
            select_candidates(_geometric_mean(probabilities), labels, ids[part], logs[part], place[part], tails[part])

        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(read, range(0, images, _BLOCK)))  # list() raises the errors of threads
        return cls(ids, logs, place, tails, classes)

    def __len__(self) -> int:
        return len(self.ids)

    def labels(self) -> npt.NDArray[np.int32]:
        """Return the label of each image: int32, shape (images,)."""
        return np.take_along_axis(self.ids, self.place[:, None], axis=1)[:, 0]

    def of_rows(self, rows: npt.NDArray[np.integer]) -> "ClassCandidates":
        """Select images."""
        return ClassCandidates(self.ids[rows], self.logs[rows], self.place[rows], self.tails[rows], self.classes)

    def probabilities(
        self, sharpening: float, biases: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Compute calibrated probabilities of the candidates, float64, shape (images, candidates)."""
        logs = sharpening * self.logs.astype(np.float64)
        if biases is not None:
            logs += biases[self.ids]
        highest = logs.max(axis=1, keepdims=True)
        weights: npt.NDArray[np.float64] = np.exp(logs - highest)
        total = weights.sum(axis=1, keepdims=True)
        others = self.classes - self.ids.shape[1]
        if others:
            tails = approximate_tail_log(math.log(others), *self.tails.T.astype(np.float64), sharpening)
            total += np.exp(tails[:, None] - highest)
        weights /= total
        return weights


class _ProbabilityReader:
    """Reads the probabilities of one file, and raises those near 0."""

    def __init__(self, file: HeldOutFile, images: int) -> None:
        if file.predictions.scores is None:
            raise DataError(
                "ids-only",
                "held-out predictions have only ids",
                where=file.name,
                allowed="scores of all classes, to compute label quality",
                fix=Fix("pass scores, or use {method}", method='"consistent"'),
            )
        self._file, self._are_probabilities = file, file.kind == "probabilities"  # computed before threads start
        self._row_of = np.full(images, -1)
        self._row_of[file.rows] = np.arange(file.rows.size)

    def read(self, part: slice, into: npt.NDArray[np.float64]) -> None:
        """Write the file's images of the part into an array: float64, shape (repetitions, images, classes)."""
        places = np.flatnonzero(self._row_of[part] >= 0)
        rows = self._row_of[part][places]
        for block, values in probability_blocks(
            self._file.predictions, rows, has_probabilities=self._are_probabilities
        ):
            repetitions = self._file.repetitions[rows[block]]
            into[repetitions, places[block]] = np.maximum(values, _LEAST, out=values)


def _geometric_mean(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the geometric mean over repetitions, the first axis, in any order."""
    if len(probabilities) > 1:
        logs = np.log(probabilities, out=probabilities)
        logs.sort(axis=0)  # then rounding does not depend on the order
        probabilities = np.exp(logs.mean(axis=0, keepdims=True))
    return np.asarray(probabilities[0])
