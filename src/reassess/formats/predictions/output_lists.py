"""Whether a model's outputs fit the classes of the benchmark, and what a list of the outputs says of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_all
from reassess.core.classes import Classes, classes_of_ids
from reassess.errors import DataError

__all__ = [
    "LIST_OUTPUTS",
    "are_in_sorted_order",
    "are_of_names",
    "check_outputs",
    "exchanged_names",
    "refuse_blank_lines",
    "refuse_ids",
]

LIST_OUTPUTS = "name the class of each output with outputs=[...], one wnid or name a line"


def check_outputs(shape: tuple[int, ...], classes: Classes, columns: npt.NDArray[np.int64] | None) -> None:
    """Refuse scores whose number of outputs is not that of the classes, or of the list of outputs."""
    if len(shape) != 2:
        raise DataError(
            "floats are scores, one row an image and one column a class",
            allowed="shape (N, classes)",
            found=f"shape {shape}",
            mend="if these are class ids, save them as integers" if len(shape) == 1 else None,
        )
    count = classes.count if columns is None else len(columns)
    if count is None or shape[1] == count:
        return
    mend, each = LIST_OUTPUTS, ""
    if columns is not None:
        mend = "list every output, in order"
    elif classes.ranked:
        each = ", one for each class that the labels name"
    elif shape[1] == count + 1:
        mend = f"if the first output is a background class, save scores[:, 1:]; else {mend}"
    raise DataError(
        "wrong number of outputs", allowed=f"{count:,} columns{each}", found=f"{shape[1]:,} columns", mend=mend
    )


def are_in_sorted_order(classes: Classes, columns: npt.NDArray[np.int64] | None) -> str:
    """What is taken for granted of outputs without names where the classes are known by name alone, in words."""
    if not classes.ranked or columns is not None:
        return ""
    return f", taken in the sorted order of the {classes.count:,} classes that the labels name"


def refuse_ids(classes: Classes, columns: npt.NDArray[np.int64] | None, where: str | None = None) -> None:
    """Refuse class ids where the labels name their classes, and nothing tells which class an id stands for."""
    if columns is not None:
        return
    try:
        classes_of_ids(classes, where=where)
    except DataError as error:
        error.mend = f"{LIST_OUTPUTS}; or {error.mend}"
        raise


def refuse_blank_lines(outputs: Sequence[str], *, where: str) -> None:
    """Refuse a list with a blank line, which would take the place of an output."""
    blank = next((row for row, name in enumerate(outputs) if not name.strip()), None)
    if blank is not None:
        raise DataError(
            "a line of the list of outputs is blank",
            where=f"{where}, line {blank + 1}",
            mend="remove the line; or write - in it, if the output is no class",
        )


def are_of_names(outputs: Sequence[str]) -> bool:
    """Whether a list says of names which classes they stand for: both in a line, with a tab between them."""
    return any("\t" in line for line in outputs)


def exchanged_names(classes: Classes, outputs: Sequence[str], *, where: str) -> npt.NDArray[np.int64]:
    r"""The class for which the name of each class stands in a file.

    Parameters
    ----------
    classes
        The classes by their own names.
    outputs
        A line for each class that is called by another's name: that name, a tab, and the class. Each class must be once
        on either side.
    where
        Where the list comes from, for error messages.

    Returns
    -------
    int64, shape (classes,).

    Examples
    --------
    >>> exchanged_names(Classes.from_texts(["cat", "cow", "dog"]), ["cat\tdog", "dog\tcat"], where="list.txt")
    array([2, 1, 0])
    """
    lines = [line.split("\t") for line in outputs]
    broken = next((row for row, parts in enumerate(lines) if len(parts) != 2), None)
    if broken is not None:
        raise DataError(
            "a line does not say which class a name stands for",
            where=f"{where}, line {broken + 1}",
            allowed="what the file calls a class, a tab, and the class",
            found=repr(outputs[broken]),
        )
    called, meant = (classes.map_outputs(side, where=where) for side in zip(*lines, strict=True))
    one_to_one = np.isin(called, meant) & np.isin(meant, called) & (called >= 0)
    check_all(
        one_to_one,
        what="the names of a list do not exchange classes with one another",
        name_of=lambda row: f"line {row + 1}, {' and '.join(map(repr, lines[row]))}",
        where=where,
        mend="name each of these classes once before a tab and once after one",
    )
    class_of = np.arange(classes.count or 0)
    class_of[called] = meant
    return class_of
