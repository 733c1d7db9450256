"""The image files of a campaign: found by name in a folder or an archive, and hashed."""

import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reassess.annotation.plan_images import hash_images, stored_names
from reassess.core.image_names import Match
from reassess.data.image_sources import open_images
from tests.helpers import message, picture, validation_name, write_files
from tests.pictures import claim, claim_bytes

CAT, DOG = picture(1, "PNG"), picture(2, "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "images", {"cat/1.png": CAT, "dog/2.png": DOG})


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
        "images of the campaign are missing\n"
        f"  where:   {folder}\n"
        "  found:   without 2 images: cat/2.png, fox.png\n"
        "  fix:     put them there, or give the folder, zip or tar that holds all of them"
    )


def test_hashes_are_those_of_the_files_and_progress_is_told(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    hashes = hash_images(open_images(folder), ["dog/2.png", "cat/1.png"], progress=lambda *said: told.append(said))
    assert hashes == {
        "dog/2.png": hashlib.sha256(DOG).hexdigest(),
        "cat/1.png": hashlib.sha256(CAT).hexdigest(),
    }
    assert told == [("hashing images", 1, 2), ("hashing images", 2, 2)]


def test_an_image_in_an_archive_has_the_same_hash(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        archive.write(folder / "cat/1.png", "images/cat/1.png")
    for place in (folder, folder.with_suffix(".zip")):
        assert hash_images(open_images(place), ["cat/1.png"]) == {"cat/1.png": hashlib.sha256(CAT).hexdigest()}


def shown(folder: Path, found: str) -> str:
    return (
        "images of the campaign cannot be shown\n"
        f"  where:   {folder}\n"
        f"  found:   {found}\n"
        "  fix:     replace their files; or leave them out of the tasks and the golden questions"
    )


def test_an_image_that_is_gone_is_named(folder: Path) -> None:
    images = open_images(folder)
    (folder / "cat/1.png").unlink()
    assert message(hash_images, images, ["cat/1.png", "dog/2.png"]) == shown(
        folder, "1 image: cat/1.png: file not found"
    )


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_an_image_with_too_many_bytes_is_named(tmp_path: Path, kind: str) -> None:
    place = claim_bytes(tmp_path, kind, 30 << 30)
    huge = "1 image: huge.jpg: image has too many bytes: 32.2 GB"
    assert message(hash_images, open_images(place), ["good.png", "huge.jpg"]) == shown(place, huge)


def test_all_images_that_cannot_be_shown_are_told_at_once(folder: Path) -> None:
    """Of their content, the head is read, and of a PNG the checksums: not whether a JPEG comes to its end."""
    write_files(folder, {"a.png": b"", "b.jpg": b"<svg/>", "d.png": CAT[:-20], "e.jpg": picture(3)[:-20]})
    claim(folder / "c.png", 50_000, 50_000)
    Image.fromarray(np.zeros((2, 2), np.float32)).save(folder / "f.tif")
    (folder / "g.png").symlink_to(__file__)
    images = open_images(folder)
    for names, found in (
        (["a.png", "b.jpg"], "2 images: a.png: {0}: file is empty, b.jpg: {0}: {1}"),
        (["c.png", "cat/1.png"], "1 image: c.png: image is too large: 2,500,000,000 pixels"),
        (["d.png"], "1 image: d.png: {0}: Truncated File Read"),
        (["f.tif"], "1 image: f.tif: range of the pixel values is unknown: floats"),
        (["g.png"], f"1 image: g.png: a link leads out of the image folder: {Path(__file__).resolve()}"),
    ):
        assert message(hash_images, images, names) == shown(
            folder, found.format("image cannot be read", "this is no picture of a known format")
        )
    assert re.search(r"  found:   6 images: a\.png: .* and 3 more\n", message(hash_images, images, images.names))
