"""Agreement of raters: Krippendorff's alpha, and pairs of raters who agree too often to be independent."""

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.core import KNOWN_ANSWERS, Id, Questions, RaterModel, Votes
from reassess.core.items import are_questions
from reassess.errors import ConvergenceWarning
from reassess.numeric.proportions import adjust_p_values
from reassess.text import Printable

Metric = Literal["nominal", "ordinal"]
Floats = npt.NDArray[np.float64]

_COUNTS_PER_BLOCK = 1 << 20
_SIGNIFICANCE_LEVEL = 0.05  # familywise error rate of the test of rater pairs
_MIN_CLUSTERS = 20  # a sum over fewer images is not close to a normal distribution
_MIN_RATERS = 3  # with two raters, the model can explain any agreement
_MIN_PAIRS = 3  # with one or two pairs, none can differ from the median pair
_MAX_CELLS = 1 << 24  # raters x raters x truths
_SMOOTHING = 0.1  # more would flatten matrices from few votes, so that they predict too little agreement
_NORMAL_SPREAD_RATIO = 1.4826  # standard deviation of a normal distribution, over its median distance from the median
_TOLERANCE = 1e-4  # of posteriors; enough for expected agreements


def krippendorff_alpha(votes: Votes, *, metric: Metric = "ordinal") -> float | None:
    """Compute Krippendorff's alpha: 1 minus the ratio of observed to expected disagreement.

    Items may have any number of votes; items with fewer than two votes are ignored. Two votes by the same rater on an
    item count as two votes, like votes by two raters. None if the expected disagreement is 0.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections C and E.
    """
    pairs = count_coincidences(votes)
    totals = pairs.sum(axis=0)
    distance = _squared_distances(totals, metric)
    expected = float(totals @ distance @ totals)
    if expected == 0:
        return None
    return 1 - (float(totals.sum()) - 1) * float((pairs * distance).sum()) / expected


def count_coincidences(votes: Votes) -> Floats:
    """Count ordered pairs of votes on the same item, by first and second answer; shape (answers, answers).

    Each pair on an item with m votes has weight 1 / (m - 1), so that each vote counts once. The pairs are counted as
    integers, block by block, and weighted at the end: the result does not depend on the order of the items.
    """
    width = len(votes.answers)
    pairs: dict[int, Floats] = {}
    block = max(1, _COUNTS_PER_BLOCK // max(width, 1))
    for start in range(0, len(votes.items), block):
        counts = _count_answers(votes, start, min(start + block, len(votes.items)))
        sizes = counts.sum(axis=1)
        for size in np.unique(sizes[sizes > 1]).tolist():
            part = counts[sizes == size]
            part_pairs = part.T @ part - np.diag(part.sum(axis=0))  # without pairs of a vote with itself
            pairs[size] = pairs.get(size, 0) + part_pairs
    return sum((pairs[size] / (size - 1) for size in sorted(pairs)), np.zeros((width, width)))


def default_metric(votes: Votes) -> Metric:
    """Return the metric for Krippendorff's alpha: ordinal if the answers have an order, otherwise nominal.

    Answers to (image, class) questions have an order. So do numbers, and no, maybe and yes.
    """
    if votes.classes is not None:
        return "nominal"
    if are_questions(votes.items):
        return "ordinal"
    words = [answer for answer in votes.answers if isinstance(answer, str)]
    return "ordinal" if set(words) <= set(KNOWN_ANSWERS) else "nominal"


def _count_answers(votes: Votes, first_item: int, end_item: int) -> Floats:
    """Count votes by item and answer, for the items from `first_item` to `end_item` (excluded), as floats."""
    width, n_items = len(votes.answers), end_item - first_item
    indptr = votes.indptr[first_item : end_item + 1]
    answer_ids = votes.answer_ids[indptr[0] : indptr[-1]]
    cells = np.repeat(np.arange(n_items) * width, np.diff(indptr)) + answer_ids
    return np.bincount(cells, minlength=n_items * width).reshape(-1, width).astype(np.float64)


def _squared_distances(vote_counts: Floats, metric: Metric) -> Floats:
    """Compute the squared distance of each pair of answers, as in Krippendorff's alpha.

    Ordinal distances are between the mean ranks of answers, so they depend on the number of votes for each answer.
    """
    if metric == "nominal":
        return 1 - np.eye(vote_counts.size)
    middle = np.cumsum(vote_counts) - vote_counts / 2  # the mean rank of the votes for each answer
    squared: Floats = np.subtract.outer(middle, middle) ** 2
    return squared


@dataclass(frozen=True)
class RaterPair:
    """How often two raters agree, and how often they are expected to agree."""

    raters: tuple[Id, Id]
    n_common: int  # items with votes by both
    n_clusters: int  # images of these items; if the items have no images, the number of items
    n_agreements: int  # items where they agree
    expected_agreements: float  # expected number of agreements, if they were independent given the truth
    z: float  # agreements beyond the expected ones, compared with the other pairs: see `find_dependent_raters`

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        return {
            "raters": list(self.raters),
            "common": self.n_common,
            "images": self.n_clusters,
            "agreed": self.n_agreements,
            "expected": self.expected_agreements,
            "z": self.z,
        }


@dataclass(frozen=True, repr=False)
class Dependence(Printable):
    """Results of the test for dependent raters: pairs that agree too often, and the number of tested pairs."""

    pairs: tuple[RaterPair, ...]  # pairs that agree too often, the highest z first
    # Number of tested pairs: pairs with at least 20 common images, if there are at least three such pairs. 0 if there
    # are fewer than three raters, or too many for the test.
    n_tested: int
    n_untested: int  # number of other pairs with a common item
    # Excess agreement of the median tested pair, in standard errors. All raters share it, for example because some
    # items are hard for everyone.
    median_excess_agreement: float = 0.0
    excess_agreement_spread: float = 1.0  # robust standard deviation of the pairs' excess agreement, at least 1

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        pairs = [pair.to_json() for pair in self.pairs]
        counts = {"tested": self.n_tested, "untested": self.n_untested}
        return {
            "level": _SIGNIFICANCE_LEVEL,
            **counts,
            "median": self.median_excess_agreement,
            "spread": self.excess_agreement_spread,
            "pairs": pairs,
        }


def find_dependent_raters(votes: Votes) -> Dependence:
    """Find pairs of raters who agree more often than expected from their confusion matrices and from other pairs.

    Matrices and prior come from EM on the votes, where the truths are the answers. For each item with votes by both
    raters, the probability of agreement follows from their matrices and from the posterior of the truth given the other
    votes. The excess of a pair is its number of agreements minus the sum of these probabilities, divided by its
    standard error. The squared standard error is the larger of two values: the variance if all items were independent,
    and the sum over images of the squared excess, because questions about the same image are dependent.

    Some items are harder than others for everyone, so all pairs agree more than the matrices predict. So each excess is
    compared with the median excess:

        z = (excess - median excess of all pairs) / spread,

    where the spread is 1.4826 times the median distance of the pairs from their median, or 1 if that is larger. A pair
    is reported if its z is significant among all tested pairs (one-sided, familywise level 5 %, by Holm's method). If a
    rater votes several times on an item, the first vote counts.

    Sources: Dawid and Skene (1979) for the matrices; Albert and Dodd, Biometrics 60 (2004), for the residual
    correlation of two raters as a check of conditional independence; Holm, Scandinavian Journal of Statistics 6 (1979),
    for the correction; Efron, Journal of the American Statistical Association 99 (2004), for the empirical null.

    Limits: the test finds pairs and groups that agree more than the other raters. It does not find agreement that most
    raters share: if most raters copy from one source, the median pair does too. It does not show who copies from whom,
    and cannot distinguish copying from seeing images in the same way. EM may take copied answers for the truth: if at
    most ten raters vote on every item, the test may miss two raters who always agree, and instead report pairs of the
    other raters, who agree more than this wrong truth explains.
    """
    raters, answers = len(votes.raters), len(votes.answers)
    if raters < _MIN_RATERS or not len(votes) or raters**2 * answers > _MAX_CELLS:
        return Dependence(pairs=(), n_tested=0, n_untested=0)
    votes = keep_first_votes(votes)
    sums = _sum_agreements(votes, _fit_rater_model(votes))
    first, second = np.nonzero(sums[..., 5] >= _MIN_CLUSTERS)
    if first.size < _MIN_PAIRS:
        first, second = first[:0], second[:0]
    excesses = [_make_rater_pair(votes, r, s, sums[r, s]) for r, s in zip(first.tolist(), second.tolist(), strict=True)]
    untested = int(np.count_nonzero(sums[..., 0])) - len(excesses)
    median, spread = _median_and_robust_spread([pair.z for pair in excesses])
    pairs = [replace(pair, z=(pair.z - median) / spread) for pair in excesses]
    return Dependence(
        pairs=_select_significant(pairs),
        n_tested=len(pairs),
        n_untested=untested,
        median_excess_agreement=median,
        excess_agreement_spread=spread,
    )


def image_or_item_ids(votes: Votes) -> npt.NDArray[np.int64]:
    """Return the image of each (image, class) question, or the item itself; int64, shape (items,)."""
    if isinstance(votes.items, Questions):
        return votes.items.image_ids.astype(np.int64)
    return np.arange(len(votes.items))


def keep_first_votes(votes: Votes) -> Votes:
    """Keep only the first vote of each rater on each item."""
    keys = votes.item_ids * len(votes.raters) + votes.rater_ids
    _, kept = np.unique(keys, return_index=True)
    if kept.size == len(votes):
        return votes
    kept.sort()
    return Votes.from_columns(
        items=votes.items,
        item_ids=votes.item_ids[kept],
        rater_ids=votes.rater_ids[kept],
        answer_ids=votes.answer_ids[kept],
        raters=votes.raters,
        answers=votes.answers,
    )


def _fit_rater_model(votes: Votes) -> RaterModel:
    """Estimate the raters' confusion matrices by EM; the possible truths are the possible answers."""
    # Expected agreements hardly change after thousands of slow EM steps, so convergence does not matter.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return fit_dawid_skene(
            votes,
            truths=votes.answers,
            answer_weights=np.eye(len(votes.answers)),
            smoothing=_SMOOTHING,
            pooling=0,
            tolerance=_TOLERANCE,
        ).model


def _sum_agreements(votes: Votes, model: RaterModel) -> Floats:
    """Sum observed and expected agreement of each pair of raters; six sums, shape (raters, raters, 6)."""
    from reassess.numeric.vote_kernels import compare_raters

    matrices = model.matrices_of(votes.raters)
    by_truth = matrices.transpose(1, 0, 2)
    agreement = np.ascontiguousarray((by_truth @ by_truth.transpose(0, 2, 1)).transpose(1, 2, 0))
    clusters = image_or_item_ids(votes)
    # The six sums of a pair: common items, agreements, expected agreements, the variance of agreements, the sum over
    # images of the squared excess, and common images.
    sums = np.zeros((len(votes.raters), len(votes.raters), 6))
    compare_raters(
        np.argsort(clusters, kind="stable"),
        clusters,
        votes.indptr,
        votes.rater_ids,
        votes.answer_ids,
        np.ascontiguousarray(np.log(matrices).transpose(0, 2, 1)),
        np.log(np.maximum(model.prior, np.finfo(float).tiny)),
        agreement,
        sums,
    )
    return sums


def _make_rater_pair(votes: Votes, first_rater: int, second_rater: int, agreement_sums: Floats) -> RaterPair:
    """Create a `RaterPair` from its six sums; z is the excess agreement divided by its standard error."""
    common, agreed, expected, variance, clustered, clusters = agreement_sums.tolist()
    error = max(variance, clustered) ** 0.5
    z = (agreed - expected) / error if error > 0 else 0.0
    return RaterPair(
        raters=(votes.raters[first_rater], votes.raters[second_rater]),
        n_common=int(common),
        n_clusters=int(clusters),
        n_agreements=int(agreed),
        expected_agreements=expected,
        z=z,
    )


def _median_and_robust_spread(excess_agreements: list[float]) -> tuple[float, float]:
    """Compute median and robust standard deviation of excess agreements; a deviation below 1 becomes 1."""
    if not excess_agreements:
        return 0.0, 1.0
    median = float(np.median(excess_agreements))
    return median, max(1.0, _NORMAL_SPREAD_RATIO * float(np.median(np.abs(np.array(excess_agreements) - median))))


def _select_significant(pairs: list[RaterPair]) -> tuple[RaterPair, ...]:
    """Select the pairs whose z is significant by Holm's method; the highest z comes first."""
    from scipy.special import ndtr

    ranked = sorted(pairs, key=lambda pair: -pair.z)
    p_values = adjust_p_values([float(ndtr(-pair.z)) for pair in ranked])
    return tuple(pair for pair, p_value in zip(ranked, p_values, strict=True) if p_value <= _SIGNIFICANCE_LEVEL)
