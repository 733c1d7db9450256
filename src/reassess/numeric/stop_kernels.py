"""The compiled loops that replay votes: what is known after each, and where a rule would have ended."""

import numpy as np

from reassess.numeric.jit import compiled

__all__ = ["end_early", "follow"]


@compiled
def follow(indptr, codes, table, start, draws, path):  # type: ignore[no-untyped-def]
    """Shuffle the votes on each item, and write the probability of the second of two truths after each vote.

    Parameters
    ----------
    indptr, codes, table
        See `em_kernels.weigh`; the table is of two truths.
    start
        float64, shape (items,): probability of the second truth before any vote.
    draws
        float64, shape (votes,), each in [0, 1): they say which vote comes next.
    path
        float64, shape (votes,): written. NaN where no truth allows the votes so far.
    """
    for i in range(indptr.size - 1):
        first, last = indptr[i], indptr[i + 1]
        left = codes[first:last].copy()
        one, other = 1 - start[i], start[i]
        for v in range(first, last):
            remaining = last - v
            at = int(draws[v] * remaining)
            code = left[at]
            left[at] = left[remaining - 1]
            one *= table[code, 0]
            other *= table[code, 1]
            total = one + other
            one, other = (one / total, other / total) if total > 0 else (np.nan, np.nan)
            path[v] = other


@compiled
def end_early(indptr, path, start, low, high, at_least, at_most, taken, valid):  # type: ignore[no-untyped-def]
    """How many votes on each item are taken by a rule, and the probability with which it ends.

    Parameters
    ----------
    indptr, path, start
        As in `follow`.
    low, high, at_least
        See `StopRule`.
    at_most
        Votes beyond these are not taken.
    taken, valid
        Written, shape (items,).
    """
    for i in range(indptr.size - 1):
        votes = min(at_most, indptr[i + 1] - indptr[i])
        taken[i] = votes
        for place in range(at_least - 1, votes - 1):
            if not low < path[indptr[i] + place] < high:
                taken[i] = place + 1
                break
        valid[i] = path[indptr[i] + taken[i] - 1] if taken[i] else start[i]
