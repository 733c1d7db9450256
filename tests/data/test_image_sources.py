"""Image sources: folders, archives and lists, several sets of them, and reading of each image."""

import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from reassess.data import open_images
from reassess.data.image_decoding import EMPTY_FILE
from reassess.data.image_sources import make_set_names, open_image_sets, process_image
from tests.helpers import Refused, message, number_of, picture, write_csv, write_files, write_tar

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
    """Read the content of each image, from the source and from a pickled copy of it."""
    source = open_images(place)
    assert repr(source) == f"ImageSource({place}, 3 images)"
    source.image_file(0)
    copy = pickle.loads(pickle.dumps(source))
    contents = {}
    for row, name in enumerate(source.names):
        file, copied_file = source.image_file(row), copy.image_file(row)
        if isinstance(file, str):
            contents[name] = Path(file).read_bytes()
        else:
            contents[name] = file.read()
            assert copied_file.read() == contents[name]
    return contents


def test_folder_and_its_archives_have_the_same_images_sorted_by_name(images: Path) -> None:
    expected = {name: FILES[name] for name in NAMES}
    for place in (images, *pack(images)):
        assert open_images(place).names == NAMES
        assert read(place) == expected


def test_paths_in_a_list_are_relative_to_it_and_keep_its_order(images: Path, tmp_path: Path) -> None:
    lines = ["images/b/1.png", "images/a/1.png", str(images / "a b" / "ü.JPG")]
    for place in (tmp_path / "list.txt", tmp_path / "list.csv", tmp_path / "list.tsv"):
        if place.suffix == ".txt":
            place.write_text("\n".join([*lines, "", ""]))
        else:
            heading, mark = "filename", "\t" if place.suffix == ".tsv" else ","
            place.write_text("".join(f"{line}{mark}1\n" for line in [heading, *lines]).replace("1\n", "label\n", 1))
        assert open_images(place).names == tuple(lines)
        assert list(read(place).values()) == [b"b1", b"a1", b"u"]


def test_backslashes_in_a_list_become_slashes(images: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("images\\b\\1.png\nimages\\a/1.png\nimages/a b\\ü.JPG\n")
    assert open_images(tmp_path / "list.txt").names == ("images/b/1.png", "images/a/1.png", "images/a b/ü.JPG")
    assert list(read(tmp_path / "list.txt").values()) == [b"b1", b"a1", b"u"]


def test_file_version_changes_with_the_image(images: Path) -> None:
    before = [open_images(images).size_and_mtime(row) for row in range(3)]
    (images / "a/1.png").write_bytes(b"longer")
    after = [open_images(images).size_and_mtime(row) for row in range(3)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert after[1][0] == 6
    (images / "gone.png").symlink_to("nowhere")
    assert open_images(images).size_and_mtime(3) == (-1, -1)


def test_file_version_of_an_archived_image_is_the_version_of_the_archive(images: Path) -> None:
    for place in pack(images):
        before = open_images(place).size_and_mtime(1)
        assert before[0] == place.stat().st_size
        place.touch()
        assert open_images(place).size_and_mtime(1) != before


def test_list_of_tars_contains_their_images_in_order(tmp_path: Path) -> None:
    """Tars as of a WebDataset: samples with an image and a label each."""
    (tmp_path / "train").mkdir()
    for shard in range(40):  # more than are open at a time
        names = [f"{shard:02d}{number}" for number in (3, 1, 2)]
        contents = {f"{name}.{suffix}": f"{name} {suffix}".encode() for name in names for suffix in ("cls", "png")}
        write_tar(tmp_path / "train" / f"{shard:02d}.tar", contents)
    (tmp_path / "shards.txt").write_text(
        "train/01.tar\n" + "".join(f"train/{shard:02d}.tar\n" for shard in (0, *range(2, 40)))
    )
    source = open_images(tmp_path / "shards.txt")
    assert source.names[:4] == ("train/01/013.png", "train/01/011.png", "train/01/012.png", "train/00/003.png")
    assert len(source) == 120
    assert all(source.read_file(row).decode() == f"{name[-7:-4]} png" for row, name in enumerate(source.names))
    selected = pickle.loads(pickle.dumps(source.select(range(2, 5))))
    assert selected.names == source.names[2:5]
    assert [selected.read_file(row) for row in range(3)] == [source.read_file(row) for row in range(2, 5)]
    assert selected.size_and_mtime(0) == source.size_and_mtime(2) != source.size_and_mtime(5)


def test_replaced_archive_is_read_again(tmp_path: Path) -> None:
    source = open_images(write_tar(tmp_path / "a.tar", {"1.png": b"old", "2.png": b"too"}))
    assert source.read_file(0) == b"old"
    write_tar(tmp_path / "b.tar", {"1.png": b"new", "2.png": b"too"}).replace(tmp_path / "a.tar")
    assert source.read_file(0) == b"new"


def test_list_of_tars_and_images_raises(refused: Refused, tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"notes.txt": b""})
    (tmp_path / "list.txt").write_text("a.tar\nb.png\n")
    assert refused(open_images, tmp_path / "list.txt") == "mixed-list at list.txt"
    (tmp_path / "list.txt").write_text("a.tar\n")
    assert refused(open_images, tmp_path / "list.txt") == "missing-images at list.txt"
    (tmp_path / "list.txt").write_text("gone.tar\n")
    assert refused(open_images, tmp_path / "list.txt") == "file-not-found at gone.tar"
    (tmp_path / "list.txt").write_text("folder.tar\n")
    (tmp_path / "folder.tar").mkdir()
    assert refused(open_images, tmp_path / "list.txt") == "folder-not-file at folder.tar"
    (tmp_path / "list.txt").write_text("pipe.tar\n")
    os.mkfifo(tmp_path / "pipe.tar")
    assert refused(open_images, tmp_path / "list.txt") == "not-a-file at pipe.tar"


def test_tar_in_a_list_may_have_an_upper_case_suffix(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.TAR", {"1.png": b"first"})
    (tmp_path / "list.txt").write_text("a.TAR\n")
    assert open_images(tmp_path / "list.txt").names == ("a/1.png",)


@pytest.mark.parametrize("other", ["b.tar.gz", "B.TGZ", "b.zip"])
def test_compressed_archive_in_a_list_raises(refused_text: Refused, tmp_path: Path, other: str) -> None:
    write_tar(tmp_path / "a.tar", {"1.png": b"first"})
    for text in (f"a.tar\n{other}\n", f"{other}\n"):
        (tmp_path / "list.txt").write_text(text)
        assert refused_text(open_images, tmp_path / "list.txt") == (
            "list contains compressed archives\n  where:   DIR/list.txt\n"
            "  allowed: paths of uncompressed tars, or paths of images\n"
            f"  found:   {other}\n  fix:     decompress these archives, or pack their images as uncompressed tars"
        )


@pytest.mark.parametrize("other", ["a.tar", "./a.tar", "link.tar"])
def test_list_with_a_repeated_tar_raises(refused_text: Refused, tmp_path: Path, other: str) -> None:
    write_tar(tmp_path / "a.tar", {"1.png": b"first"})
    (tmp_path / "link.tar").symlink_to("a.tar")
    (tmp_path / "list.txt").write_text(f"a.tar\n{other}\n")
    assert refused_text(open_images, tmp_path / "list.txt") == (
        "archive is listed twice\n  where:   DIR/list.txt\n"
        f"  found:   a.tar and {other}\n  fix:     list each archive once"
    )


def test_place_without_images_raises(refused: Refused, refused_text: Refused, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.rar": b"x"})
    assert refused(open_images, tmp_path / "no") == "folder-not-found at no"
    assert refused(open_images, tmp_path / "a.rar") == "wrong-suffix at a.rar"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "")
    assert refused_text(open_images, tmp_path / "a.zip") == (
        "no images found\n  where:   DIR/a.zip\n"
        "  allowed: files with the suffixes .apng, .bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .mpo, .png, .tif, .tiff, "
        ".webp\n"
        "  found:   an archive without images\n  fix:     give the path of the images"
    )


@pytest.mark.parametrize(
    ("files", "what", "found"),
    [
        ({}, "no images found", "an empty folder"),
        ({"a.txt": b"", "b/c.md": b""}, "no images found", "a.txt, b"),
        (
            {"a.heic": b"x", "b/c.HEIC": b"x", "notes.txt": b""},
            "no image has a known format",
            "2 images in unsupported formats: 2 .heic\n  fix:     save them in one of these formats",
        ),
    ],
)
def test_error_for_a_folder_without_images_names_its_content(
    tmp_path: Path, files: dict[str, bytes], what: str, found: str
) -> None:
    text = message(open_images, write_files(tmp_path, files))
    assert text.startswith(f"{what}\n")
    assert f"  found:   {found}" in text


def test_list_of_blank_lines_raises(refused_text: Refused, tmp_path: Path) -> None:
    for text, found in (("\n", "1 blank line"), ("\n \n\t\n", "3 blank lines")):
        (tmp_path / "list.txt").write_text(text)
        assert refused_text(open_images, tmp_path / "list.txt") == (
            f"list has no images\n  where:   DIR/list.txt\n  found:   {found}\n  fix:     write a path on each line"
        )


@pytest.mark.parametrize(
    ("line", "fix"),
    [("# my images", "remove the line"), (" a.png", "remove the blanks"), ("a.png\t", "remove the blanks")],
)
def test_list_line_that_is_not_a_path_raises(
    refused: Refused, refused_text: Refused, tmp_path: Path, line: str, fix: str
) -> None:
    write_files(tmp_path, {"a.png": b"", "b.png": b"", "list.txt": f"b.png\n\n{line}\n"})
    assert refused(open_images, tmp_path / "list.txt") == "invalid-name at list.txt, line 3"
    text = refused_text(open_images, tmp_path / "list.txt")
    assert fix in text
    (tmp_path / line).write_bytes(b"")
    assert open_images(tmp_path / "list.txt").names == ("b.png", line)


def test_list_with_missing_or_repeated_images_raises(refused: Refused, refused_text: Refused, tmp_path: Path) -> None:
    write_csv(tmp_path / "list.csv", "image", [["x/a.png"], ["x/b.png"]])
    assert refused_text(open_images, tmp_path / "list.csv") == (
        "no image in the list was found\n  where:   DIR/list.csv\n  allowed: paths relative to the folder of the list\n"
        "  found:   x/a.png, x/b.png\n  fix:     write paths relative to the list, or move the list"
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
def test_set_is_named_after_the_fewest_last_parts_that_make_names_unique(
    paths: list[str], names: tuple[str, ...]
) -> None:
    assert make_set_names(paths) == names


def test_set_is_named_after_the_link_not_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"2012/a.png": b"", "new/b.png": b""})
    (tmp_path / "val").symlink_to("2012")
    monkeypatch.chdir(tmp_path)
    assert {name: images.names for name, images in open_image_sets(["val", "./new"]).items()} == {
        "new": ("b.png",),
        "val": ("a.png",),
    }


def files() -> dict[str, bytes]:
    return {"a.png": picture(4, "PNG"), "empty.png": b"", "text.png": b"text"}


@pytest.mark.usefixtures("report_extra")
@pytest.mark.parametrize("packed", [False, True])
def test_image_is_read_or_the_reason_is_returned(tmp_path: Path, packed: bool) -> None:
    place = write_files(tmp_path / "s", files())
    if packed:
        place = tmp_path / "s.zip"
        with zipfile.ZipFile(place, "w") as pack:
            for name, content in files().items():
                pack.writestr(name, content)
    images = open_images(place)
    assert [process_image(images, row, number_of)[0] for row in range(3)] == [
        4,
        EMPTY_FILE,
        "not an image in a known format",
    ]


@pytest.mark.usefixtures("report_extra")
def test_decoding_error_is_returned_but_memory_error_is_raised(tmp_path: Path) -> None:
    images = open_images(write_files(tmp_path / "s", {"a.png": files()["a.png"]}))

    def fail(_: object) -> int:
        raise IndexError("beyond the end")

    assert process_image(images, 0, fail)[0] == "image is damaged: beyond the end"

    def no_memory(_: object) -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        process_image(images, 0, no_memory)
