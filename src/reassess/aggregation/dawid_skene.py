"""Dawid and Skene's model with a full confusion matrix per rater; the module `em` has the equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import (
    MAX_ITERATIONS,
    TOLERANCE,
    MatrixEmSteps,
    MatrixParameters,
    compute_fallback_matrix,
    open_thread_map,
    run_em,
    split_into_blocks,
    sum_parts_in_order,
    to_kernel_layout,
    typical_confusion_matrix,
    warn_unless_converged,
)
from reassess.aggregation.em_inputs import (
    DEFAULT_POOLING,
    Floats,
    PinnedItems,
    check_em_inputs,
    check_prior,
    check_truth_count,
    default_or_equal_answer_weights,
    default_possible_truths,
    make_answer_weights,
)
from reassess.core import VALIDITY, Id, Posterior, RaterModel, Votes
from reassess.core.checks import check_range, check_type
from reassess.errors import DataError
from reassess.numeric.arrays import allocate_like, split_rows
from reassess.text import ListTable, Printable

_POOLED_RATERS = ("all raters",)  # all raters, as one rater
# Coarse, because this model has one number per rater: it is the method onecoin, and checks and starts other fits.
ONE_ACCURACY_TOLERANCE, ONE_ACCURACY_MAX_ITERATIONS = 1e-4, 300
MIN_START_PROBABILITY = 1e-6  # lowest probability in a model to start from


@dataclass(frozen=True, eq=False, repr=False)
class DawidSkeneFit(Printable):
    """The rater model and posteriors that EM ends with."""

    model: RaterModel  # matrices of the raters with votes, and the prior
    posterior: Posterior  # equals `posterior(votes, model)`, except for pinned items
    objective_history: Floats  # objective at each E-step, shape (iterations,); it never decreases
    has_converged: bool  # whether the largest change of a posterior fell below the tolerance

    @property
    def iterations(self) -> int:
        """Number of E-steps."""
        return self.objective_history.size

    @property
    def objective(self) -> float:
        """Final objective: log likelihood plus log density of the priors, see `em`."""
        return float(self.objective_history[-1])

    @property
    def _headline(self) -> str:
        end = "converged" if self.has_converged else "not converged"
        return f"DawidSkeneFit({self.model}, {self.iterations:,} iterations, {end}, objective {self.objective:,.5f})"

    def _notebook_table(self) -> ListTable:
        model = self.model
        rows = (
            (str(rater), str(truth), ", ".join(f"{answer} {row[i]:.3f}" for i, answer in enumerate(model.answers)))
            for rater, matrix in zip(model.raters, model.matrices, strict=True)
            for truth, row in zip(model.truths, matrix, strict=True)
        )
        return ListTable(("rater", "truth", "probability of each answer"), len(model.raters) * len(model.truths), rows)


def fit_dawid_skene(
    votes: Votes,
    *,
    truths: Sequence[Id] | None = None,
    answer_weights: npt.ArrayLike | None = None,
    start_model: RaterModel | None = None,
    pinned: PinnedItems | None = None,
    prior: npt.ArrayLike | None = None,
    smoothing: float = 0.0,
    pooling: float = DEFAULT_POOLING,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
) -> DawidSkeneFit:
    """Estimate confusion matrices, prior and posteriors from votes by EM.

    Parameters
    ----------
    votes
        The votes. Raters without votes have no matrix; the posterior of an item without votes is the prior.
    truths
        The possible truths of an item. By default invalid and valid for (image, class) questions, and otherwise the
        answers.
    answer_weights
        The starting point of EM: the posterior of an item starts at the mean weight of its votes. Shape (answers,), for
        two truths: the weight of each answer for the second truth, 0 to 1; by default no 0, maybe 0.5, yes 1. Shape
        (answers, truths): the weight of each answer for each truth, where each row adds up to 1; by default the
        identity if the truths are the answers. EM can converge to two truths in swapped order. They are then swapped
        back at the end, so that the second truth has the higher mean weight, unless `prior` or `pinned` fixes their
        order.
    start_model
        A model to start from instead of `answer_weights`, for example after new votes. Probabilities below 1e-6 are
        raised to 1e-6, because EM cannot leave 0.
    pinned
        Items whose truth, or its distribution, is known.
    prior
        Fixed probability of each truth, above 0, shape (truths,); by default it is estimated.
    smoothing
        Pseudo-votes added to each cell of each rater's counts.
    pooling
        Pseudo-votes added to each row of each rater's counts, distributed as in the mean matrix; and pseudo-items added
        to the item counts, divided equally among truths. With pooling and smoothing of 0, the fit is plain maximum
        likelihood; the row of a truth that a rater never met is then uniform.
    tolerance
        EM converges when no posterior changes by this much.
    max_iterations
        Largest number of E-steps; EM then stops with a `ConvergenceWarning`.
    threads
        Number of threads; by default one per core. The result does not depend on it.

    Raises
    ------
    DataError
        Votes are missing, or are counts without raters; an option is out of range or does not fit the votes.

    Warns
    -----
    ConvergenceWarning
        EM reached `max_iterations`.

    Notes
    -----
    Source: Dawid and Skene, Applied Statistics 28 (1979), with the priors of Kim and Ghahramani, AISTATS 2012; the
    module `em` has the equations.

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
    check_em_inputs(votes, smoothing, pooling)
    if not tolerance > 0:
        raise DataError("out-of-range", "tolerance out of range", allowed="above 0", found=tolerance)
    check_range(max_iterations, 1, value_name="max_iterations")
    if threads is not None:
        check_range(threads, 1, value_name="threads")
    if start_model is not None:
        votes, truths = votes.with_possible_answers(start_model.answers), truths or start_model.truths
    names = tuple(truths or default_possible_truths(votes))
    check_truth_count(names)
    fixed_prior = None if prior is None else check_prior(prior, len(names))
    if fixed_prior is not None and (fixed_prior <= 0).any():
        raise DataError(
            "out-of-range",
            "EM cannot use a prior of 0",
            found=fixed_prior.tolist(),
            fix="remove the truth whose prior is 0",
        )
    needs_weights = start_model is None or answer_weights is not None
    fitting = _Fitter(
        truths=names,
        answer_weights=make_answer_weights(votes, names, answer_weights)
        if needs_weights
        else default_or_equal_answer_weights(votes, names),
        may_swap_truths=len(names) == len(VALIDITY) and start_model is None and fixed_prior is None and pinned is None,
        prior=fixed_prior,
        pinned=pinned,
        smoothing=smoothing,
        pooling=pooling,
        tolerance=tolerance,
        max_iterations=max_iterations,
        threads=threads,
    )
    fit = fitting.fit(votes, start_model)
    warn_unless_converged(fit.has_converged, max_iterations, tolerance, "allow more iterations, or more pooling")
    return fit


def fit_one_accuracy_per_rater(votes: Votes, truths: tuple[Id, ...], pinned_items: PinnedItems | None) -> DawidSkeneFit:
    """Fit a simpler model by EM, where each rater is equally accurate for all truths."""
    fitting = _Fitter(
        truths=truths,
        answer_weights=make_answer_weights(votes, truths),
        pinned=pinned_items,
        tolerance=ONE_ACCURACY_TOLERANCE,
        max_iterations=ONE_ACCURACY_MAX_ITERATIONS,
        has_one_accuracy=True,
    )
    return fitting.fit(votes, None)


@dataclass(frozen=True, eq=False)
class _Fitter:
    """EM with its options: first one matrix for all raters is fitted, then a matrix per rater."""

    truths: tuple[Id, ...]
    answer_weights: Floats
    may_swap_truths: bool = False
    prior: Floats | None = None
    pinned: PinnedItems | None = None
    smoothing: float = 0.0
    pooling: float = DEFAULT_POOLING
    tolerance: float = TOLERANCE
    max_iterations: int = MAX_ITERATIONS
    threads: int | None = None
    has_one_accuracy: bool = False

    def fit(self, votes: Votes, start_model: RaterModel | None) -> DawidSkeneFit:
        """Fit one matrix for all raters if there is pooling, then a matrix per rater."""
        pseudo_votes = np.zeros((len(self.truths), len(votes.answers)))
        if self.pooling:
            one_rater = replace(
                votes, rater_ids=np.broadcast_to(np.zeros(1, np.int32), len(votes)), raters=_POOLED_RATERS
            )
            mean_start = (
                None if start_model is None else _share_matrix_among_raters(start_model, start_model.fallback_matrix)
            )
            mean_model = self._run_em(
                one_rater, self.pooling * typical_confusion_matrix(self.answer_weights), mean_start
            ).model
            mean = mean_model.matrices_of(_POOLED_RATERS)[0]
            pseudo_votes = self.pooling * mean
            start_model = start_model or _share_matrix_among_raters(mean_model, mean)
        fit = self._run_em(votes, pseudo_votes, start_model)
        # A few pinned items can reverse two truths, and no EM step swaps them back, so the other order is tried too.
        if (
            self.pinned is not None
            and self.prior is None
            and start_model is not None
            and self._are_truths_swapped_in_mean_matrix(pseudo_votes)
        ):
            swapped_fit = self._run_em(votes, pseudo_votes[::-1].copy(), _swap_truths(start_model))
            return max(fit, swapped_fit, key=lambda each: each.objective)
        return fit

    def _run_em(self, votes: Votes, pseudo_votes: Floats, start_model: RaterModel | None) -> DawidSkeneFit:
        """Run EM once; it starts from a model, or from the weights of the answers."""
        from reassess.numeric.em_kernels import fill_with_mean_truth_shares

        steps = MatrixEmSteps(
            n_raters=len(votes.raters),
            pseudo_votes=pseudo_votes + self.smoothing,
            pseudo_items=self.pooling / len(self.truths),
            prior=self.prior,
            has_one_accuracy=self.has_one_accuracy,
            has_answer_scale=self.truths != votes.answers,
        )
        posterior = allocate_like(votes.indptr, (len(votes.items), len(self.truths)), np.float64)
        if start_model is None:
            fill_with_mean_truth_shares(votes.indptr, votes.answer_ids, self.answer_weights, posterior)
        blocks = split_into_blocks(votes, posterior, self.pinned, self.threads)
        if start_model is None:
            first_votes, items, *_ = sum_parts_in_order(map(steps.compute_expected_counts, blocks))
            parameters = steps.run_m_step(first_votes, items)
        else:
            prior = clip_low_probabilities(start_model.prior) if self.prior is None else self.prior
            parameters = MatrixParameters(
                to_kernel_layout(clip_low_probabilities(start_model.matrices_of(votes.raters))), prior
            )
        with open_thread_map(len(blocks)) as run:
            parameters, expected, history, converged = run_em(
                steps, blocks, parameters, tolerance=self.tolerance, max_iterations=self.max_iterations, map_blocks=run
            )
        expected = expected.reshape(len(votes.raters), len(votes.answers), -1)
        measured = np.flatnonzero(expected.any(axis=(1, 2)))
        matrices = parameters.matrices.reshape(expected.shape).transpose(0, 2, 1)[measured]
        model = RaterModel(
            raters=tuple(votes.raters[row] for row in measured.tolist()),
            truths=self.truths,
            answers=votes.answers,
            matrices=matrices,
            fallback_matrix=compute_fallback_matrix(matrices, steps.pseudo_votes, has_pooling=self.pooling > 0),
            prior=parameters.prior.copy(),
        )
        if self.may_swap_truths and _are_truths_swapped_in_fit(expected, self.answer_weights[:, 1]):
            model = _swap_truths(model)
            for rows in split_rows(len(posterior)):
                posterior[rows] = posterior[rows, ::-1].copy()
        classes = votes.classes if self.truths == votes.answers else None
        result = Posterior(items=votes.items, truths=self.truths, values=posterior, classes=classes)
        return DawidSkeneFit(model=model, posterior=result, objective_history=history, has_converged=converged)

    def _are_truths_swapped_in_mean_matrix(self, pseudo_votes: Floats) -> bool:
        """Return whether votes support truth 2 more on items of truth 1 than of truth 2, by the mean matrix."""
        if len(self.truths) != len(VALIDITY):
            return False
        first, second = pseudo_votes @ self.answer_weights[:, 1]
        return bool(first > second)


def _are_truths_swapped_in_fit(expected_votes: Floats, answer_weights: Floats) -> bool:
    """Return whether the mean vote supports truth 2 more on items of truth 1 than on items of truth 2."""
    votes = expected_votes.sum(axis=0)
    first, second = answer_weights @ votes / np.maximum(votes.sum(axis=0), np.finfo(float).tiny)
    return bool(first > second)


def _swap_truths(model: RaterModel) -> RaterModel:
    """Swap the two truths of a rater model, such as invalid and valid."""
    matrices, fallback = model.matrices[:, ::-1].copy(), model.fallback_matrix[::-1].copy()
    return replace(model, matrices=matrices, fallback_matrix=fallback, prior=model.prior[::-1].copy())


def _share_matrix_among_raters(model: RaterModel, matrix: Floats) -> RaterModel:
    """Return a copy of the model where every rater has the same matrix."""
    return replace(model, raters=(), matrices=model.matrices[:0], fallback_matrix=matrix)


def clip_low_probabilities(probabilities: Floats) -> Floats:
    """Replace probabilities below 1e-6 by 1e-6, because EM cannot recover from tiny probabilities."""
    raised = np.maximum(probabilities, MIN_START_PROBABILITY)
    raised /= raised.sum(axis=-1, keepdims=True)
    return raised
