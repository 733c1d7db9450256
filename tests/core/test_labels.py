"""Label sets: rated, empty and unrated images, and checks of class ids."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets
from reassess.numeric.arrays import concatenate_ranges
from tests.helpers import Refused, labels_of

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\\")  # a/b and a\\b are one image
sets = st.dictionaries(st.text(_CHARACTERS, min_size=1, max_size=8), st.sets(st.integers(0, 50)))
sets = sets.filter(lambda label_sets: not any("ILSVRC" in name for name in label_sets))


@given(sets)
def test_rated_image_has_its_set_and_unrated_image_has_none(expected: Any) -> None:
    labels = labels_of(expected)
    assert {name: labels[name] for name in expected} == {name: tuple(sorted(ids)) for name, ids in expected.items()}
    assert labels["never/rated"] is None
    assert labels.classes_by_image() == expected
    assert labels.n_empty_images == sum(not ids for ids in expected.values())
    assert len(labels) == len(expected)


@given(sets, st.randoms())
def test_pairs_and_lists_give_same_sets_in_any_order(expected: Any, random: Random) -> None:
    images = list(expected)
    pairs = [(row, class_id) for row, name in enumerate(images) for class_id in expected[name]]
    random.shuffle(pairs)
    image_ids, class_ids = np.array(pairs, np.int64).reshape(-1, 2).T
    assert LabelSets.from_pairs(images, image_ids, class_ids).classes_by_image() == expected
    random.shuffle(images)
    assert labels_of({name: expected[name] for name in images}).classes_by_image() == expected


@given(sets, st.randoms())
def test_of_rows_returns_labels_in_order_of_rows(label_sets: Any, random: Random) -> None:
    labels = labels_of(label_sets)
    rows = np.array(random.sample(range(len(labels)), len(labels)), np.int64)
    ids, sizes = labels.classes_of_rows(rows)
    assert ids.tolist() == [i for row in rows for i in labels[labels.images[row]]]
    assert sizes.tolist() == [len(labels[labels.images[row]]) for row in rows]


@pytest.mark.parametrize(
    ("ids", "classes", "allowed", "class_id"),
    [
        ([1, -1], None, 2147483647, -1),
        ([2**31], None, 2147483647, 2**31),
        ([2**40, 1], None, 2147483647, 2**40),
        ([2**80], None, 2147483647, 2**80),
        ([1000], Classes(1000), 999, 1000),
        ([-1], Classes(1000), 999, -1),
    ],
)
def test_error_about_invalid_class_id_shows_the_image(
    refused_text: Refused, ids: Any, classes: Any, allowed: int, class_id: Any
) -> None:
    expected = f"class id out of range\n  where:   image b\n  allowed: 0 to {allowed}\n  found:   {class_id}"
    assert refused_text(lambda: LabelSets.from_lists(["a", "b"], [[], ids], classes)) == expected
    if abs(class_id) < 2**63:
        pairs = np.ones(len(ids), np.int64), np.array(ids)
        assert refused_text(lambda: LabelSets.from_pairs(["a", "b"], *pairs, classes)) == expected


def test_contradictory_label_sets_raise(refused: Refused) -> None:
    assert refused(lambda: LabelSets.from_lists(["a", "b"], [[7], [5, 7, 5]])) == "duplicate-class at image b"
    assert refused(lambda: LabelSets.from_lists(["a", "a"], [[7], [5]])) == "duplicate-image at the label set"
    arrays = np.array([0, 1]), np.array([3], np.int32)
    assert refused(lambda: LabelSets(("a",), *arrays, Classes(3))) == "out-of-range at image a"
    assert refused(lambda: LabelSets.from_lists(["a", "b"], [[1]])) == "wrong-length"
    assert refused(lambda: LabelSets(("a", "b"), *arrays)) == "wrong-indptr"


def test_classes_are_converted_by_name_else_by_id(refused: Refused) -> None:
    labels = labels_of({"a": {0, 1}, "b": set(), "c": {1}}, Classes(2, names=("cat", "dog")))
    converted = labels.convert_to_classes(Classes(3, ("n1", "n2", "n3"), ("dog, hound", "wolf", "cat")))
    assert converted.classes_by_image() == {"a": {0, 2}, "b": set(), "c": {0}}
    assert labels_of({"a": {2}}).convert_to_classes(Classes(3, names=("x", "y", "z"))).classes_by_image() == {"a": {2}}
    assert labels_of({"a": set()}).convert_to_classes(Classes.from_texts(["cat"])).classes == Classes.from_texts(
        ["cat"]
    )
    assert refused(lambda: labels.convert_to_classes(Classes(1, names=("cat",)))) == "unknown-class"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=8))
def test_runs_are_concatenated_ranges(pairs: list[tuple[int, int]]) -> None:
    starts, sizes = np.array(pairs, np.int64).reshape(-1, 2).T
    assert concatenate_ranges(starts, sizes).tolist() == [
        i for start, size in pairs for i in range(start, start + size)
    ]


def test_label_sets_keep_name_in_other_classes() -> None:
    labels = LabelSets.from_lists(["a"], [[1]], Classes(2, names=("cat", "dog")), name="pets")
    assert labels.convert_to_classes(Classes(2, names=("dog", "cat"))).name == "pets"
    assert labels.convert_to_classes(Classes(2, names=("cat", "dog"))).name == "pets"
    assert LabelSets.from_pairs(["a"], np.array([0]), np.array([1]), name="pets").name == "pets"
    assert LabelSets.from_lists(["a"], [[1]], name="pets").convert_to_classes(Classes(2)).name == "pets"


@pytest.mark.parametrize(
    ("name", "title"), [("", "reassessed"), ("pets", "pets"), ("ReaL", "ReaL"), ("original", '"original"')]
)
def test_title_is_name_but_differs_from_original_labels(name: str, title: str) -> None:
    assert LabelSets.from_lists(["a"], [[1]], name=name).title == title
