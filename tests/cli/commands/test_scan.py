"""`reassess scan` on small images."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from reassess import read_candidates
from tests.helpers import Runner, document_of, output_of, results_of, write_csv, write_files
from tests.pictures import scene

pytestmark = pytest.mark.usefixtures("report_extra")


@pytest.fixture
def sets(folder: Path) -> Path:
    """Training images in class folders, and two more sets with duplicates of them."""
    for number in range(5):
        put(f"train/{'cat' if number % 2 else 'dog'}/{number}.png", scene(number))
    put("train/cat/again.bmp", scene(0))
    put("val/cat/x.png", scene(1))
    put("val/dog/y.jpg", scene(2), quality=60)
    put("val/dog/z.webp", scene(1), lossless=True)
    write_files(folder, {"val/dog/none.png": b"", "val/dog/cut.png": b"\x89PNG", "val/cat/notes.txt": b"x"})
    return folder


def put(name: str, image: Image.Image, **options: object) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    image.save(name, **options)


def test_duplicates_are_written_and_different_labels_printed(
    sets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert output_of(run("scan", "val", "train", "--near", "-o", "duplicates.csv")) == (
        "                                                                           other\n"
        "set                    images   unreadable   empty   tiny   exact   near   label\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "train                       6            0       0      0       2      0       2\n"
        "val                         5            1       1      0       2      0       2\n"
        "val, duplicated in          -            -       -      -       2      1       1\n"
        "train\n"
        "train, duplicated in        -            -       -      -       1      1       1\n"
        "val\n"
        "\n"
        "image                 label   duplicate         label of duplicate   kind\n"
        "──────────────────────────────────────────────────────────────────────────\n"
        "train/cat/1.png       cat     val/dog/z.webp    dog                  exact\n"
        "val/cat/x.png         cat     val/dog/z.webp    dog                  exact\n"
        "train/cat/again.bmp   cat     train/dog/0.png   dog                  exact\n"
        "duplicates.csv: 9 rows, 2 exact groups (largest: 3 images) and 1 near group\n"
        "unreadable: dog/cut.png of val (not an image in a known format)\n"
        "exact: images with a pixel-identical copy; near: images with similar copies, but\n"
        "  without identical copies; other label: a duplicate has another label; one of\n"
        "  the labels may be wrong\n"
    )
    assert Path("duplicates.csv").read_text() == (
        "set,image,group,kind,label,other_labels\n"
        "train,cat/1.png,1,exact,cat,dog\nval,cat/x.png,1,exact,cat,dog\nval,dog/z.webp,1,exact,dog,cat\n"
        "train,cat/again.bmp,2,exact,cat,dog\ntrain,dog/0.png,2,exact,dog,cat\n"
        "train,dog/2.png,3,near,dog,\nval,dog/y.jpg,3,near,dog,\n"
        "val,dog/cut.png,,unreadable,,\nval,dog/none.png,,empty,,\n"
    )


def test_document_contains_everything_that_is_printed(sets: Path, run: Runner) -> None:
    results = results_of(run, "scan", "train", "val", "--near", "-o", "x.csv")
    assert results["sets"][1] == {
        "set": "val",
        "place": "val",
        "images": 5,
        "unreadable": 1,
        "empty": 1,
        "tiny": 0,
        "unreadable_images": [{"image": "dog/cut.png", "reason": "not an image in a known format"}],
    }
    assert results["duplicates"][-1] == {"set": "val", "in": "train", "exact": 2, "near": 1, "other_label": 1}
    assert {name: results[name] for name in ("output", "near", "rows", "groups", "largest_group", "smallest_side")} == {
        "output": "x.csv",
        "near": True,
        "rows": 9,
        "groups": {"exact": 2, "near": 1},
        "largest_group": {"exact": 3, "near": 2},
        "smallest_side": 8,
    }


def test_archive_is_an_input_with_a_hash(sets: Path, run: Runner) -> None:
    shutil.make_archive("packed", "zip", "val")
    result = run("scan", "packed.zip", "train", "-o", "x.csv", "--json")
    (entry,) = document_of(result, "scan")["inputs"]
    assert (entry["name"], entry["path"]) == ("images", "packed.zip")


def test_benchmark_labels_find_duplicates_with_other_labels(sets: Path, run: Runner) -> None:
    """In val, x and z are equal images in different class folders, but have the same label."""
    shutil.copytree("val", "pets/images")
    write_csv("pets/original.csv", "image,class", [("cat/x.png", "cat"), ("dog/z.webp", "cat"), ("dog/y.jpg", "dog")])
    argv = ("scan", "--benchmark", "pets", "-o", "x.csv")
    document = document_of(run(*argv, "--json"), "scan")
    (own_folder,) = document["results"]["duplicates"]
    assert (own_folder["set"], own_folder["exact"], own_folder["other_label"]) == ("images", 2, 0)
    assert document["next"] == "reassess folds --benchmark pets --duplicates x.csv -o folds.csv"
    write_csv("other.csv", "image,class", [("cat/x.png", "cat"), ("dog/z.webp", "dog"), ("dog/y.jpg", "dog")])
    (own_folder,) = results_of(run, *argv, "--original", "other.csv", "--force")["duplicates"]
    assert own_folder["other_label"] == 2
    next_command = output_of(run(*argv, "--original", "other.csv", "--force")).splitlines()[-1].removeprefix("next: ")
    assert next_command == "reassess annotate create x.db x.csv --benchmark pets"
    candidates = read_candidates("x.csv")
    class_label = candidates.questions.classes.short_name
    assert [
        (candidates.image_of(row), class_label(class_id))
        for row, class_id in enumerate(candidates.questions.class_ids.tolist())
    ] == [
        ("cat/x.png", "cat"),
        ("cat/x.png", "dog"),
        ("dog/z.webp", "dog"),
        ("dog/z.webp", "cat"),
    ]


def test_images_in_another_place_are_named(sets: Path, run: Runner) -> None:
    write_files(sets, {"pets/benchmark.json": '{"images": "../val"}', "own/benchmark.json": "{}"})
    argv = ("scan", "--benchmark")
    assert output_of(run(*argv, "pets", "-o", "x.csv")).startswith("images: val (set in pets/benchmark.json)\n")
    shutil.copytree("val", "own/images")
    assert output_of(run(*argv, "own", "-o", "y.csv")).startswith("set ")


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        ("scan -o x.csv", 2, "Give a SOURCE, or --benchmark."),
        ("scan train --original labels.csv -o x.csv", 2, "--original needs --benchmark."),
        ("scan train", 2, "Missing option '-o' / '--output'."),
        ("scan none -o x.csv", 1, "folder-not-found"),
        ("scan list.csv -o list.csv --force", 1, "output-is-input"),
    ],
)
def test_wrong_call_is_one_error(sets: Path, run: Runner, argv: str, code: int, error: str) -> None:
    Path("list.csv").write_text("image\ntrain/cat/1.png\n")
    result = run(*argv.split())
    assert (result.code, result.out) == (code, "")
    assert result.error == error if code == 1 else result.err.endswith(f"{error}\n")
    assert not Path("x.csv").exists()


def test_name_that_is_not_utf8_is_printed_as_unreadable(sets: Path, run: Runner) -> None:
    os.rename(b"val/cat/x.png", b"val/cat/\xe9.png")  # noqa: PTH104 - a Path does not accept bytes
    assert "cat/%E9.png of val (file name is not UTF-8)" in output_of(run("scan", "val", "-o", "x.csv"))
