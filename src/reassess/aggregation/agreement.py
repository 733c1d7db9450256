"""Whether raters agree: Krippendorff's alpha, and raters who agree more than their matrices predict."""

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reassess.aggregation.dawid_skene import fit_dawid_skene
from reassess.core import KNOWN_ANSWERS, Id, Questions, RaterModel, Votes
from reassess.errors import ConvergenceWarning
from reassess.numeric.proportions import holm
from reassess.text import Shown

Metric = Literal["nominal", "ordinal"]
Floats = npt.NDArray[np.float64]

_COUNTS_A_BLOCK = 1 << 20
_LEVEL = 0.05  # familywise, of pairs of raters that are not independent
_FEWEST_CLUSTERS = 20  # the normal distribution of a sum over fewer images cannot be relied on
_FEWEST_RATERS = 3  # what two raters say together fits any agreement of theirs
_FEWEST_PAIRS = 3  # of one or two pairs, none can stand out from the median
_MOST_CELLS = 1 << 24  # of raters x raters x truths
_SMOOTHING = 0.1  # more would blunt matrices from few votes, and agreement would seem more than they predict
_NORMAL = 1.4826  # standard deviations of a normal distribution in its median distance from the median
_TOLERANCE = 1e-4  # of posteriors; expected agreements need no more


def alpha(votes: Votes, *, metric: Metric = "ordinal") -> float | None:
    """Krippendorff's alpha: 1 minus observed over expected disagreement.

    Any number of votes on an item will do; an item with one vote, or none, tells nothing. Each vote counts: two votes
    of a rater on an item are two votes, and as good a pair as those of two raters.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections C and E.
    """
    together = coincidences(votes)
    totals = together.sum(axis=0)
    distance = _distance(totals, metric)
    expected = float(totals @ distance @ totals)
    if expected == 0:
        return None
    return 1 - (float(totals.sum()) - 1) * float((together * distance).sum()) / expected


def coincidences(votes: Votes) -> Floats:
    """How often two answers meet on an item, among all ordered pairs of its votes.

    Pairs on an item with m votes count 1 / (m - 1), so that each vote counts once. The pairs are counted in integers,
    block by block, and weighed at the end: the result does not depend on the order of the items.
    """
    width = len(votes.answers)
    pairs: dict[int, Floats] = {}
    block = max(1, _COUNTS_A_BLOCK // max(width, 1))
    for start in range(0, len(votes.items), block):
        counts = _counts(votes, start, min(start + block, len(votes.items)))
        sizes = counts.sum(axis=1)
        for size in np.unique(sizes[sizes > 1]).tolist():
            part = counts[sizes == size]
            met = part.T @ part - np.diag(part.sum(axis=0))  # a vote makes no pair with itself
            pairs[size] = pairs.get(size, 0) + met
    return sum((pairs[size] / (size - 1) for size in sorted(pairs)), np.zeros((width, width)))


def natural_metric(votes: Votes) -> Metric:
    """Ordinal where the answers have an order: those to questions, no, maybe, yes, and numbers; else nominal."""
    if votes.classes is not None:
        return "nominal"
    if isinstance(votes.items, Questions):
        return "ordinal"
    words = [answer for answer in votes.answers if isinstance(answer, str)]
    return "ordinal" if set(words) <= set(KNOWN_ANSWERS) else "nominal"


def _counts(votes: Votes, start: int, stop: int) -> Floats:
    """Votes for each answer on some items; floats, of which products are fast and, of counts below 2^26, exact."""
    width = len(votes.answers)
    answer_ids = votes.answer_ids[votes.indptr[start] : votes.indptr[stop]]
    cells = np.repeat(np.arange(stop - start) * width, np.diff(votes.indptr[start : stop + 1])) + answer_ids
    return np.bincount(cells, minlength=(stop - start) * width).reshape(-1, width).astype(np.float64)


def _distance(totals: Floats, metric: Metric) -> Floats:
    """Squared distance of each two answers, of which `totals` is how often each was given."""
    if metric == "nominal":
        return 1 - np.eye(totals.size)
    middle = np.cumsum(totals) - totals / 2  # the mean rank of the votes for each answer
    squared: Floats = np.subtract.outer(middle, middle) ** 2
    return squared


@dataclass(frozen=True)
class RaterPair:
    """Two raters, and how often they agree."""

    raters: tuple[Id, Id]
    common: int  # items on which both voted
    clusters: int  # images of these items; for plain items the same number
    agreed: int  # items on which they agree
    expected: float  # the same if they were independent given the truth
    # By how many standard errors they agree more than expected, beyond what the median pair does: see `dependence`.
    z: float

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        return {
            "raters": list(self.raters),
            "common": self.common,
            "images": self.clusters,
            "agreed": self.agreed,
            "expected": self.expected,
            "z": self.z,
        }


@dataclass(frozen=True, repr=False)
class Dependence(Shown):
    """Which pairs of raters are not independent."""

    pairs: tuple[RaterPair, ...]  # those that agree more than they should, the highest z first
    # Pairs with 20 images or more in common, if there are three; 0 if there are fewer than three raters, or too many.
    tested: int
    untested: int  # all other pairs
    # By how many standard errors the median tested pair agrees more than expected: what all raters share, such as items
    # that are hard for everyone.
    median: float = 0.0
    spread: float = 1.0  # how far the pairs lie apart, 1 or more

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        pairs = [pair.to_json() for pair in self.pairs]
        counts = {"tested": self.tested, "untested": self.untested}
        return {"level": _LEVEL, **counts, "median": self.median, "spread": self.spread, "pairs": pairs}


def dependence(votes: Votes) -> Dependence:
    """Find the pairs of raters that agree far more than their confusion matrices predict, and more than other pairs do.

    Matrices and prior come from EM on the votes, with a truth for each answer. For each item on which two raters
    voted, the probability that they agree follows from their matrices and from what the other votes say of the truth.
    The agreements beyond the sum of these are measured in standard errors, of which the square is the larger of two:
    the variance if all items were independent, and the sum over images of the squared excess, since the questions about
    one image are not.

    Some items are harder than others for everyone, so that all pairs agree more than such matrices predict. The z of a
    pair is therefore its excess less that of the median pair, over the spread of the pairs where that is above 1
    (1.4826 times the median distance from the median). A pair is reported if this z is too high for chance among all
    tested pairs (one-sided, familywise level 5 %, by Holm's method). Of a rater who votes several times on an item, the
    first vote counts.

    Sources: the matrices are those of Dawid and Skene (1979); the residual correlation of two raters as a check of
    conditional independence, Albert and Dodd, Biometrics 60 (2004); the correction, Holm, Scandinavian Journal of
    Statistics 6 (1979); an empirical null, Efron, Journal of the American Statistical Association 99 (2004).

    It finds pairs and groups that agree more than the others, and not what most raters have in common: if most copy
    from one source, that is the median. Nor does it tell who copies from whom, or copying from a common way to see. EM
    may take what is copied for the truth: where ten raters or fewer vote on every item, two who always agree may go
    unnoticed, and pairs of the others, who then agree more than this truth explains, be named in their place.
    """
    raters, answers = len(votes.raters), len(votes.answers)
    if raters < _FEWEST_RATERS or not len(votes) or raters**2 * answers > _MOST_CELLS:
        return Dependence(pairs=(), tested=0, untested=0)
    votes = _first_votes(votes)
    sums = _compare(votes, _model(votes))
    first, second = np.nonzero(sums[..., 5] >= _FEWEST_CLUSTERS)
    if first.size < _FEWEST_PAIRS:
        first, second = first[:0], second[:0]
    raw = [_pair(votes, r, s, sums[r, s]) for r, s in zip(first.tolist(), second.tolist(), strict=True)]
    untested = int(np.count_nonzero(sums[..., 0])) - len(raw)
    median, spread = _null([pair.z for pair in raw])
    tested = [replace(pair, z=(pair.z - median) / spread) for pair in raw]
    return Dependence(pairs=_beyond_chance(tested), tested=len(tested), untested=untested, median=median, spread=spread)


def cluster_ids(votes: Votes) -> npt.NDArray[np.int64]:
    """The image of each question, or each plain item itself: what is independent; int64, shape (items,)."""
    if isinstance(votes.items, Questions):
        return votes.items.image_ids.astype(np.int64)
    return np.arange(len(votes.items))


def _first_votes(votes: Votes) -> Votes:
    """The first vote of each rater on each item."""
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


def _model(votes: Votes) -> RaterModel:
    # EM that creeps on for thousands of steps hardly moves the agreements that are expected.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return fit_dawid_skene(
            votes,
            truths=votes.answers,
            weights=np.eye(len(votes.answers)),
            smoothing=_SMOOTHING,
            pooling=0,
            tolerance=_TOLERANCE,
        ).model


def _compare(votes: Votes, model: RaterModel) -> Floats:
    from reassess.numeric.vote_kernels import compare

    matrices = model.matrices_of(votes.raters)
    by_truth = matrices.transpose(1, 0, 2)
    agreement = np.ascontiguousarray((by_truth @ by_truth.transpose(0, 2, 1)).transpose(1, 2, 0))
    clusters = cluster_ids(votes)
    sums = np.zeros((len(votes.raters), len(votes.raters), 6))
    compare(
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


def _pair(votes: Votes, first: int, second: int, sums: Floats) -> RaterPair:
    common, agreed, expected, variance, clustered, clusters = sums.tolist()
    error = max(variance, clustered) ** 0.5
    z = (agreed - expected) / error if error > 0 else 0.0
    return RaterPair(
        raters=(votes.raters[first], votes.raters[second]),
        common=int(common),
        clusters=int(clusters),
        agreed=int(agreed),
        expected=expected,
        z=z,
    )


def _null(excesses: list[float]) -> tuple[float, float]:
    """Median and spread of what all pairs show, as of a normal distribution; the spread is 1 or more."""
    if not excesses:
        return 0.0, 1.0
    median = float(np.median(excesses))
    return median, max(1.0, _NORMAL * float(np.median(np.abs(np.array(excesses) - median))))


def _beyond_chance(pairs: list[RaterPair]) -> tuple[RaterPair, ...]:
    """The pairs whose z is too high for chance, by Holm's step-down method; the highest z first."""
    from scipy.special import ndtr

    ranked = sorted(pairs, key=lambda pair: -pair.z)
    corrected = holm([float(ndtr(-pair.z)) for pair in ranked])
    return tuple(pair for pair, p_value in zip(ranked, corrected, strict=True) if p_value <= _LEVEL)
