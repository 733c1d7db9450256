"""Classes in files: ids, wnids or names. If no class list is known, it is made from the names in the file."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Questions
from reassess.core.checks import check_range, check_shape
from reassess.core.class_names import MAX_CLASSES, parse_class_id
from reassess.core.classes import UNKNOWN_CLASS_NAME, require_known_class_ids, warn_about_case_variants
from reassess.errors import DataError
from reassess.formats.tables import describe_row_place, find_column, refuse_missing_values, to_integers, to_text
from reassess.text import join_first, shorten, to_nfc

if TYPE_CHECKING:
    import polars as pl


def class_ids_from_column(
    path: Path, series: "pl.Series", classes: Classes | None
) -> tuple[npt.NDArray[np.int64], Classes]:
    """Return the class id of each row of a column, and the class list."""
    refuse_missing_values(path, series)
    if series.dtype.is_numeric():
        ids = to_integers(path, series)
        refuse_missing_values(path, ids)
        return ids.to_numpy(), require_known_class_ids(classes, where=path)
    import polars as pl

    texts = to_text(path, series)
    is_blank = texts.str.strip_chars() == ""
    if is_blank.any():
        raise _empty_name_error(describe_row_place(path, is_blank.arg_max() or 0, series.name))
    unique = texts.unique()
    id_of, classes = class_ids_from_texts(path, unique.to_list(), classes)
    ids = texts.replace_strict(list(id_of), list(id_of.values()), return_dtype=pl.Int64)
    return ids.to_numpy(), classes


def class_ids_from_texts(path: Path, texts: Sequence[str], classes: Classes | None) -> tuple[dict[str, int], Classes]:
    """Return the class id of each text, and the class list."""
    if any(not text.strip() for text in texts):
        raise _empty_name_error(path)
    numbers = {text: class_id for text in texts if (class_id := parse_class_id(text)) is not None}
    if numbers and len(numbers) == len(texts):
        classes = require_known_class_ids(classes, where=path)
        wrong = sorted(text for text, class_id in numbers.items() if not 0 <= class_id <= classes.largest_id)
        if wrong:
            raise DataError(
                "out-of-range",
                "class id out of range",
                where=path,
                allowed=f"0 to {classes.largest_id}",
                found=join_first([shorten(text, 40) for text in wrong], max_items=3),
            )
        return numbers, classes
    if classes is not None and classes.wnids_or_names:
        id_of = {text: classes.id_of(text, where=str(path)) for text in texts}
        unknown = sorted(text for text, class_id in id_of.items() if class_id < 0)
        if unknown:
            raise DataError(
                "unknown-class",
                UNKNOWN_CLASS_NAME,
                where=path,
                allowed=classes.allowed_names_text,
                found=join_first(unknown, max_items=3),
                fix="correct the name, or add the class to the class list",
            )
        return id_of, classes
    if numbers:  # without a class list, names are numbered by their sorted order, which ids would not fit
        raise mixed_ids_error(path, join_first([min(numbers), min(set(texts) - numbers.keys())]))
    classes = Classes.from_texts(texts)
    warn_about_case_variants(classes, where=path)
    id_of = {text: class_id for class_id, text in enumerate(classes.wnids_or_names)}
    return {text: id_of[to_nfc(text.strip())] for text in texts}, classes


def class_ids_from_lists(
    path: Path, lists: list[list[Any]], classes: Classes | None
) -> tuple[list[list[int]], Classes]:
    """Convert lists of classes to lists of class ids; also return the class list."""
    kinds = set(map(type, chain.from_iterable(lists)))
    if kinds - {int, str} or len(kinds) > 1:
        raise mixed_ids_error(path, join_first(sorted(kind.__name__ for kind in kinds)))
    if not kinds:
        return lists, classes or Classes()
    if kinds == {int}:
        return lists, require_known_class_ids(classes, where=path)
    texts = dict.fromkeys(chain.from_iterable(lists))
    id_of, classes = class_ids_from_texts(path, list(texts), classes)
    return [[id_of[text] for text in names] for names in lists], classes


def mixed_ids_error(path: Path, found_text: str | None = None) -> DataError:
    """Make the error for a file with both class ids and class names."""
    problem = "classes are neither all ids nor all names"
    return DataError("ids-and-names", problem, where=path, allowed="whole numbers, or text", found=found_text)


def _empty_name_error(where: object) -> DataError:
    return DataError("missing-value", "class name is empty", where=where, allowed="whole numbers, or text", found="''")


_MAX_DIGITS = 18  # a number with so few digits always fits in int64


def questions_from_info_array(info: npt.NDArray[Any], where: Path, classes: Classes | None = None) -> Questions:
    """Make questions from an `info` array: texts of shape (questions, 2), the image name and the class.

    A class is an id or a name.

    Successive rows are compared as code points, so that each run of rows with one image creates one Python string.
    """
    check_shape(info, ("questions", 2), value_name="the questions", kind="text", where=f"{where}, array info")
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
        id_of, classes = class_ids_from_texts(where, texts.tolist(), classes)
        class_ids = np.array(list(id_of.values()), np.int64)[rows]
    else:
        classes = require_known_class_ids(classes, where=where)
    check_range(
        class_ids, 0, MAX_CLASSES - 1, value_name="class id", where=lambda row: f"{where}, array info, row {row}"
    )
    return Questions(images=tuple(position), image_ids=image_ids, class_ids=class_ids.astype(np.int32), classes=classes)


def image_and_class_texts(questions: Questions) -> npt.NDArray[np.str_]:
    """Return the image name and the class of each question, as an array of texts, shape (questions, 2)."""
    class_names = questions.classes.names_to_write
    class_ids = np.array(class_names)[questions.class_ids] if class_names else questions.class_ids.astype(np.str_)
    names = np.array(questions.images or [""], np.str_)[questions.image_ids]
    width = max(1, *(int(np.strings.str_len(texts).max(initial=1)) for texts in (names, class_ids)))
    return np.stack([names, class_ids], axis=1).astype(f"<U{width}")


def questions_from_table(path: Path, table: "pl.DataFrame", classes: Classes | None = None) -> Questions:
    """Make a question from each row of a table with the columns image and class."""
    image = table[find_column(path, table, "image")].cast(str)
    refuse_missing_values(path, image)
    class_ids, classes = class_ids_from_column(path, table[find_column(path, table, "class")], classes)
    return Questions.from_columns(image.to_list(), class_ids, classes)


def columns_from_questions(questions: Questions, rows: npt.NDArray[np.int64] | None = None) -> "dict[str, pl.Series]":
    """Return the columns image and class of a table of questions, or of the questions at `rows`."""
    import polars as pl

    rows = np.arange(len(questions)) if rows is None else rows
    return {
        "image": pl.Series(questions.images, dtype=pl.String).gather(questions.image_ids[rows]),
        "class": questions.classes.to_column(questions.class_ids[rows]),
    }


def _parse_ids(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64] | None:
    """Parse a whole number from each row of code points; None if a row is not a number.

    Numbers may have leading zeros.
    """
    value = np.zeros(len(codes), np.int64)
    ended = np.zeros(len(codes), bool)
    if (codes[:, 0] == 0).any() or (codes.shape[1] > _MAX_DIGITS and codes[:, _MAX_DIGITS].any()):
        return None
    for digits in codes.T[:_MAX_DIGITS]:
        ended |= digits == 0
        if ended.all():
            break
        digit = digits.astype(np.int64) - ord("0")
        if (~ended & ((digit < 0) | (digit > 9))).any():
            return None
        value = np.where(ended, value, 10 * value + digit)
    return value
