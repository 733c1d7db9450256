"""The compiled choice of the few largest of many probabilities, and what is left of the others."""

import math

import numpy as np

from reassess.numeric.jit import compiled

__all__ = ["take_candidates"]


@compiled
def take_candidates(probabilities, labels, ids, logs, place, tails):  # type: ignore[no-untyped-def]
    """The most probable classes of each image and its label, and the sums over all other classes.

    Of equal classes those of lower ids are taken; the label stands in the place of the least probable one where it is
    not among them.

    Parameters
    ----------
    probabilities
        float64, shape (images, classes), all above 0.
    labels
        int32, shape (images,): the class that is taken in any case.
    ids, logs
        int32 and float32, shape (images, candidates), filled: the classes, ascending, and the logarithms of their
        probabilities.
    place
        int32, shape (images,), filled: where among them the label stands.
    tails
        float32, shape (images, 2), filled: the logarithms of the sum of the other probabilities, and of the sum of
        their squares; -inf where there are none.
    """
    images, classes = probabilities.shape
    candidates = ids.shape[1]
    largest = np.empty(candidates)
    for i in range(images):
        values, chosen = probabilities[i], ids[i]
        if candidates == classes:
            chosen[:] = np.arange(classes)
        else:
            largest[0], chosen[0] = math.inf, labels[i]  # the others follow from the largest on
            held = 1
            for k in range(classes):
                if k == labels[i] or (held == candidates and values[k] <= largest[-1]):
                    continue
                held = min(held + 1, candidates)
                at = held - 1
                while largest[at - 1] < values[k]:
                    largest[at], chosen[at] = largest[at - 1], chosen[at - 1]
                    at -= 1
                largest[at], chosen[at] = values[k], k
            chosen.sort()
        total, squares, at = 0.0, 0.0, 0
        for k in range(classes):
            if at < candidates and chosen[at] == k:
                logs[i, at] = math.log(values[k])
                if k == labels[i]:
                    place[i] = at
                at += 1
            else:
                total += values[k]
                squares += values[k] * values[k]
        tails[i, 0], tails[i, 1] = (math.log(total), math.log(squares)) if at < classes else (-math.inf, -math.inf)
