"""Candidates as tables: proposals by source, and the questions of a list, which may come from proposals."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reassess.core.checks import check_type
from reassess.core.classes import Classes
from reassess.core.image_names import image_keys
from reassess.core.open_questions import OpenQuestions
from reassess.core.proposals import Proposals
from reassess.core.questions import Questions
from reassess.errors import DataError, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.question_columns import columns_of_questions, questions_of_table
from reassess.formats.table_codec import (
    ClassId,
    Share,
    TableFormat,
    Text,
    Texts,
    Whole,
    read_cells,
    read_noun,
    write_noun,
)
from reassess.formats.tables import TABLE_SUFFIXES, coded, read_table

__all__ = ["read_proposals", "read_questions", "write_open_questions", "write_proposals"]

_MOST_RANK = np.iinfo(np.int32).max


def _values_of_proposals(proposals: Proposals) -> Mapping[str, Any]:
    rows = proposals.question_ids.astype(np.int64)
    return {
        "image": columns_of_questions(proposals.questions, rows)["image"],
        "class": (proposals.questions.class_ids[rows], proposals.questions.classes),
        "source": [proposals.sources[source] for source in proposals.source_ids.tolist()],
        "rank": proposals.ranks.astype(np.int64),
        "probability": proposals.probabilities,
    }


def _proposals_of(cells: Mapping[str, Any]) -> Proposals:
    images, image_ids = coded(cells["image"])
    sources, source_ids = coded(cells["source"])
    class_ids, classes = cells["class"]
    ranks, probabilities = cells.get("rank"), cells.get("probability")
    return Proposals.from_rows(images, image_ids, class_ids, sources, source_ids, ranks, probabilities, classes)


_PROPOSALS = TableFormat(
    Proposals,
    "proposals",
    columns=(
        Text("image"),
        ClassId("class"),
        Text("source"),
        Whole("rank", least=1, most=_MOST_RANK, null=True, needed=False),
        Share("probability", null=True, needed=False),
    ),
    values=_values_of_proposals,
    make=_proposals_of,
)


def read_proposals(path: str | Path, classes: Classes | None = None) -> Proposals:
    r"""Read proposals from a table, as `write_proposals` writes it.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image, class (id, wnid or name), source (``original`` or a model) and,
        if known, rank (from 1) and probability. Rows may be in any order; images keep the order of the file.
    classes
        The classes of the benchmark.

    Raises
    ------
    DataError
        The file has no such table; a name is not a class, or fits two; a source proposes a pair twice; a rank or a
        probability is out of range.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "proposals.csv"
    >>> _ = path.write_text("image,class,source,rank,probability\na.png,1,original,,\na.png,0,vit,1,0.75\n")
    >>> read_proposals(path)
    Proposals(2 proposals for 1 image, from original, vit)
    """
    check_type(Classes, classes, optional=True)
    return read_noun(_PROPOSALS, path, classes)


def write_proposals(path: str | Path, proposals: Proposals, *, force: bool = False) -> None:
    """Write proposals, one row for each pair and source: by image, then class, then source, the original label first.

    Columns: image, class (id, or name where classes are written by name), source (``original`` or a model), rank (of
    the class among those of the image, from 1) and probability; an unknown rank or probability is null.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    proposals
        What to write; the same proposals give the same bytes.
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
    write_noun(_PROPOSALS, path, proposals, force=force)


def read_questions(path: str | Path, classes: Classes | None = None) -> Questions:
    r"""Read questions from a table of questions, or of proposals.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and class (id, wnid or name), as `write_open_questions` writes
        them, one question a row. With a column source the rows are proposals, as `write_proposals` writes them: a pair
        then is one question, whoever proposed it.
    classes
        The classes of the benchmark.

    Returns
    -------
    Questions
        Images in the order of the file, which may put the most informative first; those of proposals by name.

    Raises
    ------
    DataError
        The file has no such table, or has votes; a name is not a class, or fits two; a question is asked twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "questions.csv"
    >>> _ = path.write_text("image,class,reason\na.png,1,never proposed\nb.png,0,never proposed\n")
    >>> read_questions(path)
    Questions(2 questions, 2 images)
    """
    path = as_path(path)
    check_type(Classes, classes, optional=True)
    suffix_of(path, TABLE_SUFFIXES, "questions or proposals")
    table = read_table(path, text=_PROPOSALS.texts)
    votes = [name for name in ("rater", "worker", "answer") if name in table.columns]
    if votes:
        raise DataError(
            "wrong-table",
            "file has votes, not questions",
            where=f"{path}, column {votes[0]}",
            fix="give questions, or proposals: votes, and golden ones above all, are no questions to ask",
        )
    if {"task", "classes"} <= set(table.columns):
        raise DataError(
            "wrong-table",
            "file has tasks, whose questions are already grouped",
            where=path,
            fix="give what propose or questions wrote",
        )
    if "source" in table.columns:
        return _by_name(read_cells(_PROPOSALS, path, table, classes).questions)
    with at(path):
        return questions_of_table(path, table, classes)


def _by_name(questions: Questions) -> Questions:
    """The same questions in the order of their image keys, which does not depend on the order in the file."""
    keys = np.array(image_keys(questions.images), object)
    order = np.argsort(keys[questions.image_ids], kind="stable")
    images = [questions.images[image] for image in questions.image_ids[order].tolist()]
    return Questions.from_columns(images, questions.class_ids[order], questions.classes)


_OPEN_QUESTIONS: TableFormat[OpenQuestions] = TableFormat(
    OpenQuestions,
    "a list of questions",
    columns=(
        Text("image"),
        ClassId("class"),
        Text("wnid"),
        Text("name"),
        Texts("models"),
        Whole("first"),
        Share("probability", null=True),
        Text("reason"),
    ),
    values=lambda questions: _values_of_open(questions, questions.questions.classes, None),
)


def write_open_questions(
    path: str | Path, questions: OpenQuestions, classes: Classes, *, limit: int | None = None, force: bool = False
) -> None:
    r"""Write questions, the most informative first, one a row.

    Columns: image, class (id, or name where classes are written by name), wnid and name (null if unknown), models (that
    name the class; in csv and tsv separated by ``; ``), first (how many models put it first), probability (mean over
    the models that give scores, or null) and reason (never proposed, or image never rated). With rater and answer added
    to each row, `read_votes` reads the file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    questions
        What to write.
    classes
        The classes of the benchmark.
    limit
        Number of rows to write; by default all.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.
    """
    form = replace(_OPEN_QUESTIONS, values=lambda questions: _values_of_open(questions, classes, limit))
    write_noun(form, path, questions, force=force)


def _values_of_open(questions: OpenQuestions, classes: Classes, limit: int | None) -> Mapping[str, Any]:
    rows = range(len(questions))[:limit]
    class_ids = questions.questions.class_ids[: len(rows)]
    ids = class_ids.tolist()
    return {
        "image": [questions.image(row) for row in rows],
        "class": (class_ids.astype(np.int64), classes),
        "wnid": [classes.wnids[i] if classes.wnids else None for i in ids],
        "name": [classes.label(i) if classes.names else None for i in ids],
        "models": [questions.named_by(row) for row in rows],
        "first": questions.first[: len(rows)],
        "probability": questions.probability[: len(rows)],
        "reason": [questions.reason(row) for row in rows],
    }
