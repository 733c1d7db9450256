"""Folds: held-out and training images, and invalid folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Folds
from tests.helpers import Refused


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12).filter(lambda numbers: len(set(numbers)) > 1))
def test_each_image_is_held_out_once_and_in_all_other_training_sets(numbers: list[int]) -> None:
    images = tuple(f"{row}.png" for row in range(len(numbers)))
    folds = Folds(images, np.array(numbers))
    assert folds.distinct_fold_numbers == tuple(sorted(set(numbers)))
    for position, fold in enumerate(folds.distinct_fold_numbers):
        held_out, training = folds.held_out_selection(fold), folds.training_selection(fold)
        assert held_out.images == folds.images_of(fold) == training.other_images
        assert training.images == held_out.other_images
        assert sorted((*held_out.images, *training.images)) == sorted(images)
        assert len(held_out) == folds.sizes[position] == numbers.count(fold)
    assert folds.fold_numbers_of((*reversed(images), "no.png")).tolist() == [*reversed(numbers), -1]


@pytest.mark.parametrize(
    ("images", "numbers", "code"),
    [
        (("a.png", "a.png"), [0, 1], "duplicate-image at the folds"),
        (("a.png", "b.png"), [0], "wrong-length"),
        (("a.png", "b.png"), [0, -1], "out-of-range at image b.png"),
        (("a.png", "b.png"), [0.0, 1.0], "wrong-type"),
        (("a.png", "b.png"), [7, 7], "one-fold"),
    ],
)
def test_invalid_folds_raise(refused: Refused, images: tuple[str, ...], numbers: list[float], code: str) -> None:
    assert refused(lambda: Folds(images, np.array(numbers))) == code


def test_unknown_fold_raises(refused_text: Refused) -> None:
    folds = Folds(("a.png", "b.png"), np.array([0, 2]))
    for part in (folds.images_of, folds.held_out_selection, folds.training_selection):
        assert refused_text(part, 1) == "unknown fold\n  allowed: 0, 2\n  found:   1"
