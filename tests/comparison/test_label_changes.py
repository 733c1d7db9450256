"""Changes between two label sets match Python sets."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import label_sets
from reassess.comparison import label_diff
from reassess.core import Classes, LabelSets, Scores
from tests.helpers import code_of, labels_of, validation_name

SETS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.integers(0, 4)))


@given(SETS, SETS)
def test_changes_match_python_sets(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Counts by class are sorted by changes; in the other direction, added labels are removed labels."""
    shared = [name for name in first if name in second]
    if first and second and not shared:
        assert code_of(label_diff, labels_of(first), labels_of(second)) == "nothing-in-common"
        return
    diff = label_diff(labels_of(first), labels_of(second))
    changed = [name for name in shared if first[name] != second[name]]
    assert diff.n_images == len(shared)
    assert dict(diff.added_labels.classes_by_image()) == {name: second[name] - first[name] for name in changed}
    assert dict(diff.removed_labels.classes_by_image()) == {name: first[name] - second[name] for name in changed}
    assert diff.n_common_labels == sum(len(first[name] & second[name]) for name in shared)
    assert set(diff.images_only_in_first) == first.keys() - second.keys()
    assert set(diff.images_only_in_second) == second.keys() - first.keys()
    assert diff.n_emptied_label_sets == sum(bool(first[name]) and not second[name] for name in shared)
    assert diff.n_filled_label_sets == sum(bool(second[name]) and not first[name] for name in shared)
    either = sum(len(first[name] | second[name]) for name in shared)
    assert diff.jaccard == (diff.n_common_labels / either if either else None)
    counts = diff.count_by_class()
    added, removed = (
        [i for ids in part.classes_by_image().values() for i in ids]
        for part in (diff.added_labels, diff.removed_labels)
    )
    assert counts == {i: (added.count(i), removed.count(i)) for i in {*added, *removed}}
    assert list(counts) == sorted(counts, key=lambda i: (-sum(counts[i]), i))
    reverse = label_diff(labels_of(second), labels_of(first))
    assert diff.added_labels.classes_by_image() == reverse.removed_labels.classes_by_image()
    assert (diff.n_emptied_label_sets, diff.n_filled_label_sets, diff.jaccard) == (
        reverse.n_filled_label_sets,
        reverse.n_emptied_label_sets,
        reverse.jaccard,
    )


def test_validation_images_are_joined_by_number_and_classes_by_name() -> None:
    """The names of classes may come from either label set."""
    first = LabelSets.from_lists([validation_name(7)], [[0]], Classes(2, names=("cat", "dog")))
    name = f"val/{validation_name(7, '_n1.png')}"
    second = LabelSets.from_lists([name], [[0, 1]], Classes(2, names=("dog", "cat")))
    diff = label_diff(first, second)
    assert (diff.added_labels.classes_by_image(), diff.n_common_labels) == ({validation_name(7): {1}}, 1)
    assert diff.to_json()["by_class"] == [{"class": 1, "name": "dog", "added": 1, "removed": 0}]
    with_names = LabelSets.from_lists(["a"], [[0, 1]], Classes(2, names=("cat", "dog")))
    for pair in ((labels_of({"a": {0}}), with_names), (with_names, labels_of({"a": {0}}))):
        assert [entry["name"] for entry in label_diff(*pair).to_json()["by_class"]] == ["dog"]


def test_json_contains_every_image_and_class() -> None:
    assert label_diff(
        labels_of({"a": {1, 2}, "b": {3}, "c": set()}), labels_of({"a": {2, 4}, "b": {3}, "d": {5}})
    ).to_json() == {
        "images": 2,
        "changed": 1,
        "only_first": 1,
        "only_second": 1,
        "emptied": 0,
        "filled": 0,
        "labels": {"both": 2, "added": 1, "removed": 1, "jaccard": 0.5},
        "by_class": [
            {"class": 1, "name": "1", "added": 0, "removed": 1},
            {"class": 4, "name": "4", "added": 1, "removed": 0},
        ],
        "by_image": [{"image": "a", "added": [4], "removed": [1]}],
    }


def test_lower_threshold_only_adds_labels(
    real_scores: Scores, real_original: LabelSets, real_labels: LabelSets
) -> None:
    diff = label_diff(real_labels, label_sets(real_scores, 0.5, original=real_original))
    assert (
        diff.n_images,
        len(diff.images_only_in_first),
        diff.removed_labels.indices.size,
        diff.n_emptied_label_sets,
    ) == (
        50_000,
        0,
        0,
        0,
    )
    between = (real_scores.values >= 0.5) & (real_scores.values < 0.8)
    assert diff.added_labels.indices.size == np.count_nonzero(between)
