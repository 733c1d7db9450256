"""The probability that a model gives a class, whatever kind of scores it puts out."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reassess.core.predictions import Predictions, as_floats

__all__ = ["class_probabilities"]

_BLOCK = 1024


def class_probabilities(
    predictions: Predictions, rows: npt.NDArray[np.integer], class_ids: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """The probability of one class in each of some rows.

    Scores that all lie in [0, 1], in every row, are probabilities; any others are taken for logits, of which the
    softmax is taken. Outputs that are no class have no part in either.

    Parameters
    ----------
    predictions
        What the model said.
    rows, class_ids
        Integers, shape (n,): rows of the predictions, which may repeat, and a class that has an output for each.

    Returns
    -------
    float64, shape (n,); NaN where only ids are known.

    Examples
    --------
    >>> predictions = Predictions.from_scores(np.array([[0.0, 7.0, 0.0], [0.0, -np.inf, 0.0], [5.0, np.inf, 1.0]]))
    >>> class_probabilities(predictions, np.array([1, 2]), np.array([0, 1]))
    array([0.5, 1. ])
    """
    probabilities = np.full(rows.size, np.nan)
    if predictions.scores is None:
        return probabilities
    outputs, of_class = _outputs(predictions, class_ids)
    as_they_are = all(
        bool(((scores >= 0) & (scores <= 1)).all())
        for scores in _blocks(predictions, np.arange(len(predictions)), outputs)
    )
    start = 0
    for scores in _blocks(predictions, rows, outputs):
        values = scores if as_they_are else _softmax(scores.astype(np.float64))
        part = slice(start, start + len(scores))
        probabilities[part] = np.take_along_axis(values, of_class[part, None], axis=1)[:, 0]
        start += len(scores)
    return probabilities


def _outputs(
    predictions: Predictions, class_ids: npt.NDArray[np.integer]
) -> tuple[slice | npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The outputs that are classes, and the place among them of the output of each class."""
    if predictions.columns is None:
        return slice(None), class_ids.astype(np.int64)
    outputs = np.flatnonzero(predictions.columns >= 0)
    place = np.full(int(predictions.columns.max()) + 1, -1)
    place[predictions.columns[outputs]] = np.arange(outputs.size)
    return outputs, place[class_ids]


def _blocks(
    predictions: Predictions, rows: npt.NDArray[np.integer], outputs: slice | npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.floating]]:
    assert predictions.scores is not None
    for start in range(0, rows.size, _BLOCK):
        yield as_floats(predictions.scores[rows[start : start + _BLOCK]])[:, outputs]


def _softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    best = scores.max(axis=1, keepdims=True)
    # Infinite scores less themselves are 0 here, not NaN.
    weights = np.exp(np.subtract(scores, best, out=np.zeros_like(scores), where=scores != best))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
