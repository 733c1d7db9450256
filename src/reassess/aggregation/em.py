"""The state of EM and its steps; `dawid_skene` says what is computed."""

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import numpy.typing as npt

from reassess.aggregation.calibration import fallback_of, row_shares
from reassess.aggregation.em_starts import Pinned
from reassess.aggregation.posteriors import code_table, vote_codes
from reassess.core.items import Id
from reassess.core.rater_model import RaterModel
from reassess.core.votes import Votes
from reassess.numeric.em_kernels import FEW_TRUTHS, count, expect_few, expect_many, one_each, spread
from reassess.numeric.jit import thread_count

__all__ = ["EM"]

_MOST_CHUNKS = 64
_VOTES_A_SUM = 4  # a chunk holds at least so many votes for each of its sums
_LIFT = 1e-6  # the lowest probability in a model to start from
_CACHE_LINE = 64  # in floats, a few lines: scratch of two threads never shares one


class EM:
    """One run of EM: the votes, the current model and the posteriors, which are updated in place.

    To each rater's counts `pseudo_votes`, shape (truths, answers), are added, and `pseudo_items` to each truth's items.
    The items are cut into chunks that depend on the votes alone, and each chunk has its own sums, which are added in
    order: the result is the same for any number of threads.

    If `alike`, a rater answers alike for every truth: with one accuracy where the truths are the answers, and as
    often no of a valid item as yes of an invalid one where the answers are a scale.
    """

    def __init__(
        self,
        votes: Votes,
        truths: tuple[Id, ...],
        *,
        pseudo_votes: npt.NDArray[np.float64],
        pseudo_items: float,
        prior: npt.NDArray[np.float64] | None,
        pinned: Pinned | None,
        threads: int | None,
        alike: bool = False,
    ) -> None:
        self._votes, self._truths = votes, truths
        self._pseudo_votes, self._pseudo_items = pseudo_votes, pseudo_items
        self._codes = vote_codes(votes)
        self._learns_prior, self._alike = prior is None, alike
        self._prior = np.empty(len(truths)) if prior is None else prior
        self._table = np.empty((len(votes.raters) * len(votes.answers), len(truths)))
        self.posterior = np.zeros((len(votes.items), len(truths)))
        self._pinned = pinned
        self._is_pinned = np.zeros(0 if pinned is None else len(votes.items), np.bool_)
        if pinned is not None:
            pinned.check(votes, len(truths))
            self._is_pinned[pinned.rows] = True
        self._cut()
        self._threads = min(threads or thread_count(), self._edges.size - 1)

    def _cut(self) -> None:
        chunks = int(np.clip(len(self._votes) // (_VOTES_A_SUM * self._table.size), 1, _MOST_CHUNKS))
        indptr = self._votes.indptr
        self._edges = np.searchsorted(indptr, np.linspace(0, indptr[-1], chunks + 1).astype(np.int64))
        self._edges[0], self._edges[-1] = 0, indptr.size - 1
        self._counts = np.zeros((chunks, *self._table.shape))
        self._totals = np.zeros((chunks, len(self._truths)))
        self._sums = np.zeros((chunks, 2))

    def start_from_answers(self, shares: npt.NDArray[np.float64]) -> None:
        """Start at the mean of the answers' shares, shape (answers, truths), over each item's votes."""
        spread(self._votes.indptr, self._votes.answer_ids, shares, self.posterior)
        self._pin()
        chunks = self._edges.size - 1
        count(
            self._edges,
            0,
            chunks,
            self._votes.indptr,
            self._codes,
            self.posterior,
            self._is_pinned,
            self._counts,
            self._totals,
        )
        self._maximize()

    def start_from_model(self, model: RaterModel) -> None:
        """Start at a model, of which probabilities of 0 are lifted a little."""
        matrices = model.matrices_of(self._votes.raters)
        self._table = code_table(_lifted(matrices))
        if self._learns_prior:
            self._prior = _lifted(model.prior)
        self._pin()

    def run(self, tolerance: float, max_iterations: int) -> tuple[npt.NDArray[np.float64], bool]:
        """Iterate until no posterior changes by `tolerance`; the objective at each step, and whether that came.

        The model is left as it was in the last E-step, so that model, posterior and objective belong together.
        """
        history: list[float] = []
        with ThreadPoolExecutor(self._threads - 1) if self._threads > 1 else nullcontext() as pool:
            while True:
                self._expect(pool)
                history.append(float(self._sums[:, 0].sum()) + self._log_density())
                if self._sums[:, 1].max() < tolerance:
                    return np.array(history), True
                if len(history) == max_iterations:
                    return np.array(history), False
                self._maximize()

    def order_truths(self, weights: npt.NDArray[np.float64]) -> None:
        """Of two truths, make the one whose votes have the higher mean weight, shape (answers,), the second."""
        shape = len(self._votes.raters), len(self._votes.answers), len(self._truths)
        expected = self._counts.sum(axis=0).reshape(shape).sum(axis=0)
        means = weights @ expected / np.maximum(expected.sum(axis=0), np.finfo(float).tiny)
        if means[0] > means[1]:
            self._prior = self._prior[::-1].copy()
            self._pseudo_votes = self._pseudo_votes[::-1].copy()
            self._table = self._table[:, ::-1].copy()
            self.posterior = self.posterior[:, ::-1].copy()

    def model(self) -> RaterModel:
        """The current model; a rater without votes has no matrix. The fallback is `fallback_of` the others'."""
        votes = self._votes
        shape = len(votes.raters), len(votes.answers), len(self._truths)
        measured = np.flatnonzero(self._counts.sum(axis=(0, 2)).reshape(shape[0], -1).any(axis=1))
        matrices = self._table.reshape(shape).transpose(0, 2, 1)[measured]
        raters = tuple(votes.raters[row] for row in measured.tolist())
        return RaterModel(
            raters=raters,
            truths=self._truths,
            answers=votes.answers,
            matrices=matrices,
            fallback=fallback_of(matrices, self._pseudo_votes, pooled=self._pseudo_items > 0),
            prior=self._prior.copy(),
        )

    def _pin(self) -> None:
        if self._pinned is not None:
            self.posterior[self._pinned.rows] = self._pinned.values

    def _expect(self, pool: Executor | None) -> None:
        self._counts[:], self._totals[:] = 0, 0
        chunks, threads = self._edges.size - 1, self._threads
        bounds = [chunks * thread // threads for thread in range(threads + 1)]
        truths = len(self._truths)
        scratch = np.empty((threads, truths + _CACHE_LINE))
        expect, given = (expect_few, (one_each(truths),)) if truths <= FEW_TRUTHS else (expect_many, ())

        def share(thread: int) -> None:
            expect(
                self._edges,
                bounds[thread],
                bounds[thread + 1],
                self._votes.indptr,
                self._codes,
                self._table,
                self._prior,
                self.posterior,
                self._is_pinned,
                self._counts,
                self._totals,
                self._sums,
                scratch[thread, :truths],
                *given,
            )

        others = [pool.submit(share, thread) for thread in range(1, threads)] if pool else []
        share(0)
        for other in others:
            other.result()

    def _log_density(self) -> float:
        """That of the current model, by the pseudo-votes and pseudo-items; up to a constant."""
        density = 0.0
        if self._pseudo_votes.any():
            sums = np.log(self._table).reshape(len(self._votes.raters), -1, len(self._truths)).sum(axis=0)
            density += float((self._pseudo_votes.T * sums).sum())
        if self._learns_prior and self._pseudo_items:
            density += self._pseudo_items * float(np.log(self._prior).sum())
        return density

    def _maximize(self) -> None:
        votes = self._votes
        counts = self._counts.sum(axis=0).reshape(len(votes.raters), len(votes.answers), len(self._truths))
        if self._alike:
            counts = _added_up(counts, is_scale=self._truths != votes.answers)
        self._table = code_table(row_shares(counts.transpose(0, 2, 1), self._pseudo_votes))
        if self._learns_prior:
            totals = self._totals.sum(axis=0) + self._pseudo_items
            self._prior = totals / totals.sum()


def _added_up(counts: npt.NDArray[np.float64], *, is_scale: bool) -> npt.NDArray[np.float64]:
    """Counts, shape (raters, answers, truths), of all truths together, given to each truth."""
    if is_scale:
        return np.asarray(counts + counts[:, ::-1, ::-1])
    correct = np.trace(counts, axis1=1, axis2=2)[:, None, None]
    wrong = counts.sum(axis=(1, 2))[:, None, None] - correct
    same = np.eye(counts.shape[-1])
    return np.asarray(correct * same + wrong * (1 - same) / (counts.shape[-1] - 1))


def _lifted(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distributions (last axis) in which nothing is so unlikely that EM could not find it likely again."""
    raised = np.maximum(shares, _LIFT)
    raised /= raised.sum(axis=-1, keepdims=True)
    return raised
