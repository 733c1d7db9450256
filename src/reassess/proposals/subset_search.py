"""Subsets of models by what they propose: all of them if there are few models, and a greedy order of many.

Symbols: K models; a subset is bool of shape (K,), or a number whose bit i is set if model i is in it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import ModelSubset, ProposalResult
from reassess.numeric import Proportion
from reassess.proposals.proposed_pairs import GoldenPairs, Pairs, sent_pairs

MOST_EXACT = 20  # models; each more doubles time and memory, here half a second and 50 MiB
_SOME = 0.01  # of a hit, so that of models that bring none the one with the fewest candidates comes first
_MANY = np.iinfo(np.int64).max
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """Subsets, and what each reaches."""

    models: int  # K
    subsets: _Bools | None  # (n, K); or None for all but the empty one: row i is the subset with the number i + 1
    hits: _Ints  # (n,): valid golden pairs that are proposed
    candidates: _Ints  # (n,): candidates for all images that are sent to raters
    sizes: _Ints  # (n,): number of models

    @property
    def exact(self) -> bool:
        """Whether these are all subsets."""
        return self.subsets is None

    def subset(self, row: int) -> _Bools:
        """The models of a row, bool, shape (K,)."""
        if self.subsets is not None:
            return np.asarray(self.subsets[row])
        return np.asarray((row + 1) >> np.arange(self.models) & 1 == 1)

    @cached_property
    def frontier(self) -> _Ints:
        """The rows with more hits than any with as few candidates, from the fewest candidates on.

        Of equal ones that with fewer models, then the first.
        """
        fewest = np.full(int(self.hits.max()) + 1, _MANY)
        np.minimum.at(fewest, self.hits, self.candidates)  # by the number of hits
        beyond = np.minimum.accumulate(np.append(fewest[1:], _MANY)[::-1])[::-1]  # with more hits
        rows = np.flatnonzero((self.candidates == fewest[self.hits]) & (fewest < beyond)[self.hits])
        order = rows[np.lexsort((rows, self.sizes[rows], self.hits[rows]))]
        return order[np.flatnonzero(np.diff(self.hits[order], prepend=-1))]


def find_subsets(result: ProposalResult, golden: GoldenPairs) -> Found:
    """Measure subsets by golden pairs: all of up to 20 models; of more models, a greedy order."""
    pairs, valid = sent_pairs(result), golden.pairs.part(golden.valid)
    return _every_subset(pairs, valid) if len(result.models) <= MOST_EXACT else _greedy(pairs, valid)


def _every_subset(pairs: Pairs, valid: Pairs) -> Found:
    models = pairs.members.shape[1]
    return Found(
        models=models,
        subsets=None,
        hits=proposed_by_each(valid),
        candidates=proposed_by_each(pairs),
        sizes=np.bitwise_count(np.arange(1, 2**models)).astype(np.int64),
    )


def proposed_by_each(pairs: Pairs) -> _Ints:
    """How many of the pairs each subset proposes, but the empty one; int64, shape (2 ** K - 1,).

    A pair is lost if a subset has none of the models that propose it, or none that sends its image. If both are
    missing, it was counted twice, so one is taken off.
    """
    models = pairs.members.shape[1]
    bits = 1 << np.arange(models)
    members, sends = pairs.members @ bits, pairs.sends @ bits
    counts = np.zeros(2**models, np.int64)
    for masks, weight in ((members, 1), (sends, 1), (members | sends, -1)):
        np.add.at(counts, masks, weight)
    lost = subset_sums(counts)[::-1]  # of the masks that share nothing with a subset, so lie in its complement
    return len(pairs) - lost[1:]


def subset_sums(counts: _Ints) -> _Ints:
    """Sum the counts of all subsets of every subset; int64, shape (2 ** K,).

    Source: Yates (1937), The Design and Analysis of Factorial Experiments: one pass for each model.
    """
    sums = counts.copy()
    step = 1
    while step < sums.size:
        pairs = sums.reshape(-1, 2, step)
        pairs[:, 1] += pairs[:, 0]
        step *= 2
    return sums


def _greedy(pairs: Pairs, valid: Pairs) -> Found:
    """From no model to all: each time the model is added that brings the most hits for its candidates."""
    models = pairs.members.shape[1]
    growing, hits_growing = _Growing(pairs), _Growing(valid)
    subset, chain = np.zeros(models, bool), []
    hits = candidates = 0
    for _ in range(models):
        others = np.flatnonzero(~subset)
        with_each = [(hits_growing.count_with(model), growing.count_with(model)) for model in others.tolist()]
        worth = [(more - hits + _SOME) / (count - candidates + 1) for more, count in with_each]
        best = int(np.argmax(worth))
        hits, candidates = with_each[best]
        subset[others[best]] = True
        for each in (growing, hits_growing):
            each.add(int(others[best]))
        chain.append((subset.copy(), hits, candidates))
    subsets, all_hits, all_proposals = zip(*chain, strict=True)
    return Found(models, np.array(subsets), np.array(all_hits), np.array(all_proposals), np.arange(1, models + 1))


class _Growing:
    """The pairs that a growing subset proposes; equal ones are counted together."""

    def __init__(self, pairs: Pairs) -> None:
        models = pairs.members.shape[1]
        packed = np.packbits(np.concatenate([pairs.members, pairs.sends], axis=1), axis=1)
        rows, self._counts = np.unique(packed, axis=0, return_counts=True)
        of_models = np.unpackbits(rows, axis=1, count=2 * models).astype(bool).T
        self._members, self._sends = np.ascontiguousarray(of_models[:models]), np.ascontiguousarray(of_models[models:])
        self._is_member, self._is_sent = np.zeros((2, len(rows)), bool)

    def count_with(self, model: int) -> int:
        """How many pairs the subset proposes with one more model."""
        proposed = (self._is_member | self._members[model]) & (self._is_sent | self._sends[model])
        return int(self._counts[proposed].sum())

    def add(self, model: int) -> None:
        """Add a model."""
        self._is_member |= self._members[model]
        self._is_sent |= self._sends[model]


class Measure:
    """Measures single subsets, with all that a result says of them."""

    def __init__(self, result: ProposalResult, golden: GoldenPairs) -> None:
        self._names = result.names
        self._golden = golden
        self._pairs = sent_pairs(result)
        self._sent, self._held = (Pairs(images, images) for images in (result.sends, result.predicts))

    def __call__(self, subset: _Bools) -> ModelSubset:
        """What one subset, bool of shape (K,), reaches."""
        proposed = self._golden.pairs.proposed_by(subset)
        hits = int(np.count_nonzero(proposed & self._golden.valid))
        return ModelSubset(
            models=tuple(name for name, is_in in zip(self._names, subset, strict=True) if is_in),
            recall=Proportion(hits, int(np.count_nonzero(self._golden.valid))),
            precision=Proportion(hits, int(np.count_nonzero(proposed))),
            without_golden=self._golden.without_golden.count(subset),
            candidates=self._pairs.count(subset),
            images=self._sent.count(subset),
            missing=len(self._held) - self._held.count(subset),
        )
