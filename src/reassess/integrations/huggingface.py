"""ReaL labels as a column of a Hugging Face dataset, joined by file name."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reassess.core import LabelSets
from reassess.data import read_labels
from reassess.errors import DataError, Fix, require_package
from reassess.evaluation.outcomes import raise_if_unknown
from reassess.text import join_first

with require_package("datasets", extra="huggingface", purpose="a column of labels"):
    import datasets
    import pyarrow
    import pyarrow.compute

__all__ = ["check_columns", "file_names", "map_stream", "with_real_labels"]

# From a table and its file names to a new table.
ChangeTable = Callable[[pyarrow.Table, tuple[str, ...]], pyarrow.Table]
_DatasetT = TypeVar("_DatasetT", datasets.Dataset, datasets.IterableDataset)
_UNKNOWN_IMAGES_FIX = Fix(
    "correct the names, or leave such images without labels: {ignore_unknown}", ignore_unknown=True
)


def with_real_labels(
    dataset: _DatasetT,
    labels: LabelSets | str | Path = "imagenet-real",
    *,
    image_column: str = "image",
    new_column: str = "real_label",
    ignore_unknown: bool = False,
) -> _DatasetT:
    """Add a column with the valid classes of each image, joined by file name.

    Parameters
    ----------
    dataset
        One split; may be streamed.
    labels
        Label sets, or a file or known source of label sets.
    image_column
        A column of images that are stored with their file names, or a column of file names. Images are not decoded.
    new_column
        Name of the new column: lists of int64, the ascending class ids of each image; empty for a rated image without
        a valid class.
    ignore_unknown
        Add None for an unrated image instead of stopping.

    Returns
    -------
    A dataset of the same kind with one more column.

    Raises
    ------
    DataError
        The dataset is a dict of splits, the image column is missing or has no file names, the new column exists
        already, or images are unrated. Errors about streamed images are raised during iteration.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> dataset = datasets.Dataset.from_dict({"file": ["b.png", "a.png"]})
    >>> with_real_labels(dataset, labels, image_column="file")[:]
    {'file': ['b.png', 'a.png'], 'real_label': [[], [0, 2]]}
    """
    check_columns(dataset, image_column, new_column)
    labels = labels if isinstance(labels, LabelSets) else read_labels(labels).evaluation_labels
    if isinstance(dataset, datasets.Dataset):
        return dataset.add_column(new_column, _valid_classes(labels, file_names(dataset, image_column), ignore_unknown))
    new_features = {new_column: datasets.Sequence(datasets.Value("int64"))}
    change = partial(_add_label_column, labels=labels, new_column=new_column, ignore_unknown=ignore_unknown)
    return map_stream(dataset, image_column, new_features, change)


def file_names(dataset: datasets.Dataset, column: str) -> tuple[str, ...]:
    """Return the file names in a column of file names or images. Images are not decoded."""
    names, name_column = dataset.with_format(None).select_columns(column), column
    if isinstance(dataset.features[column], datasets.Image):
        names, name_column = names.cast_column(column, datasets.Image(decode=False)).flatten(), f"{column}.path"
    return require_names(names[name_column], column)


def map_stream(
    dataset: datasets.IterableDataset, image_column: str, new_features: Mapping[str, Any], change: ChangeTable
) -> datasets.IterableDataset:
    """Apply `change` to each Arrow table of a streamed dataset, lazily; the result can be pickled."""
    features = datasets.Features({**dataset.features, **new_features})
    if isinstance(dataset.features[image_column], datasets.Image):
        dataset = dataset.cast_column(image_column, datasets.Image(decode=False))
    options = {"image_column": image_column, "change": change}
    result = dataset.with_format("arrow").map(_change_table, batched=True, fn_kwargs=options)
    # With the features as an argument of map, several versions of the package no longer decode the images.
    return result.cast(features).with_format(dataset._formatting and dataset._formatting.format_type)


def _change_table(table: pyarrow.Table, *, image_column: str, change: ChangeTable) -> pyarrow.Table:
    """Call `change` with a table and the file names of its image column."""
    column = table.column(image_column)
    names = pyarrow.compute.struct_field(column, "path") if pyarrow.types.is_struct(column.type) else column
    return change(table, require_names(names.to_pylist(), image_column))


def _add_label_column(
    table: pyarrow.Table, images: tuple[str, ...], *, labels: LabelSets, new_column: str, ignore_unknown: bool
) -> pyarrow.Table:
    """Append a column with the valid classes of each image."""
    return table.append_column(new_column, _valid_classes(labels, images, ignore_unknown))


def _valid_classes(labels: LabelSets, images: tuple[str, ...], ignore_unknown: bool) -> pyarrow.Array:
    """Return the list of valid classes of each image; null for an unrated image."""
    rows = labels.find(images)
    unknown = rows < 0
    if not ignore_unknown:
        raise_if_unknown(images, np.flatnonzero(unknown), labels.images, _UNKNOWN_IMAGES_FIX)
    sizes = np.zeros(len(rows), np.int64)
    ids, sizes[~unknown] = labels.classes_of_rows(rows[~unknown])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pyarrow.ListArray.from_arrays(offsets, ids.astype(np.int64), mask=pyarrow.array(unknown))


def require_names(values: Iterable[str | None], column: str) -> tuple[str, ...]:
    """Return the names in a column; raise if a name is missing."""
    names = list(values)
    missing = [row for row, name in enumerate(names) if not name]
    if missing:
        raise DataError(
            "missing-image-names",
            f"{len(missing):,} of {len(names):,} images have no file name",
            where=f"column {column}, the first is row {missing[0]}",
            fix="add the labels before you call map or filter: these drop the file names of decoded images; or use a "
            "column of file names: image_column=...",
        )
    return tuple(name for name in names if name)


def check_columns(dataset: object, image_column: str, new_column: str | None) -> None:
    """Raise unless a dataset has a column of images or file names, and no column called `new_column`."""
    if not isinstance(dataset, datasets.Dataset | datasets.IterableDataset):
        raise DataError(
            "wrong-type",
            "not a single dataset",
            allowed="a Dataset or an IterableDataset",
            found=f"{type(dataset).__name__}"
            + (f" of {join_first(list(dataset))}" if isinstance(dataset, dict) else ""),
            fix='choose one split, such as DATASET["validation"]',
        )
    if dataset.features is None:
        raise DataError(
            "missing-column",
            "dataset does not describe its columns",
            fix="add the labels before map, or pass features= to map and from_generator",
        )
    if image_column not in dataset.features:
        raise DataError(
            "missing-column",
            f"dataset has no column {image_column}",
            found=join_first(list(dataset.features)),
            fix="choose the column of images or of their file names: image_column=...",
        )
    if not _has_file_names(dataset.features[image_column]):
        raise DataError(
            "wrong-type",
            f"column {image_column} has neither images nor file names",
            allowed="Image, or Value('string')",
            found=dataset.features[image_column],
            fix="choose the column of images or of their file names: image_column=...",
        )
    if new_column is not None and new_column in dataset.features:
        raise DataError(
            "duplicate-column",
            f"dataset already has a column {new_column}",
            found=join_first(list(dataset.features)),
            fix="choose another name: new_column=...",
        )


def _has_file_names(column: object) -> bool:
    """Return whether a column has file names: its values are texts, or images that know their path."""
    if isinstance(column, datasets.Value):
        return column.dtype in ("string", "large_string")
    return isinstance(column, datasets.Image)
