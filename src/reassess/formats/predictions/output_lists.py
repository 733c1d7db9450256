"""Whether a model's outputs fit the classes of the benchmark, and what a list of the outputs says of them."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions, UnknownClasses
from reassess.core.checks import check_all
from reassess.core.classes import classes_of_ids
from reassess.errors import DataError, Fix
from reassess.formats.files import read_lines
from reassess.text import counted, some

_EXAMPLES = 3
_MOST_DIGITS = 7
_RANGE = re.compile(rf"(\d{{1,{_MOST_DIGITS}}})(?:\s*-\s*(\d{{1,{_MOST_DIGITS}}}))?")
OUTPUT_LIST = "the list of outputs"
LIST_OUTPUTS = Fix("name the class of each output with {outputs}, one wnid or name per line", outputs="[...]")


def read_output_classes(path: Path) -> list[str] | dict[int, str]:
    """The class of each output, one a line; or of numbered outputs, from a table headed ``output,class``.

    In the table, an output is a number from 0, or a range such as 281-285.
    """
    lines = read_lines(path)
    if re.split(r"[,\t]", lines[0].strip().lower()) != ["output", "class"]:
        return lines
    delimiter = "\t" if "\t" in lines[0] else ","
    classes: dict[int, str] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        outputs, *names = next(csv.reader([line], delimiter=delimiter))
        name = delimiter.join(names).strip()  # also a name with a comma that is not quoted
        found = _RANGE.fullmatch(outputs.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last or not name:
            raise DataError(
                "wrong-row",
                "line does not give the class of an output",
                where=f"{path}, line {number}",
                allowed="the number of an output or a range, and a class: 281,cat or 281-285,cat",
                found=repr(line),
            )
        repeated = [output for output in range(first, last + 1) if classes.setdefault(output, name) != name]
        if repeated:
            raise DataError(
                "duplicate-value",
                "output has two classes",
                where=f"{path}, line {number}",
                found=f"output {repeated[0]}: {classes[repeated[0]]} and {name}",
                fix="keep one of the lines",
            )
    return classes


def listed_outputs(outputs: Sequence[str] | Mapping[int, str], count: int) -> Sequence[str]:
    """The class of each of a number of outputs, a dash for an output that has no class."""
    if not isinstance(outputs, Mapping):
        return outputs
    others = sorted(output for output in outputs if not 0 <= output < count)
    if others:
        raise DataError(
            "out-of-range",
            "output of the list is not an output of the model",
            where=OUTPUT_LIST,
            allowed=f"0 to {count - 1:,}",
            found=some(others, most=3),
        )
    return [outputs.get(output, "-") for output in range(count)]


def check_outputs(shape: tuple[int, ...], classes: Classes, columns: npt.NDArray[np.int64] | None) -> None:
    """Refuse scores whose number of outputs is not that of the classes, or of the list of outputs."""
    if len(shape) != 2:
        raise DataError(
            "wrong-type",
            "floats are scores: one row per image, one column per class",
            allowed="shape (N, classes)",
            found=f"shape {shape}",
            fix="if these are class ids, save them as integers" if len(shape) == 1 else None,
        )
    count = classes.count if columns is None else len(columns)
    if count is None or shape[1] == count:
        return
    fix: Fix | str = LIST_OUTPUTS
    each = ""
    if columns is not None:
        fix = "list every output, in order"
    elif classes.has_local_ids:
        each = ", one for each class that the labels name"
    elif shape[1] == count + 1:
        fix = Fix.join("; else ", "if the first output is a background class, save scores[:, 1:]", fix)
    raise DataError(
        "wrong-outputs",
        "wrong number of outputs",
        allowed=f"{count:,} columns{each}",
        found=f"{shape[1]:,} columns",
        fix=fix,
    )


def are_in_sorted_order(classes: Classes, columns: npt.NDArray[np.int64] | None) -> str:
    """What is taken for granted of outputs without names where the classes are known by name alone, in words."""
    if not classes.has_local_ids or columns is not None:
        return ""
    return f", taken in the sorted order of the {classes.count:,} classes that the labels name"


def refuse_ids(classes: Classes, columns: npt.NDArray[np.int64] | None, where: str | None = None) -> None:
    """Refuse class ids where the labels name their classes, and nothing tells which class an id stands for."""
    if columns is None:
        classes_of_ids(classes, where=where, fix=LIST_OUTPUTS)


def refuse_blank_lines(outputs: Sequence[str]) -> None:
    """Refuse a list with a blank line, which would take the place of an output."""
    blank = next((row for row, name in enumerate(outputs) if not name.strip()), None)
    if blank is not None:
        raise DataError(
            "missing-value",
            "line of the output list is blank",
            where=f"{OUTPUT_LIST}, line {blank + 1}",
            fix="remove the line; or write - in it, if the output is no class",
        )


def classes_of_outputs(
    path: Path, outputs: Sequence[str], classes: Classes, unknown_class: str
) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int64] | None]:
    """The class of each output; or, of a list with tabs, the class for which the name of each class stands."""
    refuse_blank_lines(outputs)
    if any("\t" in line for line in outputs):
        if not classes.texts:
            raise names_no_class(path)
        return None, _exchanged_names(classes, outputs)
    columns = map_outputs(classes, outputs, where=OUTPUT_LIST)
    if unknown_class == "error":
        _refuse_unknown_outputs(outputs, columns, classes)
    return columns, None


def map_outputs(classes: Classes, outputs: Sequence[str], *, where: str, summed: bool = False) -> npt.NDArray[np.int64]:
    """Class id of each of a model's outputs, each a wnid, a name or an id; -1 for an output that is not a class.

    `DataError` if no output is a class, or two outputs have the same class and are not to be summed; `where` is the
    place of the list.
    """
    ids = np.fromiter((classes.id_of(text, where=where) for text in outputs), np.int64, len(outputs))
    known = np.flatnonzero(ids >= 0)
    if not known.size:
        raise DataError(
            "unknown-class",
            "no output is a class of the benchmark",
            where=where,
            allowed=classes.allowed,
            found=some(outputs),
            fix="name each output by wnid, by class name or by class id",
        )
    first: dict[int, int] = {}
    for output in [] if summed else known.tolist():
        if (before := first.setdefault(int(ids[output]), output)) != output:
            raise DataError(
                "duplicate-class",
                "two outputs have the same class",
                where=where,
                found=f"{outputs[before]!r} (output {before}) and {outputs[output]!r} (output {output}) are "
                f"both {classes.described(int(ids[output]))}",
                fix="name each output by its wnid",
            )
    return ids


def names_no_class(path: Path) -> DataError:
    """The error for a list of names beside a file that does not name its classes."""
    return DataError(
        "unused-option",
        "list of outputs is not needed: the file has no class names",
        where=path,
        fix="list the class of each output, one a line",
    )


def _exchanged_names(classes: Classes, outputs: Sequence[str]) -> npt.NDArray[np.int64]:
    """The class for which the name of each class stands in a file, from lines `name in the file, tab, class`."""
    lines = [line.split("\t") for line in outputs]
    broken = next((row for row, parts in enumerate(lines) if len(parts) != 2), None)
    if broken is not None:
        raise DataError(
            "wrong-row",
            "line does not give the class of a name",
            where=f"{OUTPUT_LIST}, line {broken + 1}",
            allowed="what the file calls a class, a tab, and the class",
            found=repr(outputs[broken]),
        )
    called, meant = (map_outputs(classes, side, where=OUTPUT_LIST) for side in zip(*lines, strict=True))
    one_to_one = np.isin(called, meant) & np.isin(meant, called) & (called >= 0)
    check_all(
        one_to_one,
        what="the names of a list do not exchange classes with one another",
        name_of=lambda row: f"line {row + 1}, {' and '.join(map(repr, lines[row]))}",
        where=OUTPUT_LIST,
        fix="name each of these classes once before a tab and once after one",
    )
    class_of = np.arange(classes.count or 0)
    class_of[called] = meant
    return class_of


def _refuse_unknown_outputs(outputs: Sequence[str], columns: npt.NDArray[np.int64], classes: Classes) -> None:
    """Refuse a list of outputs with a name that is not a class; dashes are no name."""
    unknown = [outputs[row] for row in np.flatnonzero(columns < 0).tolist() if outputs[row].strip(" -")]
    if unknown:
        raise DataError(
            "unknown-class",
            "output name is not a class",
            where=OUTPUT_LIST,
            allowed=classes.allowed,
            found=some([repr(name) for name in unknown], most=_EXAMPLES),
            fix=Fix("correct the names, or drop such outputs: {unknown_class}", unknown_class='"drop"'),
        )


def without_unknown_outputs(predictions: Predictions, outputs: Sequence[str]) -> Predictions:
    """Predictions by number of an output, saying which outputs are no class and how often these were predicted."""
    assert predictions.columns is not None
    left_out = np.flatnonzero(predictions.columns < 0)
    if not left_out.size:
        return predictions
    names = some([outputs[row] for row in left_out.tolist()], most=_EXAMPLES)
    predicted = (
        np.empty(0, np.int32) if predictions.ids is None else predictions.ids[np.isin(predictions.ids, left_out)]
    )
    return replace(
        predictions,
        detected=f"{predictions.detected}; {counted(left_out.size, 'output')} left out (no such class): {names}",
        unknown_classes=UnknownClasses(predicted.size, tuple(outputs[row] for row in np.unique(predicted).tolist())),
    )


def unknown_in_words(predictions: Predictions, unknown_class: str) -> str:
    """What was predicted by names that no class has, and what becomes of it, in words."""
    if unknown_class != "drop" and predictions.columns is None:
        return with_examples(predictions.unknown_classes, ", counted as wrong")
    bare = int(np.count_nonzero((predictions.class_ids < 0).all(axis=1)))
    images = f"; {counted(bare, 'image')} left without a prediction, counted as wrong" if bare else ""
    return with_examples(predictions.unknown_classes, ", left out") + images


def with_examples(unknown: UnknownClasses, what_becomes: str = "") -> str:
    """How many predictions are not classes, and some of their names."""
    return f"{unknown}{what_becomes}: {some(unknown.names, most=_EXAMPLES)}"
