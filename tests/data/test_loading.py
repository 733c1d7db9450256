"""Known data and files by name; ImageNet's images have ImageNet's classes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reassess.core.benchmark import IMAGENET
from reassess.core.classes import Classes
from reassess.core.image_names import validation_names
from reassess.core.labels import LabelSets
from reassess.core.votes import Votes
from reassess.data.loading import (
    in_benchmark_classes,
    load_classes,
    load_labels,
    load_original,
    load_scores,
    load_votes,
)
from reassess.evaluation.mistakes import expert_share
from tests.helpers import message

WNIDS = [f"n{10_000_000 + i}" for i in range(1000)]
FIRST, SECOND = validation_names()[:2]
MIXED = (
    "the classes are named in one file and numbered in another\n  where:   {}\n  found:   {}, and ids\n"
    "  to mend: use one of both; for ImageNet, reassess data fetch imagenet-classes gets the list of names"
)


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_wnids_of_some_classes_without_the_list_of_all_are_an_error(tmp_path: Path, no_known_data: None) -> None:
    labels = write(tmp_path / "labels.json", {FIRST: ["n01440764", "n02123045"], SECOND: []})
    assert message(lambda: load_labels(labels)) == MIXED.format(labels, "n01440764, n02123045")
    original = write(tmp_path / "original.json", {FIRST: "n01440764"})
    assert message(lambda: load_original(original)) == MIXED.format(original, "n01440764")


def test_a_file_that_names_all_1000_wnids_needs_no_list(tmp_path: Path, no_known_data: None) -> None:
    given = {FIRST: WNIDS[::-1], SECOND: [WNIDS[7]]}
    labels = load_labels(write(tmp_path / "labels.json", given))
    assert labels.sets() == {FIRST: frozenset(range(1000)), SECOND: {7}}
    assert labels.classes == in_benchmark_classes(labels, IMAGENET).classes == Classes(1000, wnids=tuple(WNIDS))
    original = load_original(write(tmp_path / "o.txt", "\n".join(WNIDS[i % 1000] for i in range(50_000))))
    assert original.indices.tolist() == [i % 1000 for i in range(50_000)]


def test_ids_need_no_list(tmp_path: Path, no_known_data: None) -> None:
    labels = load_labels(write(tmp_path / "labels.json", {FIRST: [999], SECOND: []}))
    assert (labels.classes, labels.sets()) == (Classes(1000), {FIRST: {999}, SECOND: frozenset()})
    bad = write(tmp_path / "bad.json", {FIRST: [1000]})
    assert message(lambda: load_labels(bad)) == (
        f"class id out of range\n  where:   {bad}, image {FIRST}\n  allowed: 0 to 999\n  found:   1000"
    )


@pytest.mark.parametrize("name", [{"names": ("cat", "dog")}, {"wnids": ("n01440764", "n02123045")}])
def test_numbered_originals_of_named_labels_are_an_error_both_ways(name: dict[str, tuple[str, ...]]) -> None:
    labels = LabelSets.from_lists(["a"], [[0, 1]], Classes(2, **name, ranked=True))
    original = LabelSets.from_lists(["a"], [[1]])
    texts = ", ".join(next(iter(name.values())))
    expected = (
        f"the classes are named in one file and numbered in another\n  found:   {texts}, and ids\n"
        "  to mend: use one of both; for ImageNet, reassess data fetch imagenet-classes gets the list of names"
    )
    assert message(lambda: original.in_classes(labels.classes)) == expected
    assert message(lambda: labels.in_classes(original.classes)) == expected


def test_label_sets_without_a_label_fit_any_classes() -> None:
    empty = LabelSets.from_lists(["a"], [[]])
    classes = Classes(1, names=("cat",), ranked=True)
    assert empty.in_classes(classes).classes == classes


def test_with_the_list_wnids_and_names_have_the_official_ids(tmp_path: Path, needs: Callable[[str], None]) -> None:
    needs("timm")
    assert load_classes().find("n01440764") == 0
    labels = load_labels(write(tmp_path / "labels.json", {FIRST: ["n02123045", "n01440764"], SECOND: ["ski", "alp"]}))
    assert labels.sets() == {FIRST: {0, 281}, SECOND: {795, 970}}
    assert labels.classes == load_classes()
    bad = write(tmp_path / "bad.json", {FIRST: ["n00000001"]})
    assert message(lambda: load_labels(bad)) == (
        f"a class is not one of the benchmark's\n  where:   {bad}\n  found:   n00000001\n"
        "  to mend: use wnids or class ids"
    )


def test_images_that_are_not_imagenet_s_keep_the_classes_of_their_file(tmp_path: Path) -> None:
    labels = load_labels(write(tmp_path / "labels.json", {"a.png": ["dog", "cat"]}))
    assert labels.classes == Classes(2, names=("cat", "dog"), ranked=True)


# --- by name and by path --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "name", "file", "expected"),
    [
        (load_labels, "imagenet-real", "real.json", "LabelSets(50,000 images, 57,553 labels, 3,163 empty)"),
        (
            load_original,
            "imagenet-original",
            "validation_labels.txt",
            "LabelSets(50,000 images, 50,000 labels, 0 empty)",
        ),
        (load_scores, "imagenet-real-scores", "scores.npz", "Scores(184,962 questions, 24,889 images)"),
        (
            load_votes,
            "imagenet-real-raters",
            "raters.npz",
            "Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)",
        ),
    ],
)
def test_known_data_is_loaded_by_default_by_name_and_by_path(
    real_file: Callable[[str], Path], load: Any, name: str, file: str, expected: str
) -> None:
    path = real_file(file)
    assert [repr(load(*source, offline=True)) for source in ((), (name,), (path,), (str(path),))] == [expected] * 4


def test_experts_are_loaded_by_name_and_shares_of_yes_made_of_them(real_file: Callable[[str], Path]) -> None:
    real_file("golden.npz")
    experts = load_votes("imagenet-real-golden")
    assert isinstance(experts, Votes)
    shares = expert_share(experts)
    assert (len(shares), shares.values[0]) == (1135, 0.2)


@pytest.mark.parametrize("load", [load_labels, load_original, load_scores, load_votes])
def test_what_is_neither_a_file_nor_a_known_source_is_an_error(load: Any) -> None:
    assert message(lambda: load("imagenet-rael")) == (
        "no such file, and no known source of that name\n  where:   imagenet-rael\n"
        "  allowed: a path, or one of imagenet-real, imagenet-real-scores, imagenet-real-raters, imagenet-real-golden, "
        "imagenet-real-raters-golden, imagenet-original, imagenet-classes, imagenet-collapsed, imagenet-train-clean\n"
        "  to mend: check the path; `reassess data list` describes the known sources"
    )
