"""What models say of images that they were not trained on: every image equally often."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.cleaning.exchanged_classes import exchanged_classes
from reassess.cleaning.folding import single_classes
from reassess.core.checks import check_type
from reassess.core.folds import Folds
from reassess.core.image_names import Match, join
from reassess.core.labels import LabelSets
from reassess.core.predictions import Predictions
from reassess.errors import DataError, ReassessWarning, at
from reassess.evaluation.class_ranks import ranks_and_top1
from reassess.evaluation.order_checks import check_agreement
from reassess.evaluation.outcomes import count_classes, join_and_rank
from reassess.evaluation.probabilities import ScoreKind, kind_of_scores, output_classes
from reassess.numeric.arrays import release
from reassess.text import counted, some, together

__all__ = ["HeldOutFile", "HeldOutPredictions"]

_LOOKED_AT = 5_000  # rows of a file at most, of which it is asked whether they agree with the labels at all
_MANY = 100  # images of which no model that was trained says the same
_PART = 1 << 16  # rows after which the memory of a mapped file is given back
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
    repetitions
        int64, shape (N,): how many files before this one hold the image.
    """

    name: str
    predictions: Predictions
    rows: _Ints
    repetitions: _Ints

    @cached_property
    def kind(self) -> ScoreKind | None:
        """What the scores are; None of ids."""
        with at(self.name):
            return None if self.predictions.scores is None else kind_of_scores(self.predictions, refuse_odd=True)


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
        match: Match = "path",
    ) -> "HeldOutPredictions":
        """Held-out predictions by the name of their file.

        Parameters
        ----------
        predictions
            Of all images, or of one fold each; every one names its images.
        labels
            The label of each image: label sets of one class each, in which each class of the predictions stands.
        folds
            Those of each repetition: where given, a file that holds a part of the images must hold one fold of one
            repetition, and nothing else.
        match
            Which part of a name identifies an image.

        Raises
        ------
        DataError
            An image has no label or several; a file does not name its images, or names one that has no label; an image
            is in no file, or in more files than another; a file does not hold one fold; files hold other classes, or
            a class has no label or no output; a score is NaN; all images have one top-1; or a file agrees with the
            labels no more than chance would, or has classes in another order than the others.

        Warns
        -----
        ReassessWarning
            A file agrees with the labels no more than chance would, on too few images to tell; or classes have one
            another's names in all files.
        """
        single_classes(labels)
        check_type(predictions, Mapping, what="the held-out predictions", mend="{name of the file: Predictions}")
        check_type(folds, Sequence, what="the folds", mend="[folds], those of each repetition")
        if not predictions or not len(labels):
            raise DataError(
                "there is nothing to clean",
                found=f"{counted(len(predictions), 'file')}, {counted(len(labels), 'label')}",
            )
        folds_of = [(of_repetition, of_repetition.of(labels.images)) for of_repetition in folds]
        files: list[HeldOutFile] = []
        held = np.zeros(len(labels), np.int64)
        for name, of_file in predictions.items():
            rows = _rows(name, of_file, labels, match)
            if folds_of and rows.size < len(labels):
                _check_fold(name, [(of_repetition, numbers[rows]) for of_repetition, numbers in folds_of])
            with at(name):
                files.append(HeldOutFile(name, of_file.in_classes(labels.classes), rows, held[rows]))
            held[rows] += 1
        if held.min() != held.max():
            raise _uneven(labels, files, held)
        classes = _common_count(files, labels)
        _refuse_unseen(labels, files, classes)
        best = tuple(_top1(file, labels, classes) for file in files)
        _refuse_one_class(best, labels)
        for file, top1 in zip(files, best, strict=True):
            with at(file.name):
                _check_agreement(file, top1, labels)
        _refuse_exchanged(files, best, labels, classes)
        return cls(labels, tuple(files), classes, int(held[0]), best)

    def top1(self) -> npt.NDArray[np.int32]:
        """The most probable class of each image in each repetition; int32, shape (repetitions, images), -1 for none."""
        best = np.empty((self.repetitions, len(self.labels)), np.int32)
        for file, of_file in zip(self.files, self.best, strict=True):
            best[file.repetitions, file.rows] = of_file
        return best


def _rows(name: str, predictions: Predictions, labels: LabelSets, match: Match) -> _Ints:
    if predictions.images is None:
        raise DataError(
            "held-out predictions do not name their images",
            where=name,
            mend="write an npz with the array names, or a table with a column of names",
        )
    with at(name):
        rows = join(predictions.images, labels.images, match=match, where=None, known_where="the labels")
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


def _check_fold(name: str, numbers_in: list[tuple[Folds, _Ints]]) -> None:
    """Refuse a file unless its images are one whole fold of a repetition; they have these numbers in each, -1 none."""
    problems = [_no_fold(name, numbers, folds) for folds, numbers in numbers_in]
    if None not in problems:
        raise next(problem for problem in problems if problem is not None)


def _no_fold(name: str, numbers: _Ints, folds: Folds) -> DataError | None:
    """What is wrong if images are not one whole fold."""
    present = np.unique(numbers)
    whole = int(np.count_nonzero(folds.numbers == present[0])) if present.size else 0
    if present.size == 1 and present[0] >= 0 and numbers.size == whole:
        return None
    parts = ["images in no fold" if number < 0 else f"images of fold {number}" for number in present[:3].tolist()]
    is_part = present.size == 1 and present[0] >= 0
    return DataError(
        "a file does not hold one fold",
        where=name,
        allowed="all images of one fold, and no others",
        found=f"{numbers.size:,} of the {whole:,} {parts[0]}" if is_part else together(parts),
        mend="predict each fold with the model that was trained on the others",
    )


def _uneven(labels: LabelSets, files: list[HeldOutFile], held: _Ints) -> DataError:
    fewest, most = int(held.min()), int(held.max())
    rare, often = np.flatnonzero(held == fewest), int(np.argmax(held))
    found = f"{some([labels.images[row] for row in rare[:3].tolist()])} ({counted(rare.size, 'image')})"
    if most == 1:
        return DataError(
            "images are in no file",
            allowed=f"held-out predictions of all {len(labels):,} images",
            found=found,
            mend="give the files of all folds, or leave images without predictions out of the labels",
        )
    holding = [file.name for file in files if often in file.rows]
    return DataError(
        "an image is held out more often than others",
        where=together(holding[:3]),
        allowed="each image once, or in each repetition once",
        found=f"image {labels.images[often]} {_times(most)}; {found} {_times(fewest)}",
        mend="leave one of the files out, or give the files that are missing",
    )


def _times(count: int) -> str:
    return ("never", "once", "twice")[count] if count < 3 else f"{count} times"


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


def _refuse_unseen(labels: LabelSets, files: list[HeldOutFile], classes: int) -> None:
    """Refuse a class without a label, of which no model learns anything, and one without an output."""
    unseen = np.flatnonzero(np.bincount(labels.indices, minlength=classes) == 0).tolist()
    if unseen:
        raise DataError(
            "classes have no label",
            allowed=f"each of the {classes:,} classes is the label of an image",
            found=f"{some([labels.classes.label(class_id) for class_id in unseen], most=3)} ({len(unseen):,})",
            mend="leave such classes out of the list of classes and of the predictions",
        )
    for file in files:
        if file.predictions.columns is None or file.predictions.scores is None:
            continue
        silent = np.setdiff1d(np.arange(classes), output_classes(file.predictions)).tolist()
        if silent:
            raise DataError(
                "classes have no output",
                where=file.name,
                allowed=f"an output for each of the {classes:,} classes",
                found=f"{some([labels.classes.label(class_id) for class_id in silent], most=3)} ({len(silent):,})",
                mend="give the scores of models that know the same classes as the labels",
            )


def _top1(file: HeldOutFile, labels: LabelSets, classes: int) -> npt.NDArray[np.int32]:
    """The most probable class of each row; `DataError` if a score is NaN."""
    predictions = file.predictions
    best = np.empty(len(predictions), np.int32)
    for start in range(0, best.size, _PART):
        rows = np.arange(start, min(start + _PART, best.size))
        targets = labels.indices[file.rows[rows]]
        with at(file.name):
            _, best[rows] = ranks_and_top1(predictions, rows, np.arange(rows.size + 1), targets, classes)
        if predictions.scores is not None:
            release(predictions.scores)
    return best


def _refuse_one_class(best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets) -> None:
    """Refuse models that say the same of every image, from which nothing follows of its label."""
    said, wanted = np.unique(np.concatenate(best)), np.unique(labels.indices)
    if said.size == 1 and wanted.size > 1 and len(labels) >= _MANY:
        called = labels.classes.label(int(said[0])) if said[0] >= 0 else "none"
        raise DataError(
            "the held-out predictions say the same of every image",
            allowed=f"models that tell the {wanted.size:,} classes apart",
            found=f"class {called} for all {counted(len(labels), 'image')}",
            mend="check the scores, and that the models were trained",
        )


def _refuse_exchanged(
    files: list[HeldOutFile], best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, classes: int
) -> None:
    """Refuse a file in which classes have one another's names."""
    found = exchanged_classes([labels.indices[file.rows] for file in files], best, classes)
    if found is None:
        return
    number, called = found
    name = labels.classes.label
    words = some([f"most images of {name(a)} are called {name(b)}" for a, b in called.items()], most=3)
    if number is None:
        text = f"{words}: either the labels of these classes or the outputs of the models are exchanged"
        warnings.warn(text, ReassessWarning, stacklevel=3)
        return
    raise DataError(
        "a file has classes in another order than the others",
        where=files[number].name,
        allowed="one class order, as models of one training set have",
        found=words,
        mend="give the classes of its outputs in their order (--classes FILE=F)",
    )


def _check_agreement(file: HeldOutFile, best: npt.NDArray[np.int32], labels: LabelSets) -> None:
    """Refuse classes or rows in another order, by the most probable class of some of the rows."""
    rows = np.unique(np.linspace(0, best.size, _LOOKED_AT, endpoint=False).astype(np.int64))[: best.size]
    images = tuple(labels.images[row] for row in file.rows[rows].tolist())
    of_rows = replace(file.predictions, ids=best[rows, None], scores=None, columns=None, images=images)
    outcomes = join_and_rank(of_rows, labels, original=labels)
    try:
        check_agreement(outcomes, labels, labels, called=file.name)
    except DataError as error:
        error.mend = "check that the file belongs to these images, and that its classes are in the order of the labels'"
        raise
