"""Checks that models and labels have the same classes in the same order, before they are compared."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reassess.cleaning.held_out_files import HeldOutFile
from reassess.core import LabelSets
from reassess.errors import DataError, ReassessWarning, at
from reassess.evaluation.order_checks import check_agreement
from reassess.evaluation.outcomes import count_classes, join_and_rank
from reassess.evaluation.probabilities import output_classes
from reassess.numeric.proportions import mcnemar
from reassess.text import counted, some

_LEVEL = 1e-6  # significance level of a sign test on exchanged classes; files have thousands of class pairs
_SparseCounts = Any  # a sparse array: scipy has no types
_LOOKED_AT = 5_000  # rows of a file at most, to compare with the labels
_SHOWN = 3  # classes without a label that a message names
_MANY = 100  # images; a trained model does not predict one class for all of them


def exchanged_classes(
    labels: Sequence[npt.NDArray[np.integer]], predicted: Sequence[npt.NDArray[np.integer]], classes: int
) -> tuple[int | None, dict[int, int]] | None:
    """Find a file with exchanged classes: its number, and the class that it predicts instead of each of them.

    In such a file, more images of a class are predicted as another class than as their own, images of that class as a
    third one, and so on in a circle; in the other files together it is not so. Both are tested. If it is so in all
    files together, the labels may be exchanged as well as the outputs, and the number is None.
    """
    of_files = [_counts(*columns, classes) for columns in zip(labels, predicted, strict=True)]
    total = sum(of_files[1:], start=of_files[0])
    for number, own in enumerate(of_files):
        others = total - own
        for circle in _circles(_mistaken(own)):
            if _is_plain(_as_others(own, circle), _as_labelled(own, circle)) and _is_plain(
                _as_labelled(others, circle), _as_others(others, circle)
            ):
                return number, circle
    circles = _circles(_mistaken(total))
    plain = (circle for circle in circles if _is_plain(_as_others(total, circle), _as_labelled(total, circle)))
    return next(((None, circle) for circle in plain), None)


def _counts(labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int) -> _SparseCounts:
    """Images of each label, the row, by predicted class, the column."""
    named = predicted >= 0
    pairs = (labels[named], predicted[named])
    return sparse.csr_array((np.ones(len(pairs[0]), np.int64), pairs), shape=(classes, classes))


def _mistaken(counts: _SparseCounts) -> dict[int, int]:
    """Classes whose images are mostly predicted as another class, and that class."""
    most = np.asarray(counts.argmax(axis=1)).ravel()
    at_most = counts[np.arange(most.size), most]
    return {a: int(most[a]) for a in np.flatnonzero(at_most > counts.diagonal()).tolist()}


def _circles(mistaken: Mapping[int, int]) -> list[dict[int, int]]:
    """Circles of classes, each predicted as the next one."""
    circles, seen = [], set[int]()
    for start in mistaken:
        path: list[int] = []
        at: int | None = start
        while at is not None and at not in seen:
            seen.add(at)
            path.append(at)
            at = mistaken.get(at)
        if at in path:
            circles.append({a: mistaken[a] for a in path[path.index(at) :]})
    return circles


def _as_others(counts: _SparseCounts, circle: Mapping[int, int]) -> int:
    return sum(int(counts[a, b]) for a, b in circle.items())


def _as_labelled(counts: _SparseCounts, circle: Iterable[int]) -> int:
    return sum(int(counts[a, a]) for a in circle)


def _is_plain(more: int, fewer: int) -> bool:
    return more > fewer and mcnemar(more, fewer) < _LEVEL


def common_count(files: Sequence[HeldOutFile], labels: LabelSets) -> int:
    """The number of classes of labels and outputs."""
    counts, of_scores = [], {}
    for file in files:
        with at(file.name):
            counts.append(count_classes(file.predictions, labels, None))
        if file.predictions.scores is not None:
            of_scores[file.name] = counts[-1]
    if len(set(of_scores.values())) > 1:
        raise DataError(
            "different-classes",
            "files have different numbers of classes",
            allowed="one class order, as models of one training set have",
            found=some([f"{name}: {count:,}" for name, count in of_scores.items()], most=3),
        )
    _refuse_unseen(labels, files, max(counts))
    return max(counts)


def _refuse_unseen(labels: LabelSets, files: Sequence[HeldOutFile], classes: int) -> None:
    """Refuse a class without a label, which no model can learn, and one without an output."""
    seen = np.unique(labels.indices)
    if seen.size < classes:
        # Only the first few, since a class id may be 2^31 - 1.
        unseen = np.setdiff1d(np.arange(min(classes, seen.size + _SHOWN)), seen)[:_SHOWN].tolist()
        raise DataError(
            "missing-classes",
            "classes have no label",
            allowed=f"each of the {classes:,} classes is the label of an image",
            found=f"{some([labels.classes.label(class_id) for class_id in unseen])} ({classes - seen.size:,})",
            fix="remove such classes from the class list and the predictions",
        )
    for file in files:
        if file.predictions.columns is None or file.predictions.scores is None:
            continue
        silent = np.setdiff1d(np.arange(classes), output_classes(file.predictions)).tolist()
        if silent:
            raise DataError(
                "missing-classes",
                "classes have no output",
                where=file.name,
                allowed=f"an output for each of the {classes:,} classes",
                found=f"{some([labels.classes.label(class_id) for class_id in silent], most=3)} ({len(silent):,})",
                fix="give the scores of models that know the same classes as the labels",
            )


def check_models(
    files: Sequence[HeldOutFile], best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, classes: int
) -> None:
    """Refuse models unrelated to the labels, by the most probable class of each row of each file."""
    _refuse_one_class(best, labels)
    for file, top1 in zip(files, best, strict=True):
        with at(file.name):
            _check_agreement(file, top1, labels)
    _refuse_exchanged(files, best, labels, classes)


def _refuse_one_class(best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets) -> None:
    """Refuse models that predict one class for every image."""
    said, wanted = np.unique(np.concatenate(best)), np.unique(labels.indices)
    if said.size == 1 and wanted.size > 1 and len(labels) >= _MANY:
        called = labels.classes.label(int(said[0])) if said[0] >= 0 else "none"
        raise DataError(
            "constant-predictions",
            "held-out predictions are the same for every image",
            allowed=f"models that distinguish the {wanted.size:,} classes",
            found=f"class {called} for all {counted(len(labels), 'image')}",
            fix="check the scores, and that the models were trained",
        )


def _refuse_exchanged(
    files: Sequence[HeldOutFile], best: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, classes: int
) -> None:
    """Refuse a file with exchanged classes."""
    found = exchanged_classes([labels.indices[file.rows] for file in files], best, classes)
    if found is None:
        return
    number, called = found
    name = labels.classes.label
    words = some([f"most images of {name(a)} are predicted as {name(b)}" for a, b in called.items()], most=3)
    if number is None:
        text = f"{words}: either the labels of these classes or the outputs of the models are exchanged"
        warnings.warn(text, ReassessWarning, stacklevel=4)
        return
    raise DataError(
        "different-classes",
        "files have their classes in different orders",
        where=files[number].name,
        allowed="one class order, as models of one training set have",
        found=words,
        fix="give the classes of its outputs in their order",
    )


def _check_agreement(file: HeldOutFile, best: npt.NDArray[np.int32], labels: LabelSets) -> None:
    """Refuse classes or rows in another order, by the most probable class of some of the rows."""
    rows = np.unique(np.linspace(0, best.size, _LOOKED_AT, endpoint=False).astype(np.int64))[: best.size]
    images = tuple(labels.images[row] for row in file.rows[rows].tolist())
    of_rows = replace(file.predictions, ids=best[rows, None], scores=None, columns=None, images=images)
    outcomes = join_and_rank(of_rows, labels, original=labels)
    try:
        check_agreement(outcomes, labels, labels, name=file.name)
    except DataError as error:
        error.fix = "check that the file belongs to these images, and that its classes are in the order of the labels'"
        raise
