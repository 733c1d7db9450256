"""The compiled loops that make label sets of votes many times and count the hits of models on them.

Symbols: R raters, A answers, Q questions, B replicates. A vote's code is its rater * A + its answer.
"""

import numpy as np

from reassess.numeric.jit import compiled

__all__ = ["add_hits", "add_sizes", "keep", "keep_redrawn"]


@compiled
def keep(indptr, codes, weights, base, least, kept):  # type: ignore[no-untyped-def]
    """Whether the log odds of each question reach a bound in each replicate.

    Parameters
    ----------
    indptr, codes
        The votes by question: those on question q are ``codes[indptr[q]:indptr[q + 1]]``.
    weights
        float64, shape (R * A, B): what a vote adds to the log odds.
    base
        float64, shape (Q,): log odds without votes.
    least
        The bound.
    kept
        Written: bool, shape (Q, B).
    """
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
def keep_redrawn(indptr, codes, rater_of, cumulative, weights, base, least, truths, draws, kept):  # type: ignore[no-untyped-def]
    """Whether the log odds of each question reach a bound if its raters answer anew, the truths being known.

    Parameters
    ----------
    indptr, codes, base, least
        As for `keep`.
    rater_of
        int64, shape (R * A,): the rater of a code; a division would take longer.
    cumulative
        float64, shape (R, 2, A): probability of an answer up to each, of invalid and of valid questions.
    weights
        float64, shape (R * A,): what a vote adds to the log odds.
    truths
        bool, shape (Q,): whether a question is valid.
    draws
        float64, shape (votes,): uniform in [0, 1), one a vote.
    kept
        Written: bool, shape (Q,).
    """
    answers = cumulative.shape[2]
    for q in range(base.size):
        log_odds = base[q]
        truth = 1 if truths[q] else 0
        for v in range(indptr[q], indptr[q + 1]):
            rater = rater_of[codes[v]]
            code = rater * answers
            for answer in range(answers - 1):  # without a branch, which a processor could not foresee
                code += draws[v] >= cumulative[rater, truth, answer]
            log_odds += weights[code]
        kept[q] = log_odds >= least


@compiled
def add_sizes(columns, kept, sizes):  # type: ignore[no-untyped-def]
    """Add the kept questions of each image to its number of labels in each replicate.

    Parameters
    ----------
    columns
        int64, shape (Q,): position of each question's image.
    kept
        bool, shape (Q, B).
    sizes
        Added to: int16, shape (images, B).
    """
    for q in range(columns.size):
        for b in range(kept.shape[1]):
            sizes[columns[q], b] += kept[q, b]


@compiled
def add_hits(places, kept, times, hits):  # type: ignore[no-untyped-def]
    """Add how often each image counts to the hits of the models whose question of it is kept.

    Parameters
    ----------
    places
        int32, shape (images, models): position of the question, or Q for one that is never kept.
    kept
        bool, shape (Q, B).
    times
        uint8, shape (images, B): how often each image counts.
    hits
        Added to: int32, shape (models, B).
    """
    questions, replicates = kept.shape
    for i in range(places.shape[0]):
        for m in range(places.shape[1]):
            place = places[i, m]
            if place < questions:
                for b in range(replicates):
                    hits[m, b] += kept[place, b] * times[i, b]
