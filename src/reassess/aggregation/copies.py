"""Copies: groups of raters whose answers agree beyond what their accuracy explains.

Copies are found before any model of raters is fitted, because a model takes answers that many raters copied for the
truth. Module `copy_search` describes the search for suspect groups. Raters can also agree because they make the same
mistakes, for example on hard items. If most raters do so, the most accurate raters look like copies. So a suspect group
counts as copies only if its evidence stays significant when each product of skills is 1.25 times as large. The other
suspect raters are unclear: they can be copies, or better than the other raters. In this test, skills are at their upper
bounds, because they are uncertain if the other raters hardly agree, or have few items in common with the group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.aggregation.copy_search import PRIOR_ITEMS, Floats, Mask, RaterPairs, find_suspect_groups, keep_members
from reassess.aggregation.vote_folds import select_votes
from reassess.core import Id, Votes
from reassess.core.checks import check_known
from reassess.core.items import rank_names
from reassess.numeric.arrays import allocate_like
from reassess.text import count_noun, join_first

_ALLOWANCE = 1.25  # factor of the agreement that accuracy explains, before a suspect group counts as copies
_MIN_UNCLEAR_SHARE = 0.1  # share of votes by unclear raters that a warning needs
_MIN_RATERS = 3
_N_ERRORS = 2  # number of standard errors
_EXCLUDED = -2  # in place of the number of a group; -1 is a rater without a group
_MAX_VARIANCE = 0.25  # of the agreement on one item

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copies:
    """Raters whose answers agree beyond what their accuracy explains."""

    groups: tuple[tuple[Id, ...], ...]  # each group counts as one rater; the rater with most votes comes first
    unclear: tuple[Id, ...]  # raters who can be copies, or can be better than the other raters
    group_share: float  # share of votes by the raters of groups
    unclear_share: float  # share of votes by unclear raters

    def describe_problem(self, *, has_golden: bool = False) -> str:
        """Return the text of a warning; empty without copies, and if unclear raters have few votes.

        Unclear raters are not a problem with golden answers, which show how good they are.
        """
        texts = []
        if self.groups:
            names = "; ".join(join_first(group) for group in self.groups).replace("\n", "\\n")
            raters = count_noun(sum(map(len, self.groups)), "rater")
            texts.append(
                f"{raters} with {self.group_share:.0%} of the votes agree more than their accuracy explains, as if "
                f"they copied from each other: {names}. Each group counts as one rater"
            )
        if has_golden:
            return "".join(texts)
        if self.unclear_share >= _MIN_UNCLEAR_SHARE:
            texts.append(
                f"{count_noun(len(self.unclear), 'rater')} with {self.unclear_share:.0%} of the votes can be copies, "
                f"or can be better than the other raters: {join_first(self.unclear)}. Votes cannot show which"
            )
        advice = (
            "Without golden answers, no method is reliable on such votes: get golden answers, or remove these raters"
        )
        return ". ".join([*texts, advice]) if texts else ""


def find_copies(votes: Votes) -> Copies:
    """Find groups of raters whose answers agree beyond what their accuracy explains.

    The result does not depend on the order or the names of items and raters. If a rater votes several times on an item,
    the most frequent answer counts. Without names of raters, with fewer than three raters or with one vote per item,
    no groups are found.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 200)
    >>> answers = np.where(rng.random((12, 200)) < 0.8, truth, 1 - truth)
    >>> answers[9:] = answers[8]  # three raters copy from rater i
    >>> rater_ids, item_ids = np.indices(answers.shape).reshape(2, -1)
    >>> votes = Votes.from_columns(range(200), item_ids, rater_ids, answers.ravel(), "abcdefghijkl", ("no", "yes"))
    >>> copies = find_copies(votes)
    >>> copies.groups
    (('i', 'j', 'k', 'l'),)
    >>> merge_copies(votes, copies.groups)
    Votes(1,800 votes by 12 raters on 200 items, answers no, yes)
    """
    if votes.is_anonymous or len(votes.raters) < _MIN_RATERS:
        return Copies((), (), 0.0, 0.0)
    one_per_rater = _select_votes_of_groups(votes, np.arange(len(votes.raters)), np.zeros(len(votes.raters)))
    votes = select_votes(votes, one_per_rater)
    pairs = RaterPairs.from_votes(votes)
    if not pairs.first.size:
        return Copies((), (), 0.0, 0.0)
    skills, suspects = find_suspect_groups(pairs)
    groups = [copies for members in suspects if (copies := _confirm_group(pairs, skills, members)).any()]
    no_rater = np.zeros(len(votes.raters), np.bool_)
    is_copy = np.any([no_rater, *groups], axis=0)
    is_unclear = np.any([no_rater, *suspects], axis=0) & ~is_copy
    order = np.lexsort((rank_names(votes.raters), -pairs.n_votes))
    return Copies(
        groups=tuple(_names(votes, order[members[order]]) for members in groups),
        unclear=_names(votes, order[is_unclear[order]]),
        group_share=float(pairs.n_votes[is_copy].sum() / len(votes)),
        unclear_share=float(pairs.n_votes[is_unclear].sum() / len(votes)),
    )


def _confirm_group(pairs: RaterPairs, skills: Floats, members: Mask) -> Mask:
    """Return the members of a suspect group who are copies even if their skills are as high as possible."""
    bounds = _bound_skills(pairs, skills, members)
    evidence = pairs.arrange(pairs.evidence(bounds, allowance=_ALLOWANCE))
    members = keep_members(evidence, members, pairs)
    return members if pairs.score(evidence, members) > 0 else np.zeros_like(members)


def _bound_skills(pairs: RaterPairs, skills: Floats, members: Mask) -> Floats:
    """Compute upper bounds of the skills of a group's members, at two standard errors.

    These skills come from the agreement of members with other raters, which is divided by the skills of the others. So
    two errors count: of the scale of the others' skills, and of the mean agreement with others.
    """
    first, second = skills[pairs.first], skills[pairs.second]
    is_first, is_second = members[pairs.first], members[pairs.second]
    is_outside, is_across = ~(is_first | is_second), is_first ^ is_second
    n_common = pairs.n_common / _MAX_VARIANCE
    strength = float((n_common * (first * second) ** 2)[is_outside].sum())
    # Skills fitted to random agreement have a strength of 2 per parameter: for a symmetric matrix of n random rows with
    # variance 1, the largest eigenvalue is 2 sqrt(n). The prior makes the number of parameters smaller.
    n_items = pairs.arrange(pairs.n_common * is_outside) @ skills**2
    signal = strength - 2 * float((n_items / (n_items + PRIOR_ITEMS)).sum())
    if signal <= _N_ERRORS**2:
        return np.ones_like(skills)
    scale = np.sqrt(strength / signal / (1 - _N_ERRORS / np.sqrt(signal)))
    information = float((n_common * np.where(is_first, second, first) ** 2)[is_across].sum())
    error = 1 / np.sqrt(max(information, np.finfo(float).tiny))
    return np.asarray(np.minimum(1, scale * (skills + _N_ERRORS * error)))


def _names(votes: Votes, raters: npt.NDArray[np.integer]) -> tuple[Id, ...]:
    return tuple(votes.raters[rater] for rater in raters.tolist())


def merge_copies(votes: Votes, groups: Sequence[Sequence[Id]], *, excluded: Sequence[Id] = ()) -> Votes:
    """Remove the votes of excluded raters, and merge the votes of each group on each item to one vote.

    The vote is the most frequent answer of the group, and is by the group's first rater. If several answers are equally
    frequent, it is the answer of the rater with most votes on all items, then the first answer. All items and raters
    stay; durations are removed. Without groups and excluded raters, the votes do not change; `DataError` for a rater
    who is not among the raters of the votes.
    """
    if not groups and not excluded:
        return votes
    check_known([rater for members in (*groups, excluded) for rater in members], votes.raters, value_name="rater")
    rater_id = {rater: row for row, rater in enumerate(votes.raters)}
    group_of_rater = np.full(len(votes.raters), -1)
    group_of_rater[[rater_id[rater] for rater in excluded]] = _EXCLUDED
    for number, members in enumerate(groups):
        group_of_rater[[rater_id[rater] for rater in members]] = number
    first_raters = np.array([rater_id[members[0]] for members in groups], np.int64)
    n_votes = votes.counts_by_rater().sum(axis=1)
    is_kept = allocate_like(votes.indptr, len(votes), np.bool_)
    rater_ids = allocate_like(votes.indptr, len(votes), np.int32)
    sizes = allocate_like(votes.indptr, len(votes.items), np.int64)
    start = size = 0
    for items, block in votes.split_into_blocks():
        kept = _select_votes_of_groups(block, group_of_rater, n_votes)
        group = group_of_rater[block.rater_ids[kept]]
        merged = block.rater_ids[kept].copy()
        merged[group >= 0] = first_raters[group[group >= 0]]
        is_kept[start : start + len(block)] = kept
        rater_ids[size : size + merged.size] = merged
        sizes[items] = np.bincount(block.item_ids[kept], minlength=len(block.items))
        start, size = start + len(block), size + merged.size
    indptr = allocate_like(votes.indptr, len(votes.items) + 1, np.int64)
    np.cumsum(sizes, out=indptr[1:])
    return replace(
        votes,
        indptr=indptr,
        rater_ids=rater_ids[:size],
        answer_ids=votes.answer_ids[is_kept],
        seconds=None,
    )


def _select_votes_of_groups(votes: Votes, group_of_rater: Ints, n_votes: npt.NDArray[np.number]) -> Mask:
    """Select one vote per item and group, and all votes of other raters who are not excluded; bool, shape (votes,)."""
    group = group_of_rater[votes.rater_ids]
    rows = np.flatnonzero(group >= 0)
    is_kept = np.asarray(group == -1)
    if not rows.size:
        return is_kept
    n_answers = len(votes.answers)
    cells = votes.item_ids[rows] * (group_of_rater.max() + 1) + group[rows]
    codes, first, inverse, counts = np.unique(
        cells * n_answers + votes.answer_ids[rows], return_index=True, return_inverse=True, return_counts=True
    )
    most_votes = np.zeros(codes.size, np.int64)
    np.maximum.at(most_votes, inverse, n_votes[votes.rater_ids[rows]])
    order = np.lexsort((-codes, most_votes, counts, codes // n_answers))
    is_last = np.append(np.diff(codes[order] // n_answers) > 0, True)
    is_kept[rows[first[order[is_last]]]] = True
    return is_kept
