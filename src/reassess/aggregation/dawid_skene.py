"""Rater models without golden answers, or with a few: maximum likelihood by expectation-maximization (EM).

Symbols: N items, R raters, T truths, A answers; q[i, t] the posterior, p[t] the prior, pi[r, t, a] the matrices.

- E-step: q[i, t] is p[t] times the product of pi[r, t, a] over the item's votes, normalised over t.
- M-step: pi[r, t, a] is the expected number of votes a by rater r on items of truth t, plus the smoothing s, normalised
  over a; p[t] is the mean of q[i, t] over the items that tell something (with a vote, or pinned).
- Objective: log likelihood of the votes plus s times the sum of log pi, the log density of a Dirichlet(s + 1) prior of
  every row up to a constant. No step lets it fall. A pinned item counts with its posterior's mean of log(p times pi).

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979), equations 2.3 to 2.5.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import EM
from reassess.aggregation.em_starts import Pinned, answer_shares
from reassess.aggregation.posteriors import as_prior, check_truths
from reassess.core.checks import check_range
from reassess.core.items import Id
from reassess.core.posterior import Posterior
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY, RaterModel
from reassess.core.votes import Votes
from reassess.errors import ConvergenceWarning, DataError

__all__ = ["DawidSkeneFit", "Pinned", "fit_dawid_skene"]


@dataclass(frozen=True, eq=False)
class DawidSkeneFit:
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

    def __repr__(self) -> str:
        end = "converged" if self.converged else "not converged"
        return f"DawidSkeneFit({self.model}, {self.iterations:,} iterations, {end}, objective {self.objective:,.5f})"


def fit_dawid_skene(
    votes: Votes,
    *,
    truths: Sequence[Id] | None = None,
    weights: npt.ArrayLike | None = None,
    start: RaterModel | None = None,
    pinned: Pinned | None = None,
    prior: npt.ArrayLike | None = None,
    smoothing: float = 1.0,
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
        Added to each cell of each matrix; 0 is plain maximum likelihood, where the row of a truth that a rater never
        met is uniform.
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
    >>> result = fit_dawid_skene(votes, smoothing=0)
    >>> [result.model.truths[truth] for truth in result.posterior.most_likely()]
    ['cat', 'dog', 'cat', 'dog']
    >>> result.model.matrices[2].round(2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    _check_options(votes, smoothing, tolerance, max_iterations, threads)
    if start is not None:
        votes, truths = votes.with_answers(start.answers), truths or start.truths
    names = tuple(truths or (VALIDITY if isinstance(votes.items, Questions) else votes.answers))
    check_truths(names)
    given = None if prior is None else as_prior(prior, len(names))
    if given is not None and (given <= 0).any():
        raise DataError("EM cannot use a prior of 0", found=given.tolist(), mend="leave out the truth that cannot be")
    em = EM(votes, names, smoothing=smoothing, prior=given, pinned=pinned, threads=threads)
    if start is None:
        known = votes.weights if names == VALIDITY else None
        shares = answer_shares(votes.answers, names, known if weights is None else weights)
        em.start_from_answers(shares)
    else:
        em.start_from_model(start)
    history, converged = em.run(tolerance, max_iterations)
    if len(names) == len(VALIDITY) and start is None and given is None and pinned is None:
        em.order_truths(shares[:, 1])
    if not converged:
        warnings.warn(
            f"EM was stopped after {max_iterations:,} iterations, before its posteriors changed by less than "
            f"{tolerance:g}: allow more iterations, or more smoothing",
            ConvergenceWarning,
            stacklevel=2,
        )
    return DawidSkeneFit(
        model=em.model(),
        posterior=Posterior(
            items=votes.items,
            truths=names,
            values=em.posterior,
            classes=votes.classes if names == votes.answers else None,
        ),
        history=history,
        converged=converged,
    )


def _check_options(votes: Votes, smoothing: float, tolerance: float, max_iterations: int, threads: int | None) -> None:
    if not len(votes):
        raise DataError("there are no votes", mend="give votes, or judge by the prior alone")
    votes.require_raters("EM")
    check_range(smoothing, 0, what="smoothing")
    if not tolerance > 0:
        raise DataError("tolerance out of range", allowed="above 0", found=tolerance)
    check_range(max_iterations, 1, what="max_iterations")
    if threads is not None:
        check_range(threads, 1, what="threads")
