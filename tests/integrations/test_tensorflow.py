"""ReaL labels in tf.data: joined by image key, in any order, batched or not; unknown images raise."""

import os
import re
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets
from reassess.core.image_names import image_keys
from reassess.evaluation import multi_hot, padded_ids
from reassess.text import to_nfc
from tests.helpers import Needs, RealFile, code_of, fault_of, message

# On Python 3.13, a library that AutoGraph uses warns of deprecation. As an error, the warning makes AutoGraph run a
# loop without converting it, and the loop never ends.
pytestmark = pytest.mark.filterwarnings("ignore:.*pyct_anno:DeprecationWarning")

LABELS = LabelSets.from_lists(
    [*(f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 6)), "cats/tom.jpg"],
    [[2, 0], [], [1], [3, 4, 5], [0], [5]],
    Classes(6),
)
NAMES = [
    "val/n01751748/ILSVRC2012_val_00000003.JPEG",
    "ILSVRC2012_val_00000001_n01751748.png",
    "ILSVRC2012_val_00000002.JPEG",
    "cats/tom.jpg",
    "ILSVRC2012_val_00000003",
    "ILSVRC2012_val_00000004.JPEG",
]
ROWS = np.array([2, 0, 1, 5, 2, 3])
TABLES: dict[str, Any] = {"padded": padded_ids(LABELS, ROWS), "multi-hot": multi_hot(LABELS, ROWS)}
TABLES["ragged"] = [LABELS[name] for name in NAMES]

pieces = st.sampled_from(
    ["ILSVRC2012_val_", "00000001", "12345678", "7", "٣", "_n01751748", ".JPEG", "/", "\\", "\n", "\0", "é", " ", "val"]
)
image_names = st.lists(st.one_of(pieces, st.text(st.characters(codec="utf-8"), max_size=3)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def tf(needs: Needs) -> ModuleType:
    needs("tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return import_module("tensorflow")


@pytest.fixture(scope="module")
def module(tf: ModuleType) -> ModuleType:
    return import_module("reassess.integrations.tensorflow")


@pytest.fixture
def images(tf: ModuleType) -> Any:
    """A dataset of the names and their numbers."""
    return tf.data.Dataset.from_tensor_slices({"file_name": NAMES, "number": np.arange(len(NAMES))})


def lists(feature: Any) -> list[list[int]]:
    return [ids.tolist() for ids in feature]


def error_in_iteration(tf: ModuleType, dataset: Any) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(dataset)
    return re.search(r"assertion failed: \[(.*)\]\n", error.value.message)[1]


@given(image_names)
def test_keys_in_graph_equal_image_keys_except_for_unicode_form(module: ModuleType, parts: Any) -> None:
    name = "".join(parts)
    assert to_nfc(module._image_keys([name]).numpy()[0].decode()) == image_keys([name])[0]


def test_unicode_forms_of_an_image_name_are_equal(module: ModuleType, tf: ModuleType) -> None:
    names = ["me\u0301o.jpg", "m\u00e9o.jpg"]
    for name in names:
        labels = LabelSets.from_lists(["tom.jpg", name], [[0], [3]])
        dataset = module.with_real_labels(tf.data.Dataset.from_tensor_slices({"file_name": names}), labels)
        assert [element["real_label"].numpy().tolist() for element in dataset] == [[3], [3]]


@given(st.lists(st.one_of(st.just(b"ILSVRC2012_val_00000001"), st.binary(max_size=3)), max_size=4).map(b"".join))
def test_keys_in_graph_equal_image_keys_of_names_that_are_not_utf8(module: ModuleType, name: list[Any]) -> None:
    assert module._image_keys([name]).numpy().tolist() == [os.fsencode(key) for key in image_keys([os.fsdecode(name)])]


@pytest.mark.parametrize("encoding", ["ragged", "padded", "multi-hot"])
def test_elements_and_batches_get_classes_and_keep_features(module: ModuleType, images: Any, encoding: str) -> None:
    elements = list(module.with_real_labels(images.shuffle(6, seed=1), LABELS, encoding=encoding))
    assert sorted(int(element["number"]) for element in elements) == list(range(6))
    for element in elements:
        row = int(element["number"])
        assert element["file_name"].numpy().decode() == NAMES[row]
        assert element["real_label"].numpy().tolist() == list(TABLES[encoding][row])
    for size in (1, 4, 6):
        batches = module.with_real_labels(images.batch(size), LABELS, encoding=encoding)
        rows = [row for batch in batches for row in lists(batch["real_label"].numpy())]
        assert rows == [list(row) for row in TABLES[encoding]]


@pytest.mark.parametrize(
    ("encoding", "dtype", "width"), [("ragged", "int64", None), ("padded", "int64", 3), ("multi-hot", "bool", 6)]
)
def test_element_spec_has_types_and_shapes(
    module: ModuleType, images: Any, encoding: str, dtype: str, width: int | None
) -> None:
    for dataset, shape in ((images, (width,)), (images.batch(4, drop_remainder=True), (width and 4, width))):
        spec = module.with_real_labels(dataset, LABELS, encoding=encoding).element_spec["real_label"]
        assert (spec.dtype.name, tuple(spec.shape)) == (dtype, shape)


def test_dataset_works_in_parallel_map_and_compiled_function(tf: ModuleType, module: ModuleType, images: Any) -> None:
    """Labels can be added inside the function or before."""
    labelled = module.with_real_labels(images, LABELS, encoding="multi-hot").repeat(50).batch(7)
    counts = labelled.map(lambda element: tf.reduce_sum(tf.cast(element["real_label"], tf.int64)), num_parallel_calls=4)

    @tf.function
    def totals() -> Any:
        ids = tf.constant(0, tf.int64)
        for element in module.with_real_labels(images.batch(4), LABELS):
            ids += tf.reduce_sum(element["real_label"])
        return counts.prefetch(2).reduce(tf.constant(0, tf.int64), tf.add), ids

    sizes, ids = totals()
    assert (sizes, ids) == (50 * sum(map(len, TABLES["ragged"])), sum(map(sum, TABLES["ragged"])))


def test_unknown_images_stop_iteration_with_names(tf: ModuleType, module: ModuleType) -> None:
    images = tf.data.Dataset.from_tensor_slices({"file_name": [*NAMES, "a.png", "b.png", "c.png", "d/e.png"]})
    allowed = "allowed: names such as ILSVRC2012_val_00000001.JPEG, ILSVRC2012_val_00000002.JPEG and 4 more"
    fix = "fix: correct the names, or leave such images without labels: ignore_unknown=True"
    assert error_in_iteration(tf, module.with_real_labels(images, LABELS)) == (
        f"1 of 1 images are not in the label set; {allowed}; found: a.png; {fix}"
    )
    assert error_in_iteration(tf, module.with_real_labels(images.batch(10), LABELS)) == (
        f"4 of 10 images are not in the label set; {allowed}; found: a.png, b.png, c.png; {fix}"
    )
    no_utf8 = tf.data.Dataset.from_tensor_slices({"file_name": [b"\xff.png"]})
    assert error_in_iteration(tf, module.with_real_labels(no_utf8, LABELS)) == (
        f"1 of 1 images are not in the label set; {allowed}; found: \ufffd.png; {fix}"
    )


@pytest.mark.parametrize("encoding", ["ragged", "padded", "multi-hot"])
def test_rated_feature_distinguishes_unrated_from_empty(tf: ModuleType, module: ModuleType, encoding: str) -> None:
    names = ["ILSVRC2012_val_00000002.JPEG", "never.png", "ILSVRC2012_val_00000005.JPEG"]
    images = tf.data.Dataset.from_tensor_slices({"name": names})
    options = {"file_name_feature": "name", "new_feature": "valid", "encoding": encoding, "ignore_unknown": True}
    batch = next(iter(module.with_real_labels(images.batch(3), LABELS, **options)))
    singles = list(module.with_real_labels(images, LABELS, **options))
    assert sorted(batch) == sorted(singles[0]) == ["name", "valid", "valid_rated"]
    assert (
        batch["valid_rated"].numpy().tolist()
        == [bool(example["valid_rated"]) for example in singles]
        == [True, False, True]
    )
    empty, unrated, valid = lists(batch["valid"].numpy())
    assert empty == unrated != valid
    assert [example["valid"].numpy().tolist() for example in singles] == [empty, unrated, valid]


@pytest.mark.parametrize("label_sets", [LabelSets.from_lists([], []), LabelSets.from_lists(["a.png"], [[]])])
def test_labels_without_classes_give_padding(tf: ModuleType, module: ModuleType, label_sets: Any) -> None:
    images = tf.data.Dataset.from_tensor_slices({"file_name": ["a.png"]}).batch(1)
    batch = next(iter(module.with_real_labels(images, label_sets, encoding="padded", ignore_unknown=True)))
    assert batch["real_label"].numpy().tolist() == [[-1]]
    assert batch["real_label_rated"].numpy().tolist() == [len(label_sets) == 1]


def test_dataset_without_file_names_raises(tf: ModuleType, module: ModuleType, images: Any) -> None:
    add = module.with_real_labels
    pairs = tf.data.Dataset.from_tensor_slices(([1.0], [2]))
    assert message(add, pairs, LABELS) == (
        "elements of the dataset are not dicts, so they have no image names\n"
        "  allowed: dicts with the feature file_name\n"
        "  found:   tuple: (TensorSpec(shape=(), dtype=tf.float32, name=None), "
        "TensorSpec(shape=(), dtype=tf.int32, name=None))\n"
        "  fix:     convert the elements to dicts, or call tfds.load without as_supervised=True"
    )
    assert message(add, images, LABELS, file_name_feature="path") == (
        "elements of the dataset have no feature path\n  found:   file_name, number\n"
        "  fix:     choose the feature with the file name: file_name_feature=..."
    )
    assert message(add, images, LABELS, file_name_feature="number") == (
        "feature number is not a file name\n  allowed: a string, or a vector of strings\n"
        "  found:   TensorSpec(shape=(), dtype=tf.int64, name=None)"
    )
    of_batches = "TensorSpec(shape=(None, None), dtype=tf.string, name=None)"
    assert fault_of(add, images.batch(2).batch(2), LABELS) == ("wrong-type", of_batches)
    assert fault_of(add, [{"file_name": "a.png"}], LABELS) == ("wrong-type", "list")
    assert code_of(add, images, LABELS, encoding="one-hot") == "unknown-name"
    assert code_of(add, images, LabelSets.from_lists(["a.png"], [[0]]), encoding="multi-hot") == "missing-class-count"


def test_existing_feature_raises(module: ModuleType, images: Any) -> None:
    assert message(module.with_real_labels, images, LABELS, new_feature="number") == (
        "elements of the dataset already have a feature number\n"
        "  found:   file_name, number\n"
        "  fix:     choose another name: new_feature=..."
    )
    clashing = images.map(lambda example: {**example, "x_rated": 0})
    features = module.with_real_labels(clashing, LABELS, new_feature="x").element_spec
    assert sorted(features) == [*images.element_spec, "x", "x_rated"]
    assert (
        code_of(module.with_real_labels, clashing, LABELS, new_feature="x", ignore_unknown=True) == "duplicate-column"
    )


def test_labels_of_all_images_equal_published_labels(
    tf: ModuleType, module: ModuleType, real_original: LabelSets, real_file: RealFile
) -> None:
    from reassess.core import class_folder_order

    names = [f"val/{real_original.images[row]}" for row in class_folder_order(real_original)]
    images = tf.data.Dataset.from_tensor_slices({"file_name": names}).batch(50_000)
    labels = next(iter(module.with_real_labels(images, real_file("real.json"))))["real_label"]
    sizes = labels.row_lengths().numpy()
    assert np.bincount(sizes).tolist() == [3163, 39394, 5408, 1319, 411, 161, 88, 41, 13, 2]
    assert labels[names.index("val/ILSVRC2012_val_00000003.JPEG")].numpy().tolist() == [230, 231]
