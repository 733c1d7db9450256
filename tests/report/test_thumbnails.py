"""Thumbnails: images are joined by name, upright and small; missing and unreadable images are counted."""

import base64
import os
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from reassess.report.gallery import make_thumbnails
from tests.helpers import code_of, warned
from tests.pictures import claim, claim_bytes, save

pytestmark = pytest.mark.usefixtures("report_extra")


def test_thumbnails_are_joined_by_name_small_and_upright(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    save(tmp_path / "a" / "one.png")
    save(tmp_path / "n01440764" / "ILSVRC2012_val_00000293.JPEG", exif=exif)
    result = make_thumbnails(tmp_path, ["a/one.png", "ILSVRC2012_val_00000293.JPEG"])
    assert (result.n_missing, result.n_unreadable, len(result.by_image)) == (0, 0, 2)
    thumbnail, rotated = result.by_image.values()
    kind, data = thumbnail.uri.split(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(data))) as image:
        assert image.size == (thumbnail.width, thumbnail.height) == (384, 192)
    assert (rotated.width, rotated.height) == (192, 384)
    assert make_thumbnails(tmp_path, ["one.webp"]).n_missing == 1
    assert make_thumbnails(tmp_path, ["one.webp"], match="stem").n_missing == 0
    outside = ["../n01440764/ILSVRC2012_val_00000293.JPEG", str(tmp_path / "x.png")]
    assert make_thumbnails(tmp_path / "a", outside).n_missing == 2
    assert code_of(make_thumbnails, tmp_path / "away", ["one.png"]) == "folder-not-found"


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16"])
def test_images_of_any_mode_have_thumbnails(tmp_path: Path, mode: str) -> None:
    save(tmp_path / f"x.{'tif' if mode in ('CMYK', 'I;16') else 'png'}", mode=mode)
    (name,) = [path.name for path in tmp_path.iterdir()]
    assert make_thumbnails(tmp_path, [name]).by_image[name].width == 384


def test_missing_and_unreadable_images_are_counted(tmp_path: Path) -> None:
    """A pipe counts as missing; reading it would never end."""
    save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("not a picture")
    whole = save(tmp_path / "cut.jpg", size=(900, 900)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = ["good.png", "text.png", "cut.jpg", "empty.png", "folder.png", "away.png", "pipe.png"]
    result = make_thumbnails(tmp_path, names)
    assert (list(result.by_image), result.n_missing, result.n_unreadable) == (["good.png"], 2, 4)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("one.png", "whole")
    packed = (tmp_path / "images.zip").read_bytes()
    (tmp_path / "images.zip").write_bytes(packed.replace(b"whole", b"other", 1))  # wrong checksum
    assert make_thumbnails(tmp_path / "images.zip", ["one.png"]).n_unreadable == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_images_in_an_archive_have_thumbnails(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "images" / "a" / "one.png")
    (tmp_path / "images" / "text.png").write_text("not a picture")
    shutil.make_archive(str(tmp_path / "images"), kind, tmp_path, "images")
    result = make_thumbnails(tmp_path / f"images.{kind}", ["a/one.png", "text.png", "away.png"])
    assert (list(result.by_image), result.n_missing, result.n_unreadable) == (["a/one.png"], 1, 1)
    assert result.by_image == make_thumbnails(tmp_path / "images", ["a/one.png"]).by_image


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_image_with_too_many_bytes_is_unreadable(tmp_path: Path, kind: str) -> None:
    result = make_thumbnails(claim_bytes(tmp_path, kind, 30 << 30), ["good.png", "huge.jpg"])
    assert (list(result.by_image), result.n_missing, result.n_unreadable) == (["good.png"], 0, 1)


def test_images_with_too_many_pixels_give_one_warning(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        claim(tmp_path / name, 20_000, 20_000)
    save(tmp_path / "good.png")
    message = "2 images not shown, with more than 100,000,000 pixels: one.png, two.png"
    with warned(message):
        result = make_thumbnails(tmp_path, ["one.png", "two.png", "good.png"])
    assert (list(result.by_image), result.n_unreadable) == (["good.png"], 2)
