"""Counts by class, as users see them; test_measure.py compares them with a reference."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, LabelSets, Predictions
from reassess.evaluation import CountsByClass
from reassess.evaluation.outcomes import join_and_rank
from reassess.evaluation.per_class import count_by_class

NAMES = Classes(4, names=("cat, house cat", "dog", "cow", "emu"))
IMAGES = [f"{i}.png" for i in range(7)]
LABELS = LabelSets.from_lists(IMAGES, [[0], [0, 1], [], [0], [0], [0, 2], [2]], NAMES)


def count(ids: list[int], labels: LabelSets = LABELS, **options: npt.NDArray[Any]) -> CountsByClass:
    return count_by_class(join_and_rank(Predictions.from_ids(ids, list(labels.images), **options), labels), labels)


def test_hits_and_predictions_of_a_class_are_counted() -> None:
    """A hit is any valid class; a mistake counts for every valid class of the image."""
    counts = count([3, 1, 0, 1, 3, 1, 2])
    cat = {"class": 0, "name": "cat, house cat", "images": 5, "hits": 1, "predictions": 0}
    instead = [{"class": 1, "name": "dog", "images": 2}, {"class": 3, "name": "emu", "images": 2}]
    dog = {"class": 1, "name": "dog", "images": 1}
    assert counts.to_json(NAMES) == [
        cat | {"instead": instead},
        dog | {"hits": 1, "predictions": 1, "instead": []},
        {"class": 2, "name": "cow", "images": 2, "hits": 1, "predictions": 1, "instead": [dog]},
    ]
    assert counts.to_json(NAMES, max_confusions=1)[0]["instead"] == instead[:1]
    labels = LabelSets.from_lists(["a.png"], [[2]], NAMES)
    document = count([1], labels, output_class_ids=np.array([0, -1])).to_json(NAMES)
    assert document[0]["instead"] == [{"class": -1, "name": None, "images": 1}]
    empty = count([0], LabelSets.from_lists(["a.png"], [[]], NAMES))
    assert (empty.to_json(NAMES), empty.confusions) == ([], ())


def test_counts_with_different_classes_add_up() -> None:
    first, second = LabelSets.from_lists(["a.png"], [[1]]), LabelSets.from_lists(["b.png"], [[1, 3]])
    total = count([0], first) + count([0], second)
    both = LabelSets.from_lists(["a.png", "b.png"], [[1], [1, 3]])
    assert total == count([0, 0], both)
    assert total.confusions == ((1, 0, 2), (3, 0, 1))


def test_large_ids_take_no_memory_for_smaller_ids() -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[2**31 - 1], [0]])
    counts = count([2**31 - 1, 5], labels)
    assert counts.class_counts == ((0, 1, 0, 0), (2**31 - 1, 1, 1, 1))
    assert counts + counts == count([2**31 - 1, 5] * 2, LabelSets.from_lists([*"abcd"], [[2**31 - 1], [0]] * 2))
