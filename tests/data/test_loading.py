"""Readers of known data and files; labels of ImageNet's images have ImageNet's classes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reassess.core import IMAGENET, Benchmark, Classes, LabelSets, Votes
from reassess.core.classes import ADD_CLASS_LIST
from reassess.core.image_names import validation_image_names
from reassess.data import (
    are_scores_from_golden,
    benchmark_classes,
    label_set_name,
    map_to_benchmark_classes,
    read_labels,
    read_original_labels,
    read_scores,
    read_votes,
)
from reassess.evaluation.mistakes import scores_from_experts
from tests.helpers import Needs, RealFile, Refused

WNIDS = [f"n{10_000_000 + i}" for i in range(1000)]
FIRST, SECOND = validation_image_names()[:2]
NO_CLASS_LIST = (
    "class names cannot be used: a class list is missing\n  where:   {}\n  found:   {}\n"
    f"  fix:     {ADD_CLASS_LIST}"
)


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_some_wnids_without_the_class_list_raise(
    refused: Refused, refused_text: Refused, tmp_path: Path, no_known_data: None
) -> None:
    labels = write(tmp_path / "labels.json", {FIRST: ["n01440764", "n02123045"], SECOND: []})
    assert refused(lambda: read_labels(labels)) == "names-without-list at labels.json"
    original = write(tmp_path / "original.json", {FIRST: "n01440764"})
    assert refused_text(lambda: read_original_labels(original)) == NO_CLASS_LIST.format(
        "DIR/original.json", "n01440764"
    )


def test_file_with_all_1000_wnids_needs_no_class_list(tmp_path: Path, no_known_data: None) -> None:
    content = {FIRST: WNIDS[::-1], SECOND: [WNIDS[7]]}
    labels = read_labels(write(tmp_path / "labels.json", content))
    assert labels.classes_by_image() == {FIRST: frozenset(range(1000)), SECOND: {7}}
    assert labels.classes == map_to_benchmark_classes(labels, IMAGENET).classes == Classes(1000, wnids=tuple(WNIDS))
    original = read_original_labels(write(tmp_path / "o.txt", "\n".join(WNIDS[i % 1000] for i in range(50_000))))
    assert original.indices.tolist() == [i % 1000 for i in range(50_000)]


def test_ids_need_no_class_list(refused: Refused, tmp_path: Path, no_known_data: None) -> None:
    labels = read_labels(write(tmp_path / "labels.json", {FIRST: [999], SECOND: []}))
    assert (labels.classes, labels.classes_by_image()) == (Classes(1000), {FIRST: {999}, SECOND: frozenset()})
    bad = write(tmp_path / "bad.json", {FIRST: [1000]})
    assert refused(lambda: read_labels(bad)) == "out-of-range at bad.json, image ILSVRC2012_val_00000001.JPEG"


def test_wnids_and_names_have_the_official_ids_with_the_class_list(
    refused: Refused, tmp_path: Path, needs: Needs
) -> None:
    needs("timm")
    assert benchmark_classes().find("n01440764") == 0
    labels = read_labels(write(tmp_path / "labels.json", {FIRST: ["n02123045", "n01440764"], SECOND: ["ski", "alp"]}))
    assert labels.classes_by_image() == {FIRST: {0, 281}, SECOND: {795, 970}}
    assert labels.classes == benchmark_classes()
    bad = write(tmp_path / "bad.json", {FIRST: ["n00000001"]})
    assert refused(lambda: read_labels(bad)) == "unknown-class at bad.json"


def test_labels_of_other_images_keep_the_classes_of_their_file(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path / "labels.json", {"a.png": ["dog", "cat"]}))
    assert labels.classes == Classes(2, names=("cat", "dog"), has_local_ids=True)


# --- sources by name and by path ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "name", "file", "expected"),
    [
        (read_labels, "imagenet-real", "real.json", "LabelSets(50,000 images, 57,553 labels, 3,163 empty)"),
        (
            read_original_labels,
            "imagenet-original",
            "validation_labels.txt",
            "LabelSets(50,000 images, 50,000 labels, 0 empty)",
        ),
        (read_scores, "imagenet-real-scores", "scores.npz", "Scores(184,962 questions, 24,889 images)"),
        (
            read_votes,
            "imagenet-real-raters",
            "raters.npz",
            "Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)",
        ),
    ],
)
def test_known_data_is_read_by_default_by_name_and_by_path(
    real_file: RealFile, load: Any, name: str, file: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_file(file)
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    assert [repr(load(*source)) for source in ((), (name,), (path,), (str(path),))] == [expected] * 4


def test_label_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (calls.append(path), read(path))[1])
    for content in ({"a.png": [1]}, {"a.png": {"valid": [1]}}):
        path = write(tmp_path / "labels.json", content)
        calls.clear()
        assert read_labels(path).evaluation_labels.classes_by_image() == {"a.png": {1}}
        assert calls == [path]


def test_evaluation_labels_are_valid_classes_of_good_images(tmp_path: Path) -> None:
    content = {"a": {"valid": [1, 2], "wrong": [3]}, "b": {"valid": [1], "problematic": True}, "c": {"unclear": [4]}}
    assert read_labels(write(tmp_path / "r.json", content)).evaluation_labels.classes_by_image() == {
        "a": {1, 2},
        "b": frozenset(),
        "c": frozenset(),
    }


def test_ecologists_verdicts_are_on_original_labels_and_cannot_evaluate(
    refused: Refused, real_file: RealFile, real_original: LabelSets
) -> None:
    path = real_file("Biodiversity_ImageNet_Image_data.csv")
    found = read_labels("imagenet-ecologists")
    parts = [part.classes_by_image() for part in (found.valid, found.unclear, found.wrong)]
    assert [sum(map(bool, part.values())) for part in parts] == [11_348, 454, 1_648]
    original = real_original.classes_by_image()
    assert all(
        set().union(*(part[image] for part in parts)) == original[image]
        and sum(len(part[image]) for part in parts) == 1
        for image in found.images
    )
    rows = [line.rsplit(",", 6) for line in path.read_text().splitlines()[1:]]
    valid = {int(start[:8]) for start, correct, *_ in rows if float(correct) > 0}
    assert {int(name[15:23]) for name, ids in parts[0].items() if ids} == valid
    assert not found.is_complete
    assert refused(lambda: found.evaluation_labels) == "incomplete-review"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("50001,x,1", "missing-labels at v.csv, line 3"),
        ("2,x,1.5", "out-of-range at v.csv, line 3"),
        ("2,x,", "missing-value at v.csv, line 3, column Correct ID"),
        ("1,x,1", "duplicate-image at v.csv, the label set"),
    ],
)
def test_impossible_verdicts_raise(
    refused: Refused, row: str, expected: str, tmp_path: Path, real_file: RealFile
) -> None:
    real_file("validation_labels.txt")
    path = write(tmp_path / "v.csv", f"Image Number,Label,Correct ID\n00000001,x,-1.0\n{row}\n")
    assert refused(lambda: read_labels(path)) == expected


def test_relabelling_is_read_in_its_published_form(refused: Refused, tmp_path: Path) -> None:
    """The form of the known source imagenet-flaws: empty cells are images without a valid class."""
    rows = ["00009670.JPEG,26,26,*", '00021106.JPEG,601,"689, 601",+', "00000012.JPEG,286,,++"]
    table = "id,original_label,proposed_labels,validation\n"
    path = write(tmp_path / "clean_validation.csv", table + "".join(f"ILSVRC2012_val_{row}\n" for row in rows))
    found = read_labels(path)
    assert [set(ids) for ids in found.evaluation_labels.classes_by_image().values()] == [{26}, {601, 689}, set()]
    assert found.evaluation_labels.classes.count == 1000
    path.write_text(path.read_text().replace("689", "1000"))
    assert (
        refused(lambda: read_labels(path)) == "out-of-range at clean_validation.csv, image ILSVRC2012_val_00021106.JPEG"
    )


def test_labels_of_imagenetv2_have_no_class_list(real_file: RealFile) -> None:
    real_file("imagenetv2_refined_labels.json")
    found = read_labels("imagenetv2-labels")
    assert repr(found) == "LabelSets(10,000 images, 19,077 labels, 129 empty)"
    assert found.classes == Classes()


def test_expert_share_is_computed_from_votes_read_by_name(real_file: RealFile) -> None:
    real_file("golden.npz")
    experts = read_votes("imagenet-real-golden")
    assert isinstance(experts, Votes)
    shares = scores_from_experts(experts)
    assert (len(shares), shares.values[0]) == (1135, 0.2)


@pytest.mark.parametrize("load", [read_labels, read_original_labels, read_scores, read_votes])
def test_unknown_source_raises(refused: Refused, load: Any) -> None:
    assert refused(lambda: load("imagenet-rael")) == "file-not-found at imagenet-rael"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("real.json", "ReaL"),
        ("scores.npz", "ReaL"),
        ("validation_labels.txt", "imagenet-original"),
        ("imagenetv2_refined_labels.json", "imagenetv2-labels"),
    ],
)
def test_known_file_has_its_name_in_any_folder(tmp_path: Path, file: str, name: str, real_file: RealFile) -> None:
    copy = shutil.copy(real_file(file), tmp_path / "mine.dat")
    assert label_set_name(real_file(file)) == label_set_name(copy) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pets.json", "pets"),
        ("pets.v2.csv", "pets.v2"),
        ("real.json", "real.json"),
        ("ReaL.csv", "ReaL.csv"),
        ("surreal.csv", "surreal"),
    ],
)
def test_other_file_is_named_after_its_stem_and_never_real(tmp_path: Path, file: str, name: str) -> None:
    path = tmp_path / file
    path.write_text("any content")
    assert label_set_name(path) == name


def test_label_sets_have_the_name_of_their_file(
    tmp_path: Path, real_labels: LabelSets, real_original: LabelSets
) -> None:
    assert (real_labels.name, real_original.name) == ("ReaL", "imagenet-original")
    path = tmp_path / "pets.json"
    path.write_text(json.dumps({"1.jpg": [0], "2.jpg": [1]}))
    assert read_labels(path).name == read_labels(path).name == "pets"
    path.write_text(json.dumps({"1.jpg": {"valid": [0], "unclear": [1], "wrong": [], "problematic": False}}))
    assert read_labels(path).name == read_labels(path).name == "pets"


def test_only_known_files_are_known_to_be_in_sample(real_file: RealFile, tmp_path: Path) -> None:
    scores, golden = real_file("scores.npz"), real_file("golden.npz")
    copy = tmp_path / "mine.npz"
    copy.write_bytes(golden.read_bytes())
    assert are_scores_from_golden(scores, copy) is True
    copy.write_bytes(golden.read_bytes() + b" ")
    assert are_scores_from_golden(scores, copy) is None
    assert are_scores_from_golden(copy, golden) is None
    assert are_scores_from_golden(scores, golden, benchmark=Benchmark()) is None
    own = replace(IMAGENET, sources={"scores": "/mine/scores.npz", "golden": "imagenet-real-golden"})
    assert are_scores_from_golden(scores, golden, benchmark=own) is None
