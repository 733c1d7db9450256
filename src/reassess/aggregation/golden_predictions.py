"""Predictions of golden questions from raters' votes: the tempering of stop rules, and a test of stop rules.

The votes on a golden question are judged by rater matrices without the golden answers about its image, as `calibrate`
estimates matrices. So golden questions are predicted like questions without golden answers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.aggregation_result import Aggregation
from reassess.aggregation.calibration import posterior
from reassess.aggregation.em import normalize_rows, typical_confusion_matrix
from reassess.aggregation.em_inputs import DEFAULT_POOLING, default_or_equal_answer_weights
from reassess.aggregation.tempering import TruthOdds, find_power
from reassess.core import VALIDITY, Items, Questions, Votes
from reassess.core.items import require_questions

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class GoldenPredictions:
    """Raters' votes on golden questions, and the probability of each vote, by golden answers about other images."""

    votes: Votes  # on golden questions with a known truth
    truth_ids: Ints  # of each question: 0 invalid, 1 valid
    log_priors: Floats  # shape (questions, truths)
    log_likelihoods: Floats  # log P(answer | truth) of each vote, shape (votes, truths)

    def __len__(self) -> int:
        return self.truth_ids.size

    def draw_order(self, seed: int | tuple[int, int]) -> Ints:
        """Draw a random order of the votes on each question; return positions of votes, sorted by question."""
        draws = np.random.default_rng(seed).random(len(self.votes))
        return np.lexsort((draws, self.votes.item_ids))

    def find_power(self, max_votes: int) -> float:
        """Find the power that the votes count with, from at most `max_votes` random votes on each question."""
        votes = self.draw_order(0)[self.count_earlier_votes() < max_votes]
        log_ratios = np.zeros((len(self), len(VALIDITY)))
        np.add.at(log_ratios, self.votes.item_ids[votes], self.log_likelihoods[votes])
        return find_power([TruthOdds(self.log_priors, log_ratios)], [self.truth_ids])

    def count_earlier_votes(self) -> Ints:
        """Count the earlier votes on the same question, for each vote in an order by `draw_order`."""
        return np.arange(len(self.votes)) - self.votes.indptr[self.votes.item_ids]


def predict_golden_questions(
    rater_votes: Votes, truth_ids: npt.NDArray[np.integer], *, priors: Floats | None = None
) -> GoldenPredictions:
    """Compute the probability of raters' votes on golden questions, from golden answers about other images.

    Parameters
    ----------
    rater_votes
        Raters' votes on golden questions.
    truth_ids
        Truth of each question: 1 valid, 0 invalid, -1 unknown; shape (questions,). Questions with a known truth but
        without votes only count for the prior.
    priors
        Probability that each question is valid, before the votes, shape (questions,). By default, and where it is
        NaN, it is the share of valid golden questions about other images.

    Raises
    ------
    DataError
        The items are not questions; the votes are counts without raters.

    Examples
    --------
    >>> from reassess.core import Questions
    >>> questions = Questions.from_columns([f"{row}.png" for row in range(20)], np.zeros(20, int))
    >>> valid, rows = np.arange(20) % 2, np.arange(20)
    >>> answers = np.where(rows < 4, 1 - valid, valid)
    >>> votes = Votes.from_columns(questions, rows, 0 * rows, answers, ("ann",), ("no", "yes"))
    >>> predictions = predict_golden_questions(votes, valid)
    >>> np.exp(predictions.log_likelihoods[10]).round(2).tolist()
    [0.78, 0.2]
    """
    rater_votes.require_raters("a rater model")
    rows = np.flatnonzero(truth_ids >= 0)
    votes, truths = rater_votes.select_items(rows), np.asarray(truth_ids[rows], np.int64)
    images = require_questions(votes.items).image_ids.astype(np.int64)
    n_raters, n_images = len(votes.raters), int(images.max(initial=-1)) + 1
    image_of_vote, cells = images[votes.item_ids], (truths[votes.item_ids], votes.answer_ids)
    pairs, pair_of_vote = np.unique(image_of_vote * n_raters + votes.rater_ids, return_inverse=True)
    of_raters = _count(votes.rater_ids, *cells, (n_raters, len(VALIDITY), len(votes.answers)))
    of_images = _count(image_of_vote, *cells, (n_images, *of_raters.shape[1:]))
    of_pairs = _count(pair_of_vote, *cells, (pairs.size, *of_raters.shape[1:]))
    # The formulas of `rater_model_from_counts`, for each image without its own golden answers.
    base = typical_confusion_matrix(default_or_equal_answer_weights(votes, VALIDITY))
    mean_matrices = normalize_rows(of_raters.sum(axis=0) - of_images, DEFAULT_POOLING * base)
    image_ids, rater_ids = np.divmod(pairs, max(n_raters, 1))
    matrices = normalize_rows(of_raters[rater_ids] - of_pairs, DEFAULT_POOLING * mean_matrices[image_ids])
    truth_counts = np.bincount(truths, minlength=len(VALIDITY)) - _count(images, truths, 0, (n_images, 2, 1))[:, :, 0]
    log_priors = np.log(normalize_rows(truth_counts, DEFAULT_POOLING / len(VALIDITY)))[images]
    if priors is not None:
        given = np.log(np.column_stack((1 - priors[rows], priors[rows])))
        log_priors = np.where(np.isnan(given), log_priors, given)
    has_votes = votes.sizes > 0
    return GoldenPredictions(
        votes=votes.select_items(np.flatnonzero(has_votes)),
        truth_ids=truths[has_votes],
        log_priors=log_priors[has_votes],
        log_likelihoods=np.log(matrices[pair_of_vote, :, votes.answer_ids]),
    )


def predict_golden_by_result(
    result: Aggregation, rater_votes: Votes | None, golden_items: Items, truth_ids: npt.NDArray[np.integer]
) -> GoldenPredictions | None:
    """Predict golden items from raters' votes, and from original labels that voted in a result.

    `truth_ids`, shape (golden items,), are the truths of the golden items, as for `predict_golden_questions`. The
    result is None if the items are not questions, or if no golden question has votes.
    """
    if rater_votes is None or not isinstance(rater_votes.items, Questions):
        return None
    rows = rater_votes.find_positions(golden_items)
    votes = rater_votes.select_items(rows[rows >= 0]).with_no_maybe_yes()
    if not len(votes):
        return None
    priors = None
    if result.original_label_votes is not None and result.model is not None:
        label_rows = result.original_label_votes.find_positions(votes.items)
        by_label = posterior(result.original_label_votes, result.model).probabilities_of(VALIDITY[1])
        priors = np.where(label_rows >= 0, by_label[label_rows], np.nan)
    return predict_golden_questions(votes, truth_ids[rows >= 0], priors=priors)


def _count(first: _Numbers, second: _Numbers, third: _Numbers | int, shape: tuple[int, ...]) -> Ints:
    """Count combinations of three numbers; int64, of this shape."""
    codes = np.ravel_multi_index((first, second, np.broadcast_to(third, first.shape)), shape)
    return np.bincount(codes, minlength=int(np.prod(shape))).reshape(shape)
