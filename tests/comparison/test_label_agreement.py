"""Agreement of two label sets matches Python sets, by image and by class."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.comparison import AGREEMENTS, VERDICT_NAMES, label_agreement, label_diff
from reassess.core import Classes, LabelSets, MultiLabels
from reassess.data import read_labels
from tests.helpers import fault_of, labels_of, message, validation_name

IMAGES = st.sampled_from("abcdef")
SETS = st.dictionaries(IMAGES, st.sets(st.integers(0, 4)))
REVIEWS = st.dictionaries(IMAGES, st.dictionaries(st.integers(0, 4), st.sampled_from(VERDICT_NAMES[:3])))
EITHER = SETS.map(lambda sets: {image: dict.fromkeys(ids, "valid") for image, ids in sets.items()}) | REVIEWS
Reviews = dict[str, dict[int, str]]


def reviewed(reviews: Reviews) -> MultiLabels:
    """Reviewers' verdicts on classes of images; every second image is problematic."""
    parts = [
        labels_of({image: [i for i, each in verdicts.items() if each == kind] for image, verdicts in reviews.items()})
        for kind in VERDICT_NAMES[:3]
    ]
    return MultiLabels(*parts, is_problematic=np.arange(len(reviews)) % 2 == 1)


def valid(reviews: Reviews, image: str) -> set[int]:
    return {i for i, verdict in reviews.get(image, {}).items() if verdict == "valid"}


def agreement_of(first: set[int], second: set[int]) -> str:
    """Compute the agreement from its definition."""
    if not first or not second:
        return "both_unlabelled" if not first | second else "second_unlabelled" if first else "first_unlabelled"
    return "equal" if first == second else "overlap" if first & second else "disjoint"


@given(EITHER, EITHER)
def test_agreement_matches_python_sets(first: Reviews, second: Reviews) -> None:
    agreement = label_agreement(reviewed(first), reviewed(second))
    state = {image: agreement_of(valid(first, image), valid(second, image)) for image in {**first, **second}}
    assert agreement.images == tuple(state)
    assert [AGREEMENTS[i] for i in agreement.agreements] == list(state.values())
    counts = Counter(state.values())
    assert agreement.counts == {name: counts[name] for name in AGREEMENTS}
    by_class = Counter((i, each) for image, each in state.items() for i in valid(first, image) | valid(second, image))
    assert agreement.class_ids.tolist() == sorted({i for i, _ in by_class})
    entries = agreement.to_json()["by_class"]
    assert {(entry["class"], name): entry[name] for entry in entries for name in AGREEMENTS[:-1] if entry[name]} == (
        by_class
    )
    pairs = Counter(
        (first[image].get(i, "not_named"), second[image].get(i, "not_named"))
        for image in first.keys() & second.keys()
        for i in {**first[image], **second[image]}
    )
    assert {(a, b): n for a, row in agreement.to_json()["crosstab"].items() for b, n in row.items() if n} == pairs


def test_text_has_counts_and_images_have_names() -> None:
    agreement = label_agreement(labels_of({"a": {1}, "b": {1, 2}, "c": {3}}), labels_of({"a": {1}, "b": {2}, "d": {0}}))
    assert str(agreement) == (
        "2 images with labels in both: 1 equal (50.00 %), 1 overlap, 0 disjoint\n"
        "unlabelled: 1 image in the first, 1 image in the second, 0 images in both"
    )
    assert (
        agreement.images_with_agreement("overlap"),
        agreement.images_with_agreement("first_unlabelled"),
        len(agreement),
    ) == (
        ("b",),
        ("d",),
        4,
    )
    assert str(label_agreement(labels_of({"a": {1}}), labels_of({}))).startswith(
        "0 images with labels in both: 0 equal, 0 overlap"
    )


def test_images_are_joined_by_name() -> None:
    by_number = labels_of({validation_name(7): {1}}), labels_of({f"val/{validation_name(7, '_n1.png')}": {1}})
    assert label_agreement(*by_number).counts["equal"] == 1
    first, second = labels_of({"x/a.png": {1}}), labels_of({"a.jpg": {1}})
    assert label_agreement(first, second).counts["equal"] == 0
    assert label_agreement(first, second, match="stem").counts["equal"] == 1
    twice = labels_of({"x/a.png": {1}, "y/a.png": {1}})
    assert "  where:   the first label set\n" in message(label_agreement, twice, second, match="stem")


# --- classes --------------------------------------------------------------------------------------------------------


def named(*names: str, ids: Any = (0,), **options: Any) -> LabelSets:
    return LabelSets.from_lists(["a"], [list(ids)], Classes(len(names), names=names, **options))


@pytest.mark.parametrize(
    ("first", "second", "counted", "names"),
    [
        (named("cat", "dog"), named("dog", "cat", ids=[0, 1]), "overlap", ["cat", "dog"]),
        (named("cat", "dog", ids=[0, 1], has_local_ids=True), named("dog", "yak", ids=[0, 1], has_local_ids=True),
         "overlap", ["cat", "dog", "yak"]),
        (named("dog", has_local_ids=True), named("cat", "dog", "yak", ids=[1]), "equal", ["dog"]),
        (named("cat", "dog", "yak", ids=[1]), named("dog", has_local_ids=True), "equal", ["dog"]),
    ],
)  # fmt: skip
def test_classes_are_joined_by_name_in_any_order(
    first: LabelSets, second: LabelSets, counted: str, names: list[str]
) -> None:
    """Each file may name classes that the other does not."""
    agreement = label_agreement(first, second)
    assert (agreement.counts[counted], [entry["name"] for entry in agreement.to_json()["by_class"]]) == (1, names)


@pytest.mark.parametrize("direction", [1, -1])
def test_empty_label_sets_fit_any_class_list(direction: int) -> None:
    pair = named("dog", has_local_ids=True), labels_of({"a": set()})
    agreement = label_agreement(*pair[::direction])
    expected = (0, 1) if direction == 1 else (1, 0)
    assert (agreement.counts["first_unlabelled"], agreement.counts["second_unlabelled"]) == expected
    assert agreement.to_json()["by_class"][0]["name"] == "dog"
    diff = label_diff(*pair[::direction])
    assert (diff.n_emptied_label_sets, diff.n_filled_label_sets) == ((1, 0) if direction == 1 else (0, 1))


def test_different_classes_raise() -> None:
    ten, thousand = (LabelSets.from_lists(["a"], [[0]], Classes(n)) for n in (10, 1000))
    for first, second, code, found in (
        (named("cat"), named("yak"), "unknown-class", "yak"),
        (ten, thousand, "different-classes", "10 classes and 1,000 classes"),
        (named("cat", has_local_ids=True), labels_of({"a": {0}}), "ids-and-names", "cat, and ids"),
    ):
        for function in (label_agreement, label_diff):
            assert fault_of(function, first, second) == (code, found)


# --- the real label sets --------------------------------------------------------------------------------------------


def test_crosstab_of_real_and_ecologists_matches_count(
    real_labels: LabelSets, real_original: LabelSets, real_file: Callable[..., Any]
) -> None:
    real_file("Biodiversity_ImageNet_Image_data.csv")
    ecologists = read_labels("imagenet-ecologists")
    crosstab = label_agreement(real_labels, ecologists).to_json()["crosstab"]
    real, original = real_labels.classes_by_image(), real_original.classes_by_image()
    for kind in VERDICT_NAMES[:3]:
        images = [image for image, ids in getattr(ecologists, kind).classes_by_image().items() if ids]
        kept = sum(original[image] <= real[image] for image in images)
        assert (crosstab["valid"][kind], crosstab["not_named"][kind]) == (kept, len(images) - kept)
