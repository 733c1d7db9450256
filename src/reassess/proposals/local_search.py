"""Search for few proposals among too many subsets of models: from many starts, by changes of one or two models.

Symbols: K models; a subset is bool of shape (K,). What is wanted is a number of hits, valid golden pairs that are
proposed, with as few proposals as possible. A subset grows from a start by the model that brings the most hits for its
proposals, until the hits are reached. Then it changes for the better, as long as that is possible, to the best of the
subsets that reach the hits without one of its models, or with another one instead. From the best of all starts, each
model is then forced in or out, and the search goes on from there.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reassess.numeric.change_kernels import count_changes
from reassess.proposals.proposed_pairs import Pairs

__all__ = ["Changes", "local_search"]

_SOME = 0.01  # of a hit, so that of models that bring none the one with the fewest proposals is first
_MANY = np.iinfo(np.int64).max
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class Changes:
    """How many of some pairs every subset proposes that is a change of one or two models away; counted once for each.

    Parameters
    ----------
    pairs
        The pairs; equal ones are counted together.
    """

    def __init__(self, pairs: Pairs) -> None:
        self.models = pairs.members.shape[1]
        both = np.concatenate([pairs.members, pairs.sends], axis=1)
        rows, counts = np.unique(np.packbits(both, axis=1), axis=0, return_counts=True)
        both = np.unpackbits(rows, axis=1, count=2 * self.models).astype(bool)
        self._members, self._sends = both[:, : self.models], both[:, self.models :]
        self._weights = counts.astype(np.int64)
        self._known: dict[bytes, _Ints] = {}

    def __call__(self, subset: _Bools) -> _Ints:
        """Entry (i, j) is for without model i and with model j; K is none. int64, shape (K + 1, K + 1)."""
        key = subset.tobytes()
        if key not in self._known:
            counts = np.zeros((self.models + 1, self.models + 1), np.int64)
            count_changes(self._members, self._sends, self._weights, subset, counts)
            self._known[key] = counts
        return self._known[key]

    def count(self, subset: _Bools) -> int:
        """How many pairs a subset proposes."""
        return int(self(subset)[-1, -1])


def local_search(proposals: Changes, hits: Changes, need: int) -> list[_Bools]:
    """The subsets that a search comes by, among them the one with the fewest proposals that it finds; bool, (K,)."""
    search = _Search(proposals, hits)
    everything = np.ones(proposals.models, bool)
    need = min(need, hits.count(everything))
    chain = list(search.growing(~everything, hits.count(everything)))
    for subset in chain:
        search.improved(subset, hits.count(subset))
    search.kicked(min(search.starts(need), key=proposals.count), need)
    search.seen(everything)
    return list(search.found.values())


class _Search:
    """A search, which keeps what it comes by."""

    def __init__(self, proposals: Changes, hits: Changes) -> None:
        self._proposals, self._hits = proposals, hits
        self._models = proposals.models
        self.found: dict[bytes, _Bools] = {}

    def seen(self, subset: _Bools) -> _Bools:
        """Keep a subset."""
        if subset.any():
            self.found[subset.tobytes()] = subset
        return subset

    def starts(self, need: int) -> Iterator[_Bools]:
        """From no model, from each, and from none without each: grown to so many hits, and improved."""
        nothing = np.zeros(self._models, bool)
        yield self.improved(self.grown(nothing, need), need)
        for model in range(self._models):
            yield self.improved(self.grown(_changed(nothing, add=model), need), need)
            without = self.grown(nothing, need, never=model)
            if self._hits.count(without) >= need:
                yield self.improved(without, need)

    def kicked(self, best: _Bools, need: int) -> _Bools:
        """As long as it helps: with each other model, or without each of its own, and improved from there."""
        while True:
            others = [self._kick(best, model, need) for model in range(self._models)]
            other = min(others, key=self._proposals.count)
            if self._proposals.count(other) >= self._proposals.count(best):
                return best
            best = other

    def _kick(self, subset: _Bools, model: int, need: int) -> _Bools:
        if not subset[model]:
            return self.improved(self.improved(_changed(subset, add=model), need, always=model), need)
        without = self.grown(_changed(subset, drop=model), need, never=model)
        if self._hits.count(without) < need:
            return subset
        return self.improved(self.improved(without, need, never=model), need)

    def grown(self, subset: _Bools, need: int, *, never: int | None = None) -> _Bools:
        """A subset with more models, until it has so many hits or all models that it may have."""
        for larger in self.growing(subset, need, never=never):
            subset = larger
        return subset

    def growing(self, subset: _Bools, need: int, *, never: int | None = None) -> Iterator[_Bools]:
        """The steps of `grown`."""
        others = ~_changed(subset, add=never)
        while self._hits.count(self.seen(subset)) < need and others.any():
            hits, proposals = self._hits(subset)[-1], self._proposals(subset)[-1]
            brought = np.minimum(hits[:-1], need) - hits[-1]
            worth = (brought + _SOME) / (proposals[:-1] - proposals[-1] + 1)
            best = int(np.where(others, worth, -1).argmax())
            others[best] = False
            subset = _changed(subset, add=best)
            yield subset

    def improved(self, subset: _Bools, need: int, *, always: int | None = None, never: int | None = None) -> _Bools:
        """A subset of so many hits that no change of one model, or of one for another, makes better."""
        while True:
            self.seen(subset)
            hits, counts = self._hits(subset), self._proposals(subset)
            reach = hits >= need
            if always is not None:
                reach[always] = False
            if never is not None:
                reach[:, never] = False
            fewest = int(np.where(reach, counts, _MANY).min())
            if fewest >= counts[-1, -1]:
                return subset
            at = np.flatnonzero(reach & (counts == fewest))
            drop, add = divmod(int(at[hits.ravel()[at].argmax()]), self._models + 1)
            subset = _changed(subset, drop=drop, add=add)


def _changed(subset: _Bools, *, drop: int | None = None, add: int | None = None) -> _Bools:
    """Without a model and with another one; K is none."""
    changed = np.append(subset, False)
    if drop is not None:
        changed[drop] = False
    if add is not None:
        changed[add] = True
    return changed[:-1].copy()
