"""Duplicates: checks of rows, images with duplicates in other sets, and counts."""

import time
from collections import defaultdict
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Duplicates, count_duplicates
from tests.helpers import Refused, code_of

ROWS = [
    ("train", "a.png", 1, "exact"),
    ("val", "b.png", 1, "exact"),
    ("val", "c.png", 2, "exact"),
    ("val", "d.png", 2, "exact"),
    ("extra", "e.png", 3, "near"),
    ("train", "a.png", 3, "near"),
    ("val", "f.png", 0, "tiny"),
    ("val", "f.png", 0, "empty"),
]


def duplicates_of(rows: list[tuple[str, str, int, str]]) -> Duplicates:
    sets, images, groups, kinds = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Duplicates.from_columns(sets, images, groups, kinds)


def test_image_is_duplicated_elsewhere_if_group_has_another_set() -> None:
    duplicates = duplicates_of(ROWS)
    assert duplicates.images_duplicated_elsewhere("train") == ("a.png",)
    assert duplicates.images_duplicated_elsewhere("val") == ("b.png",)
    assert duplicates.images_duplicated_elsewhere("val", "near") == ()
    assert duplicates.images_duplicated_elsewhere("extra", "near") == ("e.png",)
    assert duplicates.images_of("val") == ("b.png", "c.png", "d.png", "f.png")
    assert (duplicates.count_groups(), duplicates.count_groups("exact"), duplicates.count_groups("near")) == (3, 2, 1)
    assert (duplicates.largest_group_size("exact"), duplicates.largest_group_size("near")) == (2, 2)
    assert code_of(duplicates.images_duplicated_elsewhere, "test") == "unknown-name"
    assert code_of(duplicates.images_duplicated_elsewhere, "val", "tiny") == "unknown-name"


def test_duplicates_can_be_empty() -> None:
    duplicates = duplicates_of([])
    assert (repr(duplicates), duplicates.largest_group_size("near")) == ("Duplicates(0 rows, 0 groups)", 0)


GROUPS = st.lists(st.sets(st.tuples(st.sampled_from("ABC"), st.integers(0, 5)), min_size=2, max_size=5), max_size=5)


@given(GROUPS)
def test_duplicated_elsewhere_equals_plain_loop(groups: list[set[tuple[str, int]]]) -> None:
    """Image names contain the group, so groups share no images."""
    rows = [
        (name, f"{group}-{image}.png", group, "near")
        for group, members in enumerate(groups, 1)
        for name, image in sorted(members)
    ]
    duplicates = duplicates_of(rows)
    expected: dict[str, set[str]] = defaultdict(set)
    for name, image, group, _ in rows:
        if any(row[0] != name and row[2] == group for row in rows):
            expected[name].add(image)
    for name in duplicates.sets:
        assert set(duplicates.images_duplicated_elsewhere(name)) == expected[name]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "1.png", 1, "exact"), ("a", "2.png", 1, "alike")], "unknown-name at image 2.png of a"),
        ([("a", "x\\1.png", 1, "exact"), ("a", "x/1.png", 1, "exact")], "duplicate-image at image x/1.png of a"),
        ([("a", "1.png", 1, "exact"), ("a", "2.png", 0, "exact")], "missing-value at image 2.png of a"),
        ([("a", "1.png", 7, "tiny")], "unexpected-value at image 1.png of a"),
        ([("a", "1.png", 1, "exact"), ("a", "2.png", 1, "exact"), ("a", "3.png", 1, "near")], "mixed-group at group 1"),
        ([("a", "1.png", 4, "near")], "small-group at group 4"),
    ],
)
def test_contradictory_rows_raise(refused: Refused, rows: list[tuple[str, str, int, str]], expected: str) -> None:
    assert refused(duplicates_of, rows) == expected


def test_sets_are_distinct_and_have_rows() -> None:
    ids, none = np.zeros(1, np.int32), np.zeros(1, np.int32)
    assert code_of(Duplicates, ("a", "a"), ("1.png",), ids, none, ("tiny",)) == "duplicate-name"
    assert code_of(Duplicates, ("a", "b"), ("1.png",), ids, none, ("tiny",)) == "empty"
    assert code_of(Duplicates, ("a",), ("1.png",), ids, none, ()) == "wrong-length"
    assert code_of(duplicates_of, [("a", "1.png", -1, "near")]) == "out-of-range"


SETS = ("a", "b", "c")
MEMBERS = st.tuples(st.sampled_from(SETS), st.sampled_from(["cat", "dog"]))
# Exact groups, and the number of the near group that each belongs to.
EXACT_GROUPS = st.lists(st.tuples(st.lists(MEMBERS, min_size=1, max_size=5), st.integers(0, 2)), max_size=6)


def test_pairs_of_a_large_group_are_found_without_a_look_at_equal_labels() -> None:
    images, labels = [f"{i}.png" for i in range(20_000)], ["a"] * 19_999 + ["b"]
    blank = Duplicates.from_columns(["set"] * len(images), images, [1] * len(images), ["exact"] * len(images), labels)
    start = time.perf_counter()
    assert [pair for _, pair in zip(range(10_000), blank.pairs_with_different_labels(), strict=False)][-1] == (
        9_999,
        19_999,
    )
    assert time.perf_counter() - start < 1


def test_copy_without_a_label_has_no_other_label() -> None:
    duplicates = duplicates_of([("a", f"{i}.png", 1, "exact") for i in range(3)])
    for label, expected in (("cat", 0), ("dog", 2)):
        (counts,) = count_duplicates(duplicates, {"a": {"0.png": "cat", "1.png": label}})
        assert (counts.n_exact, counts.n_other_label) == (3, expected)


@given(EXACT_GROUPS)
def test_counts_equal_comparison_of_all_pairs(groups: list[tuple[list[tuple[str, str]], int]]) -> None:
    members = [
        (name, f"{folder}/{g}-{i}.png", g, near)
        for g, (group_members, near) in enumerate(groups)
        for i, (name, folder) in enumerate(group_members)
    ]
    exact_sizes = {g: len(group_members) for g, (group_members, _) in enumerate(groups)}
    near_sizes = {n: sum(near == n for _, near in groups) for n in range(3)}
    rows = [(name, image, 1 + g, "exact") for name, image, g, _ in members if exact_sizes[g] > 1]
    rows += [(name, image, 100 + near, "near") for name, image, _, near in members if near_sizes[near] > 1]
    labels = [image.split("/")[0] for _, image, *_ in rows]
    duplicates = Duplicates.from_columns(*(zip(*rows, strict=True) if rows else ((), (), (), ())), labels)
    pairs = [sorted((rows[one][:2], rows[other][:2])) for one, other in duplicates.pairs_with_different_labels()]
    assert sorted(pairs) == sorted(
        sorted((one[:2], other[:2]))
        for one, other in combinations(members, 2)
        if (one[2] == other[2] or one[3] == other[3]) and one[1].split("/")[0] != other[1].split("/")[0]
    )
    in_pairs = {image for pair in pairs for image in pair}
    assert {row[:2] for row, others in zip(rows, duplicates.other_labels_in_group, strict=True) if others} == in_pairs
    classes = {name: {image: image.split("/")[0] for of, image, *_ in members if of == name} for name in SETS}
    results = {(counts.set_name, counts.other_set_name): counts for counts in count_duplicates(duplicates, classes)}
    assert results.keys() == set(product(SETS, SETS))
    for (name, elsewhere), counts in results.items():
        exact = near = other_label = 0
        for image in members:
            if image[0] != name:
                continue
            elsewhere_images = [member for member in members if member is not image and member[0] == elsewhere]
            copies = [member for member in elsewhere_images if member[2] == image[2]]
            similar = [member for member in elsewhere_images if member[3] == image[3]]
            exact += bool(copies)
            near += bool(similar) and not copies
            other_label += any(member[1].split("/")[0] != image[1].split("/")[0] for member in copies + similar)
        assert (counts.n_exact, counts.n_near, counts.n_other_label) == (exact, near, other_label), (name, elsewhere)


def test_other_class_is_none_if_a_set_has_no_classes() -> None:
    duplicates = Duplicates.from_columns(["a", "b"], ["cat/1.png", "2.png"], [1, 1], ["exact", "exact"])
    own, other = count_duplicates(duplicates, {"a": {"cat/1.png": "cat"}, "b": None})[:2]
    assert (own.n_exact, own.n_other_label, other.n_exact, other.n_other_label) == (0, 0, 1, None)
