"""Compiled loops of cleaning: candidate classes, and EM for the matrix of mistakes."""

import math

import numpy as np

from reassess.numeric.jit import compiled

NEGLIGIBLE = 1e-6  # a posterior that is surely lower is not counted, but the label's


@compiled
def take_candidates(probabilities, labels, ids, logs, place, tails):  # type: ignore[no-untyped-def]
    """The most probable classes of each image and its label, and the sums over all other classes.

    Of equal classes those of lower ids are taken; the label stands in the place of the least probable one where it is
    not among them.
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


@compiled
def tail_log(count, first, second, power):  # type: ignore[no-untyped-def]
    """The logarithm of the sum of some probabilities to a power, by those of their number, sum and sum of squares.

    Of probabilities whose logarithms are normally distributed it is this parabola; beyond the squares it goes straight
    on, so that it does not rise again.
    """
    bend = (second - 2 * first + count) / 2
    slope = first - count - bend
    within = min(power, 2.0)
    return count + slope * within + bend * within * within + (slope + 4 * bend) * (power - within)


@compiled
def expect_noise(  # type: ignore[no-untyped-def]
    ids, logs, place, tails, sharpening, biases, pairs, elsewhere, pull, floor, counts, image, given, right, likeliest
):
    """Expected counts of true class and label, added to `counts`, and what is known of each image.

    Most of the time goes into reading pairs of classes, all over a matrix that no cache holds. So images of one label
    should be side by side, and the row of a true class with a negligible posterior is not read. That posterior is at
    most its part of the sum over true classes of chance times entry of the matrix, times the strongest draw over the
    weakest: the mean draw of a true class lies between these. The steps are written out, since functions of their own
    take up to a fifth longer.
    """
    images, candidates = ids.shape
    others = biases.size - candidates
    chance, draw, seen, weight = np.empty((4, candidates))
    log_floor = math.log(floor)
    for i in range(images):
        at = place[i]
        label = ids[i, at]
        highest = -math.inf
        for k in range(candidates):
            chance[k] = sharpening * logs[i, k] + biases[ids[i, k]]
            highest = max(highest, chance[k])
        total = 0.0
        for k in range(candidates):
            draw[k] = chance[k] - highest
            chance[k] = math.exp(draw[k])
            total += chance[k]
        rest = 0.0
        if others > 0:
            rest = math.exp(tail_log(math.log(others), tails[i, 0], tails[i, 1], sharpening) - highest)
            total += rest
            rest /= total
        log_total = math.log(total)
        least = max(rest / others, floor) ** pull if others > 0 else floor**pull  # with which other classes draw labels
        weakest, strongest = least, least
        joint = 0.0
        for k in range(candidates):
            chance[k] /= total
            image[0, ids[i, k]] += chance[k]
            draw[k] = math.exp(pull * max(draw[k] - log_total, log_floor)) if pull > 0 else 1.0
            weakest, strongest = min(weakest, draw[k]), max(strongest, draw[k])
            weight[k] = chance[k] * pairs[ids[i, k], label, 0]
            joint += weight[k]
        threshold = NEGLIGIBLE * joint * weakest / strongest  # `seen` lies between the weakest and the strongest draw
        likelihood, best = 0.0, -1
        for k in range(candidates):
            if weight[k] < threshold and k != at:
                likelihood += weight[k] * draw[at] / strongest  # at least so much, so that nothing is certain
                weight[k] = 0.0
                continue
            row = pairs[ids[i, k]]
            of_row = 1.0
            if pull > 0:
                of_row = least
                for j in range(candidates):
                    of_row += row[ids[i, j], 0] * (draw[j] - least)
            seen[k] = of_row
            weight[k] *= draw[at] / seen[k]
            likelihood += weight[k]
            if best < 0 or weight[k] > weight[best] or (weight[k] == weight[best] and ids[i, k] < ids[i, best]):
                best = k
        if others > 0:
            drawn = 1.0
            if pull > 0:
                drawn = least
                for j in range(candidates):
                    drawn += elsewhere[ids[i, j]] * (draw[j] - least)
            # No mean of draws lies below the weakest; where most labels are wrong, `elsewhere` adds up to more than 1.
            rest *= elsewhere[label] * draw[at] / max(drawn, weakest)
            likelihood += rest
            image[3, label] += rest / likelihood
        for k in range(candidates):
            if weight[k] == 0:
                continue
            weight[k] /= likelihood
            truth = ids[i, k]
            image[1, truth] += weight[k]
            counts[truth, label] += weight[k]
            if pull > 0:
                share = weight[k] / seen[k]
                image[2, truth] += share * least
                for j in range(candidates):
                    pairs[truth, ids[i, j], 1] += share * (draw[j] - least)
        given[i] = math.log(likelihood)
        right[i] = weight[at]
        likeliest[i] = ids[i, best]
