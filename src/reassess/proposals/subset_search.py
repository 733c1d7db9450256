"""The search for subsets of models: all subsets if there are few models, otherwise greedily growing subsets.

Symbols: K models. A subset is bool of shape (K,), or a number whose bit i is set if model i is in the subset.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reassess.core import ModelSubset, ProposalResult
from reassess.numeric import Proportion
from reassess.proposals.proposed_pairs import GoldenPairs, ImageClassPairs, find_pairs_sent_to_raters

MAX_EXACT_MODELS = 20  # models; each further model doubles time and memory, half a second and 50 MiB here
_PSEUDO_HITS = (
    0.01  # hits added to each model, so that of models without hits, the one with the fewest candidates is first
)
_MAX_INT64 = np.iinfo(np.int64).max
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SubsetSearch:
    """The measured subsets of models, with their hits and numbers of candidates."""

    n_models: int  # K
    # (n, K), or None if all subsets except the empty one were measured; then row i is the subset number i + 1.
    greedy_subsets: _Bools | None
    n_hits: _Ints  # (n,): valid golden pairs that the subset proposes
    n_candidates: _Ints  # (n,): candidates on all images that the subset sends to raters
    subset_sizes: _Ints  # (n,): number of models

    @property
    def is_exact(self) -> bool:
        """Whether all subsets were measured."""
        return self.greedy_subsets is None

    def models_of_subset(self, row: int) -> _Bools:
        """Return whether each model is in the subset at a row; bool, shape (K,)."""
        if self.greedy_subsets is not None:
            return np.asarray(self.greedy_subsets[row])
        return np.asarray((row + 1) >> np.arange(self.n_models) & 1 == 1)

    @cached_property
    def frontier_rows(self) -> _Ints:
        """Rows on the Pareto frontier of hits and candidates, sorted by candidates, the fewest first.

        If subsets have equal hits and candidates, the first subset with the fewest models is used.
        """
        fewest = np.full(int(self.n_hits.max()) + 1, _MAX_INT64)
        np.minimum.at(fewest, self.n_hits, self.n_candidates)  # per number of hits
        # Fewest candidates with more hits.
        beyond = np.minimum.accumulate(np.append(fewest[1:], _MAX_INT64)[::-1])[::-1]
        rows = np.flatnonzero((self.n_candidates == fewest[self.n_hits]) & (fewest < beyond)[self.n_hits])
        order = rows[np.lexsort((rows, self.subset_sizes[rows], self.n_hits[rows]))]
        return order[np.flatnonzero(np.diff(self.n_hits[order], prepend=-1))]


def measure_model_subsets(result: ProposalResult, golden: GoldenPairs) -> SubsetSearch:
    """Count hits and candidates of all subsets of the models; of more than 20 models, only in a greedy search."""
    pairs, valid_pairs = find_pairs_sent_to_raters(result), golden.pairs.take_rows(golden.is_valid)
    return (
        _measure_all_subsets(pairs, valid_pairs)
        if len(result.models) <= MAX_EXACT_MODELS
        else _measure_greedy_search(pairs, valid_pairs)
    )


def _measure_all_subsets(pairs: ImageClassPairs, valid_pairs: ImageClassPairs) -> SubsetSearch:
    """Measure all subsets of the models, except the empty one."""
    models = pairs.is_proposed.shape[1]
    return SubsetSearch(
        n_models=models,
        greedy_subsets=None,
        n_hits=count_pairs_by_subset(valid_pairs),
        n_candidates=count_pairs_by_subset(pairs),
        subset_sizes=np.bitwise_count(np.arange(1, 2**models)).astype(np.int64),
    )


def count_pairs_by_subset(pairs: ImageClassPairs) -> _Ints:
    """Count the pairs that each subset except the empty one proposes; shape (2 ** K - 1,).

    A subset does not propose a pair if it has no model that proposes the pair, or no model that sends its image. The
    number of such pairs is the number of pairs without a proposing model, plus pairs without a sending model, minus
    pairs without both.
    """
    models = pairs.is_proposed.shape[1]
    bits = 1 << np.arange(models)
    members, sends = pairs.is_proposed @ bits, pairs.is_sent_to_raters @ bits
    counts = np.zeros(2**models, np.int64)
    for masks, weight in ((members, 1), (sends, 1), (members | sends, -1)):
        np.add.at(counts, masks, weight)
    missed = sum_over_subsets(counts)[::-1]  # over the masks that are subsets of the complement of each subset
    return len(pairs) - missed[1:]


def sum_over_subsets(counts: _Ints) -> _Ints:
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


def _measure_greedy_search(pairs: ImageClassPairs, valid_pairs: ImageClassPairs) -> SubsetSearch:
    """Measure subsets of 1, 2, 3, ... models: each step adds the model with the most new hits per new candidate."""
    models = pairs.is_proposed.shape[1]
    growing, growing_hits = _GrowingSubset(pairs), _GrowingSubset(valid_pairs)
    subset, chain = np.zeros(models, bool), []
    hits = candidates = 0
    for _ in range(models):
        remaining = np.flatnonzero(~subset)
        counts = [
            (growing_hits.count_pairs_if_added(model), growing.count_pairs_if_added(model))
            for model in remaining.tolist()
        ]
        gains = [(new_hits - hits + _PSEUDO_HITS) / (count - candidates + 1) for new_hits, count in counts]
        best_row = int(np.argmax(gains))
        hits, candidates = counts[best_row]
        subset[remaining[best_row]] = True
        for pairs_of_subset in (growing, growing_hits):
            pairs_of_subset.add_model(int(remaining[best_row]))
        chain.append((subset.copy(), hits, candidates))
    subsets, all_hits, all_candidates = zip(*chain, strict=True)
    return SubsetSearch(
        models, np.array(subsets), np.array(all_hits), np.array(all_candidates), np.arange(1, models + 1)
    )


class _GrowingSubset:
    """A growing subset of models, which counts the pairs that it proposes."""

    def __init__(self, pairs: ImageClassPairs) -> None:
        models = pairs.is_proposed.shape[1]
        packed = np.packbits(np.concatenate([pairs.is_proposed, pairs.is_sent_to_raters], axis=1), axis=1)
        rows, self._counts = np.unique(packed, axis=0, return_counts=True)
        by_model = np.unpackbits(rows, axis=1, count=2 * models).astype(bool).T
        self._members, self._sends = np.ascontiguousarray(by_model[:models]), np.ascontiguousarray(by_model[models:])
        self._is_member, self._is_sent = np.zeros((2, len(rows)), bool)

    def count_pairs_if_added(self, model: int) -> int:
        """Count the pairs that the subset proposes if a model is added."""
        proposed = (self._is_member | self._members[model]) & (self._is_sent | self._sends[model])
        return int(self._counts[proposed].sum())

    def add_model(self, model: int) -> None:
        """Add a model to the subset."""
        self._is_member |= self._members[model]
        self._is_sent |= self._sends[model]


class SubsetEvaluator:
    """Measures the recall, precision and candidates of a subset of models."""

    def __init__(self, result: ProposalResult, golden: GoldenPairs) -> None:
        self._names = result.model_names
        self._golden = golden
        self._pairs = find_pairs_sent_to_raters(result)
        self._sent, self._predicted = (
            ImageClassPairs(images, images) for images in (result.is_sent_to_raters, result.is_predicted)
        )

    def __call__(self, model_subset: _Bools) -> ModelSubset:
        """Measure recall, precision and candidates of a subset of models, bool of shape (K,)."""
        proposed = self._golden.pairs.is_proposed_by(model_subset)
        hits = int(np.count_nonzero(proposed & self._golden.is_valid))
        return ModelSubset(
            models=tuple(name for name, is_in in zip(self._names, model_subset, strict=True) if is_in),
            recall=Proportion(hits, int(np.count_nonzero(self._golden.is_valid))),
            precision=Proportion(hits, int(np.count_nonzero(proposed))),
            n_without_golden_answer=self._golden.unanswered.count_proposed_by(model_subset),
            n_candidates=self._pairs.count_proposed_by(model_subset),
            n_images=self._sent.count_proposed_by(model_subset),
            n_missing_images=len(self._predicted) - self._predicted.count_proposed_by(model_subset),
        )
