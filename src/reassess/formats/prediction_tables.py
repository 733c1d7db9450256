"""A model's predictions as a table: which column names the images, and which hold ids or scores.

Decided in this order: a column of image names; `prediction_1..k` (or timm's `index_0..k-1`) are ids; `prediction`,
`predicted_class`, `pred`, `label` or `top1` (or timm's `index`) are ids, one or a list a row; otherwise there is one
column of scores a class, headed by id, wnid or name (or timm's list of all outputs). Wnids and names stand for ids.

Where the classes are known only by the names in the labels, ids mean nothing: columns of ids are passed over if there
are others of names, and refused if not; and a name that no label has is an output that is no class.

A column `label` beside a column of predictions is taken for the truth, and a column `index` that counts the rows for
their numbers; two columns that could both hold the predictions, and differ, are an error.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes, class_number
from reassess.errors import DataError, some
from reassess.formats.lists import flattened, refuse_nulls, unpacked, unquoted
from reassess.formats.outputs import LIST_OUTPUTS, are_in_sorted_order, check_outputs, refuse_ids
from reassess.formats.tables import integers, numbers, read_table
from reassess.formats.timm_json import read_timm_json
from reassess.names import image_keys
from reassess.predictions import Predictions

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_prediction_table"]

_NAME_COLUMNS = ("image", "file_name", "filename", "name", "path", "index")
_RANKED_COLUMNS = (("prediction_", 1), ("index_", 0), ("label_", 0))  # prefix, number of the best
_ID_COLUMNS = ("prediction", "predicted_class", "pred", "label", "top1", "index")
_ALL_SCORES = ("prob", "logit")
_FEW = 10  # class ids of fewer rows may count up by chance
_NUMBERED_SCORE = re.compile(r"(?:prob|logit)_(\d+)")


@dataclass(frozen=True)
class _Ids:
    """Columns of ids, best first: numbers of outputs, or classes if they were called by wnid or name.

    The names in `unknown` are those of no class; their ids follow those of the classes.
    """

    headings: list[str]
    table: npt.NDArray[np.int64]
    are_classes: bool
    unknown: tuple[str, ...] = ()

    def columns(self, classes: Classes, outputs: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
        """The class of each id, if they are not the same."""
        if not self.are_classes:
            return outputs
        count = classes.count or 0
        return np.r_[np.arange(count), np.full(len(self.unknown), -1)] if self.unknown else None

    def said(self) -> str:
        """What was found, in words."""
        unknown = f", {len(self.unknown):,} names left out (no label has them): {some(self.unknown)}"
        return f"ids, top {self.table.shape[1]}, column {_span(self.headings)}{unknown if self.unknown else ''}"

    def best(self, outputs: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """The best class of each row."""
        best = self.table[:, 0]
        if outputs is None or self.are_classes:
            return best
        return np.where((best >= 0) & (best < len(outputs)), outputs[np.clip(best, 0, len(outputs) - 1)], -1)


def read_prediction_table(path: Path, classes: Classes, outputs: npt.NDArray[np.int64] | None) -> Predictions:
    """Predictions of a table; see the module for which column is what.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines, Parquet, or the JSON of timm's inference script.
    classes
        The classes of the benchmark.
    outputs
        Class id of each of the model's outputs, where the file's numbers are those of outputs and not of classes.
    """
    table = _read(path)
    name = _name_column(path, table)
    images = _names(path, table[name])
    rest = _without_meaningless_ids(path, table.drop(name), classes, outputs)
    kind = f"{path.suffix.lower().lstrip('.')}: images named by column {name}"
    found = _ranked_ids(path, rest, classes) or _listed_ids(path, rest, classes, outputs)
    if found is not None:
        _refuse_scores_beside_ids(path, rest.drop(found.headings), found.headings, classes)
        columns = found.columns(classes, outputs)
        return Predictions.from_ids(found.table, images, columns=columns, detected=f"{kind}; {found.said()}")
    scores, columns, said = _scores(path, rest, classes, outputs)
    return Predictions.from_scores(scores, images, columns=columns, detected=f"{kind}; {said}")


def _read(path: Path) -> "pl.DataFrame":
    text = tuple(name for name in _NAME_COLUMNS if name != "index")
    return read_timm_json(path) if path.suffix.lower() == ".json" else read_table(path, text=text)


def _name_column(path: Path, table: "pl.DataFrame") -> str:
    names = [name for name in _NAME_COLUMNS if name in table.columns]
    if len(names) > 1 and names[-1] == "index":  # timm's class ids, or numbers of rows
        names.pop()
    if not names:
        raise DataError(
            "no column names the images",
            where=path,
            allowed=", ".join(_NAME_COLUMNS),
            found=some(table.columns),
            mend="add a column image with the file name of each row's image",
        )
    first, *others = names
    for other in others:
        if image_keys(_names(path, table[first])) != image_keys(_names(path, table[other])):
            raise DataError(
                "two columns could name the images, and they differ",
                where=path,
                found=f"{first} ({table[first][0]}, ...) and {other} ({table[other][0]}, ...)",
                mend="rename or drop the one that does not name the images",
            )
    return first


def _names(path: Path, series: "pl.Series") -> list[str]:
    import polars as pl

    refuse_nulls(path, series, "an image has no name")
    if series.dtype.is_nested():
        raise DataError(
            "a column of names does not hold text",
            where=f"{path}, column {series.name}",
            found=str(series.dtype),
            mend="write the names as text",
        )
    return series.cast(pl.String).to_list()


def _without_meaningless_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> "pl.DataFrame":
    """The table without its columns of ids, where these mean nothing and other columns name the predictions."""
    if not classes.ranked or outputs is not None:
        return table
    prefixes = "|".join(prefix for prefix, _ in _RANKED_COLUMNS)
    there = [name for name in table.columns if name in _ID_COLUMNS or re.fullmatch(rf"({prefixes})\d+", name)]
    numbers = [name for name in there if _holds_numbers(table[name])]
    if numbers and len(numbers) == len(there):
        _refuse_scores_beside_ids(path, table.drop(numbers), numbers, classes)
        refuse_ids(classes, outputs, f"{path}, column {_span(numbers)}")
    return table.drop(numbers)


def _holds_numbers(series: "pl.Series") -> bool:
    import polars as pl

    series = _as_numbers(unpacked(series))
    flat = series.explode() if isinstance(series.dtype, pl.List) else series
    if flat.dtype == pl.String:
        return all(class_number(text) is not None for text in flat.drop_nulls())
    return flat.dtype.is_numeric()


def _ranked_ids(path: Path, table: "pl.DataFrame", classes: Classes) -> _Ids | None:
    """Ids in one column a rank."""
    for prefix, best in _RANKED_COLUMNS:
        there = {name for name in table.columns if re.fullmatch(prefix + r"\d+", name)}
        if not there:
            continue
        wanted = [f"{prefix}{best + rank}" for rank in range(len(there))]
        if set(wanted) != there:
            raise DataError(
                "the columns of the best classes are not numbered in one run",
                where=path,
                allowed=some(wanted),
                found=some(sorted(there)),
                mend="keep all of them, and rename them",
            )
        unknown: dict[str, int] = {}
        read = [_ids(path, table[name], classes, unknown) for name in wanted]
        if len({are_classes for _, are_classes in read}) > 1:
            raise DataError(
                "some columns hold class ids, others class names",
                where=path,
                found=some(wanted),
                mend="write class ids in all of them",
            )
        ids = np.stack([ids for ids, _ in read], axis=1)
        _refuse_all_unknown(path, wanted, ids, classes, unknown)
        return _Ids(wanted, ids, read[0][1], tuple(unknown))
    return None


def _listed_ids(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> _Ids | None:
    """Ids in one column, one or a list a row; a column of numbers is preferred to one of class names."""
    import polars as pl

    there = [_as_numbers(unpacked(table[name])) for name in _id_columns(table)]
    there.sort(key=lambda series: series.dtype in (pl.String, pl.List(pl.String)))
    if not there:
        return None
    unknown: dict[str, int] = {}
    found = _ids_of_column(path, there[0], classes, unknown)
    _refuse_all_unknown(path, found.headings, found.table, classes, unknown)
    for other in there[1:]:
        try:
            said = _ids_of_column(path, other, classes)
        except DataError:  # it holds something else, such as a confidence, or words that are no class names
            continue
        differ = found.best(outputs) != said.best(outputs)
        if differ.any():
            row = int(np.argmax(differ))
            raise DataError(
                "two columns could hold the predictions, and they differ",
                where=f"{path}, row {row}",
                found=f"{there[0].name} ({table[there[0].name][row]}) and {other.name} ({table[other.name][row]})",
                mend="rename or drop the one that does not hold the predictions",
            )
    return found


def _as_numbers(series: "pl.Series") -> "pl.Series":
    """Lists of texts as lists of whole numbers, if that is what all of them are."""
    import polars as pl

    if series.dtype != pl.List(pl.String):
        return series
    whole = series.cast(pl.List(pl.Int64), strict=False)
    return series if whole.explode().null_count() else whole


def _id_columns(table: "pl.DataFrame") -> list[str]:
    """Headings of the columns that could hold the predictions, the first first."""
    there = [name for name in _ID_COLUMNS if name in table.columns]
    if set(there) - {"label", "top1", "index"} and "label" in there:
        there.remove("label")
    if "index" in there and len(there) > 1 and (there[0] != "label" or "top1" in there or _counts_rows(table["index"])):
        there.remove("index")
    return there


def _counts_rows(series: "pl.Series") -> bool:
    if len(series) < _FEW or not series.dtype.is_integer():
        return False
    return bool(series[0] in (0, 1) and (series.diff().drop_nulls() == 1).sum() == len(series) - 1)


def _ids_of_column(path: Path, series: "pl.Series", classes: Classes, unknown: dict[str, int] | None = None) -> _Ids:
    flat, length = flattened(path, series) if series.dtype.is_nested() else (series, 1)
    ids, are_classes = _ids(path, flat, classes, unknown, per_row=length)
    return _Ids([series.name], ids.reshape(-1, length), are_classes, tuple(unknown or ()))


def _ids(
    path: Path, series: "pl.Series", classes: Classes, unknown: dict[str, int] | None = None, *, per_row: int = 1
) -> tuple[npt.NDArray[np.int64], bool]:
    """Ids of a column of ids, wnids or class names, and whether they are those of classes by wnid or name.

    Parameters
    ----------
    path, series, classes
        The column, its file for error messages, and the classes of the benchmark.
    unknown
        Takes the names that no label has, each with its number, where the classes are those that the labels name.
    per_row
        How many entries belong to one row of the file.
    """
    import polars as pl

    refuse_nulls(path, series, "a prediction is missing", per_row)
    texts = series.unique(maintain_order=True).to_list() if series.dtype == pl.String else []
    if all(map(_is_number, texts)):
        return integers(path, series, per_row=per_row).to_numpy(), False
    id_of = {text: _find(path, series.name, text, classes, unknown) for text in sorted(texts, key=str.isdigit)}
    return np.array([id_of[text] for text in series.to_list()]), True


def _find(path: Path, heading: str, text: str, classes: Classes, unknown: dict[str, int] | None) -> int:
    found = classes.find(unquoted(text))
    if found is not None:
        return found
    if unknown is None or not classes.ranked or class_number(text) is not None:
        raise _no_class(path, heading, text, classes)
    return (classes.count or 0) + unknown.setdefault(unquoted(text), len(unknown))


def _refuse_all_unknown(
    path: Path, headings: list[str], ids: npt.NDArray[np.int64], classes: Classes, unknown: dict[str, int]
) -> None:
    """Refuse predictions of which not one is a class."""
    if unknown and (ids >= (classes.count or 0)).all():
        raise _no_class(path, _span(headings), next(iter(unknown)), classes)


def _no_class(path: Path, heading: str, text: str, classes: Classes) -> DataError:
    kinds = "class ids, wnids or class names" if classes.wnids or classes.names else "class ids"
    return DataError(
        "a prediction is not one of the classes",
        where=f"{path}, column {heading}",
        allowed=f"names such as {some(classes.wnids or classes.names, most=3)}" if classes.ranked else kinds,
        found=repr(text),
        mend="write the classes as the labels name them"
        if classes.ranked
        else "write class ids (timm's inference script: --include-index)",
    )


def _refuse_scores_beside_ids(path: Path, table: "pl.DataFrame", headings: list[str], classes: Classes) -> None:
    """A table of scores with a column of true labels must not be taken for a table of predicted ids."""
    numeric = [name for name in table.columns if table[name].dtype.is_numeric()]
    try:
        columns = classes.map_outputs(numeric, where=str(path))
    except DataError:
        return
    if np.count_nonzero(columns >= 0) > 1:
        scores = [name for name, column in zip(numeric, columns, strict=True) if column >= 0]
        raise DataError(
            "the table holds both ids and scores",
            where=path,
            found=f"ids in {_span(headings)}; scores in {some(scores, most=3)}",
            mend="drop the columns that are not the model's predictions",
        )


def _scores(
    path: Path, table: "pl.DataFrame", classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64] | None, str]:
    """Scores in one column a class, or in one list a row."""
    lists = (unpacked(table[name]) for name in _ALL_SCORES if name in table.columns)
    listed = next((series for series in lists if series.dtype.is_nested()), None)
    if listed is not None:
        flat, length = flattened(path, listed)
        check_outputs((len(table), length), classes, outputs)
        scores = numbers(path, flat, per_row=length).to_numpy().reshape(-1, length)
        said = f"scores of {length:,} outputs, column {listed.name}{are_in_sorted_order(classes, outputs)}"
        return scores, outputs, said
    numbered = [found[1] for name in table.columns if (found := _NUMBERED_SCORE.fullmatch(name))]
    if numbered:
        check_outputs((len(table), len(numbered)), classes, outputs)
    called = [found[1] if (found := _NUMBERED_SCORE.fullmatch(name)) else name for name in table.columns]
    columns = _classes_of_headings(path, table, called, classes, outputs)
    said = f"scores, one column a class, {np.count_nonzero(columns >= 0):,} classes"
    if any(map(_is_number, called)):
        said += are_in_sorted_order(classes, outputs)
    left_out = [table.columns[i] for i in np.flatnonzero(columns < 0)]
    if left_out:
        said += f"; {len(left_out):,} columns left out (no such class): {some(sorted(left_out))}"
    kept = table[:, np.flatnonzero(columns >= 0).tolist()]
    return kept.select(numbers(path, series) for series in kept).to_numpy(), columns[columns >= 0], said


def _classes_of_headings(
    path: Path, table: "pl.DataFrame", called: list[str], classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """Class id of each column, or -1; numbers are those of outputs, where these are listed."""
    ids = [name for name in called if _is_number(name)]
    count = classes.count if outputs is None else len(outputs)
    outside = [name for name in ids if count is not None and (class_number(name) or 0) >= count]
    if outside:
        raise DataError(
            "columns are headed by numbers that are no class ids" if outputs is None else "wrong number of outputs",
            where=path,
            allowed=f"0 to {count - 1}" if count else None,
            found=some(outside),
            mend=LIST_OUTPUTS if outputs is None else "list every output, in order",
        )
    if classes.ranked and outputs is None and ids:
        check_outputs((len(table), len(ids)), classes, None)
        outputs = np.arange(len(ids))
    if outputs is not None and ids:
        return np.array([outputs[class_number(name)] if name in ids else -1 for name in called], np.int64)
    try:
        return classes.map_outputs(called, where=str(path))
    except DataError as error:
        if not error.what.startswith("none of the outputs"):
            raise
        raise DataError(
            "no column holds predictions",
            where=path,
            allowed=f"prediction_1..k, {', '.join(_ID_COLUMNS)}, or a column a class, headed by id, wnid or name",
            found=some(table.columns),
            mend="rename the column of predicted class ids to prediction",
        ) from error


def _is_number(heading: str) -> bool:
    return heading.isascii() and heading.isdigit()


def _span(headings: list[str]) -> str:
    return headings[0] if len(headings) == 1 else f"{headings[0]} to {headings[-1]}"
