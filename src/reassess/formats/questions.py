"""(image, class) questions as the `info` array of a numpy archive, and as columns of a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range, check_shape
from reassess.core.class_names import MOST_CLASSES
from reassess.core.classes import Classes, classes_of_ids
from reassess.core.questions import Questions
from reassess.formats.class_columns import ids_of_column, ids_of_texts
from reassess.formats.tables import column, refuse_missing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["columns_of_questions", "info_of_questions", "questions_of_info", "questions_of_table"]

_DIGITS = 18  # of a number that int64 surely holds


def questions_of_info(info: npt.NDArray[Any], where: Path, classes: Classes | None = None) -> Questions:
    """Questions of an `info` array: text of shape (questions, 2), image name and class, by id or by name.

    Neighbours are compared as code points, so that only the first of each run of one image becomes a Python string.
    """
    check_shape(info, ("questions", 2), what="the questions", kind="text", where=f"{where}, array info")
    width = info.dtype.itemsize // 4
    codes = np.ascontiguousarray(info, info.dtype.newbyteorder("=")).view(np.uint32).reshape(len(info), 2, width)
    starts = np.ones(len(info), bool)
    starts[1:] = (codes[1:, 0] != codes[:-1, 0]).any(axis=1)
    position: dict[str, int] = {}
    run_image = np.array([position.setdefault(name, len(position)) for name in info[starts, 0].tolist()], np.int32)
    image_ids = run_image[np.cumsum(starts) - 1] if len(info) else run_image
    class_ids = _parse_ids(codes[:, 1])
    if class_ids is None:
        texts, rows = np.unique(info[:, 1], return_inverse=True)
        id_of, classes = ids_of_texts(where, texts.tolist(), classes)
        class_ids = np.array(list(id_of.values()), np.int64)[rows]
    else:
        classes = classes_of_ids(classes, where=where)
    check_range(class_ids, 0, MOST_CLASSES - 1, what="class id", where=lambda row: f"{where}, array info, row {row}")
    return Questions(
        images=tuple(position),
        image_ids=image_ids,
        class_ids=class_ids.astype(np.int32),
        classes=classes,
    )


def info_of_questions(questions: Questions) -> npt.NDArray[np.str_]:
    """The `info` array of some questions, shape (questions, 2)."""
    called = questions.classes.in_files
    class_ids = np.array(called)[questions.class_ids] if called else questions.class_ids.astype(np.str_)
    names = np.array(questions.images or [""], np.str_)[questions.image_ids]
    width = max(1, *(int(np.strings.str_len(part).max(initial=1)) for part in (names, class_ids)))
    return np.stack([names, class_ids], axis=1).astype(f"<U{width}")


def questions_of_table(path: Path, table: "pl.DataFrame", classes: Classes | None = None) -> Questions:
    """Questions of the columns image and class of a table, one a row."""
    image = table[column(path, table, "image", thing="the image")].cast(str)
    refuse_missing(path, image)
    class_ids, classes = ids_of_column(path, table[column(path, table, "class", thing="the class")], classes)
    return Questions.from_columns(image.to_list(), class_ids, classes)


def columns_of_questions(questions: Questions, rows: npt.NDArray[np.int64] | None = None) -> "dict[str, pl.Series]":
    """The columns image and class of a table with a row for each question, or for those at some rows."""
    import polars as pl

    rows = np.arange(len(questions)) if rows is None else rows
    return {
        "image": pl.Series(questions.images, dtype=pl.String).gather(questions.image_ids[rows]),
        "class": questions.classes.column(questions.class_ids[rows]),
    }


def _parse_ids(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64] | None:
    """Numbers from rows of code points, decimal digits and then zeros; None where a row is no number."""
    value = np.zeros(len(codes), np.int64)
    ended = np.zeros(len(codes), bool)
    if (codes[:, 0] == 0).any() or (codes.shape[1] > _DIGITS and codes[:, _DIGITS].any()):
        return None
    for place in codes.T[:_DIGITS]:
        ended |= place == 0
        if ended.all():
            break
        digit = place.astype(np.int64) - ord("0")
        if (~ended & ((digit < 0) | (digit > 9))).any():
            return None
        value = np.where(ended, value, 10 * value + digit)
    return value
