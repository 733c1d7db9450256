"""Classes in files: ids, or wnids or names, which are looked up in a list of classes or else make one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.classes import NO_CLASS, Classes, class_number, warn_of_capitals
from reassess.errors import DataError
from reassess.formats.tables import integers, refuse_missing
from reassess.text import composed, some

if TYPE_CHECKING:
    import polars as pl

__all__ = ["are_ambiguous", "check_names_stay", "ids_of_column", "ids_of_texts", "refuse_numbers"]

_UNTYPED = (".csv", ".tsv")  # of which a reader guesses the types


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
        refuse_numbers(path, classes)
        return ids.to_numpy(), classes or Classes()
    import polars as pl

    unique = series.cast(pl.String).unique()
    id_of, classes = ids_of_texts(path, unique.to_list(), classes)
    large = sorted(text for text, class_id in id_of.items() if abs(class_id) > np.iinfo(np.int64).max)
    if large:
        raise DataError("a number is too large", where=f"{path}, column {series.name}", found=large[0])
    ids = series.cast(pl.String).replace_strict(list(id_of), list(id_of.values()), return_dtype=pl.Int64)
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
        raise DataError("a class has no name", where=path, allowed="whole numbers, or text", found="''")
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
    given = [(class_id, text) for text in texts if (class_id := class_number(text)) is not None]
    numbers = {text: class_id for class_id, text in sorted(given)}
    if len(numbers) == len(texts):
        return numbers, Classes()
    if numbers:  # a number among names is no name: ranks would stand for wrong classes
        name = min(set(texts) - numbers.keys())
        raise DataError(
            "classes are neither all ids nor all names",
            where=path,
            allowed="whole numbers, or text",
            found=some([min(numbers), name]),
        )
    classes = Classes.from_texts(texts)
    warn_of_capitals(classes, where=path)
    id_of = {text: class_id for class_id, text in enumerate(classes.texts)}
    return {text: id_of[composed(text.strip())] for text in texts}, classes


def refuse_numbers(where: object, classes: Classes | None) -> None:
    """Refuse numbers in a file beside class folders that are called by numbers which are not their ids."""
    if classes is not None and are_ambiguous(classes):
        wrong = [f"{classes.texts[class_id]} (id {class_id})" for class_id in classes.misnumbered]
        raise DataError(
            "numbers could be ids of classes, or the names of class folders",
            where=where,
            found=f"folders called {some(wrong, most=3)}",
            mend="list the folders in the order of their ids in classes.txt, one a line: then numbers are ids",
        )


def are_ambiguous(classes: Classes) -> bool:
    """Whether numbers in files could be ids, or the names of class folders."""
    return classes.of_folders and bool(classes.misnumbered)


def check_names_stay(path: Path, classes: Classes) -> None:
    """Refuse class names that a file without types would give back as numbers, or as true and false."""
    import polars as pl

    texts = pl.Series(classes.in_files, dtype=pl.String)
    if path.suffix.lower() not in _UNTYPED or not classes.in_files:
        return
    if texts.cast(pl.Float64, strict=False).null_count() and not texts.is_in(["true", "false"]).all():
        return
    raise DataError(
        "class names that are all numbers, or true and false, cannot be told from such in this kind of file",
        where=path,
        found=some(texts.to_list()),
        mend="write .json, .jsonl or .parquet",
    )
