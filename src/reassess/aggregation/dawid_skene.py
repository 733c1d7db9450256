"""Rater models without golden answers, or with a few: maximum likelihood by expectation-maximization (EM).

Symbols: N items, R raters, T truths, A answers; q[i, t] the posterior, p[t] the prior, pi[r, t, a] the matrices,
m[t, a] the mean matrix, K the pooling, s the smoothing.

- E-step: q[i, t] is p[t] times the product of pi[r, t, a] over the item's votes, normalised over t.
- M-step: pi[r, t, a] is the expected number of votes a by rater r on items of truth t, plus s + K m[t, a], normalised
  over a; p[t] is the sum of q[i, t] over the items that tell something (with a vote, or pinned), plus K / T,
  normalised over t.
- Objective: log likelihood of the votes, plus the sum of (s + K m[t, a]) log pi[r, t, a], plus the sum of
  (K / T) log p[t], which is the log density of Dirichlet priors up to a constant. No step lets it fall. A pinned item
  counts with its posterior's mean of log(p times pi). Of a prior that is given, the last sum is left out.
- The mean matrix is fitted first, by the same EM with all votes taken as those of one rater and `typical_matrix` in
  place of m; it then stays, and EM on the raters starts from it. So the objective has no part that moves.

With K = 0 and s = 0 this is the method as published. It takes few votes for proof: with less than some votes for each
cell of a matrix it may name one truth for most items. Pooling is what a rater's row has before its first vote, K votes
that are shared out as all raters' are.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979), equations 2.3 to 2.5. The priors are those of Kim and Ghahramani, "Bayesian classifier
combination", AISTATS 2012, with a mean that is fitted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import POOLING, typical_matrix
from reassess.aggregation.em import EM
from reassess.aggregation.em_starts import Pinned, answer_shares, check_fit, natural_shares
from reassess.aggregation.posteriors import as_prior, check_truths
from reassess.core.checks import check_range, check_type
from reassess.core.items import Id
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.votes import Votes
from reassess.errors import ConvergenceWarning, DataError
from reassess.text import Listed, Shown

__all__ = ["DawidSkeneFit", "Pinned", "fit_alike", "fit_dawid_skene"]

_ONE = ("all raters",)  # the raters, taken as one
_ALIKE_TOLERANCE, _ALIKE_ITERATIONS = 1e-4, 300  # it checks another fit, and gives no result itself


@dataclass(frozen=True, eq=False, repr=False)
class DawidSkeneFit(Shown):
    """The rater model and the posteriors at which EM ended.

    Parameters
    ----------
    model
        The raters and the prior.
    posterior
        The probability of each truth; what `posterior(votes, model)` gives, but for pinned items.
    history
        float64, shape (iterations,): the objective at each E-step; it never falls. The last is that of `model`.
    converged
        Whether the largest change of a posterior fell below the tolerance.
    """

    model: RaterModel
    posterior: Posterior
    history: npt.NDArray[np.float64]
    converged: bool

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
    tolerance: float = 1e-6,
    max_iterations: int = 2_000,
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
    _check_options(votes, smoothing, pooling, tolerance, max_iterations, threads)
    if start is not None:
        votes, truths = votes.with_answers(start.answers), truths or start.truths
    names = tuple(truths or (VALIDITY if isinstance(votes.items, Questions) else votes.answers))
    check_truths(names)
    given = None if prior is None else as_prior(prior, len(names))
    if given is not None and (given <= 0).any():
        raise DataError(
            "out-of-range", "EM cannot use a prior of 0", found=given.tolist(), fix="leave out the truth that cannot be"
        )
    needed = start is None or weights is not None
    runs = _Runs(
        truths=names,
        shares=answer_shares(votes, names, weights) if needed else natural_shares(votes, names),
        may_swap=len(names) == len(VALIDITY) and start is None and given is None and pinned is None,
        prior=given,
        pinned=pinned,
        smoothing=smoothing,
        pooling=pooling,
        tolerance=tolerance,
        max_iterations=max_iterations,
        threads=threads,
    )
    fitted = runs.fit(votes, start)
    if not fitted.converged:
        warnings.warn(
            f"EM was stopped after {max_iterations:,} iterations, before its posteriors changed by less than "
            f"{tolerance:g}: allow more iterations, or more pooling",
            ConvergenceWarning,
            stacklevel=2,
        )
    return fitted


@dataclass(frozen=True, eq=False)
class _Runs:
    """What the runs of EM on some votes share: that on all raters as one, and that on each."""

    truths: tuple[Id, ...]
    shares: npt.NDArray[np.float64]
    may_swap: bool
    prior: npt.NDArray[np.float64] | None
    pinned: Pinned | None
    smoothing: float
    pooling: float
    tolerance: float
    max_iterations: int
    threads: int | None = None
    alike: bool = False

    def fit(self, votes: Votes, start: RaterModel | None) -> DawidSkeneFit:
        """EM on all raters as one, if there is pooling, and then on each."""
        pseudo_votes = np.zeros((len(self.truths), len(votes.answers)))
        if self.pooling:
            together = self.fit_as_one(votes, start)
            mean = together.matrices_of(_ONE)[0]
            pseudo_votes = self.pooling * mean
            start = start or _of_all_raters(together, mean)
        found = self._fit(votes, pseudo_votes, start)
        # A few pinned items can turn two truths round, which nothing turns back: then the other way is tried as well.
        if self.pinned is not None and self.prior is None and self.pooling and _is_reversed(pseudo_votes, self.shares):
            assert start is not None
            other = self._fit(votes, pseudo_votes[::-1].copy(), _reversed(start))
            return max(found, other, key=lambda fit: fit.objective)
        return found

    def fit_as_one(self, votes: Votes, start: RaterModel | None) -> RaterModel:
        """The mean matrix and the prior, all votes being taken as those of one rater."""
        one = replace(votes, rater_ids=np.zeros_like(votes.rater_ids), raters=_ONE)
        first = None if start is None else _of_all_raters(start, start.fallback)
        return self._fit(one, self.pooling * typical_matrix(self.shares), first).model

    def _fit(self, votes: Votes, pseudo_votes: npt.NDArray[np.float64], start: RaterModel | None) -> DawidSkeneFit:
        """EM from a model, or from what the answers say; the pseudo-votes are those of pooling alone."""
        em = EM(
            votes,
            self.truths,
            pseudo_votes=pseudo_votes + self.smoothing,
            pseudo_items=self.pooling / len(self.truths),
            prior=self.prior,
            pinned=self.pinned,
            threads=self.threads,
            alike=self.alike,
        )
        if start is None:
            em.start_from_answers(self.shares)
        else:
            em.start_from_model(start)
        history, converged = em.run(self.tolerance, self.max_iterations)
        if self.may_swap:
            em.order_truths(self.shares[:, 1])
        classes = votes.classes if self.truths == votes.answers else None
        result = Posterior(items=votes.items, truths=self.truths, values=em.posterior, classes=classes)
        return DawidSkeneFit(model=em.model(), posterior=result, history=history, converged=converged)


def _is_reversed(pseudo_votes: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> bool:
    """Whether of two truths, the answers that speak for the first are given to the second."""
    if shares.shape[1] != len(VALIDITY):
        return False
    first, second = pseudo_votes @ shares[:, 1]
    return bool(first > second)


def _reversed(model: RaterModel) -> RaterModel:
    """A model whose two truths change places."""
    matrices, fallback = model.matrices[:, ::-1].copy(), model.fallback[::-1].copy()
    return replace(model, matrices=matrices, fallback=fallback, prior=model.prior[::-1].copy())


def fit_alike(votes: Votes, truths: tuple[Id, ...], pinned: Pinned | None) -> DawidSkeneFit:
    """The simpler model in which a rater answers alike for every truth, see `EM`; for answers of known shares."""
    runs = _Runs(
        truths=truths,
        shares=answer_shares(votes, truths),
        may_swap=False,
        prior=None,
        pinned=pinned,
        smoothing=0.0,
        pooling=POOLING,
        tolerance=_ALIKE_TOLERANCE,
        max_iterations=_ALIKE_ITERATIONS,
        alike=True,
    )
    return runs.fit(votes, None)


def _of_all_raters(model: RaterModel, matrix: npt.NDArray[np.float64]) -> RaterModel:
    """A model in which every rater has one matrix."""
    return replace(model, raters=(), matrices=model.matrices[:0], fallback=matrix)


def _check_options(
    votes: Votes, smoothing: float, pooling: float, tolerance: float, max_iterations: int, threads: int | None
) -> None:
    check_fit(votes, smoothing, pooling)
    if not tolerance > 0:
        raise DataError("out-of-range", "tolerance out of range", allowed="above 0", found=tolerance)
    check_range(max_iterations, 1, what="max_iterations")
    if threads is not None:
        check_range(threads, 1, what="threads")
