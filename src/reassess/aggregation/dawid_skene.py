"""Dawid and Skene's model with a whole confusion matrix for each rater; `em` says what is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import (
    MAX_ITERATIONS,
    TOLERANCE,
    MatrixSteps,
    MatrixTable,
    code_table,
    fallback_of,
    in_threads,
    iterate,
    matrix_blocks,
    sum_in_order,
    typical_matrix,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import (
    POOLING,
    Floats,
    Pinned,
    answer_shares,
    as_prior,
    check_fit,
    check_truths,
    natural_shares,
    natural_truths,
)
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.core.checks import check_range, check_type
from reassess.errors import DataError
from reassess.text import Listed, Shown

_ONE = ("all raters",)  # the raters, taken as one
_ALIKE_TOLERANCE, _ALIKE_ITERATIONS = 1e-4, 300  # it checks another fit, and gives no result itself
_LIFT = 1e-6  # the lowest probability in a model to start from


@dataclass(frozen=True, eq=False, repr=False)
class DawidSkeneFit(Shown):
    """The rater model and the posteriors at which EM ended."""

    model: RaterModel  # of the raters who voted, and the prior
    posterior: Posterior  # what `posterior(votes, model)` gives, except for pinned items
    history: Floats  # the objective at each E-step, shape (iterations,); it never falls
    converged: bool  # whether the largest change of a posterior fell below the tolerance

    @property
    def iterations(self) -> int:
        """Number of E-steps."""
        return self.history.size

    @property
    def objective(self) -> float:
        """Log likelihood plus log prior of the matrices, at the end."""
        return float(self.history[-1])

    @property
    def _headline(self) -> str:
        end = "converged" if self.converged else "not converged"
        return f"DawidSkeneFit({self.model}, {self.iterations:,} iterations, {end}, objective {self.objective:,.5f})"

    def _list(self) -> Listed:
        model = self.model
        rows = (
            (str(rater), str(truth), ", ".join(f"{answer} {row[i]:.3f}" for i, answer in enumerate(model.answers)))
            for rater, matrix in zip(model.raters, model.matrices, strict=True)
            for truth, row in zip(model.truths, matrix, strict=True)
        )
        return Listed(("rater", "truth", "probability of each answer"), len(model.raters) * len(model.truths), rows)


def fit_dawid_skene(
    votes: Votes,
    *,
    truths: Sequence[Id] | None = None,
    weights: npt.ArrayLike | None = None,
    start: RaterModel | None = None,
    pinned: Pinned | None = None,
    prior: npt.ArrayLike | None = None,
    smoothing: float = 0.0,
    pooling: float = POOLING,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
) -> DawidSkeneFit:
    """Find confusion matrices, prior and posteriors from the votes alone, by EM.

    Parameters
    ----------
    votes
        The votes; raters without a vote get no matrix, and items without a vote have the prior as their posterior.
    truths
        What an item can be. By default invalid and valid for (image, class) questions, and the answers for all else.
    weights
        Where EM starts. Shape (answers,), for two truths: how much each answer speaks for the second truth, 0 to 1;
        by default no 0, maybe 0.5, yes 1. Shape (answers, truths): how much it speaks for each, rows adding up to 1;
        by default, if the truths are the answers, each speaks for itself. An item starts at the mean over its votes.
        Of two truths, the one that goes with the higher weights stays the second: they are swapped at the end if need
        be, unless the prior is given or an item is pinned.
    start
        A model to start from instead, as after more votes came in; its probabilities below 1e-6 are lifted to that,
        since EM could not leave 0.
    pinned
        Items of which the truth is known, or its distribution.
    prior
        Probability of each truth, above 0, shape (truths,), which then stays; by default it is learned.
    smoothing
        Added to each cell of each matrix's counts.
    pooling
        Number of votes of the mean matrix that are added to each row's counts, and of items that are added to those of
        all truths. If this and the smoothing are 0, it is plain maximum likelihood, where the row of a truth that a
        rater never met is uniform.
    tolerance
        EM ends when no posterior changes by as much.
    max_iterations
        EM ends after so many E-steps, with a `ConvergenceWarning`.
    threads
        How many; by default all cores. The result does not depend on it.

    Raises
    ------
    DataError
        There are no votes, or they are counts without raters; an option is out of range or does not fit the votes.

    Warns
    -----
    ConvergenceWarning
        `max_iterations` was reached.

    Examples
    --------
    >>> votes = Votes.from_columns(
    ...     ("w", "x", "y", "z"),
    ...     np.repeat([0, 1, 2, 3], 3),
    ...     np.tile([0, 1, 2], 4),
    ...     np.array([0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0]),
    ...     raters=("ann", "bo", "cy"),
    ...     answers=("cat", "dog"),
    ... )
    >>> result = fit_dawid_skene(votes, smoothing=0, pooling=0)
    >>> [result.model.truths[truth] for truth in result.posterior.most_likely()]
    ['cat', 'dog', 'cat', 'dog']
    >>> result.model.matrices[2].round(2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    check_type(Votes, votes)
    check_fit(votes, smoothing, pooling)
    if not tolerance > 0:
        raise DataError("out-of-range", "tolerance out of range", allowed="above 0", found=tolerance)
    check_range(max_iterations, 1, what="max_iterations")
    if threads is not None:
        check_range(threads, 1, what="threads")
    if start is not None:
        votes, truths = votes.with_answers(start.answers), truths or start.truths
    names = tuple(truths or natural_truths(votes))
    check_truths(names)
    fixed = None if prior is None else as_prior(prior, len(names))
    if fixed is not None and (fixed <= 0).any():
        raise DataError(
            "out-of-range", "EM cannot use a prior of 0", found=fixed.tolist(), fix="leave out the truth that cannot be"
        )
    needed = start is None or weights is not None
    runs = _Runs(
        truths=names,
        shares=answer_shares(votes, names, weights) if needed else natural_shares(votes, names),
        may_swap=len(names) == len(VALIDITY) and start is None and fixed is None and pinned is None,
        prior=fixed,
        pinned=pinned,
        smoothing=smoothing,
        pooling=pooling,
        tolerance=tolerance,
        max_iterations=max_iterations,
        threads=threads,
    )
    fitted = runs.fit(votes, start)
    warn_unless_converged(fitted.converged, max_iterations, tolerance, "allow more iterations, or more pooling")
    return fitted


def fit_alike(votes: Votes, truths: tuple[Id, ...], pinned: Pinned | None) -> DawidSkeneFit:
    """Fit the simpler model where a rater answers alike for every truth; each answer speaks for known truths."""
    runs = _Runs(
        truths=truths,
        shares=answer_shares(votes, truths),
        pinned=pinned,
        tolerance=_ALIKE_TOLERANCE,
        max_iterations=_ALIKE_ITERATIONS,
        alike=True,
    )
    return runs.fit(votes, None)


@dataclass(frozen=True, eq=False)
class _Runs:
    """What the runs of EM on some votes share: the run on all raters as one, and the run on each."""

    truths: tuple[Id, ...]
    shares: Floats
    may_swap: bool = False
    prior: Floats | None = None
    pinned: Pinned | None = None
    smoothing: float = 0.0
    pooling: float = POOLING
    tolerance: float = TOLERANCE
    max_iterations: int = MAX_ITERATIONS
    threads: int | None = None
    alike: bool = False

    def fit(self, votes: Votes, start: RaterModel | None) -> DawidSkeneFit:
        """EM on all raters as one, if there is pooling, and then on each."""
        pseudo_votes = np.zeros((len(self.truths), len(votes.answers)))
        if self.pooling:
            one = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=_ONE)
            first = None if start is None else _of_all_raters(start, start.fallback)
            together = self._fit(one, self.pooling * typical_matrix(self.shares), first).model
            mean = together.matrices_of(_ONE)[0]
            pseudo_votes = self.pooling * mean
            start = start or _of_all_raters(together, mean)
        found = self._fit(votes, pseudo_votes, start)
        # A few pinned items can swap two truths, and no step swaps them back: so the other order is tried as well.
        if self.pinned is not None and self.prior is None and start is not None and self._is_reversed(pseudo_votes):
            other = self._fit(votes, pseudo_votes[::-1].copy(), _reversed(start))
            return max(found, other, key=lambda fit: fit.objective)
        return found

    def _fit(self, votes: Votes, pseudo_votes: Floats, start: RaterModel | None) -> DawidSkeneFit:
        """EM from a model, or from what the answers say; the pseudo-votes are those of pooling alone."""
        from reassess.numeric.em_kernels import spread

        steps = MatrixSteps(
            raters=len(votes.raters),
            pseudo_votes=pseudo_votes + self.smoothing,
            pseudo_items=self.pooling / len(self.truths),
            prior=self.prior,
            alike=self.alike,
            is_scale=self.truths != votes.answers,
        )
        posterior = np.zeros((len(votes.items), len(self.truths)))
        if start is None:
            spread(votes.indptr, votes.answer_ids, self.shares, posterior)
        blocks = matrix_blocks(votes, posterior, self.pinned, self.threads)
        if start is None:
            first_votes, items, *_ = sum_in_order(map(steps.count, blocks))
            parameters = steps.maximize(first_votes, items)
        else:
            prior = _raise_floor(start.prior) if self.prior is None else self.prior
            parameters = MatrixTable(code_table(_raise_floor(start.matrices_of(votes.raters))), prior)
        with in_threads(len(blocks)) as run:
            parameters, expected, history, converged = iterate(
                steps, blocks, parameters, tolerance=self.tolerance, max_iterations=self.max_iterations, run=run
            )
        expected = expected.reshape(len(votes.raters), len(votes.answers), -1)
        measured = np.flatnonzero(expected.any(axis=(1, 2)))
        matrices = parameters.cells.reshape(expected.shape).transpose(0, 2, 1)[measured]
        model = RaterModel(
            raters=tuple(votes.raters[row] for row in measured.tolist()),
            truths=self.truths,
            answers=votes.answers,
            matrices=matrices,
            fallback=fallback_of(matrices, steps.pseudo_votes, pooled=self.pooling > 0),
            prior=parameters.prior.copy(),
        )
        if self.may_swap and _is_swapped(expected, self.shares[:, 1]):
            model, posterior = _reversed(model), posterior[:, ::-1].copy()
        classes = votes.classes if self.truths == votes.answers else None
        result = Posterior(items=votes.items, truths=self.truths, values=posterior, classes=classes)
        return DawidSkeneFit(model=model, posterior=result, history=history, converged=converged)

    def _is_reversed(self, pseudo_votes: Floats) -> bool:
        """Whether of two truths, the answers that speak for the first are given to the second."""
        if len(self.truths) != len(VALIDITY):
            return False
        first, second = pseudo_votes @ self.shares[:, 1]
        return bool(first > second)


def _is_swapped(expected: Floats, weights: Floats) -> bool:
    """Whether of two truths, the votes of the first have the higher mean weight."""
    votes = expected.sum(axis=0)
    first, second = weights @ votes / np.maximum(votes.sum(axis=0), np.finfo(float).tiny)
    return bool(first > second)


def _reversed(model: RaterModel) -> RaterModel:
    """A model whose two truths change places."""
    matrices, fallback = model.matrices[:, ::-1].copy(), model.fallback[::-1].copy()
    return replace(model, matrices=matrices, fallback=fallback, prior=model.prior[::-1].copy())


def _of_all_raters(model: RaterModel, matrix: Floats) -> RaterModel:
    """A model where every rater has one matrix."""
    return replace(model, raters=(), matrices=model.matrices[:0], fallback=matrix)


def _raise_floor(shares: Floats) -> Floats:
    """Raise tiny probabilities, so that EM can recover from them; distributions are on the last axis."""
    raised = np.maximum(shares, _LIFT)
    raised /= raised.sum(axis=-1, keepdims=True)
    return raised
