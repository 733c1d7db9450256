"""Files that call classes by one another's names are found, and no others."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.cleaning.held_out_checks import exchanged_classes

CLASSES = 6
_Ints = npt.NDArray[np.int64]


def files_of(seed: int, orders: list[list[int]], right: float, images: int = 400) -> tuple[list[_Ints], list[_Ints]]:
    """Labels, and what a model says that is right so often, in files whose classes have these names."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, CLASSES, images) for _ in orders]
    called = [np.where(rng.random(images) < right, truth, rng.integers(0, CLASSES, images)) for truth in labels]
    return labels, [np.array(order)[said] for order, said in zip(orders, called, strict=True)]


SAME = list(range(CLASSES))


@given(st.integers(0, 10**6), st.permutations(SAME), st.integers(0, 3))
def test_a_file_with_another_order_is_found_and_its_circle_told(seed: int, order: list[int], place: int) -> None:
    orders = [SAME] * 4
    orders[place] = order
    found = exchanged_classes(*files_of(seed, orders, 0.7), CLASSES)
    moved = {a: b for a, b in enumerate(order) if a != b}
    if not moved:
        assert found is None
        return
    assert found[0] == place
    assert found[1].items() <= moved.items()
    assert set(found[1]) == set(found[1].values())


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_models_however_poor_are_not_taken_for_it(seed: int, right: float) -> None:
    assert exchanged_classes(*files_of(seed, [SAME] * 4, right), CLASSES) is None


@pytest.mark.parametrize("files", [1, 4])
def test_what_all_files_do_may_be_a_matter_of_the_labels(files: int) -> None:
    found = exchanged_classes(*files_of(0, [[1, 0, 2, 3, 4, 5]] * files, 0.7), CLASSES)
    assert found == (None, {0: 1, 1: 0})


def test_a_few_images_show_nothing() -> None:
    labels = [np.array([0, 0, 1, 1]), np.arange(60) % 2]
    assert exchanged_classes(labels, [1 - labels[0], labels[1]], 2) is None


def test_images_without_a_class_do_not_count() -> None:
    truth = np.arange(60) % 2
    assert exchanged_classes([truth, truth], [np.full(60, -1), truth], 2) is None
    assert exchanged_classes([truth, np.append(truth, 1)], [truth, np.append(1 - truth, -1)], 2) == (1, {0: 1, 1: 0})
