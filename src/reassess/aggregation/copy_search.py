"""The search for suspect groups: raters who agree more than their skills explain.

Only the agreement of pairs of raters is used:

1. Two independent raters r and s agree on an item with probability p = c + k_r k_s. Here c is their agreement by
   chance, from their shares of answers, and k_r is the skill of r: how much the answers of r depend on the truth.
   Skills are estimated by least squares from the agreement of all pairs, without pairs inside the groups of step 3.
2. Copiers agree with probability p + 0.7 (1 - p). The evidence for a pair is the log likelihood ratio of both
   hypotheses. The evidence for a group of raters is the sum over its pairs, times a factor: m votes of a group on an
   image are only m - 1 independent agreements, but m (m - 1) / 2 pairs.
3. A group of g raters is suspect if its evidence is above log(C(R, g)) + log(R / 0.05), where R is the number of
   raters. If raters are independent and p is known, a likelihood ratio of independent agreements has mean 1. So by the
   union bound over the groups of each size, and over the sizes, a suspect group exists with a probability of at most
   5 %. Since p is estimated, this holds only approximately.
4. Steps 1 to 3 are repeated until the suspect groups stay the same. At first, all raters have the same skill.

A group with more than half of all votes is not searched, because the other votes cannot show that it is wrong.

Sources: step 3 is Markov's inequality for likelihood ratios, as in Vovk and Wang, Annals of Statistics 49 (2021). The
search starts from an eigenvector, as in Newman, PNAS 103 (2006).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.aggregation.agreement import image_or_item_ids
from reassess.core import Votes

_COPIED_SHARE = 0.7  # share of the disagreements of independent raters that copiers do not have
_LEVEL = 0.05  # probability of a suspect group if raters are independent
_MAX_VOTE_SHARE = 0.5  # of a group
PRIOR_ITEMS = 5.0  # a rater's skill is pulled to the median skill, as by this number of common items
_MIN_PROBABILITY = 0.005  # of agreement, and of disagreement
_MAX_ROUNDS, _MAX_FIT_STEPS, _MAX_STEPS = 20, 200, 50
_TOLERANCE = 1e-4  # of skills

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RaterPairs:
    """Pairs of raters with common items: arrays of shape (pairs,), and what scores of groups need."""

    first: Ints
    second: Ints
    n_common: Ints
    n_equal: Ints
    chance: Floats  # probability that both give the same answer on two random items
    n_votes: Ints  # of each rater
    votes: Votes
    item_ids: Ints  # of each vote
    image_ids: Ints  # of each item
    template: Any  # sparse matrix of the position of each pair, shape (raters, raters)

    @classmethod
    def from_votes(cls, votes: Votes) -> "RaterPairs":
        """Count common items and equal answers of all pairs."""
        from reassess.numeric.vote_kernels import fill_order_by_id, list_rater_pairs

        starts, order = np.zeros(len(votes.raters) + 1, np.int64), np.empty(len(votes), np.int64)
        fill_order_by_id(votes.rater_ids, starts, order)
        first, second, n_common, n_equal = list_rater_pairs(
            order, starts, votes.item_ids, votes.indptr, votes.rater_ids, votes.answer_ids
        )
        chance = _chance_agreement(votes, first, second)
        return cls(
            first=first,
            second=second,
            n_common=n_common,
            n_equal=n_equal,
            chance=chance,
            n_votes=np.diff(starts),
            votes=votes,
            item_ids=votes.item_ids,
            image_ids=image_or_item_ids(votes),
            template=_arrange_positions(first, second, len(votes.raters)),
        )

    @property
    def n_raters(self) -> int:
        """Number of raters with votes."""
        return int(np.count_nonzero(self.n_votes))

    def arrange(self, values: npt.NDArray[Any]) -> Any:
        """Arrange values of pairs as a symmetric sparse matrix, shape (raters, raters)."""
        from scipy.sparse import csr_array

        template = self.template
        return csr_array((values[template.data], template.indices, template.indptr), shape=template.shape)

    def agreement_probabilities(self, skills: Floats, *, allowance: float = 1.0) -> Floats:
        """Compute the probability that independent raters of these skills agree."""
        explained = skills[self.first] * skills[self.second]
        explained = np.maximum(explained, allowance * explained)
        return np.clip(self.chance + explained, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)

    def evidence(self, skills: Floats, *, allowance: float = 1.0) -> Floats:
        """Compute the log likelihood ratio of copiers and independent raters."""
        independent = self.agreement_probabilities(skills, allowance=allowance)
        copied = independent + _COPIED_SHARE * (1 - independent)
        n_different = self.n_common - self.n_equal
        return np.asarray(self.n_equal * np.log(copied / independent) + n_different * np.log(1 - _COPIED_SHARE))

    def score(self, evidence: Any, members: Mask) -> float:
        """Compute the evidence for a group, minus the evidence that a significant group needs."""
        total = float(members @ (evidence @ members)) / 2
        if total <= 0:
            return -np.inf
        needed = float(_needed_evidence(self.n_raters)[np.count_nonzero(members)])
        return total * self._independent_share(members) - needed

    def _independent_share(self, members: Mask) -> float:
        """Return the number of independent agreements of a group per pair of its votes on the same item."""
        rows = np.flatnonzero(members[self.votes.rater_ids])
        sizes = np.bincount(self.item_ids[rows])
        n_pairs = (sizes * (sizes - 1) // 2).sum()
        rows = rows[sizes[self.item_ids[rows]] > 1]
        images = self.image_ids[self.item_ids[rows]]
        distinct = np.unique(images * np.int64(members.size) + self.votes.rater_ids[rows])
        n_independent = distinct.size - np.unique(images).size
        return float(min(1.0, n_independent / max(n_pairs, 1)))


def _arrange_positions(first: Ints, second: Ints, n_raters: int) -> Any:
    """Arrange the positions of pairs as a symmetric sparse matrix."""
    from scipy.sparse import coo_array

    positions, ids = np.arange(first.size), (np.append(first, second), np.append(second, first))
    return coo_array((np.append(positions, positions), ids), shape=(n_raters, n_raters)).tocsr()


def _chance_agreement(votes: Votes, first: Ints, second: Ints) -> Floats:
    """Compute the probability that two raters give the same answer on two random items; shape (pairs,)."""
    from reassess.numeric.vote_kernels import multiply_rows

    counts = votes.counts_by_rater().astype(np.float64)
    counts += counts.sum(axis=0) / max(len(votes), 1) * len(votes.answers)  # one vote per answer, in mean shares
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    chance = np.empty(first.size)
    multiply_rows(shares, first, second, chance)
    return chance


def _needed_evidence(n_raters: int) -> Floats:
    """Return the evidence that a group of each size needs; float64, shape (raters + 1,)."""
    from scipy.special import gammaln

    sizes = np.arange(n_raters + 1)
    log_groups = gammaln(n_raters + 1) - gammaln(sizes + 1) - gammaln(n_raters - sizes + 1)
    return np.asarray(log_groups + np.log(n_raters / _LEVEL))


def find_suspect_groups(pairs: RaterPairs) -> tuple[Floats, list[Mask]]:
    """Find groups that agree more than skills explain, where skills come from pairs outside these groups."""
    n_raters = pairs.n_votes.size
    excess = (pairs.n_equal - pairs.n_common * pairs.chance).sum() / max(pairs.n_common.sum(), 1)
    skills = np.full(n_raters, np.sqrt(max(excess, 0.01)))
    seen: set[tuple[int, ...]] = set()
    for _ in range(_MAX_ROUNDS):
        groups = _search_groups(pairs, skills)
        group_of_rater = np.arange(n_raters)
        for members in groups:
            group_of_rater[members] = np.flatnonzero(members)[0]
        key = tuple(group_of_rater.tolist())
        if key in seen:
            break
        seen.add(key)
        is_outside = group_of_rater[pairs.first] != group_of_rater[pairs.second]
        skills = _fit_skills(pairs, is_outside, skills)
    return skills, groups


def _fit_skills(pairs: RaterPairs, is_used: Mask, skills: Floats) -> Floats:
    """Fit skills to the agreement of some pairs, by alternating least squares."""
    weights = pairs.arrange(pairs.n_common * is_used)
    excess = pairs.arrange((pairs.n_equal - pairs.n_common * pairs.chance) * is_used)
    for _ in range(_MAX_FIT_STEPS):
        prior = np.median(skills[pairs.n_votes > 0])
        best = (excess @ skills + PRIOR_ITEMS * prior) / (weights @ skills**2 + PRIOR_ITEMS)
        change = np.clip(best, -1, 1) - skills
        skills = skills + change / 2
        if np.abs(change).max() < _TOLERANCE:
            break
    return skills


def _search_groups(pairs: RaterPairs, skills: Floats) -> list[Mask]:
    """Search disjoint groups of raters with significant evidence, the most significant group first."""
    probabilities = pairs.agreement_probabilities(skills)
    residuals = (pairs.n_equal - pairs.n_common * probabilities) / np.sqrt(probabilities * (1 - probabilities))
    evidence = pairs.evidence(skills)
    groups: list[Mask] = []
    is_free = np.ones(skills.size, np.bool_)
    while True:
        is_used = is_free[pairs.first] & is_free[pairs.second]
        values, matrix = evidence * is_used, pairs.arrange(evidence * is_used)
        if not (values > 0).any():
            return groups
        starts = _start_groups(pairs, values, _leading_eigenvector(pairs.arrange(residuals * is_used)))
        candidates = [_move_members(matrix, start, is_free, pairs) for start in starts]
        scores = [pairs.score(matrix, members) for members in candidates]
        best = int(np.argmax(scores))
        if scores[best] <= 0:
            return groups
        groups.append(candidates[best])
        is_free = is_free & ~candidates[best]


def _leading_eigenvector(matrix: Any) -> Floats:
    """Approximate the eigenvector of the largest eigenvalue of a symmetric matrix, by power iteration."""
    shift = float(abs(matrix).sum(axis=1).max())  # so that no eigenvalue is negative
    vector = np.ones(matrix.shape[0])
    for _ in range(_MAX_STEPS):
        vector = matrix @ vector + shift * vector
        vector /= max(float(np.linalg.norm(vector)), np.finfo(float).tiny)
    return vector


def _start_groups(pairs: RaterPairs, evidence: Floats, vector: Floats) -> list[Mask]:
    """Return three groups: the best raters at each end of the order by `vector`, and the best pair."""
    starts = []
    needed = _needed_evidence(vector.size)[1:]
    for values in (vector, -vector):
        order = np.argsort(-values, kind="stable")
        rank = np.argsort(order)
        last = np.maximum(rank[pairs.first], rank[pairs.second])
        scores = np.cumsum(np.bincount(last, evidence, vector.size)) - needed
        scores[np.cumsum(pairs.n_votes[order]) > _MAX_VOTE_SHARE * pairs.n_votes.sum()] = -np.inf
        starts.append(rank <= np.argmax(scores))
    best = int(np.argmax(evidence))
    pair = np.zeros(vector.size, np.bool_)
    pair[[pairs.first[best], pairs.second[best]]] = True
    return [*starts, pair]


def keep_members(evidence: Any, members: Mask, pairs: RaterPairs) -> Mask:
    """Remove raters without enough evidence from a group, until no rater is left without it."""
    return _move_members(evidence, members, members, pairs)


def _move_members(evidence: Any, members: Mask, is_free: Mask, pairs: RaterPairs) -> Mask:
    """Repeat: the members are the raters with enough evidence for each; none if they have too many votes."""
    for _ in range(_MAX_STEPS):
        moved = (evidence @ members > np.log(pairs.n_raters)) & is_free
        if (moved == members).all():
            break
        members = moved
    if pairs.n_votes[members].sum() > _MAX_VOTE_SHARE * pairs.n_votes.sum():
        return np.zeros_like(members)
    return members
