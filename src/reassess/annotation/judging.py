"""What is known of a question while votes come in: the raters' matrices by the golden questions that they answered."""

from collections.abc import Iterable, Sequence

import numpy as np

from reassess.aggregation.calibration import model_of_counts, typical_matrix
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.rater_model import VALIDITY, RaterModel

__all__ = ["current_model", "probability_valid"]

# How much no, maybe and yes speak for invalid and valid.
_SHARES = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])


def current_model(
    counts: Iterable[tuple[int, int, int, int]], golden: tuple[int, int], raters: Sequence[int]
) -> RaterModel:
    """The rater model by the golden answers so far, as `calibrate` makes it.

    Parameters
    ----------
    counts
        Of each rater, truth (0 invalid, 1 valid) and answer (0 no, 1 maybe, 2 yes), how often it was given.
    golden
        Number of golden questions that are invalid, and that are valid.
    raters
        Those who can have counts.

    Examples
    --------
    >>> model = current_model([(7, 0, 0, 8), (7, 1, 2, 9)], (10, 10), [7, 8])
    >>> model.matrices_of([7, 8]).round(2).tolist()
    [[[0.94, 0.04, 0.02], [0.02, 0.03, 0.95]], [[0.83, 0.11, 0.06], [0.05, 0.1, 0.85]]]
    """
    place = {rater: row for row, rater in enumerate(raters)}
    table = np.zeros((len(raters), len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    for rater, truth, answer, n in counts:
        table[place[rater], truth, answer] += n
    return model_of_counts(
        table,
        np.array(golden),
        raters=raters,
        truths=VALIDITY,
        answers=KNOWN_ANSWERS,
        typical=typical_matrix(_SHARES),
    )


def probability_valid(votes: Iterable[tuple[int, int]], model: RaterModel) -> float:
    """The probability that a class is valid, given some votes: (rater, answer) of each.

    >>> model = current_model([(7, 0, 0, 8), (7, 1, 2, 9)], (10, 10), [7])
    >>> round(probability_valid([(7, 2)], model), 3), probability_valid([], model)
    (0.981, 0.5)
    """
    votes = list(votes)
    weights = model.prior.copy()
    for matrix, (_, answer) in zip(model.matrices_of([rater for rater, _ in votes]), votes, strict=True):
        weights *= matrix[:, answer]
        weights /= weights.sum()
    return float(weights[1])
