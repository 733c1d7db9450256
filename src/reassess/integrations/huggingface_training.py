"""Selection, relabelling and training targets of images in a Hugging Face dataset, by file name."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_range, check_type
from reassess.core.image_selection import warn_of_missing_images, warn_of_unselected_images
from reassess.core.training_targets import check_array_size
from reassess.errors import DataError, require_package
from reassess.integrations._new_classes import to_selection_and_class_ids

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
    image_column: str = "image",
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
    image_column
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
    >>> select_images(dataset, folds.held_out_selection(0), image_column="file")["file"][:]
    ['c.png', 'a.png']
    """
    check_type(ImageSelection, selection, value_name="selection", fix="read_clean_list(FILE) or ImageSelection(images)")
    check_columns(dataset, image_column, None)
    if isinstance(dataset, datasets.Dataset):
        names = file_names(dataset, image_column)
        rows = selection.selected_rows(names, match=match, ignore_unknown=ignore_unknown)
        warn_of_missing_images(names, selection, match, stack_level=2)
        warn_of_unselected_images(names, selection, match, stack_level=2)
        return dataset.select(rows)
    change = partial(_select_rows, selection=selection, match=match, ignore_unknown=ignore_unknown)
    return map_stream(dataset, image_column, {}, change)


def _select_rows(
    table: pyarrow.Table, names: tuple[str, ...], *, selection: ImageSelection, match: Match, ignore_unknown: bool
) -> pyarrow.Table:
    """Keep the rows of the selected images."""
    return table.filter(selection.positions_of(names, match=match, ignore_unknown=ignore_unknown) >= 0)


def relabel_images(
    dataset: _DatasetT,
    new_class_by_image: Mapping[str, int | str],
    *,
    image_column: str = "image",
    label_column: str = "label",
    match: Match = "path",
) -> _DatasetT:
    """Change the class of some images, by file name.

    Parameters
    ----------
    dataset, image_column, match
        As for `select_images`.
    new_class_by_image
        New class of images by name: an id, or a name if the column is a ClassLabel.
    label_column
        The column of classes.

    Raises
    ------
    DataError
        As for `select_images`; or the column is missing, or a class is not in the dataset.

    Examples
    --------
    >>> dataset = datasets.Dataset.from_dict({"file": ["a.png", "b.png"], "label": [0, 1]})
    >>> relabel_images(dataset, {"b.png": 2}, image_column="file")["label"][:]
    [0, 2]
    """
    check_columns(dataset, image_column, None)
    if label_column not in dataset.features:
        raise DataError("missing-column", f"dataset has no column {label_column}", found=", ".join(dataset.features))
    feature = dataset.features[label_column]
    if not (isinstance(feature, datasets.ClassLabel) or getattr(feature, "dtype", "").startswith(("int", "uint"))):
        raise DataError(
            "wrong-type",
            f"column {label_column} has no class ids",
            allowed="ClassLabel or integers",
            found=str(feature),
        )
    class_names = feature.names if isinstance(feature, datasets.ClassLabel) else []
    selection, new_ids = to_selection_and_class_ids(
        new_class_by_image, {name: index for index, name in enumerate(class_names)}
    )
    check_range(new_ids, 0, np.iinfo(feature.dtype).max, value_name="class id", where=f"column {label_column}")
    if isinstance(dataset, datasets.Dataset):
        names = file_names(dataset, image_column)
        selection.selected_rows(names, match=match)
        warn_of_missing_images(names, selection, match, stack_level=2)
        rows = selection.positions_of(names, match=match)
        old = dataset.with_format("numpy").select_columns(label_column)[label_column][:]
        column = np.where(rows >= 0, new_ids[rows], old)
        order = list(dataset.features)
        return (
            dataset.remove_columns(label_column).add_column(label_column, column, feature=feature).select_columns(order)
        )
    change = partial(_relabel_rows, selection=selection, new_ids=new_ids, label_column=label_column, match=match)
    return map_stream(dataset, image_column, {label_column: feature}, change)


def _relabel_rows(
    table: pyarrow.Table,
    names: tuple[str, ...],
    *,
    selection: ImageSelection,
    new_ids: Any,
    label_column: str,
    match: Match,
) -> pyarrow.Table:
    """Replace the class of the selected images."""
    rows = selection.positions_of(names, match=match)
    position = table.column_names.index(label_column)
    old = table.column(label_column)
    values = np.where(rows >= 0, new_ids[rows], old.to_numpy())
    return table.set_column(position, table.schema.field(label_column), pyarrow.array(values, old.type))


def with_targets(
    dataset: _DatasetT,
    targets: TrainingTargets,
    *,
    image_column: str = "image",
    new_column: str = "target",
    match: Match = "path",
    ignore_unknown: bool = False,
    max_bytes: int = _MAX_TARGET_BYTES,
) -> _DatasetT:
    """Select the images with a target, and add a column of targets: float32, one number per class.

    Parameters
    ----------
    dataset, image_column, match, ignore_unknown
        As for `select_images`.
    targets
        The result of `reassess.training_targets`. Images without a target are dropped.
    new_column
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
    >>> with_targets(datasets.Dataset.from_dict({"file": ["a.png"]}), targets, image_column="file")[0]
    {'file': 'a.png', 'target': [0.5, 0.0, 0.5]}
    """
    check_type(TrainingTargets, targets, value_name="targets", fix="training_targets(...)")
    check_columns(dataset, image_column, new_column)
    kind = datasets.Sequence(datasets.Value("float32"), length=targets.n_classes)
    if isinstance(dataset, datasets.Dataset):
        check_array_size(
            targets, max_bytes, fix="use dataset.to_iterable_dataset(), which computes them during iteration"
        )
        names = file_names(dataset, image_column)
        rows = targets.selection.selected_rows(names, match=match, ignore_unknown=ignore_unknown)
        warn_of_unselected_images(names, targets.selection, match, stack_level=2)
        target_rows = targets.selection.positions_of([names[row] for row in rows.tolist()], match=match)
        return dataset.select(rows).add_column(new_column, _targets_to_arrow(targets, target_rows), feature=kind)
    change = partial(_add_targets, targets=targets, match=match, ignore_unknown=ignore_unknown, new_column=new_column)
    return map_stream(dataset, image_column, {new_column: kind}, change)


def _add_targets(
    table: pyarrow.Table,
    names: tuple[str, ...],
    *,
    targets: TrainingTargets,
    match: Match,
    ignore_unknown: bool,
    new_column: str,
) -> pyarrow.Table:
    """Keep the rows that have a target, and append a column of targets."""
    rows = targets.selection.positions_of(names, match=match, ignore_unknown=ignore_unknown)
    return table.filter(rows >= 0).append_column(new_column, _targets_to_arrow(targets, rows[rows >= 0]))


def _targets_to_arrow(targets: TrainingTargets, rows: Any) -> pyarrow.Array:
    """Convert some rows of training targets to an Arrow array."""
    return pyarrow.FixedSizeListArray.from_arrays(
        pyarrow.array(targets.targets_of_rows(rows).ravel()), targets.n_classes
    )
