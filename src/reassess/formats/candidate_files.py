"""Tables of candidates: a row per candidate and source, or a row per candidate."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reassess.core import ORIGINAL_SOURCE, Candidates, Classes
from reassess.core.checks import check_type
from reassess.core.image_names import image_keys
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path, check_suffix
from reassess.formats.question_columns import columns_from_questions, questions_from_table
from reassess.formats.table_codec import (
    ClassIdColumn,
    ColumnValues,
    IntegerColumn,
    ShareColumn,
    TableFormat,
    TextColumn,
    TextListColumn,
    object_from_table,
    write_object,
)
from reassess.formats.tables import TABLE_SUFFIXES, find_unique_values, read_table, to_nullable_floats
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl


_CLEAN = "clean"  # the source of suggested classes
_MAX_RANK = np.iinfo(np.int32).max


def _candidate_and_source_columns(candidates: Candidates) -> ColumnValues:
    rows, questions = candidates.question_ids.astype(np.int64), candidates.questions
    return {
        "image": columns_from_questions(questions, rows)["image"],
        "class": (questions.class_ids[rows], questions.classes),
        "source": [candidates.sources[source] for source in candidates.source_ids.tolist()],
        "rank": candidates.ranks.astype(np.int64),
        "probability": candidates.probabilities,
    }


def _make_candidates(cells: ColumnValues) -> Candidates:
    """Make candidates from a table with a row per candidate and source; images are sorted by name."""
    images, image_ids = find_unique_values(cells["image"])
    keys = image_keys(images)
    order = sorted(range(len(images)), key=keys.__getitem__)
    position = np.argsort(order)
    sources, source_ids = find_unique_values(cells["source"])
    class_ids, classes = cells["class"]
    return Candidates.from_columns(
        [images[number] for number in order],
        position[image_ids],
        class_ids,
        sources,
        source_ids,
        cells.get("rank"),
        cells.get("probability"),
        classes,
    )


_BY_SOURCE = TableFormat(
    Candidates,
    "candidates",
    columns=(
        TextColumn("image"),
        ClassIdColumn("class"),
        TextColumn("source"),
        IntegerColumn("rank", minimum=1, maximum=_MAX_RANK, is_nullable=True, is_required=False),
        ShareColumn("probability", is_nullable=True, is_required=False),
    ),
    get_values=_candidate_and_source_columns,
    make_object=_make_candidates,
)


def read_candidates(path: str | Path, classes: Classes | None = None) -> Candidates:
    r"""Read candidates from a table in the format of `write_candidates`.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and class (id, wnid or name). With a column source (``original``
        or a model), each row is a candidate from one source; the columns rank (from 1) and probability are optional,
        rows may have any order, and images are sorted by name. Without a column source, each row is a candidate without
        sources, and keeps its place, so that a file may put the most informative candidates first. With a column
        suggested, as `reassess clean` writes it, the class and the suggested class of each image are candidates; with
        other_labels, as `reassess scan` writes it for one set, all labels of duplicates with different labels.
    classes
        The classes of the benchmark.

    Raises
    ------
    DataError
        The file has votes or tasks; a name is not a class, or fits two classes; a candidate is listed twice; a rank or
        a probability is out of range.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "candidates.csv"
    >>> _ = path.write_text("image,class,source,rank,probability\na.png,1,original,,\na.png,0,vit,1,0.75\n")
    >>> read_candidates(path)
    Candidates(2 candidates for 1 image, from original, vit)
    """
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    check_suffix(path, TABLE_SUFFIXES, "candidates")
    table = read_table(path, text_columns=_BY_SOURCE.text_columns)
    votes = [name for name in ("rater", "worker", "answer") if name in table.columns]
    if votes:
        raise DataError(
            "not-candidates",
            "file has votes, not candidates",
            where=f"{path}, column {votes[0]}",
            fix="use a file that `reassess propose` wrote",
        )
    if {"task", "classes"} <= set(table.columns):
        raise DataError(
            "not-candidates",
            "file has tasks, whose questions are already grouped",
            where=path,
            fix="use a file that `reassess propose` wrote",
        )
    if "source" in table.columns:
        return object_from_table(_BY_SOURCE, path, table, classes)
    with add_error_place(path):
        if {"image", "class", "suggested"} <= set(table.columns):
            return _candidates_from_label_errors(path, table, classes)
        if {"set", "image", "group", "label", "other_labels"} <= set(table.columns):
            table = _labels_of_duplicates(table)
        return Candidates.from_questions(questions_from_table(path, table, classes))


def _candidates_from_label_errors(path: Path, table: "pl.DataFrame", classes: Classes | None) -> Candidates:
    """Make candidates from wrong labels: the label and the suggested class of each image."""
    import polars as pl

    has_quality = "label_quality" in table.columns
    quality = (
        pl.Series("quality", to_nullable_floats(path, table["label_quality"]))
        if has_quality
        else pl.lit(None, pl.Float64)
    )
    labels = table.select("image", "class", quality.cast(float), is_label=True)
    others = table.select("image", pl.col("suggested").alias("class"), quality=pl.lit(None, pl.Float64), is_label=False)
    both = pl.concat(
        [table.with_row_index("row") for table in (labels, others.cast({"class": labels.schema["class"]}))]
    )
    both = both.drop_nulls("class").sort("row", maintain_order=True).unique(["image", "class"], maintain_order=True)
    count = both.height
    return Candidates(
        questions=questions_from_table(path, both, classes),
        sources=(ORIGINAL_SOURCE, _CLEAN),
        question_ids=np.arange(count, dtype=np.int32),
        source_ids=np.where(both["is_label"], 0, 1).astype(np.int32),
        ranks=np.where(both["is_label"], 0, 1).astype(np.int32),
        probabilities=both["quality"].fill_null(np.nan).to_numpy(),
    )


def _labels_of_duplicates(duplicates: "pl.DataFrame") -> "pl.DataFrame":
    """Pair each labelled duplicate with each label of its group, if the labels differ; columns image and class."""
    import polars as pl

    if (sets := duplicates["set"].unique(maintain_order=True).to_list())[1:]:
        raise DataError(
            "not-candidates",
            "table lists several sets of images, but candidates are made from duplicates within one benchmark",
            found=join_first(sets, max_items=3),
            fix="reassess scan --benchmark FOLDER -o TABLE, without other sets of images",
        )
    # The labels come from the rows of the group, since a label may contain the separator of other_labels.
    columns = duplicates.select("image", "group", pl.col("label").cast(pl.String)).drop_nulls()
    labels = columns.select("group", pl.col("label").alias("class")).unique(maintain_order=True)
    differing = columns.filter(pl.col("label").n_unique().over("group") > 1).with_row_index("row")
    pairs = differing.join(labels, "group").sort("row", pl.col("label") != pl.col("class"), "class")
    return pairs.select("image", "class").unique(maintain_order=True)


_BY_CANDIDATE: TableFormat[Candidates] = TableFormat(
    Candidates,
    "candidates",
    columns=(
        TextColumn("image"),
        ClassIdColumn("class"),
        TextColumn("wnid"),
        TextColumn("name"),
        TextListColumn("models"),
        IntegerColumn("first"),
        ShareColumn("probability", is_nullable=True),
        TextColumn("reason"),
    ),
    get_values=lambda candidates: _candidate_columns(candidates, None),
)


def write_candidates(
    path: str | Path, candidates: Candidates, *, limit: int | None = None, force: bool = False
) -> None:
    """Write candidates with their sources.

    Candidates of `propose` have a row per source, sorted by image, class and source, with the original label first. The
    columns are image, class (id, or name if classes are written by name), source (``original`` or a model), rank (of
    the class for that source and image, from 1) and probability; rank and probability are null if unknown.

    Candidates of `unasked_candidates` have one row each, the most informative first. The columns are image, class, wnid
    and name (null if unknown), models (that predict the class; separated by ``; `` in CSV and TSV), first (number of
    models that rank it first), probability (mean over the models with scores, or null) and reason (``not asked about``
    or ``unrated image``). Add the columns rater and answer, and `read_votes` reads the file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    candidates
        The candidates. The same candidates give the same bytes.
    limit
        Write at most this many of `unasked_candidates`; None for all.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "candidates.csv"
    >>> zeros = np.zeros(2, np.int64)
    >>> candidates = Candidates.from_columns(
    ...     ["a.png"], zeros, zeros + 7, ["original", "vit"], np.arange(2), np.array([0, 1]), np.array([np.nan, 0.75])
    ... )
    >>> write_candidates(path, candidates)
    >>> print(path.read_text().strip())
    image,class,source,rank,probability
    a.png,7,original,,
    a.png,7,vit,1,0.75
    """
    check_type(Candidates, candidates, fix="propose(MODELS).candidates")
    form = _BY_SOURCE
    if candidates.reasons is not None or (len(candidates) and not candidates.sources):
        form = replace(_BY_CANDIDATE, get_values=lambda candidates: _candidate_columns(candidates, limit))
    write_object(form, path, candidates, force=force)


def _candidate_columns(candidates: Candidates, limit: int | None) -> ColumnValues:
    rows, classes = range(len(candidates))[:limit], candidates.questions.classes
    class_ids = candidates.questions.class_ids[: len(rows)]
    ids = class_ids.tolist()
    return {
        "image": [candidates.image_of(row) for row in rows],
        "class": (class_ids.astype(np.int64), classes),
        "wnid": [classes.wnids[i] if classes.wnids else None for i in ids],
        "name": [classes.short_name(i) if classes.names else None for i in ids],
        "models": [candidates.sources_of(row) for row in rows],
        "first": candidates.n_models_ranking_first[: len(rows)],
        "probability": candidates.mean_probabilities[: len(rows)],
        "reason": (candidates.reasons or (None,) * len(candidates))[: len(rows)],
    }
