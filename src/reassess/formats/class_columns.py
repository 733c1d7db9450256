"""Classes in files: ids, or wnids or names, which are looked up in a list of classes or else make one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.class_names import class_number
from reassess.core.classes import NO_CLASS, Classes, classes_of_ids, warn_of_capitals
from reassess.errors import DataError, at
from reassess.formats.tables import as_text, integers, place, refuse_missing
from reassess.text import composed, shortened, some

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ids_of_column", "ids_of_texts"]


def ids_of_column(path: Path, series: "pl.Series", classes: Classes | None) -> tuple[npt.NDArray[np.int64], Classes]:
    """Class id of each row of a column, and the classes.

    Parameters
    ----------
    path
        The file, for messages.
    series
        Whole numbers, which are ids; or text. No row may be empty.
    classes
        In which text is looked up; without, the classes are the names in the column.
    """
    refuse_missing(path, series)
    if series.dtype.is_numeric():
        ids = integers(path, series)
        refuse_missing(path, ids)
        return ids.to_numpy(), classes_of_ids(classes, where=path)
    import polars as pl

    texts = as_text(path, series)
    is_blank = texts.str.strip_chars() == ""
    if is_blank.any():
        raise _no_name(place(path, is_blank.arg_max() or 0, series.name))
    unique = texts.unique()
    id_of, classes = ids_of_texts(path, unique.to_list(), classes)
    ids = texts.replace_strict(list(id_of), list(id_of.values()), return_dtype=pl.Int64)
    return ids.to_numpy(), classes


def ids_of_texts(path: Path, texts: Sequence[str], classes: Classes | None) -> tuple[dict[str, int], Classes]:
    """The class id of each of some texts, and the classes.

    Parameters
    ----------
    path
        The file, for messages.
    texts
        Each once.
    classes
        In which they are looked up, by name, wnid or id; without, texts that are all numbers are ids, and other texts
        make the list of classes, in sorted order and without blanks around them. Names that differ only in capitals
        are different classes then, with a `ReassessWarning`.

    Raises
    ------
    DataError
        A text is empty; is none of the classes, or fits two; or there are both numbers and names.
    """
    if any(not text.strip() for text in texts):
        raise _no_name(path)
    numbers = {text: class_id for text in texts if (class_id := class_number(text)) is not None}
    if numbers and len(numbers) == len(texts):
        return _checked(path, numbers, classes_of_ids(classes, where=path))
    if classes is not None and classes.texts:
        id_of = {text: classes.id_of(text, where=str(path)) for text in texts}
        lost = sorted(text for text, class_id in id_of.items() if class_id < 0)
        if lost:
            raise DataError(
                NO_CLASS,
                where=path,
                allowed=classes.allowed,
                found=some(lost, most=3),
                mend="check the spelling, or add the class to the list of classes",
            )
        return id_of, classes
    if numbers:  # a number among names is no name: ranks would stand for wrong classes
        name = min(set(texts) - numbers.keys())
        raise DataError(
            "classes are neither all ids nor all names",
            where=path,
            allowed="whole numbers, or text",
            found=some([min(numbers), name]),
        )
    with at(path):
        classes = Classes.from_texts(texts)
    warn_of_capitals(classes, where=path)
    id_of = {text: class_id for class_id, text in enumerate(classes.texts)}
    return {text: id_of[composed(text.strip())] for text in texts}, classes


def _no_name(where: object) -> DataError:
    return DataError("a class has no name", where=where, allowed="whole numbers, or text", found="''")


def _checked(path: Path, numbers: dict[str, int], classes: Classes) -> tuple[dict[str, int], Classes]:
    """Numbers that are ids of the classes; `DataError` if one is not."""
    wrong = sorted(text for text, class_id in numbers.items() if not 0 <= class_id <= classes.largest_id)
    if wrong:
        raise DataError(
            "class id out of range",
            where=path,
            allowed=f"0 to {classes.largest_id}",
            found=some([shortened(text, 40) for text in wrong], most=3),
        )
    return numbers, classes
