"""Columns of predicted class ids in a table; `prediction_tables` documents the columns."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, UnknownClasses
from reassess.core.class_names import parse_class_id
from reassess.core.classes import missing_class_list_error
from reassess.errors import DataError
from reassess.formats.predictions.output_lists import (
    describe_unknown_names,
    require_class_list_for_ids,
    suggest_spelling,
)
from reassess.formats.tables import describe_row_place, refuse_missing_values, to_integers
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


RANKED_COLUMNS = (("prediction_", 1), ("index_", 0), ("label_", 0))  # prefix, number of the best
ID_COLUMNS = ("prediction", "predicted_class", "pred", "label", "top1", "index")
_MIN_ROWS = 10  # with fewer rows, class ids may be 0, 1, 2, ... by chance
_UnknownNames = dict[str, tuple[int, str]]  # folded name that is not a class: its negative id and its first spelling


@dataclass(frozen=True)
class IdColumns:
    """Columns of predicted ids, best first: class ids if the file has wnids or names, else output numbers.

    `unknown_names` are not classes: the first has id -1, the second id -2, and so on.
    """

    headings: list[str]
    ids: npt.NDArray[np.int64]
    has_class_ids: bool
    unknown_names: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The heading of the id column, to name it in messages. For several columns, their first and last heading."""
        return _format_heading_range(self.headings)

    @property
    def quoted_heading(self) -> str:
        """The heading of the id column in quotes. For several columns, their first and last heading."""
        return _format_heading_range(list(map(repr, self.headings)))

    def best_classes(self, output_class_ids: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """Return the best class of each row."""
        best = self.ids[:, 0]
        if output_class_ids is None or self.has_class_ids:
            return best
        return np.where(
            (best >= 0) & (best < len(output_class_ids)),
            output_class_ids[np.clip(best, 0, len(output_class_ids) - 1)],
            -1,
        )


# A class id, wnid or name in a list that is written as text, like a numpy array in a CSV of pandas.
_LIST_ENTRY = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,\[\]]+"""


def parse_lists(series: "pl.Series") -> "pl.Series":
    """Parse a column of lists that are written as text, such as ``[285 281]``; keep any other column."""
    import polars as pl

    if isinstance(series.dtype, pl.Array):
        return series.arr.to_list()
    if series.dtype != pl.String or not (series.str.starts_with("[") & series.str.ends_with("]")).all():
        return series
    return series.str.extract_all(_LIST_ENTRY)


class FlatLists(NamedTuple):
    """Several lists of the same length, concatenated into one column."""

    entries: "pl.Series"
    list_length: int


def flatten_lists(path: Path, series: "pl.Series") -> FlatLists:
    """Concatenate lists; `DataError` if their lengths differ."""
    import polars as pl

    if not isinstance(series.dtype, pl.List):
        raise DataError(
            "wrong-type", "not a list of ids or scores", where=f"{path}, column {series.name}", found=str(series.dtype)
        )
    refuse_missing_values(path, series)
    lengths = series.list.len()
    differs = lengths != max(lengths[0], 1)
    if differs.any():
        row = differs.arg_max() or 0
        raise DataError(
            "wrong-length",
            "lists have different lengths" if lengths[0] else "list is empty",
            where=describe_row_place(path, row, series.name),
            allowed=f"{lengths[0]} entries, as in the first row" if lengths[0] else None,
            found=f"{lengths[row]} entries" if lengths[0] else None,
            fix="write the same number of entries for each image",
        )
    return FlatLists(series.explode(), lengths[0])


def _unquote(text: str) -> str:
    """Remove the quotes of an entry in a list that is written as text."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text


def find_id_columns(
    path: Path, table: "pl.DataFrame", classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """Find the columns of ids: a column per rank, or a column of lists; None if the table has no such columns."""
    return _read_rank_columns(path, table, classes, output_class_ids) or _read_one_column(
        path, table, classes, output_class_ids
    )


def drop_unusable_id_columns(
    path: Path, table: "pl.DataFrame", classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> "pl.DataFrame":
    """Drop columns of ids with an unknown meaning, if other columns have predicted class names.

    The meaning is unknown if the classes are known only by name, and there is no list of outputs.
    """
    if output_class_ids is not None or not classes.has_local_ids:
        return table
    prefixes = "|".join(prefix for prefix, _ in RANKED_COLUMNS)
    headings = [name for name in table.columns if name in ID_COLUMNS or re.fullmatch(rf"({prefixes})\d+", name)]
    numbers = [name for name in headings if _has_numbers(table[name])]
    if numbers and len(numbers) == len(headings):
        refuse_scores_beside_ids(path, table.drop(numbers), numbers, classes)
        require_class_list_for_ids(classes, output_class_ids, f"{path}, column {_format_heading_range(numbers)}")
    return table.drop(numbers)


def _has_numbers(series: "pl.Series") -> bool:
    import polars as pl

    series = _parse_number_lists(parse_lists(series))
    flat = series.explode() if isinstance(series.dtype, pl.List) else series
    if flat.dtype == pl.String:
        return all(parse_class_id(text) is not None for text in flat.drop_nulls())
    return flat.dtype.is_numeric()


def _read_rank_columns(
    path: Path, table: "pl.DataFrame", classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """Read predicted ids from several columns, one column for each rank."""
    for prefix, best in RANKED_COLUMNS:
        headings = {name for name in table.columns if re.fullmatch(prefix + r"\d+", name)}
        if not headings:
            continue
        expected = [f"{prefix}{best + rank}" for rank in range(len(headings))]
        if set(expected) != headings:
            raise DataError(
                "numbered-columns",
                "a top-k column is missing: the numbers in the headings have a gap",
                where=path,
                allowed=join_first(expected),
                found=join_first(sorted(headings)),
                fix="keep all top-k columns, and number them without a gap",
            )
        unknown: _UnknownNames = {}
        columns = [_read_ids(path, table[name], classes, output_class_ids, unknown) for name in expected]
        if output_class_ids is not None and len({are_classes for _, are_classes in columns}) > 1:
            raise DataError(
                "ids-and-names",
                "some columns have positions of outputs, others class names",
                where=path,
                found=join_first(expected),
                fix="write all classes by name, and remove the list of outputs",
            )
        table_of_ids = np.stack([ids for ids, _ in columns], axis=1)
        unknown_names = tuple(name for _, name in unknown.values())
        ids = IdColumns(expected, table_of_ids, any(are_classes for _, are_classes in columns), unknown_names)
        _refuse_if_all_classes_are_unknown(path, ids, classes)
        return ids
    return None


def _read_one_column(
    path: Path, table: "pl.DataFrame", classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """Read predicted ids from one column that has an id or a list per row.

    If several columns could be the predictions, read a column of numbers rather than class names.
    """
    import polars as pl

    columns = [_parse_number_lists(parse_lists(table[name])) for name in _find_id_headings(table)]
    columns.sort(key=lambda series: series.dtype in (pl.String, pl.List(pl.String)))
    if not columns:
        return None
    first = columns[0]
    ids = _read_id_column(path, first, classes, output_class_ids)
    _refuse_if_all_classes_are_unknown(path, ids, classes)
    for column in columns[1:]:
        try:
            other_ids = _read_id_column(path, column, classes, output_class_ids)
        except DataError:  # another kind of column, such as a confidence
            continue
        differs = ids.best_classes(output_class_ids) != other_ids.best_classes(output_class_ids)
        if other_ids.has_class_ids:  # texts that are not class names may have any meaning
            differs &= other_ids.best_classes(output_class_ids) >= 0
        if differs.any():
            row = int(np.argmax(differs))
            raise DataError(
                "ambiguous-column",
                "two columns could be the predictions, and they differ",
                where=describe_row_place(path, row),
                found=f"{first.name} ({table[first.name][row]}) and {column.name} ({table[column.name][row]})",
                fix="rename or delete the column that does not contain the predictions",
            )
    return ids


def _parse_number_lists(series: "pl.Series") -> "pl.Series":
    """Convert lists of texts to lists of whole numbers, if all texts are whole numbers."""
    import polars as pl

    if series.dtype != pl.List(pl.String):
        return series
    whole = series.cast(pl.List(pl.Int64), strict=False)
    return series if whole.explode().null_count() else whole


def _find_id_headings(table: "pl.DataFrame") -> list[str]:
    """Return the headings that could be the predictions, the most likely first."""
    names = [name for name in ID_COLUMNS if name in table.columns]
    if set(names) - {"label", "top1", "index"} and "label" in names:
        names.remove("label")
    if (
        "index" in names
        and len(names) > 1
        and (names[0] != "label" or "top1" in names or _is_row_number(table["index"]))
    ):
        names.remove("index")
    return names


def _is_row_number(series: "pl.Series") -> bool:
    if len(series) < _MIN_ROWS or not series.dtype.is_integer():
        return False
    return bool(series[0] in (0, 1) and (series.diff().drop_nulls() == 1).sum() == len(series) - 1)


def _read_id_column(
    path: Path, series: "pl.Series", classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> IdColumns:
    unknown: _UnknownNames = {}
    flat, length = flatten_lists(path, series) if series.dtype.is_nested() else (series, 1)
    ids, are_classes = _read_ids(path, flat, classes, output_class_ids, unknown, entries_per_row=length)
    return IdColumns([series.name], ids.reshape(-1, length), are_classes, tuple(name for _, name in unknown.values()))


def _read_ids(
    path: Path,
    series: "pl.Series",
    classes: Classes,
    output_class_ids: npt.NDArray[np.int64] | None,
    unknown: _UnknownNames,
    *,
    entries_per_row: int = 1,
) -> tuple[npt.NDArray[np.int64], bool]:
    """Read a column of ids, wnids or class names; also return whether it has wnids or names.

    Unknown names are added to `unknown`.
    """
    import polars as pl

    refuse_missing_values(path, series, entries_per_row=entries_per_row)
    texts = series.unique(maintain_order=True).to_list() if series.dtype == pl.String else []
    name_of = {text: _unquote(text) for text in texts}
    numbers = [name for name in name_of.values() if parse_class_id(name) is not None]
    if len(numbers) == len(texts):
        return to_integers(path, series.replace(name_of), entries_per_row=entries_per_row).to_numpy(), False
    where = f"{path}, column {series.name}"
    if output_class_ids is not None and numbers:
        name = next(name for name in name_of.values() if parse_class_id(name) is None)
        raise DataError(
            "ids-and-names",
            "predictions mix positions of outputs and class names",
            where=where,
            found=f"{numbers[0]!r}, {name!r}",
            fix="write all classes by name, and remove the list of outputs",
        )
    id_of = {text: classes.id_of(name, where=where) for text, name in name_of.items()}
    are_names = all(classes.find(number) is not None for number in numbers)
    for text, class_id in id_of.items():
        if class_id >= 0:
            continue
        if not are_names:
            raise _unknown_class_error(path, series.name, text, classes)
        name = name_of[text].strip()
        id_of[text], _ = unknown.setdefault(name.casefold(), (-1 - len(unknown), name))
    return np.array([id_of[text] for text in series.to_list()]), True


def _refuse_if_all_classes_are_unknown(path: Path, ids: IdColumns, classes: Classes) -> None:
    """Raise if every predicted name is an unknown class."""
    if ids.unknown_names and (ids.ids < 0).all():
        raise _unknown_class_error(path, ids.heading, ids.unknown_names[0], classes)


def _unknown_class_error(path: Path, heading: str, text: str, classes: Classes) -> DataError:
    if not classes.wnids_or_names:
        return missing_class_list_error([text], where=f"{path}, column {heading}")
    return DataError(
        "unknown-class",
        "unknown class",
        where=f"{path}, column {heading}",
        allowed=classes.allowed_names_text if classes.has_local_ids else f"class ids, {classes.allowed_names_text}",
        found=repr(text),
        fix="write class ids (timm's inference script: --include-index)"
        if classes.wnids
        else f"use the class names of the {'labels' if classes.has_local_ids else 'class list'}",
    )


def refuse_scores_beside_ids(path: Path, table: "pl.DataFrame", headings: list[str], classes: Classes) -> None:
    """Raise if a table with ids also has scores: the ids may be the true labels, not predictions."""
    scores = [name for name in table.columns if table[name].dtype.is_numeric() and classes.has_class(name)]
    if len(scores) > 1:
        raise DataError(
            "ids-and-scores",
            "table has both ids and scores",
            where=path,
            found=f"ids in {_format_heading_range(headings)}; scores in {join_first(scores, max_items=3)}",
            fix="delete the columns that are not the model's predictions",
        )


def _format_heading_range(headings: list[str]) -> str:
    return headings[0] if len(headings) == 1 else f"{headings[0]} to {headings[-1]}"


UnknownClass = Literal["wrong", "error", "drop"]
UNKNOWN_CLASS: tuple[str, ...] = get_args(UnknownClass)


def handle_unknown_classes(
    path: Path, ids: IdColumns, classes: Classes, unknown_class: UnknownClass
) -> tuple[npt.NDArray[np.int64], UnknownClasses]:
    """Return the ids, with -1 for an unknown name, and the unknown names.

    If `unknown_class` is "error", raise for an unknown name. If it is "drop", move unknown names to the end of a row.
    """
    if not ids.unknown_names:
        return ids.ids, UnknownClasses()
    is_unknown = ids.ids < 0
    unknown = UnknownClasses(n_predictions=int(np.count_nonzero(is_unknown)), names=ids.unknown_names)
    if unknown_class == "error":
        raise DataError(
            "unknown-class",
            "unknown class",
            where=f"{path}, column {ids.heading}",
            allowed=classes.allowed_names_text,
            found=describe_unknown_names(unknown),
            fix=suggest_spelling(unknown, classes, other_setting="wrong"),
        )
    table = np.where(is_unknown, -1, ids.ids)
    if unknown_class == "drop":
        table = np.take_along_axis(table, np.argsort(is_unknown, axis=1, kind="stable"), axis=1)
    return table, unknown
