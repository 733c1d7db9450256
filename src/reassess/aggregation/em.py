"""EM (expectation-maximization) for rater models: confusion matrices, prior and posteriors from votes.

Symbols: N items, R raters, T truths, A answers; q[i, t] the posterior, p[t] the prior, pi[r, t, a] the confusion
matrices, m[t, a] the mean matrix, K the pooling, s the smoothing.

- E-step: q[i, t] is p[t] times the product of pi[r, t, a] over the item's votes, normalised over t.
- M-step: pi[r, t, a] is the expected number of votes a by rater r on items of truth t, plus s + K m[t, a], normalised
  over a. p[t] is the sum of q[i, t] over items with a vote and pinned items, plus K / T, normalised over t.
- Objective: log likelihood of the votes, plus the sum of (s + K m[t, a]) log pi[r, t, a], plus the sum of
  (K / T) log p[t]. The two sums are the log density of Dirichlet priors, up to a constant. The objective never
  decreases. The likelihood term of a pinned item is the mean of log(p times pi) over its fixed posterior. If the prior
  is fixed, the last sum is omitted.
- Mean matrix: the same EM fits it first, with all votes as votes of one rater, and `typical_confusion_matrix` in place
  of m. Then m is fixed, and EM for separate raters starts from it. So the priors do not change while the objective is
  maximized.

With K = 0 and s = 0 this is the published method. It overfits small data: with only a few votes per cell of a matrix,
it may assign most items to one truth. Pooling prevents this. It gives each row of a rater's matrix K votes before the
rater's first vote, distributed as the votes of all raters.

This module has the EM loop, which all rater models share, and the E-step and M-step for full matrices. `dawid_skene`
chooses the starting point. `candidate_steps` has the steps for many classes, where only some cells are stored.
`calibration` runs one M-step on golden items and one E-step.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979), equations 2.3 to 2.5. The priors follow Kim and Ghahramani, "Bayesian classifier
combination", AISTATS 2012; here the mean of the priors is fitted.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import Floats, PinnedItems
from reassess.core import Votes
from reassess.errors import ConvergenceWarning
from reassess.numeric.arrays import allocate_like, split_rows

TOLERANCE = 1e-6  # of posteriors
MAX_ITERATIONS = 2_000
_MAX_PARTS = 64
_MIN_VOTES_PER_CELL = 4  # a part has at least this number of votes per matrix cell
_MIN_VOTES_FOR_THREADS = 20_000  # with fewer votes, starting threads takes longer than they save

Block = TypeVar("Block")
Parameters = TypeVar("Parameters")
_Block = TypeVar("_Block", contravariant=True)


# --- the loop ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ExpectedCounts:
    """The expected counts of one E-step, as sums over each part (a group of items); the input of the M-step."""

    expected_votes: (
        Floats  # expected votes, shape (parts, raters * answers, truths), or (parts, cells) for `candidate_steps`
    )
    expected_items: Floats  # expected items of each truth, shape (parts, T)
    log_likelihood: Floats  # shape (parts,)
    largest_change: Floats  # largest change of a posterior, shape (parts,)


class EmSteps(Protocol[_Block, Parameters]):
    """The EM steps of a rater model.

    A block consists of consecutive parts. A part is a fixed group of items, which depends on the votes, and not on the
    number of threads.
    """

    def run_e_step(self, block: _Block, parameters: Parameters) -> ExpectedCounts:
        """Run the E-step: replace the posteriors of a block, and return the expected counts."""

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> Parameters:
        """Run the M-step: from the expected counts, find the parameters that maximize the objective."""

    def log_prior_density(self, parameters: Parameters) -> float:
        """Compute the log density of the priors, which the objective adds to the log likelihood."""


class SummedCounts(NamedTuple):
    """The expected counts of one E-step, summed over all items."""

    expected_votes: Floats
    expected_items: Floats
    log_likelihood: float
    largest_change: float


class EmResult(NamedTuple, Generic[Parameters]):
    """The result of EM."""

    parameters: Parameters
    expected_votes: Floats
    objective_history: Floats  # objective at each E-step
    has_converged: bool


def sum_parts_in_order(counts: Iterable[ExpectedCounts]) -> SummedCounts:
    """Sum expected counts over all parts, in the same order for every number of threads."""
    columns = zip(
        *((each.expected_votes, each.expected_items, each.log_likelihood, each.largest_change) for each in counts),
        strict=True,
    )
    votes, items, log_likelihood, change = (np.concatenate(part) if len(part) > 1 else part[0] for part in columns)
    # np.sum uses pairwise summation; a running sum of log likelihoods would differ in the last digit.
    return SummedCounts(votes.sum(axis=0), items.sum(axis=0), float(log_likelihood.sum()), float(change.max()))


def run_em(
    steps: EmSteps[Block, Parameters],
    blocks: Sequence[Block],
    parameters: Parameters,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    map_blocks: Callable[[Callable[[Block], ExpectedCounts], Sequence[Block]], Iterable[ExpectedCounts]] = map,
) -> EmResult[Parameters]:
    """Run EM from the given parameters until it converges, or for at most `max_iterations` E-steps.

    The loop ends after an E-step, so parameters, posteriors and the last objective belong together.
    """
    objective_history: list[float] = []
    while True:
        counts = map_blocks(partial(steps.run_e_step, parameters=parameters), blocks)
        votes, items, log_likelihood, change = sum_parts_in_order(counts)
        objective_history.append(log_likelihood + steps.log_prior_density(parameters))
        if change < tolerance or len(objective_history) == max_iterations:
            return EmResult(parameters, votes, np.array(objective_history), change < tolerance)
        parameters = steps.run_m_step(votes, items)


def warn_unless_converged(has_converged: bool, max_iterations: int, tolerance: float, advice: str) -> None:
    """Warn if EM stopped before it converged; the warning shows the line that called the fitting function."""
    if not has_converged:
        warnings.warn(
            f"EM did not converge: after {max_iterations:,} iterations, posteriors still change by {tolerance:g} or "
            f"more: {advice}",
            ConvergenceWarning,
            stacklevel=3,
        )


# --- the steps for full matrices --------------------------------------------------------------------------------------


def normalize_rows(counts: npt.NDArray[np.floating | np.integer], pseudo_votes: Floats | float) -> Floats:
    """Add pseudo-votes to counts, and divide each row (last axis) by its sum; a row of zeros becomes uniform."""
    smoothed = counts + pseudo_votes
    sums = smoothed.sum(axis=-1, keepdims=True)
    # A uniform row has no information, and is the limit of equal pseudo-votes that go to 0.
    shares = np.full_like(smoothed, 1 / counts.shape[-1])
    np.divide(smoothed, sums, out=shares, where=sums > 0)
    return shares


def typical_confusion_matrix(answer_weights: Floats) -> Floats:
    """Return the matrix of a rater who is correct half of the time, and otherwise answers at random.

    `answer_weights`, shape (answers, truths), is the weight of each answer for each truth. The matrix has shape
    (truths, answers).

    >>> typical_confusion_matrix(np.eye(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    return (normalize_rows(answer_weights.T, 0.0) + 1 / len(answer_weights)) / 2


def compute_fallback_matrix(matrices: Floats, pseudo_votes: Floats, *, has_pooling: bool) -> Floats:
    """Compute the confusion matrix of raters without votes.

    If matrices are pooled, it comes from the pseudo-votes. Otherwise it is the mean matrix of the other raters.
    """
    return normalize_rows(pseudo_votes, 0.0) if has_pooling else matrices.mean(axis=0)


def to_kernel_layout(matrices: Floats) -> Floats:
    """Convert matrices (raters, truths, answers) to the kernels' layout (raters * answers, truths)."""
    return np.ascontiguousarray(matrices.transpose(0, 2, 1)).reshape(-1, matrices.shape[1])


def rater_answer_codes(votes: Votes) -> npt.NDArray[Any]:
    """Return the row of each vote in `to_kernel_layout`: rater * n_answers + answer."""
    votes.require_raters("a rater model")
    cells = len(votes.raters) * len(votes.answers)
    codes = allocate_like(votes.indptr, len(votes), np.uint16 if cells <= 1 << 16 else np.int64)
    for rows in split_rows(len(votes)):
        block = codes[rows]
        block[:] = votes.rater_ids[rows]
        block *= len(votes.answers)
        np.add(block, votes.answer_ids[rows], out=block, casting="unsafe")  # safe, since the type can store every code
    return codes


@dataclass(frozen=True, eq=False)
class VoteBlock:
    """Consecutive items with their votes and posteriors, for one thread; the items are split into parts."""

    part_bounds: npt.NDArray[np.int64]  # first item of each part, and the end of the last part
    indptr: npt.NDArray[np.int64]  # first vote of each item, and the number of votes
    codes: npt.NDArray[Any]  # rater and answer of each vote, see `rater_answer_codes`
    posterior: Floats  # shape (items, truths)
    is_pinned: npt.NDArray[np.bool_]  # empty if no item is pinned


@dataclass(frozen=True, eq=False)
class MatrixParameters:
    """The parameters of EM: confusion matrices in the layout of `to_kernel_layout`, and the prior."""

    matrices: Floats
    prior: Floats


@dataclass(frozen=True, eq=False)
class MatrixEmSteps:
    """The E-step and the M-step of EM, for full confusion matrices or for one accuracy per rater."""

    n_raters: int
    pseudo_votes: Floats  # s + K m, shape (truths, answers)
    pseudo_items: float  # K / T
    prior: Floats | None  # None: estimated
    has_one_accuracy: bool
    has_answer_scale: bool  # whether answers are a scale from invalid to valid, and not the truths

    def run_e_step(self, block: VoteBlock, parameters: MatrixParameters) -> ExpectedCounts:
        """Run the E-step: update the posteriors of a block, and return the expected counts."""
        from reassess.numeric.em_kernels import (
            MAX_UNROLLED_TRUTHS,
            make_zero_per_truth,
            run_e_step_few_truths,
            run_e_step_many_truths,
        )

        counts, truths = self._make_zero_counts(block), parameters.prior.size
        kernel, more = (
            (run_e_step_few_truths, (make_zero_per_truth(truths),))
            if truths <= MAX_UNROLLED_TRUTHS
            else (run_e_step_many_truths, ())
        )
        kernel(
            block.part_bounds,
            block.indptr,
            block.codes,
            parameters.matrices,
            parameters.prior,
            block.posterior,
            block.is_pinned,
            counts.expected_votes,
            counts.expected_items,
            counts.log_likelihood,
            counts.largest_change,
            *more,
        )
        return counts

    def compute_expected_counts(self, block: VoteBlock) -> ExpectedCounts:
        """Compute the expected counts of votes and items from the current posteriors of a block."""
        from reassess.numeric.em_kernels import count_expected_votes

        counts = self._make_zero_counts(block)
        count_expected_votes(
            block.part_bounds,
            block.indptr,
            block.codes,
            block.posterior,
            block.is_pinned,
            counts.expected_votes,
            counts.expected_items,
        )
        return counts

    def run_m_step(self, expected_votes: Floats, expected_items: Floats) -> MatrixParameters:
        """Run the M-step: estimate matrices and prior from the expected counts of votes and items."""
        truths, answers = self.pseudo_votes.shape
        expected = expected_votes.reshape(self.n_raters, answers, truths)
        if self.has_one_accuracy:
            expected = _pool_over_truths(expected, has_answer_scale=self.has_answer_scale)
        cells = to_kernel_layout(normalize_rows(expected.transpose(0, 2, 1), self.pseudo_votes))
        return MatrixParameters(
            cells, normalize_rows(expected_items, self.pseudo_items) if self.prior is None else self.prior
        )

    def log_prior_density(self, parameters: MatrixParameters) -> float:
        """Compute the log density of the priors, up to a constant."""
        density = 0.0
        if self.pseudo_votes.any():
            sums = np.log(parameters.matrices).reshape(self.n_raters, *self.pseudo_votes.T.shape).sum(axis=0)
            rows = self.pseudo_votes.shape[0] if self.has_one_accuracy else 1  # equal rows share their pseudo-votes
            density += float((self.pseudo_votes.T * sums).sum()) / rows
        if self.prior is None and self.pseudo_items:
            density += self.pseudo_items * float(np.log(parameters.prior).sum())
        return density

    def _make_zero_counts(self, block: VoteBlock) -> ExpectedCounts:
        """Create expected counts that are all 0, for each group of items (part) of a block."""
        parts, (truths, answers) = block.part_bounds.size - 1, self.pseudo_votes.shape
        votes = np.zeros((parts, self.n_raters * answers, truths))
        return ExpectedCounts(votes, np.zeros((parts, truths)), np.zeros(parts), np.zeros(parts))


def _pool_over_truths(counts: Floats, *, has_answer_scale: bool) -> Floats:
    """Pool counts over truths, so that each rater is equally accurate for all truths.

    Counts have shape (raters, answers, truths).

    If the truths are the answers, each rater has one probability of a correct answer, and wrong answers are equally
    likely. If the answers are a scale from no to yes, a rater answers no to valid items as often as yes to invalid
    items.
    """
    if has_answer_scale:
        return np.asarray(counts + counts[:, ::-1, ::-1])
    correct = np.trace(counts, axis1=1, axis2=2)[:, None, None]
    wrong = counts.sum(axis=(1, 2))[:, None, None] - correct
    same = np.eye(counts.shape[-1])
    return np.asarray(correct * same + wrong * (1 - same) / max(counts.shape[-1] - 1, 1))


def split_into_blocks(
    votes: Votes, posterior: Floats, pinned_items: PinnedItems | None, n_threads: int | None
) -> list[VoteBlock]:
    """Split the items into one block per thread, and set the posterior of pinned items."""
    from reassess.numeric.jit import thread_count

    is_pinned = np.zeros(0 if pinned_items is None else len(votes.items), np.bool_)
    if pinned_items is not None:
        pinned_items.check_items_and_truths(votes, posterior.shape[1])
        is_pinned[pinned_items.item_rows] = True
        posterior[pinned_items.item_rows] = pinned_items.truth_probabilities
    codes, edges = (
        rater_answer_codes(votes),
        _split_items_into_parts(votes, len(votes.raters) * len(votes.answers) * posterior.shape[1]),
    )
    parts = edges.size - 1
    default = thread_count() if len(votes) >= _MIN_VOTES_FOR_THREADS else 1
    n_threads = min(n_threads or default, parts)
    bounds = [parts * thread // n_threads for thread in range(n_threads + 1)]
    return [
        VoteBlock(edges[first : last + 1], votes.indptr, codes, posterior, is_pinned)
        for first, last in pairwise(bounds)
    ]


def _split_items_into_parts(votes: Votes, n_matrix_cells: int) -> npt.NDArray[np.int64]:
    """Split items into parts with about equally many votes; return the first item of each part, then the item count.

    The parts do not depend on the number of threads, so sums over the parts do not depend on it.
    """
    parts = int(np.clip(len(votes) // (_MIN_VOTES_PER_CELL * n_matrix_cells), 1, _MAX_PARTS))
    edges = np.searchsorted(votes.indptr, np.linspace(0, votes.indptr[-1], parts + 1).astype(np.int64))
    edges[0], edges[-1] = 0, votes.indptr.size - 1
    return edges


@contextmanager
def open_thread_map(n_threads: int) -> Iterator[Any]:
    """Yield a function like `map` that runs in a pool of threads."""
    if n_threads == 1:
        yield map
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield pool.map
