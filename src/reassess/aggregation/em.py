"""EM (expectation-maximization): how each rater answers, and what is true, from votes alone or with some known truths.

Symbols: N items, R raters, T truths, A answers; q[i, t] the posterior, p[t] the prior, pi[r, t, a] the matrices,
m[t, a] the mean matrix, K the pooling, s the smoothing.

- E-step: q[i, t] is p[t] times the product of pi[r, t, a] over the item's votes, normalised over t.
- M-step: pi[r, t, a] is the expected number of votes a by rater r on items of truth t, plus s + K m[t, a], normalised
  over a; p[t] is the sum of q[i, t] over the items that tell something (with a vote, or pinned), plus K / T,
  normalised over t.
- Objective: log likelihood of the votes, plus the sum of (s + K m[t, a]) log pi[r, t, a], plus the sum of
  (K / T) log p[t]. This is the log density of Dirichlet priors up to a constant. No step lets the objective fall. A
  pinned item counts with its posterior's mean of log(p times pi). If the prior is given, the last sum is missing.
- The mean matrix is fitted first, by the same EM with all votes taken as those of one rater and `typical_matrix` in
  place of m. It then stays, and EM on the raters starts from it. So the objective has no part that moves.

With K = 0 and s = 0 this is the method as published. It takes few votes for proof: with less than some votes for each
cell of a matrix it may name one truth for most items. Pooling is what a rater's row has before its first vote: K votes
that are divided as all raters' votes are.

This module has the loop, which every rater model shares, and the E-step and M-step of whole matrices. `dawid_skene`
says where they start. `candidate_classes` has the steps for the cells where votes meet candidates, and `calibration`
takes one M-step on golden items and one E-step.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979), equations 2.3 to 2.5. The priors are those of Kim and Ghahramani, "Bayesian classifier
combination", AISTATS 2012, with a mean that is fitted.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em_inputs import Floats, Pinned
from reassess.core import Votes
from reassess.errors import ConvergenceWarning

TOLERANCE = 1e-6  # of posteriors
MAX_ITERATIONS = 2_000
_MOST_PARTS = 64
_VOTES_A_SUM = 4  # a part has at least so many votes for each of its sums

Block = TypeVar("Block")
Parameters = TypeVar("Parameters")
_Block = TypeVar("_Block", contravariant=True)


# --- the loop ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ExpectedCounts:
    """What an E-step found in each part of a block: sufficient statistics, which add up."""

    votes: Floats  # expected votes, shape (parts, ...): of raters, answers and truths, or of a sparse model's cells
    items: Floats  # expected items of each truth, shape (parts, T)
    log_likelihood: Floats  # shape (parts,)
    change: Floats  # the largest change of a posterior, shape (parts,)


class Steps(Protocol[_Block, Parameters]):
    """The steps of EM for one rater model. A block is any run of parts; parts depend on the votes alone."""

    def expect(self, block: _Block, parameters: Parameters) -> ExpectedCounts:
        """E-step: replace the posteriors of a block, and count what they add up to."""

    def maximize(self, votes: Floats, items: Floats) -> Parameters:
        """M-step: the parameters of the highest objective, from expected votes and items."""

    def bound(self, parameters: Parameters) -> float:
        """What the objective adds to the log likelihood."""


def sum_in_order(counts: Iterable[ExpectedCounts]) -> tuple[Floats, Floats, float, float]:
    """Add the parts in their order, so that threads and machines do not change a digit."""
    columns = zip(*((one.votes, one.items, one.log_likelihood, one.change) for one in counts), strict=True)
    votes, items, log_likelihood, change = (np.concatenate(part) if len(part) > 1 else part[0] for part in columns)
    # np.sum adds log likelihoods in pairs; one after another they would differ in the last digit.
    return votes.sum(axis=0), items.sum(axis=0), float(log_likelihood.sum()), float(change.max())


def iterate(
    steps: Steps[Block, Parameters],
    blocks: Sequence[Block],
    parameters: Parameters,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    run: Callable[[Callable[[Block], ExpectedCounts], Sequence[Block]], Iterable[ExpectedCounts]] = map,
) -> tuple[Parameters, Floats, Floats, bool]:
    """Repeat both steps: parameters, expected votes, the objective at each E-step, and whether EM converged.

    The parameters are those of the last E-step, so that they, posteriors and objective belong together.
    """
    history: list[float] = []
    while True:
        counts = run(partial(steps.expect, parameters=parameters), blocks)
        votes, items, log_likelihood, change = sum_in_order(counts)
        history.append(log_likelihood + steps.bound(parameters))
        if change < tolerance or len(history) == max_iterations:
            return parameters, votes, np.array(history), change < tolerance
        parameters = steps.maximize(votes, items)


def warn_unless_converged(converged: bool, max_iterations: int, tolerance: float, fix: str) -> None:
    """Warn the caller of the calling function that EM was stopped."""
    if not converged:
        warnings.warn(
            f"EM was stopped after {max_iterations:,} iterations, before its posteriors changed by less than "
            f"{tolerance:g}: {fix}",
            ConvergenceWarning,
            stacklevel=3,
        )


# --- the steps of matrices ------------------------------------------------------------------------------------------


def row_shares(counts: npt.NDArray[np.floating | np.integer], pseudo_votes: Floats | float) -> Floats:
    """M-step: share of each answer (last axis), with `pseudo_votes` added; uniform if there is nothing to share."""
    smoothed = counts + pseudo_votes
    sums = smoothed.sum(axis=-1, keepdims=True)
    # A uniform row tells nothing, and is what equal pseudo-votes give as they go to 0.
    shares = np.full_like(smoothed, 1 / counts.shape[-1])
    np.divide(smoothed, sums, out=shares, where=sums > 0)
    return shares


def typical_matrix(shares: Floats) -> Floats:
    """How a rater is taken to answer before any vote: half by the truth, half at random.

    >>> typical_matrix(np.eye(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    return (row_shares(shares.T, 0.0) + 1 / len(shares)) / 2


def fallback_of(matrices: Floats, pseudo_votes: Floats, *, pooled: bool) -> Floats:
    """The matrix of a rater without votes: what the pseudo-votes alone give, or without pooling the mean matrix."""
    return row_shares(pseudo_votes, 0.0) if pooled else matrices.mean(axis=0)


def code_table(matrices: Floats) -> Floats:
    """Matrices (raters, truths, answers) as the kernels read them: shape (raters * answers, truths)."""
    return np.ascontiguousarray(matrices.transpose(0, 2, 1)).reshape(-1, matrices.shape[1])


def vote_codes(votes: Votes) -> npt.NDArray[Any]:
    """One number per vote, rater * answers + answer, of the smallest type that fits; votes need raters."""
    votes.require_raters("a rater model")
    cells = len(votes.raters) * len(votes.answers)
    codes: npt.NDArray[Any] = votes.rater_ids.astype(np.uint16 if cells <= 1 << 16 else np.int64)
    codes *= len(votes.answers)
    np.add(codes, votes.answer_ids, out=codes, casting="unsafe")  # the type fits: it holds every code
    return codes


@dataclass(frozen=True, eq=False)
class MatrixBlock:
    """Some parts of the items, with their votes and posteriors."""

    edges: npt.NDArray[np.int64]  # the first item of each part, and the end of the last
    indptr: npt.NDArray[np.int64]
    codes: npt.NDArray[Any]
    posterior: Floats
    is_pinned: npt.NDArray[np.bool_]  # empty if no item is pinned


@dataclass(frozen=True, eq=False)
class MatrixTable:
    """The parameters: pi as `code_table` orders it, and p."""

    cells: Floats
    prior: Floats


@dataclass(frozen=True, eq=False)
class MatrixSteps:
    """The steps for whole matrices. If `alike`, a rater answers alike for every truth, see `_added_up`."""

    raters: int
    pseudo_votes: Floats  # s + K m, shape (truths, answers)
    pseudo_items: float  # K / T
    prior: Floats | None  # None: it is learned
    alike: bool
    is_scale: bool

    def expect(self, block: MatrixBlock, parameters: MatrixTable) -> ExpectedCounts:
        """E-step: the kernel multiplies p by the cells of each item's votes."""
        from reassess.numeric.em_kernels import FEW_TRUTHS, expect_few, expect_many, truth_zeros

        counts, truths = self._empty(block), parameters.prior.size
        kernel, more = (expect_few, (truth_zeros(truths),)) if truths <= FEW_TRUTHS else (expect_many, ())
        kernel(
            block.edges,
            block.indptr,
            block.codes,
            parameters.cells,
            parameters.prior,
            block.posterior,
            block.is_pinned,
            counts.votes,
            counts.items,
            counts.log_likelihood,
            counts.change,
            *more,
        )
        return counts

    def count(self, block: MatrixBlock) -> ExpectedCounts:
        """Expected votes and items under the posteriors that a block has."""
        from reassess.numeric.em_kernels import count

        counts = self._empty(block)
        count(block.edges, block.indptr, block.codes, block.posterior, block.is_pinned, counts.votes, counts.items)
        return counts

    def maximize(self, votes: Floats, items: Floats) -> MatrixTable:
        """M-step."""
        truths, answers = self.pseudo_votes.shape
        expected = votes.reshape(self.raters, answers, truths)
        if self.alike:
            expected = _added_up(expected, is_scale=self.is_scale)
        cells = code_table(row_shares(expected.transpose(0, 2, 1), self.pseudo_votes))
        return MatrixTable(cells, row_shares(items, self.pseudo_items) if self.prior is None else self.prior)

    def bound(self, parameters: MatrixTable) -> float:
        """Log density of the priors, up to a constant."""
        density = 0.0
        if self.pseudo_votes.any():
            sums = np.log(parameters.cells).reshape(self.raters, *self.pseudo_votes.T.shape).sum(axis=0)
            density += float((self.pseudo_votes.T * sums).sum())
        if self.prior is None and self.pseudo_items:
            density += self.pseudo_items * float(np.log(parameters.prior).sum())
        return density

    def _empty(self, block: MatrixBlock) -> ExpectedCounts:
        parts, (truths, answers) = block.edges.size - 1, self.pseudo_votes.shape
        votes = np.zeros((parts, self.raters * answers, truths))
        return ExpectedCounts(votes, np.zeros((parts, truths)), np.zeros(parts), np.zeros(parts))


def _added_up(counts: Floats, *, is_scale: bool) -> Floats:
    """ExpectedCounts of all truths together, given to each truth; shape (raters, answers, truths).

    Where the truths are the answers, a rater then has one accuracy. On a scale, a rater says no of a valid item as
    often as yes of an invalid one.
    """
    if is_scale:
        return np.asarray(counts + counts[:, ::-1, ::-1])
    correct = np.trace(counts, axis1=1, axis2=2)[:, None, None]
    wrong = counts.sum(axis=(1, 2))[:, None, None] - correct
    same = np.eye(counts.shape[-1])
    return np.asarray(correct * same + wrong * (1 - same) / (counts.shape[-1] - 1))


def matrix_blocks(votes: Votes, posterior: Floats, pinned: Pinned | None, threads: int | None) -> list[MatrixBlock]:
    """A block for each thread; pinned items get their posterior."""
    from reassess.numeric.jit import thread_count

    is_pinned = np.zeros(0 if pinned is None else len(votes.items), np.bool_)
    if pinned is not None:
        pinned.check(votes, posterior.shape[1])
        is_pinned[pinned.rows] = True
        posterior[pinned.rows] = pinned.values
    codes, edges = vote_codes(votes), _cut(votes, len(votes.raters) * len(votes.answers) * posterior.shape[1])
    parts = edges.size - 1
    threads = min(threads or thread_count(), parts)
    bounds = [parts * thread // threads for thread in range(threads + 1)]
    return [
        MatrixBlock(edges[first : last + 1], votes.indptr, codes, posterior, is_pinned)
        for first, last in pairwise(bounds)
    ]


def _cut(votes: Votes, sums: int) -> npt.NDArray[np.int64]:
    """The edges of the parts: they depend on the votes alone, and so do the results."""
    parts = int(np.clip(len(votes) // (_VOTES_A_SUM * sums), 1, _MOST_PARTS))
    edges = np.searchsorted(votes.indptr, np.linspace(0, votes.indptr[-1], parts + 1).astype(np.int64))
    edges[0], edges[-1] = 0, votes.indptr.size - 1
    return edges


@contextmanager
def in_threads(threads: int) -> Iterator[Any]:
    """What runs a function on blocks: `map`, or that of a pool of threads."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map
