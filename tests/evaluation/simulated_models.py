"""Simulated models with a chosen accuracy and realistic mistakes, to test and measure the search for class lists.

Classes are not equally difficult. Most mistakes are classes with nearby ids, which are similar in ImageNet, and some
pairs of classes are exchanged often.
"""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def simulate_predictions(
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
    """Simulate the first class of a model for each image.

    Parameters
    ----------
    accuracy, unequal
        Accuracy of the median class, and standard deviation of the accuracy of classes, on the logit scale.
    distance
        Mean difference of ids, up or down, for 4 of 5 mistakes; every fifth mistake is a random class.
    exchanged, persistence
        Number of pairs of neighbouring ids that are exchanged, and the share of their images where they are.
    """
    class_accuracy = 1 / (1 + np.exp(-np.log(accuracy / (1 - accuracy)) - rng.normal(0, unequal, classes)))
    step = rng.geometric(1 / distance, truth.size) * rng.choice([-1, 1], truth.size)
    mistake = np.where(rng.random(truth.size) < 0.8, truth + step, rng.integers(0, classes, truth.size))
    predicted = np.where(rng.random(truth.size) < class_accuracy[truth], truth, np.clip(mistake, 0, classes - 1))
    partner = np.arange(classes)
    first = 2 * rng.choice(classes // 2, exchanged, replace=False)
    partner[first], partner[first + 1] = first + 1, first
    is_exchanged = (partner[predicted] != predicted) & (rng.random(truth.size) < persistence)
    return np.where(is_exchanged, partner[predicted], predicted)
