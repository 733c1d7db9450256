"""The few classes that an image may be, by what models say of it when it is held out."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.cleaning.held_out import HeldOutFile, HeldOutPredictions
from reassess.core.predictions import refuse_nan
from reassess.errors import DataError
from reassess.evaluation.probabilities import are_probabilities, output_classes, probability_blocks

__all__ = ["CANDIDATES", "ClassCandidates"]

CANDIDATES = 16  # classes of an image that are looked at, where there are more
_LEAST = 1e-6  # the lowest probability: float16 knows none between 0 and 6e-8, and few below 6e-5
_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class ClassCandidates:
    """The most probable classes of each image, its label among them.

    Parameters
    ----------
    ids
        int32, shape (images, candidates): class ids; a class stands once.
    logs
        float32, shape (images, candidates): logarithm of the probability that the models give the class; of several
        models or repetitions the mean of the logarithms.
    place
        int32, shape (images,): where among `ids` the label stands.
    classes
        Number of classes.
    """

    ids: npt.NDArray[np.int32]
    logs: npt.NDArray[np.float32]
    place: npt.NDArray[np.int32]
    classes: int

    @classmethod
    def of(cls, held_out: HeldOutPredictions, *, most: int = CANDIDATES) -> "ClassCandidates":
        """Read the probabilities of every image, a block of images at a time.

        Parameters
        ----------
        held_out
            What models say of the images.
        most
            Number of candidates, where there are more classes.

        Raises
        ------
        DataError
            A file holds ids alone, or a score is NaN.
        """
        images, classes = len(held_out.labels), held_out.classes
        ids = np.empty((images, min(most, classes)), np.int32)
        logs, place = np.empty(ids.shape, np.float32), np.empty(images, np.int32)
        readers = [_Reader(held_out, repetition, classes) for repetition in range(held_out.repetitions)]
        for start in range(0, images, _BLOCK):
            part = slice(start, min(start + _BLOCK, images))
            mean = np.mean([reader.logs(part) for reader in readers], axis=0)
            labels = held_out.labels.indices[part]
            ids[part], place[part] = _most_probable(mean, labels, ids.shape[1])
            logs[part] = np.take_along_axis(mean, ids[part], axis=1)
        return cls(ids, logs, place, classes)

    def __len__(self) -> int:
        return len(self.ids)

    def of_rows(self, rows: npt.NDArray[np.integer]) -> "ClassCandidates":
        """Those of some images."""
        return ClassCandidates(self.ids[rows], self.logs[rows], self.place[rows], self.classes)


class _Reader:
    """The logarithms of the probabilities of images in one repetition, whichever file holds them."""

    def __init__(self, held_out: HeldOutPredictions, repetition: int, classes: int) -> None:
        self._files = [file for file in held_out.files if file.repetition == repetition]
        for file in self._files:
            if file.predictions.scores is None:
                raise DataError(
                    "held-out predictions are ids alone",
                    where=file.name,
                    allowed="scores of all classes, from which the probability that a label is right follows",
                    mend="give scores, or use the method consistent",
                )
        self._as_they_are = [are_probabilities(file.predictions) for file in self._files]
        self._outputs = [output_classes(file.predictions) for file in self._files]
        self._file_of = np.empty(len(held_out.labels), np.int32)
        self._row_of = np.empty(len(held_out.labels), np.int64)
        for number, file in enumerate(self._files):
            self._file_of[file.rows] = number
            self._row_of[file.rows] = np.arange(file.rows.size)
        self._classes = classes

    def logs(self, part: slice) -> npt.NDArray[np.float64]:
        """float64, shape (images of the part, classes); an output that is left out counts as the lowest probability."""
        values = np.full((part.stop - part.start, self._classes), _LEAST)
        for number, file in enumerate(self._files):
            there = np.flatnonzero(self._file_of[part] == number)
            rows = self._row_of[part][there]
            for at, block in probability_blocks(file.predictions, rows, as_they_are=self._as_they_are[number]):
                _refuse_nan(file, block, rows[at])
                values[there[at][:, None], self._outputs[number]] = block
        return np.log(np.maximum(values, _LEAST))


def _refuse_nan(file: HeldOutFile, block: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> None:
    is_nan = np.isnan(block).any(axis=1)
    if is_nan.any():
        refuse_nan(file.predictions, int(rows[int(np.argmax(is_nan))]))


def _most_probable(
    logs: npt.NDArray[np.float64], labels: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The most probable classes by id, the label in the place of the least probable where it is not among them."""
    if count == logs.shape[1]:
        return np.broadcast_to(np.arange(count, dtype=np.int32), logs.shape), labels.astype(np.int32)
    raised = logs.copy()
    raised[np.arange(labels.size), labels] = np.inf
    # Equal ones by id: what is not above the threshold is taken in order until there are enough.
    threshold = np.partition(raised, -count, axis=1)[:, -count, None]
    above, level = raised > threshold, raised == threshold
    missing = count - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1) <= missing))
    ids = np.nonzero(chosen)[1].reshape(-1, count).astype(np.int32)
    return ids, np.argmax(ids == labels[:, None], axis=1).astype(np.int32)
