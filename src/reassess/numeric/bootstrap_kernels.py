"""The compiled loops that count how often images are drawn, and hits of models on images that count several times."""

import numpy as np

from reassess.numeric.jit import compiled

__all__ = ["add_drawn", "add_weighted"]


@compiled
def add_drawn(drawn, times):  # type: ignore[no-untyped-def]
    """Add to how often each thing was drawn. `drawn` holds its position, once a draw; `times` is uint8."""
    for position in drawn:
        times[position] += 1


@compiled
def add_weighted(hits, times, totals):  # type: ignore[no-untyped-def]
    """Add to the total of each model, in each replicate, how often the images count on which it is right.

    Parameters
    ----------
    hits
        bool, shape (M, N): of M models on N images.
    times
        uint8, shape (B, N): how often each image counts in each of B replicates.
    totals
        Added to: int32, shape (B, M).
    """
    for b in range(times.shape[0]):
        row = times[b]
        for m in range(hits.shape[0]):
            of_model = hits[m]
            total = np.int32(0)
            for i in range(row.size):
                if of_model[i]:
                    total += np.int32(row[i])
            totals[b, m] += total
