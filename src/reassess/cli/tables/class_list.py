"""What `reassess evaluate` says of a model whose ids are those of another class list, and the list that mends it."""

import warnings
from pathlib import Path

from reassess.cli.common import Call
from reassess.core.classes import Classes
from reassess.core.predictions import Predictions
from reassess.errors import ReassessWarning
from reassess.evaluation.class_list import ClassList
from reassess.evaluation.words import MEND_CLASS_LIST, class_list_in_words
from reassess.formats.files import writing

__all__ = ["report_class_list"]


def report_class_list(
    call: Call,
    file: str,
    other: ClassList,
    predictions: Predictions,
    classes: Classes,
    write: Path | None,
    *,
    several: bool,
) -> None:
    """Warn of another class list and say how to mend it; write the class of each output to `write`, if there is one."""
    mend = (
        MEND_CLASS_LIST if several else "add --write-classes classes.txt, then pass --classes classes.txt in its place"
    )
    if write is not None:
        with writing(write, force=call.force) as temporary:
            lines = other.names(predictions, classes)
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        mend = f"pass --classes {write}, which holds the class of each {'name' if other.by_name else 'output'}"
    warnings.warn(f"{file}: {class_list_in_words(other, classes, mend)}", ReassessWarning, stacklevel=2)
