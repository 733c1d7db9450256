"""Held-out predictions: each image is predicted by models that were not trained on the image."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.cleaning.folding import single_class_ids
from reassess.cleaning.held_out_checks import check_top1_classes, find_common_class_count
from reassess.cleaning.held_out_files import HeldOutFile, join_held_out_files, warn_about_split_duplicates
from reassess.core import Cleaning, Folds, LabelNoise, LabelSets, Match, Predictions
from reassess.core.checks import check_is_collection, check_type
from reassess.errors import DataError, ReassessWarning, add_error_place
from reassess.evaluation.class_ranks import ranks_and_top1
from reassess.numeric.arrays import release_memory
from reassess.text import count_noun, join_first

_BLOCK_SIZE = 1 << 16  # rows after which the memory of a mapped file is released


@dataclass(frozen=True)
class HeldOutPredictions:
    """Held-out predictions of one or more models, in one or more repetitions.

    Parameters
    ----------
    labels
        The label of each image.
    files
        Files that together contain each image equally often. Results do not depend on their order.
    n_classes
        Number of classes.
    n_repetitions
        Number of predictions of each image.
    top1_by_file
        The most probable class of each row of each file; int32, shape (N,), -1 for no class.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[0], [1]])
    >>> folds = {
    ...     "fold-0": Predictions.from_ids([0], images=["a.png"]),
    ...     "fold-1": Predictions.from_ids([0], images=["b.png"]),
    ... }
    >>> held_out = HeldOutPredictions.from_predictions(folds, labels)
    >>> held_out.n_repetitions, held_out.top1_ids().tolist()
    (1, [[0, 0]])
    """

    labels: LabelSets
    files: tuple[HeldOutFile, ...]
    n_classes: int
    n_repetitions: int
    top1_by_file: tuple[npt.NDArray[np.int32], ...]

    @classmethod
    def from_predictions(
        cls,
        predictions: Mapping[str, Predictions],
        labels: LabelSets,
        *,
        folds: Sequence[Folds] = (),
        duplicates: Sequence[Sequence[str]] = (),
        match: Match = "path",
    ) -> "HeldOutPredictions":
        """Join held-out predictions with the labels.

        Parameters
        ----------
        predictions
            By name of the file: predictions of all images or of one fold, with image names.
        labels
            The label of each image: label sets with one class each. Each class of the predictions is a label.
        folds
            The folds of each repetition. If they are passed, each file must have all images, or exactly one fold.
        duplicates
            Groups of image names, as for `make_folds`.
        match
            Which part of a name identifies an image.

        Raises
        ------
        DataError
            An image does not have exactly one label; a file has no image names, or an image without a label; an image
            is in no file, or in more files than another image; a file does not contain exactly one fold; files have
            different classes; a class has no label or no output; a score is NaN; all images have the same top-1; a file
            agrees with the labels only at chance level, or has another order of classes than other files; or
            `duplicates` is used without `folds`, and each file has all images.

        Warns
        -----
        ReassessWarning
            A file agrees with the labels only at chance level, on too few images to be sure; classes are mixed up in
            all files; or duplicates are in several folds.
        """
        check_type(LabelSets, labels)
        single_class_ids(labels)
        check_type(Mapping, predictions, value_name="held-out predictions", fix="{name of the file: Predictions}")
        check_type(Sequence, folds, value_name="folds", fix="[folds], a list")
        check_is_collection(duplicates, value_name="groups of images", fix="duplicate_groups(DUPLICATES, SET)")
        for name, model in predictions.items():
            check_type(Predictions, model, value_name=f"predictions of {name}", fix="read_predictions(FILE)")
        for repetition in folds:
            check_type(Folds, repetition, value_name="folds of a repetition", fix="read_folds(FILE)")
        if not predictions or not len(labels):
            raise DataError(
                "missing-predictions",
                "held-out predictions are missing",
                found=f"{count_noun(len(predictions), 'file')} with predictions, {count_noun(len(labels), 'label')}",
            )
        files = join_held_out_files(predictions, labels, folds, match)
        warn_about_split_duplicates(duplicates, labels, files, folds)
        classes = find_common_class_count(files, labels)
        best = tuple(_find_top1(file, labels) for file in files)
        check_top1_classes(files, best, labels, classes)
        repetitions = sum(file.label_rows.size for file in files) // len(labels)
        return cls(labels, files, classes, repetitions, best)

    def top1_ids(self) -> npt.NDArray[np.int32]:
        """Return the top-1 class of each image: int32, shape (repetitions, images), -1 for no class."""
        best = np.empty((self.n_repetitions, len(self.labels)), np.int32)
        for file, file_best in zip(self.files, self.top1_by_file, strict=True):
            best[file.repetition_numbers, file.label_rows] = file_best
        return best


def make_cleaning_result(
    held_out: HeldOutPredictions,
    *,
    is_kept: npt.NDArray[np.bool_],
    label_quality: npt.NDArray[np.float64],
    suggested_ids: npt.NDArray[np.int32],
    reasons: tuple[str, ...],
    noise: LabelNoise | None = None,
) -> Cleaning:
    """Create the result of a method; raise if a whole class is dropped, warn if over a third of a class is."""
    labels = held_out.labels
    cleaning = Cleaning(
        labels.images, labels.indices, is_kept, label_quality, suggested_ids, reasons, labels.classes, noise
    )
    dropped_names = [
        labels.classes.short_name(class_id) for class_id, count, dropped in cleaning.by_class() if dropped == count
    ]
    if dropped_names:
        raise DataError(
            "empty",
            "some classes lose all their images",
            allowed="at least one kept image of each class",
            found=f"no kept image of {join_first(dropped_names, max_items=3)} "
            f"({len(dropped_names):,} of {held_out.n_classes:,} classes)",
            fix="lower the threshold, so that less certain labels are kept too; or remove such classes from the "
            "labels and the predictions",
        )
    many_dropped = [
        f"{labels.classes.short_name(class_id)} ({dropped:,} of {count:,})"
        for class_id, count, dropped in cleaning.classes_with_many_dropped()
    ]
    if many_dropped:
        classes = "classes where more than a third of the labels seem wrong"
        text = f"{classes}: {join_first(many_dropped, max_items=3)}; look at these images before you drop them"
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return cleaning


def _find_top1(file: HeldOutFile, labels: LabelSets) -> npt.NDArray[np.int32]:
    """Return the most probable class of each row; raise if a score is NaN."""
    predictions = file.predictions
    best = np.empty(len(predictions), np.int32)
    for start in range(0, best.size, _BLOCK_SIZE):
        rows = np.arange(start, min(start + _BLOCK_SIZE, best.size))
        targets = labels.indices[file.label_rows[rows]]
        with add_error_place(file.name):
            _, best[rows] = ranks_and_top1(predictions, rows, np.arange(rows.size + 1), targets)
        if predictions.scores is not None:
            release_memory(predictions.scores)
    return best
