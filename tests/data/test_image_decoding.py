"""Image formats are recognized by content, and images that are too large are never decoded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.data.image_decoding import MAX_PIXELS, TooLargeError, open_image, to_rgb
from tests.helpers import Refused
from tests.pictures import claim, save

pytestmark = pytest.mark.usefixtures("report_extra")


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_known_formats_are_opened_with_any_suffix(tmp_path: Path, kind: str) -> None:
    with open_image(save(tmp_path / "x.png", format=kind)) as image:
        assert image.convert("RGB").size == (400, 200)


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "PCX", "TGA"])
def test_other_formats_are_not_opened_with_any_suffix(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match="cannot identify"), open_image(save(tmp_path / "x.png", format=kind)):
        pass


@pytest.mark.parametrize("side", [10_001, 100_000])
def test_too_large_image_raises_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    message = "image is too large\n  allowed: at most 100,000,000 pixels"
    with pytest.raises(TooLargeError, match=message), open_image(claim(tmp_path / "x.png", side, side)):
        pass
    assert MAX_PIXELS == 100_000_000


def pixel(path: Path) -> Any:
    with open_image(path) as image:
        return to_rgb(image).getpixel((0, 0))


@pytest.mark.parametrize(
    ("kind", "mode", "colour", "expected"),
    [
        ("PNG", "RGBA", (10, 20, 30, 0), (10, 20, 30)),
        ("PNG", "L", 77, (77, 77, 77)),
        ("PNG", "LA", (77, 5), (77, 77, 77)),
        ("PNG", "1", 1, (255, 255, 255)),
        ("PNG", "I;16", 0x8001, (128, 128, 128)),
        ("TIFF", "I;16", 0x8001, (128, 128, 128)),
        ("TIFF", "I;16B", 0x8001, (128, 128, 128)),
        ("JPEG", "CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("JPEG", "CMYK", (0, 0, 0, 0), (255, 255, 255)),
    ],
)
def test_every_mode_is_converted_to_rgb(
    tmp_path: Path, kind: str, mode: str, colour: Any, expected: tuple[int, int, int]
) -> None:
    from PIL import Image

    Image.new(mode, (8, 8), colour).save(tmp_path / "x", kind)
    np.testing.assert_allclose(pixel(tmp_path / "x"), expected, atol=2)


@pytest.mark.parametrize("transparency", [None, 0, b"\x00\x80"])
def test_palette_is_resolved_and_transparency_is_ignored(tmp_path: Path, transparency: Any) -> None:
    from PIL import Image

    image = Image.new("P", (8, 8), 0)
    image.putpalette([200, 100, 50, 0, 0, 0])
    image.save(tmp_path / "x.png", **({} if transparency is None else {"transparency": transparency}))
    assert pixel(tmp_path / "x.png") == (200, 100, 50)


def test_image_is_not_rotated(tmp_path: Path) -> None:
    """timm and torchvision do not rotate images either when they evaluate a model."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    Image.new("RGB", (40, 20)).save(tmp_path / "x.jpg", exif=exif)
    with open_image(tmp_path / "x.jpg") as image:
        assert to_rgb(image).size == (40, 20)


@pytest.mark.parametrize(("mode", "found"), [("I", "32 bits"), ("F", "floats")])
def test_values_with_unknown_range_raise(refused_text: Refused, tmp_path: Path, mode: str, found: str) -> None:
    from PIL import Image

    Image.new(mode, (8, 8), 3).save(tmp_path / "x.tif")
    assert found in refused_text(pixel, tmp_path / "x.tif")
