"""Bayesian classifier combination: Dawid and Skene's model with priors, fitted by variational Bayes.

Symbols: N items, R raters, T truths, M subtypes of each truth, A answers; q[i, t, m] the posterior of truth and
subtype; p[t] the probability of a truth; u[t, m] the share of a subtype among the items of a truth; pi[r, t, m, a] the
probability that rater r answers a.

- Model: p, each row of u, and each row of pi have Dirichlet priors. An item has truth t with probability p[t], then
  subtype m with probability u[t, m]. Given both, the raters answer independently. The answers of raters to items with
  the same truth depend on each other if the truth has several subtypes: all raters can err together on one subtype.

With one subtype per truth, this is iBCC. With several, it is EBCC. The prior of a rater's matrix is `pooling` votes in
each row, distributed as in the matrix of a simpler model, where each rater has one accuracy. So a rater with few votes
has about their one accuracy.

The module `bcc_steps` has the equations.

Source: iBCC: Kim and Ghahramani, "Bayesian classifier combination", AISTATS 2012. EBCC: Li, Rubinstein and Cohn,
"Exploiting worker correlation for label aggregation in crowdsourcing", ICML 2019.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.bcc_steps import BccParameters, BccSteps, PinnedVotes, normalize_along
from reassess.aggregation.dawid_skene import clip_low_probabilities, fit_one_accuracy_per_rater
from reassess.aggregation.em import (
    MAX_ITERATIONS,
    TOLERANCE,
    open_thread_map,
    run_em,
    split_into_blocks,
    sum_parts_in_order,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import (
    DEFAULT_POOLING,
    Floats,
    PinnedItems,
    check_bcc_prior,
    check_em_inputs,
    check_truth_count,
    default_possible_truths,
    make_answer_weights,
)
from reassess.core import Id, Posterior, RaterModel, Votes
from reassess.core.checks import check_distribution, check_number, check_range, check_shape, check_type
from reassess.core.items import hash_names
from reassess.errors import DataError
from reassess.numeric.arrays import allocate_like, concatenate_ranges, split_rows
from reassess.text import Printable

DEFAULT_SUBTYPES = 10  # as in the publication of EBCC
_ITEMS_PER_BLOCK = 1 << 16
_MAX_SEED = (1 << 32) - 1


@dataclass(frozen=True, eq=False, repr=False)
class BccFit(Printable):
    """The rater model and posteriors that variational Bayes ends with."""

    model: RaterModel  # the expected matrices, averaged over subtypes, and the expected prior
    posterior: Posterior
    subtype_posterior: Floats  # shape (items, truths, subtypes): the probability of each truth and subtype
    subtype_matrices: Floats  # shape (raters, truths * subtypes, answers): expected P(answer | truth, subtype)
    bound_history: Floats  # lower bound of the log evidence at each E-step, shape (iterations,); it never decreases
    has_converged: bool  # whether the largest change of a probability fell below the tolerance

    @property
    def bound(self) -> float:
        """Final lower bound of the log evidence of the votes."""
        return float(self.bound_history[-1])

    @property
    def _headline(self) -> str:
        end = "converged" if self.has_converged else "not converged"
        return f"BccFit({self.model}, {self.bound_history.size:,} iterations, {end}, bound {self.bound:,.5f})"


def fit_bcc(
    votes: Votes,
    *,
    subtypes: int = 1,
    truths: Sequence[Id] | None = None,
    pinned: PinnedItems | None = None,
    rater_prior: npt.ArrayLike | None = None,
    start: npt.ArrayLike | None = None,
    pooling: float = DEFAULT_POOLING,
    smoothing: float = 0.0,
    restarts: int = 1,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
) -> BccFit:
    """Fit Bayesian classifier combination to votes, by variational Bayes: iBCC, or EBCC with several subtypes.

    Parameters
    ----------
    votes
        The votes. The posterior of an item without votes is the expected prior.
    subtypes
        Number of subtypes of each truth. With 1, the model is iBCC, and with more, EBCC.
    truths
        The possible truths of an item. By default invalid and valid for (image, class) questions, and otherwise the
        answers.
    pinned
        Items whose truth, or its distribution, is known.
    rater_prior
        The votes that each rater's matrix has in the prior, above 0; shape (raters, truths, answers), or (truths,
        answers) for all raters. By default `pooling` times the matrix of the rater in a model with one accuracy per
        rater, plus `smoothing`.
    start
        The probabilities to start from, shape (items, truths, subtypes); each item's probabilities add up to 1. By
        default the shares of the votes, divided at random among subtypes.
    pooling
        Votes in each row of the default prior of a rater's matrix; and items in the prior of the truths' shares,
        divided equally among truths.
    smoothing
        Votes added to each cell of the default prior.
    restarts
        Number of random starts; the fit with the best bound is kept. With one subtype, all starts are equal.
    seed
        Seed of the random starts, 0 or more.
    tolerance
        The fit has converged when no probability changes by this much.
    max_iterations
        Largest number of E-steps; the fit then stops with a `ConvergenceWarning`.
    threads
        Number of threads; by default one per core. The result does not depend on it.

    Raises
    ------
    DataError
        Votes are missing, or are counts without raters; an option is out of range or does not fit the votes.

    Warns
    -----
    ConvergenceWarning
        The fit reached `max_iterations`.

    Notes
    -----
    Source: Kim and Ghahramani, AISTATS 2012; Li, Rubinstein and Cohn, ICML 2019. The modules `bcc` and `bcc_steps`
    have the model and the equations.

    Examples
    --------
    >>> item, rater = np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9)
    >>> answer = np.where(rater == 2, 0, item % 2)
    >>> votes = Votes.from_columns(range(9), item, rater, answer, ("ann", "bo", "cy"), ("cat", "dog"))
    >>> fit_bcc(votes).posterior.most_likely()
    array([0, 1, 0, 1, 0, 1, 0, 1, 0])
    """
    check_type(Votes, votes)
    check_em_inputs(votes, smoothing, pooling)
    for value, name in ((subtypes, "subtypes"), (restarts, "restarts"), (max_iterations, "max_iterations")):
        check_range(value, 1, value_name=name)
    check_number(seed, 0, _MAX_SEED, value_name="seed", is_whole=True)
    if threads is not None:
        check_range(threads, 1, value_name="threads")
    if not tolerance > 0:
        raise DataError("out-of-range", "tolerance out of range", allowed="above 0", found=tolerance)
    names = tuple(truths or default_possible_truths(votes))
    check_truth_count(names)
    shape = (len(votes.raters), len(names), len(votes.answers))
    if rater_prior is None:
        check_bcc_prior(smoothing, pooling)
        prior_votes = smoothing + pooling * one_accuracy_matrices(votes, names, pinned)
    else:
        prior_votes = np.asarray(rater_prior, np.float64)
        if prior_votes.shape != shape[1:]:
            check_shape(prior_votes, shape, value_name="rater_prior")
        check_range(prior_votes, np.finfo(float).tiny, value_name="rater_prior")
        prior_votes = np.broadcast_to(prior_votes, shape)
    fitting = _Fitter(votes, names, subtypes, pinned, prior_votes, pooling or 1.0, tolerance, max_iterations, threads)
    if start is not None:
        starts: Iterator[Floats] = iter([_check_start(start, votes, (len(names), subtypes))])
    else:
        starts = (fitting.draw_start(seed + number) for number in range(restarts if subtypes > 1 else 1))
    fit = max(map(fitting.fit, starts), key=lambda each: each.bound)
    warn_unless_converged(fit.has_converged, max_iterations, tolerance, "allow more iterations, or more pooling")
    return fit


def one_accuracy_matrices(votes: Votes, truths: tuple[Id, ...], pinned: PinnedItems | None) -> Floats:
    """Return the matrix of each rater in the model with one accuracy per rater; shape (raters, truths, answers)."""
    model = fit_one_accuracy_per_rater(votes, truths, pinned).model
    return clip_low_probabilities(model.matrices_of(votes.raters))


def _check_start(start: npt.ArrayLike, votes: Votes, shape: tuple[int, int]) -> Floats:
    """Check the probabilities to start from, and return a copy of shape (items, truths * subtypes)."""
    values = np.array(start, np.float64)
    check_shape(values, (len(votes.items), *shape), value_name="start")
    values = values.reshape(len(values), -1)
    check_distribution(values, value_name="start of an item", where=votes.describe_item)
    return values


def _random_numbers(hashes: npt.NDArray[np.uint64], n_columns: int, seed: int) -> Floats:
    """Return random numbers between 0 and 1 that depend on hash, column and seed; shape (hashes, columns).

    Source: the generator SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
    """
    steps = np.arange(seed * n_columns + 1, (seed + 1) * n_columns + 1, dtype=np.uint64)
    bits = hashes[:, None] + steps * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return np.asarray(((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53)


@dataclass(frozen=True, eq=False)
class _Fitter:
    """Variational Bayes with its options."""

    votes: Votes
    truths: tuple[Id, ...]
    subtypes: int
    pinned: PinnedItems | None
    prior_votes: Floats  # shape (raters, truths, answers)
    pooling: float
    tolerance: float
    max_iterations: int
    threads: int | None

    def draw_start(self, seed: int) -> Floats:
        """Return the shares of the votes, divided at random among subtypes; shape (items, truths * subtypes)."""
        from reassess.numeric.em_kernels import fill_with_mean_truth_shares

        votes, n_truths = self.votes, len(self.truths)
        start = allocate_like(votes.indptr, (len(votes.items), n_truths * self.subtypes), np.float64)
        shares = allocate_like(votes.indptr, (len(votes.items), n_truths), np.float64)
        fill_with_mean_truth_shares(votes.indptr, votes.answer_ids, make_answer_weights(votes, self.truths), shares)
        if self.subtypes == 1:
            return shares
        hashes = hash_names(votes.items)
        for rows in split_rows(len(start), _ITEMS_PER_BLOCK):
            # The same numbers for all truths, so that the result does not depend on their order.
            draws = normalize_along(-np.log(_random_numbers(hashes[rows], self.subtypes, seed)), axis=1)
            start[rows] = (shares[rows, :, None] * draws[:, None, :]).reshape(len(draws), start.shape[1])
        return start

    def fit(self, start: Floats) -> BccFit:
        """Fit the model from a start, whose values are replaced by the posterior."""
        votes, truths = self.votes, len(self.truths)
        is_counted = votes.sizes > 0
        if self.pinned is not None:
            is_counted[self.pinned.item_rows] = True
        steps = BccSteps(
            n_raters=len(votes.raters),
            pseudo_votes=np.zeros((truths * self.subtypes, len(votes.answers))),
            pseudo_items=self.pooling / truths,
            prior=None,
            has_one_accuracy=False,
            has_answer_scale=False,
            prior_votes=np.ascontiguousarray(self.prior_votes.transpose(0, 2, 1))[..., None],
            subtypes=self.subtypes,
            pinned_votes=None if self.pinned is None else self._select_pinned_votes(self.pinned),
            n_counted_items=int(np.count_nonzero(is_counted)),
        )
        blocks = split_into_blocks(votes, start, self._split_pinned_items(start), self.threads)
        expected_votes, expected_items, *_ = sum_parts_in_order(map(steps.compute_expected_counts, blocks))
        parameters = steps.run_m_step(expected_votes, expected_items)
        with open_thread_map(len(blocks)) as run:
            parameters, _, history, has_converged = run_em(
                steps,
                blocks,
                parameters,
                tolerance=self.tolerance,
                max_iterations=self.max_iterations,
                map_blocks=run,
            )
        expected_prior = parameters.items[:, None] * normalize_along(parameters.subtype_items, axis=1)
        start[~is_counted] = expected_prior.ravel() / parameters.items.sum()
        subtype_posterior = start.reshape(len(start), truths, self.subtypes)
        values = allocate_like(start, (len(start), truths), np.float64)
        subtype_posterior.sum(axis=2, out=values)
        np.minimum(values, 1, out=values)  # a sum of rounded numbers can be above 1
        if self.pinned is not None:
            values[self.pinned.item_rows] = self.pinned.truth_probabilities
        classes = votes.classes if self.truths == votes.answers else None
        return BccFit(
            model=self._make_model(parameters),
            posterior=Posterior(items=votes.items, truths=self.truths, values=values, classes=classes),
            subtype_posterior=subtype_posterior,
            subtype_matrices=normalize_along(parameters.votes, axis=1)
            .reshape(len(votes.raters), len(votes.answers), -1)
            .transpose(0, 2, 1),
            bound_history=history,
            has_converged=has_converged,
        )

    def _split_pinned_items(self, start: Floats) -> PinnedItems | None:
        """Divide the fixed probabilities of truths among subtypes, in the proportions of the start."""
        if self.pinned is None:
            return None
        self.pinned.check_items_and_truths(self.votes, len(self.truths))
        values = start[self.pinned.item_rows].reshape(self.pinned.item_rows.size, len(self.truths), self.subtypes)
        sums = values.sum(axis=2, keepdims=True)
        shares = np.full_like(values, 1 / self.subtypes)
        np.divide(values, sums, out=shares, where=sums > 0)
        probabilities = (shares * self.pinned.truth_probabilities[:, :, None]).reshape(len(values), start.shape[1])
        return replace(self.pinned, truth_probabilities=probabilities)

    def _select_pinned_votes(self, pinned: PinnedItems) -> PinnedVotes:
        """Copy the votes on pinned items, in the order of the items."""
        order = np.argsort(pinned.item_rows)
        rows, votes = pinned.item_rows[order], self.votes
        starts, sizes = votes.indptr[rows], votes.indptr[rows + 1] - votes.indptr[rows]
        positions = concatenate_ranges(starts, sizes)
        codes = votes.rater_ids[positions].astype(np.int64) * len(votes.answers) + votes.answer_ids[positions]
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        return PinnedVotes(rows, pinned.truth_probabilities[order], indptr, codes)

    def _make_model(self, parameters: BccParameters) -> RaterModel:
        """Make a rater model from the expected matrices, averaged over subtypes."""
        cells = normalize_along(parameters.votes, axis=1) * normalize_along(parameters.subtype_items, axis=1)
        matrices = cells.sum(axis=3).transpose(0, 2, 1)
        has_votes = np.zeros(len(self.votes.raters), np.bool_)
        for rows in split_rows(len(self.votes)):
            has_votes[self.votes.rater_ids[rows]] = True
        measured = np.flatnonzero(has_votes)
        return RaterModel(
            raters=tuple(self.votes.raters[row] for row in measured.tolist()),
            truths=self.truths,
            answers=self.votes.answers,
            matrices=matrices[measured],
            fallback_matrix=matrices.mean(axis=0),
            prior=normalize_along(parameters.items, axis=0),
        )
