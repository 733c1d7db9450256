"""Checks of a benchmark: its parts, what is missing, and names that do not match; an error stops no other part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.data import BenchmarkCheck, NameProblem, check_benchmark, open_benchmark, update_benchmark
from reassess.errors import DataError
from reassess.formats.files import sha256
from tests.helpers import Needs, RealFile, write_files

VOTES = "image,class,rater,answer\n"


@pytest.fixture
def labels_and_original(real_file: RealFile) -> tuple[Path, Path]:
    return real_file("real.json"), real_file("validation_labels.txt")


def check(folder: Path, files: Mapping[str, str]) -> BenchmarkCheck:
    return check_benchmark(write_files(folder / "pets", files))


def counts(result: BenchmarkCheck) -> dict[str, dict[str, int]]:
    """Return the counts of each part that exists."""
    return {part.part: dict(part.counts) for part in result.parts if part.format is not None}


def errors(result: BenchmarkCheck) -> dict[str, str]:
    """Return the first line of each part's error."""
    return {part.part: part.error.problem for part in result.parts if part.error is not None}


def test_every_part_is_counted(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        {
            "benchmark.json": '{"name": "animals", "threshold": 0.5}',
            "classes.txt": "cat\ndog\ncow\n",
            "images/a.jpg": "",
            "images/b.jpg": "",
            "original.csv": "image,class\na.jpg,cat\nb.jpg,cat\n",
            "labels.json": '{"a.jpg": ["cat", "dog"], "b.jpg": []}',
            "scores.csv": "image,class,score\na.jpg,cat,0.9\na.jpg,dog,0.8\nb.jpg,cow,0.1\n",
            "votes.csv": VOTES + "a.jpg,cat,ann,yes\na.jpg,cat,bo,yes\nb.jpg,cow,bo,no\n",
            "golden.csv": VOTES + "a.jpg,cat,eve,yes\n",
            "rater-golden.csv": VOTES + "a.jpg,cat,ann,yes\n",
            "groups.csv": "class,group\ncat,small\ndog,small\ncow,large\n",
            "collapsed.csv": "class,also\ncow,dog\n",
            "notes.txt": "",
            "old/labels.csv": "",
        },
    )
    one_vote = {"votes": 1, "raters": 1, "questions": 1, "images": 1, "classes": 1}
    assert counts(result) == {
        "benchmark.json": {"settings": 2},
        "classes": {"classes": 3},
        "images": {"images": 2},
        "original": {"images": 2, "labels": 2, "classes": 1},
        "labels": {"images": 2, "labels": 2, "classes": 2, "empty sets": 1},
        "scores": {"questions": 3, "images": 2, "classes": 3},
        "votes": {"votes": 3, "raters": 2, "questions": 2, "images": 2, "classes": 2},
        "golden": one_vote,
        "rater-golden": one_vote,
        "groups": {"classes": 3, "groups": 2},
        "collapsed": {"pairs": 1},
    }
    assert (result.name, result.settings, result.errors) == ("animals", {"name": "animals", "threshold": 0.5}, ())
    assert (result.repeated_names, result.mismatches, result.unrecognized_files) == ((), (), ("notes.txt", "old"))
    assert not any(result.missing_parts.values())
    assert repr(result) == "BenchmarkCheck(animals, 11 parts, 0 errors)"


def test_empty_folder_has_all_parts_missing(tmp_path: Path) -> None:
    result = check_benchmark(tmp_path)
    assert {command: [part.part for part in parts] for command, parts in result.missing_parts.items()} == {
        "evaluate": ["labels"],
        "compare": ["labels"],
        "report": ["labels"],
        "predict": ["images"],
        "sample": ["original"],
        "propose": ["images"],
        "scan": ["images"],
        "clean": ["original"],
        "aggregate": ["votes"],
        "raters": ["votes"],
        "labels": ["scores"],
        "curve": ["scores", "golden"],
        "show": ["labels"],
    }
    assert all(part.made_by for part in result.parts)
    assert counts(result) == {}


@pytest.mark.parametrize(
    ("file", "content", "ready"),
    [
        ("labels.json", '{"a": ["x"]}', {"evaluate", "compare", "report", "show"}),
        ("original.json", '{"a": "x"}', {"clean", "propose", "sample", "show"}),
        ("votes.csv", VOTES + "a,x,ann,yes\n", {"aggregate", "raters", "show"}),
        ("votes.csv", "item,rater,answer\n1,ann,yes\n", {"aggregate", "raters", "show"}),
        ("scores.csv", "image,class,score\na,x,1\n", {"labels", "show"}),
        ("images/a.jpg", "", {"predict", "propose", "scan"}),
        ("labels.csv", "nothing of the kind\n1\n", set()),
        ("classes.txt", "x", set()),
    ],
)
def test_command_is_ready_if_its_parts_can_be_read(tmp_path: Path, file: str, content: str, ready: set[str]) -> None:
    assert {command for command, parts in check(tmp_path, {file: content}).missing_parts.items() if not parts} == ready


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({"benchmark.json": "{"}, "benchmark.json"),
        ({"classes.txt": "cat\ncat\n"}, "classes"),
        ({"images/cat/a.jpg": "", "images/b.jpg": ""}, "original"),
        ({"images/a.jpg": "", "images.zip": ""}, "images"),
        ({"scores.csv": "", "scores.json": ""}, "scores"),
        ({"classes.txt": "cat\n", "groups.csv": "class,group\nhen,x\n"}, "groups"),
    ],
)
def test_no_command_is_ready_if_the_benchmark_cannot_be_opened(
    tmp_path: Path, files: dict[str, str], part: str
) -> None:
    """The commands raise the same error when they open the benchmark."""
    result = check(tmp_path, files | {"labels.json": '{"a.jpg": ["cat"]}'})
    with pytest.raises(DataError) as refused:
        open_benchmark(tmp_path / "pets")
    assert {tuple(missing.part for missing in parts)[:1] for parts in result.missing_parts.values()} == {(part,)}
    assert str(refused.value) in map(str, result.errors)


def test_groups_and_collapsed_classes_use_class_names_of_the_labels(tmp_path: Path) -> None:
    tables = {"groups.csv": "class,group\ncat,x\n", "collapsed.csv": "class,also\ncat,hen\n"}
    result = check(tmp_path, tables | {"labels.json": '{"a": ["cat"]}', "original.json": '{"a": "dog"}'})
    assert errors(result) == {"collapsed": "unknown class"}
    assert counts(result)["groups"] == {"classes": 1, "groups": 1}
    assert {command for command, parts in result.missing_parts.items() if not parts} >= {
        "evaluate",
        "compare",
        "report",
    }


def test_class_folders_are_counted_as_original_labels(tmp_path: Path) -> None:
    result = check(tmp_path, {"images/cat/a.jpg": "", "images/dog/b.jpg": "", "labels.json": '{"cat/a.jpg": ["dog"]}'})
    assert counts(result)["original"] == {"images": 2, "labels": 2, "classes": 2}
    assert {part.part: part.format for part in result.parts if part.format} == {
        "images": "folder",
        "original": "class folders",
        "labels": "json",
    }
    assert result.mismatches == (NameProblem("image", "in images and not in labels", 1, ("dog/b.jpg",)),)


def test_error_in_one_part_does_not_stop_others(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        {
            "benchmark.json": "{",
            "classes.txt": "cat\ncat\n",
            "images/cat/a.jpg": "",
            "images/b.jpg": "",
            "labels.csv": "image,class\ncat/a.jpg,cat\n",
            "scores.csv": "",
            "votes.csv": VOTES + "cat/a.jpg,cat,ann,yes\n",
            "golden.csv": "",
            "golden.json": "",
            "groups.csv": "class,group\ncat,x\n",
        },
    )
    assert errors(result) == {
        "benchmark.json": "file is not JSON",
        "classes": "class is listed twice",
        "original": "class folders are at different depths",
        "scores": "file is empty",
        "golden": "benchmark has two files for its part golden",
    }
    assert counts(result) == {
        "benchmark.json": {},
        "classes": {},
        "images": {"images": 2},
        "original": {},
        "labels": {"images": 1, "labels": 1, "classes": 1},
        "scores": {},
        "votes": {"votes": 1, "raters": 1, "questions": 1, "images": 1, "classes": 1},
        "golden": {},
        "groups": {},
    }


NOT_IN_OTHERS = "not in images or labels or scores"
WRITE_CLASSES = "write classes.txt, one name per line"


@pytest.mark.parametrize(
    ("files", "mismatches"),
    [
        (
            {
                **{f"images/{name}.jpg": "" for name in "abcde"},
                "labels.json": '{"a.jpg": [0], "x.jpg": [1]}',
                "scores.csv": "image,class,score\ny.jpg,0,1\n",
                "votes.csv": VOTES + "a.jpg,0,ann,yes\nx.jpg,0,ann,no\nz.jpg,0,ann,no\n",
                "golden.csv": VOTES + "z.jpg,0,eve,no\n",
            },
            (
                ("image", "in labels and not in images", 1, ("x.jpg",)),
                ("image", "in scores and not in images", 1, ("y.jpg",)),
                ("image", "in images and not in labels", 4, ("b.jpg", "c.jpg", "d.jpg")),
                ("image", f"in votes and {NOT_IN_OTHERS}", 1, ("z.jpg",)),
                ("image", f"in golden and {NOT_IN_OTHERS}", 1, ("z.jpg",)),
            ),
        ),
        (
            {"original.json": '{"a": "x", "b": "x"}', "labels.json": '{"a": ["x"], "c": []}'},
            (
                ("image", "in labels and not in original", 1, ("c",)),
                ("image", "in original and not in labels", 1, ("b",)),
            ),
        ),
        (
            {
                "labels.json": '{"a": ["cat"]}',
                "classes.txt": "cat\n",
                "votes.csv": "image,rater,answer\na,ann,cat\nb,bo,hen\nb,ann,hen\n",
            },
            (("image", "in votes and not in labels", 1, ("b",)), ("class", "in votes and not in classes", 1, ("hen",))),
        ),
        (
            {"images/cat/a.jpg": "", "images/cow/b.jpg": "", "labels.json": '{"cat/a.jpg": ["dog"], "cow/b.jpg": []}'},
            (("class", "in labels and not in the class folders", 1, ("dog",)),),
        ),
        (
            {"original.json": '{"a": "cat", "b": "dog"}', "labels.json": '{"a": [1], "b": [0]}'},
            (("class", "named in original, and numbered in labels", 2, ("cat", "dog"), WRITE_CLASSES),),
        ),
        (
            {
                "original.json": '{"a": "cat", "b": "dog"}',
                "labels.json": '{"a": [1], "b": [0]}',
                "classes.txt": "dog\ncat\n",
            },
            (),
        ),
        (
            {  # matched by file name, the label would belong to two images
                "images/cat/a.jpg": "",
                "images/dog/a.jpg": "",
                "labels.json": '{"a.jpg": ["cat"]}',
            },
            (
                ("image", "in labels and not in images", 1, ("a.jpg",)),
                ("image", "in images and not in labels", 2, ("cat/a.jpg", "dog/a.jpg")),
            ),
        ),
        ({"images/a.jpg": "", "labels.json": '{"images/a.jpg": [0]}', "votes.csv": f"{VOTES}{{}},0,ann,yes\n"}, ()),
    ],
)
def test_images_missing_from_another_part_are_counted_with_examples(
    tmp_path: Path, files: dict[str, str], mismatches: tuple[tuple[Any, ...], ...]
) -> None:
    """The path of the image folder is not part of an image name."""
    files = {
        name: text.replace("{}", f"{tmp_path}/pets/images/a.jpg") if name == "votes.csv" else text
        for name, text in files.items()
    }
    assert check(tmp_path, files).mismatches == tuple(NameProblem(*each) for each in mismatches)


@pytest.mark.parametrize(("labels", "match"), [("a.jpg", "name"), ("a", "stem")])
def test_fix_names_a_match_that_joins_the_images(tmp_path: Path, labels: str, match: str) -> None:
    files = {"images/cat/a.jpg": "", "labels.json": f'{{"{labels}": ["cat"]}}'}
    fixes = {str(problem.fix) for problem in check(tmp_path, files).mismatches}
    assert fixes == {f'the names match by {match}; use match="{match}", or "match": "{match}" in benchmark.json'}
    assert check(tmp_path, {"benchmark.json": f'{{"match": "{match}"}}'}).mismatches == ()


NAMES = st.sets(st.sampled_from(["a.jpg", "A.jpg", "a.JPG", "a.png", "b.jpg", "b.tif", "c/a.jpg", "c\\A.jpg", "a.b"]))


@given(names=NAMES)
def test_repeated_names_differ_in_case_slashes_or_suffix(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    """The reference compares all pairs."""

    def plain(name: str) -> str:
        return name.lower().replace("\\", "/")

    def stem(name: str) -> str:
        return plain(name).rsplit(".", 1)[0] if plain(name).endswith((".jpg", ".png", ".tif")) else plain(name)

    rows = "".join(f"{name},0\n" for name in sorted(names)) or "z,0\n"
    result = check(tmp_path_factory.mktemp("any"), {"labels.csv": "image,class\n" + rows})
    pairs = [(a, b) for a in names for b in names if a < b]
    spelt = {plain(a) for a, b in pairs if plain(a) == plain(b)}
    suffixed = {stem(a) for a, b in pairs if stem(a) == stem(b) and plain(a) != plain(b)}
    expected = {
        "twice in labels, with different case or slashes": len(spelt),
        "in labels with two suffixes": len(suffixed),
    }
    assert {problem.description: problem.count for problem in result.repeated_names} == {
        what: n for what, n in expected.items() if n
    }


def test_class_names_missing_from_the_list_are_counted_and_an_error(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        {
            "classes.txt": "cat\n",
            "labels.json": '{"a": ["cat", "dog"], "b": ["cow"]}',
            "votes.csv": VOTES + "a,hen,ann,yes\n",
            "groups.csv": "class,group\nhen,x\n",
        },
    )
    assert errors(result) == dict.fromkeys(("labels", "votes", "groups"), "unknown class")
    assert counts(result)["labels"] == {"images": 2, "labels": 3, "classes": 3}
    assert [problem for problem in result.mismatches if problem.name_kind == "class"] == [
        NameProblem("class", "in labels and not in classes", 2, ("cow", "dog")),
        NameProblem("class", "in votes and not in classes", 1, ("hen",)),
    ]


def test_part_with_two_errors_reports_the_first(tmp_path: Path) -> None:
    files = {"classes.txt": "cat\n", "scores.csv": "image,class,score\na,dog,many\n"}
    result = check(tmp_path, files)
    assert errors(result) == {"scores": "unknown class"}
    assert counts(result)["scores"] == {}


def test_ids_missing_from_the_list_are_errors_but_not_mismatches(tmp_path: Path) -> None:
    files = {"classes.txt": "cat\n", "labels.json": '{"a": [7]}', "groups.csv": "class,group\n7,x\n"}
    result = check(tmp_path, files)
    assert errors(result) == {"labels": "class id out of range", "groups": "unknown class"}
    assert (result.mismatches, counts(result)["labels"], counts(result)["groups"]) == ((), {}, {})


def test_all_known_files_of_imagenet_are_read(real_file: RealFile, needs: Needs) -> None:
    needs("timm")  # has the file of ImageNet's classes
    for name in ("real.json", "scores.npz", "raters.npz", "golden.npz", "raters_golden.npz", "validation_labels.txt"):
        real_file(name)
    result = check_benchmark("imagenet")
    assert (result.name, result.folder, result.errors, result.repeated_names, result.mismatches) == (
        "imagenet",
        None,
        (),
        (),
        (),
    )
    read = counts(result)
    assert read["labels"] == {"images": 50_000, "labels": 57_553, "classes": 1000, "empty sets": 3163}
    assert read["votes"] == {"votes": 924_810, "raters": 85, "questions": 184_962, "images": 24_889, "classes": 1000}
    assert read["collapsed"] == {"pairs": 29}


def test_imagenet_ids_and_wnids_match_without_a_list(
    tmp_path: Path, labels_and_original: tuple[Path, Path], no_known_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in labels_and_original:
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.setenv("REASSESS_DATA", str(tmp_path))
    result = check_benchmark("imagenet")
    assert (list(counts(result)), result.errors, result.mismatches) == (["original", "labels"], (), ())


def test_curve_needs_raters_golden_votes_unless_raters_answered_about_golden_images(tmp_path: Path) -> None:
    files = {**PART_FILES, "golden.csv": VOTES + "b,x,eve,yes\n"}
    assert [one.part for one in check(tmp_path / "apart", files).missing_parts["curve"]] == ["rater-golden"]
    for more in ({"golden.csv": VOTES + "a,x,eve,yes\n"}, {"rater-golden.csv": VOTES + "b,x,ann,yes\n"}):
        assert not check(tmp_path / next(iter(more)), {**files, **more}).missing_parts["curve"]


def test_missing_parts_of_imagenet_can_be_fetched(no_known_data: None) -> None:
    result = check_benchmark("imagenet")
    assert {part.part: part.made_by for part in result.missing_parts["curve"]} == {
        "scores": "reassess fetch imagenet-real-scores",
        "golden": "reassess fetch imagenet-real-golden",
    }


def test_dangling_link_to_settings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").symlink_to("gone.json")
    assert [error.code for error in check_benchmark(tmp_path).errors] == ["file-not-found"]


PART_FILES = {
    "votes.csv": VOTES + "a,x,ann,yes\n",
    "scores.csv": "image,class,score\na,x,1\n",
    "labels.json": '{"a": ["x"]}',
}


def test_part_is_stale_if_its_source_has_another_hash(tmp_path: Path) -> None:
    result = check(tmp_path, PART_FILES)
    folder = tmp_path / "pets"
    assert [part.part for part in result.parts if part.made_from] == []  # not recorded yet
    assert result.next_command == f"reassess evaluate FILE... --benchmark {folder}"
    hashes = {part: sha256(folder / f"{part}.csv") for part in ("votes", "scores")}
    update_benchmark(
        folder, made_from={"scores": {"votes": hashes["votes"]}, "labels": {"scores": hashes["scores"], "x": "0" * 64}}
    )
    (folder / "votes.csv").write_text(PART_FILES["votes.csv"] + "a,x,bo,no\n")
    later = check_benchmark(folder)
    origins = {part.part: (part.made_from, part.stale) for part in later.parts if part.made_from}
    assert origins == {"scores": (("votes",), ("votes",)), "labels": (("scores", "x"), ())}
    assert later.next_command == f"reassess aggregate --benchmark {folder} -o {folder / 'scores.csv'} --force"


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"votes.csv": PART_FILES["votes.csv"]}, "reassess aggregate --benchmark {0} -o {0}/scores.csv"),
        (
            {"scores.csv": PART_FILES["scores.csv"]},
            "reassess labels --benchmark {0} --threshold 0.8 -o {0}/labels.csv",
        ),
        (
            {"scores.csv": PART_FILES["scores.csv"], "original.json": '{"a": "x"}'},
            "reassess labels --benchmark {0} --threshold 0.8 -o {0}/labels.csv --details changed-2.csv",
        ),
        ({"images/a.jpg": ""}, "reassess predict MODEL --benchmark {0} -o predictions.npy"),
        ({"original.json": '{"a": "x"}'}, "reassess propose FILE... --benchmark {0} -o proposals.csv"),
        ({"votes.csv": "nothing of the kind\n1\n"}, None),
        ({"votes.csv": "item,rater,answer\nx,ann,a\n"}, None),  # votes on plain items do not make scores
        ({}, None),
    ],
)
def test_next_command_continues_with_existing_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], command: str | None
) -> None:
    (tmp_path / "pets").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("changed.csv").touch()
    assert check(tmp_path, files).next_command == (command and command.format(tmp_path / "pets"))
