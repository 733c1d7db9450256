"""A model's class ids in the columns of a table; the docstring of `prediction_tables` says which column is what."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, UnknownClasses
from reassess.core.class_names import class_number
from reassess.core.classes import names_without_list
from reassess.errors import DataError, Fix
from reassess.formats.predictions.output_lists import refuse_ids, with_examples
from reassess.formats.tables import integers, locate_row, refuse_missing
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl


_RANKED_COLUMNS = (("prediction_", 1), ("index_", 0), ("label_", 0))  # prefix, number of the best
ID_COLUMNS = ("prediction", "predicted_class", "pred", "label", "top1", "index")
_FEW = 10  # class ids of fewer rows may count up by chance
_Unknown = dict[str, tuple[int, str]]  # the names of no class as they are compared: the id and the first spelling


@dataclass(frozen=True)
class IdColumns:
    """Columns of ids, best first: numbers of outputs, or classes if they were called by wnid or name.

    The names in `unknown` are those of no class; their ids are -1 for the first, -2 for the second, and so on.
    """

    headings: list[str]
    table: npt.NDArray[np.int64]
    are_classes: bool
    unknown: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The heading, or the first and the last of them."""
        return _span(self.headings)

    def best(self, outputs: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """The best class of each row."""
        best = self.table[:, 0]
        if outputs is None or self.are_classes:
            return best
        return np.where((best >= 0) & (best < len(outputs)), outputs[np.clip(best, 0, len(outputs) - 1)], -1)


# A class id, wnid or name in a list that was written as text, as pandas writes numpy arrays to CSV.
_ENTRY = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,\[\]]+"""


def unpacked(series: "pl.Series") -> "pl.Series":
    """A column of lists that were written as text, such as ``[285 281]``, as lists; any other column as it is."""
    import polars as pl

    if isinstance(series.dtype, pl.Array):
        return series.arr.to_list()
    if series.dtype != pl.String or not (series.str.starts_with("[") & series.str.ends_with("]")).all():
        return series
    return series.str.extract_all(_ENTRY)


def flattened(path: Path, series: "pl.Series") -> tuple["pl.Series", int]:
    """The entries of lists of one length, one list after another, and that length."""
    import polars as pl

    if not isinstance(series.dtype, pl.List):
        raise DataError(
            "wrong-type", "not a list of ids or scores", where=f"{path}, column {series.name}", found=str(series.dtype)
        )
    refuse_missing(path, series)
    lengths = series.list.len()
    odd = lengths != max(lengths[0], 1)
    if odd.any():
        row = odd.arg_max() or 0
        raise DataError(
            "wrong-length",
            "lists have different lengths" if lengths[0] else "list is empty",
            where=locate_row(path, row, series.name),
            allowed=f"{lengths[0]} entries, as in the first row" if lengths[0] else None,
            found=f"{lengths[row]} entries" if lengths[0] else None,
            fix="give each image as many entries",
        )
    return series.explode(), lengths[0]


def _unquoted(text: str) -> str:
    """An entry of a list that was written as text, without its quotes."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text


def find_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """The columns of ids, one a rank or one with a list a row; None if there are none."""
    return _ranked_ids(path, table, classes, outputs) or _listed_ids(path, table, classes, outputs)


def without_meaningless_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> "pl.DataFrame":
    """The table without its columns of ids, where these mean nothing and other columns name the predictions."""
    if outputs is not None or not classes.has_local_ids:
        return table
    prefixes = "|".join(prefix for prefix, _ in _RANKED_COLUMNS)
    there = [name for name in table.columns if name in ID_COLUMNS or re.fullmatch(rf"({prefixes})\d+", name)]
    numbers = [name for name in there if _holds_numbers(table[name])]
    if numbers and len(numbers) == len(there):
        refuse_scores_beside_ids(path, table.drop(numbers), numbers, classes)
        refuse_ids(classes, outputs, f"{path}, column {_span(numbers)}")
    return table.drop(numbers)


def _holds_numbers(series: "pl.Series") -> bool:
    import polars as pl

    series = _as_numbers(unpacked(series))
    flat = series.explode() if isinstance(series.dtype, pl.List) else series
    if flat.dtype == pl.String:
        return all(class_number(text) is not None for text in flat.drop_nulls())
    return flat.dtype.is_numeric()


def _ranked_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """Ids in one column a rank."""
    for prefix, best in _RANKED_COLUMNS:
        there = {name for name in table.columns if re.fullmatch(prefix + r"\d+", name)}
        if not there:
            continue
        wanted = [f"{prefix}{best + rank}" for rank in range(len(there))]
        if set(wanted) != there:
            raise DataError(
                "numbered-columns",
                "numbers of the top-k columns have a gap",
                where=path,
                allowed=some(wanted),
                found=some(sorted(there)),
                fix="keep all of them, and rename them",
            )
        unknown: _Unknown = {}
        read = [_ids(path, table[name], classes, outputs, unknown) for name in wanted]
        if outputs is not None and len({are_classes for _, are_classes in read}) > 1:
            raise DataError(
                "ids-and-names",
                "some columns have output numbers, others class names",
                where=path,
                found=some(wanted),
                fix="write the classes by name, and leave the list of outputs out",
            )
        ids = np.stack([ids for ids, _ in read], axis=1)
        unknown_names = tuple(name for _, name in unknown.values())
        columns = IdColumns(wanted, ids, any(named for _, named in read), unknown_names)
        _refuse_all_unknown(path, columns, classes)
        return columns
    return None


def _listed_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> IdColumns | None:
    """Ids in one column, one or a list a row; a column of numbers is preferred to one of class names."""
    import polars as pl

    there = [_as_numbers(unpacked(table[name])) for name in _id_columns(table)]
    there.sort(key=lambda series: series.dtype in (pl.String, pl.List(pl.String)))
    if not there:
        return None
    ids = _ids_of_column(path, there[0], classes, outputs)
    _refuse_all_unknown(path, ids, classes)
    for other in there[1:]:
        try:
            other_ids = _ids_of_column(path, other, classes, outputs)
        except DataError:  # it holds something else, such as a confidence
            continue
        differ = ids.best(outputs) != other_ids.best(outputs)
        if other_ids.are_classes:  # words that are no class names may be anything
            differ &= other_ids.best(outputs) >= 0
        if differ.any():
            row = int(np.argmax(differ))
            raise DataError(
                "ambiguous-column",
                "two columns could be the predictions, and they differ",
                where=locate_row(path, row),
                found=f"{there[0].name} ({table[there[0].name][row]}) and {other.name} ({table[other.name][row]})",
                fix="rename or drop the one that does not hold the predictions",
            )
    return ids


def _as_numbers(series: "pl.Series") -> "pl.Series":
    """Lists of texts as lists of whole numbers, if that is what all of them are."""
    import polars as pl

    if series.dtype != pl.List(pl.String):
        return series
    whole = series.cast(pl.List(pl.Int64), strict=False)
    return series if whole.explode().null_count() else whole


def _id_columns(table: "pl.DataFrame") -> list[str]:
    """Headings of the columns that could hold the predictions, the first first."""
    there = [name for name in ID_COLUMNS if name in table.columns]
    if set(there) - {"label", "top1", "index"} and "label" in there:
        there.remove("label")
    if "index" in there and len(there) > 1 and (there[0] != "label" or "top1" in there or _counts_rows(table["index"])):
        there.remove("index")
    return there


def _counts_rows(series: "pl.Series") -> bool:
    if len(series) < _FEW or not series.dtype.is_integer():
        return False
    return bool(series[0] in (0, 1) and (series.diff().drop_nulls() == 1).sum() == len(series) - 1)


def _ids_of_column(
    path: Path, series: "pl.Series", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> IdColumns:
    unknown: _Unknown = {}
    flat, length = flattened(path, series) if series.dtype.is_nested() else (series, 1)
    ids, are_classes = _ids(path, flat, classes, outputs, unknown, per_row=length)
    return IdColumns([series.name], ids.reshape(-1, length), are_classes, tuple(name for _, name in unknown.values()))


def _ids(
    path: Path,
    series: "pl.Series",
    classes: Classes,
    outputs: npt.NDArray[np.int64] | None,
    unknown: _Unknown,
    *,
    per_row: int = 1,
) -> tuple[npt.NDArray[np.int64], bool]:
    """Ids of a column of ids, wnids or class names, and whether they are those of classes by wnid or name."""
    import polars as pl

    refuse_missing(path, series, per_row=per_row)
    texts = series.unique(maintain_order=True).to_list() if series.dtype == pl.String else []
    name_of = {text: _unquoted(text) for text in texts}
    numbers = [name for name in name_of.values() if class_number(name) is not None]
    if len(numbers) == len(texts):
        return integers(path, series.replace(name_of), per_row=per_row).to_numpy(), False
    where = f"{path}, column {series.name}"
    if outputs is not None and numbers:
        name = next(name for name in name_of.values() if class_number(name) is None)
        raise DataError(
            "ids-and-names",
            "predictions are neither all output numbers nor all names",
            where=where,
            found=f"{numbers[0]!r}, {name!r}",
            fix="write the classes by name, and leave the list of outputs out",
        )
    id_of = {text: classes.id_of(name, where=where) for text, name in name_of.items()}
    are_names = all(classes.find(number) is not None for number in numbers)
    for text, class_id in id_of.items():
        if class_id >= 0:
            continue
        if not are_names:
            raise _no_class(path, series.name, text, classes)
        name = name_of[text].strip()
        id_of[text], _ = unknown.setdefault(name.casefold(), (-1 - len(unknown), name))
    return np.array([id_of[text] for text in series.to_list()]), True


def _refuse_all_unknown(path: Path, ids: IdColumns, classes: Classes) -> None:
    """Refuse predictions of which not one is a class."""
    if ids.unknown and (ids.table < 0).all():
        raise _no_class(path, ids.heading, ids.unknown[0], classes)


def _no_class(path: Path, heading: str, text: str, classes: Classes) -> DataError:
    if not classes.texts:
        return names_without_list([text], where=f"{path}, column {heading}")
    return DataError(
        "unknown-class",
        "prediction is not a class",
        where=f"{path}, column {heading}",
        allowed=classes.allowed if classes.has_local_ids else f"class ids, {classes.allowed}",
        found=repr(text),
        fix="write class ids (timm's inference script: --include-index)"
        if classes.wnids
        else f"write the classes as the {'labels name' if classes.has_local_ids else 'list of classes names'} them",
    )


def refuse_scores_beside_ids(path: Path, table: "pl.DataFrame", headings: list[str], classes: Classes) -> None:
    """A table of scores with a column of true labels must not be taken for a table of predicted ids."""
    scores = [name for name in table.columns if table[name].dtype.is_numeric() and classes.has(name)]
    if len(scores) > 1:
        raise DataError(
            "ids-and-scores",
            "table has both ids and scores",
            where=path,
            found=f"ids in {_span(headings)}; scores in {some(scores, most=3)}",
            fix="drop the columns that are not the model's predictions",
        )


def _span(headings: list[str]) -> str:
    return headings[0] if len(headings) == 1 else f"{headings[0]} to {headings[-1]}"


UnknownClass = Literal["wrong", "error", "drop"]
UNKNOWN_CLASS: tuple[str, ...] = get_args(UnknownClass)


def apply_unknown_class(
    path: Path, ids: IdColumns, classes: Classes, unknown_class: UnknownClass
) -> tuple[npt.NDArray[np.int64], UnknownClasses]:
    """The ids with -1 for names that no class has, and what these are."""
    if not ids.unknown:
        return ids.table, UnknownClasses()
    is_unknown = ids.table < 0
    unknown = UnknownClasses(predictions=int(np.count_nonzero(is_unknown)), names=ids.unknown)
    if unknown_class == "error":
        raise DataError(
            "unknown-class",
            "predicted name is not a class",
            where=f"{path}, column {ids.heading}",
            allowed=classes.allowed,
            found=with_examples(unknown),
            fix=Fix("correct the names, or count such predictions as wrong: {unknown_class}", unknown_class='"wrong"'),
        )
    table = np.where(is_unknown, -1, ids.table)
    if unknown_class == "drop":
        table = np.take_along_axis(table, np.argsort(is_unknown, axis=1, kind="stable"), axis=1)
    return table, unknown
