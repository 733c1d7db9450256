"""Scores in a folder of Parquet files, for votes that do not fit in memory."""

import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Posterior, Scores
from reassess.core.image_names import image_keys
from reassess.core.scores import UNKNOWN_METHOD
from reassess.errors import DataError, Fix, OutputError, add_error_place
from reassess.formats.files import TEMPORARY_PREFIX, check_input, check_output
from reassess.formats.score_files import METADATA_METHOD, scores_from_table, write_scores
from reassess.formats.tables import TABLE_SUFFIXES, read_parquet_metadata, read_table, refuse_fork, write_table
from reassess.formats.votes.stored_names import IMAGE, ITEM, StoredNames, image_key_column
from reassess.formats.votes.vote_tables import RATER_NAMES
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl

_NAME_START, _SUFFIX = "scores-", ".parquet"


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
    if not path.is_dir():
        check_output(path)
        return
    if not all(file.name.startswith(_NAME_START) and file.suffix == _SUFFIX for file in path.iterdir()):
        raise OutputError(
            "output-is-folder", "output folder has other files than scores", where=path, fix="choose another folder"
        )
    if not force:
        fix = Fix("choose another name, or {force}", force=True)
        raise OutputError("output-exists", "output folder exists", where=path, fix=fix)
    check_output(path / f"{_NAME_START}0{_SUFFIX}", force=True)


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
    of `write_posterior`. The folder appears when all files are complete.

    Parameters
    ----------
    path
        The folder.
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
        The folder exists without `force`, or has other files; or it cannot be written.
    """
    import polars as pl

    items, names = posterior.items, (f"{_NAME_START}{number:05}{_SUFFIX}" for number in count())
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
            write_table(folder / next(names), table, metadata=metadata)
        if further_scores is not None and len(further_scores):
            write_scores(folder / next(names), further_scores)


def _make_answer_table(items: "pl.Series", truths: Sequence[object], values: npt.NDArray[np.float64]) -> "pl.DataFrame":
    """Return a table with a row per item and answer, in the format of `write_posterior`."""
    import polars as pl

    answers = pl.Series([str(truth) for truth in truths], dtype=pl.String)
    rows = np.arange(values.size)
    return pl.DataFrame(
        {
            ITEM: items.gather(rows // len(answers)),
            "answer": answers.gather(rows % len(answers)),
            "probability": values.ravel(),
        }
    )


@contextmanager
def _write_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder, and move it to `path` at the end of the block."""
    check_score_folder(path, force=force)
    refuse_fork()
    parent = Path(os.path.realpath(path)).parent
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=parent) as temporary:
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
            fix="give the folder that reassess aggregate wrote",
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
        The folder has no scores of questions, or a file is damaged.
    """
    import polars as pl

    files = list_score_files(folder)
    keys = None if images is None else pl.DataFrame({"key": pl.Series(image_keys(tuple(images)), dtype=pl.String)})
    tables = []
    for path in files:
        check_input(path)
        with add_error_place(path):
            table = read_table(path, text_columns=(IMAGE,))
            if "score" not in table.columns and not {*RATER_NAMES}.isdisjoint(table.columns):
                raise DataError(
                    "not-scores",
                    "folder has votes, not scores",
                    where=path,
                    allowed="the columns image, class and score",
                    found=join_first(table.columns),
                    fix=f"compute scores: reassess aggregate {shlex.quote(str(folder))} -o scores",
                )
            if IMAGE not in table.columns:
                raise DataError(
                    "missing-column", f"column {IMAGE!r} is missing", where=path, found=", ".join(table.columns)
                )
            if keys is not None:
                keyed = table.with_columns(image_key_column().alias("key"))
                table = keyed.join(keys, on="key", how="semi", maintain_order="left").drop("key")
            tables.append(table)
    return scores_from_table(folder, pl.concat(tables), classes, read_parquet_metadata(files[0]))


class LabelCounts(NamedTuple):
    """Numbers of labels at a threshold, and of images without a label."""

    n_labels: int
    n_empty_images: int


def count_labels(folder: Path, threshold: float) -> LabelCounts:
    """Count the labels of a folder of scores at a threshold, and the images without a label.

    Images are counted by a 64-bit hash of their names.
    """
    import polars as pl

    n_labels, images, labelled_images = 0, np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    for path in list_score_files(folder):
        table = pl.read_parquet(path.absolute(), columns=[IMAGE, "score"])
        hashes, is_label = table[IMAGE].hash().to_numpy(), (table["score"] >= threshold).to_numpy()
        n_labels += int(np.count_nonzero(is_label))
        images = np.union1d(images, hashes)
        labelled_images = np.union1d(labelled_images, hashes[is_label])
    return LabelCounts(n_labels, images.size - labelled_images.size)
