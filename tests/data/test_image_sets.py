"""Sets of images are called after their places, each by another name."""

from pathlib import Path

import pytest

from reassess.data.image_sources import names_of_sets, open_sets
from tests.helpers import write_files


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/train", "/x/val"], ("train", "val")),
        (["/x/train.zip", "/y/val.tar"], ("train", "val")),
        (["/x/v1.5", "/y/list.csv"], ("v1.5", "list")),
        (["/x/images", "/x/images.zip"], ("images", "images.zip")),
        (["/x/a/images", "/x/b/images"], ("a/images", "b/images")),
        (["/x/a/c/images", "/x/b/c/images", "/x/val"], ("a/c/images", "b/c/images", "/x/val")),
    ],
)
def test_a_set_has_the_last_parts_of_its_path_that_tell_it_from_others(
    paths: list[str], names: tuple[str, ...]
) -> None:
    assert names_of_sets(paths) == names


def test_a_link_is_called_by_its_own_name_and_sets_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"2012/a.png": b"", "new/b.png": b""})
    (tmp_path / "val").symlink_to("2012")
    monkeypatch.chdir(tmp_path)
    assert {name: images.names for name, images in open_sets(["val", "./new"]).items()} == {
        "new": ("b.png",),
        "val": ("a.png",),
    }
