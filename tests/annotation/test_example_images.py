"""Example pictures: of which class they are, what is taken away from them, and which are refused."""

import hashlib
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from reassess.annotation.plan_images import read_examples
from reassess.core.classes import Classes
from reassess.errors import MissingPackageError
from tests.helpers import message, number_of, picture, write_files

CLASSES = Classes(3, names=("cat", "dog", "fox"), wnids=("n01", "n02", "n03"))


def examples_of(folder: Path, images: tuple[str, ...] = (), **hashes: str) -> list[tuple[int, int]]:
    """Class and number of each picture."""
    found = read_examples(folder, CLASSES, images=images, hashes=hashes)
    return [(one.class_id, number_of(Image.open(BytesIO(one.content)))) for one in found]


def test_the_first_three_pictures_of_each_class_are_taken(tmp_path: Path) -> None:
    files = {f"dog/{number}.png": picture(number, "PNG") for number in (5, 3, 4, 6)}
    write_files(tmp_path, {**files, "n01/a.jpg": picture(7), "cat/b.JPG": picture(8), "2/c.jpeg": picture(9)})
    assert sorted(examples_of(tmp_path)) == [(0, 7), (0, 8), (1, 3), (1, 4), (1, 5), (2, 9)]


def test_of_a_list_without_names_folders_are_ids(tmp_path: Path) -> None:
    write_files(tmp_path, {"7/a.png": picture(1, "PNG")})
    assert [one.class_id for one in read_examples(tmp_path, Classes(8), images=(), hashes={})] == [7]


def test_a_picture_is_small_turned_and_without_metadata(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "cat/1.jpg"  # to be turned; and a description
    Image.new("RGB", (800, 400)).save(tmp_path / "cat/a.jpg", exif=exif, comment=b"cat/1.jpg", icc_profile=b"cat/1.jpg")
    (one,) = read_examples(tmp_path, CLASSES, images=(), hashes={})
    shown = Image.open(BytesIO(one.content))
    assert (one.media_type, shown.format, shown.size) == ("image/jpeg", "JPEG", (160, 320))
    assert b"cat" not in one.content
    assert not shown.getexif()
    assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("name", ["wolf/a.png", "a.png", "3/a.png"])
def test_a_picture_of_no_class_is_refused(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {name: picture(1, "PNG")})
    assert message(examples_of, tmp_path) == (
        "example image is not in a class folder\n"
        f"  where:   {tmp_path}\n"
        "  allowed: CLASS/a.png, with the name, wnid or id of a class\n"
        f"  found:   {name}\n"
        "  fix:     put it into the folder of its class, or take it away"
    )


def test_an_image_that_raters_are_asked_about_is_refused_by_name_and_by_hash(tmp_path: Path) -> None:
    content = picture(1, "PNG")
    write_files(tmp_path, {"cat/a.png": content})
    refused = (
        "example image is also an image to rate\n"
        f"  where:   {tmp_path}\n"
        "  found:   cat/a.png\n"
        "  fix:     take a picture of an image that is neither in a task nor golden"
    )
    assert message(examples_of, tmp_path, ("cat/a.png",)) == refused
    assert message(examples_of, tmp_path, ("x.png",), x=hashlib.sha256(content).hexdigest()) == refused
    assert examples_of(tmp_path, ("dog/a.png",), y="0" * 64) == [(0, 1)]


def test_a_picture_that_is_damaged_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"cat/a.png": picture(1, "PNG")[:60]})
    assert message(examples_of, tmp_path) == (
        "image cannot be read\n"
        f"  where:   {tmp_path}/cat/a.png\n"
        "  found:   image file is truncated\n"
        "  fix:     replace the file"
    )


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"secret.png": picture(1, "PNG"), "kept/b.png": picture(2, "PNG"), "show/cat/x.txt": b""})
    for link, to in (("show/cat/a.png", "secret.png"), ("show/dog", "kept")):
        (tmp_path / link).symlink_to(tmp_path / to)
        assert message(examples_of, tmp_path / "show") == (
            "a link leads out of the image folder\n"
            f"  where:   {tmp_path / link}{'/b.png' * (to == 'kept')}\n"
            f"  found:   {tmp_path / to}{'/b.png' * (to == 'kept')}\n"
            "  fix:     put the image itself into the folder"
        )
        (tmp_path / link).unlink()


def test_without_pillow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'reassess\[annotate\]'"):
        read_examples(tmp_path, CLASSES, images=(), hashes={})
