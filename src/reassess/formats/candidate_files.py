"""Candidates as a table: a row for each candidate and source, or one for each candidate."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reassess.core.candidates import Candidates
from reassess.core.checks import check_range, check_type
from reassess.core.classes import Classes, check_classes
from reassess.core.image_names import image_keys
from reassess.errors import DataError, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.question_columns import columns_of_questions, ids_of_column, questions_of_table
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

__all__ = ["read_candidates", "write_candidates"]


def read_candidates(path: str | Path, classes: Classes | None = None) -> Candidates:
    r"""Read candidates from a table, such as `write_candidates` writes.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and class (id, wnid or name). With a column source (``original``
        or a model), it has a row for each candidate and source, and may have the columns rank (from 1) and probability;
        rows may be in any order, and images are ordered by name. Without it, each row is a candidate, whose sources are
        not read, and the order of the file remains: it may put the most informative first. With a column suggested, as
        `reassess clean` writes it, the class and the suggested class of each image are candidates.
    classes
        The classes of the benchmark.

    Raises
    ------
    DataError
        The file is not such a table, but has votes or tasks; a name is not a class, or fits two; a candidate is listed
        twice; a rank or a probability is out of range.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "candidates.csv"
    >>> _ = path.write_text("image,class,source,rank,probability\na.png,1,original,,\na.png,0,vit,1,0.75\n")
    >>> read_candidates(path)
    Candidates(2 candidates for 1 image, from original, vit)
    """
    path = as_path(path)
    check_classes(classes)
    suffix_of(path, TABLE_SUFFIXES, "candidates")
    table = read_table(path, text=("image", "source"))
    votes = [name for name in ("rater", "worker", "answer") if name in table.columns]
    if votes:
        raise DataError(
            "wrong-table",
            "file has votes, not candidates",
            where=f"{path}, column {votes[0]}",
            fix="give candidates: votes, and golden ones above all, are no questions to ask",
        )
    if {"task", "classes"} <= set(table.columns):
        raise DataError(
            "wrong-table",
            "file has tasks, whose questions are already grouped",
            where=path,
            fix="give what propose wrote",
        )
    if "source" in table.columns:
        return _with_sources(path, table, classes)
    with at(path):
        return Candidates.from_questions(questions_of_table(path, _with_suggested(table), classes))


def _with_suggested(table: "pl.DataFrame") -> "pl.DataFrame":
    """A table of wrong labels with two rows for each image: its label, and the class that is suggested instead."""
    import polars as pl

    if not {"image", "class", "suggested"} <= set(table.columns):
        return table
    labels, suggested = table.select("image", "class"), table.select("image", pl.col("suggested").alias("class"))
    both = pl.concat([each.with_row_index("row") for each in (labels, suggested.cast(labels.schema))])
    return both.drop_nulls("class").sort("row", maintain_order=True).drop("row").unique(maintain_order=True)


def _with_sources(path: Path, table: "pl.DataFrame", classes: Classes | None) -> Candidates:
    """Candidates of a table with a row for each source; images ordered by name."""
    image = _texts(path, table, "image", "the image")
    source = _texts(path, table, "source", "who proposed it")
    class_ids, classes = ids_of_column(path, table[column(path, table, "class", thing="the class")], classes)
    images, image_ids = _numbered(image)
    sources, source_ids = _numbered(source)
    keys = image_keys(images)
    order = sorted(range(len(images)), key=keys.__getitem__)
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    with at(path):
        return Candidates.from_rows(
            [images[number] for number in order],
            place_of[image_ids],
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


def write_candidates(
    path: str | Path, candidates: Candidates, *, limit: int | None = None, force: bool = False
) -> None:
    """Write candidates, with their sources.

    Those of `propose` have a row for each candidate and source, by image, class and source, the original label first:
    image, class (id, or name where classes are written by name), source (``original`` or a model), rank (of the class
    among those of the image, from 1) and probability; the last two are null where they are not known.

    Those of `unasked_candidates` have a row each, the most informative first: image, class, wnid and name (null where
    they are not known), models (that name the class; in csv and tsv separated by ``; ``), first (how many models rank
    it first), probability (mean over the models that give scores, or null) and reason (``not asked about``, or
    ``unrated image``). With rater and answer added to each row, `read_votes` reads the file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    candidates
        What to write; the same candidates give the same bytes.
    limit
        Write the first so many of `unasked_candidates`; None for all.
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
    >>> path = Path(mkdtemp()) / "candidates.csv"
    >>> zeros = np.zeros(2, np.int64)
    >>> candidates = Candidates.from_rows(
    ...     ["a.png"], zeros, zeros + 7, ["original", "vit"], np.arange(2), np.array([0, 1]), np.array([np.nan, 0.75])
    ... )
    >>> write_candidates(path, candidates)
    >>> print(path.read_text().strip())
    image,class,source,rank,probability
    a.png,7,original,,
    a.png,7,vit,1,0.75
    """
    path = as_path(path)
    check_type(candidates, Candidates, what="the candidates", fix="propose(MODELS).candidates")
    suffix = suffix_of(path, TABLE_SUFFIXES, "candidates")
    if candidates.reasons is not None or (len(candidates) and not candidates.sources):
        table = _row_each(candidates, limit, flat=suffix in (".csv", ".tsv"))
    else:
        table = _row_for_each_source(candidates)
    write_table(path, table, force=force)


def _row_for_each_source(candidates: Candidates) -> "pl.DataFrame":
    import polars as pl

    table = pl.DataFrame(columns_of_questions(candidates.questions, candidates.question_ids.astype(np.int64)))
    return table.with_columns(
        pl.Series("source", candidates.sources, dtype=pl.String).gather(candidates.source_ids),
        pl.Series("rank", candidates.ranks.astype(np.int64)).replace(0, None),
        pl.Series("probability", candidates.probabilities).fill_nan(None),
    )


def _row_each(candidates: Candidates, limit: int | None, *, flat: bool) -> "pl.DataFrame":
    import polars as pl

    rows, classes = range(len(candidates))[:limit], candidates.questions.classes
    class_ids = candidates.questions.class_ids[: len(rows)]
    ids = class_ids.tolist()
    table = pl.DataFrame(
        {
            "image": pl.Series([candidates.image(row) for row in rows], dtype=pl.String),
            "class": classes.column(class_ids.astype(np.int64)),
            "wnid": [classes.wnids[i] if classes.wnids else None for i in ids],
            "name": [classes.label(i) if classes.names else None for i in ids],
            "models": [candidates.named_by(row) for row in rows],
            "first": candidates.first_counts[: len(rows)],
            "probability": pl.Series(candidates.mean_probabilities[: len(rows)]).fill_nan(None),
            "reason": (candidates.reasons or (None,) * len(candidates))[: len(rows)],
        },
        schema_overrides={"wnid": pl.String, "name": pl.String, "models": pl.List(pl.String), "reason": pl.String},
    )
    return table.with_columns(pl.col("models").list.join("; ")) if flat else table
