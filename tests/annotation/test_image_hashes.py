"""The image files of a campaign: found by name in a folder or an archive, and hashed."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from reassess.annotation.image_hashes import hash_images, stored_names
from reassess.core.image_names import Match
from reassess.data.image_sources import open_images
from tests.helpers import message, validation_name, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "images", {"cat/1.png": b"a cat", "dog/2.png": b"a dog"})


@pytest.mark.parametrize(
    ("names", "match"),
    [(["dog/2.png", "cat/1.png"], "path"), (["2.png", "x/1.png"], "name"), (["2", "1.jpg"], "stem")],
)
def test_images_are_found_as_they_are_joined(folder: Path, names: list[str], match: Match) -> None:
    assert stored_names(open_images(folder), names, match=match) == ("dog/2.png", "cat/1.png")


def test_images_of_imagenet_are_found_by_number(tmp_path: Path) -> None:
    stored = f"n01440764/{validation_name(293)}"
    images = open_images(write_files(tmp_path, {stored: b"a tench"}))
    assert stored_names(images, [validation_name(293, ".png")]) == (stored,)


def test_an_image_that_is_not_there_is_named(folder: Path) -> None:
    assert message(stored_names, open_images(folder), ["cat/1.png", "cat/2.png", "fox.png"]) == (
        "an image of the campaign is not there\n"
        f"  where:   {folder}\n"
        "  found:   without 2 images: cat/2.png, fox.png\n"
        "  to mend: give the folder, zip or tar that holds all of them"
    )


def test_hashes_are_those_of_the_files_and_progress_is_told(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    hashes = hash_images(open_images(folder), ["dog/2.png", "cat/1.png"], progress=lambda *said: told.append(said))
    assert hashes == {
        "dog/2.png": hashlib.sha256(b"a dog").hexdigest(),
        "cat/1.png": hashlib.sha256(b"a cat").hexdigest(),
    }
    assert told == [("hashing images", 1, 2), ("hashing images", 2, 2)]


def test_an_image_in_an_archive_has_the_same_hash(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        archive.write(folder / "cat/1.png", "images/cat/1.png")
    for place in (folder, folder.with_suffix(".zip")):
        assert hash_images(open_images(place), ["cat/1.png"]) == {"cat/1.png": hashlib.sha256(b"a cat").hexdigest()}


def test_an_image_that_is_gone_is_named(folder: Path) -> None:
    images = open_images(folder)
    (folder / "cat/1.png").unlink()
    assert message(hash_images, images, ["cat/1.png"]) == (
        f"no such file\n  where:   {folder}/cat/1.png\n  to mend: put the image in its place, or take it away"
    )
