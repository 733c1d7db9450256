"""Duplicates as a table: a row for each image of a group, and for each image that is unreadable, empty or tiny."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.core.checks import check_range, check_type
from reassess.core.duplicates import Duplicates
from reassess.errors import DataError, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.tables import (
    as_text,
    column,
    integers,
    place,
    read_table,
    refuse_missing,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DUPLICATES_SUFFIXES", "read_duplicates", "write_duplicates"]

DUPLICATES_SUFFIXES = (".csv", ".tsv", ".parquet")

_TEXTS = {"set": "the set of images", "image": "the image", "kind": "the kind of duplicate"}
_MOST = np.iinfo(np.int32).max


def read_duplicates(path: str | Path) -> Duplicates:
    r"""Duplicates of a table, as `write_duplicates` writes it.

    Parameters
    ----------
    path
        CSV, TSV or Parquet: columns set, image, group (its number, from 1; empty for what is in none)
        and kind (``exact``, ``near``, ``unreadable``, ``empty`` or ``tiny``). A table of headings alone says that
        nothing was found, for which JSON lines have no form.

    Raises
    ------
    DataError
        The file holds no such table; or as for `Duplicates`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "duplicates.csv"
    >>> _ = path.write_text("set,image,group,kind\ntrain,a.png,1,exact\nval,b.png,1,exact\nval,c.png,,tiny\n")
    >>> read_duplicates(path)
    Duplicates(3 rows, 1 group, of train, val)
    """
    path = as_path(path)
    suffix_of(path, DUPLICATES_SUFFIXES, "duplicates")
    table = read_table(path, text=tuple(_TEXTS), rows_needed=False)
    texts = {name: _texts(path, table, name, thing) for name, thing in _TEXTS.items()}
    numbers = integers(path, table[column(path, table, "group", thing="the number of the group")])
    check_range(numbers.fill_null(1), 1, _MOST, what="number of a group", where=lambda row: place(path, row, "group"))
    with at(path):
        return Duplicates.from_rows(texts["set"], texts["image"], numbers.fill_null(0).to_numpy(), texts["kind"])


def _texts(path: Path, table: "pl.DataFrame", name: str, thing: str) -> list[str]:
    texts = as_text(path, table[column(path, table, name, thing=thing)])
    refuse_missing(path, texts)
    if (texts == "").any():
        row = (texts == "").arg_max() or 0
        raise DataError(
            "missing-value", "value is missing", where=place(path, row, name), fix="fill it in, or leave the row out"
        )
    return texts.to_list()


def write_duplicates(path: str | Path, duplicates: Duplicates, *, force: bool = False) -> None:
    """Write duplicates, a row for each: columns set, image, group (its number, or null) and kind.

    Parameters
    ----------
    path
        CSV, TSV or Parquet, by suffix.
    duplicates
        What to write; the same duplicates give the same bytes.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind.
    OutputError
        The file exists, or cannot be written.
    """
    import polars as pl

    path = as_path(path)
    check_type(duplicates, Duplicates, what="the duplicates", fix="scan_images(PLACES).duplicates")
    suffix_of(path, DUPLICATES_SUFFIXES, "duplicates")
    sets = pl.Series("set", duplicates.sets, dtype=pl.String).gather(duplicates.set_ids)
    table = pl.DataFrame(
        [
            sets,
            pl.Series("image", duplicates.images, dtype=pl.String),
            pl.Series("group", duplicates.groups.astype(np.int64)).replace(0, None),
            pl.Series("kind", duplicates.kinds, dtype=pl.String),
        ]
    )
    write_table(path, table, force=force)
