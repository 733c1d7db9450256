"""Batches of scores with many ties, their valid classes in every form, and the expected counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.evaluation import multi_hot, padded_ids
from tests.helpers import EXACT_VALUES, SMALLEST, numbered_labels
from tests.references import ranking

CLASSES, WIDTH = 23, 3
TOP_K = (1, 2, 5)


def values_of(kind: str, n: int) -> npt.NDArray[np.float64]:
    """Draw scores that are exact in a type, including denormals and infinities."""
    tiny = SMALLEST[kind]
    values = np.random.default_rng(1).choice([*EXACT_VALUES, tiny, -tiny, 2 * tiny], (n, CLASSES))
    values[0], values[1], values[2], values[3, ::2] = 0.0, -np.inf, np.inf, -0.0
    return values


def sets_of(n: int) -> list[list[int]]:
    rng = np.random.default_rng(2)
    return [sorted(rng.choice(CLASSES, rng.integers(0, WIDTH + 1), replace=False).tolist()) for _ in range(n)]


def forms_of(sets: Sequence[Sequence[int]], classes: int = CLASSES) -> dict[str, npt.NDArray[Any]]:
    labels = numbered_labels(sets)
    rows = np.arange(len(sets))
    hot, ids = multi_hot(labels, rows, classes), padded_ids(labels, rows)
    unordered = np.stack([np.random.default_rng(i).permutation(row) for i, row in enumerate(ids)])
    return {
        "multi-hot": hot,
        "multi-hot floats": hot.astype(np.float32),
        "multi-hot integers": hot.astype(np.int64),
        "ids": ids,
        "ids among padding": unordered,
        "short ids": ids.astype(np.int8),
        "wide ids": np.pad(ids, [(0, 0), (2, 3)], constant_values=-1),
    }


def expected_counts(values: npt.ArrayLike, sets: Sequence[Sequence[int]], top_k: Sequence[int] = TOP_K) -> list[int]:
    """Count hits at each k, images with a valid class, and images without."""
    orders = [ranking(row) for row in np.asarray(values, np.float64).tolist()]
    hits = [sum(bool(set(order[:k]) & set(valid)) for order, valid in zip(orders, sets, strict=True)) for k in top_k]
    return [*hits, sum(map(bool, sets)), sum(not valid for valid in sets)]


def denormals(kind: str) -> tuple[list[list[float]], list[list[int]], int]:
    """Return scores with denormals and -0, valid classes, and the hits of a correct comparison."""
    tiny = SMALLEST[kind]
    values = [[0.0, -tiny, tiny, 2 * tiny], [-2 * tiny, -tiny, -3 * tiny, -4 * tiny], [-0.0, 0.0, -1.0, -1.0]]
    return [*values, [-0.0, 0.0, -1.0, -1.0], [0.0, -0.0, -1.0, -1.0]], [[3], [1], [0], [1], [1]], 3


# Targets for 4 classes, each with one invalid image.
ILL_FORMED = {
    "above": np.array([[0], [1], [4]]),
    "below": np.array([[0], [1], [-2]]),
    "unsigned": np.array([[0], [1], [255]], np.uint8),  # -1 as uint8
    "twice": np.array([[0, 1], [1, -1], [2, 2]]),
    "another width": np.array([[0, 0, 1], [-1, -1, -1], [0, -1, -1]]),
    "two": np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0]]),
    "nan": np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, np.nan, 0, 0]], np.float32),
    "ids": np.array([[0, 1, 0, 0], [0, 0, 0, 1], [-1, -1, -1, -1]]),  # as wide as the scores
}
