"""Checks that models and labels have the same classes in the same order."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reassess.cleaning.held_out_files import HeldOutFile
from reassess.core import LabelSets
from reassess.core.probabilities import output_classes
from reassess.errors import DataError, Fix, ReassessWarning, add_error_place
from reassess.evaluation.order_checks import check_agreement_with_original_labels
from reassess.evaluation.outcomes import find_class_count, join_and_rank
from reassess.numeric.proportions import mcnemar_p_value
from reassess.text import count_noun, join_first

_SIGNIFICANCE_LEVEL = 1e-6  # significance level of a sign test on mixed-up classes; files have thousands of class pairs
_SparseCounts = Any  # a sparse array: scipy has no types
_MAX_CHECKED_ROWS = 5_000  # largest number of rows of a file that are compared with the labels
_MAX_EXAMPLES = 3  # classes without a label in a message
_MIN_IMAGES = 100  # images; a trained model does not predict the same class for this many


class MixedUpClasses(NamedTuple):
    """Classes whose outputs have swapped places in a file: most images of each class are predicted as another."""

    file_number: int | None  # None if the classes are mixed up in all files
    predicted_class_of: dict[int, int]  # the class that is mostly predicted instead of each class


def find_mixed_up_classes(
    label_ids: Sequence[npt.NDArray[np.integer]], top1_ids: Sequence[npt.NDArray[np.integer]], n_classes: int
) -> MixedUpClasses | None:
    """Find a file whose outputs have mixed-up classes; None if there is no such file.

    In such a file, most images of a class are predicted as a second class, most images of the second class as a third
    class, and so on in a cycle. In all other files together, these classes are mostly predicted correctly. Both are
    tested for significance. If the classes are mixed up in all files together, the labels could be wrong instead of
    the outputs, and the file number is None.
    """
    file_counts = [_count_confusions(*columns, n_classes) for columns in zip(label_ids, top1_ids, strict=True)]
    total = sum(file_counts[1:], start=file_counts[0])
    for position, counts in enumerate(file_counts):
        other_counts = total - counts
        for cycle in _find_cycles(_find_main_confusions(counts)):
            if _is_significant_majority(
                _count_mixed_up_predictions(counts, cycle), _count_correct_predictions(counts, cycle)
            ) and _is_significant_majority(
                _count_correct_predictions(other_counts, cycle), _count_mixed_up_predictions(other_counts, cycle)
            ):
                return MixedUpClasses(position, cycle)
    cycles = _find_cycles(_find_main_confusions(total))
    in_all = (
        cycle
        for cycle in cycles
        if _is_significant_majority(_count_mixed_up_predictions(total, cycle), _count_correct_predictions(total, cycle))
    )
    return next((MixedUpClasses(None, cycle) for cycle in in_all), None)


def _count_confusions(
    label_ids: npt.NDArray[np.integer], top1_ids: npt.NDArray[np.integer], n_classes: int
) -> _SparseCounts:
    """Count images in a sparse matrix: a row for each label, a column for each predicted class."""
    has_class = top1_ids >= 0
    pairs = (label_ids[has_class], top1_ids[has_class])
    return sparse.csr_array((np.ones(len(pairs[0]), np.int64), pairs), shape=(n_classes, n_classes))


def _find_main_confusions(counts: _SparseCounts) -> dict[int, int]:
    """Map each class to the class that is mostly predicted instead; correctly predicted classes are not in the map."""
    most_frequent = np.asarray(counts.argmax(axis=1)).ravel()
    max_counts = counts[np.arange(most_frequent.size), most_frequent]
    return {a: int(most_frequent[a]) for a in np.flatnonzero(max_counts > counts.diagonal()).tolist()}


def _find_cycles(confusions: Mapping[int, int]) -> list[dict[int, int]]:
    """Find groups of classes that are predicted in a circle: most images of each class as the next class."""
    cycles, visited = [], set[int]()
    for start in confusions:
        path: list[int] = []
        current: int | None = start
        while current is not None and current not in visited:
            visited.add(current)
            path.append(current)
            current = confusions.get(current)
        if current in path:
            cycles.append({a: confusions[a] for a in path[path.index(current) :]})
    return cycles


def _count_mixed_up_predictions(confusion_counts: _SparseCounts, confusions: Mapping[int, int]) -> int:
    """Count the images whose label and predicted class are a pair in `confusions`."""
    return sum(int(confusion_counts[a, b]) for a, b in confusions.items())


def _count_correct_predictions(confusion_counts: _SparseCounts, class_ids: Iterable[int]) -> int:
    """Count the correctly predicted images of some classes."""
    return sum(int(confusion_counts[a, a]) for a in class_ids)


def _is_significant_majority(n_larger: int, n_smaller: int) -> bool:
    return n_larger > n_smaller and mcnemar_p_value(n_larger, n_smaller) < _SIGNIFICANCE_LEVEL


def find_common_class_count(files: Sequence[HeldOutFile], labels: LabelSets) -> int:
    """Return the number of classes; raise if the files or labels have different numbers of classes."""
    counts, outputs = [], {}
    for file in files:
        with add_error_place(file.name):
            counts.append(find_class_count(file.predictions, labels, None))
        if file.predictions.scores is not None:
            outputs[file.name] = counts[-1]
    if len(set(outputs.values())) > 1:
        raise DataError(
            "different-classes",
            "files have different numbers of classes",
            allowed="the same classes in all files",
            found=join_first([f"{name}: {count:,}" for name, count in outputs.items()], max_items=3),
        )
    _check_classes(labels, files, max(counts))
    return max(counts)


def _check_classes(labels: LabelSets, files: Sequence[HeldOutFile], n_classes: int) -> None:
    """Raise if a class has no label or no model output."""
    # A model cannot learn a class without a label.
    used = np.unique(labels.indices)
    if used.size < n_classes:
        # Class ids can be as large as 2^31 - 1, so only the first few are searched.
        unused = np.setdiff1d(np.arange(min(n_classes, used.size + _MAX_EXAMPLES)), used)[:_MAX_EXAMPLES].tolist()
        raise DataError(
            "missing-classes",
            "some classes are not the label of any image",
            allowed=f"each of the {n_classes:,} classes is the label of an image",
            found=(
                f"{join_first([labels.classes.short_name(class_id) for class_id in unused])} "
                f"({n_classes - used.size:,})"
            ),
            fix="remove such classes from the class list and the predictions",
        )
    for file in files:
        if file.predictions.output_class_ids is None or file.predictions.scores is None:
            continue
        without_output = np.setdiff1d(np.arange(n_classes), output_classes(file.predictions)).tolist()
        if without_output:
            raise DataError(
                "missing-classes",
                "classes have no output",
                where=file.name,
                allowed=f"an output for each of the {n_classes:,} classes",
                found=f"{join_first([labels.classes.short_name(i) for i in without_output], max_items=3)} "
                f"({len(without_output):,})",
                fix="use models with the same classes as the labels",
            )


def check_top1_classes(
    files: Sequence[HeldOutFile], top1_by_file: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, n_classes: int
) -> None:
    """Raise if the top-1 classes of a file do not match the labels."""
    _check_not_constant(top1_by_file, labels)
    for file, top1 in zip(files, top1_by_file, strict=True):
        with add_error_place(file.name):
            _check_agreement(file, top1, labels)
    _check_for_mixed_up_classes(files, top1_by_file, labels, n_classes)


def _check_not_constant(top1_by_file: tuple[npt.NDArray[np.int32], ...], labels: LabelSets) -> None:
    """Raise if the models predict the same class for all images."""
    predicted, used = np.unique(np.concatenate(top1_by_file)), np.unique(labels.indices)
    if predicted.size == 1 and used.size > 1 and len(labels) >= _MIN_IMAGES:
        name = labels.classes.short_name(int(predicted[0])) if predicted[0] >= 0 else "none"
        raise DataError(
            "constant-predictions",
            "held-out predictions are the same for every image",
            allowed=f"models that distinguish the {used.size:,} classes",
            found=f"class {name} for all {count_noun(len(labels), 'image')}",
            fix="check the scores, and that the models were trained",
        )


def _check_for_mixed_up_classes(
    files: Sequence[HeldOutFile], top1_by_file: tuple[npt.NDArray[np.int32], ...], labels: LabelSets, n_classes: int
) -> None:
    """Raise if classes are mixed up in the outputs of one file; warn if they are mixed up in all files."""
    result = find_mixed_up_classes([labels.indices[file.label_rows] for file in files], top1_by_file, n_classes)
    if result is None:
        return
    name = labels.classes.short_name
    words = join_first(
        [f"most images of {name(a)} are predicted as {name(b)}" for a, b in result.predicted_class_of.items()],
        max_items=3,
    )
    if result.file_number is None:
        text = f"{words}: either the labels of these classes or the outputs of the models are mixed up"
        warnings.warn(text, ReassessWarning, stacklevel=4)
        return
    raise DataError(
        "different-classes",
        "files have their classes in different orders",
        where=files[result.file_number].name,
        allowed="the same order of classes in all files",
        found=words,
        fix="list the classes of each model's outputs, in the order of the outputs",
    )


def _check_agreement(file: HeldOutFile, top1_ids: npt.NDArray[np.int32], labels: LabelSets) -> None:
    """Raise if the classes or rows of a file are in another order than the labels."""
    rows = np.unique(np.linspace(0, top1_ids.size, _MAX_CHECKED_ROWS, endpoint=False).astype(np.int64))[: top1_ids.size]
    images = tuple(labels.images[row] for row in file.label_rows[rows].tolist())
    part = replace(file.predictions, ids=top1_ids[rows, None], scores=None, output_class_ids=None, images=images)
    outcomes = join_and_rank(part, labels, original=labels)
    try:
        check_agreement_with_original_labels(outcomes, labels, labels, name=file.name)
    except DataError as error:
        order = "if its classes are in another order than the labels', name the class of each output with {outputs}"
        error.fix = Fix(f"check that the file belongs to these images; {order}", outputs="[...]")
        raise
