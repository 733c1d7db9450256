"""Information per vote about the truth, in bits, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.numeric.bootstrap import draw_replicate_counts, percentile_bounds

_ZERO_BITS = 1e-6  # smaller values come from rounding, or from EM, which stops shortly before it converges
_CELLS_PER_BLOCK = 1 << 22

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Information:
    """Information per vote in bits, from 0 to the entropy of the truth, and its 95 % interval."""

    bits: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Return the information in bits, and its interval, as a dict for JSON output."""
        return {"bits": self.bits, "low": self.low, "high": self.high}


def mutual_information(matrices: npt.ArrayLike, prior: npt.ArrayLike) -> Floats:
    """Compute the mutual information of the truth and one vote, in bits.

    I = sum over t and a of p[t] m[t, a] log2(m[t, a] / q[a]), where q[a] = sum over t of p[t] m[t, a]. It is the mean
    drop in the truth's entropy after one vote. `prior` p has shape (..., truths), `matrices` m (..., truths, answers).

    Source: Shannon, "A mathematical theory of communication" (1948), section 12; Cover and Thomas, "Elements of
    information theory", section 2.3.
    """
    joint = np.asarray(prior, np.float64)[..., None] * np.asarray(matrices, np.float64)
    independent = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    ratio = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    bits = (joint * np.log2(ratio)).sum(axis=(-2, -1))
    return np.where(bits > _ZERO_BITS, bits, 0.0)


def draw_resample_counts(n_groups: int, *, n_resamples: int, seed: int) -> Floats:
    """Draw bootstrap resamples of groups; return how often each group is in each resample."""
    rng, weights = np.random.default_rng(seed), np.empty((n_resamples, n_groups))
    step = max(1, _CELLS_PER_BLOCK // max(n_groups, 1))
    for start in range(0, n_resamples, step):
        weights[start : start + step] = draw_replicate_counts(rng, n_groups, min(step, n_resamples - start))
    return weights


def measure_vote_information(vote_counts: Floats, item_counts: Floats, resample_counts: Floats) -> Information:
    """Measure the mutual information of truth and vote, on items where the probability of each truth is known.

    The estimate from counts is biased upwards: a rater who votes at random seems informative. A bootstrap resample adds
    the same bias once more, so the mean difference of the resamples and the estimate is subtracted. The interval
    consists of the percentiles of the resamples, shifted by twice the bias: once for the resample and once for the
    sample. If a truth has no votes of the rater, its row is set to the rater's overall shares, which carry no
    information. The estimate and the lower bound are at most the entropy of the prior, and the upper bound is at most
    log2 of the number of truths.

    In simulations the interval covers the truth in 92 to 97 % of cases if the rater is informative, and in more cases
    if the rater carries almost no information; with fewer than 20 votes on a truth, in fewer cases.

    Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993), sections 10.2 and 10.6; for the bias,
    Miller, "Note on the bias of information estimates" (1955).

    Parameters
    ----------
    vote_counts
        Votes by group, truth and answer; float64, shape (groups, truths, answers).
    item_counts
        Items by group and truth; float64, shape (groups, truths).
    resample_counts
        Resamples of the groups, as from `draw_resample_counts`; float64, shape (resamples, groups).
    """
    plain = float(_estimate_information_without_correction(vote_counts.sum(axis=0), item_counts.sum(axis=0)))
    flat = vote_counts.reshape(len(vote_counts), -1)
    block = max(1, _CELLS_PER_BLOCK // max(flat.shape[1], 1))
    resampled = np.concatenate(
        [
            _estimate_information_without_correction(
                (rows @ flat).reshape(len(rows), *vote_counts.shape[1:]), rows @ item_counts
            )
            for rows in (resample_counts[start : start + block] for start in range(0, len(resample_counts), block))
        ]
    )
    bias = float(resampled.mean()) - plain
    low, high = (float(bound) - 2 * bias for bound in percentile_bounds(resampled))
    prior = item_counts.sum(axis=0) / item_counts.sum()
    from scipy.special import entr  # deferred import: slow

    entropy, highest = float(entr(prior).sum()) / math.log(2), math.log2(len(prior))
    return Information(
        bits=min(max(plain - bias, 0.0), entropy), low=min(max(low, 0.0), entropy), high=min(max(high, 0.0), highest)
    )


def _estimate_information_without_correction(vote_counts: Floats, item_counts: Floats) -> Floats:
    """Estimate the mutual information of truths and answers, without bias correction.

    `vote_counts` has the shape (..., truths, answers).
    """
    overall = vote_counts.sum(axis=-2, keepdims=True)
    votes = vote_counts.sum(axis=-1, keepdims=True)
    rows = np.where(votes > 0, vote_counts, overall)
    sums = rows.sum(axis=-1, keepdims=True)
    matrices = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    return mutual_information(matrices, item_counts / item_counts.sum(axis=-1, keepdims=True))
