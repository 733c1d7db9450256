"""Ranking of models by ReaL accuracy: intervals of ranks, and which significant differences disappear."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import PairwiseTests, compare_every_pair
from reassess.comparison.pairs import Comparison, compare
from reassess.comparison.panel import Panel, check_panel
from reassess.core.checks import check_number
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze, rank_descending
from reassess.numeric.bootstrap import check_replicates, percentile_bounds, resample_hits
from reassess.text import ListTable, Printable, format_percent

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class SignificantGaps(Printable):
    """Pairs of models whose accuracies differ significantly, by original labels or by reassessed labels.

    Also pairs whose difference in accuracy changes significantly from original to reassessed labels. All tests have
    Holm's correction. Pairs are int64, shape (k, 2), as positions in the ranking.
    """

    n_pairs: int  # number of pairs of models
    n_by_original: int  # number of pairs that differ significantly by original labels
    n_by_real: int  # number of pairs that differ significantly by reassessed labels
    changed_pairs: _Ints  # pairs whose lead changes significantly; the model that gains is first
    # pairs that differ significantly only by original labels, and whose lead shrinks significantly; the model that is
    # better by original labels is first
    vanished_pairs: _Ints
    # pairs that differ significantly by both kinds of labels, in opposite directions; the model that is better by
    # original labels is first
    reversed_pairs: _Ints

    def __post_init__(self) -> None:
        freeze(self, "changed_pairs", "vanished_pairs", "reversed_pairs")


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Printable):
    """Models in order of ReaL accuracy, the best first; tied models by name."""

    models: tuple[str, ...]  # names, shape (M,)
    real_accuracies: tuple[Proportion, ...]  # ReaL accuracy of each model
    # Original accuracy of each model; None if no image has an original label.
    original_accuracies: tuple[Proportion, ...] | None
    ranks: _Ints  # int64, shape (M,): 1 + number of models with a higher ReaL accuracy, so ties share a rank
    original_ranks: _Ints | None  # the same by original accuracy
    rank_low: _Ints  # int64, shape (M,): lower end of the 95 % percentile bootstrap interval of each rank, over images
    rank_high: _Ints  # int64, shape (M,): upper end
    neighbours: tuple[Comparison, ...]  # M - 1 comparisons of each model with the next
    gaps: SignificantGaps | None  # None if no scored image has an original label
    replicates: int  # number of bootstrap replicates
    seed: int  # seed of the bootstrap

    def __post_init__(self) -> None:
        freeze(self, "ranks", "original_ranks", "rank_low", "rank_high")

    def __len__(self) -> int:
        return len(self.models)

    def _notebook_table(self) -> ListTable:
        rows = (
            (f"{rank:,}", f"{low:,} to {high:,}", format_percent(real.value or 0), model)
            for rank, low, high, real, model in self._table_rows()
        )
        return ListTable(("rank", "95 %", "accuracy %", "model"), len(self), rows)

    def __str__(self) -> str:
        return "\n".join(
            f"{rank:>5} [{low}, {high}] {format_percent(real.value or 0):>6} % {model}"
            for rank, low, high, real, model in self._table_rows()
        )

    def _table_rows(self) -> Iterable[tuple[int, int, int, Proportion, str]]:
        return zip(self.ranks, self.rank_low, self.rank_high, self.real_accuracies, self.models, strict=True)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        original = self.original_accuracies or (None,) * len(self)
        original_ranks = [None] * len(self) if self.original_ranks is None else self.original_ranks.tolist()
        columns = (self.models, self.ranks.tolist(), self.rank_low.tolist(), self.rank_high.tolist(), original_ranks)
        names = ("file", "rank", "rank_low", "rank_high", "original_rank")
        models = [
            dict(zip(names, entry, strict=True))
            | {"real": real.to_json(), "original": None if accuracy is None else accuracy.to_json()}
            for *entry, real, accuracy in zip(*columns, self.real_accuracies, original, strict=True)
        ]
        return {
            "interval": "95 %, percentile bootstrap, over images",
            "replicates": self.replicates,
            "seed": self.seed,
            "models": models,
            "neighbours": [
                {
                    "a": pair.model_a,
                    "b": pair.model_b,
                    "p_value": pair.real_hits.p_value,
                    "holm": pair.real_hits.holm_p_value,
                }
                for pair in self.neighbours
            ],
            "gaps": None if self.gaps is None else self._gaps_to_json(self.gaps),
        }

    def _gaps_to_json(self, gaps: SignificantGaps) -> dict[str, Any]:
        return {
            "pairs": gaps.n_pairs,
            "significant_pairs": {"original": gaps.n_by_original, "real": gaps.n_by_real},
            "lead_changes": len(gaps.changed_pairs),
            "vanished": self._pairs_to_json(gaps.vanished_pairs),
            "reversed": self._pairs_to_json(gaps.reversed_pairs),
        }

    def _pairs_to_json(self, pairs: _Ints) -> list[dict[str, str]]:
        return [
            {"better_by_original": self.models[better], "other": self.models[other]} for better, other in pairs.tolist()
        ]


def rank_models(panel: Panel, *, tests: PairwiseTests | None = None, replicates: int = 1000, seed: int = 0) -> Ranking:
    """Rank models on the same images by ReaL accuracy.

    Parameters
    ----------
    panel
        The models on their common images.
    tests
        Tests of all pairs of models; by default `compare_every_pair` over images.
    replicates
        Number of bootstrap replicates for the intervals of ranks, at least 40.
    seed
        Seed of the bootstrap.

    Returns
    -------
    Ranking

    Raises
    ------
    DataError
        No image of the panel is scored, or there are too few replicates.

    Examples
    --------
    >>> from reassess import LabelSets
    >>> labels = LabelSets.from_lists([f"{i}.png" for i in range(9)], [[i % 2] for i in range(9)])
    >>> panel = Panel.from_predictions({"none": np.zeros(9, int), "half": np.ones(9, int)}, labels)
    >>> ranking = rank_models(panel)
    >>> ranking.models, ranking.ranks, ranking.rank_low, ranking.rank_high
    (('none', 'half'), array([1, 2]), array([1, 1]), array([2, 2]))
    """
    check_panel(panel)
    panel.check_has_scored_images()
    check_replicates(replicates)
    check_number(seed, 0, value_name="seed", is_whole=True)
    hits, has_original = panel.is_valid[:, panel.is_scored], panel.has_original_label
    totals = np.count_nonzero(hits, axis=1)
    order = np.array(sorted(range(len(totals)), key=lambda row: (-totals[row], panel.models[row])))
    names, hits, totals = [panel.models[row] for row in order.tolist()], hits[order], totals[order]
    low, high = percentile_bounds(
        np.stack([rank_descending(resample) for resample in resample_hits(hits, replicates=replicates, seed=seed)])
    )
    tests = compare_every_pair(panel) if tests is None else tests
    by_original = None
    if has_original.any():
        by_original = np.count_nonzero(panel.is_original_hit[order][:, has_original], axis=1)
    return Ranking(
        models=tuple(names),
        real_accuracies=_make_accuracies(totals, hits.shape[1]),
        original_accuracies=None
        if by_original is None
        else _make_accuracies(by_original, int(np.count_nonzero(has_original))),
        ranks=rank_descending(totals),
        original_ranks=None if by_original is None else rank_descending(by_original),
        rank_low=low,
        rank_high=high,
        neighbours=tuple(compare(panel, a, b, tests=tests) for a, b in pairwise(names)),
        gaps=_find_gaps(tests, order),
        replicates=replicates,
        seed=seed,
    )


def _make_accuracies(hits: npt.NDArray[np.integer], n_images: int) -> tuple[Proportion, ...]:
    return tuple(Proportion(n_hits, n_images) for n_hits in hits.tolist())


def _find_gaps(tests: PairwiseTests, order: _Ints) -> SignificantGaps | None:
    """Find pairs of models that differ significantly by original or reassessed labels."""
    if tests.original_tests is None or tests.lead_change_tests is None:
        return None
    a, b = np.triu_indices(len(order), 1)
    pairs = order[a], order[b]
    real, original, change = (
        kind.winner_signs[pairs] for kind in (tests.reassessed_tests, tests.original_tests, tests.lead_change_tests)
    )
    better_first, gaining_first = (np.where(sign > 0, (a, b), (b, a)).T for sign in (original, change))
    is_lost = (original != 0) & (change == -original)
    return SignificantGaps(
        n_pairs=a.size,
        n_by_original=int(np.count_nonzero(original)),
        n_by_real=int(np.count_nonzero(real)),
        changed_pairs=gaining_first[change != 0],
        vanished_pairs=better_first[is_lost & (real == 0)],
        reversed_pairs=better_first[is_lost & (real == -original)],
    )
