"""Which class of the benchmark each output of a model means: in class order, or by a list of outputs."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions, UnknownClasses
from reassess.core.checks import check_all_valid
from reassess.core.classes import require_known_class_ids
from reassess.errors import DataError, Fix
from reassess.formats.files import read_lines
from reassess.text import count_noun, join_first, shorten, suggest_name

_MAX_EXAMPLES, _MAX_NAME_LENGTH = 3, 60  # names in a message, and letters of one
_MAX_DIGITS = 7
_RANGE = re.compile(rf"(\d{{1,{_MAX_DIGITS}}})(?:\s*-\s*(\d{{1,{_MAX_DIGITS}}}))?")
_HEADINGS = ["output", "class"]
OUTPUT_LIST = "the list of outputs"
LIST_OUTPUTS = Fix("name the class of each output with {outputs}, one wnid or name per line", outputs="[...]")


def read_output_classes(path: Path) -> list[str] | dict[int, str]:
    """Read the class of each output from lines, or from a table headed ``output,class``.

    In the table, an output is a number from 0, or a range such as 281-285.
    """
    lines = read_lines(path)
    headings = re.split(r"[,;|\t]", re.sub(r'[" ]', "", lines[0].lower()))
    if not {*_HEADINGS} <= {*headings}:
        _refuse_missing_header(path, lines)
        return lines
    delimiter = "\t" if "\t" in lines[0] else ","
    if headings != _HEADINGS or delimiter not in lines[0]:
        raise DataError(
            "wrong-row",
            "first line must be output,class",
            where=f"{path}, line 1",
            allowed="output,class, or with a tab",
            found=repr(lines[0]),
        )
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
                allowed="the position of an output or a range, and a class: 281,cat or 281-285,cat",
                found=join_first([repr(line)]),
            )
        repeated = [output for output in range(first, last + 1) if classes.setdefault(output, name) != name]
        if repeated:
            raise DataError(
                "duplicate-value",
                "two classes are given for the same output",
                where=f"{path}, line {number}",
                found=f"output {repeated[0]}: {join_first([classes[repeated[0]]])} and {join_first([name])}",
                fix="keep one of the lines",
            )
    return classes


def _refuse_missing_header(path: Path, lines: Sequence[str]) -> None:
    """Raise if each line has an output and a class, because then the file is a table without a header."""
    if all(_RANGE.fullmatch(line.partition(",")[0].strip()) and "," in line for line in lines if line.strip()):
        raise DataError(
            "missing-column",
            "header is missing",
            where=f"{path}, line 1",
            allowed="output,class and lines such as 281-285,cat; or the class of each output, one per line",
            found=join_first([repr(lines[0].strip())]),
            fix="write output,class into the first line",
        )


def list_output_classes(outputs: Sequence[str] | Mapping[int, str], n_outputs: int) -> Sequence[str]:
    """Return the class of each of `n_outputs` outputs; a dash if an output has no class."""
    if not isinstance(outputs, Mapping):
        return outputs
    others = sorted(output for output in outputs if not 0 <= output < n_outputs)
    if others:
        raise DataError(
            "out-of-range",
            "list of outputs has an output that the model does not have",
            where=OUTPUT_LIST,
            allowed=f"0 to {n_outputs - 1:,}",
            found=join_first(others, max_items=3),
        )
    return [outputs.get(output, "-") for output in range(n_outputs)]


def check_output_count(
    shape: tuple[int, ...], classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> None:
    """Raise if the number of outputs is wrong: not the length of the list of outputs, or not the number of classes."""
    if len(shape) != 2:
        raise DataError(
            "wrong-type",
            "scores (floats) must have one row per image and one column per class",
            allowed="shape (N, classes)",
            found=f"shape {shape}",
            fix="if these are class ids, save them as integers" if len(shape) == 1 else None,
        )
    count = classes.count if output_class_ids is None else len(output_class_ids)
    if count is None or shape[1] == count:
        return
    fix: Fix | str = LIST_OUTPUTS
    explanation = ""
    if output_class_ids is not None:
        fix = "list every output, in order"
    elif classes.has_local_ids:
        explanation = ", one for each class in the labels"
    elif shape[1] == count + 1:
        fix = Fix.join("; otherwise ", "if the first output is a background class, save scores[:, 1:]", fix)
    raise DataError(
        "wrong-outputs",
        "wrong number of outputs",
        allowed=f"{count:,} columns{explanation}",
        found=f"{shape[1]:,} columns",
        fix=fix,
    )


def describe_assumed_order(classes: Classes, output_class_ids: npt.NDArray[np.int64] | None) -> str:
    """Say that outputs are assumed to be in sorted order, if the classes are known only by name."""
    if not classes.has_local_ids or output_class_ids is not None:
        return ""
    return f", in the sorted order of the {classes.count:,} classes in the labels"


def require_class_list_for_ids(
    classes: Classes, output_class_ids: npt.NDArray[np.int64] | None, where: str | None = None
) -> None:
    """Raise if ids have no meaning: classes are known only by name, and there is no list of outputs."""
    if output_class_ids is None:
        require_known_class_ids(classes, where=where, fix=LIST_OUTPUTS)


def refuse_blank_lines(outputs: Sequence[str]) -> None:
    """Raise if a list of outputs has a blank line, because it would count as an output."""
    blank = next((row for row, name in enumerate(outputs) if not name.strip()), None)
    if blank is not None:
        raise DataError(
            "missing-value",
            "list of outputs has a blank line",
            where=f"{OUTPUT_LIST}, line {blank + 1}",
            fix='remove the line, or write "-" if the output is not a class',
        )


class OutputList(NamedTuple):
    """A parsed list of outputs: the class of each output, or corrections of swapped class names."""

    output_class_ids: npt.NDArray[np.int64] | None = None
    corrected_class_ids: npt.NDArray[np.int64] | None = None  # position i has the correct id of class i


def parse_output_list(path: Path, outputs: Sequence[str], classes: Classes, unknown_class: str) -> OutputList:
    """Parse the lines of a list of outputs.

    If lines have a tab, the list corrects swapped class names: each line has two names, with a tab between them.
    """
    refuse_blank_lines(outputs)
    if any("\t" in line for line in outputs):
        if not classes.wnids_or_names:
            raise missing_class_names_error(path)
        return OutputList(corrected_class_ids=_parse_name_corrections(classes, outputs))
    columns = map_outputs(classes, outputs, where=OUTPUT_LIST)
    if unknown_class == "error":
        _refuse_unknown_outputs(outputs, columns, classes)
    return OutputList(columns)


def map_outputs(
    classes: Classes,
    outputs: Sequence[str],
    *,
    where: str,
    may_share_class: bool = False,
    requires_known_class: bool = True,
) -> npt.NDArray[np.int64]:
    """Return the class id of each output (wnid, name or id); -1 for an output that is not a class.

    Raise `DataError` if `requires_known_class` and no output is a class. Raise it also if two outputs have the same
    class, unless they `may_share_class`. `where` is the place of the list.
    """
    ids = np.fromiter((classes.id_of(text, where=where) for text in outputs), np.int64, len(outputs))
    known = np.flatnonzero(ids >= 0)
    if requires_known_class and not known.size:
        raise DataError(
            "unknown-class",
            "no output is a class of the benchmark",
            where=where,
            allowed=classes.allowed_names_text,
            found=join_first(list(dict.fromkeys(outputs))),
            fix="name each output by wnid, by class name or by class id",
        )
    first: dict[int, int] = {}
    for output in [] if may_share_class else known.tolist():
        if (before := first.setdefault(int(ids[output]), output)) != output:
            raise DataError(
                "duplicate-class",
                "two outputs have the same class",
                where=where,
                found=f"{outputs[before]!r} (output {before}) and {outputs[output]!r} (output {output}) are "
                f"both {classes.describe(int(ids[output]))}",
                fix=f"{'name each output by its wnid' if classes.wnids else 'correct the list'}; "
                "or use `reassess predict`, which adds up the outputs of a class",
            )
    return ids


def missing_class_names_error(path: Path) -> DataError:
    """Make the error for a list that corrects class names, if the prediction file contains no class names."""
    return DataError(
        "unused-option",
        "list of outputs corrects class names, but the prediction file contains no class names",
        where=path,
        fix="list the class of each output, one per line",
    )


def _parse_name_corrections(classes: Classes, outputs: Sequence[str]) -> npt.NDArray[np.int64]:
    """Parse lines with a wrong class name, a tab and the correct name; return the correct id of each class id."""
    lines = [line.split("\t") for line in outputs]
    broken = next((row for row, parts in enumerate(lines) if len(parts) != 2), None)
    if broken is not None:
        raise DataError(
            "wrong-row",
            "line does not have a name, a tab and a class",
            where=f"{OUTPUT_LIST}, line {broken + 1}",
            allowed="the class name in the file, a tab, and the class",
            found=repr(outputs[broken]),
        )
    old, new = (map_outputs(classes, side, where=OUTPUT_LIST) for side in zip(*lines, strict=True))
    is_swapped = np.isin(old, new) & np.isin(new, old) & (old >= 0)
    check_all_valid(
        is_swapped,
        value_name="list does not have the same class names before and after its tabs",
        name_of=lambda row: f"line {row + 1}, {' and '.join(map(repr, lines[row]))}",
        where=OUTPUT_LIST,
        fix="name each class once before a tab and once after a tab",
    )
    class_of = np.arange(classes.count or 0)
    class_of[old] = new
    return class_of


def _refuse_unknown_outputs(outputs: Sequence[str], output_class_ids: npt.NDArray[np.int64], classes: Classes) -> None:
    """Raise if a name in the list of outputs is not a class; a dash is allowed."""
    unknown = [outputs[row] for row in np.flatnonzero(output_class_ids < 0).tolist() if outputs[row].strip(" -")]
    if unknown:
        raise DataError(
            "unknown-class",
            "unknown class",
            where=OUTPUT_LIST,
            allowed=classes.allowed_names_text,
            found=join_first([repr(name) for name in unknown], max_items=_MAX_EXAMPLES),
            fix=Fix("correct the names, or ignore such outputs: {unknown_class}", unknown_class='"drop"'),
        )


def ignore_unknown_outputs(predictions: Predictions, outputs: Sequence[str]) -> Predictions:
    """Count the predictions of outputs that are not classes, and describe these outputs."""
    assert predictions.output_class_ids is not None
    ignored = np.flatnonzero(predictions.output_class_ids < 0)
    if not ignored.size:
        return predictions
    names = join_first([outputs[row] for row in ignored.tolist()], max_items=_MAX_EXAMPLES)
    predicted = np.empty(0, np.int32) if predictions.ids is None else predictions.ids[np.isin(predictions.ids, ignored)]
    return replace(
        predictions,
        detected_format=(
            f"{predictions.detected_format}; {count_noun(ignored.size, 'output')} ignored (unknown class): {names}"
        ),
        unknown_classes=UnknownClasses(predicted.size, tuple(outputs[row] for row in np.unique(predicted).tolist())),
    )


def describe_unknown_classes(predictions: Predictions, unknown_class: str) -> str:
    """Describe how many predictions are not classes, and whether they count as wrong or are dropped."""
    if unknown_class != "drop" and predictions.output_class_ids is None:
        return describe_unknown_names(predictions.unknown_classes, ", counted as wrong")
    empty = int(np.count_nonzero((predictions.class_ids < 0).all(axis=1)))
    images = f"; {count_noun(empty, 'image')} without another prediction, counted as wrong" if empty else ""
    return describe_unknown_names(predictions.unknown_classes, ", dropped") + images


def suggest_spelling(unknown: UnknownClasses, classes: Classes, *, other_setting: str) -> Fix:
    """Suggest to correct the names, with a class of similar spelling; or to set `unknown_class` differently."""
    known = [classes.short_name(class_id) for class_id in range(classes.count or 0)]
    near = ((name, suggest_name(name, known)) for name in unknown.names[:_MAX_EXAMPLES])
    meant = next((f" ({shorten(name, _MAX_NAME_LENGTH)}: {question})" for name, question in near if question), "")
    return Fix(f"correct the names{meant}, or {{unknown_class}}", unknown_class=f'"{other_setting}"')


def describe_unknown_names(unknown: UnknownClasses, handling_text: str = "") -> str:
    """Describe how many predictions are not classes, with some of their names."""
    return f"{unknown}{handling_text}: {join_first(unknown.names, max_items=_MAX_EXAMPLES)}"
