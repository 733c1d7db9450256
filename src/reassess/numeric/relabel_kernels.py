"""The compiled loops that make label sets of votes many times and count the hits of models on them.

Symbols: R raters, A answers, Q questions, B replicates. A vote's code is its rater * A + its answer.
"""

import numpy as np

from reassess.numeric.jit import compiled


@compiled
def keep(indptr, codes, weights, base, least, kept):  # type: ignore[no-untyped-def]
    """Whether the log odds of each question reach a bound in each replicate."""
    log_odds = np.empty(weights.shape[1])
    for q in range(base.size):
        log_odds[:] = base[q]
        for v in range(indptr[q], indptr[q + 1]):
            row = weights[codes[v]]
            for b in range(log_odds.size):
                log_odds[b] += row[b]
        for b in range(log_odds.size):
            kept[q, b] = log_odds[b] >= least


@compiled
def keep_redrawn(indptr, raters, cumulative, weights, base, least, truths, draws, kept):  # type: ignore[no-untyped-def]
    """Whether the log odds of each question reach a bound if its raters answer anew, the truths being known."""
    for q in range(base.size):
        log_odds = base[q]
        truth = 1 if truths[q] else 0
        for v in range(indptr[q], indptr[q + 1]):
            bounds, draw, answer = cumulative[raters[v], truth], draws[v], 0
            for a in range(bounds.size - 1):  # without a branch, which a processor could not foresee
                answer += draw >= bounds[a]
            log_odds += weights[raters[v], answer]
        kept[q] = log_odds >= least


@compiled
def add_sizes(columns, kept, sizes):  # type: ignore[no-untyped-def]
    """Add the kept questions of each image to its number of labels in each replicate."""
    for q in range(columns.size):
        of_question, of_image = kept[q], sizes[columns[q]]
        for b in range(of_question.size):
            of_image[b] += of_question[b]


@compiled
def recount(places, kept, sizes, times, rated, scored, valid, original_known, original_hit, hits, original_hits, sums):  # type: ignore[no-untyped-def]
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
