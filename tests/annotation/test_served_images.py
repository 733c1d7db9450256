"""Images for raters."""

import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from reassess.annotation.served_images import CampaignImages
from reassess.data import open_images
from reassess.data.image_copies import strip_metadata
from tests.helpers import code_of, message
from tests.pictures import scene

SECRET = b"cat/001.jpg"
EXIF = Image.Exif()
EXIF[0x010E] = SECRET.decode()  # EXIF description
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
def test_served_image_does_not_reveal_its_origin(content: bytes, media_type: str) -> None:
    assert SECRET in content
    bare, found = strip_metadata(content, "a")
    assert found == media_type
    assert SECRET not in bare
    image = opened(bare)
    assert image.size == (96, 64)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "transparency", "dpi"}


def test_jpeg_keeps_quantization_tables() -> None:
    content = file_of(scene(1), "JPEG", quality=83, subsampling=1)
    bare, _ = strip_metadata(content, "a")
    assert opened(bare).quantization == opened(content).quantization
    assert abs(len(bare) - len(content)) < 0.02 * len(content)


def test_image_is_rotated_by_exif_data() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "TIFF"):
        bare, _ = strip_metadata(file_of(scene(1), kind, exif=exif, comment=SECRET), "a")
        assert opened(bare).size == (64, 96)
        assert SECRET not in bare


def test_large_image_is_scaled_down() -> None:
    for kind, mode in (("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1")):
        bare, _ = strip_metadata(file_of(Image.new(mode, (5000, 2500)), kind), "a")
        assert opened(bare).size == (2048, 1024)
    bare, _ = strip_metadata(file_of(Image.new("RGB", (500, 250)), "JPEG", comment=SECRET), "a", max_side=320)
    assert opened(bare).size == (320, 160)
    assert SECRET not in bare


def profile_of_swapped_colours() -> bytes:
    """Make the sRGB profile under another name, with red and blue swapped."""
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = whole.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB built", b"swap built")
    return named.replace(b"rXYZ", b"@XYZ").replace(b"bXYZ", b"rXYZ").replace(b"@XYZ", b"bXYZ")


def test_colours_are_converted_to_srgb() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for kind, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB")):
        bare, _ = strip_metadata(file_of(red.convert(mode), kind, icc_profile=profile_of_swapped_colours()), "a")
        assert np.allclose(opened(bare).convert("RGB").getpixel((0, 0)), (0, 0, 255), atol=4)
        assert "icc_profile" not in opened(bare).info


def test_srgb_or_damaged_profile_is_removed() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    for profile in (srgb, b"no profile"):
        bare = opened(strip_metadata(file_of(image, "PNG", icc_profile=profile), "a")[0])
        assert bare.getpixel((0, 0)) == (200, 30, 30)
        assert "icc_profile" not in bare.info


def test_transparency_is_kept_and_sixteen_bits_become_eight() -> None:
    clear = opened(strip_metadata(file_of(Image.new("RGBA", (4, 4), (1, 2, 3, 0)), "PNG"), "a")[0])
    assert (clear.mode, clear.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 0))
    deep = opened(strip_metadata(file_of(Image.new("I;16", (4, 4), 0x8000), "PNG"), "a")[0])
    assert (deep.mode, deep.getpixel((0, 0))) == ("RGB", (128, 128, 128))


@pytest.mark.parametrize("content", [b"", b"<svg/>", file_of(scene(1), "PNG")[:200]])
def test_unreadable_image_raises(content: bytes) -> None:
    assert code_of(strip_metadata, content, "a") == "unreadable-image"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    (place / "cat").mkdir(parents=True)
    scene(1).save(place / "cat" / "1.jpg")
    return place


def test_images_are_read_from_folders_and_archives(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        archive.write(folder / "cat" / "1.jpg", "cat/1.jpg")
    digest = sha256((folder / "cat" / "1.jpg").read_bytes()).hexdigest()
    expected = CampaignImages(open_images(folder)).load_without_metadata("cat/1.jpg", digest)
    assert expected[2] == digest
    assert (
        CampaignImages(open_images(folder.with_suffix(".zip"))).load_without_metadata("cat/1.jpg", digest) == expected
    )


def test_changed_image_raises(folder: Path) -> None:
    found = sha256((folder / "cat" / "1.jpg").read_bytes()).hexdigest()
    assert message(CampaignImages(open_images(folder)).load_without_metadata, "cat/1.jpg", "0" * 64) == (
        "image has changed since the campaign was created\n"
        "  where:   cat/1.jpg\n"
        f"  allowed: SHA-256 {'0' * 64}\n"
        f"  found:   SHA-256 {found}\n"
        "  fix:     restore the file, or create a new campaign"
    )


@pytest.mark.parametrize("name", ["cat/2.jpg", "../secret.jpg", "/etc/passwd", "cat", ""])
def test_only_images_of_the_source_are_read(folder: Path, name: str) -> None:
    scene(2).save(folder.parent / "secret.jpg")
    assert message(CampaignImages(open_images(folder)).load_without_metadata, name) == (
        f"unknown image\n  where:   {folder}\n  found:   {name}\n  fix:     use the folder, zip or tar with this image"
    )


def test_links_and_paths_out_of_folder_raise(folder: Path) -> None:
    secret, outside = folder.parent / "secret.jpg", folder.parent / "kept"
    outside.mkdir()
    scene(2).save(secret)
    scene(3).save(outside / "3.jpg")
    (folder / "cat" / "2.jpg").symlink_to(secret)
    (folder / "dogs").symlink_to(outside, target_is_directory=True)
    (folder / "cat" / "4.jpg").symlink_to(folder / "cat" / "1.jpg")
    images = CampaignImages(open_images(folder))
    for name in ("cat/2.jpg", "dogs/3.jpg"):
        assert code_of(images.load_without_metadata, name) == "outside-folder"
    assert images.load_without_metadata("cat/4.jpg") == images.load_without_metadata("cat/1.jpg")
    (folder / "list.txt").write_text("cat/1.jpg\n../secret.jpg\n")
    images_ = CampaignImages(open_images(folder / "list.txt"))
    assert images_.load_without_metadata("cat/1.jpg")[1] == "image/jpeg"
    assert code_of(images_.load_without_metadata, "../secret.jpg") == "outside-folder"
