"""Compiled loops of the bootstrap, of the sign-flip test, and of label sets from resampled votes.

Symbols: R raters, A answers, Q questions, B replicates. A vote's code is its rater * A + its answer.
"""

import math

import numpy as np

from reassess.numeric.jit import compile_cached

_MAX_SUM = 1e250  # larger sums are scaled down
_NEGLIGIBLE = 1e-17


@compile_cached
def count_draws(positions, out_counts):  # type: ignore[no-untyped-def]
    """Count how often each position was drawn; `out_counts` is uint8."""
    for position in positions:
        out_counts[position] += 1


@compile_cached
def add_weighted_hits(hits, draw_counts, out_totals):  # type: ignore[no-untyped-def]
    """Add the weighted hits of each model in each replicate to `out_totals`, shape (B, models)."""
    for b in range(draw_counts.shape[0]):
        row = draw_counts[b]
        for m in range(hits.shape[0]):
            of_model = hits[m]
            total = np.int32(0)
            for i in range(row.size):
                if of_model[i]:
                    total += np.int32(row[i])
            out_totals[b, m] += total


@compile_cached
def _fair_coin_tail_over_first_term(n, k):  # type: ignore[no-untyped-def]
    """Return P(at least k heads) / P(exactly k heads) for n tosses of a fair coin; k is more than n / 2."""
    total = 1.0
    term = 1.0
    for i in range(k, n):
        term *= (n - i) / (i + 1)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return total


@compile_cached
def _log_binomial_coefficient(n, k):  # type: ignore[no-untyped-def]
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@compile_cached
def write_sign_flip_p_values(totals, n_of_size_1, n_of_size_2, out_p_values):  # type: ignore[no-untyped-def]
    """Compute the two-sided p-value of each total. A total is a sum of terms of size 1 and 2 with a random sign.

    By the null hypothesis, the signs of the differences are random. The p-value is 2 P(sum >= total), at most 1. There
    are n differences of size 1 and m differences of size 2. If j differences of size 2 are positive, the sum reaches
    the total if at least k = (n + total) / 2 + m - 2 j differences of size 1 are positive. P(j) and P(k or more) are
    binomial. Both follow from the probabilities for j - 1 by products; only the first two probabilities are computed
    with logarithms.
    """
    for pair in range(totals.size):
        n, m = n_of_size_1[pair], n_of_size_2[pair]
        k = (n + totals[pair]) // 2 + m
        j = max(0, (k - n + 1) // 2)
        k -= 2 * j
        if totals[pair] <= 1:  # a sum of 1 is odd, and every odd sum is at least as far from 0
            out_p_values[pair] = 1.0
            continue
        ratio = _fair_coin_tail_over_first_term(n, k)
        scale = (
            _log_binomial_coefficient(m, j)
            + _log_binomial_coefficient(n, k)
            - (n + m) * math.log(2.0)
            + math.log(ratio)
        )
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
        out_p_values[pair] = min(1.0, 2 * math.exp(scale + math.log(total)))


@compile_cached
def mark_kept_questions(indptr, codes, weights, prior_log_odds, min_log_odds, out_is_kept):  # type: ignore[no-untyped-def]
    """Set `out_is_kept` to whether the log odds of each question reach `min_log_odds` in each replicate."""
    log_odds = np.empty(weights.shape[1])
    for q in range(prior_log_odds.size):
        log_odds[:] = prior_log_odds[q]
        for v in range(indptr[q], indptr[q + 1]):
            row = weights[codes[v]]
            for b in range(log_odds.size):
                log_odds[b] += row[b]
        for b in range(log_odds.size):
            out_is_kept[q, b] = log_odds[b] >= min_log_odds


@compile_cached
def redraw_answers_and_mark_kept_questions(  # type: ignore[no-untyped-def]
    indptr, raters, cumulative, weights, prior_log_odds, min_log_odds, truths, draws, out_is_kept
):
    """Draw random answers from the truths; set `out_is_kept` to whether each question reaches `min_log_odds`."""
    for q in range(prior_log_odds.size):
        log_odds = prior_log_odds[q]
        truth = 1 if truths[q] else 0
        for v in range(indptr[q], indptr[q + 1]):
            bounds, draw, answer = cumulative[raters[v], truth], draws[v], 0
            for a in range(bounds.size - 1):  # without a branch, which the processor could not predict
                answer += draw >= bounds[a]
            log_odds += weights[raters[v], answer]
        out_is_kept[q] = log_odds >= min_log_odds


@compile_cached
def add_label_counts(image_columns, is_kept, out_label_counts):  # type: ignore[no-untyped-def]
    """Add the number of kept questions about each image, in each replicate, to `out_label_counts`."""
    for q in range(image_columns.size):
        of_question, of_image = is_kept[q], out_label_counts[image_columns[q]]
        for b in range(of_question.size):
            of_image[b] += of_question[b]


@compile_cached
def count_hits(  # type: ignore[no-untyped-def]
    question_rows,
    is_kept,
    label_counts,
    draw_counts,
    is_rated,
    is_scored,
    is_valid,
    has_original,
    is_original_hit,
    out_hits,
    out_original_hits,
    out_totals,
):
    """Count hits and labels in each replicate."""
    n, original_n, labels, empty = out_totals[0], out_totals[1], out_totals[2], out_totals[3]
    drawn, counted = np.empty(len(draw_counts), np.int32), np.empty(len(draw_counts), np.int32)
    row = 0
    for i in range(is_rated.size):
        for b in range(drawn.size):
            drawn[b] = draw_counts[b, i]
        if is_rated[i]:
            of_image = label_counts[i]
            for b in range(drawn.size):
                labels[b] += of_image[b]
                empty[b] += of_image[b] == 0
                counted[b] = drawn[b] * (of_image[b] > 0)
        else:
            counted[:] = drawn * is_scored[i]
        for b in range(drawn.size):
            n[b] += counted[b]
            original_n[b] += counted[b] * has_original[i]
        for m in range(len(out_hits)):
            of_model = out_hits[m]
            if is_rated[i] and question_rows[row, m] < len(is_kept):
                of_question = is_kept[question_rows[row, m]]
                for b in range(drawn.size):
                    of_model[b] += drawn[b] * of_question[b]
            elif not is_rated[i] and is_valid[m, i]:
                for b in range(drawn.size):
                    of_model[b] += drawn[b]
            if is_original_hit[m, i]:
                by_original = out_original_hits[m]
                for b in range(drawn.size):
                    by_original[b] += counted[b]
        row += is_rated[i]
