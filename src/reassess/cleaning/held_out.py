"""What models say of images that they were not trained on: every image once in each repetition."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core.folds import Folds
from reassess.core.image_names import Match, join
from reassess.core.labels import LabelSets
from reassess.core.predictions import Predictions
from reassess.errors import DataError, at
from reassess.evaluation.class_ranks import ranks_and_top1
from reassess.evaluation.outcomes import count_classes
from reassess.text import counted, some, together

__all__ = ["HeldOutFile", "HeldOutPredictions", "single_labels"]

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeldOutFile:
    """Held-out predictions of some of the images.

    Parameters
    ----------
    name
        What the file is called, for messages.
    predictions
        What the model says, in the classes of the labels.
    rows
        int64, shape (N,): which image of the labels each row of the predictions is.
    repetition
        The repetition to which the file belongs, from 0.
    """

    name: str
    predictions: Predictions
    rows: _Ints
    repetition: int


@dataclass(frozen=True)
class HeldOutPredictions:
    """Held-out predictions of one repetition or several, of one model or several.

    Parameters
    ----------
    labels
        The label of each image.
    files
        Files in order; those of one repetition together hold every image once.
    classes
        Number of classes.
    """

    labels: LabelSets
    files: tuple[HeldOutFile, ...]
    classes: int

    @classmethod
    def of(
        cls,
        predictions: Mapping[str, Predictions],
        labels: LabelSets,
        *,
        folds: Folds | None = None,
        match: Match = "path",
    ) -> "HeldOutPredictions":
        """Held-out predictions by name of the file, in order: a file begins a new repetition once one is whole.

        Parameters
        ----------
        predictions
            Of all images, or of one fold each; every one names its images.
        labels
            The label of each image: label sets of one class each.
        folds
            Where given, a file that holds a part of the images must hold one fold, and nothing else.
        match
            Which part of a name identifies an image.

        Raises
        ------
        DataError
            A file does not name its images, or names one that has no label or that is in an earlier file of the same
            repetition; an image is in no file; a file does not hold one fold; or files name other classes.
        """
        single_labels(labels)
        files: list[HeldOutFile] = []
        held_by = np.full(len(labels), -1)
        repetition = 0
        for name, of_file in predictions.items():
            rows = _rows(name, of_file, labels, match)
            if (held_by >= 0).all():
                repetition, held_by = repetition + 1, np.full(len(labels), -1)
            twice = rows[held_by[rows] >= 0]
            if twice.size:
                raise _in_two_files(labels.images[twice[0]], files[held_by[twice[0]]].name, name, held_by)
            if folds is not None and rows.size < len(labels):
                _check_fold(name, tuple(labels.images[row] for row in rows.tolist()), folds)
            held_by[rows] = len(files)
            files.append(HeldOutFile(name, of_file.in_classes(labels.classes), rows, repetition))
        _refuse_missing(labels, held_by)
        return cls(labels, tuple(files), _common_count(files, labels))

    @property
    def repetitions(self) -> int:
        """How often each image was held out."""
        return self.files[-1].repetition + 1

    def top1(self) -> npt.NDArray[np.int32]:
        """The most probable class of each image in each repetition; int32, shape (repetitions, images), -1 for none.

        Raises
        ------
        DataError
            A score is NaN; the message names the image.
        """
        best = np.empty((self.repetitions, len(self.labels)), np.int32)
        for file in self.files:
            count = len(file.predictions)
            _, top1 = ranks_and_top1(
                file.predictions,
                np.arange(count),
                np.arange(count + 1),
                self.labels.indices[file.rows],
                self.classes,
            )
            best[file.repetition, file.rows] = top1
        return best


def single_labels(labels: LabelSets) -> npt.NDArray[np.int32]:
    """int32, shape (images,): the only class of each image; `DataError` where an image has none or several."""
    odd = labels.sizes != 1
    if odd.any():
        row = int(np.argmax(odd))
        raise DataError(
            "an image has not exactly one label",
            where=f"image {labels.images[row]}",
            allowed="one class for each image",
            found=counted(int(labels.sizes[row]), "class", "classes"),
            mend=f"leave such images out: {int(np.count_nonzero(odd)):,} of {len(labels):,}",
        )
    return labels.indices


def _rows(name: str, predictions: Predictions, labels: LabelSets, match: Match) -> _Ints:
    if predictions.images is None:
        raise DataError(
            "held-out predictions do not name their images",
            where=name,
            mend="write an npz with the array names, or a table with a column of names",
        )
    rows = join(predictions.images, labels.images, match=match)
    lost = [image for image, row in zip(predictions.images, rows.tolist(), strict=True) if row < 0]
    if lost:
        raise DataError(
            "images have no label",
            where=name,
            allowed=f"names such as {some(labels.images, most=1)}",
            found=f"{some(lost, most=3)} ({len(lost):,} of {len(rows):,})",
            mend="leave them out, or give the labels of all images",
        )
    return rows


def _common_count(files: list[HeldOutFile], labels: LabelSets) -> int:
    """The number of classes, the same for all files that hold scores."""
    counts, of_scores = [], {}
    for file in files:
        with at(file.name):
            counts.append(count_classes(file.predictions, labels, None))
        if file.predictions.scores is not None:
            of_scores[file.name] = counts[-1]
    if len(set(of_scores.values())) > 1:
        raise DataError(
            "files hold scores of different numbers of classes",
            allowed="one class order, as models of one training set have",
            found=some([f"{name}: {count:,}" for name, count in of_scores.items()], most=3),
        )
    return max(counts)


def _in_two_files(image: str, first: str, second: str, held_by: _Ints) -> DataError:
    missing = int(np.count_nonzero(held_by < 0))
    return DataError(
        "an image is held out twice, and others not yet once",
        where=f"{first} and {second}",
        allowed="files in the order of repetitions, each of which holds every image once",
        found=f"image {image}; {counted(missing, 'image')} in no file up to there",
        mend="leave one of the files out, or give the files that are missing",
    )


def _check_fold(name: str, images: tuple[str, ...], folds: Folds) -> None:
    numbers = np.unique(folds.of(images))
    if numbers.size == 1 and numbers[0] >= 0 and len(images) == len(folds.images_of(int(numbers[0]))):
        return
    if numbers.size == 1 and numbers[0] >= 0:
        found = f"{len(images):,} of the {len(folds.images_of(int(numbers[0]))):,} images of fold {numbers[0]}"
    else:
        parts = ["images in no fold" if number < 0 else f"images of fold {number}" for number in numbers[:3].tolist()]
        found = together(parts)
    raise DataError(
        "a file does not hold one fold",
        where=name,
        allowed="all images of one fold, and no others",
        found=found,
        mend="predict each fold with the model that was trained on the others",
    )


def _refuse_missing(labels: LabelSets, held_by: _Ints) -> None:
    lost = np.flatnonzero(held_by < 0)
    if lost.size:
        raise DataError(
            "images are in no file",
            allowed=f"held-out predictions of all {len(labels):,} images",
            found=f"{some([labels.images[row] for row in lost[:3].tolist()])} ({lost.size:,} images)",
            mend="give the files of all folds, or leave images without predictions out of the labels",
        )
