"""Some images of a tf.data pipeline, also one of TFDS, chosen by name; other classes, and targets for a loss."""

from collections.abc import Mapping
from typing import Any

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_type
from reassess.errors import DataError, importing
from reassess.integrations._new_classes import new_classes

with importing("tensorflow", extra="tensorflow", purpose="images of a tf.data pipeline"):
    import tensorflow as tf

    from reassess.integrations.tensorflow import check_elements, finder, refuse_unknown

__all__ = ["relabel_images", "select_images", "with_targets"]

_UNKNOWN = -2


def select_images(
    dataset: tf.data.Dataset,
    selection: ImageSelection,
    *,
    file_name: str = "file_name",
    match: Match = "path",
    ignore_unknown: bool = False,
) -> tf.data.Dataset:
    """The images of a dataset that a selection names.

    Parameters
    ----------
    dataset
        Its elements are dicts, one an image: select before images are put into batches.
    selection
        Which images are wanted, such as ``folds.training(0)``.
    file_name
        The feature that names the image.
    match
        Which part of a name identifies an image; TFDS's names are those of files, without folders: ``name``.
    ignore_unknown
        Leave out images that the folds do not know instead of stopping.

    Raises
    ------
    DataError
        This is no dataset, its elements are not dicts or name no image; or they are batches.
    tf.errors.InvalidArgumentError
        In iteration: an image is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from reassess.core import Folds
    >>> folds = Folds(("a.png", "b.png", "c.png"), np.array([0, 1, 0]))
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["c.png", "b.png", "a.png"]})
    >>> [element["file_name"].numpy() for element in select_images(images, folds.held_out(0))]
    [b'c.png', b'a.png']
    """
    check_type(ImageSelection, selection, what="selection", fix="read_clean_list(FILE) or ImageSelection(images)")
    find = _finder(dataset, selection, file_name, match, ignore_unknown)
    return dataset.filter(lambda element: find(element[file_name]) >= 0)


def relabel_images(
    dataset: tf.data.Dataset,
    classes_of: Mapping[str, int],
    *,
    file_name: str = "file_name",
    label: str = "label",
    match: Match = "path",
) -> tf.data.Dataset:
    """The same dataset, in which some images, by name, have another class than before.

    Parameters
    ----------
    dataset, file_name, match
        As for `select_images`; elements may be batches.
    classes_of
        The class id of each image that gets another.
    label
        The feature that holds the class id.

    Raises
    ------
    DataError
        As for `select_images`; a class id is negative; the elements have no such label.

    Examples
    --------
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["a.png", "b.png"], "label": [0, 1]})
    >>> [element["label"].numpy().item() for element in relabel_images(images, {"b.png": 2})]
    [0, 2]
    """
    selection, ids = new_classes(classes_of)
    find = _finder(dataset, selection, file_name, match, ignore_unknown=True, batches=True)
    if label not in dataset.element_spec:
        raise DataError(
            "missing-column", f"elements of the dataset have no feature {label}", fix="say which it is: label=..."
        )
    new = tf.constant(ids, dataset.element_spec[label].dtype)

    def relabel(element: dict[str, Any]) -> dict[str, Any]:
        rows = find(element[file_name])
        return {**element, label: tf.where(rows >= 0, tf.gather(new, tf.maximum(rows, 0)), element[label])}

    return dataset.map(relabel, num_parallel_calls=tf.data.AUTOTUNE)


def with_targets(
    dataset: tf.data.Dataset,
    targets: TrainingTargets,
    *,
    file_name: str = "file_name",
    image: str = "image",
    match: Match = "path",
    ignore_unknown: bool = False,
) -> tf.data.Dataset:
    """The images that have a target, each with it: pairs, as ``model.fit`` takes them.

    Parameters
    ----------
    dataset, file_name, match, ignore_unknown
        As for `select_images`.
    targets
        What `reassess.training_targets` gives. Images that it left out are left out.
    image
        The feature that holds the image.

    Returns
    -------
    A dataset of (image, target), the target float32 of shape (classes,).

    Raises
    ------
    DataError, tf.errors.InvalidArgumentError
        As for `select_images`; or the elements have no such image.

    Examples
    --------
    >>> from reassess import Classes, LabelSets, training_targets
    >>> targets = training_targets(LabelSets.from_lists(["a.png"], [[0, 2]], Classes(3)), "uniform")
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["a.png"], "image": [0.5]})
    >>> [target.numpy().tolist() for image, target in with_targets(images, targets)]
    [[0.5, 0.0, 0.5]]
    """
    check_type(TrainingTargets, targets, what="targets", fix="training_targets(...)")
    find = _finder(dataset, targets.selection, file_name, match, ignore_unknown)
    if image not in dataset.element_spec:
        raise DataError(
            "missing-column", f"elements of the dataset have no feature {image}", fix="say which it is: image=..."
        )
    starts = tf.constant(targets.indptr, tf.int64)
    ids, values = tf.constant(targets.indices, tf.int64), tf.constant(targets.values)

    def add(element: dict[str, Any], row: tf.Tensor) -> tuple[Any, tf.Tensor]:
        places = tf.range(starts[row], starts[row + 1])
        target = tf.tensor_scatter_nd_update(
            tf.fill([targets.classes], tf.constant(targets.background, tf.float32)),
            tf.gather(ids, places)[:, None],
            tf.gather(values, places),
        )
        return element[image], target

    found = dataset.map(lambda element: (element, find(element[file_name])), num_parallel_calls=tf.data.AUTOTUNE)
    return found.filter(lambda _, row: row >= 0).map(add, num_parallel_calls=tf.data.AUTOTUNE)


def _finder(
    dataset: Any,
    selection: ImageSelection,
    file_name: str,
    match: Match,
    ignore_unknown: bool,
    *,
    batches: bool = False,
) -> Any:
    """From names to positions among the wanted images, below 0 of others; an unknown one stops the iteration."""
    check_elements(dataset, file_name, [])
    if not batches and dataset.element_spec[file_name].shape.rank:
        raise DataError(
            "batched", "elements of the dataset are batches", allowed="one image an element",
            fix="select images before batch(...), or call unbatch() first",
        )  # fmt: skip
    find = finder(selection.positions(match), _UNKNOWN, match)
    if selection.others is None or ignore_unknown:
        return find

    def found(names: tf.Tensor) -> tf.Tensor:
        rows = find(names)
        images = (*selection.images, *(selection.others or ()))
        with tf.control_dependencies(
            [refuse_unknown(names, rows > _UNKNOWN, images, f"known to the {selection.thing}")]
        ):
            return tf.identity(rows)

    return found
