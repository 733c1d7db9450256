"""The images of a folder, an archive or a list, in the order of their names; sets of them, and each read."""

import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from reassess.data import open_images
from reassess.data.image_sources import names_of_sets, open_sets, read_picture
from reassess.data.pictures import EMPTY_FILE
from tests.helpers import Refused, message, number_of, picture, write_csv, write_files

FILES = {"b/1.png": b"b1", "a/1.png": b"a1", "a b/ü.JPG": b"u", "c.txt": b"no picture"}
NAMES = ("a b/ü.JPG", "a/1.png", "b/1.png")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_files(tmp_path / "images", FILES)


def pack(images: Path) -> tuple[Path, Path]:
    places = images.with_suffix(".zip"), images.with_suffix(".tar")
    with zipfile.ZipFile(places[0], "w") as pack, tarfile.open(places[1], "w") as tape:
        for name in FILES:
            pack.write(images / name, name)
            tape.add(images / name, name)
    return places


def read(place: Path) -> dict[str, bytes]:
    """What each image holds; also after another process got the images."""
    source = open_images(place)
    assert repr(source) == f"ImageSource({place}, 3 images)"
    source.file(0)
    other = pickle.loads(pickle.dumps(source))
    held = {}
    for row, name in enumerate(source.names):
        file, again = source.file(row), other.file(row)
        if isinstance(file, str):
            held[name] = Path(file).read_bytes()
        else:
            held[name] = file.read()
            assert again.read() == held[name]
    return held


def test_images_of_a_folder_and_of_its_archives_are_the_same_in_the_order_of_their_names(images: Path) -> None:
    expected = {name: FILES[name] for name in NAMES}
    for place in (images, *pack(images)):
        assert open_images(place).names == NAMES
        assert read(place) == expected


def test_paths_on_a_list_are_relative_to_it_and_stay_in_its_order(images: Path, tmp_path: Path) -> None:
    lines = ["images/b/1.png", "images/a/1.png", str(images / "a b" / "ü.JPG")]
    for place in (tmp_path / "list.txt", tmp_path / "list.csv", tmp_path / "list.tsv"):
        if place.suffix == ".txt":
            place.write_text("\n".join([*lines, "", ""]))
        else:
            heading, mark = "filename", "\t" if place.suffix == ".tsv" else ","
            place.write_text("".join(f"{line}{mark}1\n" for line in [heading, *lines]).replace("1\n", "label\n", 1))
        assert open_images(place).names == tuple(lines)
        assert list(read(place).values()) == [b"b1", b"a1", b"u"]


def test_backslashes_on_a_list_are_slashes(images: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("images\\b\\1.png\nimages\\a/1.png\nimages/a b\\ü.JPG\n")
    assert open_images(tmp_path / "list.txt").names == ("images/b/1.png", "images/a/1.png", "images/a b/ü.JPG")
    assert list(read(tmp_path / "list.txt").values()) == [b"b1", b"a1", b"u"]


def test_a_stamp_tells_a_changed_image(images: Path) -> None:
    before = [open_images(images).stamp(row) for row in range(3)]
    (images / "a/1.png").write_bytes(b"longer")
    after = [open_images(images).stamp(row) for row in range(3)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert after[1][0] == 6
    (images / "gone.png").symlink_to("nowhere")
    assert open_images(images).stamp(3) == (-1, -1)


def test_a_stamp_of_an_image_in_an_archive_is_that_of_the_archive(images: Path) -> None:
    for place in pack(images):
        before = open_images(place).stamp(1)
        assert before[0] == place.stat().st_size
        place.touch()
        assert open_images(place).stamp(1) != before


def test_what_is_no_place_of_images_is_refused(refused: Refused, refused_text: Refused, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.rar": b"x"})
    assert refused(open_images, tmp_path / "no") == "folder-not-found at no"
    assert refused(open_images, tmp_path / "a.rar") == "wrong-suffix at a.rar"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "")
    assert refused_text(open_images, tmp_path / "a.zip") == (
        "no image was found\n  where:   DIR/a.zip\n"
        "  allowed: files of the suffixes .apng, .bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .mpo, .png, .tif, .tiff, .webp\n"
        "  found:   an archive without images\n  fix:     name the place where the pictures lie"
    )


@pytest.mark.parametrize(
    ("files", "what", "found"),
    [
        ({}, "no image was found", "an empty folder"),
        ({"a.txt": b"", "b/c.md": b""}, "no image was found", "a.txt, b"),
        (
            {"a.heic": b"x", "b/c.HEIC": b"x", "notes.txt": b""},
            "no image has a known format",
            "2 pictures of formats that are not read: 2 .heic\n  fix:     save them in one of these formats",
        ),
    ],
)
def test_a_folder_without_pictures_says_what_it_holds(
    tmp_path: Path, files: dict[str, bytes], what: str, found: str
) -> None:
    text = message(open_images, write_files(tmp_path, files))
    assert text.startswith(f"{what}\n")
    assert f"  found:   {found}" in text


def test_a_list_of_blank_lines_names_no_image(refused_text: Refused, tmp_path: Path) -> None:
    for text, found in (("\n", "1 blank line"), ("\n \n\t\n", "3 blank lines")):
        (tmp_path / "list.txt").write_text(text)
        assert refused_text(open_images, tmp_path / "list.txt") == (
            f"list has no image\n  where:   DIR/list.txt\n  found:   {found}\n  fix:     write a path on each line"
        )


@pytest.mark.parametrize(
    ("line", "fix"),
    [("# my images", "remove the line"), (" a.png", "remove the blanks"), ("a.png\t", "remove the blanks")],
)
def test_a_line_of_a_list_is_a_path_and_nothing_else(
    refused: Refused, refused_text: Refused, tmp_path: Path, line: str, fix: str
) -> None:
    write_files(tmp_path, {"a.png": b"", "b.png": b"", "list.txt": f"b.png\n\n{line}\n"})
    assert refused(open_images, tmp_path / "list.txt") == "invalid-name at list.txt, line 3"
    text = refused_text(open_images, tmp_path / "list.txt")
    assert fix in text
    (tmp_path / line).write_bytes(b"")
    assert open_images(tmp_path / "list.txt").names == ("b.png", line)


def test_two_names_of_one_image_are_refused(refused: Refused, refused_text: Refused, tmp_path: Path) -> None:
    write_csv(tmp_path / "list.csv", "image", [["x/a.png"], ["x/b.png"]])
    assert refused_text(open_images, tmp_path / "list.csv") == (
        "no image of the list was found\n  where:   DIR/list.csv\n  allowed: paths relative to the folder of the list\n"
        "  found:   x/a.png, x/b.png\n  fix:     write the paths as seen from there, or put the list where they begin"
    )
    write_csv(tmp_path / "list.csv", "image", [["a.png"], ["b.png"], ["a.png"]])
    assert refused(open_images, tmp_path / "list.csv") == "duplicate-image at list.csv"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/train", "/x/val"], ("train", "val")),
        (["/x/train.zip", "/y/val.tar"], ("train", "val")),
        (["/x/v1.5", "/y/list.csv"], ("v1.5", "list")),
        (["/x/images", "/x/images.zip"], ("images", "images.zip")),
        (["/x/a/images", "/x/b/images"], ("a/images", "b/images")),
        (["/x/a/c/images", "/x/b/c/images", "/x/val"], ("a/c/images", "b/c/images", "/x/val")),
    ],
)
def test_a_set_has_the_last_parts_of_its_path_that_tell_it_from_others(
    paths: list[str], names: tuple[str, ...]
) -> None:
    assert names_of_sets(paths) == names


def test_a_link_is_called_by_its_own_name_and_sets_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"2012/a.png": b"", "new/b.png": b""})
    (tmp_path / "val").symlink_to("2012")
    monkeypatch.chdir(tmp_path)
    assert {name: images.names for name, images in open_sets(["val", "./new"]).items()} == {
        "new": ("b.png",),
        "val": ("a.png",),
    }


def files() -> dict[str, bytes]:
    return {"a.png": picture(4, "PNG"), "empty.png": b"", "text.png": b"text"}


@pytest.mark.usefixtures("report_extra")
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


@pytest.mark.usefixtures("report_extra")
def test_what_goes_wrong_with_a_picture_is_said_of_the_picture(tmp_path: Path) -> None:
    images = open_images(write_files(tmp_path / "s", {"a.png": files()["a.png"]}))

    def fail(_: object) -> int:
        raise IndexError("beyond the end")

    assert read_picture(images, 0, fail) == "the picture is damaged: beyond the end"

    def no_memory(_: object) -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        read_picture(images, 0, no_memory)
