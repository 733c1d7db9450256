"""Compiled loops of the rater model: the probability of each truth given the votes, and one EM step.

The loops multiply probabilities instead of adding logarithms, which takes one logarithm for many items instead of one
per vote. Products are rescaled to 1 regularly; a product that is still too small for a float is computed again with
logarithms, so no precision is lost. The argument `zeros` has a zero for each truth. For few truths, it is a tuple, so
that the compiler can unroll the loops over truths; for many truths, it is an array.
"""

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.numeric.jit import compile_cached

MAX_UNROLLED_TRUTHS = (
    16  # no unrolling above: `run_e_step_few_truths` takes quadratic time, and compiling it even longer
)

_VOTES_PER_PRODUCT = 24
_MIN_PRODUCT = 1e-250
_MAX_PRODUCT = 1e250
_PADDING = 64  # floats, a few cache lines, so that the buffers of two threads never share a line


def make_zero_per_truth(n_truths: int) -> tuple[float, ...] | npt.NDArray[Any]:
    """Return a zero for each truth: as a tuple for few truths, so that loops are unrolled, otherwise as an array."""
    return (0.0,) * n_truths if n_truths <= MAX_UNROLLED_TRUTHS else np.zeros(n_truths)


@compile_cached
def _fill_log_weights(codes, start, stop, table, prior, out_weights):  # type: ignore[no-untyped-def]
    """Store log(prior * probability of an item's votes) for each truth; return the highest of these values."""
    highest = -math.inf
    for t in range(out_weights.size):
        total = math.log(prior[t]) if prior[t] > 0 else -math.inf
        for v in range(start, stop):
            p = table[codes[v], t]
            total += math.log(p) if p > 0 else -math.inf
        out_weights[t] = total
        highest = max(highest, total)
    return highest


@compile_cached
def _fill_weights(codes, start, stop, table, prior, out_weights, zeros):  # type: ignore[no-untyped-def]
    """Store prior * P(an item's votes) for each truth, divided by a factor; return the sum and log(factor)."""
    for t in range(len(zeros)):
        out_weights[t] = prior[t]
    scale = 0.0
    first = start
    while True:
        last = min(first + _VOTES_PER_PRODUCT, stop)
        for v in range(first, last):
            code = codes[v]
            for t in range(len(zeros)):
                out_weights[t] *= table[code, t]
        total = 0.0
        for t in range(len(zeros)):
            total += out_weights[t]
        if total < _MIN_PRODUCT:
            break
        if last == stop:
            return total, scale
        for t in range(len(zeros)):
            out_weights[t] /= total
        scale += math.log(total)
        first = last
    highest = _fill_log_weights(codes, start, stop, table, prior, out_weights)
    if highest == -math.inf:
        return 0.0, 0.0
    total = 0.0
    for t in range(len(zeros)):
        out_weights[t] = math.exp(out_weights[t] - highest)
        total += out_weights[t]
    return total, highest


@compile_cached
def _append_and_drop_first(values, last):  # type: ignore[no-untyped-def]
    """Drop the first value of a tuple and append a new value; in compiled code, the values stay in registers."""
    return values[1:] + (last,)  # noqa: RUF005


@compile_cached
def multiply_by_likelihood(indptr, codes, table, posterior, buffer, zeros):  # type: ignore[no-untyped-def]
    """Multiply each row of `posterior` by the probability of the item's votes, and normalise the row.

    Return -1, or the first row without a possible truth.
    """
    for i in range(indptr.size - 1):
        total, _ = _fill_weights(codes, indptr[i], indptr[i + 1], table, posterior[i], buffer, zeros)
        if total == 0:
            return i
        for t in range(len(zeros)):
            posterior[i, t] = buffer[t] / total
    return -1


@compile_cached
def fill_with_mean_truth_shares(indptr, answer_ids, truth_shares, out_posterior):  # type: ignore[no-untyped-def]
    """For each item, store the mean of ``truth_shares[answer]`` over the answers of its votes in `out_posterior`."""
    truths = truth_shares.shape[1]
    for i in range(indptr.size - 1):
        votes = indptr[i + 1] - indptr[i]
        for t in range(truths):
            total = 0.0
            for v in range(indptr[i], indptr[i + 1]):
                total += truth_shares[answer_ids[v], t]
            out_posterior[i, t] = total / votes if votes else 1.0 / truths


@compile_cached
def count_expected_votes(block_edges, indptr, codes, posterior, is_pinned, out_votes, out_items):  # type: ignore[no-untyped-def]
    """Count expected items by truth, and expected votes by code (rater and answer) and truth."""
    for block in range(block_edges.size - 1):
        own_votes = out_votes[block]
        for i in range(block_edges[block], block_edges[block + 1]):
            own_posterior = posterior[i]
            if indptr[i + 1] > indptr[i] or (is_pinned.size > 0 and is_pinned[i]):
                for t in range(own_posterior.size):
                    out_items[block, t] += own_posterior[t]
            for v in range(indptr[i], indptr[i + 1]):
                votes = own_votes[codes[v]]
                for t in range(own_posterior.size):
                    votes[t] += own_posterior[t]


@compile_cached
def run_e_step_few_truths(  # type: ignore[no-untyped-def]
    block_edges,
    indptr,
    codes,
    table,
    prior,
    posterior,
    is_pinned,
    out_votes,
    out_items,
    out_log_likelihoods,
    out_changes,
    zeros,
):
    """Run the E-step for few possible truths: update posteriors, and sum expected counts in each block of items.

    Block p has the items ``block_edges[p]:block_edges[p + 1]``. `zeros` is a tuple with a zero for each truth. A pinned
    item has a known truth, so its posterior is not updated.
    """
    weights = np.empty(prior.size + _PADDING)[: prior.size]
    start_weights = zeros
    for t in range(len(zeros)):
        start_weights = _append_and_drop_first(start_weights, prior[t])
    for block in range(block_edges.size - 1):
        own_votes = out_votes[block]
        log_likelihood = 0.0
        product = 1.0
        change = 0.0
        expected = zeros
        for i in range(block_edges[block], block_edges[block + 1]):
            start = indptr[i]
            stop = indptr[i + 1]
            w = start_weights
            if is_pinned.size > 0 and is_pinned[i]:
                _fill_log_weights(codes, start, stop, table, prior, weights)
                for t in range(len(zeros)):
                    q = posterior[i, t]
                    if q > 0:
                        log_likelihood += q * weights[t]
                    w = _append_and_drop_first(w, q)
                    expected = _append_and_drop_first(expected, expected[0] + q)
            else:
                # The start of `_fill_weights`, inlined: a call would take longer than the work.
                total = 0.0
                if stop - start <= _VOTES_PER_PRODUCT:
                    for v in range(start, stop):
                        code = codes[v]
                        for t in range(len(zeros)):
                            w = _append_and_drop_first(w, w[0] * table[code, t])
                    for _ in range(len(zeros)):
                        total += w[0]
                        w = _append_and_drop_first(w, w[0])
                if total < _MIN_PRODUCT:
                    total, scale = _fill_weights(codes, start, stop, table, prior, weights, zeros)
                    log_likelihood += scale
                    for t in range(len(zeros)):
                        w = _append_and_drop_first(w, weights[t])
                product *= total
                if not _MIN_PRODUCT < product < _MAX_PRODUCT:
                    log_likelihood += math.log(product / total) + math.log(total)
                    product = 1.0
                inverse = 1.0 / total
                for t in range(len(zeros)):
                    q = w[0] * inverse
                    change = max(change, abs(q - posterior[i, t]))
                    posterior[i, t] = q
                    w = _append_and_drop_first(w, q)
                if stop > start:
                    for _ in range(len(zeros)):
                        expected = _append_and_drop_first(expected, expected[0] + w[0])
                        w = _append_and_drop_first(w, w[0])
            for v in range(start, stop):
                code = codes[v]
                for t in range(len(zeros)):
                    own_votes[code, t] += w[0]
                    w = _append_and_drop_first(w, w[0])
        for t in range(len(zeros)):
            out_items[block, t] = expected[0]
            expected = _append_and_drop_first(expected, expected[0])
        out_log_likelihoods[block] = log_likelihood + math.log(product)
        out_changes[block] = change


@partial(compile_cached, fastmath={"reassoc", "nnan", "nsz"})  # so that sums and maxima use vector instructions
def run_e_step_many_truths(  # type: ignore[no-untyped-def]
    block_edges,
    indptr,
    codes,
    table,
    prior,
    posterior,
    is_pinned,
    out_votes,
    out_items,
    out_log_likelihoods,
    out_changes,
):
    """Run the E-step as `run_e_step_few_truths` does, for any number of truths."""
    truths = prior.size
    weights = np.empty(truths + _PADDING)[:truths]
    for block in range(block_edges.size - 1):
        own_votes = out_votes[block]
        own_items = out_items[block]
        log_likelihood = 0.0
        product = 1.0
        change = 0.0
        for i in range(block_edges[block], block_edges[block + 1]):
            start = indptr[i]
            stop = indptr[i + 1]
            own_posterior = posterior[i]
            if is_pinned.size > 0 and is_pinned[i]:
                _fill_log_weights(codes, start, stop, table, prior, weights)
                for t in range(truths):
                    if own_posterior[t] > 0:
                        log_likelihood += own_posterior[t] * weights[t]
                    own_items[t] += own_posterior[t]
            else:
                # The start of `_fill_weights`, inlined.
                total = 0.0
                if stop - start <= _VOTES_PER_PRODUCT:
                    for t in range(truths):
                        weights[t] = prior[t]
                    for v in range(start, stop):
                        row = table[codes[v]]
                        for t in range(truths):
                            weights[t] *= row[t]
                    for t in range(truths):
                        total += weights[t]
                if total < _MIN_PRODUCT:
                    total, scale = _fill_weights(codes, start, stop, table, prior, weights, weights)
                    log_likelihood += scale
                product *= total
                if not _MIN_PRODUCT < product < _MAX_PRODUCT:
                    log_likelihood += math.log(product / total) + math.log(total)
                    product = 1.0
                inverse = 1.0 / total
                for t in range(truths):
                    weights[t] *= inverse
                    change = max(change, abs(weights[t] - own_posterior[t]))
                    own_posterior[t] = weights[t]
                if stop > start:
                    for t in range(truths):
                        own_items[t] += own_posterior[t]
            for v in range(start, stop):
                votes = own_votes[codes[v]]
                for t in range(truths):
                    votes[t] += own_posterior[t]
        out_log_likelihoods[block] = log_likelihood + math.log(product)
        out_changes[block] = change
