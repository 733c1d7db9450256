"""Label sets, questions, scores, votes and predictions in one list of classes."""

from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_type
from reassess.core.classes import LIST_CLASSES, NAMES_BESIDE_IDS, UNLISTED, Classes
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError, at
from reassess.text import some

Classed = LabelSets | MultiLabels | Questions | Scores | Votes
_Noun = TypeVar("_Noun", bound=Classed | Predictions)


def classes_of(noun: Classed | Predictions) -> Classes:
    """The classes that a noun is of; those of votes on plain items are not known."""
    if isinstance(noun, LabelSets | Predictions | Questions):
        return noun.classes
    if isinstance(noun, MultiLabels):
        return noun.valid.classes
    if isinstance(noun, Votes) and noun.classes is not None:
        return noun.classes
    items = noun.questions if isinstance(noun, Scores) else noun.items
    return items.classes if isinstance(items, Questions) else UNLISTED


def align_classes(nouns: Mapping[str, _Noun], classes: Classes | None = None) -> dict[str, _Noun]:
    """The same nouns, by file, in one list of classes, so that an id is the same class in all of them.

    The list is that of a benchmark where one of them has such a list, and else all names that they hold, in sorted
    order; where all of them hold ids, these stay as they are. `DataError` if one file names its classes and another
    numbers them without a list, or if a class of one is not in the list of another.
    """
    check_type(Classes, classes, optional=True)
    together = _united(nouns) if classes is None else classes
    moved = {}
    for file, noun in nouns.items():
        with at(file):
            moved[file] = cast("_Noun", noun.in_classes(together))
    return moved


def _united(nouns: Mapping[str, _Noun]) -> Classes:
    """The list of classes that holds those of all files."""
    lists = {file: classes_of(noun) for file, noun in nouns.items() if class_ids_of(noun).size}
    _refuse_names_beside_ids(lists)
    together, first = UNLISTED, ""
    for file, classes in lists.items():
        with at(f"{first} and {file}"):
            together = together.unite(classes) if first else classes
        first = first or file
    return together


def class_ids_of(noun: Classed | Predictions) -> npt.NDArray[np.integer]:
    """The class ids that a noun holds; none of votes on plain items."""
    if isinstance(noun, LabelSets):
        return noun.indices
    if isinstance(noun, Predictions):
        return noun.held_ids
    if isinstance(noun, Questions):
        return noun.class_ids
    if isinstance(noun, MultiLabels):
        return np.concatenate([part.indices for part in (noun.valid, noun.unclear, noun.wrong)])
    if isinstance(noun, Votes) and noun.classes is not None:
        return noun.class_ids
    items = noun.questions if isinstance(noun, Scores) else noun.items
    return items.class_ids if isinstance(items, Questions) else np.empty(0, np.int32)


def _refuse_names_beside_ids(lists: Mapping[str, Classes]) -> None:
    """Refuse files of names and files of ids where no list of classes says which is which."""
    if any(classes.texts and not classes.has_local_ids for classes in lists.values()):
        return
    named = [file for file, classes in lists.items() if classes.texts]
    wnids = {wnid for file in named for wnid in lists[file].wnids}  # all of them are the classes by their numbers
    count = len(wnids) if all(lists[file].wnids for file in named) else None
    numbered = [
        file for file, classes in lists.items() if not classes.texts and (count is None or classes.count != count)
    ]
    if named and numbered:
        raise DataError(
            "ids-and-names",
            NAMES_BESIDE_IDS,
            where=f"{named[0]} and {numbered[0]}",
            found=f"{some(lists[named[0]].texts, most=2)}, and ids",
            fix=LIST_CLASSES,
        )
