"""Steps of EM on whole confusion matrices: one for each rater."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.em import ExpectedCounts, Floats, Pinned, code_table, row_shares, vote_codes
from reassess.core import Votes

_MOST_PARTS = 64
_VOTES_A_SUM = 4  # a part has at least so many votes for each of its sums


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
    """Steps on whole matrices. If `alike`, a rater answers alike for every truth, see `_added_up`."""

    raters: int
    pseudo_votes: Floats  # s + K m, shape (truths, answers)
    pseudo_items: float  # K / T
    prior: Floats | None  # None: it is learned
    alike: bool
    is_scale: bool

    def expect(self, block: MatrixBlock, parameters: MatrixTable) -> ExpectedCounts:
        """E-step."""
        from reassess.numeric.em_kernels import FEW_TRUTHS, expect_few, expect_many, one_each

        counts, truths = self._empty(block), parameters.prior.size
        kernel, more = (expect_few, (one_each(truths),)) if truths <= FEW_TRUTHS else (expect_many, ())
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
