"""How much a vote tells of the truth, in bits, and how well that is known from some votes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from reassess.numeric.bootstrap import percentile_bounds, times_drawn_again

_NOTHING = 1e-6  # bits; what is below is rounding, or that EM stops a little before it is at rest
_CELLS_A_BLOCK = 1 << 22

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Information:
    """Bits a vote, and their 95 % interval; neither is below 0, or above what the truth has."""

    bits: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """The object that JSON documents hold."""
        return {"bits": self.bits, "low": self.low, "high": self.high}


def mutual_information(matrices: npt.ArrayLike, prior: npt.ArrayLike) -> Floats:
    """Information between the truth and one vote, in bits.

    I = sum over t and a of p[t] m[t, a] log2(m[t, a] / q[a]), where q[a] = sum over t of p[t] m[t, a]: by how much the
    vote lowers, on average, the entropy of the truth.

    Source: Shannon, "A mathematical theory of communication" (1948), section 12; Cover and Thomas, "Elements of
    information theory", section 2.3.
    """
    joint = np.asarray(prior, np.float64)[..., None] * np.asarray(matrices, np.float64)
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=joint > 0)
    bits = (joint * np.log2(ratio)).sum(axis=(-2, -1))
    return np.where(bits > _NOTHING, bits, 0.0)


def resampling(groups: int, *, resamples: int, seed: int) -> Floats:
    """How often each group is drawn in each resample of as many groups; float64, shape (resamples, groups)."""
    rng, drawn = np.random.default_rng(seed), np.empty((resamples, groups))
    step = max(1, _CELLS_A_BLOCK // max(groups, 1))
    for start in range(0, resamples, step):
        drawn[start : start + step] = times_drawn_again(rng, groups, min(step, resamples - start))
    return drawn


def measure(counts: Floats, items: Floats, drawn: Floats) -> Information:
    """Information a vote, measured on votes on items of which the truth, or its distribution, is known.

    The plain estimate from counts is too high: a rater who votes at random seems to tell something. The bootstrap shows
    by how much, since a resample is as much higher again; that is taken away. The interval is that of the percentiles
    of the resamples, moved by twice as much: once for the resample and once for the sample. Where a truth has no vote
    of the rater, the row is taken to be the rater's overall shares, which tell nothing. A vote tells no more than the
    entropy of the prior, and the interval ends where that of any prior does.

    Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993), sections 10.2 and 10.6; for the bias,
    Miller, "Note on the bias of information estimates" (1955).

    In simulations the interval covers the truth 92 to 97 % of the time where the rater's votes tell something, and
    more often where they tell next to nothing; with fewer than 20 votes on
    a truth, less often.
    """
    plain = float(_plain(counts.sum(axis=0), items.sum(axis=0)))
    flat = counts.reshape(len(counts), -1)
    block = max(1, _CELLS_A_BLOCK // max(flat.shape[1], 1))
    resampled = np.concatenate(
        [
            _plain((part @ flat).reshape(len(part), *counts.shape[1:]), part @ items)
            for part in (drawn[start : start + block] for start in range(0, len(drawn), block))
        ]
    )
    bias = float(resampled.mean()) - plain
    low, high = (float(bound) - 2 * bias for bound in percentile_bounds(resampled))
    prior = items.sum(axis=0) / items.sum()
    entropy, highest = float(entr(prior).sum()) / math.log(2), math.log2(len(prior))
    return Information(
        bits=min(max(plain - bias, 0.0), entropy), low=min(max(low, 0.0), entropy), high=min(max(high, 0.0), highest)
    )


def _plain(counts: Floats, items: Floats) -> Floats:
    """Information of the shares of the counts, shape (..., truths, answers)."""
    overall = counts.sum(axis=-2, keepdims=True)
    votes = counts.sum(axis=-1, keepdims=True)
    rows = np.where(votes > 0, counts, overall)
    sums = rows.sum(axis=-1, keepdims=True)
    matrices = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    return mutual_information(matrices, items / items.sum(axis=-1, keepdims=True))
