"""(image, class) questions as the `info` array of a numpy archive, and as columns of a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_shape
from reassess.core.questions import Questions
from reassess.errors import DataError
from reassess.formats.tables import column, integers, refuse_missing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["info_of_questions", "questions_of_info", "questions_of_table"]


def questions_of_info(info: npt.NDArray[Any], where: Path) -> Questions:
    """Questions of an `info` array: text of shape (questions, 2), image name and class id.

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
    return Questions(tuple(position), image_ids, _parse_ids(codes[:, 1], info, where))


def info_of_questions(questions: Questions) -> npt.NDArray[np.str_]:
    """The `info` array of some questions, shape (questions, 2)."""
    class_ids = questions.class_ids.astype(np.str_)
    names = np.array(questions.images or [""], np.str_)[questions.image_ids]
    width = max(1, *(int(np.strings.str_len(part).max(initial=1)) for part in (names, class_ids)))
    return np.stack([names, class_ids], axis=1).astype(f"<U{width}")


def questions_of_table(path: Path, table: "pl.DataFrame") -> Questions:
    """Questions of the columns image and class of a table, one a row."""
    image = table[column(path, table, "image", thing="the image")].cast(str)
    class_ids = integers(path, table[column(path, table, "class", thing="the class")])
    for series in (image, class_ids):
        refuse_missing(path, series)
    return Questions.from_columns(image.to_list(), class_ids.to_numpy())


def _parse_ids(codes: npt.NDArray[np.uint32], info: npt.NDArray[Any], where: Path) -> npt.NDArray[np.int32]:
    """Numbers from rows of code points: decimal digits, then zeros."""
    value = np.zeros(len(codes), np.int64)
    ended = np.zeros(len(codes), bool)
    bad = codes[:, 0] == 0
    for place in codes.T[: 1 + max(1, len(str(np.iinfo(np.int32).max)))]:
        ended |= place == 0
        digit = place.astype(np.int64) - ord("0")
        bad |= ~ended & ((digit < 0) | (digit > 9))
        value = np.where(ended, value, 10 * value + digit)
    bad |= ~ended & (codes.shape[1] > len(str(np.iinfo(np.int32).max)))
    bad |= value > np.iinfo(np.int32).max
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            "a class id is not a whole number",
            where=f"{where}, array info, row {row}",
            allowed="a class id as text, such as 285",
            found=repr(str(info[row, 1])),
        )
    return value.astype(np.int32)
