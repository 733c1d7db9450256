"""Selection, relabelling and training targets of images in a Hugging Face dataset, by file name."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_range, check_type
from reassess.core.image_selection import warn_missing, warn_unexpected
from reassess.core.training_targets import check_array_size
from reassess.errors import DataError, require_package
from reassess.integrations._new_classes import new_class_ids

with require_package("datasets", extra="huggingface", purpose="images of a dataset"):
    import datasets
    import pyarrow

    from reassess.integrations.huggingface import check_columns, file_names, map_stream

__all__ = ["relabel_images", "select_images", "with_targets"]

_DatasetT = TypeVar("_DatasetT", datasets.Dataset, datasets.IterableDataset)
_MAX_TARGET_BYTES = 2 << 30


def select_images(
    dataset: _DatasetT,
    selection: ImageSelection,
    *,
    image: str = "image",
    match: Match = "path",
    ignore_unknown: bool = False,
) -> _DatasetT:
    """Select images of a dataset by file name.

    Parameters
    ----------
    dataset
        One split; may be streamed.
    selection
        The images to select, such as ``folds.training_selection(0)``.
    image
        A column of images that are stored with their file names, or a column of file names. Images are not decoded.
    match
        The part of a name that identifies an image: ``path``, ``name`` (the file name), or ``stem`` (without the
        extension).
    ignore_unknown
        Skip images that are unknown to the folds instead of stopping.

    Raises
    ------
    DataError
        The dataset has no image file names, it contains no selected image, a selected name fits two images, or images
        are unknown to the selection. Errors about streamed images are raised during iteration.

    Warns
    -----
    ReassessWarning
        Selected images are missing from the dataset, or unknown images are skipped; not for a streamed dataset.

    Examples
    --------
    >>> from reassess.core import Folds
    >>> folds = Folds(("a.png", "b.png", "c.png"), np.array([0, 1, 0]))
    >>> dataset = datasets.Dataset.from_dict({"file": ["c.png", "b.png", "a.png"]})
    >>> select_images(dataset, folds.held_out_selection(0), image="file")["file"][:]
    ['c.png', 'a.png']
    """
    check_type(ImageSelection, selection, value_name="selection", fix="read_clean_list(FILE) or ImageSelection(images)")
    check_columns(dataset, image, None)
    if isinstance(dataset, datasets.Dataset):
        names = file_names(dataset, image)
        rows = selection.rows(names, match=match, ignore_unknown=ignore_unknown)
        warn_missing(names, selection, match, stack_level=2)
        warn_unexpected(names, selection, match, stack_level=2)
        return dataset.select(rows)
    change = partial(_select_rows, selection=selection, match=match, ignore_unknown=ignore_unknown)
    return map_stream(dataset, image, {}, change)


def _select_rows(
    table: pyarrow.Table, names: tuple[str, ...], *, selection: ImageSelection, match: Match, ignore_unknown: bool
) -> pyarrow.Table:
    """Keep the rows of the selected images."""
    return table.filter(selection.find(names, match=match, ignore_unknown=ignore_unknown) >= 0)


def relabel_images(
    dataset: _DatasetT,
    classes_of: Mapping[str, int | str],
    *,
    image: str = "image",
    label: str = "label",
    match: Match = "path",
) -> _DatasetT:
    """Change the class of some images, by file name.

    Parameters
    ----------
    dataset, image, match
        As for `select_images`.
    classes_of
        New class of images by name: an id, or a name if the column is a ClassLabel.
    label
        The column of classes.

    Raises
    ------
    DataError
        As for `select_images`; or the column is missing, or a class is not in the dataset.

    Examples
    --------
    >>> dataset = datasets.Dataset.from_dict({"file": ["a.png", "b.png"], "label": [0, 1]})
    >>> relabel_images(dataset, {"b.png": 2}, image="file")["label"][:]
    [0, 2]
    """
    check_columns(dataset, image, None)
    if label not in dataset.features:
        raise DataError("missing-column", f"dataset has no column {label}", found=", ".join(dataset.features))
    feature = dataset.features[label]
    if not (isinstance(feature, datasets.ClassLabel) or getattr(feature, "dtype", "").startswith(("int", "uint"))):
        raise DataError(
            "wrong-type", f"column {label} has no class ids", allowed="ClassLabel or integers", found=str(feature)
        )
    known = feature.names if isinstance(feature, datasets.ClassLabel) else []
    selection, new_ids = new_class_ids(classes_of, {name: index for index, name in enumerate(known)})
    check_range(new_ids, 0, np.iinfo(feature.dtype).max, value_name="class id", where=f"column {label}")
    if isinstance(dataset, datasets.Dataset):
        names = file_names(dataset, image)
        selection.rows(names, match=match)
        warn_missing(names, selection, match, stack_level=2)
        rows = selection.find(names, match=match)
        old = dataset.with_format("numpy").select_columns(label)[label][:]
        column = np.where(rows >= 0, new_ids[rows], old)
        order = list(dataset.features)
        return dataset.remove_columns(label).add_column(label, column, feature=feature).select_columns(order)
    change = partial(_relabel_rows, selection=selection, new_ids=new_ids, label=label, match=match)
    return map_stream(dataset, image, {label: feature}, change)


def _relabel_rows(
    table: pyarrow.Table, names: tuple[str, ...], *, selection: ImageSelection, new_ids: Any, label: str, match: Match
) -> pyarrow.Table:
    """Replace the class of the selected images."""
    rows = selection.find(names, match=match)
    position = table.column_names.index(label)
    old = table.column(label)
    values = np.where(rows >= 0, new_ids[rows], old.to_numpy())
    return table.set_column(position, table.schema.field(label), pyarrow.array(values, old.type))


def with_targets(
    dataset: _DatasetT,
    targets: TrainingTargets,
    *,
    image: str = "image",
    feature: str = "target",
    match: Match = "path",
    ignore_unknown: bool = False,
    max_bytes: int = _MAX_TARGET_BYTES,
) -> _DatasetT:
    """Select the images with a target, and add a column of targets: float32, one number per class.

    Parameters
    ----------
    dataset, image, match, ignore_unknown
        As for `select_images`.
    targets
        The result of `reassess.training_targets`. Images without a target are dropped.
    feature
        Name of the new column.
    max_bytes
        Largest size of all targets, unless the dataset is streamed: then targets are computed during iteration.

    Raises
    ------
    DataError
        As for `select_images`; or the new column exists already, or the targets are larger than `max_bytes`.

    Examples
    --------
    >>> from reassess import Classes, LabelSets, training_targets
    >>> targets = training_targets(LabelSets.from_lists(["a.png"], [[0, 2]], Classes(3)), "uniform")
    >>> with_targets(datasets.Dataset.from_dict({"file": ["a.png"]}), targets, image="file")[0]
    {'file': 'a.png', 'target': [0.5, 0.0, 0.5]}
    """
    check_type(TrainingTargets, targets, value_name="targets", fix="training_targets(...)")
    check_columns(dataset, image, feature)
    kind = datasets.Sequence(datasets.Value("float32"), length=targets.n_classes)
    if isinstance(dataset, datasets.Dataset):
        check_array_size(
            targets, max_bytes, fix="use dataset.to_iterable_dataset(), which computes them during iteration"
        )
        names = file_names(dataset, image)
        rows = targets.selection.rows(names, match=match, ignore_unknown=ignore_unknown)
        warn_unexpected(names, targets.selection, match, stack_level=2)
        target_rows = targets.selection.find([names[row] for row in rows.tolist()], match=match)
        return dataset.select(rows).add_column(feature, _targets_to_arrow(targets, target_rows), feature=kind)
    change = partial(_add_targets, targets=targets, match=match, ignore_unknown=ignore_unknown, feature=feature)
    return map_stream(dataset, image, {feature: kind}, change)


def _add_targets(
    table: pyarrow.Table,
    names: tuple[str, ...],
    *,
    targets: TrainingTargets,
    match: Match,
    ignore_unknown: bool,
    feature: str,
) -> pyarrow.Table:
    """Keep the rows that have a target, and append a column of targets."""
    rows = targets.selection.find(names, match=match, ignore_unknown=ignore_unknown)
    return table.filter(rows >= 0).append_column(feature, _targets_to_arrow(targets, rows[rows >= 0]))


def _targets_to_arrow(targets: TrainingTargets, rows: Any) -> pyarrow.Array:
    """Convert some rows of training targets to an Arrow array."""
    return pyarrow.FixedSizeListArray.from_arrays(
        pyarrow.array(targets.targets_of_rows(rows).ravel()), targets.n_classes
    )
