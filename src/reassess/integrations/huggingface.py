"""ReaL labels as a column of a Hugging Face data set, joined by file name."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from reassess.errors import DataError, MissingPackageError, some
from reassess.labels import LabelSets
from reassess.loading import load_labels
from reassess.outcomes import refuse_unknown

try:
    import datasets
    import pyarrow
    import pyarrow.compute
except ImportError as error:
    raise MissingPackageError("datasets", extra="huggingface", purpose="a column of labels") from error

__all__ = ["with_real_labels"]

_DatasetT = TypeVar("_DatasetT", datasets.Dataset, datasets.IterableDataset)
_MEND = "check the names, or keep such images apart with ignore_unknown=True"


def with_real_labels(
    dataset: _DatasetT,
    labels: LabelSets | str | Path = "imagenet-real",
    *,
    image: str = "image",
    feature: str = "real_label",
    ignore_unknown: bool = False,
) -> _DatasetT:
    """The same data set with the valid classes of each image, found by its file name.

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
        Give an image that was never rated None instead of stopping.

    Returns
    -------
    A data set of the same kind with one more column.

    Raises
    ------
    DataError
        This is a dict of splits; the column is not there, or holds no file names; there is a column of the new name
        already; images were never rated. What is wrong with a streamed image is raised in iteration.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png"], [[2, 0], []])
    >>> dataset = datasets.Dataset.from_dict({"file": ["b.png", "a.png"]})
    >>> with_real_labels(dataset, labels, image="file")[:]
    {'file': ['b.png', 'a.png'], 'real_label': [[], [0, 2]]}
    """
    _check_columns(dataset, image, feature)
    labels = labels if isinstance(labels, LabelSets) else load_labels(labels)
    holds_images = isinstance(dataset.features[image], datasets.Image)

    def find(names: Sequence[str | None]) -> pyarrow.Array:
        return _find(labels, _whole(names, image), ignore_unknown)

    def add(table: pyarrow.Table) -> pyarrow.Table:
        column = table.column(image)
        names = pyarrow.compute.struct_field(column, "path") if holds_images else column
        return table.append_column(feature, find(names.to_pylist()))

    if isinstance(dataset, datasets.Dataset):
        return dataset.add_column(feature, find(_file_names(dataset, image, holds_images)))
    features = datasets.Features({**dataset.features, feature: datasets.Sequence(datasets.Value("int64"))})
    labelled = dataset.with_format("arrow").map(add, batched=True, features=features)
    return labelled.with_format(dataset._formatting and dataset._formatting.format_type)


def _file_names(dataset: datasets.Dataset, column: str, holds_images: bool) -> Sequence[str | None]:
    """The names alone: where images are stored in the data set, nothing but their paths is read."""
    names = dataset.with_format(None).select_columns(column)
    if holds_images:
        names, column = names.cast_column(column, datasets.Image(decode=False)).flatten(), f"{column}.path"
    return list(names[column])


def _whole(names: Sequence[str | None], column: str) -> tuple[str, ...]:
    missing = [row for row, name in enumerate(names) if not name]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(names):,} images have no file name",
            where=f"column {column}, the first is row {missing[0]}",
            mend="add the labels before any map or filter: images that were decoded have lost the names of their files; "
            "or give a column of file names: image=...",
        )
    return tuple(name for name in names if name)


def _find(labels: LabelSets, names: tuple[str, ...], ignore_unknown: bool) -> pyarrow.Array:
    """The classes of each image, a list each; null for an image that was never rated."""
    rows = labels.find(names)
    unknown = rows < 0
    if not ignore_unknown:
        refuse_unknown(names, np.flatnonzero(unknown), labels, _MEND)
    ids, sizes = labels.of_rows(rows[~unknown])
    ends = np.zeros(len(rows), np.int64)
    ends[~unknown] = sizes
    offsets = np.concatenate([[0], np.cumsum(ends)]).astype(np.int32)
    return pyarrow.ListArray.from_arrays(offsets, ids.astype(np.int64), mask=pyarrow.array(unknown))


def _check_columns(dataset: object, image: str, feature: str) -> None:
    if not isinstance(dataset, datasets.Dataset | datasets.IterableDataset):
        raise DataError(
            "this is not one data set",
            allowed="a Dataset or an IterableDataset",
            found=f"{type(dataset).__name__}" + (f" of {some(list(dataset))}" if isinstance(dataset, dict) else ""),
            mend="give one split; the training images of ImageNet have no re-assessed labels",
        )
    if dataset.features is None:
        raise DataError(
            "the data set does not say what its columns hold",
            mend="add the labels before any map, or give map and from_generator the features",
        )
    if image not in dataset.features:
        raise DataError(
            f"the data set has no column {image}",
            found=some(list(dataset.features)),
            mend="say which column holds the images or their file names: image=...",
        )
    if not _named(dataset.features[image]):
        raise DataError(
            f"the column {image} holds neither images nor file names",
            allowed="Image, or Value('string')",
            found=dataset.features[image],
            mend="say which column holds the images or their file names: image=...",
        )
    if feature in dataset.features:
        raise DataError(
            f"the data set has a column {feature} already",
            found=some(list(dataset.features)),
            mend="call the new one otherwise: feature=...",
        )


def _named(column: object) -> bool:
    if isinstance(column, datasets.Value):
        return column.dtype in ("string", "large_string")
    return isinstance(column, datasets.Image)
