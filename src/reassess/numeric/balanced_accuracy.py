"""Balanced accuracy of raters who answer no, maybe or yes, and how likely they are to reach a required accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.numeric.proportions import wilson_interval

# Twice the number of correct answers, for one answer no, maybe or yes, on invalid and on valid questions.
_DOUBLED_SCORES = np.array([[2, 1, 0], [0, 1, 2]])
_ROUNDING = 1e-9  # tolerance for rounding errors in the required accuracy
# The probability of no, maybe and yes, for raters who answer without looking at the image.
BLIND_ANSWERS = {
    "answers at random": (1 / 3, 1 / 3, 1 / 3),
    "no or yes at random": (0.5, 0.0, 0.5),
    "always no": (1.0, 0.0, 0.0),
    "always maybe": (0.0, 1.0, 0.0),
    "always yes": (0.0, 0.0, 1.0),
}


@dataclass(frozen=True)
class BalancedAccuracy:
    """Mean of sensitivity (on valid questions) and specificity (on invalid questions); "maybe" is half correct.

    Parameters
    ----------
    n_correct_on_invalid, n_correct_on_valid
        Number of correct answers to invalid and to valid questions, where maybe counts 0.5.
    n_invalid, n_valid
        Number of answers.

    Examples
    --------
    A rater who always answers no has balanced accuracy 0.5, however many questions are invalid.

    >>> always_no = BalancedAccuracy.from_confusion([[90, 0, 0], [10, 0, 0]])
    >>> always_no.value
    0.5
    >>> low, high = BalancedAccuracy(14, 2, 15, 3).interval
    >>> round(low, 3), round(high, 3)
    (0.543, 0.939)
    """

    n_correct_on_invalid: float
    n_correct_on_valid: float
    n_invalid: int
    n_valid: int

    @classmethod
    def from_confusion(cls, confusion: npt.ArrayLike) -> "BalancedAccuracy":
        """Create a balanced accuracy from answer counts: rows invalid and valid, columns no, maybe and yes."""
        counts = np.asarray(confusion)
        invalid, valid = ((counts * _DOUBLED_SCORES).sum(axis=1) / 2).tolist()
        n_invalid, n_valid = counts.sum(axis=1).tolist()
        return cls(invalid, valid, n_invalid, n_valid)

    @property
    def n(self) -> int:
        """Number of answers."""
        return self.n_invalid + self.n_valid

    @property
    def specificity(self) -> float | None:
        """Share of correct answers if the class is invalid, where "maybe" is half correct; None without answers."""
        return self.n_correct_on_invalid / self.n_invalid if self.n_invalid else None

    @property
    def sensitivity(self) -> float | None:
        """Share of correct answers if the class is valid, where "maybe" is half correct; None without answers."""
        return self.n_correct_on_valid / self.n_valid if self.n_valid else None

    @property
    def value(self) -> float | None:
        """Balanced accuracy; None without valid questions, or without invalid questions."""
        if self.specificity is None or self.sensitivity is None:
            return None
        return (self.specificity + self.sensitivity) / 2

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval, by Newcombe's hybrid score method from the Wilson intervals of the two accuracies.

        The interval is (1 + d) / 2, where d is the interval of a difference: the share of yes to valid questions minus
        the share of yes to invalid questions. Answers of maybe vary less, so they make the interval wider than needed.

        Source: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
        """
        value, first, second = (
            self.value,
            wilson_interval(self.n_correct_on_invalid, self.n_invalid),
            wilson_interval(self.n_correct_on_valid, self.n_valid),
        )
        if value is None or first is None or second is None:
            return None
        shares = self.n_correct_on_invalid / self.n_invalid, self.n_correct_on_valid / self.n_valid
        below, above = (
            math.hypot(*(share - bounds[end] for share, bounds in zip(shares, (first, second), strict=True)))
            for end in (0, 1)
        )
        return value - below / 2, value + above / 2

    def reaches(self, min_accuracy: float) -> bool:
        """Return whether the balanced accuracy is known and at least `min_accuracy`."""
        return self.value is not None and self.value >= min_accuracy - _ROUNDING

    def to_json(self) -> dict[str, Any]:
        """Return the accuracies and counts as a dict for JSON output."""
        low, high = self.interval or (None, None)
        shares = {"sensitivity": self.sensitivity, "specificity": self.specificity}
        counts = {"n_valid": self.n_valid, "n_invalid": self.n_invalid}
        return {"balanced_accuracy": self.value, "low": low, "high": high, **shares, **counts}


def probability_to_reach(
    min_accuracy: float, n_invalid: int, n_valid: int, answer_probabilities: Sequence[Sequence[float]]
) -> float:
    """Compute the exact probability that the balanced accuracy of independent answers reaches a minimum.

    `answer_probabilities` has a row for invalid and a row for valid questions: P(no), P(maybe) and P(yes).

    >>> blind, careful = [(0.5, 0, 0.5)] * 2, [(0.9, 0, 0.1), (0.1, 0, 0.9)]
    >>> round(probability_to_reach(0.7, 18, 18, blind), 5), round(probability_to_reach(0.7, 18, 18, careful), 5)
    (0.00567, 0.99944)
    """
    if not n_invalid or not n_valid:
        return 0.0
    invalid, valid = (
        _compute_correct_answer_distribution(probabilities, doubled_scores, n)
        for probabilities, doubled_scores, n in zip(
            answer_probabilities, _DOUBLED_SCORES, (n_invalid, n_valid), strict=True
        )
    )
    enough = np.searchsorted(
        valid.twice_n_correct / (4 * n_valid), min_accuracy - _ROUNDING - invalid.twice_n_correct / (4 * n_invalid)
    )
    at_least = np.append(np.cumsum(valid.probabilities[::-1])[::-1], 0)  # probability of each number or more
    return float(min(1.0, invalid.probabilities @ at_least[enough]))


class _CorrectAnswerDistribution(NamedTuple):
    """The distribution of the number of correct answers, where maybe counts 0.5."""

    twice_n_correct: npt.NDArray[np.int64]  # each possible number of correct answers, times 2
    probabilities: npt.NDArray[np.float64]


def _compute_correct_answer_distribution(
    answer_probabilities: Sequence[float], doubled_scores: npt.NDArray[np.int64], n_answers: int
) -> _CorrectAnswerDistribution:
    """Compute the distribution of the number of correct answers among `n_answers` independent answers.

    `doubled_scores` has 2 for a correct answer, 1 for maybe and 0 for a wrong answer.
    """
    single = np.bincount(doubled_scores, np.asarray(answer_probabilities), minlength=3)
    powers = [single]
    while 2 ** len(powers) <= n_answers:
        powers.append(np.convolve(powers[-1], powers[-1]))
    total = np.asarray(
        reduce(np.convolve, [power for bit, power in enumerate(powers) if n_answers >> bit & 1]), np.float64
    )
    return _CorrectAnswerDistribution(np.arange(total.size), total)
