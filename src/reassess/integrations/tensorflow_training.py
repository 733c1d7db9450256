"""Selection, relabelling and training targets of images in a tf.data pipeline, by file name."""

from collections.abc import Callable, Mapping
from typing import Any

from reassess.core import ImageSelection, Match, TrainingTargets
from reassess.core.checks import check_type
from reassess.errors import DataError, require_package
from reassess.integrations._new_classes import to_selection_and_class_ids

with require_package("tensorflow", extra="tensorflow", purpose="images of a tf.data pipeline"):
    import tensorflow as tf

    from reassess.integrations.tensorflow import assert_all_known, check_dataset_features, make_position_finder

__all__ = ["relabel_images", "select_images", "with_targets"]

_POSITION_IF_UNKNOWN = -2


def select_images(
    dataset: tf.data.Dataset,
    selection: ImageSelection,
    *,
    file_name_feature: str = "file_name",
    match: Match = "path",
    ignore_unknown: bool = False,
) -> tf.data.Dataset:
    """Select images of a dataset by file name.

    Parameters
    ----------
    dataset
        A dataset of dicts, one per image: select images before you batch them.
    selection
        The images to select, such as ``folds.training_selection(0)``.
    file_name_feature
        The feature with the file name.
    match
        The part of a name that identifies an image. TFDS has file names without folders: ``name``.
    ignore_unknown
        Skip images that are unknown to the folds instead of stopping.

    Raises
    ------
    DataError
        The argument is not a dataset, its elements are not dicts with a file name, or they are batches.
    tf.errors.InvalidArgumentError
        During iteration: an image is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from reassess.core import Folds
    >>> folds = Folds(("a.png", "b.png", "c.png"), np.array([0, 1, 0]))
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["c.png", "b.png", "a.png"]})
    >>> [element["file_name"].numpy() for element in select_images(images, folds.held_out_selection(0))]
    [b'c.png', b'a.png']
    """
    check_type(ImageSelection, selection, value_name="selection", fix="read_clean_list(FILE) or ImageSelection(images)")
    find = _make_row_finder(dataset, selection, file_name_feature, match, ignore_unknown)
    return dataset.filter(lambda element: find(element[file_name_feature]) >= 0)


def relabel_images(
    dataset: tf.data.Dataset,
    new_class_by_image: Mapping[str, int],
    *,
    file_name_feature: str = "file_name",
    label_feature: str = "label",
    match: Match = "path",
) -> tf.data.Dataset:
    """Change the class of some images, by file name.

    Parameters
    ----------
    dataset, file_name_feature, match
        As for `select_images`; elements may be batches.
    new_class_by_image
        New class id of images by name.
    label_feature
        The feature with the class id.

    Raises
    ------
    DataError
        As for `select_images`; or a class id is negative, or the label feature is missing.

    Examples
    --------
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["a.png", "b.png"], "label": [0, 1]})
    >>> [element["label"].numpy().item() for element in relabel_images(images, {"b.png": 2})]
    [0, 2]
    """
    selection, ids = to_selection_and_class_ids(new_class_by_image)
    find = _make_row_finder(dataset, selection, file_name_feature, match, ignore_unknown=True, is_batched=True)
    if label_feature not in dataset.element_spec:
        raise DataError(
            "missing-column",
            f"elements of the dataset have no feature {label_feature}",
            fix="choose the feature with the class: label_feature=...",
        )
    new = tf.constant(ids, dataset.element_spec[label_feature].dtype)

    def relabel(element: dict[str, Any]) -> dict[str, Any]:
        rows = find(element[file_name_feature])
        return {
            **element,
            label_feature: tf.where(rows >= 0, tf.gather(new, tf.maximum(rows, 0)), element[label_feature]),
        }

    return dataset.map(relabel, num_parallel_calls=tf.data.AUTOTUNE)


def with_targets(
    dataset: tf.data.Dataset,
    targets: TrainingTargets,
    *,
    file_name_feature: str = "file_name",
    image_feature: str = "image",
    match: Match = "path",
    ignore_unknown: bool = False,
) -> tf.data.Dataset:
    """Select the images with a target, as (image, target) pairs for ``model.fit``.

    Parameters
    ----------
    dataset, file_name_feature, match, ignore_unknown
        As for `select_images`.
    targets
        The result of `reassess.training_targets`. Images without a target are dropped.
    image_feature
        The feature with the image.

    Returns
    -------
    A dataset of (image, target) pairs; targets are float32, shape (classes,).

    Raises
    ------
    DataError, tf.errors.InvalidArgumentError
        As for `select_images`; or the image feature is missing.

    Examples
    --------
    >>> from reassess import Classes, LabelSets, training_targets
    >>> targets = training_targets(LabelSets.from_lists(["a.png"], [[0, 2]], Classes(3)), "uniform")
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["a.png"], "image": [0.5]})
    >>> [target.numpy().tolist() for image, target in with_targets(images, targets)]
    [[0.5, 0.0, 0.5]]
    """
    check_type(TrainingTargets, targets, value_name="targets", fix="training_targets(...)")
    find = _make_row_finder(dataset, targets.selection, file_name_feature, match, ignore_unknown)
    if image_feature not in dataset.element_spec:
        raise DataError(
            "missing-column",
            f"elements of the dataset have no feature {image_feature}",
            fix="choose the feature with the image: image_feature=...",
        )
    starts = tf.constant(targets.indptr, tf.int64)
    ids, values = tf.constant(targets.indices, tf.int64), tf.constant(targets.values)

    def make_image_and_target(element: dict[str, Any], row: tf.Tensor) -> tuple[Any, tf.Tensor]:
        positions = tf.range(starts[row], starts[row + 1])
        target = tf.tensor_scatter_nd_update(
            tf.fill([targets.n_classes], tf.constant(targets.background_value, tf.float32)),
            tf.gather(ids, positions)[:, None],
            tf.gather(values, positions),
        )
        return element[image_feature], target

    pairs = dataset.map(
        lambda element: (element, find(element[file_name_feature])), num_parallel_calls=tf.data.AUTOTUNE
    )
    return pairs.filter(lambda _, row: row >= 0).map(make_image_and_target, num_parallel_calls=tf.data.AUTOTUNE)


def _make_row_finder(
    dataset: Any,
    selection: ImageSelection,
    file_name_feature: str,
    match: Match,
    ignore_unknown: bool,
    *,
    is_batched: bool = False,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Create a function that maps image names to positions in a selection, and other names to negative numbers."""
    check_dataset_features(dataset, file_name_feature, [])
    if not is_batched and dataset.element_spec[file_name_feature].shape.rank:
        raise DataError(
            "batched", "elements of the dataset are batches", allowed="one image per element",
            fix="select images before batch(...), or call unbatch() first",
        )  # fmt: skip
    find = make_position_finder(selection.positions_by_key(match), _POSITION_IF_UNKNOWN, match)
    if selection.other_images is None or ignore_unknown:
        return find

    def find_positions_or_raise(names: tf.Tensor) -> tf.Tensor:
        rows = find(names)
        images = (*selection.images, *(selection.other_images or ()))
        problem = f"images are not known to the {selection.selection_name}"
        with tf.control_dependencies([assert_all_known(names, rows > _POSITION_IF_UNKNOWN, images, problem)]):
            return tf.identity(rows)

    return find_positions_or_raise
