"""Scans of image sets: the result depends neither on order, nor on archives, nor on the number of processes."""

import io
import os
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from reassess.core import Duplicates
from reassess.data import Scan, scan_images
from tests.helpers import Needs, Refused, message, picture, write_files
from tests.pictures import claim, claim_bytes, save, scene

pytestmark = pytest.mark.usefixtures("report_extra")
Row = tuple[str, str, int, str]


def rows(found: Scan | Duplicates) -> list[Row]:
    duplicates = found.duplicates if isinstance(found, Scan) else found
    sets = [duplicates.sets[i] for i in duplicates.set_ids.tolist()]
    return list(zip(sets, duplicates.images, duplicates.group_numbers.tolist(), duplicates.kinds, strict=True))


def put(path: Path, image: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Make two sets with exact copies, a near copy, and unusable files."""
    for number in range(6):
        put(tmp_path / f"train/cat/{number}.png", scene(number))
    put(tmp_path / "train/dog/copy.bmp", scene(0))
    put(tmp_path / "val/cat/x.tiff", scene(1))
    put(tmp_path / "val/dog/y.webp", scene(1), lossless=True)
    put(tmp_path / "val/dog/z.jpg", scene(2), quality=50)
    put(tmp_path / "val/dog/small.png", scene(70, (7, 40)))
    put(tmp_path / "val/dog/white.png", Image.new("RGB", (40, 40), "white"))
    write_files(tmp_path / "val/dog", {"none.png": b"", "cut.jpg": picture(3)[:-9], "notes.txt": b"x"})
    return tmp_path


EXACT: list[Row] = [
    ("train", "cat/0.png", 1, "exact"),
    ("train", "dog/copy.bmp", 1, "exact"),
    ("train", "cat/1.png", 2, "exact"),
    ("val", "cat/x.tiff", 2, "exact"),
    ("val", "dog/y.webp", 2, "exact"),
]
UNUSABLE: list[Row] = [
    ("val", "dog/cut.jpg", 0, "unreadable"),
    ("val", "dog/none.png", 0, "empty"),
    ("val", "dog/small.png", 0, "tiny"),
    ("val", "dog/white.png", 0, "empty"),
]


def test_equal_pixels_are_exact_duplicates_whatever_the_format(sets: Path) -> None:
    scan = scan_images([sets / "train", sets / "val"])
    assert rows(scan) == [*EXACT, *UNUSABLE]
    assert scan.duplicates.images_duplicated_elsewhere("val") == ("cat/x.tiff", "dog/y.webp")
    assert [(each.name, each.n_images, each.classes is not None) for each in scan.sets] == [
        ("train", 7, True),
        ("val", 7, True),
    ]
    ((image, reason),) = scan.sets[1].unreadable
    assert (image, reason.partition(" (")[0]) == ("dog/cut.jpg", "image file is truncated")
    assert repr(scan) == "Scan(14 images in 2 sets, 2 groups)"
    counts = {
        (each.set_name, each.other_set_name): (each.n_exact, each.n_near, each.n_other_label)
        for each in scan.duplicate_counts
    }
    assert counts == {
        ("train", "train"): (2, 0, 2),
        ("train", "val"): (1, 0, 1),
        ("val", "val"): (2, 0, 2),
        ("val", "train"): (2, 0, 1),
    }


def test_near_duplicates_are_listed_after_exact_duplicates(sets: Path) -> None:
    put(sets / "val/cat/x2.jpg", scene(1), quality=60)
    near = [
        ("train", "cat/1.png", 3, "near"),
        ("val", "cat/x.tiff", 3, "near"),
        ("val", "cat/x2.jpg", 3, "near"),
        ("val", "dog/y.webp", 3, "near"),
        ("train", "cat/2.png", 4, "near"),
        ("val", "dog/z.jpg", 4, "near"),
    ]
    assert rows(scan_images([sets / "train", sets / "val"], find_near_duplicates=True)) == [*EXACT, *near, *UNUSABLE]


def test_result_does_not_depend_on_order_processes_or_archives(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows(scan_images([sets / "train", sets / "val"], find_near_duplicates=True))
    monkeypatch.setattr("reassess.data.scan_runs._MAX_IMAGES_WITHOUT_WORKERS", 0)
    monkeypatch.setattr("reassess.data.scan_runs._BATCH_SIZE", 3)
    assert rows(scan_images([sets / "val", sets / "train"], find_near_duplicates=True, workers=2)) == expected
    with zipfile.ZipFile(sets / "val.zip", "w") as pack, tarfile.open(sets / "train.tar", "w") as tape:
        for path in sorted((sets / "val").rglob("*.*"), reverse=True):
            pack.write(path, path.relative_to(sets / "val"))
        tape.add(sets / "train", "train")
    assert rows(scan_images([sets / "val.zip", sets / "train.tar"], find_near_duplicates=True)) == expected


def test_images_that_differ_in_size_or_one_value_are_not_exact_duplicates(tmp_path: Path) -> None:
    put(tmp_path / "wide.png", scene(0, (8, 16)))
    pixels = np.asarray(scene(0, (8, 16)))
    put(tmp_path / "flat.png", Image.fromarray(pixels.reshape(8, 16, 3)))
    changed = pixels.copy()
    changed[-1, -1, -1] ^= 1
    put(tmp_path / "changed.png", Image.fromarray(changed))
    assert rows(scan_images([tmp_path])) == []


def test_images_are_compared_as_models_see_them(tmp_path: Path) -> None:
    """Images are not rotated, transparency is ignored, 8 of 16 bits count, and palettes are resolved."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = scene(0)
    put(tmp_path / "a.png", image)
    put(tmp_path / "turned.png", image, exif=exif)
    transparent = image.copy()
    transparent.putalpha(Image.fromarray(np.arange(96 * 64, dtype=np.uint8).reshape(64, 96)))
    put(tmp_path / "transparent.png", transparent)
    colours = image.quantize(16)
    put(tmp_path / "palette.gif", colours)
    put(tmp_path / "palette.bmp", colours.convert("RGB"))
    grey = image.convert("L")
    put(tmp_path / "grey.png", grey)
    put(tmp_path / "grey16.png", Image.fromarray(np.asarray(grey).astype(np.uint16) << 8))
    groups: dict[int, set[str]] = {}
    for _, name, group, _ in rows(scan_images([tmp_path])):
        groups.setdefault(group, set()).add(name)
    assert sorted(map(sorted, groups.values())) == [
        ["a.png", "transparent.png", "turned.png"],
        ["grey.png", "grey16.png"],
        ["palette.bmp", "palette.gif"],
    ]


def photographs() -> list[Image.Image]:
    data = Path(import_module("skimage").__file__).parent / "data"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "hubble_deep_field.jpg", "rocket.jpg")
    return [Image.open(data / name).convert("RGB") for name in (*names[:5], "motorcycle_left.png", names[5])]


def encoded(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def cropped(image: Image.Image) -> Image.Image:
    width, height = (side // 40 for side in image.size)
    return image.crop((width, height, image.width - width, image.height - height))


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded": lambda image: encoded(image, 50),
    "halved": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped": cropped,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "grey": lambda image: image.convert("L"),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs") / "a"
    for number, photograph in enumerate(photographs()):
        put(folder / f"{number}.png", photograph)
    return folder


@pytest.mark.parametrize("how", ALTERATIONS)
def test_altered_photograph_is_near_only_to_its_original(
    tmp_path: Path, how: str, needs: Needs, request: pytest.FixtureRequest
) -> None:
    needs("skimage")
    originals = request.getfixturevalue("originals")
    for number in range(7):
        put(tmp_path / f"b/{number}.bmp", ALTERATIONS[how](Image.open(originals / f"{number}.png")))
    found = rows(scan_images([originals, tmp_path / "b"], find_near_duplicates=True))
    assert found == [
        (name, f"{n}.{suffix}", n + 1, "near") for n in range(7) for name, suffix in (("a", "png"), ("b", "bmp"))
    ]


def test_mirrored_photograph_is_not_a_duplicate(tmp_path: Path, needs: Needs) -> None:
    needs("skimage")
    put(tmp_path / "a.png", photographs()[1])
    put(tmp_path / "b.png", photographs()[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert rows(scan_images([tmp_path], find_near_duplicates=True)) == []


def test_images_of_one_colour_are_empty_and_not_near(tmp_path: Path) -> None:
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        put(tmp_path / f"{name}.png", Image.new("RGB", (32, 32), colour))
    assert rows(scan_images([tmp_path], find_near_duplicates=True)) == [
        *((tmp_path.name, name, 1, "exact") for name in ("a.png", "b.png")),
        *((tmp_path.name, name, 0, "empty") for name in ("a.png", "b.png", "c.png")),
    ]


def test_image_with_a_side_below_the_limit_is_tiny(refused: Refused, tmp_path: Path) -> None:
    put(tmp_path / "a.png", scene(0, (20, 19)))
    assert rows(scan_images([tmp_path], smallest_side=19)) == []
    assert rows(scan_images([tmp_path], smallest_side=20)) == [(tmp_path.name, "a.png", 0, "tiny")]
    assert refused(scan_images, [tmp_path], smallest_side=0) == refused(scan_images, [tmp_path], workers=-1)


def test_unreadable_images_are_listed_with_reason(tmp_path: Path) -> None:
    save(tmp_path / "s/floats.tif", (9, 9), "F")
    claim(tmp_path / "s/bomb.png", 20_000, 20_000)
    write_files(tmp_path / "s", {"text.png": b"text", "folder.png/inner.txt": b"x"})
    (tmp_path / "s/loop.png").symlink_to("loop.png")
    (tmp_path / "s/again").symlink_to(tmp_path / "s")
    os.mkfifo(tmp_path / "s/pipe.png")
    scan = scan_images([tmp_path / "s"], find_near_duplicates=True)
    assert {image: reason.partition(":")[0] for image, reason in scan.sets[0].unreadable} == {
        "bomb.png": "image is too large",
        "floats.tif": "range of the pixel values is unknown",
        "loop.png": "image is not a file",
        "pipe.png": "image is not a file",
        "text.png": "not an image in a known format",
    }
    assert {kind for *_, kind in rows(scan)} == {"unreadable"}


def test_damaged_zip_member_is_unreadable_and_empty_member_is_empty(tmp_path: Path) -> None:
    whole = picture(3, "PNG")
    with zipfile.ZipFile(tmp_path / "s.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in {"a.png": whole, "b.png": b"", "c.png": bytes(range(256)) * 9, "d.png": whole}.items():
            pack.writestr(name, content)
    packed = bytearray((tmp_path / "s.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "s.zip") as pack:
        begin = pack.getinfo("c.png").header_offset + 30 + len("c.png")
    packed[begin : begin + 20] = b"\xff" * 20
    (tmp_path / "s.zip").write_bytes(packed)
    found = rows(scan_images([tmp_path / "s.zip"], smallest_side=1))
    assert [row for row in found if row[2]] == [("s", "a.png", 1, "exact"), ("s", "d.png", 1, "exact")]
    assert {(image, kind) for _, image, number, kind in found if not number} == {
        ("a.png", "empty"),
        ("b.png", "empty"),
        ("c.png", "unreadable"),
        ("d.png", "empty"),
    }


def zip_declaring(path: Path, content: bytes, size: int) -> Path:
    """Write a zip whose only member declares a wrong size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a.png", content)
    packed = bytearray(path.read_bytes())
    entry = packed.index(b"PK\1\2")
    packed[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    path.write_bytes(packed)
    return path


def test_zip_member_that_declares_too_many_bytes_is_not_unpacked(tmp_path: Path) -> None:
    ((_, reason),) = scan_images([zip_declaring(tmp_path / "s.zip", picture(3, "PNG"), 2**31)]).sets[0].unreadable
    assert reason == "image has too many bytes: 2.1 GB"


def test_zip_member_is_not_unpacked_beyond_its_declared_size(tmp_path: Path) -> None:
    path = zip_declaring(tmp_path / "s.zip", bytes(100_000_000), 1_000)
    tracemalloc.start()
    try:
        ((_, reason),) = scan_images([path]).sets[0].unreadable
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert reason.startswith("image cannot be unpacked: Bad CRC-32")


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_image_with_too_many_bytes_is_unreadable_and_others_are_scanned(tmp_path: Path, kind: str) -> None:
    scan = scan_images([claim_bytes(tmp_path, kind, 30 << 30)])
    assert scan.sets[0].unreadable == (("huge.jpg", "image has too many bytes: 32.2 GB"),)
    assert [image for _, image, _, what in rows(scan) if what != "unreadable"] == ["good.png"]


def test_progress_counts_images_of_each_set_and_of_the_near_search(sets: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    scan_images([sets / "train", sets / "val"], find_near_duplicates=True, progress=lambda *call: calls.append(call))
    assert calls[:2] == [("train", 7, 7), ("val", 7, 7)]
    assert calls[2:] == [("near duplicates", n, 8) for n in range(9)]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], "no images were given\n  fix:     give a folder, zip, tar or list for each set of images"),
        (
            ["train", "train/"],
            "set of images is given twice\n  found:   DIR/train and DIR/train\n  fix:     give this set once",
        ),
        (
            ["train", "train/cat"],
            "set of images is inside another set\n  found:   DIR/train/cat in DIR/train\n"
            "  fix:     give only the outer folder, or each inner folder as a set",
        ),
    ],
)
def test_overlapping_or_missing_sets_raise(refused_text: Refused, sets: Path, places: list[str], expected: str) -> None:
    assert refused_text(scan_images, [sets / place for place in places]) == expected
    assert message(scan_images, str(sets / "train")).startswith("a string was given as paths of images\n")
