"""Krippendorff's alpha: how far raters agree beyond chance, over all items at once."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.questions import Questions
from reassess.core.votes import Votes

__all__ = ["Metric", "alpha", "coincidences", "natural_metric"]

Metric = Literal["nominal", "ordinal"]

_COUNTS_A_BLOCK = 1 << 20


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


def coincidences(votes: Votes) -> npt.NDArray[np.float64]:
    """How often two answers meet on an item, among all ordered pairs of its votes.

    Pairs on an item with m votes count 1 / (m - 1), so that each vote counts once. The pairs are counted in integers,
    block by block, and weighed at the end: the result does not depend on the order of the items.
    """
    width = len(votes.answers)
    pairs: dict[int, npt.NDArray[np.float64]] = {}
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


def _counts(votes: Votes, start: int, stop: int) -> npt.NDArray[np.float64]:
    """Votes for each answer on some items; floats, of which products are fast and, of counts below 2^26, exact."""
    width = len(votes.answers)
    answer_ids = votes.answer_ids[votes.indptr[start] : votes.indptr[stop]]
    cells = np.repeat(np.arange(stop - start) * width, np.diff(votes.indptr[start : stop + 1])) + answer_ids
    return np.bincount(cells, minlength=(stop - start) * width).reshape(-1, width).astype(np.float64)


def _distance(totals: npt.NDArray[np.float64], metric: Metric) -> npt.NDArray[np.float64]:
    """Squared distance of each two answers, of which `totals` is how often each was given."""
    if metric == "nominal":
        return 1 - np.eye(totals.size)
    middle = np.cumsum(totals) - totals / 2  # the mean rank of the votes for each answer
    squared: npt.NDArray[np.float64] = np.subtract.outer(middle, middle) ** 2
    return squared
