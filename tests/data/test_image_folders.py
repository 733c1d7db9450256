"""Lists of the images in a folder or archive: relative names, and only images."""

import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.data import list_images
from reassess.data.image_decoding import _IMAGE_FORMATS
from reassess.data.image_folders import _UNSUPPORTED_SUFFIXES, IMAGE_SUFFIXES, find_image_files
from tests.helpers import Refused, warned, write_files, write_tar


def to_folder(place: Path, names: Iterable[str]) -> Path:
    place.mkdir()
    return write_files(place, dict.fromkeys(names, ""))


def to_zip(place: Path, names: Iterable[str]) -> Path:
    path = place.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def to_tar(place: Path, names: Iterable[str]) -> Path:
    return write_tar(place.with_suffix(".tar"), dict.fromkeys(names, b""))


KINDS = pytest.mark.parametrize("write", [to_folder, to_zip, to_tar])
PARTS = st.sampled_from(["a", "b c", "ä", "1", ".x", "__MACOSX"])
FILES = st.sampled_from(["x.jpg", "x.JPEG", "y.png", "z.webp", "notes.txt", "jpg", ".y.png", "._x.jpg"])


@KINDS
@given(paths=st.sets(st.tuples(st.lists(PARTS, max_size=3), FILES).map(lambda parts: "/".join([*parts[0], parts[1]]))))
def test_list_has_each_image_once_and_no_hidden_files(
    tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path], paths: set[str]
) -> None:
    """The reference is a simple rule on the written names."""
    expected = []
    for path in paths:
        parts = path.split("/")
        if not any(part[0] == "." or part == "__MACOSX" for part in parts) and parts[-1] not in ("notes.txt", "jpg"):
            expected.append(path)
    place = write(tmp_path_factory.mktemp("any") / "pictures", paths)
    assert list_images(place) == tuple(sorted(expected))


NOISE = [
    "notes.txt",
    "x.json",
    ".DS_Store",
    "no_suffix",
    "heic",
    ".x.heic",
    ".y/x.heic",
    "__MACOSX/x.heic",
    "a.heic.txt",
]
_MEMBER = tarfile.TarInfo("a.png")
_MEMBER.size = 2**63 - 1
TOO_LARGE = _MEMBER.tobuf(tarfile.GNU_FORMAT) + bytes(1024)  # an impossible size


@KINDS
def test_images_in_unsupported_formats_are_counted(tmp_path: Path, write: Callable[..., Path]) -> None:
    assert list_images(write(tmp_path / "none", ["a.jpg", *NOISE])) == ("a.jpg",)
    names = ["a.jpg", "a/b.HEIC", "c.heic", "d.avif", "e.Jfif", "f.tif", "g.ppm", *NOISE]
    place = write(tmp_path / "images", names)
    with warned(f"{place}: skipped 4 images in unsupported formats: 1 .avif, 2 .heic, 1 .ppm"):
        assert list_images(place) == ("a.jpg", "e.Jfif", "f.tif")


def test_all_suffixes_of_supported_formats_are_known(report_extra: None) -> None:
    from PIL import Image

    kinds = {suffix for suffix, kind in Image.registered_extensions().items() if kind in (*_IMAGE_FORMATS, "MPO")}
    assert kinds == set(IMAGE_SUFFIXES)
    assert not {*IMAGE_SUFFIXES} & {*_UNSUPPORTED_SUFFIXES}


def test_zip_member_with_a_damaged_name_raises(refused: Refused, tmp_path: Path) -> None:
    place = to_zip(tmp_path / "images", ["täg.jpg"])
    place.write_bytes(place.read_bytes().replace("täg".encode(), b"t\xff\xfeg", 1))  # in the header of the member
    assert refused(find_image_files(place).image_file, 0) == "unreadable-image at images.zip, täg.jpg"


@pytest.mark.parametrize("write", [to_zip, to_tar])
def test_backslashes_and_dots_in_an_archive_are_parts_of_paths(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write(tmp_path / "images", ["./cats/tom.jpg", "dogs\\rex.jpg", "/cow.gif"])
    assert list_images(str(place)) == ("cats/tom.jpg", "cow.gif", "dogs/rex.jpg")


@pytest.mark.parametrize("name", ["old.jpg/", "dogs\\old.jpg\\"])
def test_folder_in_a_zip_is_not_an_image(tmp_path: Path, name: str) -> None:
    assert list_images(to_zip(tmp_path / "images", [name, "rex.jpg"])) == ("rex.jpg",)


@pytest.mark.parametrize("write", [to_zip, to_tar])
def test_folder_named_like_its_archive_is_not_part_of_names(tmp_path: Path, write: Callable[..., Path]) -> None:
    names = ["images/cats/tom.jpg", "images/rex.jpg", "__MACOSX/images/._rex.jpg"]
    assert list_images(write(tmp_path / "images", names)) == ("cats/tom.jpg", "rex.jpg")
    assert list_images(write(tmp_path / "photos", names)) == ("images/cats/tom.jpg", "images/rex.jpg")
    assert list_images(write(tmp_path / "images", [*names, "cow.jpg"])) == (
        "cow.jpg",
        "images/cats/tom.jpg",
        "images/rex.jpg",
    )


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_every_tar_format_are_found(tmp_path: Path, form: int) -> None:
    """The members are empty or large, have short or long paths, and one has the size of a block."""
    sizes = {f"{'d' * 90}/{'n' * 90}.png": 3, "a/b.JPEG": 0, "b.jpg": 512, "a/a.jpeg": 100_000, "é.png": 511, "x.py": 9}
    members = {path: random.Random(0).randbytes(size) for path, size in sizes.items()}
    images = find_image_files(write_tar(tmp_path / "a.tar", members, form))
    assert images.paths == ("b.jpg", "é.png", "a/a.jpeg", "a/b.JPEG", f"{'d' * 90}/{'n' * 90}.png")
    assert [images.image_file(row).read() for row in range(5)] == [members[path] for path in images.paths]


def test_links_in_a_tar_are_followed(refused_text: Refused, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "images", {"1.png": "first", "a/2.png": "second", "blob": "third"})
    links = {"sym.png": "a/2.png", "a/up.png": "../1.png", "a/link.png": "up.png", "b.png": "blob"}
    for name, target in (links | {"gone.png": "/gone.png", "loop.png": "loop.png"}).items():
        (folder / name).symlink_to(target)
    (folder / "hard.png").hardlink_to(folder / "1.png")
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        names = ["sym.png", "b.png", "1.png", "hard.png", "a", "blob", "gone.png", "loop.png"]
        for name in names:
            archive.add(folder / name, name)
        repeated = tarfile.TarInfo("./1.png")
        repeated.type, repeated.linkname = tarfile.LNKTYPE, "1.png"
        archive.addfile(repeated)
    images = find_image_files(tmp_path / "images.tar")
    rows = {name: row for row, name in enumerate(images.paths)}
    assert list(rows) == [
        *("1.png", "b.png", "gone.png", "hard.png", "loop.png", "sym.png"),
        *("a/2.png", "a/link.png", "a/up.png"),
    ]
    contents = {"1.png": b"first", "hard.png": b"first", "a/up.png": b"first", "a/link.png": b"first"}
    contents |= {"a/2.png": b"second", "sym.png": b"second", "b.png": b"third"}
    assert {name: images.image_file(rows[name]).read() for name in contents} == contents
    for name in ("gone.png", "loop.png"):
        assert refused_text(images.image_file, rows[name]) == (
            f"image is a link to a file that is not in the archive\n  where:   DIR/images.tar, {name}\n"
            "  fix:     pack the files again, without links: tar --dereference --hard-dereference"
        )


@pytest.mark.parametrize("form", ["gnu", "posix"])
def test_sparse_image_in_a_tar_raises(refused_text: Refused, tmp_path: Path, form: str) -> None:
    """Python cannot write sparse members, so the program tar does."""
    if not shutil.which("tar"):
        pytest.skip("tar is not installed")
    for name in ("a.bmp", "b.bin"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"start")
            file.seek(1_000_000)
            file.write(b"end")
    command = ["tar", "-S", f"--format={form}", "-C", tmp_path, "-cf"]
    subprocess.run([*command, tmp_path / "a.tar", "a.bmp"], check=True)
    with tarfile.open(tmp_path / "a.tar") as archive:
        if not archive.getmembers()[0].issparse():
            pytest.skip("the file system has no holes")
    assert refused_text(list_images, tmp_path / "a.tar") == (
        "images in the archive are sparse\n  where:   DIR/a.tar, a.bmp\n"
        "  allowed: images that are stored as a whole\n  found:   1 sparse image\n"
        "  fix:     pack the files again, without the option -S (--sparse) of tar"
    )
    subprocess.run([*command, tmp_path / "b.tar", "b.bin"], check=True)
    assert list_images(tmp_path / "b.tar") == ()


@pytest.mark.parametrize("has_hole", [False, True])
def test_concatenated_tars_raise(refused_text: Refused, tmp_path: Path, has_hole: bool) -> None:
    content = to_tar(tmp_path / "a", ["1.png"]).read_bytes()
    (tmp_path / "a.tar").write_bytes(content + bytes(3_000_000))
    assert list_images(tmp_path / "a.tar") == ("1.png",)
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(content)
        if has_hole:
            file.seek(3_000_000, os.SEEK_CUR)
        file.write(bytes(3_000_000) + content)
    assert refused_text(list_images, tmp_path / "a.tar") == (
        "archive has more data after its end\n  where:   DIR/a.tar\n"
        "  allowed: one archive, then only zero bytes\n  found:   data after byte 1,024, where the archive ends\n"
        "  fix:     join tars with tar --concatenate, not with cat; or give a txt with the path of each tar"
    )


@pytest.mark.parametrize("write", [to_zip, to_tar])
def test_images_outside_the_archive_are_counted(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write(tmp_path / "images", ["../a.png", "b/../../c.JPG", "b/../d.png", "../notes.txt"])
    fix = "\n  fix: pack the images again, from a folder that contains them"
    with warned(f"{place}: skipped 2 images whose path begins with ..: ../a.png{fix}"):
        assert list_images(place) == ("d.png",)


def test_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    to_folder(tmp_path / "elsewhere", ["tom.jpg"])
    to_folder(tmp_path / "images", []).joinpath("cats").symlink_to(tmp_path / "elsewhere")
    assert list_images(tmp_path / "images") == ("cats/tom.jpg",)


def test_links_that_form_a_cycle_are_not_followed(tmp_path: Path) -> None:
    cats = to_folder(tmp_path / "images", ["cats/old/tom.jpg"]) / "cats"
    (cats / "old" / "again").symlink_to(tmp_path / "images")
    (cats / "itself.jpg").symlink_to("itself.jpg")
    (cats / "kin").symlink_to(cats / "old")
    names = ("cats/itself.jpg", "cats/kin/tom.jpg", "cats/old/tom.jpg")
    assert list_images(tmp_path / "images") == names


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("images.zip", b"no zip", "unreadable-file at images.zip"),
        ("images.tar", TOO_LARGE, "unreadable-file at images.tar"),
        ("images.rar", b"x", "wrong-suffix at images.rar"),
        ("images.tar", None, "file-not-found at images.tar"),
    ],
)
def test_unreadable_place_of_images_raises(
    refused: Refused, tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert refused(list_images, tmp_path / name) == expected
