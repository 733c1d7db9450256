"""Tables of folds, duplicates, posteriors and cleaning results: the columns of each."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from reassess.core import Cleaning, Duplicates, Folds, LabelNoise, Posterior
from reassess.core.items import list_names
from reassess.formats.table_codec import (
    ClassIdColumn,
    ColumnValues,
    IntegerColumn,
    NumberColumn,
    ShareColumn,
    TableFormat,
    TextColumn,
    read_object,
    write_object,
)

DUPLICATES_SUFFIXES = (".csv", ".tsv", ".parquet")  # JSON lines have no headings, so they cannot say "none found"
_MAX_GROUP_NUMBER = np.iinfo(np.int32).max

_FOLDS = TableFormat(
    Folds,
    "folds",
    columns=(TextColumn("image"), IntegerColumn("fold", "number of a fold")),
    get_values=lambda folds: {"image": folds.images, "fold": folds.fold_numbers},
    make_object=lambda cells: Folds(tuple(cells["image"]), cells["fold"]),
)


def read_folds(path: str | Path) -> Folds:
    r"""Read folds from a table in the format of `write_folds`.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet: columns image and fold, a whole number from 0. Other columns are ignored.

    Raises
    ------
    DataError
        A column is missing; an image is listed twice or has no fold; or all images are in one fold.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "folds.csv"
    >>> _ = path.write_text("image,fold\na.png,0\nb.png,1\nc.png,1\n")
    >>> read_folds(path)
    Folds(3 images in 2 folds of 1 to 2)
    """
    return read_object(_FOLDS, path)


def write_folds(path: str | Path, folds: Folds, *, force: bool = False) -> None:
    """Write folds, with a row per image in order: columns image and fold.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    folds
        The folds. The same folds give the same bytes.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.
    """
    write_object(_FOLDS, path, folds, force=force)


def _make_label_columns(duplicates: Duplicates) -> ColumnValues:
    others = ["; ".join(labels) or None for labels in duplicates.other_labels_in_group]
    return {"label": duplicates.labels, "other_labels": others}


_DUPLICATES = TableFormat(
    Duplicates,
    "duplicates",
    columns=(
        TextColumn("set"),
        TextColumn("image"),
        IntegerColumn("group", "id of a group", minimum=1, maximum=_MAX_GROUP_NUMBER, is_nullable=True),
        TextColumn("kind"),
        TextColumn("label", is_required=False, is_nullable=True),
        TextColumn("other_labels", is_required=False, is_nullable=True),
    ),
    get_values=lambda duplicates: {
        "set": [duplicates.sets[number] for number in duplicates.set_ids.tolist()],
        "image": duplicates.images,
        "group": duplicates.group_numbers.astype(np.int64),
        "kind": duplicates.kinds,
        **(_make_label_columns(duplicates) if duplicates.labels else {}),
    },
    make_object=lambda cells: Duplicates.from_columns(
        cells["set"].to_list(),
        cells["image"].to_list(),
        cells["group"],
        cells["kind"].to_list(),
        cells.get("label", ()),
    ),
    suffixes=DUPLICATES_SUFFIXES,
    requires_rows=False,
)


def read_duplicates(path: str | Path) -> Duplicates:
    r"""Read duplicates from a table in the format of `write_duplicates`.

    Parameters
    ----------
    path
        CSV, TSV or Parquet: columns set, image, group (a number, from 1; empty for images without a group)
        and kind (``exact``, ``near``, ``unreadable``, ``empty`` or ``tiny``). A table without rows means that nothing
        was found. JSON lines are not supported, since they cannot have headings without rows.

    Raises
    ------
    DataError
        A column is missing; or as for `Duplicates`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "duplicates.csv"
    >>> _ = path.write_text("set,image,group,kind\ntrain,a.png,1,exact\nval,b.png,1,exact\nval,c.png,,tiny\n")
    >>> read_duplicates(path)
    Duplicates(3 rows, 1 group, of train, val)
    """
    return read_object(_DUPLICATES, path)


def write_duplicates(path: str | Path, duplicates: Duplicates, *, force: bool = False) -> None:
    """Write duplicates, one per row: columns set, image, group (a number, or null) and kind.

    If labels are known, the columns label and other_labels are written too (different labels in the group of the image,
    separated by `"; "`).

    Parameters
    ----------
    path
        CSV, TSV or Parquet, by suffix.
    duplicates
        The duplicates. The same duplicates give the same bytes.
    force
        Overwrite an existing file.

    Raises
    ------
    DataError
        The file has another suffix.
    OutputError
        The file exists, or cannot be written.
    """
    write_object(_DUPLICATES, path, duplicates, force=force)


def _posterior_columns(posterior: Posterior) -> ColumnValues:
    items, truths = ([str(name) for name in names] for names in (list_names(posterior.items), posterior.truths))
    return {
        "item": [item for item in items for _ in truths],
        "answer": truths * len(items),
        "probability": posterior.values.ravel(),
    }


_POSTERIOR: TableFormat[Posterior] = TableFormat(
    Posterior,
    "a posterior",
    columns=(TextColumn("item"), TextColumn("answer"), NumberColumn("probability")),
    get_values=_posterior_columns,
)


def write_posterior(path: str | Path, posterior: Posterior, *, force: bool = False) -> None:
    """Write a posterior, with a row per item and answer; for questions, use `write_scores`."""
    write_object(_POSTERIOR, path, posterior, force=force)


def _cleaning_columns(cleaning: Cleaning, rows: npt.NDArray[np.int64]) -> ColumnValues:
    return {
        "image": [cleaning.images[row] for row in rows.tolist()],
        "class": (cleaning.class_ids[rows], cleaning.classes),
        "suggested": (cleaning.suggested_class_ids[rows], cleaning.classes),
        "label_quality": cleaning.label_quality[rows],
        "reason": [cleaning.reasons[row] for row in rows.tolist()],
        "kept": cleaning.is_kept[rows].astype(np.int64),
    }


_IMAGE, _CLASS, _REASON = TextColumn("image"), ClassIdColumn("class"), TextColumn("reason")
_QUALITY, _SUGGESTED = ShareColumn("label_quality", is_nullable=True), ClassIdColumn("suggested")
_LABEL_ERRORS: TableFormat[Cleaning] = TableFormat(
    Cleaning,
    "wrong labels",
    columns=(_IMAGE, _CLASS, _SUGGESTED, _QUALITY, _REASON),
    get_values=lambda cleaning: _cleaning_columns(cleaning, cleaning.dropped_rows),
)
_DETAILS: TableFormat[Cleaning] = TableFormat(
    Cleaning,
    "details of cleaning",
    columns=(_IMAGE, _CLASS, _QUALITY, _SUGGESTED, _REASON, IntegerColumn("kept")),
    get_values=lambda cleaning: _cleaning_columns(cleaning, np.arange(len(cleaning))),
)


def write_label_errors(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write a table of the labels that are probably wrong, the worst label first.

    The columns are image, class, suggested, label_quality and reason.
    `suggested` and `label_quality` are null if unknown. `read_candidates` reads the labels and the
    suggested classes as candidates.
    """
    write_object(_LABEL_ERRORS, path, cleaning, force=force)


def write_cleaning_details(path: str | Path, cleaning: Cleaning, *, force: bool = False) -> None:
    """Write the result of cleaning for each image.

    The columns are image, class, label_quality, suggested, reason and kept (1 or 0).

    `label_quality` and `suggested` are null if unknown.
    """
    write_object(_DETAILS, path, cleaning, force=force)


def _label_noise_columns(noise: LabelNoise) -> ColumnValues:
    truth, label = (grid.ravel().astype(np.int32) for grid in np.indices(noise.counts.shape))
    return {
        "true_class": (truth, noise.classes),
        "label": (label, noise.classes),
        "images": noise.counts.ravel(),
        "share": noise.matrix.ravel(),
    }


_NOISE: TableFormat[LabelNoise] = TableFormat(
    LabelNoise,
    "a matrix of label errors",
    columns=(ClassIdColumn("true_class"), ClassIdColumn("label"), NumberColumn("images"), ShareColumn("share")),
    get_values=_label_noise_columns,
)


def write_noise(path: str | Path, noise: LabelNoise, *, force: bool = False) -> None:
    """Write a matrix of label errors, with a row per true class and label.

    The columns are true_class, label, images (the expected number of images with this true class and label) and share
    (of all images with this true class).

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet, by suffix.
    noise
        The label errors, such as `find_label_errors(HELD_OUT).noise`.
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
    >>> from reassess import Classes
    >>> path = Path(mkdtemp()) / "mistakes.csv"
    >>> classes = Classes(2, names=("cat", "dog"))
    >>> write_noise(path, LabelNoise(0.25, np.array([[2.0, 1.0], [0.0, 1.0]]), 1.0, classes))
    >>> print(path.read_text(), end="")
    true_class,label,images,share
    cat,cat,2.0,0.6666666666666666
    cat,dog,1.0,0.3333333333333333
    dog,cat,0.0,0.0
    dog,dog,1.0,1.0
    """
    write_object(_NOISE, path, noise, force=force)
