"""Compiled loops of cleaning: candidate classes, and EM for the noise matrix."""

import math

import numpy as np

from reassess.numeric.jit import compile_cached

NEGLIGIBLE = 1e-6  # classes whose posterior must be lower are skipped, except the label's


@compile_cached
def select_candidates(probabilities, labels, ids, logs, place, tails):  # type: ignore[no-untyped-def]
    """Find the most probable classes of each image, and the sums over all other classes.

    Ties go to the lower class id. The label is always a candidate, if necessary instead of the least probable one.
    """
    images, classes = probabilities.shape
    candidates = ids.shape[1]
    largest = np.empty(candidates)
    for i in range(images):
        values, chosen = probabilities[i], ids[i]
        if candidates == classes:
            chosen[:] = np.arange(classes)
        else:
            largest[0], chosen[0] = math.inf, labels[i]  # then the other classes in descending order
            count = 1
            for k in range(classes):
                if k == labels[i] or (count == candidates and values[k] <= largest[-1]):
                    continue
                count = min(count + 1, candidates)
                at = count - 1
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


@compile_cached
def approximate_tail_log(count, first, second, power):  # type: ignore[no-untyped-def]
    """Approximate log(sum of p ** power) of probabilities p that are not known one by one.

    `count`, `first` and `second` are the logs of their number, sum and sum of squares. For log-normal probabilities the
    result is a parabola in the power. Above power 2 it continues as a straight line, since the parabola would rise
    again.
    """
    bend = (second - 2 * first + count) / 2
    slope = first - count - bend
    within = min(power, 2.0)
    return count + slope * within + bend * within * within + (slope + 4 * bend) * (power - within)


@compile_cached
def run_e_step(  # type: ignore[no-untyped-def]
    ids,
    logs,
    place,
    tails,
    sharpening,
    biases,
    pairs,
    elsewhere,
    pull,
    floor,
    counts,
    image,
    log_likelihoods,
    correct,
    likeliest,
):
    """Run the E-step: add expected counts of (true class, label), and write the results of each image.

    Most of the time is spent reading entries of a class-by-class matrix that is too large for a processor's cache. So
    images with the same label should be next to each other, and rows of true classes with a negligible posterior are
    not read. Such a posterior is at most the class's share of the sum of chance * matrix entry over true classes, times
    strongest draw / weakest draw, because the mean draw of a true class lies between these two. The steps are inlined,
    since separate functions take up to 20 % longer.
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
            rest = math.exp(approximate_tail_log(math.log(others), tails[i, 0], tails[i, 1], sharpening) - highest)
            total += rest
            rest /= total
        log_total = math.log(total)
        least = max(rest / others, floor) ** pull if others > 0 else floor**pull  # the draw of every other class
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
                likelihood += weight[k] * draw[at] / strongest  # a lower bound, so that no class gets probability 1
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
            # A mean draw is at least the weakest draw. If most labels are wrong, `elsewhere` sums to more than 1.
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
        log_likelihoods[i] = math.log(likelihood)
        correct[i] = weight[at]
        likeliest[i] = ids[i, best]
