"""Parts of folds, other classes and targets for a loss inside each framework: by name, and alike in all of them."""

import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reassess.cleaning import training_targets
from reassess.core import Classes, Folds, ImageSelection, LabelSets, TrainingTargets
from reassess.errors import DataError, ReassessWarning
from reassess.formats import read_clean_list
from tests.helpers import message

NAMES = ("cat/1.png", "cat/2.png", "cat/3.png", "dog/4.png", "dog/5.png", "eel/6.png")
FOLDS = Folds(tuple(reversed(NAMES)), np.array([0, 1, 0, 1, 0, 1]))
LABELS = LabelSets.from_lists(NAMES, [[0], [0, 1], [], [1], [2, 1], [2]], Classes(3, names=("cat", "dog", "eel")))
HELD_OUT = ("cat/2.png", "dog/4.png", "eel/6.png")  # in fold 0


@pytest.fixture
def uniform() -> TrainingTargets:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)
        return training_targets(LABELS, "uniform")


@pytest.fixture
def hot() -> TrainingTargets:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReassessWarning)
        return training_targets(LABELS, "multi-hot")


# --- torchvision and timm --------------------------------------------------------------------------------------------


@pytest.fixture
def torch_training(needs: Callable[[str], None]) -> ModuleType:
    needs("torchvision")
    return import_module("reassess.integrations.torch_training")


# timm leaves the files of images open.
_LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(params=["torchvision", pytest.param("timm", marks=_LEFT_OPEN)])
def images(request: pytest.FixtureRequest, torch_training: ModuleType, needs: Any, tmp_path: Path) -> Any:
    """Six images in class folders, each a dataset of either library; the red of an image is 10 times its number."""
    from PIL import Image

    for name in NAMES:
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (10 * int(path.stem), 0, 0)).save(path)
    if request.param == "torchvision":
        from torchvision.datasets import ImageFolder

        return ImageFolder(tmp_path / "train")
    needs("timm")
    from timm.data import create_dataset

    return create_dataset("", str(tmp_path / "train"))


def red(image: Any) -> int:
    return int(image.getpixel((0, 0))[0])


def test_torch_parts_of_a_fold_are_all_images_once(images: Any, torch_training: ModuleType) -> None:
    held_out, training = (
        torch_training.SelectedImages(images, part) for part in (FOLDS.held_out(0), FOLDS.training(0))
    )
    assert [red(image) for image, _ in held_out] == [20, 40, 60]
    assert [red(image) for image, _ in training] == [10, 30, 50]
    assert [target for _, target in held_out] == [0, 1, 2]
    assert torch_training.image_names(held_out) == list(HELD_OUT)
    assert torch_training.image_names(torch_training.SelectedImages(held_out, ImageSelection(HELD_OUT[1:]))) == list(
        HELD_OUT[1:]
    )


def test_torch_takes_a_list_of_kept_images_as_a_selection(
    images: Any, torch_training: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "clean.txt"
    path.write_text("\n".join(HELD_OUT[1:]))
    assert torch_training.image_names(torch_training.SelectedImages(images, read_clean_list(path))) == list(
        HELD_OUT[1:]
    )
    assert message(torch_training.SelectedImages, images, path) == (
        f"wrong type of selection\n  allowed: ImageSelection\n  found:   {type(path).__name__}\n"
        "  fix:     read_clean_list(FILE) or ImageSelection(images)"
    )


def test_torch_a_transform_of_one_part_is_not_that_of_another(images: Any, torch_training: ModuleType) -> None:
    held_out, training = (
        torch_training.SelectedImages(images, part) for part in (FOLDS.held_out(0), FOLDS.training(0))
    )
    training.transform = red  # as timm's create_loader sets it
    assert [value for value, _ in training] == [10, 30, 50]
    assert [red(image) for image, _ in held_out] == [20, 40, 60]
    assert (training.transform, held_out.transform, images.transform) == (red, None, None)


def test_torch_other_classes_by_name(images: Any, torch_training: ModuleType) -> None:
    changed = torch_training.RelabelledImages(images, {"2.png": 1, "6.png": 2}, match="name")
    assert [target for _, target in changed] == [0, 1, 0, 1, 1, 2]
    assert [red(image) for image, _ in changed] == [10, 20, 30, 40, 50, 60]
    part = torch_training.SelectedImages(changed, FOLDS.held_out(0))
    assert [target for _, target in part] == [1, 1, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_torch_each_image_has_its_target_and_both_losses_train(
    images: Any, torch_training: ModuleType, uniform: TrainingTargets, hot: TrainingTargets, workers: int
) -> None:
    import torch
    from torch.utils.data import DataLoader

    for targets, loss in ((uniform, torch.nn.CrossEntropyLoss()), (hot, torch.nn.BCEWithLogitsLoss())):
        dataset = torch_training.TargetImages(images, targets)
        dataset.transform = as_numbers
        assert torch_training.image_names(dataset) == [name for name in NAMES if name != "cat/3.png"]
        model = torch.nn.Linear(1, 3)
        start = "spawn" if workers else None  # a process in which JAX was loaded does not fork
        for pixels, target in DataLoader(dataset, batch_size=5, num_workers=workers, multiprocessing_context=start):
            for value, row in zip(pixels[:, 0].tolist(), target.tolist(), strict=True):
                name = NAMES[round(value * 25) - 1]
                assert row == targets.of([name])[0].tolist()
            before = loss(model(pixels), target)
            before.backward()
            with torch.no_grad():
                model.weight -= 0.1 * model.weight.grad
                model.bias -= 0.1 * model.bias.grad
            assert loss(model(pixels), target) < before


def as_numbers(image: Any) -> Any:
    import torch

    return torch.tensor([red(image) / 250])


def test_timm_losses_take_the_targets(needs: Any, uniform: TrainingTargets, hot: TrainingTargets) -> None:
    needs("timm")
    import torch
    from timm.loss import BinaryCrossEntropy, SoftTargetCrossEntropy

    for targets, loss in ((uniform, SoftTargetCrossEntropy()), (hot, BinaryCrossEntropy())):
        logits = torch.zeros(5, 3, requires_grad=True)
        before = loss(logits, torch.from_numpy(targets.to_array()))
        before.backward()
        assert loss(logits - 0.1 * logits.grad, torch.from_numpy(targets.to_array())) < before


def test_torch_what_is_missing_or_unknown_is_said(images: Any, torch_training: ModuleType) -> None:
    with pytest.warns(ReassessWarning) as warned:
        some = torch_training.SelectedImages(images, ImageSelection(("cat/1.png", "cat/9.png")))
    assert [str(each.message) for each in warned] == ["1 of the 2 images in the list are not in the dataset: cat/9.png"]
    assert (some.missing, len(some), warned[0].filename) == (1, 1, __file__)
    few = Folds(NAMES[:4], np.array([0, 1, 0, 1]))
    assert message(lambda: torch_training.SelectedImages(images, few.training(0))) == (
        "2 of 6 images are not in the training part of fold 0\n"
        "  allowed: names such as cat/2.png, dog/4.png and 2 more\n  found:   dog/5.png, eel/6.png\n"
        "  fix:     check the names; or do not use such images: ignore_unknown=True"
    )
    with pytest.warns(ReassessWarning) as warned:
        torch_training.SelectedImages(images, few.training(0), ignore_unknown=True)
    assert [str(each.message) for each in warned] == [
        "2 of 6 images are unknown to the training part of fold 0 and not used: dog/5.png, eel/6.png"
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"cat/1.png": "fox"}, "class is not in the dataset\n  where:   image cat/1.png\n"),
        ({"cat/1.png": -1}, "class id out of range\n  where:   image cat/1.png\n"),
        ({"cat/1.png": 1.5}, "class id out of range\n  where:   image cat/1.png\n"),
        ({"x.png": 1}, "no image of the dataset is in the list of new classes\n"),
        ({}, "selection is empty\n  where:   the list of new classes"),
    ],
)
def test_torch_classes_that_are_none_are_refused(
    images: Any, torch_training: ModuleType, given: dict[str, Any], expected: str
) -> None:
    assert message(lambda: torch_training.RelabelledImages(images, given)).startswith(expected)


# --- TensorFlow ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tf_training(needs: Callable[[str], None]) -> ModuleType:
    needs("tensorflow")
    return import_module("reassess.integrations.tensorflow_training")


@pytest.fixture
def elements(tf_training: ModuleType) -> Any:
    import tensorflow as tf

    columns = {"file_name": [NAMES[0], NAMES[1].replace("/", "\\"), *NAMES[2:]]}
    return tf.data.Dataset.from_tensor_slices(
        {**columns, "image": np.arange(6, dtype=np.float32)[:, None], "label": [0, 0, 0, 1, 1, 2]}
    )


def numbers(dataset: Any) -> list[int]:
    return [int(element["image"][0]) for element in dataset]


def test_tf_parts_of_a_fold_are_all_images_once(elements: Any, tf_training: ModuleType) -> None:
    assert numbers(tf_training.select_images(elements, FOLDS.held_out(0))) == [1, 3, 5]
    assert numbers(tf_training.select_images(elements, FOLDS.training(0))) == [0, 2, 4]
    for match, name in (("name", "5.png"), ("stem", "5")):
        assert numbers(tf_training.select_images(elements, ImageSelection((name,)), match=match)) == [4]


def test_tf_keys_are_those_of_python(tf_training: ModuleType) -> None:
    from reassess.core.image_selection import selection_keys
    from reassess.integrations.tensorflow import _keys

    names = ["a/b.c.png", "b", "x\\y.jpg", "a/.hidden", "n01440764_7_n01440764.JPEG", "t/n01440764_7.JPEG", "a.b/c",
             "val/ILSVRC2012_val_00000007_n01440764.JPEG"]  # fmt: skip
    for match in ("path", "name", "stem"):
        keys = [key.decode() for key in _keys(names, match).numpy().tolist()]
        assert keys == list(selection_keys(names, match))


def test_tf_other_classes_by_name(elements: Any, tf_training: ModuleType) -> None:
    changed = {"cat/2.png": 1, "dog/4.png": 0}
    for dataset in (elements, elements.batch(4)):
        result = tf_training.relabel_images(dataset, changed)
        labels = np.concatenate([np.ravel(element["label"]) for element in result])
        assert labels.tolist() == [0, 1, 0, 0, 1, 2]


def test_tf_each_image_has_its_target_and_both_losses_train(
    elements: Any, tf_training: ModuleType, uniform: TrainingTargets, hot: TrainingTargets
) -> None:
    import keras

    for targets, loss in (
        (uniform, keras.losses.CategoricalCrossentropy(from_logits=True)),
        (hot, keras.losses.BinaryCrossentropy(from_logits=True)),
    ):
        pairs = tf_training.with_targets(elements, targets)
        for image, target in pairs:
            assert target.numpy().tolist() == targets.of([NAMES[int(image[0])]])[0].tolist()
        batch = next(iter(pairs.batch(6)))
        assert batch[0][:, 0].numpy().tolist() == [0, 1, 3, 4, 5]
        if keras.backend.backend() == "tensorflow":
            model = keras.Sequential([keras.layers.Dense(3)])
            model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss)
            before, after = (float(model.train_on_batch(*batch)) for _ in range(2))
            assert after < before


def test_tf_an_unknown_image_stops_the_iteration_or_is_left_out(elements: Any, tf_training: ModuleType) -> None:
    import tensorflow as tf

    few = Folds(NAMES[:4], np.array([0, 1, 0, 1]))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        numbers(tf_training.select_images(elements, few.training(0)))
    assert (
        "1 of 1 images are not known to the training part of fold 0; allowed: names such as cat/2.png, dog/4.png and "
        "2 more; found: dog/5.png; fix: check the names, or keep such images apart with ignore_unknown=True"
    ) in str(error.value)
    assert numbers(tf_training.select_images(elements, few.training(0), ignore_unknown=True)) == [1, 3]


def test_tf_batches_and_wrong_elements_are_refused(
    elements: Any, tf_training: ModuleType, uniform: TrainingTargets
) -> None:
    assert message(lambda: tf_training.select_images(elements.batch(2), FOLDS.training(0))) == (
        "elements of the dataset are batches\n  allowed: one image an element\n"
        "  fix:     select images before batch(...), or call unbatch() first"
    )
    calls: tuple[Callable[[], Any], ...] = (
        lambda: tf_training.with_targets(elements, uniform, image="picture"),
        lambda: tf_training.relabel_images(elements, {"cat/1.png": 0}, label="class"),
        lambda: tf_training.relabel_images(elements, {"cat/1.png": -1}),
        lambda: tf_training.select_images([1], FOLDS.training(0)),
    )
    for call in calls:
        with pytest.raises(DataError):
            call()


# --- Hugging Face ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hf_training(needs: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    needs("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return import_module("reassess.integrations.huggingface_training")


@pytest.fixture(params=["in memory", "streamed"])
def columns(request: pytest.FixtureRequest, hf_training: ModuleType) -> Any:
    import datasets

    features = datasets.Features(
        {
            "file": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["cat", "dog", "eel"]),
            "number": datasets.Value("float32"),
        }
    )
    rows = {"file": list(NAMES), "label": [0, 0, 0, 1, 1, 2], "number": list(range(6))}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    return dataset if request.param == "in memory" else dataset.to_iterable_dataset()


def listed(dataset: Any, column: str) -> list[Any]:
    return [row[column] for row in dataset]


def test_hf_parts_of_a_fold_are_all_images_once(columns: Any, hf_training: ModuleType) -> None:
    held_out = hf_training.select_images(columns, FOLDS.held_out(0), image="file")
    assert listed(held_out, "file") == list(HELD_OUT)
    assert listed(hf_training.select_images(columns, FOLDS.training(0), image="file"), "number") == [0, 2, 4]
    assert type(held_out) is type(columns)
    assert held_out.features == columns.features


def test_hf_other_classes_by_name(columns: Any, hf_training: ModuleType) -> None:
    changed = hf_training.relabel_images(columns, {"2.png": "dog", "4.png": 0}, image="file", match="name")
    assert listed(changed, "label") == [0, 1, 0, 0, 1, 2]
    assert listed(changed, "file") == list(NAMES)
    assert list(changed.features) == list(columns.features)
    assert changed.features == columns.features


def test_hf_each_image_has_its_target_and_both_losses_train(
    columns: Any, hf_training: ModuleType, needs: Any, uniform: TrainingTargets, hot: TrainingTargets
) -> None:
    needs("torch")
    import torch

    for targets, loss in ((uniform, torch.nn.CrossEntropyLoss()), (hot, torch.nn.BCEWithLogitsLoss())):
        dataset = hf_training.with_targets(columns, targets, image="file")
        assert listed(dataset, "file") == [name for name in NAMES if name != "cat/3.png"]
        for row in dataset:
            assert list(row["target"]) == targets.of([row["file"]])[0].tolist()
        tensors = dataset.with_format("torch")
        target = torch.stack([row["target"] for row in tensors])
        logits = torch.zeros(5, 3, requires_grad=True)
        before = loss(logits, target)
        before.backward()
        assert loss(logits - 0.1 * logits.grad, target) < before


def test_hf_what_does_not_fit_is_refused(columns: Any, hf_training: ModuleType, uniform: TrainingTargets) -> None:
    few = Folds(NAMES[:4], np.array([0, 1, 0, 1]))

    def told(call: Callable[[], Any]) -> str:
        return message(lambda: list(call()))

    assert told(lambda: hf_training.select_images(columns, few.training(0), image="file")).startswith(
        "2 of 6 images are not in the training part of fold 0\n"
    )
    assert told(lambda: hf_training.relabel_images(columns, {"cat/1.png": "fox"}, image="file")) == (
        "class is not in the dataset\n  where:   image cat/1.png\n  allowed: cat, dog, eel\n  found:   'fox'"
    )
    assert told(lambda: hf_training.relabel_images(columns, {"cat/1.png": 3}, image="file")) == (
        "class id out of range\n  where:   image cat/1.png\n  allowed: 0 to 2\n  found:   3"
    )
    assert told(lambda: hf_training.with_targets(columns, uniform, image="file", feature="label")).startswith(
        "dataset already has a column label\n"
    )


def test_hf_unknown_images_are_left_out_if_asked(columns: Any, hf_training: ModuleType) -> None:
    few = Folds(NAMES[:4], np.array([0, 1, 0, 1]))
    with warnings.catch_warnings(record=True, action="always") as warned:
        part = hf_training.select_images(columns, few.training(0), image="file", ignore_unknown=True)
        assert listed(part, "number") == [1, 3]
    texts = [str(each.message) for each in warned if issubclass(each.category, ReassessWarning)]
    streamed = not hasattr(columns, "select")
    unknown = "2 of 6 images are unknown to the training part of fold 0 and not used: dog/5.png, eel/6.png"
    assert texts == ([] if streamed else [unknown])


def test_hf_targets_that_are_too_large_are_refused(hf_training: ModuleType, uniform: TrainingTargets) -> None:
    import datasets

    dataset = datasets.Dataset.from_dict({"file": list(NAMES)})
    assert message(lambda: hf_training.with_targets(dataset, uniform, image="file", max_bytes=59)) == (
        "targets are too large to compute at once\n  allowed: 59 bytes\n  found:   60 bytes: 5 x 3 numbers\n"
        "  fix:     give dataset.to_iterable_dataset(), which makes them as they are read"
    )
    streamed = hf_training.with_targets(dataset.to_iterable_dataset(), uniform, image="file", max_bytes=59)
    assert len(list(streamed)) == 5


def test_hf_images_keep_their_pixels(hf_training: ModuleType, tmp_path: Path) -> None:
    import datasets
    from PIL import Image

    for row in range(3):
        Image.new("RGB", (2, 2), (10 * row, 0, 0)).save(tmp_path / f"{row}.png")
    paths = [str(tmp_path / f"{row}.png") for row in range(3)]
    dataset = datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image())
    selection = ImageSelection(("2.png", "0.png"))
    for each in (dataset, dataset.to_iterable_dataset()):
        part = hf_training.select_images(each, selection, match="name")
        assert [red(row["image"]) for row in part] == [0, 20]
