"""Proposals as a table: one row for each (image, class) pair and source that proposed it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_range
from reassess.core.classes import Classes, check_classes
from reassess.core.proposals import Proposals
from reassess.errors import DataError, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.question_columns import columns_of_questions, ids_of_column
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    as_text,
    column,
    floats,
    integers,
    place,
    read_table,
    refuse_missing,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = ["proposals_of_table", "read_proposals", "write_proposals"]


def read_proposals(path: str | Path, classes: Classes | None = None) -> Proposals:
    r"""Proposals of a table, as `write_proposals` writes it.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image, class (id, wnid or name), source (``original`` or a model) and,
        where they are known, rank (from 1) and probability. Rows may be in any order; images keep that of the file.
    classes
        The classes of the benchmark.

    Raises
    ------
    DataError
        The file holds no such table; a name is no class, or fits two; a source proposes a pair twice; a rank or a
        probability is out of range.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "proposals.csv"
    >>> _ = path.write_text("image,class,source,rank,probability\na.png,1,original,,\na.png,0,vit,1,0.75\n")
    >>> read_proposals(path)
    Proposals(2 proposals for 1 image, from original, vit)
    """
    path = as_path(path)
    check_classes(classes)
    suffix_of(path, TABLE_SUFFIXES, "proposals")
    return proposals_of_table(path, read_table(path, text=("image", "source")), classes)


def proposals_of_table(path: Path, table: "pl.DataFrame", classes: Classes | None) -> Proposals:
    """The proposals of a table that was read from a file."""
    image = _texts(path, table, "image", "the image")
    source = _texts(path, table, "source", "who proposed it")
    class_ids, classes = ids_of_column(path, table[column(path, table, "class", thing="the class")], classes)
    images, image_ids = _numbered(image)
    sources, source_ids = _numbered(source)
    with at(path):
        return Proposals.from_rows(
            images,
            image_ids,
            class_ids,
            sources,
            source_ids,
            _ranks(path, table),
            _probabilities(path, table),
            classes,
        )


def _texts(path: Path, table: "pl.DataFrame", name: str, thing: str) -> "pl.Series":
    texts = as_text(path, table[column(path, table, name, thing=thing)])
    refuse_missing(path, texts)
    if (texts == "").any():
        row = (texts == "").arg_max() or 0
        raise DataError(
            "missing-value", "value is missing", where=place(path, row, name), fix="fill it in, or leave the row out"
        )
    return texts


def _numbered(texts: "pl.Series") -> tuple[list[str], npt.NDArray[np.int64]]:
    """Each text once, as they come first, and the number of each row's."""
    names = texts.unique(maintain_order=True)
    rows = texts.replace_strict(names, list(range(len(names)))) if len(names) else texts.cast(int)
    return names.to_list(), rows.to_numpy().astype(np.int64)


def _ranks(path: Path, table: "pl.DataFrame") -> npt.NDArray[np.int64] | None:
    """The column rank, 0 where it is empty; None where there is none."""
    if "rank" not in table.columns:
        return None
    ranks = integers(path, table["rank"])
    check_range(ranks.fill_null(1), 1, np.iinfo(np.int32).max, what="rank", where=lambda row: place(path, row, "rank"))
    return ranks.fill_null(0).to_numpy()


def _probabilities(path: Path, table: "pl.DataFrame") -> npt.NDArray[np.float64] | None:
    """The column probability, NaN where it is empty; None where there is none."""
    if "probability" not in table.columns:
        return None
    series = floats(path, table["probability"]).cast(float)
    is_null = series.is_null().to_numpy()
    values = series.fill_null(0).to_numpy()
    check_range(values, 0, 1, what="probability", where=lambda row: place(path, row, "probability"))
    return np.where(is_null, np.nan, values)


def write_proposals(path: str | Path, proposals: Proposals, *, force: bool = False) -> None:
    """Write proposals, one row for each pair and source: by image, then class, then source, the original label first.

    Columns: image, class (id, or name where classes are written by name), source (``original`` or a model), rank (of
    the class among those of the image, from 1) and probability; the last two are null where they are not known.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    proposals
        What to write; the same proposals give the same bytes.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind.
    OutputError
        The file exists, or cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "proposals.csv"
    >>> zeros = np.zeros(2, np.int64)
    >>> proposals = Proposals.from_rows(
    ...     ["a.png"], zeros, zeros + 7, ["original", "vit"], np.arange(2), np.array([0, 1]), np.array([np.nan, 0.75])
    ... )
    >>> write_proposals(path, proposals)
    >>> print(path.read_text().strip())
    image,class,source,rank,probability
    a.png,7,original,,
    a.png,7,vit,1,0.75
    """
    import polars as pl

    path = as_path(path)
    suffix_of(path, TABLE_SUFFIXES, "proposals")
    table = pl.DataFrame(columns_of_questions(proposals.questions, proposals.question_ids.astype(np.int64)))
    table = table.with_columns(
        pl.Series("source", proposals.sources, dtype=pl.String).gather(proposals.source_ids),
        pl.Series("rank", proposals.ranks.astype(np.int64)).replace(0, None),
        pl.Series("probability", proposals.probabilities).fill_nan(None),
    )
    write_table(path, table, force=force)
