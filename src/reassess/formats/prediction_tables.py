"""A model's predictions as a table: which column names the images, and which hold ids or scores.

Decided in this order: a column of image names; `prediction_1..k` (or timm's `index_0..k-1`) are ids; `prediction`,
`predicted_class`, `pred`, `label` or `top1` (or timm's `index`) are ids, one or a list a row; otherwise there is one
numeric column a class, headed by id, wnid or name (or timm's list of all outputs).
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes
from reassess.errors import DataError, some
from reassess.formats.files import check_input
from reassess.formats.labels import read_json
from reassess.formats.outputs import check_outputs
from reassess.formats.tables import integers, read_table
from reassess.names import image_keys
from reassess.predictions import Predictions

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_prediction_table"]

_NAME_COLUMNS = ("image", "file_name", "filename", "name", "path", "index")
_RANKED_COLUMNS = (("prediction_", 1), ("index_", 0), ("label_", 0))  # prefix, number of the best
_ID_COLUMNS = ("prediction", "predicted_class", "pred", "label", "top1", "index")
_ALL_SCORES = ("prob", "logit")
_NUMBERED_SCORE = re.compile(r"(?:prob|logit)_(\d+)$")

_Ids = tuple[list[str], npt.NDArray[np.int64]]


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
    rest = table.drop(name)
    kind = f"{path.suffix.lower().lstrip('.')}: images named by column {name}"
    found = _ranked_ids(path, rest, classes) or _listed_ids(path, rest, classes)
    if found is not None:
        headings, ids = found
        _refuse_scores_beside_ids(path, rest.drop(headings), headings, classes)
        said = f"{kind}; ids, top {ids.shape[1]}, column {_span(headings)}"
        return Predictions.from_ids(ids, images, columns=outputs, detected=said)
    scores, columns, said = _scores(path, rest, classes, outputs)
    return Predictions.from_scores(scores, images, columns=columns, detected=f"{kind}; {said}")


def _read(path: Path) -> "pl.DataFrame":
    text = tuple(name for name in _NAME_COLUMNS if name != "index")
    return _read_timm_json(path) if path.suffix.lower() == ".json" else read_table(path, text=text)


def _read_timm_json(path: Path) -> "pl.DataFrame":
    """The three JSON layouts of timm's inference script, all of which it writes under one suffix."""
    import polars as pl

    check_input(path)
    with path.open("rb") as file:
        if file.readline().rstrip().endswith(b"}"):
            return pl.read_ndjson(path, infer_schema_length=None)
    document = read_json(path)
    if isinstance(document, dict) and {"columns", "data"} <= document.keys():
        return pl.DataFrame(document["data"], schema=document["columns"], orient="row", infer_schema_length=None)
    if isinstance(document, dict) and document and all(isinstance(row, dict) for row in document.values()):
        return pl.DataFrame([{"filename": name, **row} for name, row in document.items()], infer_schema_length=None)
    raise DataError(
        "the JSON does not hold predictions",
        where=path,
        allowed="what timm's inference script writes: json, json-records or json-split",
        mend="write a CSV with the columns image and prediction",
    )


def _name_column(path: Path, table: "pl.DataFrame") -> str:
    import polars as pl

    there = [name for name in _NAME_COLUMNS if name in table.columns]
    names = [name for name in there if table[name].dtype == pl.String] or there
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
    _refuse_nulls(path, series, "an image has no name")
    return series.cast(str).to_list()


def _refuse_nulls(path: Path, series: "pl.Series", what: str) -> None:
    if series.null_count():
        raise DataError(what, where=f"{path}, row {series.is_null().arg_max()}, column {series.name}")


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
            )
        return wanted, np.stack([_ids(path, table[name], classes) for name in wanted], axis=1)
    return None


def _listed_ids(path: Path, table: "pl.DataFrame", classes: Classes) -> _Ids | None:
    """Ids in one column, one or a list a row; a column of numbers is preferred to one of class names."""
    import polars as pl

    there = [_unpacked(table[name], int) for name in _ID_COLUMNS if name in table.columns]
    there.sort(key=lambda series: series.dtype == pl.String)
    for series in there:
        if series.dtype.is_nested():
            return [series.name], _rectangle(path, series).astype(np.int64)
        return [series.name], _ids(path, series, classes)[:, None]
    return None


def _unpacked(series: "pl.Series", kind: type) -> "pl.Series":
    """A column of lists that were written as text, such as ``[285 281]``, as lists; any other column as it is."""
    import polars as pl

    if series.dtype != pl.String or not (series.str.starts_with("[") & series.str.ends_with("]")).all():
        return series
    inner = series.str.strip_chars("[] \n").str.replace_all(r"[,\s]+", " ")
    return inner.str.split(" ").cast(pl.List(pl.Int64 if kind is int else pl.Float64), strict=False)


def _rectangle(path: Path, series: "pl.Series") -> npt.NDArray[Any]:
    """Lists of one length as rows of an array."""
    _refuse_nulls(path, series, "a prediction is missing")
    lengths = series.list.len()
    if lengths.n_unique() > 1:
        row = (lengths != lengths[0]).arg_max()
        raise DataError(
            "lists of different lengths",
            where=f"{path}, row {row}, column {series.name}",
            allowed=f"{lengths[0]} entries, as in row 0",
            found=f"{lengths[row]} entries",
        )
    flat = series.list.explode()
    if flat.null_count():
        row = flat.is_null().arg_max() // lengths[0]
        raise DataError("not a list of numbers", where=f"{path}, row {row}, column {series.name}")
    return flat.to_numpy().reshape(len(series), lengths[0])


def _ids(path: Path, series: "pl.Series", classes: Classes) -> npt.NDArray[np.int64]:
    """Class ids of a column of ids, wnids or class names."""
    import polars as pl

    _refuse_nulls(path, series, "a prediction is missing")
    texts = series.unique().to_list() if series.dtype == pl.String else []
    if all(text.isdigit() for text in texts):
        return integers(path, series).to_numpy()
    id_of = {text: _find(path, series.name, text, classes) for text in texts}
    return np.array([id_of[text] for text in series.to_list()])


def _find(path: Path, heading: str, text: str, classes: Classes) -> int:
    found = classes.find(text)
    if found is None:
        raise DataError(
            "a prediction is not one of the classes",
            where=f"{path}, column {heading}",
            allowed="class ids" if not (classes.wnids or classes.names) else "class ids, wnids or class names",
            found=repr(text),
            mend="write class ids (timm's inference script: --include-index)",
        )
    return found


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
    lists = [name for name in _ALL_SCORES if name in table.columns]
    if lists:
        scores = _rectangle(path, _unpacked(table[lists[0]], float))
        check_outputs(scores.shape, classes, outputs)
        return scores, outputs, f"scores of {scores.shape[1]:,} outputs, column {lists[0]}"
    numeric = [name for name in table.columns if table[name].dtype.is_numeric()]
    called = [found[1] if (found := _NUMBERED_SCORE.match(name)) else name for name in numeric]
    columns = _classes_of_headings(path, table, called, classes, outputs)
    left_out = [*(set(table.columns) - set(numeric)), *(numeric[i] for i in np.flatnonzero(columns < 0))]
    said = f"scores, one column a class, {np.count_nonzero(columns >= 0):,} classes"
    if left_out:
        said += f"; {len(left_out):,} columns left out (no such class): {some(sorted(left_out))}"
    return table.select(numeric).to_numpy().astype(np.float64, copy=False), columns, said


def _classes_of_headings(
    path: Path, table: "pl.DataFrame", called: list[str], classes: Classes, outputs: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    if outputs is not None:
        classes_of = {str(number): int(class_id) for number, class_id in enumerate(outputs)}
        return np.array([classes_of.get(name, -1) for name in called], np.int64)
    try:
        return classes.map_outputs(called, where=str(path))
    except DataError as error:
        if not error.what.startswith("none of the outputs"):
            raise
        raise DataError(
            "no column holds predictions",
            where=path,
            allowed=f"prediction_1..k, {', '.join(_ID_COLUMNS)}, or a numeric column a class, headed by id, wnid or name",
            found=some(table.columns),
        ) from error


def _span(headings: list[str]) -> str:
    return headings[0] if len(headings) == 1 else f"{headings[0]} to {headings[-1]}"
