"""Models that are right as often as one likes and are wrong as models are, for tests and measurements of class lists.

Their classes are not equally hard, most of their mistakes fall on classes of nearby ids, which are alike, and some
pairs of classes are exchanged again and again.
"""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def simulated(
    rng: np.random.Generator,
    truth: Ids,
    accuracy: float,
    *,
    unequal: float = 0.5,
    distance: float = 4,
    exchanged: int = 10,
    persistence: float = 0.3,
    classes: int = 1000,
) -> Ids:
    """The first class that an honest model gives each image.

    Parameters
    ----------
    accuracy, unequal
        Accuracy of a middling class, and how far classes differ, as a standard deviation on the logit scale.
    distance
        Of 4 mistakes in 5, the mean distance in ids, either way; the fifth falls anywhere.
    exchanged, persistence
        Pairs of neighbours that are exchanged, and for which share of their images.
    """
    right = 1 / (1 + np.exp(-np.log(accuracy / (1 - accuracy)) - rng.normal(0, unequal, classes)))
    step = rng.geometric(1 / distance, truth.size) * rng.choice([-1, 1], truth.size)
    mistake = np.where(rng.random(truth.size) < 0.8, truth + step, rng.integers(0, classes, truth.size))
    said = np.where(rng.random(truth.size) < right[truth], truth, np.clip(mistake, 0, classes - 1))
    other = np.arange(classes)
    first = 2 * rng.choice(classes // 2, exchanged, replace=False)
    other[first], other[first + 1] = first + 1, first
    return np.where((other[said] != said) & (rng.random(truth.size) < persistence), other[said], said)
