"""Subsets of models by what they propose: all of them at once by bits, or some where they are too many."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reassess.core.candidates import Candidates
from reassess.core.model_choice import ModelSubset
from reassess.numeric.proportion import Proportion
from reassess.numeric.subsets import sums_outside
from reassess.proposals.local_search import Changes, local_search
from reassess.proposals.proposed_pairs import GoldenPairs, Pairs, held_images, sent_images, sent_pairs

__all__ = ["MOST_EXHAUSTIVE", "Found", "Search", "search_of"]

MOST_EXHAUSTIVE = 22  # models; each more doubles time and memory, here some 2 seconds and 190 MiB
_MANY = np.iinfo(np.int64).max
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """Subsets, and what each reaches.

    Parameters
    ----------
    models
        K.
    subsets
        bool, shape (n, K); or None for all but the empty one: row i holds the models of the bits of i + 1.
    hits
        int64, shape (n,): valid golden pairs that are proposed.
    proposals
        int64, shape (n,): proposals for all images that are sent to raters.
    sizes
        int64, shape (n,): number of models.
    """

    models: int
    subsets: _Bools | None
    hits: _Ints
    proposals: _Ints
    sizes: _Ints

    @property
    def exhaustive(self) -> bool:
        """Whether these are all subsets."""
        return self.subsets is None

    def subset(self, row: int) -> _Bools:
        """The models of a row, bool, shape (K,)."""
        if self.subsets is not None:
            return np.asarray(self.subsets[row])
        return np.asarray((row + 1) >> np.arange(self.models) & 1 == 1)

    @cached_property
    def frontier(self) -> _Ints:
        """The rows with more hits than any with as few proposals, from the fewest proposals on.

        Of equal ones that with fewer models, then the first.
        """
        fewest = np.full(int(self.hits.max()) + 1, _MANY)
        np.minimum.at(fewest, self.hits, self.proposals)  # by the number of hits
        beyond = np.minimum.accumulate(np.append(fewest[1:], _MANY)[::-1])[::-1]  # with more hits
        rows = np.flatnonzero((self.proposals == fewest[self.hits]) & (fewest < beyond)[self.hits])
        order = rows[np.lexsort((rows, self.sizes[rows], self.hits[rows]))]
        return order[np.flatnonzero(np.diff(self.hits[order], prepend=-1))]


class Search(Protocol):
    """A way to look for subsets."""

    def find(self, golden: GoldenPairs, need: int) -> Found:
        """The subsets, measured on some golden pairs, of which so many valid ones are wanted."""


def search_of(candidates: Candidates) -> Search:
    """The search that suits the number of models."""
    pairs = sent_pairs(candidates)
    return _Exhaustive(pairs) if pairs.members.shape[1] <= MOST_EXHAUSTIVE else _Local(pairs)


class _Exhaustive:
    """Every subset. A pair is lost where S has none of the models that propose it, or none that sends its image."""

    def __init__(self, pairs: Pairs) -> None:
        self._models = pairs.members.shape[1]
        self._proposals = len(pairs) - self._lost(pairs)
        self._sizes = np.bitwise_count(np.arange(1, 2**self._models)).astype(np.int64)

    def find(self, golden: GoldenPairs, need: int) -> Found:  # noqa: ARG002 - all subsets are measured, whatever it is
        valid = golden.pairs.part(golden.valid)
        return Found(
            models=self._models,
            subsets=None,
            hits=len(valid) - self._lost(valid),
            proposals=self._proposals,
            sizes=self._sizes,
        )

    def _lost(self, pairs: Pairs) -> _Ints:
        """How many pairs each subset but the empty one does not propose."""
        bits = 1 << np.arange(self._models)
        members, sends = pairs.members @ bits, pairs.sends @ bits
        masks = np.concatenate([members, sends, members | sends])  # none of both is counted twice
        weights = np.repeat([1, 1, -1], len(pairs))
        return sums_outside(self._models, masks, weights)[1:]


class _Local:
    """Those that a search from many starts comes by."""

    def __init__(self, pairs: Pairs) -> None:
        self._proposals = Changes(pairs)

    def find(self, golden: GoldenPairs, need: int) -> Found:
        hits = Changes(golden.pairs.part(golden.valid))
        subsets = local_search(self._proposals, hits, need)
        return Found(
            models=self._proposals.models,
            subsets=np.array(subsets),
            hits=np.array([hits.count(subset) for subset in subsets]),
            proposals=np.array([self._proposals.count(subset) for subset in subsets]),
            sizes=np.array([subset.sum() for subset in subsets]),
        )


class Measure:
    """Measures single subsets, with all that a result says of them.

    Parameters
    ----------
    candidates
        As `propose` gives them, of all models.
    golden
        The golden pairs.
    """

    def __init__(self, candidates: Candidates, golden: GoldenPairs) -> None:
        self._names = candidates.names
        self._golden = golden
        self._pairs, self._sent = sent_pairs(candidates), sent_images(candidates)
        self._held = held_images(candidates)

    def __call__(self, subset: _Bools) -> ModelSubset:
        """What one subset, bool of shape (K,), reaches."""
        proposed = self._golden.pairs.proposed_by(subset)
        hits = int(np.count_nonzero(proposed & self._golden.valid))
        return ModelSubset(
            models=tuple(name for name, is_in in zip(self._names, subset, strict=True) if is_in),
            recall=Proportion(hits, int(np.count_nonzero(self._golden.valid))),
            precision=Proportion(hits, int(np.count_nonzero(proposed))),
            unjudged=self._golden.unjudged.count(subset),
            proposals=self._pairs.count(subset),
            images=self._sent.count(subset),
            lacking=len(self._held) - self._held.count(subset),
        )
