"""What the label sets of a file are called."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.core.labels import LabelSets
from reassess.data.loading import label_set_name, read_labels


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("real.json", "ReaL"),
        ("scores.npz", "ReaL"),
        ("validation_labels.txt", "imagenet-original"),
        ("imagenetv2_refined_labels.json", "imagenetv2-labels"),
    ],
)
def test_a_known_file_has_its_own_name_wherever_it_lies(
    tmp_path: Path, file: str, name: str, real_file: Callable[[str], Path]
) -> None:
    copy = shutil.copy(real_file(file), tmp_path / "mine.dat")
    assert label_set_name(real_file(file)) == label_set_name(copy) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pets.json", "pets"),
        ("pets.v2.csv", "pets.v2"),
        ("real.json", "real.json"),
        ("ReaL.csv", "ReaL.csv"),
        ("surreal.csv", "surreal"),
    ],
)
def test_any_other_file_gives_its_own_name_and_none_that_is_reals(tmp_path: Path, file: str, name: str) -> None:
    path = tmp_path / file
    path.write_text("what it holds makes no difference")
    assert label_set_name(path) == name


def test_loaded_label_sets_have_the_name(tmp_path: Path, real_labels: LabelSets, real_original: LabelSets) -> None:
    assert (real_labels.name, real_original.name) == ("ReaL", "imagenet-original")
    path = tmp_path / "pets.json"
    path.write_text(json.dumps({"1.jpg": [0], "2.jpg": [1]}))
    assert read_labels(path).name == read_labels(path).name == "pets"
    path.write_text(json.dumps({"1.jpg": {"valid": [0], "unclear": [1], "wrong": [], "problematic": False}}))
    assert read_labels(path).name == read_labels(path).name == "pets"
