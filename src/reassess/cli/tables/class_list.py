"""What `reassess evaluate` says of a model whose ids are those of another class list, and the list that mends it."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reassess.cli.common import Call, percent, percents
from reassess.core.classes import Classes
from reassess.core.predictions import Predictions
from reassess.errors import ReassessWarning, at
from reassess.evaluation.class_list import ClassList
from reassess.formats.files import writing
from reassess.formats.predictions import read_predictions
from reassess.numeric.exact_tests import SMALLEST
from reassess.numeric.proportion import Proportion
from reassess.text import counted, some

__all__ = ["report_class_list"]


def report_class_list(
    call: Call,
    file: str,
    predictions: Predictions,
    other: ClassList | None,
    classes: Classes,
    write: Path | None,
    *,
    max_bytes: int,
) -> None:
    """Warn of another class list and say how to mend it; write the class of each output to `write`, if there is one."""
    if other is None:
        if write is not None:
            _warn(f"{file}: the images confirm no other class list, and {write} is not written")
        return
    outputs = other.names(predictions, classes)
    if not _is_mended(file, predictions, other, outputs, classes, max_bytes):
        mend = "the file says itself, and wrongly, which output is which class: correct it by class_of in --json"
    elif write is None:
        mend = "add --write-classes classes.txt, then pass --classes classes.txt in its place"
    else:
        call.keep_inputs(write)
        with writing(write, force=call.force) as temporary:
            temporary.write_text("".join(f"{name}\n" for name in outputs), encoding="utf-8")
        mend = f"pass --classes {write}, which holds the class of each output"
    _warn(f"{file}: " + "\n  ".join(_lines(other, classes, mend)))


def _warn(text: str) -> None:
    warnings.warn(text, ReassessWarning, stacklevel=3)


def _is_mended(
    file: str, predictions: Predictions, other: ClassList, outputs: Sequence[str], classes: Classes, max_bytes: int
) -> bool:
    """Whether the file, read with this list, gives the classes of the finding."""
    with at(file):
        mended = read_predictions(file, classes, outputs=outputs, max_bytes=max_bytes)
    return mended.columns is not None and np.array_equal(mended.columns, other.of_outputs(predictions))


def _lines(other: ClassList, classes: Classes, mend: str) -> Iterator[str]:
    yield f"the ids are those of another class list{f': {other.order}' if other.order else ''}"
    p_value = f"p {'<' if other.p_value == SMALLEST else '='} {other.p_value:.1g}"
    yield f"right by it:    {_agreement(other.after)} of the images that did not choose it, {p_value}"
    yield f"right as given: {_agreement(other.before)}"
    if other.undecided:
        undecided = [classes.label(each.class_id) for each in other.undecided]
        yield f"undecided:      {counted(len(undecided), 'class', 'classes')}: {some(undecided)}"
    yield f"to mend:        {mend}"


def _agreement(part: Proportion) -> str:
    return f"{percent(part.value)} % ({percents(part.interval)}; {part.hits:,} of {part.n:,})"
