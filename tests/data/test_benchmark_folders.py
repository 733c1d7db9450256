"""Benchmark folders: names of the files, class folders, and errors."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import IMAGENET, Benchmark, Classes, StopRule
from reassess.core.class_names import parse_class_id
from reassess.core.classes import ADD_CLASS_LIST
from reassess.data import (
    find_part_path,
    has_class_folders,
    labels_from_folders,
    open_benchmark,
    update_benchmark,
)
from reassess.formats import read_groups
from tests.helpers import Refused, warned, write_files


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Make a folder that contains only class folders of images."""
    images = ["dog/rex.png", "cow/x.jpg", "cat/tom.jpg", "cat/.hidden.jpg"]
    return write_files(tmp_path / "pets", {f"images/{name}": "" for name in images})


NUMBERED = (
    "class name is a number, but not the class's id\n  where:   DIR/pets/images\n  found:   {}\n"
    "  fix:     rename the folders, such as 'class 10', or 00, 01, 02; or write classes.txt, with each number on its "
    "own line, counted from 0; or, if the folders are not classes, write original.csv, with the columns image and class"
)
TWO_PLACES = (
    "{}\n  where:   DIR/pets\n  allowed: one {}\n  found:   {}\n  fix:     keep one, and rename or remove the other"
)
SIMILAR = (
    "file name is almost the name of a benchmark part\n  where:   DIR/pets\n  allowed: {0}\n  found:   {1}\n"
    "  fix:     if it is this part, rename it to {0}; if not, choose a clearly different name"
)

WRONG_PART = "part of the benchmark is not a {0}\n  where:   DIR/pets/{1}\n"
WRONG_PART += "  fix:     replace it by a {0}, or give it another name"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([f"images/{n}/x.png" for n in range(12)], NUMBERED.format("'10' (id 2), '11' (id 3), '2' (id 4) and 7 more")),
        (["images/2021/x.png", "images/2022/x.png"], NUMBERED.format("'2021' (id 0), '2022' (id 1)")),
        (["images/0/x.png", "images/cat/x.png", "images/-1/x.png"], NUMBERED.format("'-1' (id 0), '0' (id 1)")),
        (
            ["images/a.jpg", "images/cat/tom.jpg", "images/dog/big/b.jpg"],
            "class folders are at different depths\n  where:   DIR/pets/images\n"
            "  allowed: each image in the folder of its class, all at one depth\n"
            "  found:   a.jpg, cat/tom.jpg, dog/big/b.jpg\n  fix:     put each image into the folder of its class, or "
            "list the classes of the images in original.csv",
        ),
        (
            ["labels.json", "labels.csv"],
            TWO_PLACES.format(
                "benchmark has two files for its part labels", "file labels", "labels.csv and labels.json"
            ),
        ),
        (
            ["images.zip", "images.tar", "images/a.png"],
            TWO_PLACES.format(
                "images are in two places",
                "of images/, images.zip and images.tar",
                "images/ and images.tar and images.zip",
            ),
        ),
        (["Original.csv"], SIMILAR.format("original.csv", "Original.csv")),
        (["rater_golden.csv"], SIMILAR.format("rater-golden.csv", "rater_golden.csv")),
        (["Images/a.png"], SIMILAR.format("images", "Images")),
        (["IMAGES.zip"], SIMILAR.format("images.zip", "IMAGES.zip")),
        (["images"], WRONG_PART.format("folder", "images")),
        (["images.zip/a.png"], WRONG_PART.format("file", "images.zip")),
        (["votes.csv/a.csv"], WRONG_PART.format("file", "votes.csv")),
    ],
)
def test_wrong_folder_raises(refused_text: Refused, tmp_path: Path, files: list[str], expected: str) -> None:
    assert refused_text(open_benchmark, write_files(tmp_path / "pets", dict.fromkeys(files, ""))) == expected


def test_imagenet_is_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imagenet").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_benchmark("imagenet") is IMAGENET
    assert open_benchmark(Path("imagenet")).folder == Path("imagenet")
    assert open_benchmark("./imagenet").folder == Path("imagenet")


def test_file_names_determine_parts(tmp_path: Path) -> None:
    names = {
        "classes.txt": "cat\ndog\n",
        "original.csv": "image,class\na.jpg,cat\n",
        "labels.json": "{}",
        "scores.npz": "",
        "votes.parquet": "",
        "golden.TSV": "",
        "rater-golden.jsonl": "",
        "groups.csv": "class,group\ndog,big\n",
        "collapsed.csv": "class,also\n",
        "images.zip": "",
        # These files are not parts.
        "labels.md": "",
        "labels.csv.bak": "",
        "old-labels.csv": "",
        "images.csv": "",
        ".votes.csv": "",
    }
    benchmark = open_benchmark(str(write_files(tmp_path / "pets", names)))
    parts = ("classes", "images", "original", "labels", "scores", "votes", "golden", "rater-golden", "groups")
    assert tuple(benchmark.sources) == (*parts, "collapsed")
    assert {Path(path).stem: Path(path).name for path in benchmark.sources.values()} == {
        name.partition(".")[0]: name for name in list(names)[:10]
    }
    assert (benchmark.name, benchmark.classes, benchmark.default_groups) == (
        "pets",
        Classes(2, names=("cat", "dog")),
        {1: "big"},
    )
    assert (benchmark.threshold, benchmark.method, benchmark.match, benchmark.recipe) == (None, None, None, None)


def test_images_are_listed_once_on_first_use(refused_text: Refused, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "pets", {"images.zip": "no zip", "original.csv": "image,class\na.jpg,cat\n"})
    benchmark = open_benchmark(folder)
    assert refused_text(lambda: benchmark.images) == (
        "archive cannot be read\n  where:   DIR/pets/images.zip\n  allowed: a complete zip\n"
        "  found:   File is not a zip file\n  fix:     download the archive again"
    )
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        archive.writestr("images/a.jpg", "")
    assert benchmark.images == ("a.jpg",)
    (folder / "images.zip").unlink()
    assert benchmark.images == ("a.jpg",)


def test_settings_are_defaults_of_the_benchmark(pets: Path) -> None:
    update_benchmark(pets, name="animals", threshold=0.5, method="em", match="stem", stop=StopRule(0.01, 0.99))
    benchmark = open_benchmark(pets)
    assert (benchmark.name, benchmark.threshold, benchmark.method, benchmark.match) == ("animals", 0.5, "em", "stem")
    assert benchmark.stop == StopRule(0.01, 0.99)


def test_class_folders_are_classes_and_original_labels(pets: Path) -> None:
    benchmark = open_benchmark(pets)
    assert benchmark.classes == Classes(3, names=("cat", "cow", "dog"))
    assert has_class_folders(benchmark)
    original = labels_from_folders(benchmark.images, benchmark.classes)
    assert original.classes == benchmark.classes
    assert original.classes_by_image() == {"cat/tom.jpg": {0}, "cow/x.jpg": {1}, "dog/rex.png": {2}}


def test_class_folders_are_matched_by_name_with_the_class_list(pets: Path) -> None:
    (pets / "classes.csv").write_text("name,synonyms\nDog,\nfeline,cat\ncattle,cow\n")
    benchmark = open_benchmark(pets)
    original = labels_from_folders(benchmark.images, benchmark.classes)
    assert original.classes_by_image() == {"cow/x.jpg": {2}, "cat/tom.jpg": {1}, "dog/rex.png": {0}}


def test_numbered_class_folders_work_after_each_suggested_fix(tmp_path: Path) -> None:
    folders = list(map(str, range(12)))
    images = {f"images/{name}/{name}.png": "" for name in folders}
    padded = open_benchmark(write_files(tmp_path / "a", {f"images/{int(name):02}/x.png": "" for name in folders}))
    assert padded.classes.names[10] == "10"
    listed = open_benchmark(write_files(tmp_path / "b", {"classes.txt": "\n".join(folders), **images}))
    assert labels_from_folders(listed.images, listed.classes)["10/10.png"] == (10,)
    original = {"original.csv": "image,class\n10/10.png,cat\n", **images}
    assert not has_class_folders(open_benchmark(write_files(tmp_path / "c", original)))


def test_class_folders_that_differ_only_in_case_are_different_classes_with_a_warning() -> None:
    with warned("class folders: names that differ only in case are different classes: Cat and cat"):
        original = labels_from_folders(["Cat/a.png", "cat/b.png", "dog/c.png"])
    assert original.classes_by_image() == {"Cat/a.png": {0}, "cat/b.png": {1}, "dog/c.png": {2}}


def test_named_groups_and_collapsed_classes_use_the_classes_of_the_labels(
    refused: Refused, refused_text: Refused, tmp_path: Path
) -> None:
    files = {"groups.csv": "class,group\ndog,big\n", "collapsed.csv": "class,also\nhound,dog\n"}
    benchmark = open_benchmark(write_files(tmp_path / "pets", files))
    assert benchmark.default_groups == {}
    groups = find_part_path(benchmark, "groups")
    assert read_groups(groups, Classes.from_texts(["cat", "dog"])) == {1: "big"}
    assert refused(read_groups, groups, Classes.from_texts(["cat"])) == "unknown-class at pets/groups.csv"
    assert benchmark.find_class_groups(Classes.from_texts(["cat", "dog"])) == {1: "big"}
    pairs = benchmark.find_collapsed_classes(Classes.from_texts(["cat", "dog", "hound"]))
    assert pairs.tolist() == [[2, 1]]
    assert refused_text(benchmark.find_collapsed_classes, benchmark.classes) == (
        f"unknown class\n  where:   DIR/pets/collapsed.csv\n  found:   hound\n  fix:     {ADD_CLASS_LIST}"
    )


def test_original_file_replaces_class_folders(pets: Path) -> None:
    (pets / "original.csv").write_text("image,class\ncat/tom.jpg,feline\n")
    benchmark = open_benchmark(pets)
    assert (benchmark.classes, has_class_folders(benchmark)) == (Classes(), False)


@pytest.mark.parametrize("images", [("a.jpg", "b.jpg"), ("val/a.jpg", "val/b.jpg")])
def test_images_in_at_most_one_folder_have_no_class_folders(tmp_path: Path, images: tuple[str, ...]) -> None:
    benchmark = open_benchmark(write_files(tmp_path, {f"images/{name}": "" for name in images}))
    assert (benchmark.classes, has_class_folders(benchmark), benchmark.images) == (Classes(), False, images)


FOLDERS = st.text("abAB09é .,", min_size=1, max_size=3).filter(lambda text: text == text.strip() and text[0] != ".")


@given(
    folders=st.lists(FOLDERS, min_size=1, max_size=5, unique_by=str.casefold).filter(
        lambda folders: not any("," in folder or parse_class_id(folder) is not None for folder in folders)
    ),
    above=st.sampled_from(["", "a/", "a/b/"]),
)
def test_class_is_the_innermost_folder(folders: list[str], above: str) -> None:
    images = [f"{above}{folder}/{row}.jpg" for folder in folders for row in range(2)]
    original = labels_from_folders(images)
    assert original.classes == Classes(len(folders), names=tuple(sorted(folders)))
    class_names = {image: original.classes.names[original[image][0]] for image in images}
    assert class_names == {image: image.split("/")[-2] for image in images}


def test_folder_without_a_class_raises(refused: Refused) -> None:
    assert refused(labels_from_folders, ["cat/a.jpg", "1/x.jpg"], Classes(2, names=("cat", "dog"))) == "unknown-class"
    assert refused(labels_from_folders, ["a.jpg", "b.jpg"]) == "not-in-class-folders"


@pytest.mark.parametrize(
    ("source", "fix"),
    [
        ("{}/pest", "did you mean {}/pets?"),
        ("Imagnet", "did you mean imagenet?"),
        ("{}/no/where", "check the path"),
        ("", "check the path"),
    ],
)
def test_missing_benchmark_raises_with_a_suggestion(
    refused_text: Refused, pets: Path, monkeypatch: pytest.MonkeyPatch, source: str, fix: str
) -> None:
    monkeypatch.chdir(pets / "images")
    source = source.format(pets.parent)
    assert refused_text(open_benchmark, source) == (
        f"benchmark not found\n  where:   {source or repr(source)}\n"
        f"  allowed: a folder, or one of imagenet\n  fix:     {fix.format(pets.parent)}"
    ).replace(str(pets.parent), "DIR")
    (pets / "labels.csv").write_text("")
    assert refused_text(open_benchmark, pets / "labels.csv") == (
        "a file was given instead of a benchmark folder\n  where:   DIR/pets/labels.csv\n"
        "  fix:     give the folder that contains the file"
    )
    images = "folder of images was given instead of the benchmark folder that contains it"
    assert refused_text(open_benchmark, pets / "images") == (
        f"{images}\n  where:   DIR/pets/images\n  fix:     did you mean DIR/pets?"
    )
    assert refused_text(open_benchmark, ".").endswith("did you mean DIR/pets?")
    (pets / "images/labels.csv").write_text("image,class\n")
    assert open_benchmark(pets / "images").folder == pets / "images"


def test_missing_part_is_named_with_a_fix(refused_text: Refused, pets: Path) -> None:
    benchmark = open_benchmark(pets)
    assert find_part_path(benchmark, "images", needed_by="predict") == pets / "images"
    assert refused_text(find_part_path, benchmark, "scores", needed_by="labels") == (
        "benchmark has no scores, which `reassess labels` needs\n"
        "  where:   DIR/pets\n  fix:     run `reassess aggregate`"
    )
    (pets / "scores.xlsx").write_text("")
    assert refused_text(find_part_path, benchmark, "scores") == (
        "benchmark has no scores\n  where:   DIR/pets\n"
        "  allowed: a file scores, with one of the suffixes .json, .npz, .txt, .csv, .tsv, .jsonl, .parquet\n"
        "  found:   scores.xlsx\n  fix:     run `reassess aggregate`"
    )


def test_part_of_a_known_benchmark_is_its_known_source(refused_text: Refused, real_file: object) -> None:
    assert find_part_path(IMAGENET, "collapsed").name == "imagenet_collapsed.csv"
    assert refused_text(find_part_path, Benchmark(), "labels") == (
        "benchmark has no labels\n"
        "  fix:     run `reassess aggregate` and `reassess labels`; "
        "or write labels.csv, with the columns image and class"
    )
