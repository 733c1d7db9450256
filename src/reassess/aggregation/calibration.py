"""Rater models measured on golden items, and the probability of each truth from votes by Bayes' rule."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import (
    compute_fallback_matrix,
    normalize_rows,
    rater_answer_codes,
    to_kernel_layout,
    typical_confusion_matrix,
)
from reassess.aggregation.em_inputs import (
    DEFAULT_POOLING,
    Floats,
    check_prior,
    check_pseudo_votes,
    check_truth_count,
    default_or_equal_answer_weights,
    no_golden_votes_error,
)
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.core.checks import check_range, check_shape, check_type
from reassess.errors import DataError
from reassess.numeric.arrays import allocate_like
from reassess.text import join_first


def calibrate(
    golden_votes: Votes,
    truth_ids: npt.NDArray[np.integer],
    *,
    truths: Sequence[Id] = VALIDITY,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> RaterModel:
    """Estimate each rater's confusion matrix on golden items.

    `truth_ids`, shape (items,), is the position of each item's truth among `truths`, or -1 if it is unknown. Each row
    of a rater's counts gets `pooling` pseudo-votes, distributed as in the mean matrix, the matrix of all raters' votes
    together. So a rater with few golden answers has about the mean matrix, and a rater with many answers has their own.
    The counts of the mean matrix get the same number of pseudo-votes per row, distributed as in
    `typical_confusion_matrix`.
    """
    check_pseudo_votes(smoothing, pooling)
    golden_votes.require_raters("a rater model")
    truth_ids = np.asarray(truth_ids)
    check_shape(truth_ids, (len(golden_votes.items),), value_name="truth")
    check_range(truth_ids, -1, len(truths) - 1, value_name="truth", where=golden_votes.describe_item)
    is_known = truth_ids >= 0
    shape = len(golden_votes.raters), len(truths) + 1, len(golden_votes.answers)
    rows = golden_votes.rater_ids * np.int64(shape[1]) + np.repeat(truth_ids, golden_votes.sizes) + 1
    cells = np.bincount(rows * shape[2] + golden_votes.answer_ids, minlength=int(np.prod(shape)))
    counts = cells.reshape(shape)[:, 1:]  # without votes on items whose truth is unknown
    if not counts.any():
        raise no_golden_votes_error()
    return rater_model_from_counts(
        counts,
        np.bincount(truth_ids[is_known], minlength=len(truths)),
        raters=golden_votes.raters,
        truths=truths,
        answers=golden_votes.answers,
        base_matrix=typical_confusion_matrix(default_or_equal_answer_weights(golden_votes, truths)),
        smoothing=smoothing,
        pooling=pooling,
    )


def rater_model_from_counts(
    counts: npt.NDArray[np.integer] | Floats,
    item_counts: npt.NDArray[np.integer] | Floats,
    *,
    raters: Sequence[Id],
    truths: Sequence[Id],
    answers: Sequence[Id],
    base_matrix: Floats,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
) -> RaterModel:
    """Estimate the rater model of `calibrate` from counts of golden answers, shape (raters, truths, answers)."""
    measured = np.flatnonzero(counts.any(axis=(1, 2)))
    pseudo_votes = np.full(counts.shape[1:], float(smoothing))
    if pooling:
        pseudo_votes += pooling * normalize_rows(counts.sum(axis=0) + pooling * base_matrix, smoothing)
    matrices = normalize_rows(counts[measured], pseudo_votes)
    return RaterModel(
        raters=tuple(raters[row] for row in measured.tolist()),
        truths=tuple(truths),
        answers=tuple(answers),
        matrices=matrices,
        fallback_matrix=compute_fallback_matrix(matrices, pseudo_votes, has_pooling=pooling > 0),
        prior=normalize_rows(item_counts, pooling / len(truths)),
    )


def posterior(
    votes: Votes,
    model: RaterModel,
    *,
    prior: npt.ArrayLike | None = None,
    extra_votes: Votes | None = None,
    extra_model: RaterModel | None = None,
) -> Posterior:
    """Compute the probability of each truth from the votes, by Bayes' rule.

    With posterior q[i, t], prior p[t] and the raters' confusion matrices pi[r, t, a], q[i, t] is p[t] times the product
    of pi[r, t, a] over the votes on item i, normalised over t.

    Parameters
    ----------
    votes
        The votes. A rater who is not in the model has the model's fallback matrix.
    model
        The raters' confusion matrices.
    prior
        Probability of each truth, shape (truths,); by default the model's.
    extra_votes
        Votes of more raters on the same items, for example the original labels as votes.
    extra_model
        The confusion matrices of the raters of `extra_votes`; by default `model`.

    Returns
    -------
    Posterior
        An item without votes has the prior.

    Raises
    ------
    DataError
        An answer is not in the model; the votes on an item have probability 0 for every truth; there
        are more than 256 truths; the votes are counts without raters.

    Examples
    --------
    >>> matrix = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> model = RaterModel(("ann",), ("invalid", "valid"), ("no", "yes"), matrix[None], matrix, np.array([0.5, 0.5]))
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), ("ann", "bo"), ("no", "yes")
    ... )
    >>> posterior(votes, model).probabilities_of("valid").round(4)
    array([0.9846, 0.5   ])
    """
    check_type(Votes, votes)
    check_type(RaterModel, model)
    check_truth_count(model.truths)
    start_prior = check_prior(model.prior if prior is None else prior, len(model.truths))
    values = allocate_like(votes.indptr, (len(votes.items), len(model.truths)), np.float64)
    values[:] = start_prior
    votes_and_models = [(votes, model)]
    if extra_votes is not None:
        votes_and_models.append((extra_votes, extra_model or model))
    for rater_votes, rater_model in votes_and_models:
        if len(rater_votes.items) != len(votes.items) or (
            rater_votes is not votes and (rater_votes.find_positions(votes.items) != np.arange(len(votes.items))).any()
        ):
            raise DataError("different-items", "extra votes must be on the same items as the votes, in the same order")
        if rater_model.truths != model.truths:
            raise DataError(
                "different-classes",
                "the two rater models have different sets of possible truths",
                allowed=join_first(model.truths),
                found=join_first(rater_model.truths),
            )
        _multiply_by_likelihood(values, rater_votes.with_possible_answers(rater_model.answers), rater_model)
    classes = votes.classes if model.truths == model.answers else None
    return Posterior(items=votes.items, truths=model.truths, values=values, classes=classes)


def _multiply_by_likelihood(values: Floats, votes: Votes, model: RaterModel) -> None:
    """Multiply `values`, shape (items, truths), by the likelihood of the votes, in place."""
    from reassess.numeric.em_kernels import make_zero_per_truth, multiply_by_likelihood

    table = to_kernel_layout(model.matrices_of(votes.raters))
    truths = len(model.truths)
    row = multiply_by_likelihood(
        votes.indptr, rater_answer_codes(votes), table, values, np.empty(truths), make_zero_per_truth(truths)
    )
    if row >= 0:
        raise DataError(
            "impossible-votes",
            "votes on an item have probability 0 for every truth",
            where=votes.describe_item(row),
            found=join_first([f"{rater}: {answer}" for rater, answer in votes.votes_on(row)]),
            fix="measure the raters with pooling above 0",
        )
