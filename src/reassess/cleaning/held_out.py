"""What models say of images that they were not trained on: every image equally often."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.cleaning.folding import single_classes
from reassess.cleaning.held_out_checks import check_models, common_count
from reassess.cleaning.held_out_files import HeldOutFile, join_files, warn_split_duplicates
from reassess.core import Cleaning, Folds, LabelNoise, LabelSets, Match, Predictions
from reassess.core.checks import check_several, check_type
from reassess.errors import DataError, ReassessWarning, at
from reassess.evaluation.class_ranks import ranks_and_top1
from reassess.numeric.arrays import release
from reassess.text import counted, some

_PART = 1 << 16  # rows after which the memory of a mapped file is given back


@dataclass(frozen=True)
class HeldOutPredictions:
    """Held-out predictions of one repetition or several, of one model or several.

    Parameters
    ----------
    labels
        The label of each image.
    files
        Files, which together hold every image equally often. What follows from them does not depend on their order.
    classes
        Number of classes.
    repetitions
        How often each image was held out.
    best
        For each file the most probable class of each of its rows; int32, shape (N,), -1 for none.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0], [1]])
    >>> folds = {
    ...     "fold-0": Predictions.from_ids([0], images=["a.png"]),
    ...     "fold-1": Predictions.from_ids([0], images=["b.png"]),
    ... }
    >>> held_out = HeldOutPredictions.of(folds, labels)
    >>> held_out.repetitions, held_out.top1().tolist()
    (1, [[0, 0]])
    """

    labels: LabelSets
    files: tuple[HeldOutFile, ...]
    classes: int
    repetitions: int
    best: tuple[npt.NDArray[np.int32], ...]

    @classmethod
    def of(
        cls,
        predictions: Mapping[str, Predictions],
        labels: LabelSets,
        *,
        folds: Sequence[Folds] = (),
        duplicates: Sequence[Sequence[str]] = (),
        match: Match = "path",
    ) -> "HeldOutPredictions":
        """Held-out predictions by the name of their file.

        Parameters
        ----------
        predictions
            Of all images, or of one fold each; every one names its images.
        labels
            The label of each image: label sets of one class each, with every class of the predictions.
        folds
            The folds of each repetition: then each file has all images, or one whole fold of one repetition.
        duplicates
            Groups of image names, as for `make_folds`.
        match
            Which part of a name identifies an image.

        Raises
        ------
        DataError
            An image has no label or several; a file does not name its images, or names one that has no label; an image
            is in no file, or in more files than another; a file does not contain one fold; files hold other classes; a
            class has no label or no output; a score is NaN; all images have one top-1; a file agrees with the
            labels no more than chance would, or has classes in another order than the others; or duplicates are given,
            but no folds, and each file holds all images.

        Warns
        -----
        ReassessWarning
            A file agrees with the labels no more than chance would, on too few images to tell; classes have one
            another's names in all files; or duplicates are in several folds.
        """
        check_type(LabelSets, labels)
        single_classes(labels)
        check_type(Mapping, predictions, what="held-out predictions", fix="{name of the file: Predictions}")
        check_type(Sequence, folds, what="folds", fix="[folds], a list")
        check_several(duplicates, what="groups of images", fix="groups_within(DUPLICATES, SET)")
        for name, of_file in predictions.items():
            check_type(Predictions, of_file, what=f"predictions of {name}", fix="read_predictions(FILE)")
        for of_repetition in folds:
            check_type(Folds, of_repetition, what="folds of a repetition", fix="read_folds(FILE)")
        if not predictions or not len(labels):
            raise DataError(
                "missing-predictions",
                "held-out predictions are missing",
                found=f"{counted(len(predictions), 'file')}, {counted(len(labels), 'label')}",
            )
        files = join_files(predictions, labels, folds, match)
        warn_split_duplicates(duplicates, labels, files, folds)
        classes = common_count(files, labels)
        best = tuple(_top1(file, labels) for file in files)
        check_models(files, best, labels, classes)
        repetitions = sum(file.rows.size for file in files) // len(labels)
        return cls(labels, files, classes, repetitions, best)

    def top1(self) -> npt.NDArray[np.int32]:
        """The most probable class of each image in each repetition; int32, shape (repetitions, images), -1 for none."""
        best = np.empty((self.repetitions, len(self.labels)), np.int32)
        for file, of_file in zip(self.files, self.best, strict=True):
            best[file.repetitions, file.rows] = of_file
        return best


def cleaning_of(
    held_out: HeldOutPredictions,
    *,
    kept: npt.NDArray[np.bool_],
    label_quality: npt.NDArray[np.float64],
    suggested: npt.NDArray[np.int32],
    reasons: tuple[str, ...],
    noise: LabelNoise | None = None,
) -> Cleaning:
    """The images that are kept and dropped, with what is known of each label."""
    labels = held_out.labels
    cleaning = Cleaning(labels.images, labels.indices, kept, label_quality, suggested, reasons, labels.classes, noise)
    lost = [labels.classes.label(class_id) for class_id, count, dropped in cleaning.by_class() if dropped == count]
    if lost:
        raise DataError(
            "empty",
            "no image of a class is kept",
            allowed="some of each class",
            found=f"none of {some(lost, most=3)} ({counted(len(lost), 'class', 'classes')} of {held_out.classes:,})",
            fix="keep less certain labels, or remove such classes from the labels and the predictions",
        )
    much = [labels.classes.label(class_id) for class_id, *_ in cleaning.losing_much()]
    if much:
        text = f"more than a third is dropped of {some(much, most=3)}: look at these before you train without them"
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return cleaning


def _top1(file: HeldOutFile, labels: LabelSets) -> npt.NDArray[np.int32]:
    """The most probable class of each row; `DataError` if score is NaN."""
    predictions = file.predictions
    best = np.empty(len(predictions), np.int32)
    for start in range(0, best.size, _PART):
        rows = np.arange(start, min(start + _PART, best.size))
        targets = labels.indices[file.rows[rows]]
        with at(file.name):
            _, best[rows] = ranks_and_top1(predictions, rows, np.arange(rows.size + 1), targets)
        if predictions.scores is not None:
            release(predictions.scores)
    return best
