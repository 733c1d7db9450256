"""A picture is made into something, or a text says why not; of pictures in archives too."""

import zipfile
from pathlib import Path

import pytest

from reassess.data import open_images
from reassess.data.image_sources import read_picture
from reassess.data.pictures import EMPTY_FILE
from tests.helpers import number_of, picture, write_files

pytestmark = pytest.mark.usefixtures("report_extra")


def files() -> dict[str, bytes]:
    return {"a.png": picture(4, "PNG"), "empty.png": b"", "text.png": b"text"}


@pytest.mark.parametrize("packed", [False, True])
def test_an_image_of_a_folder_or_an_archive_is_read_or_says_why_not(tmp_path: Path, packed: bool) -> None:
    place = write_files(tmp_path / "s", files())
    if packed:
        place = tmp_path / "s.zip"
        with zipfile.ZipFile(place, "w") as pack:
            for name, content in files().items():
                pack.writestr(name, content)
    images = open_images(place)
    assert [read_picture(images, row, number_of) for row in range(3)] == [
        4,
        EMPTY_FILE,
        "this is no picture of a known format",
    ]


def test_what_goes_wrong_with_a_picture_is_said_of_the_picture(tmp_path: Path) -> None:
    images = open_images(write_files(tmp_path / "s", {"a.png": files()["a.png"]}))

    def fail(_: object) -> int:
        raise IndexError("beyond the end")

    assert read_picture(images, 0, fail) == "the picture is damaged: beyond the end"

    def no_memory(_: object) -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        read_picture(images, 0, no_memory)
