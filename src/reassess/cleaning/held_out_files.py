"""Files of held-out predictions, joined with the labels."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import Folds, LabelSets, Match, Predictions
from reassess.core.checks import check_is_collection
from reassess.core.image_names import match_images
from reassess.core.probabilities import ScoreKind, score_kind
from reassess.errors import DataError, Fix, ReassessWarning, add_error_place
from reassess.text import count_noun, join_and, join_first

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeldOutFile:
    """A file of held-out predictions of all images or of some images."""

    name: str  # name of the file, for messages
    predictions: Predictions  # predictions in the classes of the labels
    label_rows: _Ints  # (N,): position of each row's image in the labels
    repetition_numbers: _Ints  # (N,): number of earlier files with the image

    @cached_property
    def score_kind(self) -> ScoreKind | None:
        """Kind of the scores; None if the file contains class ids without scores."""
        with add_error_place(self.name):
            return None if self.predictions.scores is None else score_kind(self.predictions, raise_if_mixed=True)


def join_held_out_files(
    predictions: Mapping[str, Predictions], labels: LabelSets, folds: Sequence[Folds], match: Match
) -> tuple[HeldOutFile, ...]:
    """Join the images of each file with the labels; raise if some images are in more files than other images."""
    fold_numbers = [(repetition, repetition.fold_numbers_of(labels.images)) for repetition in folds]
    files: list[HeldOutFile] = []
    file_counts = np.zeros(len(labels), np.int64)  # number of files with each image
    for name, model in predictions.items():
        rows = _match_label_rows(name, model, labels, match)
        if fold_numbers and rows.size < len(labels):
            problems = [_find_fold_error(name, numbers[rows], repetition) for repetition, numbers in fold_numbers]
            if None not in problems:
                raise next(problem for problem in problems if problem is not None)
        with add_error_place(name):
            files.append(HeldOutFile(name, model.convert_to_classes(labels.classes), rows, file_counts[rows]))
        file_counts[rows] += 1
    if file_counts.min() != file_counts.max():
        raise _uneven_repetitions_error(labels, files, file_counts)
    return tuple(files)


def warn_about_split_duplicates(
    duplicates: Sequence[Sequence[str]], labels: LabelSets, files: Sequence[HeldOutFile], folds: Sequence[Folds]
) -> None:
    """Warn about groups of duplicates whose images are in several folds."""
    if not duplicates:
        return
    repetitions = [repetition.fold_numbers_of(labels.images) for repetition in folds] or _file_numbers_by_repetition(
        files, labels
    )
    split = []
    for group in duplicates:
        check_is_collection(group, value_name="names of images")
        rows = labels.find(tuple(group))
        rows = rows[rows >= 0]
        if rows.size and any((numbers[rows] != numbers[rows[0]]).any() for numbers in repetitions):
            split.append(rows)
    if split:
        names = join_and([labels.images[row] for row in split[0][:2].tolist()])
        text = f"{count_noun(len(split), 'group')} of duplicates in several folds, such as {names}"
        advice = "a model that was trained on a copy of an image knows its label"
        fix = Fix("make the folds with {duplicates}", duplicates="GROUPS")
        warnings.warn(ReassessWarning(f"{text}; {advice}", fix), stacklevel=3)


def _file_numbers_by_repetition(files: Sequence[HeldOutFile], labels: LabelSets) -> list[_Ints]:
    """For each repetition of cross-validation, return the number of the file that contains each image."""
    if all(file.label_rows.size == len(labels) for file in files):
        raise DataError(
            "missing-folds",
            "folds are unknown, so duplicates in different folds cannot be found",
            allowed="a table of folds, or one file of predictions per fold",
            found="files with all images",
            fix="pass the table of folds",
        )
    numbers = np.zeros((1 + max(int(file.repetition_numbers.max(initial=0)) for file in files), len(labels)), np.int64)
    for number, file in enumerate(files):
        numbers[file.repetition_numbers, file.label_rows] = number
    return list(numbers)


def _match_label_rows(name: str, predictions: Predictions, labels: LabelSets, match: Match) -> _Ints:
    """Return the position of each predicted image in the labels; raise if an image has no label."""
    if predictions.images is None:
        raise DataError(
            "missing-image-names",
            "held-out predictions have no image names",
            where=name,
            fix="write an npz with the array names, or a table with a column of image names",
        )
    with add_error_place(name):
        rows = match_images(predictions.images, labels.images, match=match, where=None, known_where="the labels")
    unlabelled = [image for image, row in zip(predictions.images, rows.tolist(), strict=True) if row < 0]
    if unlabelled:
        raise DataError(
            "missing-labels",
            "images have no label",
            where=name,
            allowed=f"names such as {join_first(labels.images, max_items=1)}",
            found=f"{join_first(unlabelled, max_items=3)} ({len(unlabelled):,} of {len(rows):,})",
            fix="remove these images, or add their labels",
        )
    return rows


def _find_fold_error(name: str, fold_numbers: _Ints, folds: Folds) -> DataError | None:
    """Return an error if the images of a file are not exactly one fold; None otherwise."""
    present = np.unique(fold_numbers)
    fold_size = int(np.count_nonzero(folds.fold_numbers == present[0])) if present.size else 0
    if present.size == 1 and present[0] >= 0 and fold_numbers.size == fold_size:
        return None
    parts = ["images in no fold" if number < 0 else f"images of fold {number}" for number in present[:3].tolist()]
    is_part = present.size == 1 and present[0] >= 0
    return DataError(
        "wrong-fold",
        "file does not contain exactly one fold",
        where=name,
        allowed="all images of one fold, and no others",
        found=f"{fold_numbers.size:,} of the {fold_size:,} {parts[0]}" if is_part else join_and(parts),
        fix="predict each fold with the model that was trained on the other folds, and pass the table of the folds",
    )


def _uneven_repetitions_error(labels: LabelSets, files: list[HeldOutFile], file_counts: _Ints) -> DataError:
    """Create an error about images that are in too few or too many files."""
    min_count, max_count = int(file_counts.min()), int(file_counts.max())
    rare, often = np.flatnonzero(file_counts == min_count), int(np.argmax(file_counts))
    examples = f"{join_first([labels.images[row] for row in rare[:3].tolist()])} ({count_noun(rare.size, 'image')})"
    if max_count == 1:
        return DataError(
            "missing-images",
            "images are not in any file",
            allowed=f"held-out predictions of all {len(labels):,} images",
            found=examples,
            fix="pass the files of all folds, or remove images without predictions from the labels",
        )
    files_with_image = [file.name for file in files if often in file.label_rows]
    return DataError(
        "duplicate-image",
        "image is in more files than other images",
        where=join_and(files_with_image[:3]),
        allowed="each image in one file, or in one file per repetition",
        found=f"{labels.images[often]} in {max_count:,} files; {examples} in {count_noun(min_count, 'file')}",
        fix="remove one of the files, or add the missing files",
    )
