"""The compiled loops of the rater model: the weight of each truth given an item's votes, and one step of EM.

Probabilities are multiplied, not logarithms added: one logarithm for many items instead of one for each vote. A product
is brought back to 1 now and then, and what is still too small for a float is done again with logarithms: nothing is
lost. Few truths are counted by a tuple of as many zeros, which tells the compiler how far to unroll; many by an array.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.numeric.jit import compiled

FEW_TRUTHS = 16  # a loop over more is not unrolled: `expect_few` takes their square in time, the compiler longer

_VOTES_A_PRODUCT = 24
_SMALL = 1e-250
_LARGE = 1e250
_CACHE_LINE = 64  # in floats, a few lines: scratch of two threads never shares one


def one_each(truths: int) -> tuple[float, ...] | npt.NDArray[Any]:
    """What counts the truths in a compiled loop: a tuple for few, an array for many."""
    return (0.0,) * truths if truths <= FEW_TRUTHS else np.zeros(truths)


@compiled
def _log_weights(codes, start, stop, table, prior, weights):  # type: ignore[no-untyped-def]
    """Logarithm of prior times probability of an item's votes, for each truth; returns the highest."""
    highest = -math.inf
    for t in range(weights.size):
        total = math.log(prior[t]) if prior[t] > 0 else -math.inf
        for v in range(start, stop):
            p = table[codes[v], t]
            total += math.log(p) if p > 0 else -math.inf
        weights[t] = total
        highest = max(highest, total)
    return highest


@compiled
def _weights(codes, start, stop, table, prior, weights, truths):  # type: ignore[no-untyped-def]
    """Prior times probability of an item's votes, for each truth, up to a common factor."""
    for t in range(len(truths)):
        weights[t] = prior[t]
    scale = 0.0
    first = start
    while True:
        last = min(first + _VOTES_A_PRODUCT, stop)
        for v in range(first, last):
            code = codes[v]
            for t in range(len(truths)):
                weights[t] *= table[code, t]
        total = 0.0
        for t in range(len(truths)):
            total += weights[t]
        if total < _SMALL:
            break
        if last == stop:
            return total, scale
        for t in range(len(truths)):
            weights[t] /= total
        scale += math.log(total)
        first = last
    highest = _log_weights(codes, start, stop, table, prior, weights)
    if highest == -math.inf:
        return 0.0, 0.0
    total = 0.0
    for t in range(len(truths)):
        weights[t] = math.exp(weights[t] - highest)
        total += weights[t]
    return total, highest


@compiled
def _shift(values, last):  # type: ignore[no-untyped-def]
    """A tuple without its first value and with a new last one; n shifts rewrite a tuple of n, in registers."""
    return values[1:] + (last,)  # noqa: RUF005


@compiled
def weigh(indptr, codes, table, posterior, weights, truths):  # type: ignore[no-untyped-def]
    """Multiply each row of `posterior` by the probability of the item's votes, and normalise it."""
    for i in range(indptr.size - 1):
        total, _ = _weights(codes, indptr[i], indptr[i + 1], table, posterior[i], weights, truths)
        if total == 0:
            return i
        for t in range(len(truths)):
            posterior[i, t] = weights[t] / total
    return -1


@compiled
def spread(indptr, answer_ids, shares, posterior):  # type: ignore[no-untyped-def]
    """Fill `posterior` with the mean over each item's votes of the answers' `shares`, shape (answers, truths)."""
    truths = shares.shape[1]
    for i in range(indptr.size - 1):
        votes = indptr[i + 1] - indptr[i]
        for t in range(truths):
            total = 0.0
            for v in range(indptr[i], indptr[i + 1]):
                total += shares[answer_ids[v], t]
            posterior[i, t] = total / votes if votes else 1.0 / truths


@compiled
def count(edges, indptr, codes, posterior, pinned, votes, items):  # type: ignore[no-untyped-def]
    """Expected votes of each code and expected items, for each truth, under `posterior`. See `expect_few`."""
    for part in range(edges.size - 1):
        for i in range(edges[part], edges[part + 1]):
            tells = indptr[i + 1] > indptr[i] or (pinned.size > 0 and pinned[i])
            for t in range(posterior.shape[1]):
                q = posterior[i, t]
                if tells:
                    items[part, t] += q
                for v in range(indptr[i], indptr[i + 1]):
                    votes[part, codes[v], t] += q


@compiled
def expect_few(  # type: ignore[no-untyped-def]
    edges, indptr, codes, table, prior, posterior, pinned, votes, items, log_likelihoods, changes, truths
):
    """E-step over some parts of the items, for few truths: new posteriors, and what they add up to in each part."""
    weights = np.empty(prior.size + _CACHE_LINE)[: prior.size]
    start_weights = truths
    for t in range(len(truths)):
        start_weights = _shift(start_weights, prior[t])
    for part in range(edges.size - 1):
        own_votes = votes[part]
        log_likelihood = 0.0
        product = 1.0
        change = 0.0
        expected = truths
        for i in range(edges[part], edges[part + 1]):
            start = indptr[i]
            stop = indptr[i + 1]
            w = start_weights
            if pinned.size > 0 and pinned[i]:
                _log_weights(codes, start, stop, table, prior, weights)
                for t in range(len(truths)):
                    q = posterior[i, t]
                    if q > 0:
                        log_likelihood += q * weights[t]
                    w = _shift(w, q)
                    expected = _shift(expected, expected[0] + q)
            else:
                # The start of `_weights`, written out: to call it would take longer than to do it.
                total = 0.0
                if stop - start <= _VOTES_A_PRODUCT:
                    for v in range(start, stop):
                        code = codes[v]
                        for t in range(len(truths)):
                            w = _shift(w, w[0] * table[code, t])
                    for _ in range(len(truths)):
                        total += w[0]
                        w = _shift(w, w[0])
                if total < _SMALL:
                    total, scale = _weights(codes, start, stop, table, prior, weights, truths)
                    log_likelihood += scale
                    for t in range(len(truths)):
                        w = _shift(w, weights[t])
                product *= total
                if not _SMALL < product < _LARGE:
                    log_likelihood += math.log(product / total) + math.log(total)
                    product = 1.0
                inverse = 1.0 / total
                for t in range(len(truths)):
                    q = w[0] * inverse
                    change = max(change, abs(q - posterior[i, t]))
                    posterior[i, t] = q
                    w = _shift(w, q)
                if stop > start:
                    for _ in range(len(truths)):
                        expected = _shift(expected, expected[0] + w[0])
                        w = _shift(w, w[0])
            for v in range(start, stop):
                code = codes[v]
                for t in range(len(truths)):
                    own_votes[code, t] += w[0]
                    w = _shift(w, w[0])
        for t in range(len(truths)):
            items[part, t] = expected[0]
            expected = _shift(expected, expected[0])
        log_likelihoods[part] = log_likelihood + math.log(product)
        changes[part] = change


@compiled
def expect_many(  # type: ignore[no-untyped-def]
    edges, indptr, codes, table, prior, posterior, pinned, votes, items, log_likelihoods, changes
):
    """What `expect_few` does, for any number of truths."""
    weights = np.empty(prior.size + _CACHE_LINE)[: prior.size]
    for part in range(edges.size - 1):
        log_likelihood = 0.0
        change = 0.0
        for i in range(edges[part], edges[part + 1]):
            start = indptr[i]
            stop = indptr[i + 1]
            if pinned.size > 0 and pinned[i]:
                _log_weights(codes, start, stop, table, prior, weights)
                for t in range(weights.size):
                    if posterior[i, t] > 0:
                        log_likelihood += posterior[i, t] * weights[t]
            else:
                total, scale = _weights(codes, start, stop, table, prior, weights, weights)
                log_likelihood += math.log(total) + scale
                for t in range(weights.size):
                    q = weights[t] / total
                    change = max(change, abs(q - posterior[i, t]))
                    posterior[i, t] = q
        log_likelihoods[part] = log_likelihood
        changes[part] = change
    count(edges, indptr, codes, posterior, pinned, votes, items)
