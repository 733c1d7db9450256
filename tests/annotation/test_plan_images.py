"""Images of a plan: found by name, hashed, and examples of classes."""

import hashlib
import re
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reassess.annotation import find_stored_names, hash_images, read_example_images
from reassess.core import Classes, Match
from reassess.data import open_images
from tests.helpers import code_of, message, number_of, picture, write_files
from tests.pictures import claim, claim_bytes

CAT, DOG = picture(1, "PNG"), picture(2, "PNG")
CLASSES = Classes(3, names=("cat", "dog", "fox"), wnids=("n01", "n02", "n03"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "images", {"cat/1.png": CAT, "dog/2.png": DOG})


@pytest.mark.parametrize(
    ("names", "match"), [(["dog/2.png", "cat/1.png"], "path"), (["2.png", "x/1.png"], "name"), (["2", "1.jpg"], "stem")]
)
def test_images_are_joined_by_match(folder: Path, names: list[str], match: Match) -> None:
    assert find_stored_names(open_images(folder), names, match=match) == ("dog/2.png", "cat/1.png")


def test_missing_images_are_named(folder: Path) -> None:
    assert message(find_stored_names, open_images(folder), ["cat/1.png", "cat/2.png", "fox.png"]) == (
        "images of the campaign are missing\n"
        f"  where:   {folder}\n"
        "  found:   2 images missing: cat/2.png, fox.png\n"
        "  fix:     add them, or give the folder, zip or tar of all images: images=PLACE"
    )


def test_hashes_equal_hashes_of_files(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for name in ("cat/1.png", "dog/2.png"):
            archive.write(folder / name, f"images/{name}")
    for place in (folder, folder.with_suffix(".zip")):
        steps: list[tuple[str, int, int]] = []
        hashes = hash_images(
            open_images(place),
            ["dog/2.png", "cat/1.png"],
            report_progress=lambda *step, steps=steps: steps.append(step),
        )
        assert hashes == {"dog/2.png": hashlib.sha256(DOG).hexdigest(), "cat/1.png": hashlib.sha256(CAT).hexdigest()}
        assert steps == [("hashing images", 1, 2), ("hashing images", 2, 2)]


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_image_with_too_many_bytes_is_named(tmp_path: Path, kind: str) -> None:
    place = claim_bytes(tmp_path, kind, 30 << 30)
    found = message(hash_images, open_images(place), ["good.png", "huge.jpg"])
    assert "  found:   1 image: huge.jpg: image has too many bytes: 32.2 GB\n" in found


def test_all_unreadable_images_are_named_at_once(folder: Path) -> None:
    """Only image headers and PNG checksums are read, so a truncated JPEG is not noticed."""
    write_files(folder, {"a.png": b"", "b.jpg": b"<svg/>", "d.png": CAT[:-20], "e.jpg": picture(3)[:-20], "h.png": DOG})
    claim(folder / "c.png", 50_000, 50_000)
    Image.fromarray(np.zeros((2, 2), np.float32)).save(folder / "f.tif")
    (folder / "g.png").symlink_to(__file__)
    images = open_images(folder)
    (folder / "h.png").unlink()
    for name, found in (
        ("a.png", "image cannot be read: file is empty"),
        ("b.jpg", "image cannot be read: "),
        ("c.png", "image is too large: 2,500,000,000 pixels"),
        ("d.png", "image cannot be read: Truncated File Read"),
        ("f.tif", "range of the pixel values is unknown: floats"),
        ("g.png", f"a symbolic link points outside the image folder: {Path(__file__).resolve()}"),
        ("h.png", "image not found"),
    ):
        error = message(hash_images, images, [name, "cat/1.png", "e.jpg"])
        assert error.startswith(
            f"images of the campaign cannot be shown\n  where:   {folder}\n  found:   1 image: {name}: {found}"
        )
        assert error.endswith("\n  fix:     replace their files, or remove them from tasks and golden questions")
    assert re.search(r"  found:   7 images: a\.png: .* and 4 more\n", message(hash_images, images, images.names))


def examples_of(folder: Path, images: tuple[str, ...] = (), **hashes: str) -> list[tuple[int, int]]:
    """Return class and number of each example."""
    found = read_example_images(folder, CLASSES, images=images, hashes=hashes)
    return [(one.class_id, number_of(Image.open(BytesIO(one.content)))) for one in found]


def test_examples_are_the_first_three_images_of_each_class(tmp_path: Path) -> None:
    files = {f"dog/{number}.png": picture(number, "PNG") for number in (5, 3, 4, 6)}
    write_files(tmp_path, {**files, "n01/a.jpg": picture(7), "cat/b.JPG": picture(8), "2/c.jpeg": picture(9)})
    assert sorted(examples_of(tmp_path)) == [(0, 7), (0, 8), (1, 3), (1, 4), (1, 5), (2, 9)]
    write_files(tmp_path / "ids", {"7/a.png": picture(1, "PNG")})
    assert [
        example.class_id for example in read_example_images(tmp_path / "ids", Classes(8), images=(), hashes={})
    ] == [7]


def test_examples_are_small_upright_and_without_metadata(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "cat/1.jpg"  # EXIF orientation and description
    Image.new("RGB", (800, 400)).save(tmp_path / "cat/a.jpg", exif=exif, comment=b"cat/1.jpg", icc_profile=b"cat/1.jpg")
    (one,) = read_example_images(tmp_path, CLASSES, images=(), hashes={})
    image = Image.open(BytesIO(one.content))
    assert (one.media_type, image.format, image.size) == ("image/jpeg", "JPEG", (160, 320))
    assert b"cat" not in one.content
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("name", ["wolf/a.png", "a.png", "3/a.png"])
def test_example_without_class_raises(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {name: picture(1, "PNG")})
    assert message(examples_of, tmp_path) == (
        "example image is not in a class folder\n"
        f"  where:   {tmp_path}\n"
        "  allowed: CLASS/a.png, with the name, wnid or id of a class\n"
        f"  found:   {name}\n"
        "  fix:     move it into the folder of its class, or delete it"
    )


def test_example_that_is_also_rated_raises(tmp_path: Path) -> None:
    write_files(tmp_path, {"cat/a.png": CAT})
    refused = (
        "example image is also in the campaign\n"
        f"  where:   {tmp_path}\n"
        "  found:   cat/a.png\n"
        "  fix:     use an image without questions"
    )
    assert message(examples_of, tmp_path, ("cat/a.png",)) == refused
    assert message(examples_of, tmp_path, ("x.png",), x=hashlib.sha256(CAT).hexdigest()) == refused
    assert examples_of(tmp_path, ("dog/a.png",), y="0" * 64) == [(0, 1)]


def test_damaged_examples_and_links_out_of_folder_raise(tmp_path: Path) -> None:
    write_files(tmp_path, {"bad/cat/a.png": CAT[:60], "kept/b.png": DOG, "show/cat/x.txt": b""})
    (tmp_path / "show/dog").symlink_to(tmp_path / "kept")
    assert code_of(examples_of, tmp_path / "bad") == "unreadable-image"
    assert message(examples_of, tmp_path / "show") == (
        "a symbolic link points outside the image folder\n"
        f"  where:   {tmp_path / 'show/dog/b.png'}\n"
        f"  found:   {tmp_path / 'kept/b.png'}\n"
        "  fix:     copy the image into the folder"
    )
