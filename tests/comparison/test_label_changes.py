"""What changed between two label sets is what sets say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import label_sets
from reassess.comparison import label_diff
from reassess.core import Classes, LabelSets, Scores
from reassess.errors import DataError
from tests.helpers import labels_of

SETS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.integers(0, 4)))


@given(SETS, SETS)
def test_it_is_what_sets_say(first: dict[str, Any], second: dict[str, Any]) -> None:
    diff = label_diff(labels_of(first), labels_of(second))
    shared = [name for name in first if name in second]
    changed = [name for name in shared if first[name] != second[name]]
    assert diff.images == len(shared)
    assert dict(diff.added.sets()) == {name: second[name] - first[name] for name in changed}
    assert dict(diff.removed.sets()) == {name: first[name] - second[name] for name in changed}
    assert diff.both == sum(len(first[name] & second[name]) for name in shared)
    assert set(diff.only_first) == first.keys() - second.keys()
    assert set(diff.only_second) == second.keys() - first.keys()
    assert diff.emptied == sum(bool(first[name]) and not second[name] for name in shared)
    assert diff.filled == sum(bool(second[name]) and not first[name] for name in shared)
    either = sum(len(first[name] | second[name]) for name in shared)
    assert diff.jaccard == (diff.both / either if either else None)


@given(SETS, SETS)
def test_by_class_counts_every_label_once_with_most_changes_first(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    diff = label_diff(labels_of(first), labels_of(second))
    counts = diff.by_class()
    added = [class_id for ids in diff.added.sets().values() for class_id in ids]
    removed = [class_id for ids in diff.removed.sets().values() for class_id in ids]
    assert counts == {i: (added.count(i), removed.count(i)) for i in {*added, *removed}}
    assert list(counts) == sorted(counts, key=lambda i: (-sum(counts[i]), i))


@given(SETS, SETS)
def test_the_other_way_round_what_was_added_is_removed(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = label_diff(labels_of(first), labels_of(second)), label_diff(labels_of(second), labels_of(first))
    assert one.added.sets() == other.removed.sets()
    assert (one.emptied, one.filled, one.jaccard) == (other.filled, other.emptied, other.jaccard)


def test_validation_images_are_joined_by_number_and_classes_by_name() -> None:
    names = Classes(2, names=("cat", "dog")), Classes(2, names=("dog", "cat"))
    first = LabelSets.from_lists(["ILSVRC2012_val_00000007.JPEG"], [[0]], names[0])
    second = LabelSets.from_lists(["val/ILSVRC2012_val_00000007_n1.png"], [[0, 1]], names[1])
    diff = label_diff(first, second)
    assert (diff.added.sets(), diff.both) == ({"ILSVRC2012_val_00000007.JPEG": {1}}, 1)
    assert diff.to_json()["by_class"] == [{"class": 1, "name": "dog", "added": 1, "removed": 0}]


def test_classes_are_called_as_either_label_set_calls_them() -> None:
    named = LabelSets.from_lists(["a"], [[0, 1]], Classes(2, names=("cat", "dog")))
    for pair in ((labels_of({"a": {0}}), named), (named, labels_of({"a": {0}}))):
        assert [entry["name"] for entry in label_diff(*pair).to_json()["by_class"]] == ["dog"]


def test_a_class_that_the_first_list_does_not_have_is_refused() -> None:
    first = LabelSets.from_lists(["a"], [[0]], Classes(1, names=("cat",)))
    second = LabelSets.from_lists(["a"], [[0]], Classes(1, names=("yak",)))
    with pytest.raises(DataError) as caught:
        label_diff(first, second)
    assert str(caught.value) == (
        "a class is not one of the benchmark's\n  where:   the second label set\n  found:   yak\n"
        "  fix:     check the spelling, or read all files with one list of classes"
    )


def test_json_names_every_image_and_class() -> None:
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


def test_between_the_published_labels_and_a_lower_threshold_labels_are_only_added(
    real_scores: Scores, real_original: LabelSets, real_labels: LabelSets
) -> None:
    diff = label_diff(real_labels, label_sets(real_scores, 0.5, original=real_original))
    assert (diff.images, len(diff.only_first), diff.removed.indices.size, diff.emptied) == (50_000, 0, 0, 0)
    between = (real_scores.values >= 0.5) & (real_scores.values < 0.8)
    assert diff.added.indices.size == np.count_nonzero(between)
