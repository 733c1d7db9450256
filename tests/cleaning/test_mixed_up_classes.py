"""Mixed-up classes: files with another order of classes are found, without false finds."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.cleaning.held_out_checks import find_mixed_up_classes

CLASSES = 6
_Ints = npt.NDArray[np.int64]


def files_of(seed: int, orders: list[list[int]], accuracy: float, images: int = 400) -> tuple[list[_Ints], list[_Ints]]:
    """Simulate labels, and predictions of a model in one file for each order of the classes."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, CLASSES, images) for _ in orders]
    predicted = [np.where(rng.random(images) < accuracy, truth, rng.integers(0, CLASSES, images)) for truth in labels]
    return labels, [np.array(order)[ids] for order, ids in zip(orders, predicted, strict=True)]


SAME = list(range(CLASSES))


@given(st.integers(0, 10**6), st.permutations(SAME), st.integers(0, 3))
def test_file_with_another_order_is_found_with_its_cycle(seed: int, order: list[int], place: int) -> None:
    orders = [SAME] * 4
    orders[place] = order
    result = find_mixed_up_classes(*files_of(seed, orders, 0.7), CLASSES)
    mixed_up = {a: b for a, b in enumerate(order) if a != b}
    if not mixed_up:
        assert result is None
        return
    assert result[0] == place
    assert result[1].items() <= mixed_up.items()
    assert set(result[1]) == set(result[1].values())


@given(st.integers(0, 10**6), st.floats(0.05, 1))  # of models at random, 1 of 3,000 is found
def test_poor_models_are_not_found(seed: int, accuracy: float) -> None:
    assert find_mixed_up_classes(*files_of(seed, [SAME] * 4, accuracy), CLASSES) is None


@pytest.mark.parametrize("files", [1, 4])
def test_classes_mixed_up_in_all_files_have_no_position(files: int) -> None:
    result = find_mixed_up_classes(*files_of(0, [[1, 0, 2, 3, 4, 5]] * files, 0.7), CLASSES)
    assert result == (None, {0: 1, 1: 0})


def test_nothing_is_found_with_few_images() -> None:
    labels = [np.array([0, 0, 1, 1]), np.arange(60) % 2]
    assert find_mixed_up_classes(labels, [1 - labels[0], labels[1]], 2) is None


def test_predictions_without_a_class_do_not_count() -> None:
    truth = np.arange(60) % 2
    assert find_mixed_up_classes([truth, truth], [np.full(60, -1), truth], 2) is None
    assert find_mixed_up_classes([truth, np.append(truth, 1)], [truth, np.append(1 - truth, -1)], 2) == (
        1,
        {0: 1, 1: 0},
    )
