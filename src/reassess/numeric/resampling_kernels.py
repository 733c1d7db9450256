"""Compiled loops of the bootstrap, of the sign-flip test, and of label sets made from resampled votes.

Symbols: R raters, A answers, Q questions, B replicates. A vote's code is its rater * A + its answer.
"""

import math

import numpy as np

from reassess.numeric.jit import compile_cached

_MAX_SUM = 1e250  # larger sums are scaled down
_NEGLIGIBLE = 1e-17


@compile_cached
def count_draws(positions, times):  # type: ignore[no-untyped-def]
    """Add 1 to `times`, uint8, at each drawn position."""
    for position in positions:
        times[position] += 1


@compile_cached
def add_weighted_hits(hits, times, totals):  # type: ignore[no-untyped-def]
    """Add the weighted hits of each model in each replicate to `totals`, shape (B, models)."""
    for b in range(times.shape[0]):
        row = times[b]
        for m in range(hits.shape[0]):
            of_model = hits[m]
            total = np.int32(0)
            for i in range(row.size):
                if of_model[i]:
                    total += np.int32(row[i])
            totals[b, m] += total


@compile_cached
def _tail_ratio(n, k):  # type: ignore[no-untyped-def]
    """Compute P(at least k heads) / P(k heads) in n tosses of a fair coin, for k > n / 2; at least 1."""
    total = 1.0
    term = 1.0
    for i in range(k, n):
        term *= (n - i) / (i + 1)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return total


@compile_cached
def _log_choose(n, k):  # type: ignore[no-untyped-def]
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@compile_cached
def sign_flip_tails(totals, ones, twos, result):  # type: ignore[no-untyped-def]
    """Compute 2 P(sum >= total), at most 1, where fair coins decide the signs of ones and twos.

    If j twos are positive, the sum reaches the total with k = (ones + total) / 2 + twos - 2 j or more positive ones.
    P(j) and P(k or more) are binomial. Each pair follows from the one for j - 1 by products; only the first pair is
    computed with logarithms.
    """
    for pair in range(totals.size):
        n, m = ones[pair], twos[pair]
        k = (n + totals[pair]) // 2 + m
        j = max(0, (k - n + 1) // 2)
        k -= 2 * j
        if totals[pair] <= 1:  # a sum of 1 is odd, and every odd sum is at least as far from 0
            result[pair] = 1.0
            continue
        ratio = _tail_ratio(n, k)
        scale = _log_choose(m, j) + _log_choose(n, k) - (n + m) * math.log(2.0) + math.log(ratio)
        term = 1.0
        total = 1.0
        while j < m:
            term *= (m - j) / (j + 1)
            j += 1
            for _ in range(2):
                if k > 0:
                    more = ratio * ((n - k + 1) / k)
                    term *= 1 + 1 / more
                    ratio = more + 1
                    k -= 1
            total += term
            if total > _MAX_SUM:
                scale += math.log(_MAX_SUM)
                term /= _MAX_SUM
                total /= _MAX_SUM
        result[pair] = min(1.0, 2 * math.exp(scale + math.log(total)))


@compile_cached
def write_is_kept(indptr, codes, weights, base, least, kept):  # type: ignore[no-untyped-def]
    """Write whether the log odds of each question are at least `least` in each replicate, (Q, B)."""
    log_odds = np.empty(weights.shape[1])
    for q in range(base.size):
        log_odds[:] = base[q]
        for v in range(indptr[q], indptr[q + 1]):
            row = weights[codes[v]]
            for b in range(log_odds.size):
                log_odds[b] += row[b]
        for b in range(log_odds.size):
            kept[q, b] = log_odds[b] >= least


@compile_cached
def redraw_answers_and_write_is_kept(indptr, raters, cumulative, weights, base, least, truths, draws, kept):  # type: ignore[no-untyped-def]
    """Draw answers given the truths, and write whether the log odds of each question reach `least`."""
    for q in range(base.size):
        log_odds = base[q]
        truth = 1 if truths[q] else 0
        for v in range(indptr[q], indptr[q + 1]):
            bounds, draw, answer = cumulative[raters[v], truth], draws[v], 0
            for a in range(bounds.size - 1):  # without a branch, which the processor could not predict
                answer += draw >= bounds[a]
            log_odds += weights[raters[v], answer]
        kept[q] = log_odds >= least


@compile_cached
def add_label_counts(columns, kept, sizes):  # type: ignore[no-untyped-def]
    """Add the kept questions of each image to its label count in each replicate."""
    for q in range(columns.size):
        of_question, of_image = kept[q], sizes[columns[q]]
        for b in range(of_question.size):
            of_image[b] += of_question[b]


@compile_cached
def count_hits(  # type: ignore[no-untyped-def]
    places, kept, sizes, times, rated, scored, valid, original_known, original_hit, hits, original_hits, sums
):
    """Count hits and labels in each replicate. Symbols: M models, N images."""
    n, original_n, labels, empty = sums[0], sums[1], sums[2], sums[3]
    drawn, counted = np.empty(len(times), np.int32), np.empty(len(times), np.int32)
    row = 0
    for i in range(rated.size):
        for b in range(drawn.size):
            drawn[b] = times[b, i]
        if rated[i]:
            of_image = sizes[i]
            for b in range(drawn.size):
                labels[b] += of_image[b]
                empty[b] += of_image[b] == 0
                counted[b] = drawn[b] * (of_image[b] > 0)
        else:
            counted[:] = drawn * scored[i]
        for b in range(drawn.size):
            n[b] += counted[b]
            original_n[b] += counted[b] * original_known[i]
        for m in range(len(hits)):
            of_model = hits[m]
            if rated[i] and places[row, m] < len(kept):
                of_question = kept[places[row, m]]
                for b in range(drawn.size):
                    of_model[b] += drawn[b] * of_question[b]
            elif not rated[i] and valid[m, i]:
                for b in range(drawn.size):
                    of_model[b] += drawn[b]
            if original_hit[m, i]:
                by_original = original_hits[m]
                for b in range(drawn.size):
                    by_original[b] += counted[b]
        row += rated[i]
