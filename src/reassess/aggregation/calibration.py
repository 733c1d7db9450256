"""Rater models measured on golden items, whose truth is known: one M-step on counts, and then one E-step."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import code_table, fallback_of, row_shares, typical_matrix, vote_codes
from reassess.aggregation.em_inputs import (
    POOLING,
    Floats,
    as_prior,
    check_pseudo_votes,
    check_truths,
    natural_shares,
    no_golden_votes,
)
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.core.checks import check_range, check_shape, check_type
from reassess.errors import DataError
from reassess.text import some


def calibrate(
    golden_votes: Votes,
    truth: npt.NDArray[np.integer],
    *,
    truths: Sequence[Id] = VALIDITY,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> RaterModel:
    """Measure each rater on items of which the truth is known.

    To each row of a rater's counts `pooling` votes are added that are shared out as in the mean matrix, which is that
    of all votes, whoever cast them: a rater with few golden answers has about the mean matrix, and one with many a
    matrix of their own. To the counts of the mean matrix as many are added, shared out as in `typical_matrix`.
    """
    check_pseudo_votes(smoothing, pooling)
    golden_votes.require_raters("a rater model")
    truth = np.asarray(truth)
    check_shape(truth, (len(golden_votes.items),), what="truth")
    check_range(truth, -1, len(truths) - 1, what="truth", where=golden_votes.at)
    known = truth >= 0
    shape = len(golden_votes.raters), len(truths) + 1, len(golden_votes.answers)
    rows = golden_votes.rater_ids * np.int64(shape[1]) + np.repeat(truth, golden_votes.sizes) + 1
    cells = np.bincount(rows * shape[2] + golden_votes.answer_ids, minlength=int(np.prod(shape)))
    counts = cells.reshape(shape)[:, 1:]  # without the votes on items of unknown truth
    if not counts.any():
        raise no_golden_votes()
    return model_of_counts(
        counts,
        np.bincount(truth[known], minlength=len(truths)),
        raters=golden_votes.raters,
        truths=truths,
        answers=golden_votes.answers,
        typical=typical_matrix(natural_shares(golden_votes, truths)),
        smoothing=smoothing,
        pooling=pooling,
    )


def model_of_counts(
    counts: npt.NDArray[np.integer],
    items: npt.NDArray[np.integer],
    *,
    raters: Sequence[Id],
    truths: Sequence[Id],
    answers: Sequence[Id],
    typical: Floats,
    smoothing: float = 0.0,
    pooling: float = POOLING,
) -> RaterModel:
    """The rater model of `calibrate`, of counted answers to golden items."""
    measured = np.flatnonzero(counts.any(axis=(1, 2)))
    pseudo_votes = np.full(counts.shape[1:], float(smoothing))
    if pooling:
        pseudo_votes += pooling * row_shares(counts.sum(axis=0) + pooling * typical, smoothing)
    matrices = row_shares(counts[measured], pseudo_votes)
    return RaterModel(
        raters=tuple(raters[row] for row in measured.tolist()),
        truths=tuple(truths),
        answers=tuple(answers),
        matrices=matrices,
        fallback=fallback_of(matrices, pseudo_votes, pooled=pooling > 0),
        prior=row_shares(items, pooling / len(truths)),
    )


def posterior(
    votes: Votes,
    model: RaterModel,
    *,
    prior: npt.ArrayLike | None = None,
    extra: tuple[Votes, RaterModel] | None = None,
) -> Posterior:
    """The probability of each truth given the votes: prior times the probabilities of the votes, normalised.

    Parameters
    ----------
    votes
        Votes; a rater that the model does not know has the model's fallback matrix.
    model
        How the raters answer.
    prior
        Probability of each truth, shape (truths,); by default the model's.
    extra
        Votes of one more rater, or several, on the same items, and how they answer: such as the original label, which
        votes by rule.

    Returns
    -------
    Posterior
        Of an item without votes it is the prior.

    Raises
    ------
    DataError
        An answer that the model does not know; votes that no truth allows, which takes a probability of 0; more than
        256 truths; counts of votes without raters.

    Examples
    --------
    >>> matrix = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> model = RaterModel(("ann",), ("invalid", "valid"), ("no", "yes"), matrix[None], matrix, np.array([0.5, 0.5]))
    >>> votes = Votes.from_columns(
    ...     ("x", "y"), np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), ("ann", "bo"), ("no", "yes")
    ... )
    >>> posterior(votes, model).of("valid").round(4)
    array([0.9846, 0.5   ])
    """
    check_type(Votes, votes)
    check_type(RaterModel, model)
    check_truths(model.truths)
    start = as_prior(model.prior if prior is None else prior, len(model.truths))
    values = np.tile(start, (len(votes.items), 1))
    for part, rater_model in ((votes, model), *((extra,) if extra else ())):
        if len(part.items) != len(votes.items) or (part.find(votes.items) != np.arange(len(votes.items))).any():
            raise DataError("different-items", "extra votes are not on the same items in the same order")
        if rater_model.truths != model.truths:
            raise DataError(
                "different-classes",
                "two models have different truths",
                allowed=some(model.truths),
                found=some(rater_model.truths),
            )
        _multiply(values, part.with_answers(rater_model.answers), rater_model)
    classes = votes.classes if model.truths == model.answers else None
    return Posterior(items=votes.items, truths=model.truths, values=values, classes=classes)


def _multiply(values: Floats, votes: Votes, model: RaterModel) -> None:
    from reassess.numeric.em_kernels import truth_zeros, weigh

    table = code_table(model.matrices_of(votes.raters))
    truths = len(model.truths)
    row = weigh(votes.indptr, vote_codes(votes), table, values, np.empty(truths), truth_zeros(truths))
    if row >= 0:
        raise DataError(
            "impossible-votes",
            "no truth allows the votes on an item",
            where=votes.at(row),
            found=some([f"{rater}: {answer}" for rater, answer in votes.on(row)]),
            fix="measure the raters with pooling above 0",
        )
