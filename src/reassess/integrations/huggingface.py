"""ReaL labels as a column of a Hugging Face dataset, joined by file name."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reassess.core import LabelSets
from reassess.data import read_labels
from reassess.errors import DataError, Fix, importing
from reassess.evaluation.outcomes import refuse_unknown
from reassess.text import some

with importing("datasets", extra="huggingface", purpose="a column of labels"):
    import datasets
    import pyarrow
    import pyarrow.compute

__all__ = ["check_columns", "file_names", "mapped", "with_real_labels"]

Change = Callable[[pyarrow.Table, tuple[str, ...]], pyarrow.Table]  # by a table and its file names
_DatasetT = TypeVar("_DatasetT", datasets.Dataset, datasets.IterableDataset)
_FIX = Fix("check the names, or mark such images: {ignore_unknown}", ignore_unknown=True)


def with_real_labels(
    dataset: _DatasetT,
    labels: LabelSets | str | Path = "imagenet-real",
    *,
    image: str = "image",
    feature: str = "real_label",
    ignore_unknown: bool = False,
) -> _DatasetT:
    """The same dataset with the valid classes of each image, found by its file name.

    Parameters
    ----------
    dataset
        One split, also a streamed one.
    labels
        Label sets, or a file or known source of them.
    image
        The column of images, beside which their file names are kept; or a column of file names. No image is decoded.
    feature
        The column to add: a list of int64, the class ids of each image, ascending; empty for an image that was rated
        and has no valid class.
    ignore_unknown
        Give an image that is unrated None instead of stopping.

    Returns
    -------
    A dataset of the same kind with one more column.

    Raises
    ------
    DataError
        This is a dict of splits; the column is not there, or holds no file names; there is a column of the new name
        already; images are unrated. What is wrong with a streamed image is raised in iteration.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> dataset = datasets.Dataset.from_dict({"file": ["b.png", "a.png"]})
    >>> with_real_labels(dataset, labels, image="file")[:]
    {'file': ['b.png', 'a.png'], 'real_label': [[], [0, 2]]}
    """
    check_columns(dataset, image, feature)
    labels = labels if isinstance(labels, LabelSets) else read_labels(labels).evaluation_labels
    if isinstance(dataset, datasets.Dataset):
        return dataset.add_column(feature, _find(labels, file_names(dataset, image), ignore_unknown))
    added = {feature: datasets.Sequence(datasets.Value("int64"))}
    change = partial(_with_column, labels=labels, feature=feature, ignore_unknown=ignore_unknown)
    return mapped(dataset, image, added, change)


def file_names(dataset: datasets.Dataset, column: str) -> tuple[str, ...]:
    """The names alone: where images are stored in the dataset, nothing but their paths is read."""
    names, stored = dataset.with_format(None).select_columns(column), column
    if isinstance(dataset.features[column], datasets.Image):
        names, stored = names.cast_column(column, datasets.Image(decode=False)).flatten(), f"{column}.path"
    return whole_names(names[stored], column)


def mapped(
    dataset: datasets.IterableDataset, image: str, added: Mapping[str, Any], change: Change
) -> datasets.IterableDataset:
    """A streamed dataset whose Arrow tables `change` changes; other processes can have it too."""
    features = datasets.Features({**dataset.features, **added})
    if isinstance(dataset.features[image], datasets.Image):
        dataset = dataset.cast_column(image, datasets.Image(decode=False))
    options = {"image": image, "change": change}
    changed = dataset.with_format("arrow").map(_changed, batched=True, fn_kwargs=options)
    # Given to map itself, the features would keep several versions of the package from decoding the images again.
    return changed.cast(features).with_format(dataset._formatting and dataset._formatting.format_type)


def _changed(table: pyarrow.Table, *, image: str, change: Change) -> pyarrow.Table:
    column = table.column(image)
    names = pyarrow.compute.struct_field(column, "path") if pyarrow.types.is_struct(column.type) else column
    return change(table, whole_names(names.to_pylist(), image))


def _with_column(
    table: pyarrow.Table, images: tuple[str, ...], *, labels: LabelSets, feature: str, ignore_unknown: bool
) -> pyarrow.Table:
    return table.append_column(feature, _find(labels, images, ignore_unknown))


def _find(labels: LabelSets, images: tuple[str, ...], ignore_unknown: bool) -> pyarrow.Array:
    """The classes of each image, a list each; null for an image that is unrated."""
    rows = labels.find(images)
    unknown = rows < 0
    if not ignore_unknown:
        refuse_unknown(images, np.flatnonzero(unknown), labels.images, _FIX)
    sizes = np.zeros(len(rows), np.int64)
    ids, sizes[~unknown] = labels.of_rows(rows[~unknown])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pyarrow.ListArray.from_arrays(offsets, ids.astype(np.int64), mask=pyarrow.array(unknown))


def whole_names(given: Iterable[str | None], column: str) -> tuple[str, ...]:
    """The names; none may be missing."""
    names = list(given)
    missing = [row for row, name in enumerate(names) if not name]
    if missing:
        raise DataError(
            "missing-image-names",
            f"{len(missing):,} of {len(names):,} images have no file name",
            where=f"column {column}, the first is row {missing[0]}",
            fix="add the labels before any map or filter, in which decoded images lose the names of their files; or "
            "give a column of file names: image=...",
        )
    return tuple(name for name in names if name)


def check_columns(dataset: object, image: str, feature: str | None) -> None:
    """Raise `DataError` unless this is one dataset with a column of images or file names, and none of a new name."""
    if not isinstance(dataset, datasets.Dataset | datasets.IterableDataset):
        raise DataError(
            "wrong-type",
            "not a single dataset",
            allowed="a Dataset or an IterableDataset",
            found=f"{type(dataset).__name__}" + (f" of {some(list(dataset))}" if isinstance(dataset, dict) else ""),
            fix="give one split; the training images of ImageNet have no reassessed labels",
        )
    if dataset.features is None:
        raise DataError(
            "missing-column",
            "dataset does not describe its columns",
            fix="add the labels before any map, or give map and from_generator the features",
        )
    if image not in dataset.features:
        raise DataError(
            "missing-column",
            f"dataset has no column {image}",
            found=some(list(dataset.features)),
            fix="say which column holds the images or their file names: image=...",
        )
    if not _named(dataset.features[image]):
        raise DataError(
            "wrong-type",
            f"column {image} has neither images nor file names",
            allowed="Image, or Value('string')",
            found=dataset.features[image],
            fix="say which column holds the images or their file names: image=...",
        )
    if feature is not None and feature in dataset.features:
        raise DataError(
            "duplicate-column",
            f"dataset already has a column {feature}",
            found=some(list(dataset.features)),
            fix="call the new one otherwise: feature=...",
        )


def _named(column: object) -> bool:
    if isinstance(column, datasets.Value):
        return column.dtype in ("string", "large_string")
    return isinstance(column, datasets.Image)
