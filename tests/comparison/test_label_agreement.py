"""Whether two label sets agree is what sets say, image by image and class by class."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison.label_agreement import AGREEMENTS, CROSSTAB, label_agreement
from reassess.comparison.label_changes import label_diff
from reassess.core.classes import LIST_CLASSES, Classes
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.data.loading import read_labels
from tests.helpers import labels_of, message

IMAGES = st.sampled_from("abcdef")
SETS = st.dictionaries(IMAGES, st.sets(st.integers(0, 4)))
REVIEWS = st.dictionaries(IMAGES, st.dictionaries(st.integers(0, 4), st.sampled_from(CROSSTAB[:3])))
EITHER = SETS.map(lambda sets: {image: dict.fromkeys(ids, "valid") for image, ids in sets.items()}) | REVIEWS
Reviews = dict[str, dict[int, str]]


def reviewed(reviews: Reviews) -> MultiLabels:
    """What reviewers say of each class of each image; every second image is problematic."""
    parts = [
        labels_of({image: [i for i, its in said.items() if its == kind] for image, said in reviews.items()})
        for kind in CROSSTAB[:3]
    ]
    return MultiLabels(*parts, problematic=np.arange(len(reviews)) % 2 == 1)


def valid(reviews: Reviews, image: str) -> set[int]:
    return {i for i, its in reviews.get(image, {}).items() if its == "valid"}


def agreement_of(first: set[int], second: set[int]) -> str:
    """The definition, slowly."""
    if not first or not second:
        return "both_unlabelled" if not first | second else "second_unlabelled" if first else "first_unlabelled"
    return "equal" if first == second else "overlap" if first & second else "disjoint"


@given(EITHER, EITHER)
def test_it_is_what_sets_say(first: Reviews, second: Reviews) -> None:
    found = label_agreement(reviewed(first), reviewed(second))
    state = {image: agreement_of(valid(first, image), valid(second, image)) for image in {**first, **second}}
    assert found.images == tuple(state)
    assert [AGREEMENTS[i] for i in found.state] == list(state.values())
    counts = Counter(state.values())
    assert found.counts == {name: counts[name] for name in AGREEMENTS}
    by_class = Counter((i, its) for image, its in state.items() for i in valid(first, image) | valid(second, image))
    assert found.class_ids.tolist() == sorted({i for i, _ in by_class})
    assert {
        (entry["class"], name): entry[name]
        for entry in found.to_json()["by_class"]
        for name in AGREEMENTS[:-1]
        if entry[name]
    } == by_class
    pairs = Counter(
        (first[image].get(i, "not_named"), second[image].get(i, "not_named"))
        for image in first.keys() & second.keys()
        for i in {**first[image], **second[image]}
    )
    assert {(a, b): n for a, row in found.to_json()["crosstab"].items() for b, n in row.items() if n} == pairs


@given(EITHER, EITHER)
def test_the_other_way_round_the_first_is_the_second(first: Reviews, second: Reviews) -> None:
    one, other = (label_agreement(reviewed(a), reviewed(b)) for a, b in ((first, second), (second, first)))
    swapped = {"first_unlabelled": "second_unlabelled", "second_unlabelled": "first_unlabelled"}
    assert one.counts == {name: other.counts[swapped.get(name, name)] for name in AGREEMENTS}
    assert one.crosstab.tolist() == other.crosstab.T.tolist()
    assert one.class_ids.tolist() == other.class_ids.tolist()


@given(SETS)
def test_a_label_set_agrees_with_itself_where_it_speaks(sets: dict[str, set[int]]) -> None:
    found = label_agreement(labels_of(sets), labels_of(sets))
    speaks = sum(map(bool, sets.values()))
    assert found.counts | {"equal": 0, "both_unlabelled": 0} == dict.fromkeys(AGREEMENTS, 0)
    assert (found.counts["equal"], found.equal_share) == (speaks, 1.0 if speaks else None)


@given(SETS, SETS)
def test_plain_label_sets_say_valid_or_nothing(first: dict[str, set[int]], second: dict[str, set[int]]) -> None:
    found = label_agreement(labels_of(first), labels_of(second)).to_json()["crosstab"]
    shared = first.keys() & second.keys()
    assert found["valid"]["valid"] == sum(len(first[image] & second[image]) for image in shared)
    assert found["valid"]["not_named"] == sum(len(first[image] - second[image]) for image in shared)
    assert found["not_named"]["valid"] == sum(len(second[image] - first[image]) for image in shared)
    assert not any(
        found[row][column] for row in CROSSTAB for column in CROSSTAB if {row, column} & {"unclear", "wrong"}
    )


def test_it_prints_what_was_counted_and_names_images() -> None:
    found = label_agreement(labels_of({"a": {1}, "b": {1, 2}, "c": {3}}), labels_of({"a": {1}, "b": {2}, "d": {0}}))
    assert str(found) == (
        "2 images with labels in both: 1 equal (50.00 %), 1 overlap, 0 disjoint\n"
        "silent: the first on 1 image, the second on 1 image, both on 0 images"
    )
    assert (found.images_of("overlap"), found.images_of("first_unlabelled"), len(found)) == (("b",), ("d",), 4)
    assert str(label_agreement(labels_of({"a": {1}}), labels_of({}))).startswith(
        "0 images with labels in both: 0 equal, 0 overlap"
    )


def test_images_are_joined_by_name_as_elsewhere() -> None:
    number = label_agreement(
        labels_of({"ILSVRC2012_val_00000007.JPEG": {1}}), labels_of({"val/ILSVRC2012_val_00000007_n1.png": {1}})
    )
    assert number.counts["equal"] == 1
    first, second = labels_of({"x/a.png": {1}}), labels_of({"a.jpg": {1}})
    assert label_agreement(first, second).counts["equal"] == 0
    assert label_agreement(first, second, match="stem").counts["equal"] == 1
    assert message(lambda: label_agreement(labels_of({"x/a.png": {1}, "y/a.png": {1}}), second, match="stem")) == (
        "image stem fits several images\n"
        "  where:   the first label set\n"
        "  found:   a.jpg fits x/a.png, y/a.png\n"
        '  fix:     join by the whole path (match="path")'
    )


# --- classes --------------------------------------------------------------------------------------------------------


def named(*names: str, ids: Any = (0,), **options: Any) -> LabelSets:
    return LabelSets.from_lists(["a"], [list(ids)], Classes(len(names), names=names, **options))


def test_classes_are_joined_by_name_whatever_their_order() -> None:
    found = label_agreement(named("cat", "dog"), named("dog", "cat", ids=[0, 1]))
    assert (found.counts["overlap"], found.crosstab[0].tolist(), found.crosstab[3].tolist()) == (
        1,
        [1, 0, 0, 0],
        [1, 0, 0, 0],
    )
    assert [entry["name"] for entry in found.to_json()["by_class"]] == ["cat", "dog"]


def test_two_files_may_each_name_classes_that_the_other_does_not() -> None:
    first, second = (
        named("cat", "dog", ids=[0, 1], has_local_ids=True),
        named("dog", "yak", ids=[0, 1], has_local_ids=True),
    )
    found = label_agreement(first, second)
    assert (found.counts["overlap"], [entry["name"] for entry in found.to_json()["by_class"]]) == (
        1,
        ["cat", "dog", "yak"],
    )


@pytest.mark.parametrize("turn", [1, -1])
def test_label_sets_that_are_all_empty_have_no_numbering(turn: int) -> None:
    pair = named("dog", has_local_ids=True), labels_of({"a": set()})
    found = label_agreement(*pair[::turn])
    assert (found.counts["first_unlabelled"], found.counts["second_unlabelled"]) == ((0, 1) if turn == 1 else (1, 0))
    assert found.to_json()["by_class"][0]["name"] == "dog"
    diff = label_diff(*pair[::turn])
    assert (diff.emptied, diff.filled) == ((1, 0) if turn == 1 else (0, 1))


BOTH = "the first label set and the second label set"


@pytest.mark.parametrize("turn", [1, -1])
def test_a_file_of_names_and_a_list_of_classes_agree_by_name(turn: int) -> None:
    pair = named("dog", has_local_ids=True), named("cat", "dog", "yak", ids=[1])
    found = label_agreement(*pair[::turn])
    assert (found.counts["equal"], found.class_ids.tolist()) == (1, [1])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            named("cat"),
            named("yak"),
            "a class is not one of the benchmark's\n  where:   the second label set\n  found:   yak\n"
            "  fix:     check the spelling, or read all files with one list of classes",
        ),
        (
            LabelSets.from_lists(["a"], [[0]], Classes(10)),
            LabelSets.from_lists(["a"], [[0]], Classes(1000)),
            f"files have different classes\n  where:   {BOTH}\n  found:   10 classes and 1,000 classes\n"
            "  fix:     name the classes in both files",
        ),
        (
            named("cat", has_local_ids=True),
            labels_of({"a": {0}}),
            f"the classes are named in one file and numbered in another\n  where:   {BOTH}\n  found:   cat, and ids\n"
            f"  fix:     {LIST_CLASSES}",
        ),
    ],
)
def test_label_sets_of_different_classes_are_an_error(first: LabelSets, second: LabelSets, said: str) -> None:
    assert message(lambda: label_agreement(first, second)) == said


# --- the real label sets --------------------------------------------------------------------------------------------


def test_real_agrees_with_the_original_labels_as_its_accuracy_says(
    real_labels: LabelSets, real_original: LabelSets
) -> None:
    found = label_agreement(real_labels, real_original)
    n = found.counts
    assert (n["equal"] + n["overlap"], n["disjoint"], n["first_unlabelled"]) == (42_164, 46_837 - 42_164, 3_163)
    assert (n["second_unlabelled"], n["both_unlabelled"]) == (0, 0)


def test_real_beside_the_ecologists_verdicts(
    real_labels: LabelSets, real_original: LabelSets, real_file: Callable[..., Any]
) -> None:
    real_file("Biodiversity_ImageNet_Image_data.csv")
    ecologists = read_labels("imagenet-ecologists")
    found = label_agreement(real_labels, ecologists).to_json()["crosstab"]
    real, original = real_labels.sets(), real_original.sets()
    for kind in CROSSTAB[:3]:
        judged = [image for image, ids in getattr(ecologists, kind).sets().items() if ids]
        kept = sum(original[image] <= real[image] for image in judged)
        assert (found["valid"][kind], found["not_named"][kind]) == (kept, len(judged) - kept)
