"""Questions for a next round of rating, as a table."""

from pathlib import Path

import numpy as np

from reassess.core.classes import Classes, check_classes
from reassess.core.image_names import image_keys
from reassess.core.open_questions import OpenQuestions
from reassess.core.questions import Questions
from reassess.errors import DataError, at
from reassess.formats.files import as_path, suffix_of
from reassess.formats.proposal_files import proposals_of_table
from reassess.formats.question_columns import questions_of_table
from reassess.formats.tables import TABLE_SUFFIXES, read_table, write_table

__all__ = ["read_questions", "write_open_questions"]


def read_questions(path: str | Path, classes: Classes | None = None) -> Questions:
    r"""Questions of a table of them, or of proposals.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and class (id, wnid or name), as `write_open_questions` writes
        them among others, one question a row. With a column source the rows are proposals, as `write_proposals` writes
        them: a pair then is one question, whoever proposed it.
    classes
        The classes of the benchmark.

    Returns
    -------
    Questions
        Images in the order of the file, which may put the most informative first; those of proposals by name.

    Raises
    ------
    DataError
        The file holds no such table, or votes; a name is no class, or fits two; question is asked twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "questions.csv"
    >>> _ = path.write_text("image,class,reason\na.png,1,never proposed\nb.png,0,never proposed\n")
    >>> read_questions(path)
    Questions(2 questions, 2 images)
    """
    path = as_path(path)
    check_classes(classes)
    suffix_of(path, TABLE_SUFFIXES, "questions or proposals")
    table = read_table(path, text=("image", "source"))
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
        return _by_name(proposals_of_table(path, table, classes).questions)
    with at(path):
        return questions_of_table(path, table, classes)


def _by_name(questions: Questions) -> Questions:
    """The same questions in the order of what identifies their images, which is none of the file's."""
    keys = np.array(image_keys(questions.images), object)
    order = np.argsort(keys[questions.image_ids], kind="stable")
    images = [questions.images[image] for image in questions.image_ids[order].tolist()]
    return Questions.from_columns(images, questions.class_ids[order], questions.classes)


def write_open_questions(
    path: str | Path, questions: OpenQuestions, classes: Classes, *, limit: int | None = None, force: bool = False
) -> None:
    r"""Write questions, the most informative first, one a row.

    Columns: image, class (id, or name where classes are written by name), wnid and name (null where they are not
    known), models (that name the class; in csv and tsv separated by ``; ``), first (how many models put it first),
    probability (mean over the models that give scores, or null) and reason (never proposed, or image never rated). With
    rater and answer added to each row, `read_votes` reads the file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    questions
        What to write.
    classes
        The classes of the benchmark.
    limit
        Write so many at most; by default all.
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
    flat = suffix_of(path, TABLE_SUFFIXES, "a list of questions") in (".csv", ".tsv")
    rows = range(len(questions))[:limit]
    class_ids = questions.questions.class_ids[: len(rows)]
    ids = class_ids.tolist()
    table = pl.DataFrame(
        {
            "image": pl.Series([questions.image(row) for row in rows], dtype=pl.String),
            "class": classes.column(class_ids.astype(np.int64)),
            "wnid": [classes.wnids[i] if classes.wnids else None for i in ids],
            "name": [classes.label(i) if classes.names else None for i in ids],
            "models": [questions.named_by(row) for row in rows],
            "first": questions.first[: len(rows)],
            "probability": pl.Series(questions.probability[: len(rows)]).fill_nan(None),
            "reason": [questions.reason(row) for row in rows],
        },
        schema_overrides={"wnid": pl.String, "name": pl.String, "models": pl.List(pl.String), "reason": pl.String},
    )
    if flat:
        table = table.with_columns(pl.col("models").list.join("; "))
    write_table(path, table, force=force)
