"""Benchmarks: which images belong to one, and the order of its images."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.benchmark import class_folder_order
from reassess.core.image_names import validation_names
from reassess.core.labels import LabelSets


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_class_folder_order_does_not_depend_on_the_order_of_the_original_labels(
    classes: list[int], random: Random
) -> None:
    images = validation_names()[: len(classes)]
    pairs = list(zip(images, classes, strict=True))
    expected = [image for image, _ in sorted(pairs, key=lambda pair: (pair[1], pair[0]))]
    random.shuffle(pairs)
    shuffled = LabelSets.from_lists([image for image, _ in pairs], [[class_id] for _, class_id in pairs])
    assert [shuffled.images[row] for row in class_folder_order(shuffled)] == expected


def test_the_real_class_folder_order_is_the_same_from_shuffled_labels_in_another_spelling(
    real_original: LabelSets,
) -> None:
    rows = np.random.default_rng(0).permutation(len(real_original))
    names = [f"val/x/{real_original.images[row]}" for row in rows]
    shuffled = LabelSets.from_lists(names, [[class_id] for class_id in real_original.indices[rows].tolist()])
    expected = [f"val/x/{real_original.images[row]}" for row in class_folder_order(real_original)]
    assert [names[row] for row in class_folder_order(shuffled)] == expected
