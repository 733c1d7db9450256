"""Columns of lists, also where a list was written as text, as pandas writes numpy arrays to CSV."""

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from reassess.errors import DataError
from reassess.formats.tables import place, refuse_missing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["flattened", "unpacked", "unquoted"]

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
            where=place(path, row, series.name),
            allowed=f"{lengths[0]} entries, as in the first row" if lengths[0] else None,
            found=f"{lengths[row]} entries" if lengths[0] else None,
            fix="give each image as many entries",
        )
    return series.explode(), lengths[0]


def unquoted(text: str) -> str:
    """An entry of a list that was written as text, without its quotes."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text
