"""Pictures as raters get them."""

import os
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from reassess.annotation.served_images import CampaignImages, strip_metadata
from reassess.data.image_sources import open_images
from reassess.errors import DataError
from tests.helpers import message
from tests.pictures import claim, scene

SECRET = b"cat/001.jpg"
EXIF = Image.Exif()
EXIF[0x010E] = SECRET.decode()  # a description
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def secret_png() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return file_of(scene(1), "PNG", pnginfo=texts, exif=EXIF)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (file_of(scene(1), "JPEG", exif=EXIF, comment=SECRET, xmp=XMP), "image/jpeg"),
        (file_of(scene(1).convert("CMYK"), "JPEG", exif=EXIF, comment=SECRET), "image/jpeg"),
        (file_of(scene(1).convert("L"), "JPEG", comment=SECRET), "image/jpeg"),
        (secret_png(), "image/png"),
        (file_of(scene(1), "WEBP", exif=EXIF, xmp=XMP, lossless=True), "image/png"),
        (file_of(scene(1), "TIFF", description=SECRET.decode()), "image/png"),
        (file_of(scene(1), "GIF", comment=SECRET), "image/png"),
        (file_of(scene(1), "BMP") + SECRET, "image/png"),
        (file_of(scene(1), "JPEG") + SECRET, "image/jpeg"),
    ],
    ids=["jpeg", "cmyk", "grey", "png", "webp", "tiff", "gif", "bmp-tail", "jpeg-tail"],
)
def test_nothing_in_a_picture_tells_where_it_is_from(content: bytes, media_type: str) -> None:
    assert SECRET in content
    bare, found = strip_metadata(content, "a")
    assert found == media_type
    assert SECRET not in bare
    image = opened(bare)
    assert image.size == (96, 64)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "transparency", "dpi"}


def test_a_jpeg_is_stored_as_it_was() -> None:
    content = file_of(scene(1), "JPEG", quality=83, subsampling=1)
    bare, _ = strip_metadata(content, "a")
    assert opened(bare).quantization == opened(content).quantization
    assert abs(len(bare) - len(content)) < 0.02 * len(content)


def test_a_picture_is_turned_as_its_data_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "TIFF"):
        bare, _ = strip_metadata(file_of(scene(1), kind, exif=exif, comment=SECRET), "a")
        assert opened(bare).size == (64, 96)
        assert SECRET not in bare


def test_a_large_picture_is_made_smaller() -> None:
    for kind, mode in (("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1")):
        bare, _ = strip_metadata(file_of(Image.new(mode, (5000, 2500)), kind), "a")
        assert opened(bare).size == (2048, 1024)


def test_a_picture_that_is_made_smaller_has_no_more_to_tell_than_another() -> None:
    bare, _ = strip_metadata(file_of(Image.new("RGB", (500, 250)), "JPEG", comment=SECRET), "a", side=320)
    assert opened(bare).size == (320, 160)
    assert SECRET not in bare


def profile_of_swapped_colours() -> bytes:
    """That of sRGB, under another name, and with red for blue."""
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = whole.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB built", b"swap built")
    return named.replace(b"rXYZ", b"@XYZ").replace(b"bXYZ", b"rXYZ").replace(b"@XYZ", b"bXYZ")


def test_colours_of_another_profile_become_those_of_srgb() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for kind, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB")):
        bare, _ = strip_metadata(file_of(red.convert(mode), kind, icc_profile=profile_of_swapped_colours()), "a")
        assert np.allclose(opened(bare).convert("RGB").getpixel((0, 0)), (0, 0, 255), atol=4)
        assert "icc_profile" not in opened(bare).info


def test_a_profile_that_changes_nothing_or_is_damaged_is_taken_away() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    for profile in (srgb, b"no profile"):
        bare = opened(strip_metadata(file_of(image, "PNG", icc_profile=profile), "a")[0])
        assert bare.getpixel((0, 0)) == (200, 30, 30)
        assert "icc_profile" not in bare.info


def test_transparency_and_sixteen_bits_are_kept_as_far_as_a_browser_shows_them() -> None:
    clear = opened(strip_metadata(file_of(Image.new("RGBA", (4, 4), (1, 2, 3, 0)), "PNG"), "a")[0])
    assert (clear.mode, clear.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 0))
    deep = opened(strip_metadata(file_of(Image.new("I;16", (4, 4), 0x8000), "PNG"), "a")[0])
    assert (deep.mode, deep.getpixel((0, 0))) == ("RGB", (128, 128, 128))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "file is empty"),
        (b"<svg/>", "this is no picture of a known format"),
        (file_of(scene(1), "PNG")[:200], "image file is truncated"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, found: str) -> None:
    assert message(strip_metadata, content, "a") == (
        f"image cannot be read\n  where:   a\n  found:   {found}\n  fix:     replace the file"
    )


def test_a_picture_of_absurd_size_is_refused(tmp_path: Path) -> None:
    assert message(strip_metadata, claim(tmp_path / "a.png", 50_000, 50_000).read_bytes(), "a") == (
        "image is too large\n"
        "  where:   a\n"
        "  allowed: at most 100,000,000 pixels\n"
        "  found:   2,500,000,000 pixels\n"
        "  fix:     check the file: a small one may claim any size; or make the picture smaller"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    (place / "cat").mkdir(parents=True)
    scene(1).save(place / "cat" / "1.jpg")
    return place


def test_an_image_is_found_in_a_folder_and_in_archives(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        archive.write(folder / "cat" / "1.jpg", "cat/1.jpg")
    digest = sha256((folder / "cat" / "1.jpg").read_bytes()).hexdigest()
    expected = CampaignImages(open_images(folder)).load("cat/1.jpg", digest)
    assert expected[2] == digest
    assert CampaignImages(open_images(folder.with_suffix(".zip"))).load("cat/1.jpg", digest) == expected


def test_a_changed_image_is_refused(folder: Path) -> None:
    found = sha256((folder / "cat" / "1.jpg").read_bytes()).hexdigest()
    with pytest.raises(DataError) as refused:
        CampaignImages(open_images(folder)).load("cat/1.jpg", "0" * 64)
    assert str(refused.value) == (
        "image has changed since the campaign was created\n"
        "  where:   cat/1.jpg\n"
        f"  allowed: SHA-256 {'0' * 64}\n"
        f"  found:   SHA-256 {found}\n"
        "  fix:     put the file back; or make a campaign of the images as they are now"
    )


@pytest.mark.parametrize("name", ["cat/2.jpg", "../secret.jpg", "/etc/passwd", "cat", ""])
def test_only_images_of_the_source_are_given(folder: Path, name: str) -> None:
    scene(2).save(folder.parent / "secret.jpg")
    with pytest.raises(DataError) as refused:
        CampaignImages(open_images(folder)).load(name)
    assert str(refused.value) == (
        f"unknown image\n  where:   {folder}\n  found:   {name}\n  fix:     give the folder, zip or tar that holds it"
    )


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    secret = folder.parent / "secret.jpg"
    scene(2).save(secret)
    (folder / "cat" / "2.jpg").symlink_to(secret)
    (folder / "dogs").symlink_to(folder.parent / "kept", target_is_directory=True)
    (folder.parent / "kept").mkdir()
    scene(3).save(folder.parent / "kept" / "3.jpg")
    (folder / "cat" / "4.jpg").symlink_to(folder / "cat" / "1.jpg")
    images = CampaignImages(open_images(folder))
    for name, path in (("cat/2.jpg", secret), ("dogs/3.jpg", folder.parent / "kept" / "3.jpg")):
        with pytest.raises(DataError) as refused:
            images.picture(name)
        assert str(refused.value) == (
            "a link leads out of the image folder\n"
            f"  where:   {folder / name}\n"
            f"  found:   {os.path.realpath(path)}\n"
            "  fix:     put the image itself into the folder"
        )
    assert images.picture("cat/4.jpg") == images.picture("cat/1.jpg")


def test_a_path_of_a_list_that_leads_out_of_its_folder_is_refused(folder: Path) -> None:
    scene(2).save(folder.parent / "secret.jpg")
    (folder / "list.txt").write_text("cat/1.jpg\n../secret.jpg\n")
    images = CampaignImages(open_images(folder / "list.txt"))
    assert images.picture("cat/1.jpg")[1] == "image/jpeg"
    with pytest.raises(DataError, match=r"^a link leads out of the image folder"):
        images.picture("../secret.jpg")
