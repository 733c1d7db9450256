"""The search for subsets of models: all subsets of few models, a greedy order of many models.

Symbols: K models. A subset is bool of shape (K,), or a number whose bit i is set if model i is in the subset.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import ModelSubset, ProposalResult
from reassess.numeric import Proportion
from reassess.proposals.proposed_pairs import GoldenPairs, Pairs, sent_pairs

MOST_EXACT = 20  # models; each further model doubles time and memory, half a second and 50 MiB here
_SMALL = 0.01  # hits added to each model, so that of models without hits, the one with the fewest candidates is first
_INFINITE = np.iinfo(np.int64).max
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SubsetSearch:
    """The result of a search: n subsets with their hits and candidates."""

    models: int  # K
    subsets: _Bools | None  # (n, K); None for all subsets except the empty one: row i is the subset number i + 1
    hits: _Ints  # (n,): valid golden pairs that the subset proposes
    candidates: _Ints  # (n,): candidates on all images that the subset sends to raters
    sizes: _Ints  # (n,): number of models

    @property
    def exact(self) -> bool:
        """Whether all subsets were measured."""
        return self.subsets is None

    def subset(self, row: int) -> _Bools:
        """Return the subset of a row, bool of shape (K,)."""
        if self.subsets is not None:
            return np.asarray(self.subsets[row])
        return np.asarray((row + 1) >> np.arange(self.models) & 1 == 1)

    @cached_property
    def frontier(self) -> _Ints:
        """Rows on the Pareto frontier of hits and candidates, from the fewest candidates.

        Of subsets with equal hits and candidates, the one with the fewest models is used, then the first.
        """
        fewest = np.full(int(self.hits.max()) + 1, _INFINITE)
        np.minimum.at(fewest, self.hits, self.candidates)  # per number of hits
        beyond = np.minimum.accumulate(np.append(fewest[1:], _INFINITE)[::-1])[::-1]  # fewest candidates with more hits
        rows = np.flatnonzero((self.candidates == fewest[self.hits]) & (fewest < beyond)[self.hits])
        order = rows[np.lexsort((rows, self.sizes[rows], self.hits[rows]))]
        return order[np.flatnonzero(np.diff(self.hits[order], prepend=-1))]


def find_subsets(result: ProposalResult, golden: GoldenPairs) -> SubsetSearch:
    """Measure subsets on golden pairs: all subsets of up to 20 models, or a greedy order of more models."""
    pairs, valid = sent_pairs(result), golden.pairs.take(golden.valid)
    return _measure_all(pairs, valid) if len(result.models) <= MOST_EXACT else _measure_greedy(pairs, valid)


def _measure_all(pairs: Pairs, valid: Pairs) -> SubsetSearch:
    models = pairs.members.shape[1]
    return SubsetSearch(
        models=models,
        subsets=None,
        hits=count_by_subset(valid),
        candidates=count_by_subset(pairs),
        sizes=np.bitwise_count(np.arange(1, 2**models)).astype(np.int64),
    )


def count_by_subset(pairs: Pairs) -> _Ints:
    """Count the pairs that each subset except the empty one proposes; int64 of shape (2 ** K - 1,).

    A subset does not propose a pair if it has no model that proposes the pair, or no model that sends its image. The
    sum counts a pair twice if both are missing, so it is subtracted once.
    """
    models = pairs.members.shape[1]
    bits = 1 << np.arange(models)
    members, sends = pairs.members @ bits, pairs.sends @ bits
    counts = np.zeros(2**models, np.int64)
    for masks, weight in ((members, 1), (sends, 1), (members | sends, -1)):
        np.add.at(counts, masks, weight)
    missed = subset_sums(counts)[::-1]  # over the masks that are subsets of the complement of each subset
    return len(pairs) - missed[1:]


def subset_sums(counts: _Ints) -> _Ints:
    """Sum, for each subset, the counts of all its subsets; int64 of shape (2 ** K,).

    Source: Yates (1937), The Design and Analysis of Factorial Experiments; one pass per model.
    """
    sums = counts.copy()
    step = 1
    while step < sums.size:
        pairs = sums.reshape(-1, 2, step)
        pairs[:, 1] += pairs[:, 0]
        step *= 2
    return sums


def _measure_greedy(pairs: Pairs, valid: Pairs) -> SubsetSearch:
    """Measure a greedy order: each step adds the model with the most further hits per further candidate."""
    models = pairs.members.shape[1]
    growing, growing_hits = _GrowingSubset(pairs), _GrowingSubset(valid)
    subset, chain = np.zeros(models, bool), []
    hits = candidates = 0
    for _ in range(models):
        remaining = np.flatnonzero(~subset)
        counts = [(growing_hits.count_with(model), growing.count_with(model)) for model in remaining.tolist()]
        gains = [(new_hits - hits + _SMALL) / (count - candidates + 1) for new_hits, count in counts]
        best = int(np.argmax(gains))
        hits, candidates = counts[best]
        subset[remaining[best]] = True
        for pairs_of_subset in (growing, growing_hits):
            pairs_of_subset.add(int(remaining[best]))
        chain.append((subset.copy(), hits, candidates))
    subsets, all_hits, all_candidates = zip(*chain, strict=True)
    return SubsetSearch(
        models, np.array(subsets), np.array(all_hits), np.array(all_candidates), np.arange(1, models + 1)
    )


class _GrowingSubset:
    """A growing subset, and counts of the pairs that it proposes; equal pairs are counted together."""

    def __init__(self, pairs: Pairs) -> None:
        models = pairs.members.shape[1]
        packed = np.packbits(np.concatenate([pairs.members, pairs.sends], axis=1), axis=1)
        rows, self._counts = np.unique(packed, axis=0, return_counts=True)
        by_model = np.unpackbits(rows, axis=1, count=2 * models).astype(bool).T
        self._members, self._sends = np.ascontiguousarray(by_model[:models]), np.ascontiguousarray(by_model[models:])
        self._is_member, self._is_sent = np.zeros((2, len(rows)), bool)

    def count_with(self, model: int) -> int:
        """Count the pairs that the subset proposes together with another model."""
        proposed = (self._is_member | self._members[model]) & (self._is_sent | self._sends[model])
        return int(self._counts[proposed].sum())

    def add(self, model: int) -> None:
        """Add a model to the subset."""
        self._is_member |= self._members[model]
        self._is_sent |= self._sends[model]


class SubsetMeasure:
    """A measure of single subsets, for the result of a choice."""

    def __init__(self, result: ProposalResult, golden: GoldenPairs) -> None:
        self._names = result.model_names
        self._golden = golden
        self._pairs = sent_pairs(result)
        self._sent, self._predicted = (Pairs(images, images) for images in (result.is_sent, result.is_predicted))

    def __call__(self, subset: _Bools) -> ModelSubset:
        """Measure a subset, bool of shape (K,)."""
        proposed = self._golden.pairs.proposed_by(subset)
        hits = int(np.count_nonzero(proposed & self._golden.valid))
        return ModelSubset(
            models=tuple(name for name, is_in in zip(self._names, subset, strict=True) if is_in),
            recall=Proportion(hits, int(np.count_nonzero(self._golden.valid))),
            precision=Proportion(hits, int(np.count_nonzero(proposed))),
            n_without_golden=self._golden.without_golden.count(subset),
            n_candidates=self._pairs.count(subset),
            n_images=self._sent.count(subset),
            n_missing_images=len(self._predicted) - self._predicted.count(subset),
        )
