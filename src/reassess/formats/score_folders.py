"""Scores in a folder of Parquet files, for votes that do not fit in memory."""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Posterior, Scores
from reassess.core.checks import check_range
from reassess.core.image_names import image_keys
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix, OutputError
from reassess.formats.files import TEMPORARY_PREFIX, check_output
from reassess.formats.repeated_questions import refuse_repeated_questions
from reassess.formats.score_files import METADATA_METHOD, scores_from_table, write_scores
from reassess.formats.tables import (
    TABLE_SUFFIXES,
    describe_row_place,
    find_column,
    read_parquet_metadata,
    read_table,
    refuse_fork,
    refuse_missing_values,
    to_nullable_floats,
    write_table,
)
from reassess.formats.votes.stored_names import CLASS, IMAGE, ITEM, StoredNames, image_key_column
from reassess.formats.votes.vote_tables import RATER_NAMES
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl

_SUFFIX = ".parquet"
_FILE_NAME = re.compile(r"scores-[0-9]{5}-of-([0-9]{5})\.parquet")
_QUESTION_COLUMNS, _ITEM_COLUMNS = (IMAGE, CLASS, "score"), (ITEM, "answer", "probability")
_COMPUTE_AGAIN = "copy the whole folder again, or compute the scores again"


def check_score_folder(path: Path, *, force: bool = False) -> None:
    """Raise an error if a folder of scores cannot be written to `path`, or exists without `force`."""
    if path.suffix.lower() in (".npz", *TABLE_SUFFIXES):
        raise DataError(
            "wrong-suffix",
            "scores of a folder of votes need an output folder, not a file",
            where=path,
            allowed="a path without a suffix",
            found=path.suffix,
            fix=f"write to {path.with_suffix('')}",
        )
    if path.is_symlink() and not path.exists():
        raise OutputError(
            "folder-not-found",
            "output folder is a link to a folder that does not exist",
            where=path,
            found=path.readlink(),
            fix="delete the link, or choose another name",
        )
    if path.is_file():
        raise OutputError(
            "output-is-file", "output path is a file, and a folder is needed", where=path, fix="choose another name"
        )
    if not path.is_dir():
        check_output(path)
        return
    if (other := next((file.name for file in sorted(path.iterdir()) if not _is_score_file(file)), None)) is not None:
        raise OutputError(
            "output-is-folder",
            "output folder has other files than scores",
            where=path,
            found=other,
            fix="choose another folder",
        )
    if not force:
        fix = Fix("choose another name, or {force}", force=True)
        raise OutputError("output-exists", "output folder exists", where=path, fix=fix)
    check_output(path / _name_file(0, 1), force=True)


def _name_file(number: int, n_files: int) -> str:
    return f"scores-{number:05}-of-{n_files:05}{_SUFFIX}"


def _is_score_file(path: Path) -> bool:
    """Return whether a file has the name and the columns of a file of `write_score_folder`."""
    import polars as pl

    if not _FILE_NAME.fullmatch(path.name) or not path.is_file():
        return False
    refuse_fork()
    try:
        columns = set(pl.read_parquet_schema(path.absolute()))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return columns - {"golden"} == {*_QUESTION_COLUMNS} or columns == {*_ITEM_COLUMNS}


def write_score_folder(
    path: Path,
    posterior: Posterior,
    *,
    method: str = UNKNOWN_METHOD,
    is_golden: npt.NDArray[np.bool_] | None = None,
    further_scores: Scores | None = None,
    force: bool = False,
) -> None:
    """Write scores as a folder of Parquet files, in the order of the items.

    Each file has the columns and the metadata of a Parquet file of `write_scores`; or, if the items are not questions,
    of `write_posterior`. Its name contains the number of files. The folder appears when all files are complete.

    Parameters
    ----------
    path
        The folder, or a link to it.
    posterior
        The posterior of votes that `read_vote_folder` read.
    method
        How the scores were made, see `Scores`.
    is_golden
        bool, shape (items,): as `Scores.is_golden`; None if unknown.
    further_scores
        Scores of further questions, for a last file.
    force
        Replace an existing folder of scores.

    Raises
    ------
    DataError
        The path has a suffix of a file of scores.
    OutputError
        The folder exists without `force`, or has other files than scores; or it cannot be written.
    """
    import polars as pl

    items = posterior.items
    files: list[Path] = []
    assert isinstance(items, StoredNames)
    metadata = None if method == UNKNOWN_METHOD else {METADATA_METHOD: method}
    with _write_folder(path, force=force) as folder:
        for rows, columns in items.iterate_blocks_as_columns():
            values = posterior.values[rows]
            if items.are_questions:
                columns["score"] = pl.Series(values[:, -1])
                if is_golden is not None:
                    columns["golden"] = pl.Series(is_golden[rows].astype(np.uint8))
                table = pl.DataFrame(columns)
            else:
                table = _make_answer_table(columns[ITEM], posterior.truths, values)
            files.append(folder / f"{len(files)}{_SUFFIX}")
            write_table(files[-1], table, metadata=metadata)
        if further_scores is not None and len(further_scores):
            files.append(folder / f"{len(files)}{_SUFFIX}")
            write_scores(files[-1], further_scores)
        for number, file in enumerate(files):
            file.rename(folder / _name_file(number, len(files)))


def _make_answer_table(items: "pl.Series", truths: Sequence[object], values: npt.NDArray[np.float64]) -> "pl.DataFrame":
    """Return a table with a row per item and answer, in the format of `write_posterior`."""
    import polars as pl

    answers = pl.Series([str(truth) for truth in truths], dtype=pl.String)
    rows = np.arange(values.size)
    columns = (items.gather(rows // len(answers)), answers.gather(rows % len(answers)), values.ravel())
    return pl.DataFrame(dict(zip(_ITEM_COLUMNS, columns, strict=True)))


@contextmanager
def _write_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder, and move it to `path` at the end of the block."""
    check_score_folder(path, force=force)
    refuse_fork()
    path = Path(os.path.realpath(path))  # a link stays, and its target is replaced
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=path.parent) as temporary:
        folder = Path(temporary) / "new"
        folder.mkdir()
        yield folder
        old = Path(temporary) / "old"
        try:
            if path.is_dir():
                path.rename(old)
            folder.rename(path)
        except OSError as error:
            if old.exists():  # put the old folder back, since it would be removed with the temporary folder
                old.rename(path)
            raise OutputError(
                "output-not-writable", "output folder cannot be written", where=path, found=error.strerror
            ) from error


def list_score_files(folder: Path) -> list[Path]:
    """List the files of a folder of scores, sorted by name; `DataError` if there are none."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    if not files or any(path.suffix.lower() != _SUFFIX for path in files):
        raise DataError(
            "not-scores",
            "folder is not a folder of scores",
            where=folder,
            allowed="Parquet files",
            found=", ".join(path.name for path in files[:3]) or "no files",
            fix="give the folder that `reassess aggregate` wrote",
        )
    return files


def read_score_folder(folder: Path, images: Sequence[str] | None = None, *, classes: Classes | None = None) -> Scores:
    """Read the scores of all or some images from a folder of scores.

    Parameters
    ----------
    folder
        A folder that `write_score_folder` wrote.
    images
        Names of images; scores of other images are not kept. By default all images.
    classes
        The class list of the wnids and names; by default the names in the files.

    Returns
    -------
    Scores of the questions about these images.

    Raises
    ------
    DataError
        The folder has no scores of questions; a file is damaged; or any image or question is repeated.
    """
    import polars as pl

    tables = _read_tables(folder) if images is None else _select_images(folder, images)
    return scores_from_table(folder, pl.concat(tables), classes, read_parquet_metadata(list_score_files(folder)[0]))


def _select_images(folder: Path, images: Sequence[str]) -> Iterator["pl.DataFrame"]:
    """Read the scores of some images from each file of a folder of scores; check the questions of all images."""
    import polars as pl

    keys = pl.DataFrame({"key": pl.Series(image_keys(tuple(images)), dtype=pl.String)})
    for table in refuse_repeated_questions(folder, _read_tables(folder)):
        keyed = table.with_columns(image_key_column().alias("key"))
        yield keyed.join(keys, on="key", how="semi", maintain_order="left").drop("key")


def _read_tables(folder: Path) -> Iterator["pl.DataFrame"]:
    """Read and check each file of a folder of scores."""
    files = list_score_files(folder)
    first: tuple[dict[str, pl.DataType], str] | None = None
    for path in files:
        table = read_table(path, text_columns=(IMAGE,))
        schema, method = dict(table.schema), read_parquet_metadata(path).get(METADATA_METHOD, UNKNOWN_METHOD)
        if first is None:
            _refuse_votes(path, table)
            _check_file_names(folder, files)
            first = schema, method
        if schema != first[0]:
            raise DataError(
                "different-columns",
                "files of the folder have different columns",
                where=path,
                allowed=f"{_describe_columns(first[0])}, as in {files[0].name}",
                found=_describe_columns(schema),
                fix=_COMPUTE_AGAIN,
            )
        if method != first[1]:
            raise DataError(
                "different-methods",
                "files of the folder have scores of different methods",
                where=path,
                allowed=f"{first[1]}, as in {files[0].name}",
                found=method,
                fix=_COMPUTE_AGAIN,
            )
        yield _check_values(path, table.select(first[0].keys()))


def _refuse_votes(path: Path, table: "pl.DataFrame") -> None:
    if "score" not in table.columns and not {*RATER_NAMES}.isdisjoint(table.columns):
        raise DataError(
            "not-scores",
            "folder has votes, not scores",
            where=path,
            allowed="the columns image, class and score",
            found=join_first(table.columns),
            fix=f"compute scores: reassess aggregate {shlex.quote(str(path.parent))} -o scores",
        )


def _check_file_names(folder: Path, files: Sequence[Path]) -> None:
    """Raise `DataError` unless the files are those that `write_score_folder` wrote, by their names."""
    match = _FILE_NAME.fullmatch(files[0].name)
    n_files = 0 if match is None else int(match[1])
    names, expected = [file.name for file in files], [_name_file(number, n_files) for number in range(n_files)]
    if names != expected:
        missing, other = sorted({*expected} - {*names}), sorted({*names} - {*expected})
        found = [f"{word} {join_first(some, max_items=3)}" for word, some in (("no", missing), ("also", other)) if some]
        raise DataError(
            "different-files",
            "folder does not have exactly the files of scores that were written",
            where=folder,
            allowed=join_first(expected, max_items=3) or f"names such as {_name_file(0, 1)}",
            found="; ".join(found),
            fix=_COMPUTE_AGAIN,
        )


def _describe_columns(schema: Mapping[str, object]) -> str:
    return join_first([f"{name} ({dtype})" for name, dtype in schema.items()])


def _check_values(path: Path, table: "pl.DataFrame") -> "pl.DataFrame":
    """Raise `DataError` unless each row has an image, a class, and a score from 0 to 1. Return scores as numbers."""
    import polars as pl

    for name in _QUESTION_COLUMNS:
        values = table[find_column(path, table, name, fix=_COMPUTE_AGAIN)]
        refuse_missing_values(path, values.replace("", None) if values.dtype == pl.String else values)
    scores = to_nullable_floats(path, table["score"]).cast(pl.Float64)
    where = partial(describe_row_place, path, heading="score")
    check_range(scores.to_numpy(), 0, 1, value_name="score", where=where)
    return table.with_columns(scores)


class LabelCounts(NamedTuple):
    """Numbers of labels at a threshold, and of images without a label."""

    n_labels: int
    n_empty_images: int


def count_labels(folder: Path, threshold: float) -> LabelCounts:
    """Count the labels of a folder of scores at a threshold, and the images without a label.

    Images are counted by a 64-bit hash of their names.
    """
    n_labels, images, labelled_images = 0, np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    for table in _read_tables(folder):
        hashes = table.select(image_key_column()).to_series().hash().to_numpy()
        is_label = (table["score"] >= threshold).to_numpy()
        n_labels += int(np.count_nonzero(is_label))
        images = np.union1d(images, hashes)
        labelled_images = np.union1d(labelled_images, hashes[is_label])
    return LabelCounts(n_labels, images.size - labelled_images.size)
