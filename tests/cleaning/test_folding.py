"""Folds: stratified by class, with duplicates in one fold, and independent of the order of images."""

import warnings
from collections import Counter
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.cleaning import duplicate_groups, make_folds
from reassess.core import Classes, Duplicates, Folds, LabelSets
from reassess.errors import ReassessWarning
from tests.helpers import code_of, fault_of

classes = st.lists(st.integers(0, 4), min_size=2, max_size=60)
fold_counts = st.integers(2, 7)


def labels_of(class_ids: list[int]) -> LabelSets:
    return LabelSets.from_lists([f"{row}.png" for row in range(len(class_ids))], [[each] for each in class_ids])


def folds_of(labels: LabelSets, **options: object) -> Folds:
    with warnings.catch_warnings(action="ignore", category=ReassessWarning):
        return make_folds(labels, **options)


def by_name(folds: Folds) -> dict[str, int]:
    return dict(zip(folds.images, folds.fold_numbers.tolist(), strict=True))


def counts(labels: LabelSets, folds: Folds, k: int) -> list[list[int]]:
    """Count the images of each class in each fold with a loop."""
    count = Counter(zip(labels.indices.tolist(), folds.fold_numbers.tolist(), strict=True))
    return [[count[class_id, fold] for fold in range(k)] for class_id in sorted(set(labels.indices.tolist()))]


@given(classes, fold_counts, st.integers(0, 2**32))
def test_fold_sizes_differ_by_at_most_one_for_each_class_and_in_total(class_ids: list[int], k: int, seed: int) -> None:
    if len(class_ids) < k:
        return
    labels = labels_of(class_ids)
    folds = folds_of(labels, k=k, seed=seed)
    table = counts(labels, folds, k)
    assert all(max(row) - min(row) <= 1 for row in table)
    totals = [sum(column) for column in zip(*table, strict=True)]
    assert max(totals) - min(totals) <= 1
    assert sum(totals) == len(class_ids)
    assert folds.distinct_fold_numbers == tuple(range(k))


@st.composite
def grouped_labels(draw: st.DrawFn) -> tuple[LabelSets, list[list[str]]]:
    """Draw labels, and groups of images; groups can share an image, or contain names without a label."""
    labels = labels_of(draw(st.lists(st.integers(0, 3), min_size=12, max_size=40)))
    names = st.sampled_from([*labels.images, "other.png"])
    return labels, draw(st.lists(st.lists(names, min_size=1, max_size=4, unique=True), max_size=4))


@given(grouped_labels(), st.integers(2, 3), st.integers(0, 9), st.randoms(use_true_random=False))
def test_duplicates_are_in_one_fold_and_order_does_not_matter(
    case: tuple[LabelSets, list[list[str]]], k: int, seed: int, random: Random
) -> None:
    labels, groups = case
    if count_units(labels.images, groups) < k:
        return
    folds = by_name(folds_of(labels, k=k, duplicates=groups, seed=seed))
    for group in groups:
        assert len({folds[name] for name in group if name in folds}) <= 1
    rows = list(range(len(labels)))
    random.shuffle(rows)
    shuffled = LabelSets.from_lists(
        [labels.images[row] for row in rows], [labels[labels.images[row]] or () for row in rows]
    )
    shuffled_groups = [random.sample(group, len(group)) for group in random.sample(groups, len(groups))]
    assert by_name(folds_of(shuffled, k=k, duplicates=shuffled_groups, seed=seed)) == folds


def count_units(images: tuple[str, ...], groups: list[list[str]]) -> int:
    """Count the sets of images after groups that share an image are merged, with a loop."""
    sets = [{name} for name in images]
    for group in groups:
        overlapping = [each for each in sets if each & set(group)]
        rest = [each for each in sets if each not in overlapping]
        sets = rest + ([set().union(*overlapping)] if overlapping else [])
    return len(sets)


def greedy(sizes: list[int], k: int) -> list[int]:
    """Compute the sizes of folds if each group goes to the smallest fold: a reference for one class."""
    totals = [0] * k
    for size in sorted(sizes, reverse=True):
        totals[totals.index(min(totals))] += size
    return sorted(totals)


@given(st.lists(st.integers(2, 5), min_size=1, max_size=6), st.integers(0, 20), st.integers(2, 4))
def test_single_images_level_the_sizes_after_large_groups(sizes: list[int], singles: int, k: int) -> None:
    if len(sizes) + singles < k:
        return
    labels = labels_of([0] * (sum(sizes) + singles))
    ends = np.cumsum([0, *sizes])
    groups = [labels.images[a:b] for a, b in pairwise(ends)]
    folds = folds_of(labels, k=k, duplicates=groups)
    assert sorted(np.bincount(folds.fold_numbers, minlength=k).tolist()) == greedy([*sizes, *[1] * singles], k)


def test_group_goes_to_the_fold_with_the_fewest_images_of_its_class() -> None:
    labels = labels_of([0] * 5 + [1] * 5)
    folds = folds_of(labels, k=2, duplicates=[labels.images[:5], labels.images[5:8], labels.images[8:]])
    assert sorted(counts(labels, folds, 2)[1]) == [2, 3]


def test_seed_determines_the_folds() -> None:
    labels = labels_of([0, 1] * 30)
    first, repeated, different = (make_folds(labels, k=5, seed=seed).fold_numbers.tolist() for seed in (3, 3, 4))
    assert first == repeated != different


def test_spelling_of_names_does_not_matter() -> None:
    names = [f"ILSVRC2012_val_{row:08d}" for row in range(1, 25)]
    plain, long = (
        LabelSets.from_lists(each, [[0]] * 24)
        for each in (names, [f"{99 - row}/{name}.JPEG" for row, name in enumerate(names)])
    )
    assert make_folds(plain, k=3).fold_numbers.tolist() == make_folds(long, k=3).fold_numbers.tolist()


def test_class_with_fewer_images_than_folds_warns() -> None:
    labels = LabelSets.from_lists(
        [f"{row}.png" for row in range(7)], [[0]] * 4 + [[1]] * 2 + [[2]], Classes(3, names=("cat", "dog", "eel"))
    )
    with pytest.warns(ReassessWarning) as warned:
        make_folds(labels, k=3)
    assert [str(each.message) for each in warned] == ["2 classes have fewer images than the 3 folds: dog, eel"]
    assert warned[0].filename == __file__


def test_groups_contain_only_images_of_one_set() -> None:
    duplicates = Duplicates.from_columns(
        ["t", "t", "v", "t", "v", "t", "t", "t", "t"],
        ["a", "b", "a", "c", "d", "a", "e", "f", "c"],
        [1, 1, 1, 2, 2, 3, 3, 0, 0],
        [*["exact"] * 5, "near", "near", "unreadable", "tiny"],
    )
    assert duplicate_groups(duplicates, "t") == [("a", "b"), ("a", "e")]
    assert duplicate_groups(duplicates, "v") == []
    folds = folds_of(labels_of([0] * 6).with_images("abcdef"), k=2, duplicates=duplicate_groups(duplicates, "t"))
    assert len({by_name(folds)[name] for name in "abe"}) == 1
    assert code_of(duplicate_groups, duplicates, "x") == "unknown-name"


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        ({"k": 4}, "too-many", "3"),
        ({"k": 3, "duplicates": [("0.png", "1.png")]}, "too-many", "2"),
        ({"k": 1}, "out-of-range", "1"),
        ({"k": 2.5}, "not-a-number", "2.5"),
        ({"k": 2, "duplicates": ["0.png"]}, "wrong-type", "'0.png'"),
    ],
)
def test_impossible_folds_raise(options: dict[str, object], code: str, found: str) -> None:
    assert fault_of(folds_of, labels_of([0] * 3), **options) == (code, found)


@pytest.mark.parametrize(("ids", "found"), [([0, 1], "2 classes"), ([], "0 classes")])
def test_image_without_exactly_one_class_raises(ids: list[int], found: str) -> None:
    labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0], ids, [1]])
    assert fault_of(folds_of, labels, k=2) == ("not-one-label", found)
