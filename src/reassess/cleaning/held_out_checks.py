"""Whether models and labels are of the same classes in the same order, before anything follows from what they say."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reassess.cleaning.exchanged_classes import exchanged_classes
from reassess.cleaning.held_out_files import HeldOutFile
from reassess.core.labels import LabelSets
from reassess.errors import DataError, ReassessWarning, at
from reassess.evaluation.order_checks import check_agreement
from reassess.evaluation.outcomes import count_classes, join_and_rank
from reassess.evaluation.probabilities import output_classes
from reassess.text import counted, some

__all__ = ["check_models", "common_count"]

_LOOKED_AT = 5_000  # rows of a file at most, of which it is asked whether they agree with the labels at all
_SHOWN = 3  # classes without a label that a message names
_MANY = 100  # images of which no model that was trained says the same


def common_count(files: Sequence[HeldOutFile], labels: LabelSets) -> int:
    """The number of classes, which labels and outputs share.

    Raises
    ------
    DataError
        Files hold scores of different numbers of classes, or a class has no label or no output.
    """
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
    _refuse_unseen(labels, files, max(counts))
    return max(counts)


def _refuse_unseen(labels: LabelSets, files: Sequence[HeldOutFile], classes: int) -> None:
    """Refuse a class without a label, of which no model learns anything, and one without an output."""
    seen = np.unique(labels.indices)
    if seen.size < classes:
        # The first few, as a class id may be 2^31 - 1.
        unseen = np.setdiff1d(np.arange(min(classes, seen.size + _SHOWN)), seen)[:_SHOWN].tolist()
        raise DataError(
            "classes have no label",
            allowed=f"each of the {classes:,} classes is the label of an image",
            found=f"{some([labels.classes.label(class_id) for class_id in unseen])} ({classes - seen.size:,})",
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


def check_models(
    files: Sequence[HeldOutFile], best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, classes: int
) -> None:
    """Refuse models that say nothing of the labels, by the most probable class of each row of each file.

    Raises
    ------
    DataError
        All images have one top-1; or a file agrees with the labels no more than chance would, or has classes in another
        order than the others.

    Warns
    -----
    ReassessWarning
        A file agrees no more than chance would, on too few images to tell; or classes have one another's names in all
        files.
    """
    _refuse_one_class(best, labels)
    for file, top1 in zip(files, best, strict=True):
        with at(file.name):
            _check_agreement(file, top1, labels)
    _refuse_exchanged(files, best, labels, classes)


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
    files: Sequence[HeldOutFile], best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, classes: int
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
        warnings.warn(text, ReassessWarning, stacklevel=4)
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
