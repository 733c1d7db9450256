"""CleanTrainingImages selects the images in a list by name, and counts missing images."""

from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.errors import DataError, ReassessWarning
from tests.helpers import Needs, code_of, message, number_of, picture, write_files


@pytest.fixture
def training(tv: ModuleType, tmp_path: Path) -> Any:
    """A torchvision dataset of two classes and five images."""
    from torchvision.datasets import ImageFolder

    images = [("n01440764", 10), ("n01440764", 7), ("n01443537", 2), ("n01443537", 11), ("n01443537", 7)]
    return ImageFolder(write_files(tmp_path / "train", {f"{wnid}/{wnid}_{i}.JPEG": picture(i) for wnid, i in images}))


def names(samples: Any) -> list[str]:
    return [Path(path).name for path, _ in samples]


def dataset_of(paths: Any) -> Any:
    """Create an object with the attributes that CleanTrainingImages uses."""
    samples = [(path, 0) for path in paths]
    return SimpleNamespace(samples=samples, classes=["cat"], class_to_idx={"cat": 0})


def test_listed_images_keep_order_of_dataset(tv: ModuleType, training: Any) -> None:
    clean = tv.CleanTrainingImages(training, ["n01443537_7.JPEG", "n01443537_11.JPEG", "n01440764_10.JPEG"])
    assert names(clean.samples) == ["n01440764_10.JPEG", "n01443537_11.JPEG", "n01443537_7.JPEG"]
    assert (len(clean), clean.targets, clean.missing) == (3, [0, 1, 1], 0)
    assert clean.classes == training.classes == ["n01440764", "n01443537"]
    assert clean.class_to_idx == training.class_to_idx
    assert [(number_of(image), target) for image, target in clean] == [(10, 0), (11, 1), (7, 1)]


def test_list_can_be_a_file_or_known_source_with_any_folders_and_extensions(
    tv: ModuleType, training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_file = tmp_path / "fnames_clean.txt"
    list_file.write_bytes(b"n01443537/n01443537_2.jpg\r\n\r\nn01440764_7\r\n")
    monkeypatch.setenv("REASSESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REASSESS_DATA", str(tmp_path))
    lines = list_file.read_text().splitlines()
    for files in ([list_file], [str(list_file)], [iter(lines)], [[Path(line) for line in lines if line]], []):
        assert names(tv.CleanTrainingImages(training, *files).samples) == ["n01440764_7.JPEG", "n01443537_2.JPEG"]


def test_missing_images_are_counted_in_a_warning(tv: ModuleType, training: Any) -> None:
    files = ["n01443537_2.JPEG", *(f"n01443537_{number}.JPEG" for number in range(3, 7)), "n01443537_3.JPEG"]
    with pytest.warns(ReassessWarning) as warned:
        clean = tv.CleanTrainingImages(training, files)
    assert [str(warning.message) for warning in warned] == [
        "4 of the 5 images in the list are not in the dataset: n01443537_3, n01443537_4, n01443537_5 and 1 more"
    ]
    assert Path(warned[0].filename) == Path(__file__)
    assert repr(clean) == (
        "Dataset CleanTrainingImages\n    Number of datapoints: 1 of 5\n    Missing from the dataset: 4"
    )


paths = st.lists(st.sampled_from([f"{folder}/{stem}.JPEG" for folder in "ab" for stem in "cdefg"]), unique=True)


@given(paths, st.sets(st.sampled_from("cdefgh"), min_size=1))
def test_images_are_kept_if_and_only_if_listed(needs: Needs, paths: Any, files: set[str]) -> None:
    needs("torchvision")
    module = import_module("reassess.integrations.torch_training")
    stems = [Path(path).stem for path in paths]
    rows = [row for row, stem in enumerate(stems) if stem in files]
    if len({stems[row] for row in rows}) < len(rows) or not rows:
        with pytest.raises(DataError):
            module.CleanTrainingImages(dataset_of(paths), files)
    else:
        missing = files - set(stems)
        with pytest.warns(ReassessWarning) if missing else nullcontext():
            clean = module.CleanTrainingImages(dataset_of(paths), files)
        assert (list(clean.indices), clean.missing) == (rows, len(missing))


# --- bad input ------------------------------------------------------------------------------------------------------


def test_list_without_images_of_the_dataset_raises(tv: ModuleType, training: Any) -> None:
    from torchvision.datasets import FakeData

    assert message(tv.CleanTrainingImages, training, ["b.JPEG", "c.JPEG", "a.JPEG"]) == (
        "no image of the dataset is in the list\n"
        "  allowed: names such as a, b and 1 more\n"
        "  found:   n01440764/n01440764_10.JPEG, n01440764/n01440764_7.JPEG and 3 more\n"
        "  fix:     use a dataset with the training images"
    )
    assert code_of(tv.CleanTrainingImages, training, "clean.txt") == "file-not-found"
    assert message(tv.CleanTrainingImages, FakeData(), ["a.JPEG"]) == (
        "dataset has no image file names\n"
        "  allowed: a dataset with samples, such as torchvision's ImageFolder, or with filenames(), such as timm's\n"
        "  found:   FakeData"
    )


def test_two_images_with_a_listed_name_raise_unless_paths_are_compared(tv: ModuleType) -> None:
    dataset = dataset_of(["a/1.JPEG", "b/1.png", "b/2.JPEG"])
    assert message(tv.CleanTrainingImages, dataset, ["1.JPEG"]) == (
        "two images match the same name in the list\n  found:   a/1.JPEG and b/1.png\n"
        '  fix:     join by the whole path (match="path")'
    )
    assert names(tv.CleanTrainingImages(dataset, ["2.JPEG"]).samples) == ["2.JPEG"]
    assert names(tv.CleanTrainingImages(dataset, ["b/1.png", "b/2.JPEG"], match="path").samples) == ["1.png", "2.JPEG"]
