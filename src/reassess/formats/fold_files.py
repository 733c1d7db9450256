"""Folds as a table: a row for each image."""

from pathlib import Path

import numpy as np

from reassess.core.checks import check_range, check_type
from reassess.core.folds import Folds
from reassess.errors import at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    as_text,
    column,
    integers,
    place,
    read_table,
    refuse_missing,
    write_table,
)

__all__ = ["read_folds", "write_folds"]


def read_folds(path: str | Path) -> Folds:
    r"""Folds of a table, as `write_folds` writes it.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and fold, a whole number from 0; other columns are not read.

    Raises
    ------
    DataError
        The file holds no such table; an image stands twice or has no fold; a fold is no number, or the only one.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "folds.csv"
    >>> _ = path.write_text("image,fold\na.png,0\nb.png,1\nc.png,1\n")
    >>> read_folds(path)
    Folds(3 images in 2 folds of 1 to 2)
    """
    path = as_path(path)
    suffix_of(path, TABLE_SUFFIXES, "folds")
    table = read_table(path, text=("image",))
    images = as_text(path, table[column(path, table, "image", thing="the image")])
    refuse_missing(path, images)
    numbers = integers(path, table[column(path, table, "fold", thing="the number of the fold")])
    refuse_missing(path, numbers)
    check_range(numbers.to_numpy(), 0, what="number of a fold", where=lambda row: place(path, row, "fold"))
    with at(path):
        return Folds(tuple(images.to_list()), numbers.to_numpy().astype(np.int64))


def write_folds(path: str | Path, folds: Folds, *, force: bool = False) -> None:
    """Write folds, a row for each image, in their order: columns image and fold.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    folds
        What to write; the same folds give the same bytes.
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
    check_type(folds, Folds, what="the folds")
    suffix_of(path, TABLE_SUFFIXES, "folds")
    table = pl.DataFrame({"image": pl.Series(folds.images, dtype=pl.String), "fold": folds.numbers})
    write_table(path, table, force=force)
