"""Pictures are opened by what they hold, not by their names, and never if they would fill the memory."""

from pathlib import Path

import pytest

from reassess.data.pictures import MOST_PIXELS, TooLargeError, open_picture
from tests.pictures import claim, save

pytestmark = pytest.mark.usefixtures("report_extra")


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_known_formats_are_opened_whatever_the_suffix_says(tmp_path: Path, kind: str) -> None:
    with open_picture(save(tmp_path / "x.png", format=kind)) as image:
        assert image.convert("RGB").size == (400, 200)


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "PCX", "TGA"])
def test_other_formats_are_no_pictures_whatever_the_suffix_says(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match="cannot identify"), open_picture(save(tmp_path / "x.png", format=kind)):
        pass


@pytest.mark.parametrize("side", [10_001, 100_000])
def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    message = "the picture is too large\n  allowed: at most 100,000,000 pixels"
    with pytest.raises(TooLargeError, match=message), open_picture(claim(tmp_path / "x.png", side, side)):
        pass
    assert MOST_PIXELS == 100_000_000
