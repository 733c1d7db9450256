"""Selection, relabelling and training targets by name, with the same results in each framework."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reassess.cleaning import training_targets
from reassess.core import Classes, Folds, ImageSelection, LabelSets, TrainingTargets
from reassess.core.image_selection import image_keys_without_class
from reassess.errors import DataError, ReassessWarning
from reassess.formats import read_clean_list
from tests.helpers import Needs, code_of, message

NAMES = ("cat/1.png", "cat/2.png", "cat/3.png", "dog/4.png", "dog/5.png", "eel/6.png")
CLASS_IDS = [0, 0, 0, 1, 1, 2]
FOLDS = Folds(tuple(reversed(NAMES)), np.array([0, 1, 0, 1, 0, 1]))  # images 2, 4 and 6 are in fold 0
FEW = Folds(NAMES[:4], np.array([0, 1, 0, 1]))
LABELS = LabelSets.from_lists(NAMES, [[0], [0, 1], [], [1], [2, 1], [2]], Classes(3, names=("cat", "dog", "eel")))
HELD_OUT = ("cat/2.png", "dog/4.png", "eel/6.png")
UNKNOWN = "2 of 6 images are unknown to the training part of fold 0 and not used: dog/5.png, eel/6.png"


@pytest.fixture(scope="module")
def both_targets() -> tuple[TrainingTargets, TrainingTargets]:
    """Targets for cross entropy and for binary cross entropy."""
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return training_targets(LABELS, "uniform"), training_targets(LABELS, "multi-hot")


@dataclass(frozen=True)
class Library:
    """Six images in a framework, its functions under test, and a reader of numbers and classes or targets."""

    images: Any
    select: Callable[..., Any]
    relabel: Callable[..., Any]
    with_targets: Callable[..., Any]
    rows: Callable[[Any], Iterator[tuple[int, Any]]]

    def numbers(self, images: Any) -> list[int]:
        return [number for number, _ in self.rows(images)]

    def selected(self, selection: ImageSelection, **options: Any) -> list[int]:
        return self.numbers(self.select(self.images, selection, **options))


@pytest.fixture(scope="module")
def torch_training(needs: Needs) -> ModuleType:
    needs("torchvision")
    return import_module("reassess.integrations.torch_training")


@pytest.fixture(scope="module")
def tf_training(needs: Needs) -> ModuleType:
    needs("tensorflow")
    return import_module("reassess.integrations.tensorflow_training")


@pytest.fixture(scope="module")
def hf_training(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    needs("datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        yield import_module("reassess.integrations.huggingface_training")


@pytest.fixture(scope="module")
def folder(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders; the red value of an image is 10 times its number."""
    needs("PIL")
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (10 * int(Path(name).stem), 0, 0)).save(folder / name)
    return folder


def red(image: Any) -> int:
    return int(image.getpixel((0, 0))[0])


@pytest.fixture
def torchvision(folder: Path, torch_training: ModuleType) -> Library:
    from torchvision.datasets import ImageFolder

    return of_torch(ImageFolder(folder), torch_training)


@pytest.fixture
def timm(folder: Path, torch_training: ModuleType, needs: Needs) -> Library:
    needs("timm")
    from timm.data import create_dataset

    return of_torch(create_dataset("", str(folder)), torch_training)


def of_torch(images: Any, module: ModuleType) -> Library:
    def rows(dataset: Any) -> Iterator[tuple[int, Any]]:
        for image, target in dataset:
            yield red(image) // 10, np.asarray(target).tolist()

    return Library(images, module.SelectedImages, module.RelabelledImages, module.TargetImages, rows)


@pytest.fixture
def tensorflow(tf_training: ModuleType) -> Library:
    import tensorflow as tf

    def rows(dataset: Any) -> Iterator[tuple[int, Any]]:
        for element in dataset:
            image, target = (element["image"], element["label"]) if isinstance(element, dict) else element
            yield int(image[0]), target.numpy().tolist()

    names = [NAMES[0], NAMES[1].replace("/", "\\"), *NAMES[2:]]
    images = {"file_name": names, "image": np.arange(1, 7, dtype=np.float32)[:, None], "label": CLASS_IDS}
    dataset = tf.data.Dataset.from_tensor_slices(images)
    return Library(dataset, tf_training.select_images, tf_training.relabel_images, tf_training.with_targets, rows)


@pytest.fixture
def huggingface(hf_training: ModuleType) -> Library:
    import datasets

    features = datasets.Features(
        {
            "image": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["cat", "dog", "eel"]),
            "number": datasets.Value("float32"),
        }
    )
    columns = {"image": list(NAMES), "label": CLASS_IDS, "number": list(range(1, 7))}

    def rows(dataset: Any) -> Iterator[tuple[int, Any]]:
        for row in dataset:
            yield int(row["number"]), row.get("target", row["label"])

    images = datasets.Dataset.from_dict(columns, features=features)
    return Library(images, hf_training.select_images, hf_training.relabel_images, hf_training.with_targets, rows)


@pytest.fixture
def streamed(huggingface: Library) -> Library:
    return replace(huggingface, images=huggingface.images.to_iterable_dataset())


# timm does not close image files.
_OPEN_FILES = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
TORCH = ["torchvision", pytest.param("timm", marks=_OPEN_FILES)]
HUGGING_FACE = ["huggingface", "streamed"]


@pytest.fixture(params=[*TORCH, "tensorflow", *HUGGING_FACE])
def library(request: pytest.FixtureRequest) -> Library:
    return request.getfixturevalue(request.param)


def test_held_out_and_training_images_are_selected(library: Library) -> None:
    held_out = library.select(library.images, FOLDS.held_out_selection(0))
    assert list(library.rows(held_out)) == [(2, 0), (4, 1), (6, 2)]
    assert library.selected(FOLDS.training_selection(0)) == [1, 3, 5]
    for match, name in (("name", "5.png"), ("stem", "5")):
        assert library.selected(ImageSelection((name,)), match=match) == [5]


def test_images_are_relabelled_by_name(library: Library) -> None:
    changed = library.relabel(library.images, {"2.png": 1, "4.png": 0}, match="name")
    assert list(library.rows(changed)) == [(1, 0), (2, 1), (3, 0), (4, 0), (5, 1), (6, 2)]
    part = library.select(changed, FOLDS.held_out_selection(0))
    assert list(library.rows(part)) == [(2, 1), (4, 0), (6, 2)]


def test_images_have_targets_of_their_name(library: Library, both_targets: tuple[TrainingTargets, ...]) -> None:
    for targets in both_targets:
        rows = list(library.rows(library.with_targets(library.images, targets)))
        assert [number for number, _ in rows] == [1, 2, 4, 5, 6]
        for number, target in rows:
            assert target == targets.targets_of([NAMES[number - 1]])[0].tolist()


@pytest.mark.parametrize("library", [*TORCH, *HUGGING_FACE], indirect=True)
def test_unknown_images_raise_or_are_skipped(library: Library) -> None:
    assert message(lambda: library.selected(FEW.training_selection(0))) == (
        "2 of 6 images are not in the training part of fold 0\n"
        "  allowed: names such as cat/2.png, dog/4.png and 2 more\n  found:   dog/5.png, eel/6.png\n"
        "  fix:     correct the names; or skip such images: ignore_unknown=True"
    )
    with warnings.catch_warnings(record=True, action="always") as warned:
        assert library.selected(FEW.training_selection(0), ignore_unknown=True) == [2, 4]
    is_streamed = type(library.images).__name__ == "IterableDataset"
    texts = [str(warning.message) for warning in warned if issubclass(warning.category, ReassessWarning)]
    assert texts == ([] if is_streamed else [UNKNOWN])


def test_unknown_image_in_tensorflow_stops_iteration_or_is_skipped(tensorflow: Library) -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tensorflow.selected(FEW.training_selection(0))
    assert (
        "1 of 1 images are not known to the training part of fold 0; allowed: names such as cat/2.png, dog/4.png and "
        "2 more; found: dog/5.png; fix: correct the names, or leave such images without labels: ignore_unknown=True"
    ) in str(error.value)
    assert tensorflow.selected(FEW.training_selection(0), ignore_unknown=True) == [2, 4]


# --- torchvision and timm --------------------------------------------------------------------------------------------


def test_clean_list_is_a_selection(torchvision: Library, torch_training: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("\n".join(HELD_OUT[1:]))
    part = torchvision.select(torchvision.images, read_clean_list(tmp_path / "clean.txt"))
    assert torch_training.image_names(part) == list(HELD_OUT[1:])
    assert message(torchvision.select, torchvision.images, str(tmp_path)) == (
        "wrong type of selection\n  allowed: ImageSelection\n  found:   str\n"
        "  fix:     read_clean_list(FILE) or ImageSelection(images)"
    )


@pytest.mark.parametrize("library", TORCH, indirect=True)
def test_transform_of_a_subset_does_not_change_others(library: Library) -> None:
    held_out, training = (
        library.select(library.images, part) for part in (FOLDS.held_out_selection(0), FOLDS.training_selection(0))
    )
    training.transform = red  # as timm's create_loader sets it
    assert [value for value, _ in training] == [10, 30, 50]
    assert [red(image) for image, _ in held_out] == [20, 40, 60]
    assert (training.transform, held_out.transform, library.images.transform) == (red, None, None)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("library", TORCH, indirect=True)
def test_loader_returns_images_with_their_targets(
    library: Library, both_targets: tuple[TrainingTargets, ...], workers: int
) -> None:
    from torch.utils.data import DataLoader

    dataset = library.with_targets(library.images, both_targets[0])
    dataset.transform = red
    start = "spawn" if workers else None  # a process cannot fork after JAX was loaded
    ((reds, targets),) = DataLoader(dataset, batch_size=5, num_workers=workers, multiprocessing_context=start)
    expected = [both_targets[0].targets_of([NAMES[value // 10 - 1]])[0].tolist() for value in reds.tolist()]
    assert (reds.tolist(), targets.tolist()) == ([10, 20, 40, 50, 60], expected)


def test_missing_images_of_torch_dataset_are_warned_about(torchvision: Library) -> None:
    with pytest.warns(ReassessWarning) as warned:
        subset = torchvision.select(torchvision.images, ImageSelection(("cat/1.png", "cat/9.png")))
    text = "1 of the 2 images in the list are not in the dataset: cat/9.png"
    assert [str(warning.message) for warning in warned] == [text]
    assert (subset.missing, len(subset), warned[0].filename) == (1, 1, __file__)
    assert code_of(torchvision.relabel, torchvision.images, {"x.png": 1}) == "nothing-in-common"
    assert code_of(torchvision.relabel, torchvision.images, {}) == "empty"


@pytest.mark.parametrize(
    ("classes_of", "code"),
    [
        ({"cat/1.png": "fox"}, "unknown-class"),
        ({"cat/1.png": -1}, "out-of-range"),
        ({"cat/1.png": 0.5}, "out-of-range"),
        ({"cat/1.png": True}, "out-of-range"),
    ],
)
@pytest.mark.parametrize("library", [*TORCH, *HUGGING_FACE], indirect=True)
def test_invalid_new_class_raises(library: Library, classes_of: dict[str, Any], code: str) -> None:
    with pytest.raises(DataError) as caught:
        list(library.relabel(library.images, classes_of))
    assert (caught.value.code, caught.value.where) == (code, "image cat/1.png")


# --- TensorFlow ------------------------------------------------------------------------------------------------------


def test_keys_in_tensorflow_equal_selection_keys(tf_training: ModuleType) -> None:
    from reassess.integrations.tensorflow import _image_keys

    names = ["a/b.c.png", "b", "x\\y.jpg", "a/.hidden", "n01440764_7_n01440764.JPEG", "t/n01440764_7.JPEG", "a.b/c",
             "val/ILSVRC2012_val_00000007_n01440764.JPEG"]  # fmt: skip
    for match in ("path", "name", "stem"):
        keys = [key.decode() for key in _image_keys(names, match).numpy().tolist()]
        assert keys == list(image_keys_without_class(names, match))


def test_batches_in_tensorflow_can_be_relabelled_but_not_selected(
    tensorflow: Library, both_targets: tuple[TrainingTargets, ...]
) -> None:
    images = tensorflow.images
    changed = tensorflow.relabel(images.batch(4), {"cat/2.png": 1})
    assert np.concatenate([element["label"] for element in changed]).tolist() == [0, 1, 0, 1, 1, 2]
    assert message(tensorflow.select, images.batch(2), FOLDS.training_selection(0)) == (
        "elements of the dataset are batches\n  allowed: one image per element\n"
        "  fix:     select images before batch(...), or call unbatch() first"
    )
    assert code_of(tensorflow.with_targets, images, both_targets[0], image_feature="picture") == "missing-column"
    assert code_of(tensorflow.relabel, images, {"cat/1.png": 0}, label_feature="class") == "missing-column"
    assert code_of(tensorflow.relabel, images, {"cat/1.png": -1}) == "out-of-range"
    assert code_of(tensorflow.select, [1], FOLDS.training_selection(0)) == "wrong-type"


# --- Hugging Face ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", HUGGING_FACE, indirect=True)
def test_hugging_face_columns_are_unchanged(library: Library, both_targets: tuple[TrainingTargets, ...]) -> None:
    changed = library.relabel(library.images, {"cat/2.png": "dog"})
    for part in (changed, library.select(library.images, FOLDS.held_out_selection(0))):
        assert (type(part), list(part.features.items())) == (
            type(library.images),
            list(library.images.features.items()),
        )
    assert [row["image"] for row in changed] == list(NAMES)
    assert code_of(library.with_targets, library.images, both_targets[0], new_column="label") == "duplicate-column"
    assert code_of(library.relabel, library.images, {"cat/1.png": 3}) == "out-of-range"


def test_too_large_targets_in_hugging_face_raise(
    huggingface: Library, both_targets: tuple[TrainingTargets, ...]
) -> None:
    assert message(huggingface.with_targets, huggingface.images, both_targets[0], max_bytes=59) == (
        "targets are too large to compute at once\n  allowed: 59 bytes\n  found:   60 bytes: 5 x 3 numbers\n"
        "  fix:     use dataset.to_iterable_dataset(), which computes them during iteration"
    )
    streamed = huggingface.with_targets(huggingface.images.to_iterable_dataset(), both_targets[0], max_bytes=59)
    assert len(list(streamed)) == 5


def test_hugging_face_images_keep_their_pixels(hf_training: ModuleType, folder: Path) -> None:
    import datasets

    for labels in (["x"] * len(NAMES), [True] * len(NAMES)):
        wrong_labels = datasets.Dataset.from_dict({"image": list(NAMES), "label": labels})
        assert code_of(hf_training.relabel_images, wrong_labels, {NAMES[0]: 1}, image_column="image") == "wrong-type"
    dataset = datasets.Dataset.from_dict({"image": [str(folder / name) for name in NAMES]})
    images = dataset.cast_column("image", datasets.Image())
    for variant in (images, images.to_iterable_dataset()):
        part = hf_training.select_images(variant, ImageSelection(("6.png", "2.png")), match="name")
        assert [red(row["image"]) for row in part] == [20, 60]
