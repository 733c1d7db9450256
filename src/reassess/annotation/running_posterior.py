"""The probability that a class is valid, updated as votes come in, with rater matrices from golden answers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from reassess.aggregation.calibration import rater_model_from_counts
from reassess.aggregation.em import typical_confusion_matrix
from reassess.core import KNOWN_ANSWERS, VALIDITY, RaterModel

# Weights of no, maybe and yes for invalid and valid.
_TYPICAL_MATRIX = typical_confusion_matrix(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]))


class GoldenAnswerCount(NamedTuple):
    """How often a rater gave a certain answer to the golden questions that have a certain truth."""

    rater_id: int
    truth: int  # 0 invalid, 1 valid
    answer: int  # 0 no, 1 maybe, 2 yes
    n_answers: int


class LabelPriors(NamedTuple):
    """Two prior probabilities that a class is valid: for the original label, and for any other class."""

    other_class: float
    original_label: float


def estimate_rater_model(
    golden_answer_counts: Iterable[GoldenAnswerCount],
    n_golden_by_truth: tuple[int, int],
    rater_ids: Sequence[int],
) -> RaterModel:
    """Estimate confusion matrices of raters from their golden answers so far, as `calibrate` does.

    `n_golden_by_truth` has the numbers of invalid and of valid golden questions.

    >>> counts = [GoldenAnswerCount(7, 0, 0, 8), GoldenAnswerCount(7, 1, 2, 9)]
    >>> model = estimate_rater_model(counts, (10, 10), [7, 8])
    >>> model.matrices_of([7, 8]).round(2).tolist()
    [[[0.94, 0.04, 0.02], [0.02, 0.03, 0.95]], [[0.83, 0.11, 0.06], [0.05, 0.1, 0.85]]]
    """
    row_of = {rater: row for row, rater in enumerate(rater_ids)}
    table = np.zeros((len(rater_ids), len(VALIDITY), len(KNOWN_ANSWERS)), np.int64)
    for rater, truth, answer, n in golden_answer_counts:
        table[row_of[rater], truth, answer] += n
    return rater_model_from_counts(
        table,
        np.array(n_golden_by_truth),
        raters=rater_ids,
        truths=VALIDITY,
        answers=KNOWN_ANSWERS,
        base_matrix=_TYPICAL_MATRIX,
    )


def estimate_priors_by_label(truth_label_pairs: Iterable[tuple[int | None, int | None]]) -> LabelPriors:
    """Estimate the probability that a class is valid, for original labels and for other classes.

    `truth_label_pairs` has a pair for each golden question: the truth of the question, and 1 if its class is the
    original label, otherwise 0.
    """
    table = np.zeros((1, len(VALIDITY), 2), np.int64)
    for truth, label in truth_label_pairs:
        if truth is not None and label is not None:
            table[0, truth, label] += 1
    typical = typical_confusion_matrix(np.eye(2))
    model = rater_model_from_counts(
        table, table[0].sum(axis=1), raters=("label",), truths=VALIDITY, answers=("no", "yes"), base_matrix=typical
    )
    weights = model.prior[:, None] * model.matrices_of(["label"])[0]
    no, yes = weights[1] / weights.sum(axis=0)
    return LabelPriors(other_class=float(no), original_label=float(yes))


def compute_valid_probability(
    votes: Iterable[tuple[int, int]], model: RaterModel, prior: float | None = None, *, power: float = 1.0
) -> float:
    """Compute the probability that a class is valid; `votes` are pairs of rater and answer.

    The default of `prior` is the share of valid golden questions. Each vote counts `power` times: the probability of
    each truth is proportional to its prior, times the probability of the votes to this power.

    >>> counts = [GoldenAnswerCount(7, 0, 0, 8), GoldenAnswerCount(7, 1, 2, 9)]
    >>> model = estimate_rater_model(counts, (10, 10), [7])
    >>> round(compute_valid_probability([(7, 2)], model), 3), compute_valid_probability([], model)
    (0.981, 0.5)
    """
    votes = list(votes)
    invalid, valid = model.prior.tolist() if prior is None else (1 - prior, prior)
    # Plain floats are faster than arrays of two values.
    for (of_invalid, of_valid), (_, answer) in zip(
        model.matrices_of([rater for rater, _ in votes]).tolist(), votes, strict=True
    ):
        invalid, valid = invalid * of_invalid[answer] ** power, valid * of_valid[answer] ** power
        invalid, valid = invalid / (invalid + valid), valid / (invalid + valid)
    return float(valid)


def decide_truth(answers: Sequence[int], min_experts: int | None) -> int | None:
    """Decide the truth of a golden question: 1 valid, 0 invalid, None if too few experts answered.

    The class is valid if at least `min_experts` experts answered yes. If `min_experts` is None, the class is valid if
    more than half of the experts who answered said yes.

    >>> decide_truth([2, 2, 0], None), decide_truth([2, 0], None), decide_truth([], None)
    (1, 0, None)
    >>> decide_truth([2, 0], 1), decide_truth([2], 2)
    (1, None)
    """
    if len(answers) < (min_experts or 1):
        return None
    yes = sum(answer == len(KNOWN_ANSWERS) - 1 for answer in answers)
    return int(yes >= min_experts if min_experts else 2 * yes > len(answers))
