"""ReaL labels in Hugging Face datasets: joined by file name, without decoding or rewriting images."""

import json
import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reassess.core import LabelSets
from tests.helpers import Needs, RealFile, code_of, message, number_of, picture

Add = Callable[..., Any]
VALID = {1: [65], 2: [], 3: [231, 230], 4: [809, 968, 925], 5: [516], 6: [57], 7: [334], 8: [700]}
ORDER = [3, 8, 2, 5, 1, 7, 4, 6]
NAMES = [f"ILSVRC2012_val_{number:08d}_n01751748.JPEG" for number in ORDER]
EXPECTED = [sorted(VALID[number]) for number in ORDER]
LABELS = LabelSets.from_lists([f"ILSVRC2012_val_{number:08d}.JPEG" for number in VALID], VALID.values())


@pytest.fixture(scope="module")
def datasets(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    needs("datasets")
    needs("PIL")
    datasets = import_module("datasets")
    datasets.disable_progress_bars()
    return datasets


@pytest.fixture(scope="module")
def add(datasets: ModuleType) -> Add:
    """The function under test."""
    return import_module("reassess.integrations.huggingface").with_real_labels


@pytest.fixture(scope="module")
def parquet(datasets: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the columns of imagenet-1k: an image (bytes and name) and its label."""
    path = tmp_path_factory.mktemp("parquet") / "validation.parquet"
    rows = {
        "image": [{"bytes": picture(n), "path": name} for n, name in zip(ORDER, NAMES, strict=True)],
        "label": ORDER,
    }
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(1000)})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)
    return path


@pytest.fixture
def images(datasets: ModuleType, parquet: Path, tmp_path: Path) -> Any:
    return datasets.Dataset.from_parquet(str(parquet), cache_dir=str(tmp_path))


@pytest.fixture
def streamed(datasets: ModuleType, parquet: Path, tmp_path: Path) -> Any:
    return datasets.load_dataset(
        "parquet", data_files=str(parquet), split="train", streaming=True, cache_dir=str(tmp_path)
    )


@pytest.fixture
def by_name(datasets: ModuleType) -> Any:
    """A dataset of names only, one of them of an unrated image."""
    return datasets.Dataset.from_dict({"file": [*NAMES, "cats/tom.jpg"]})


def check(labelled: Any, before: Any) -> None:
    """Check that each row has the right image, label and valid classes."""
    rows = list(labelled)
    assert sorted(row["label"] for row in rows) == sorted(ORDER)
    for row in rows:
        assert row["real_label"] == sorted(VALID[row["label"]])
        assert number_of(row["image"]) == row["label"]
    assert list(labelled.features) == ["image", "label", "real_label"]
    assert {name: labelled.features[name] for name in before.features} == before.features


def test_images_in_parquet_are_joined_by_name(add: Add, datasets: ModuleType, images: Any) -> None:
    """In any order, and for a subset."""
    labelled = add(images, LABELS)
    check(labelled, images)
    assert labelled["real_label"][:] == EXPECTED
    assert labelled.features["real_label"] == datasets.Sequence(datasets.Value("int64"))
    assert "real_label" not in images.features
    check(add(images.shuffle(seed=3), LABELS), images)
    assert add(images.select([6, 2]), LABELS)["real_label"][:] == [[809, 925, 968], []]
    assert add(images.select([]), LABELS)["real_label"][:] == []


def test_images_are_not_decoded_or_rewritten(add: Add, datasets: ModuleType, tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image()})
    rows = {"image": [{"bytes": b"no picture", "path": name} for name in NAMES]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    images = datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    files = sorted(path for path in tmp_path.rglob("*"))
    assert add(images, LABELS)["real_label"][:] == EXPECTED
    assert sorted(path for path in tmp_path.rglob("*")) == files


def test_decoding_and_format_are_kept(add: Add, datasets: ModuleType, images: Any) -> None:
    undecoded = images.cast_column("image", datasets.Image(decode=False))
    labelled = add(undecoded, LABELS)
    assert labelled.features["image"] == datasets.Image(decode=False)
    assert labelled[0]["image"]["path"] == NAMES[0]
    rows = add(images.with_format("numpy"), LABELS)
    assert rows.format["type"] == "numpy"
    assert number_of(rows[0]["image"]) == ORDER[0]
    hidden = add(images.with_format("numpy", columns=["label"]), LABELS)
    assert hidden[:2]["label"].tolist() == ORDER[:2]


def test_streamed_images_are_joined_by_name(add: Add, images: Any, streamed: Any) -> None:
    check(add(streamed, LABELS), streamed)
    check(add(streamed.shuffle(seed=3, buffer_size=4), LABELS), streamed)
    check(add(images.to_iterable_dataset(num_shards=3), LABELS), images)
    assert [row["real_label"] for row in add(streamed.skip(1).take(2), LABELS)] == EXPECTED[1:3]
    check(pickle.loads(pickle.dumps(add(streamed, LABELS))), streamed)  # as a data loader does for its workers


def test_decoding_and_format_of_streamed_dataset_are_kept(add: Add, datasets: ModuleType, streamed: Any) -> None:
    undecoded = add(streamed.cast_column("image", datasets.Image(decode=False)), LABELS)
    assert undecoded.features["image"] == datasets.Image(decode=False)
    assert [row["image"]["path"] for row in undecoded] == NAMES
    row = next(iter(add(streamed.with_format("numpy"), LABELS)))
    assert isinstance(row["image"], np.ndarray)
    assert row["real_label"].tolist() == EXPECTED[0]


def test_column_of_file_names_is_joined(add: Add, datasets: ModuleType, by_name: Any) -> None:
    names = by_name.select(range(8))
    for dataset in (names, names.to_iterable_dataset(), names.cast_column("file", datasets.Value("large_string"))):
        labelled = add(dataset, LABELS, image_column="file", new_column="valid")
        assert [row["valid"] for row in labelled] == EXPECTED
        assert list(labelled.features) == ["file", "valid"]


@pytest.mark.parametrize("streaming", [False, True])
def test_unrated_images_raise_or_are_none(add: Add, datasets: ModuleType, by_name: Any, streaming: bool) -> None:
    dataset = by_name.to_iterable_dataset() if streaming else by_name
    labelled = add(dataset, LABELS, image_column="file", ignore_unknown=True)
    assert [row["real_label"] for row in labelled] == [*EXPECTED, None]
    assert EXPECTED[2] == []
    dataset = datasets.Dataset.from_dict({"file": [*NAMES, "a.jpg", "b.jpg", "c.jpg", "d.jpg"]})
    dataset = dataset.to_iterable_dataset() if streaming else dataset
    assert message(lambda: list(add(dataset, LABELS, image_column="file"))) == (
        "4 of 12 images are not in the label sets\n"
        "  allowed: ILSVRC2012_val_00000001.JPEG and 7 more\n"
        "  found:   a.jpg, b.jpg, c.jpg and 1 more\n"
        "  fix:     correct the names, or leave such images without labels: ignore_unknown=True"
    )


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("missing", [None, ""])
def test_images_without_names_raise(add: Add, datasets: ModuleType, streaming: bool, missing: str | None) -> None:
    rows = {"image": [{"bytes": picture(1), "path": path} for path in (NAMES[0], missing, missing)]}
    dataset = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    dataset = dataset.to_iterable_dataset() if streaming else dataset
    assert message(lambda: list(add(dataset, LABELS))) == (
        "2 of 3 images have no file name\n"
        "  where:   column image, the first is row 1\n"
        "  fix:     add the labels before you call map or filter: these drop the file names of decoded images; "
        "or use a column of file names: image_column=..."
    )


def test_invalid_columns_raise(add: Add, datasets: ModuleType, images: Any, by_name: Any) -> None:
    untyped = datasets.IterableDataset.from_generator(lambda: iter([{"image": NAMES[0]}]))
    assert message(add, datasets.DatasetDict(train=images, validation=images), LABELS) == (
        "not a single dataset\n  allowed: a Dataset or an IterableDataset\n"
        "  found:   DatasetDict of train, validation\n"
        '  fix:     choose one split, such as DATASET["validation"]'
    )
    assert message(add, untyped, LABELS) == (
        "dataset does not describe its columns\n"
        "  fix:     add the labels before map, or pass features= to map and from_generator"
    )
    assert message(add, by_name, LABELS) == (
        "dataset has no column image\n  found:   file\n"
        "  fix:     choose the column of images or of their file names: image_column=..."
    )
    assert message(add, images, LABELS, new_column="label") == (
        "dataset already has a column label\n  found:   image, label\n  fix:     choose another name: new_column=..."
    )
    assert code_of(add, [], LABELS) == "wrong-type"
    assert message(add, images, LABELS, image_column="label").startswith(
        "column label has neither images nor file names\n  allowed: Image, or Value('string')\n  found:   ClassLabel("
    )


def test_result_can_be_written_and_read(add: Add, images: Any, tmp_path: Path) -> None:
    add(images, LABELS).to_parquet(tmp_path / "out.parquet")
    check(type(images).from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache")), images)


def test_fingerprint_depends_on_content_of_column(add: Add, datasets: ModuleType) -> None:
    """The fingerprint is the cache key of later steps."""

    def fingerprint(*sets: list[int]) -> str:
        dataset = datasets.Dataset.from_dict({"image": ["b.png", "a.png"]})
        return add(dataset, LabelSets.from_lists(["a.png", "b.png"], sets))._fingerprint

    assert fingerprint([2, 0], []) == fingerprint([0, 2], []) != fingerprint([2, 0], [1])


def test_labels_of_all_images_equal_published_labels(add: Add, datasets: ModuleType, real_file: RealFile) -> None:
    numbers = np.random.default_rng(0).permutation(50_000) + 1
    dataset = datasets.Dataset.from_dict({"image": [f"ILSVRC2012_val_{n:08d}_n01440764.JPEG" for n in numbers]})
    lists = add(dataset, real_file("real.json"))["real_label"][:]
    published = json.loads(real_file("real.json").read_text())
    assert lists == [sorted(published[n - 1]) for n in numbers]
