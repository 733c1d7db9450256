"""Constant raters: they give nearly always the same answer, whatever the item shows.

A model of raters can take the answer of many constant raters for the truth, since it predicts their votes well. A rater
is constant if all of this holds, where *others* are the other votes on the items that the rater voted on:

1. At least 90 % of the rater's votes are for one answer.
2. The rater gives this answer significantly more often than the others: with the others' share of this answer, the
   probability of as many votes for it is below 1e-6, divided by the number of raters. So raters who often say no
   because most items are invalid are not constant.
3. Where the rater gives another answer, the others do not give it significantly more often (5 %). So a rater with few,
   but correct other answers is not constant.

If fewer than half of the items have a vote of a rater who is not constant, no rater counts as constant.

Source: condition 3 is a one-sided test of two means. Condition 2 is a binomial test with Bonferroni's correction.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.core import Id, Votes
from reassess.core.items import rank_names
from reassess.text import count_noun, join_first

_MIN_SHARE = 0.9  # of a rater's votes that are for the same answer
_CONSTANT_LEVEL, _DEPENDENCE_LEVEL = 1e-6, 0.05  # significance levels of conditions 2 and 3
_PSEUDO_VOTES = 1.0  # of others, for the rater's answer and for other answers, on all items of a rater together
_TINY = np.finfo(float).tiny

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ConstantRaters:
    """Raters who nearly always give the same answer, whatever the item shows."""

    raters: tuple[Id, ...]
    vote_share: float  # share of votes by these raters

    def describe_problem(self) -> str:
        """Return the text of a warning; empty without such raters."""
        if not self.raters:
            return ""
        raters, give = count_noun(len(self.raters), "rater"), "gives" if len(self.raters) == 1 else "give"
        return (
            f"{raters} with {self.vote_share:.0%} of the votes nearly always {give} the same answer, whatever the item "
            f"shows: {join_first(self.raters)}. These votes are not used"
        )


def find_constant_raters(votes: Votes) -> ConstantRaters:
    """Find raters who nearly always give the same answer, whatever the item shows.

    The result does not depend on the order or the names of items and raters. Without names of raters, none are found.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 100)
    >>> answers = np.where(rng.random((6, 100)) < 0.8, truth, 1 - truth)
    >>> answers[5] = 1
    >>> rater_ids, item_ids = np.indices(answers.shape).reshape(2, -1)
    >>> votes = Votes.from_columns(range(100), item_ids, rater_ids, answers.ravel(), "abcdef", ("no", "yes"))
    >>> find_constant_raters(votes).raters
    ('f',)
    """
    from scipy.stats import binom, norm

    if votes.is_anonymous or not len(votes):
        return ConstantRaters((), 0.0)

    counts, n_raters = votes.counts_by_rater(), len(votes.raters)
    main_answers, n_votes = counts.argmax(axis=1), counts.sum(axis=1)
    is_main = votes.answer_ids == main_answers[votes.rater_ids]
    shares, has_others = _count_main_answers_of_others(votes, main_answers, is_main)

    def total(values: npt.NDArray[np.number] | npt.NDArray[np.bool_]) -> Floats:
        """Sum values over the votes of each rater on items with other votes."""
        return np.bincount(votes.rater_ids, values * has_others, n_raters).astype(np.float64)

    n_compared, n_main = total(has_others), total(is_main)
    n_other = n_compared - n_main
    chance = (total(shares) + _PSEUDO_VOTES) / (n_compared + 2 * _PSEUDO_VOTES)
    is_frequent = binom.sf(n_main - 1, n_compared, chance) * n_raters < _CONSTANT_LEVEL
    mean = total(shares) / np.maximum(n_compared, 1)
    variance = total((shares - mean[votes.rater_ids]) ** 2) / np.maximum(n_compared - 1, 1)
    difference = total(shares * is_main) / np.maximum(n_main, 1) - total(shares * ~is_main) / np.maximum(n_other, 1)
    errors = np.sqrt(variance * (1 / np.maximum(n_main, 1) + 1 / np.maximum(n_other, 1)))
    is_dependent = (n_other > 0) & (norm.sf(difference / np.maximum(errors, _TINY)) < _DEPENDENCE_LEVEL)
    is_constant = is_frequent & ~is_dependent & (counts.max(axis=1) >= _MIN_SHARE * n_votes)
    other_items = votes.item_ids[~is_constant[votes.rater_ids]]
    if 2 * np.unique(other_items).size < np.count_nonzero(votes.sizes):
        return ConstantRaters((), 0.0)
    order = np.lexsort((rank_names(votes.raters), -n_votes))
    names = tuple(votes.raters[rater] for rater in order[is_constant[order]].tolist())
    return ConstantRaters(names, float(n_votes[is_constant].sum() / len(votes)))


def _count_main_answers_of_others(
    votes: Votes, main_answers: npt.NDArray[np.integer], is_main: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """For each vote, return the share of the other votes on its item that have the rater's main answer.

    Also return whether the item has other votes.
    """
    n_answers, items = len(votes.answers), votes.item_ids
    codes, n_equal = np.unique(items * n_answers + votes.answer_ids, return_counts=True)
    wanted = items * n_answers + main_answers[votes.rater_ids]
    rows = np.minimum(np.searchsorted(codes, wanted), codes.size - 1)
    n_others = votes.sizes[items] - 1
    n_main = np.where(codes[rows] == wanted, n_equal[rows], 0) - is_main
    return n_main / np.maximum(n_others, 1), n_others > 0
