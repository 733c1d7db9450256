"""What cleaning found, as files: the list of images that are kept, and a table with what is known of each label."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_type
from reassess.core.cleaning import Cleaning, LabelNoise
from reassess.core.image_selection import ImageSelection
from reassess.errors import DataError, at
from reassess.formats.files import as_path, read_lines, suffix_of, writing
from reassess.formats.tables import TABLE_SUFFIXES, write_table

__all__ = [
    "CLEAN_LIST_SUFFIXES",
    "read_clean_list",
    "write_clean_list",
    "write_details",
    "write_label_errors",
    "write_noise",
]

CLEAN_LIST_SUFFIXES = (".txt",)


def read_clean_list(path: str | Path) -> ImageSelection:
    r"""Read the images that are kept, as a selection, which the datasets of every framework take.

    Parameters
    ----------
    path
        A txt file with the name of an image a line, such as `write_clean_list` makes; empty lines are passed over.

    Raises
    ------
    DataError
        The file is of another kind, is not UTF-8 text, names no image, or names one twice.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp(), "clean.txt")
    >>> _ = path.write_text("cat/1.png\ncat/3.png\n")
    >>> read_clean_list(path).rows(["cat/1.png", "cat/2.png", "cat/3.png"])
    array([0, 2])
    """
    path = as_path(path)
    suffix_of(path, CLEAN_LIST_SUFFIXES, "a clean list")
    names = tuple(name for line in read_lines(path) if (name := line.removesuffix("\r")))
    with at(path):
        return ImageSelection(names)


def write_clean_list(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write the names of the images that are kept, one a line, in order, as ``fnames_clean.txt`` lists ImageNet's.

    Parameters
    ----------
    path
        A txt file.
    cleaning
        Which images are kept.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind, or a name breaks a line.
    OutputError
        The file exists, or cannot be written.
    """
    path = as_path(path)
    check_type(cleaning, Cleaning, what="the cleaning", fix="find_label_errors(HELD_OUT)")
    suffix_of(path, CLEAN_LIST_SUFFIXES, "a clean list")
    broken = [image for image in cleaning.kept_images if set(image) & {"\n", "\r"}]
    if broken:
        raise DataError(
            "invalid-name",
            "image name contains a line break",
            where=path,
            found=repr(broken[0]),
            fix="rename it: a list has lines",
        )
    with writing(path, force=force) as temporary:
        temporary.write_text("".join(f"{image}\n" for image in cleaning.kept_images), encoding="utf-8", newline="\n")


def write_label_errors(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write the wrong labels, the worst first, with the columns image, class, suggested, label_quality and reason.

    `class` and `suggested` are ids, or names where classes are written by name; `suggested` and `label_quality` are
    null where they are not known. `read_candidates` reads the labels and the suggested classes as candidates.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    cleaning
        What to write.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind.
    OutputError
        The file exists, or cannot be written.
    """
    rows = np.flatnonzero(~cleaning.kept)
    rows = rows[np.argsort(cleaning.label_quality[rows], kind="stable")]
    _write(path, cleaning, "wrong labels", ("image", "class", "suggested", "label_quality", "reason"), rows, force)


def write_details(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write a row for each image: image, class, label_quality, suggested, reason, kept.

    `class` and `suggested` are ids, or names where classes are written by name; `label_quality` and `suggested` are
    null where they are not known; `kept` is 1 or 0.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    cleaning
        What to write.
    force
        Overwrite a file that exists.

    Raises
    ------
    DataError
        The file is of another kind.
    OutputError
        The file exists, or cannot be written.
    """
    columns = ("image", "class", "label_quality", "suggested", "reason", "kept")
    _write(path, cleaning, "details of cleaning", columns, np.arange(len(cleaning)), force)


def _write(
    path: str | Path, cleaning: Cleaning, thing: str, columns: tuple[str, ...], rows: npt.NDArray[np.int64], force: bool
) -> None:
    """Write some columns of some images."""
    import polars as pl

    path = as_path(path)
    check_type(cleaning, Cleaning, what="the cleaning", fix="find_label_errors(HELD_OUT)")
    suffix_of(path, TABLE_SUFFIXES, thing)
    known = cleaning.suggested >= 0
    suggested = cleaning.classes.column(np.where(known, cleaning.suggested, cleaning.class_ids))
    table = pl.DataFrame(
        {
            "image": pl.Series(cleaning.images, dtype=pl.String),
            "class": cleaning.classes.column(cleaning.class_ids),
            "label_quality": pl.Series(cleaning.label_quality).fill_nan(None),
            "suggested": pl.select(pl.when(pl.Series(known)).then(suggested)).to_series(),
            "reason": pl.Series(cleaning.reasons, dtype=pl.String),
            "kept": pl.Series(cleaning.kept.astype(np.int64)),
        }
    )
    write_table(path, table.select(columns)[rows], force=force)


def write_noise(path: str | Path, noise: LabelNoise, *, force: bool = False) -> None:
    """Write the matrix of mistakes, a row for each true class and label: true_class, label, images, share.

    `images` is the number that is expected, and `share` that of the true class; classes are ids, or names where classes
    are written by name.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    noise
        What to write.
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
    check_type(noise, LabelNoise, what="the mistakes of labels", fix="CLEANING.noise")
    suffix_of(path, TABLE_SUFFIXES, "a matrix of mistakes")
    truth, label = (part.ravel().astype(np.int32) for part in np.indices(noise.counts.shape))
    table = pl.DataFrame(
        {
            "true_class": noise.classes.column(truth),
            "label": noise.classes.column(label),
            "images": noise.counts.ravel(),
            "share": noise.matrix.ravel(),
        }
    )
    write_table(path, table, force=force)
