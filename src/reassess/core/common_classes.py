"""Conversion of labels, questions, scores, votes and predictions to one class list."""

from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_type
from reassess.core.classes import ID_ONLY_CLASSES, NAMES_MIXED_WITH_IDS, UNIFY_CLASS_NAMES, Classes
from reassess.core.items import StoredItems
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError, add_error_place
from reassess.text import join_first

DataWithClasses = LabelSets | MultiLabels | Questions | Scores | Votes
_Data = TypeVar("_Data", bound=DataWithClasses | Predictions)


def classes_of(data: DataWithClasses | Predictions) -> Classes:
    """Return the class list of labels, questions, scores, votes or predictions.

    It is `ID_ONLY_CLASSES` if the items of votes are neither images nor questions.
    """
    if isinstance(data, LabelSets | Predictions | Questions):
        return data.classes
    if isinstance(data, MultiLabels):
        return data.valid.classes
    if isinstance(data, Votes) and data.classes is not None:
        return data.classes
    items = data.questions if isinstance(data, Scores) else data.items
    return items.classes if isinstance(items, Questions | StoredItems) else ID_ONLY_CLASSES


def align_classes(data: Mapping[str, _Data], classes: Classes | None = None) -> dict[str, _Data]:
    """Convert data of several files to one class list, so that an id means the same class everywhere.

    The common list is the class list of a benchmark if a file has one, else the sorted class names of all files. If all
    files have only ids, the ids stay. `DataError` if one file has class names and another has ids without a list, or if
    a class of one file is missing from the list of another.
    """
    check_type(Classes, classes, is_optional=True)
    common = _merge_class_lists(data) if classes is None else classes
    aligned = {}
    for file, value in data.items():
        with add_error_place(file):
            aligned[file] = cast("_Data", value.convert_to_classes(common))
    return aligned


def _merge_class_lists(data: Mapping[str, _Data]) -> Classes:
    """Merge the class lists of all files that contain a class."""
    lists = {file: classes_of(value) for file, value in data.items() if class_ids_of(value).size}
    _check_names_and_ids(lists)
    common, first = ID_ONLY_CLASSES, ""
    for file, classes in lists.items():
        with add_error_place(f"{first} and {file}"):
            common = common.merge(classes) if first else classes
        first = first or file
    return common


def class_ids_of(data: DataWithClasses | Predictions) -> npt.NDArray[np.integer]:
    """Return the class ids in labels, questions, scores, votes or predictions.

    The array is empty if the items of votes are neither images nor questions.
    """
    if isinstance(data, LabelSets):
        return data.indices
    if isinstance(data, Predictions):
        return data.all_class_ids
    if isinstance(data, Questions):
        return data.class_ids
    if isinstance(data, MultiLabels):
        return np.concatenate([labels.indices for labels in (data.valid, data.unclear, data.wrong)])
    if isinstance(data, Votes) and data.classes is not None:
        return data.class_ids
    items = data.questions if isinstance(data, Scores) else data.items
    return items.class_ids if isinstance(items, Questions) else np.empty(0, np.int32)


def _check_names_and_ids(lists: Mapping[str, Classes]) -> None:
    """Raise if one file has names and another has ids, without a list that maps names to ids."""
    if any(classes.wnids_or_names and not classes.has_local_ids for classes in lists.values()):
        return
    with_names = [file for file, classes in lists.items() if classes.wnids_or_names]
    # If the files together have as many wnids as there are classes, ids are positions among the sorted wnids.
    wnids = {wnid for file in with_names for wnid in lists[file].wnids}
    count = len(wnids) if all(lists[file].wnids for file in with_names) else None
    with_ids = [
        file
        for file, classes in lists.items()
        if not classes.wnids_or_names and (count is None or classes.count != count)
    ]
    if with_names and with_ids:
        raise DataError(
            "ids-and-names",
            NAMES_MIXED_WITH_IDS,
            where=f"{with_names[0]} and {with_ids[0]}",
            found=f"{join_first(lists[with_names[0]].wnids_or_names, max_items=2)}, and ids",
            fix=UNIFY_CLASS_NAMES,
        )
