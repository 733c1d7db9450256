"""Small pictures: found by name at any depth, upright, small; what is not there or not readable is counted."""

import base64
import os
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from reassess.report.gallery import thumbnails
from tests.helpers import code_of, warned
from tests.pictures import claim, claim_bytes, save

pytestmark = pytest.mark.usefixtures("report_extra")


def test_images_are_found_by_name_and_made_small_and_upright(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    save(tmp_path / "a" / "one.png")
    save(tmp_path / "n01440764" / "ILSVRC2012_val_00000293.JPEG", exif=exif)
    result = thumbnails(tmp_path, ["a/one.png", "ILSVRC2012_val_00000293.JPEG"])
    assert (result.missing, result.unreadable, len(result.pictures)) == (0, 0, 2)
    picture, turned = result.pictures.values()
    kind, data = picture.uri.split(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(data))) as image:
        assert image.size == (picture.width, picture.height) == (384, 192)
    assert (turned.width, turned.height) == (192, 384)
    assert thumbnails(tmp_path, ["one.webp"]).missing == 1
    assert thumbnails(tmp_path, ["one.webp"], match="stem").missing == 0
    assert (
        thumbnails(tmp_path / "a", ["../n01440764/ILSVRC2012_val_00000293.JPEG", str(tmp_path / "x.png")]).missing == 2
    )
    assert code_of(thumbnails, tmp_path / "away", ["one.png"]) == "folder-not-found"


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16"])
def test_any_kind_of_pixel_is_shown(tmp_path: Path, mode: str) -> None:
    save(tmp_path / f"x.{'tif' if mode in ('CMYK', 'I;16') else 'png'}", mode=mode)
    (name,) = [path.name for path in tmp_path.iterdir()]
    assert thumbnails(tmp_path, [name]).pictures[name].width == 384


def test_what_is_missing_or_broken_is_counted(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("not a picture")
    whole = save(tmp_path / "cut.jpg", size=(900, 900)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = ["good.png", "text.png", "cut.jpg", "empty.png", "folder.png", "away.png", "pipe.png"]
    result = thumbnails(tmp_path, names)
    assert (list(result.pictures), result.missing, result.unreadable) == (["good.png"], 2, 4)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("one.png", "whole")
    packed = (tmp_path / "images.zip").read_bytes()
    (tmp_path / "images.zip").write_bytes(packed.replace(b"whole", b"other", 1))  # it cannot be unpacked
    assert thumbnails(tmp_path / "images.zip", ["one.png"]).unreadable == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_images_are_found_in_an_archive(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "images" / "a" / "one.png")
    (tmp_path / "images" / "text.png").write_text("not a picture")
    shutil.make_archive(str(tmp_path / "images"), kind, tmp_path, "images")
    result = thumbnails(tmp_path / f"images.{kind}", ["a/one.png", "text.png", "away.png"])
    assert (list(result.pictures), result.missing, result.unreadable) == (["a/one.png"], 1, 1)
    assert result.pictures == thumbnails(tmp_path / "images", ["a/one.png"]).pictures


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_an_image_with_too_many_bytes_is_counted(tmp_path: Path, kind: str) -> None:
    result = thumbnails(claim_bytes(tmp_path, kind, 30 << 30), ["good.png", "huge.jpg"])
    assert (list(result.pictures), result.missing, result.unreadable) == (["good.png"], 0, 1)


def test_pictures_of_absurd_size_give_one_warning(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        claim(tmp_path / name, 20_000, 20_000)
    save(tmp_path / "good.png")
    message = "2 pictures of more than 100,000,000 pixels not shown: one.png, two.png"
    with warned(message):
        result = thumbnails(tmp_path, ["one.png", "two.png", "good.png"])
    assert (list(result.pictures), result.unreadable) == (["good.png"], 2)
