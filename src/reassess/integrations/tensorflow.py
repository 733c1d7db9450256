"""ReaL labels in a tf.data pipeline, joined by file name in the graph."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from unicodedata import normalize

import numpy as np

from reassess.core import LabelSets, Match
from reassess.core.checks import check_known
from reassess.core.image_names import VALIDATION_PATTERN, image_keys
from reassess.core.image_selection import TRAINING_PATTERN
from reassess.data import read_labels
from reassess.errors import DataError, require_package
from reassess.evaluation import multi_hot, padded_ids
from reassess.evaluation.batch_targets import PADDING
from reassess.text import join_first

with require_package("tensorflow", extra="tensorflow", purpose="labels in a tf.data pipeline"):
    import tensorflow as tf

__all__ = ["Encoding", "assert_all_known", "check_dataset_features", "make_position_finder", "with_real_labels"]

Encoding = Literal["ragged", "multi-hot", "padded"]

# The rule of `image_keys` in RE2, which has no lookahead: a word ends after the 8 digits, or a letter follows. \C is
# any byte, since names may not be UTF-8.
_VALIDATION_IMAGE = rf"^\C*?({VALIDATION_PATTERN})(?:(?:\b|[A-Za-z_])\C*)$"
_FILE_NAME = r"^\C*/(\C+)$"
_KEY_PATTERNS = {"path": (), "name": (_FILE_NAME,), "stem": (_FILE_NAME, r"^(\C+)[.][^./]*$", TRAINING_PATTERN)}
_MAX_NAMES = 3  # unknown names in a message


def with_real_labels(
    dataset: tf.data.Dataset,
    labels: LabelSets | str | Path = "imagenet-real",
    *,
    file_name_feature: str = "file_name",
    new_feature: str = "real_label",
    encoding: Encoding = "ragged",
    ignore_unknown: bool = False,
) -> tf.data.Dataset:
    """Add a feature with the valid classes of each image, joined by file name.

    Parameters
    ----------
    dataset
        A dataset of dicts, batched or not.
    labels
        Label sets, or a file or known source of label sets.
    file_name_feature
        The feature with the file name: a string, or a vector of strings.
    new_feature
        Name of the new feature.
    encoding
        ``ragged``: int64, the ascending class ids of each image, a vector of its own length; in batches a RaggedTensor.
        Batch these vectors with `ragged_batch`; `padded_batch` would pad with 0, which is a class. ``padded``: int64,
        the ids, padded with -1 to the largest number of classes of any image. ``multi-hot``: bool, whether each class
        is valid.
    ignore_unknown
        Add an empty list for an unrated image instead of stopping. Then the feature ``real_label_rated`` (`new_feature`
        and ``_rated``) is added too: False for an unrated image, True for a rated image without a valid class.

    Returns
    -------
    A dataset of dicts in the same order.

    Raises
    ------
    DataError
        The argument is not a dataset, its elements are not dicts with a file name, or they have the new feature
        already; the encoding is unknown; or it is multi-hot and the labels do not define the number of classes.
    tf.errors.InvalidArgumentError
        During iteration: images are unrated. The message counts and names them.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[2, 0], [], [1]])
    >>> images = tf.data.Dataset.from_tensor_slices({"file_name": ["c.png", "a.png", "b.png"]})
    >>> [element["real_label"].numpy().tolist() for element in with_real_labels(images, labels)]
    [[1], [0, 2], []]
    >>> next(iter(with_real_labels(images.batch(3), labels, encoding="padded")))["real_label"].numpy()
    array([[ 1, -1],
           [ 0,  2],
           [-1, -1]])
    """
    labels = labels if isinstance(labels, LabelSets) else read_labels(labels).evaluation_labels
    check_dataset_features(dataset, file_name_feature, [new_feature, f"{new_feature}_rated"][: 1 + ignore_unknown])
    positions = {key: row for row, key in enumerate(image_keys(labels.images))}
    find, encode = make_position_finder(positions, len(labels)), _make_valid_class_encoder(labels, encoding)

    def add_labels(element: Mapping[str, Any]) -> dict[str, Any]:
        names = element[file_name_feature]
        rows = find(names)
        rated = rows < len(labels)
        if ignore_unknown:
            return {**element, new_feature: encode(rows), f"{new_feature}_rated": rated}
        with tf.control_dependencies(
            [assert_all_known(names, rated, labels.images, "images are not in the label set")]
        ):
            return {**element, new_feature: encode(rows)}

    return dataset.map(add_labels, num_parallel_calls=tf.data.AUTOTUNE)


def make_position_finder(
    position_by_name: Mapping[str, int], position_if_unknown: int, match: Match = "path"
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Create a function that maps image names to positions, and unknown names to `position_if_unknown`."""
    row_of = {normalize(form, key): row for form in ("NFC", "NFD") for key, row in position_by_name.items()}
    row_of[""] = position_if_unknown  # tables cannot be empty, and image names are never empty
    rows = tf.constant(list(row_of.values()), tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(list(row_of), rows), position_if_unknown)
    return lambda names: table.lookup(_image_keys(names, match))


def _image_keys(names: tf.Tensor, match: Match = "path") -> tf.Tensor:
    """Compute the key of each image with TensorFlow operations, with the same result as `image_keys`."""
    keys = tf.strings.regex_replace(names, r"\\", "/")
    keys = tf.strings.regex_replace(keys, _VALIDATION_IMAGE, r"\1", replace_global=False)
    for pattern in _KEY_PATTERNS[match]:
        keys = tf.strings.regex_replace(keys, pattern, r"\1", replace_global=False)
    return keys


def _make_valid_class_encoder(
    labels: LabelSets, encoding: Encoding
) -> Callable[[tf.Tensor], tf.Tensor | tf.RaggedTensor]:
    """Create a function that returns the valid classes of some rows of `labels`, in the chosen encoding."""
    check_known([encoding], get_args(Encoding), value_name="encoding")
    splits = np.append(labels.indptr, labels.indptr[-1])
    sets = tf.RaggedTensor.from_row_splits(tf.constant(labels.indices, tf.int64), splits)
    no_rows = np.zeros(0, np.int64)
    width = padded_ids(labels, no_rows).shape[1]
    classes = multi_hot(labels, no_rows).shape[1] if encoding == "multi-hot" else 0

    def encode_valid_classes(label_rows: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        flat = tf.reshape(label_rows, [-1])
        ids = tf.gather(sets, flat)
        if encoding != "ragged":
            ids = ids.to_tensor(PADDING, shape=(flat.shape[0], width))
        if encoding == "multi-hot":  # one_hot ignores the padding, which is not a class
            ids = tf.reduce_any(tf.one_hot(ids, classes, on_value=True, off_value=False), axis=1)
        return ids if label_rows.shape.rank else ids[0]

    return encode_valid_classes


def check_dataset_features(dataset: Any, file_name_feature: str, new_features: list[str]) -> None:
    """Raise unless each element is a dict with a file name and without any of the new features."""
    if not isinstance(dataset, tf.data.Dataset):
        raise DataError(
            "wrong-type", "not a tf.data dataset", allowed="a tf.data.Dataset", found=type(dataset).__name__
        )
    spec = dataset.element_spec
    if not isinstance(spec, Mapping):
        raise DataError(
            "missing-image-names",
            "elements of the dataset are not dicts, so they have no image names",
            allowed=f"dicts with the feature {file_name_feature}",
            found=f"{type(spec).__name__}: {spec}",
            fix="convert the elements to dicts, or call tfds.load without as_supervised=True",
        )
    if file_name_feature not in spec:
        raise DataError(
            "missing-column",
            f"elements of the dataset have no feature {file_name_feature}",
            found=join_first(list(spec)),
            fix="choose the feature with the file name: file_name_feature=...",
        )
    name = spec[file_name_feature]
    if not (isinstance(name, tf.TensorSpec) and name.dtype == tf.string and name.shape.rank in (0, 1)):
        raise DataError(
            "wrong-type",
            f"feature {file_name_feature} is not a file name",
            allowed="a string, or a vector of strings",
            found=name,
        )
    if existing := [feature for feature in new_features if feature in spec]:
        raise DataError(
            "duplicate-column",
            f"elements of the dataset already have a feature {existing[0]}",
            found=join_first(list(spec)),
            fix="choose another name: new_feature=...",
        )


def assert_all_known(names: tf.Tensor, is_known: tf.Tensor, known_images: Sequence[str], problem: str) -> tf.Operation:
    """Create an operation that stops with an error if an image is unknown; `problem` is a part of the message."""
    # The message is one line, because TensorFlow escapes line breaks.
    unknown = tf.boolean_mask(tf.reshape(names, [-1]), tf.reshape(~is_known, [-1]))
    message = [
        tf.as_string(tf.size(unknown)),
        " of ",
        tf.as_string(tf.size(names)),
        f" {problem}; allowed: names such as {join_first(known_images, max_items=2)}; found: ",
        tf.strings.unicode_transcode(tf.strings.reduce_join(unknown[:_MAX_NAMES], separator=", "), "UTF-8", "UTF-8"),
        "; fix: correct the names, or leave such images without labels: ignore_unknown=True",
    ]
    return tf.debugging.Assert(tf.reduce_all(is_known), [tf.strings.join(message)])
