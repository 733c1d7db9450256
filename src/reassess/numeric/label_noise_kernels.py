"""Compiled loops of cleaning: candidate classes, and EM for the noise matrix."""

import math

import numpy as np

from reassess.numeric.jit import compile_cached

NEGLIGIBLE = 1e-6  # classes whose posterior must be lower are skipped, except the label's


@compile_cached
def select_candidates(probabilities, labels, out_ids, out_logs, out_label_columns, out_tails):  # type: ignore[no-untyped-def]
    """Find the most probable classes of each image, and sum the probabilities of all other classes.

    Ties go to the lower class id. The label is always a candidate, if necessary instead of the least probable one.
    """
    images, classes = probabilities.shape
    candidates = out_ids.shape[1]
    largest = np.empty(candidates)
    for i in range(images):
        values, chosen = probabilities[i], out_ids[i]
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
                out_logs[i, at] = math.log(values[k])
                if k == labels[i]:
                    out_label_columns[i] = at
                at += 1
            else:
                total += values[k]
                squares += values[k] * values[k]
        out_tails[i, 0], out_tails[i, 1] = (
            (math.log(total), math.log(squares)) if at < classes else (-math.inf, -math.inf)
        )


@compile_cached
def approximate_log_of_power_sum(log_count, log_sum, log_sum_of_squares, power):  # type: ignore[no-untyped-def]
    """Approximate log(sum of p ** power) from the number, the sum and the sum of squares of probabilities p.

    For log-normal probabilities the result is a parabola in the power. Above power 2 it continues as a straight line,
    since the parabola would rise again.
    """
    bend = (log_sum_of_squares - 2 * log_sum + log_count) / 2
    slope = log_sum - log_count - bend
    within = min(power, 2.0)
    return log_count + slope * within + bend * within * within + (slope + 4 * bend) * (power - within)


@compile_cached
def run_e_step(  # type: ignore[no-untyped-def]
    ids,
    logs,
    label_columns,
    tails,
    calibration_exponent,
    biases,
    matrix_and_sums,
    mean_mistake_row,
    similarity_exponent,
    lookalike_rate,
    min_probability,
    out_counts,
    class_sums,
    out_log_likelihoods,
    out_p_correct,
    out_likeliest,
):
    """Run the E-step of the noise model: count images by true class and label, and write the results of each image.

    ``matrix_and_sums[t, j, 0]`` is the probability of the label j given the true class t, and ``[t, j, 1]`` gets sums
    of draws. `mean_mistake_row` has the mean probability of each label, over all true classes that it is wrong for.
    ``out_counts[t, j, 0]`` gets labels that follow the matrix, and ``[t, j, 1]`` gets labels that follow the image.

    Most of the time is spent reading entries of a class-by-class matrix that is too large for a processor's cache. So
    images with the same label should be next to each other, and rows of true classes with a negligible posterior are
    not read. The draw of a class is its weight when wrong labels are drawn: the model's probability of the class, to
    the power `similarity_exponent`. The mean draw of a true class lies between the weakest and the strongest draw,
    which bounds the posterior of the true class. The steps are inlined, since separate functions take up to 20 %
    longer.
    """
    images, candidates = ids.shape
    others = biases.size - candidates
    chance, draw, seen, weight, lookalike = np.empty((5, candidates))
    log_floor = math.log(min_probability)
    for i in range(images):
        at = label_columns[i]
        label = ids[i, at]
        top = 0
        for k in range(candidates):
            chance[k] = calibration_exponent * logs[i, k] + biases[ids[i, k]]
            if chance[k] > chance[top]:
                top = k
        highest = chance[top]
        below_top = 0.0  # sum of all classes but the top one, since 1 - (a probability near 1) is not exact
        for k in range(candidates):
            draw[k] = chance[k] - highest
            chance[k] = math.exp(draw[k])
            if k != top:
                below_top += chance[k]
        rest = 0.0
        if others > 0:
            rest = math.exp(
                approximate_log_of_power_sum(math.log(others), tails[i, 0], tails[i, 1], calibration_exponent) - highest
            )
            below_top += rest
        total = 1 + below_top
        rest /= total
        log_total = math.log(total)
        # The draw of every other class.
        least = (
            max(rest / others, min_probability) ** similarity_exponent
            if others > 0
            else min_probability**similarity_exponent
        )
        weakest, strongest = least, least
        joint, joint_lookalike = 0.0, 0.0
        for k in range(candidates):
            lookalike[k] = 0.0
            if k != at and lookalike_rate > 0:
                without_truth = max(below_top if k == top else total - chance[k], chance[at])
                lookalike[k] = lookalike_rate * chance[k] / total * chance[at] / without_truth if chance[at] else 0.0
            joint_lookalike += lookalike[k]
        for k in range(candidates):
            chance[k] /= total
            class_sums[0, ids[i, k]] += chance[k]
            draw[k] = (
                math.exp(similarity_exponent * max(draw[k] - log_total, log_floor)) if similarity_exponent > 0 else 1.0
            )
            weakest, strongest = min(weakest, draw[k]), max(strongest, draw[k])
            weight[k] = (1 - lookalike_rate) * chance[k] * matrix_and_sums[ids[i, k], label, 0]
            joint += weight[k]
        threshold = NEGLIGIBLE * (joint * draw[at] / strongest + joint_lookalike)
        likelihood, best, highest = 0.0, -1, 0.0
        for k in range(candidates):
            if weight[k] * draw[at] / weakest + lookalike[k] < threshold and k != at:
                likelihood += weight[k] * draw[at] / strongest  # a lower bound, so that no class gets probability 1
                likelihood += lookalike[k]
                weight[k] = lookalike[k] = 0.0
                continue
            row = matrix_and_sums[ids[i, k]]
            of_row = 1.0
            if similarity_exponent > 0:
                of_row = least
                for j in range(candidates):
                    of_row += row[ids[i, j], 0] * (draw[j] - least)
            seen[k] = of_row
            weight[k] *= draw[at] / seen[k]
            of_class = weight[k] + lookalike[k]
            likelihood += of_class
            if best < 0 or of_class > highest or (of_class == highest and ids[i, k] < ids[i, best]):
                best, highest = k, of_class
        if others > 0:
            drawn = 1.0
            if similarity_exponent > 0:
                drawn = least
                for j in range(candidates):
                    drawn += mean_mistake_row[ids[i, j]] * (draw[j] - least)
            # A mean draw is at least the weakest draw. If most labels are wrong, `elsewhere` sums to more than 1.
            of_image = rest * lookalike_rate * chance[at]
            rest *= (1 - lookalike_rate) * mean_mistake_row[label] * draw[at] / max(drawn, weakest)
            likelihood += rest + of_image
            class_sums[3, label] += rest / likelihood
            class_sums[4, label] += of_image / likelihood
        for k in range(candidates):
            if weight[k] + lookalike[k] == 0:
                continue
            weight[k] /= likelihood
            lookalike[k] /= likelihood
            truth = ids[i, k]
            class_sums[1, truth] += weight[k] + lookalike[k]
            out_counts[truth, label, 0] += weight[k]
            out_counts[truth, label, 1] += lookalike[k]
            if similarity_exponent > 0:
                share = weight[k] / seen[k]
                class_sums[2, truth] += share * least
                for j in range(candidates):
                    matrix_and_sums[truth, ids[i, j], 1] += share * (draw[j] - least)
        out_log_likelihoods[i] = math.log(likelihood)
        out_p_correct[i] = weight[at]
        out_likeliest[i] = ids[i, best]
