"""`reassess folds`: outputs and errors."""

from pathlib import Path

import pytest

from reassess.formats import read_folds
from tests.helpers import Runner, document_of, write_files

_IMAGES = [(f"{name}/{row}.png", name) for name, count in (("cat", 7), ("dog", 4), ("eel", 1)) for row in range(count)]
TRAIN = "image,class\n" + "".join(f"{image},{name}\n" for image, name in _IMAGES)
DUPLICATES = (
    "set,image,group,kind\n"
    "train,cat/0.png,1,exact\ntrain,cat/1.png,1,exact\nval,cat/9.png,1,exact\n"
    "train,cat/0.png,2,near\ntrain,dog/1.png,2,near\n"
    "train,dog/2.png,3,exact\ntrain,dog/x.png,3,exact\n"
    "val,cat/8.png,,tiny\n"
)
ARGV = ["folds", "--original", "train.csv", "--k", "3", "-o", "folds.csv"]


@pytest.fixture
def training(folder: Path) -> Path:
    """Labels and duplicates of training images, and a benchmark with the same images."""
    return write_files(
        folder,
        {
            "train.csv": TRAIN,
            "duplicates.csv": DUPLICATES,
            "pets/classes.txt": "cat\ndog\neel\n",
            "pets/original.csv": TRAIN,
            "empty/classes.txt": "cat\ndog\n",
        },
    )


def test_folds_are_written_and_their_sizes_printed(training: Path, run: Runner) -> None:
    result = run(*ARGV)
    assert (result.code, result.err) == (0, "Warning: 1 class has fewer images than the 3 folds: eel\n")
    assert (
        result.out
        == """\
fold   images   classes   images per class
──────────────────────────────────────────
   0        4         2             0 to 3
   1        4         2             0 to 2
   2        4         3             1 to 2
folds.csv: 12 images of 3 classes in 3 folds
smallest class: eel, 1 image
inputs: original train.csv (sha256 86a7c337a288)
"""
    )
    assert set(read_folds("folds.csv").images) == {image for image, _ in _IMAGES}


def test_duplicates_are_in_one_fold_and_counted(training: Path, run: Runner) -> None:
    result = run(*ARGV, "--duplicates", "duplicates.csv:train")
    assert result.code == 0
    assert result.out.splitlines()[-3:-1] == [
        "3 duplicate images in 2 groups; each group is in one fold",
        "1 duplicate image without a label",
    ]
    folds = read_folds("folds.csv")
    assert len(set(folds.fold_numbers_of(("cat/0.png", "cat/1.png", "dog/1.png")).tolist())) == 1
    second = run(*ARGV, "--duplicates", "duplicates.csv", "--force")
    assert second.out.splitlines()[:-1] == result.out.splitlines()[:-1]  # the set is recognised by image names


def test_document_contains_everything_that_is_printed(training: Path, run: Runner) -> None:
    Path("two.csv").write_text(TRAIN.replace("eel/0.png,eel\n", ""))
    argv = ["folds", "--original", "two.csv", "--k", "3", "-o", "folds.csv", "--json"]
    document = document_of(run(*argv, "--duplicates", "duplicates.csv:train"), "folds")
    assert [entry["path"] for entry in document["inputs"]] == ["two.csv", "duplicates.csv"]
    folds = document["results"].pop("folds")
    assert document["results"] == {
        "output": "folds.csv",
        "seed": 0,
        "images": 11,
        "classes": 2,
        "smallest_class": {"class": 1, "name": "dog", "images": 4},
        "duplicates": {"groups": 2, "images": 3, "unlabelled": 1},
    }
    assert [sorted(fold) for fold in folds] == [["classes", "fold", "images"]] * 3
    assert sum(fold["images"] for fold in folds) == 11


def test_only_the_first_folds_are_printed(training: Path, run: Runner) -> None:
    Path("many.csv").write_text("image,class\n" + "".join(f"{row}.png,cat\n" for row in range(60)))
    argv = ["folds", "--original", "many.csv", "--k", "30", "-o", "many-folds.csv"]
    assert "the first 20 of 30 folds (--verbose shows all)\n" in run(*argv).out
    assert "  29        2         1             2 to 2\n" in run(*argv, "--force", "--verbose").out


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (ARGV[:-2], 2, "Missing option '-o' / '--output'."),
        (["folds", "-o", "f.csv"], 2, "Give the images and their labels: --benchmark or --original."),
        ([*ARGV, "--k", "1"], 2, "1 is not in the range 2<=x<=1000."),
        ([*ARGV, "--k", "13"], 1, "too-many"),
        ([*ARGV, "--duplicates", "duplicates.csv:test"], 1, "unknown-name"),
        ([*ARGV, "--duplicates", "other.csv"], 1, "unknown-set"),
        (["folds", "--benchmark", "empty", "-o", "f.csv"], 1, "missing-part"),
    ],
)
def test_wrong_call_is_one_error(training: Path, run: Runner, argv: list[str], code: int, error: str) -> None:
    Path("other.csv").write_text("set,image,group,kind\nx,1.jpg,1,exact\nx,2.jpg,1,exact\n")
    result = run(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.error == error if code == 1 else result.err.endswith(f"{error}\n")
    assert not Path("folds.csv").exists()
