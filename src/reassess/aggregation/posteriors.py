"""From votes and a rater model to the probability of each truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_distribution, check_shape
from reassess.core.items import Id
from reassess.core.posterior import Posterior
from reassess.core.rater_model import RaterModel
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.text import some

__all__ = ["as_prior", "check_truths", "code_table", "many_classes", "posterior", "vote_codes"]

_MOST_CELLS = 1 << 24  # of all raters' matrices: 128 MiB, of which EM holds several
_MOST_CLASSES = 4_096  # of which one matrix fits easily
_MOST_TRUTHS = 256  # of which matrices of single raters are still small


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


def check_truths(truths: Sequence[Id]) -> None:
    """Raise `DataError` if an item can be of more truths than posteriors are made of."""
    if len(truths) > _MOST_TRUTHS:
        raise DataError(
            "too-many-classes",
            "too many truths for a rater model",
            allowed=f"up to {_MOST_TRUTHS}",
            found=f"{len(truths):,}",
            fix="take the majority, or split the items into groups with fewer answers",
        )


def many_classes(votes: Votes) -> bool:
    """Whether the answers are too many for matrices of the raters; `DataError` if they are too many for one matrix."""
    classes = len(votes.answers)
    if classes > _MOST_CLASSES:
        raise DataError(
            "too-many-classes",
            "too many classes for a rater model",
            allowed=f"up to {_MOST_CLASSES:,}",
            found=f"{classes:,}",
            fix="take the majority, or split the items into groups with fewer answers",
        )
    return classes > _MOST_TRUTHS or len(votes.raters) * classes**2 > _MOST_CELLS


def vote_codes(votes: Votes) -> npt.NDArray[Any]:
    """One number a vote, rater * answers + answer, of the smallest fitting type; votes need raters."""
    votes.require_raters("a rater model")
    cells = len(votes.raters) * len(votes.answers)
    codes: npt.NDArray[Any] = votes.rater_ids.astype(np.uint16 if cells <= 1 << 16 else np.int64)
    codes *= len(votes.answers)
    np.add(codes, votes.answer_ids, out=codes, casting="unsafe")  # the type fits: it holds every code
    return codes


def as_prior(prior: npt.ArrayLike, truths: int) -> npt.NDArray[np.float64]:
    """A given prior as float64, shape (truths,); `DataError` if it is no distribution."""
    values = np.array(prior, np.float64)
    check_shape(values, (truths,), what="the prior")
    check_distribution(values, what="the prior")
    return values


def _multiply(values: npt.NDArray[np.float64], votes: Votes, model: RaterModel) -> None:
    from reassess.numeric.em_kernels import one_each, weigh

    table = code_table(model.matrices_of(votes.raters))
    truths = len(model.truths)
    row = weigh(votes.indptr, vote_codes(votes), table, values, np.empty(truths), one_each(truths))
    if row >= 0:
        raise DataError(
            "impossible-votes",
            "no truth allows the votes on an item",
            where=votes.at(row),
            found=some([f"{rater}: {answer}" for rater, answer in votes.on(row)]),
            fix="measure the raters with pooling above 0",
        )


def code_table(matrices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Matrices (raters, truths, answers) as the kernels read them: shape (raters * answers, truths)."""
    return np.ascontiguousarray(matrices.transpose(0, 2, 1)).reshape(-1, matrices.shape[1])
