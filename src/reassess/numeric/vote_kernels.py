"""Compiled loops over votes: groups of votes, pairs of raters, and stop rules."""

import math

import numpy as np

from reassess.numeric.jit import compile_cached


@compile_cached
def fill_order_by_id(ids, indptr, order):  # type: ignore[no-untyped-def]
    """Sort rows by id, stably and in linear time: store their order, and where each id starts in this order."""
    for i in range(ids.size):
        indptr[ids[i] + 1] += 1
    for g in range(indptr.size - 1):
        indptr[g + 1] += indptr[g]
    for i in range(ids.size):
        order[indptr[ids[i]]] = i
        indptr[ids[i]] += 1
    # By now each start is the start of the next group.
    for g in range(indptr.size - 1, 0, -1):
        indptr[g] = indptr[g - 1]
    indptr[0] = 0


@compile_cached
def _agreement_probability(log_weights, first, second, agreement):  # type: ignore[no-untyped-def]
    """Compute the probability that two raters agree on an item, given the other votes on the item."""
    highest = -math.inf
    for t in range(log_weights.size):
        highest = max(highest, log_weights[t] - first[t] - second[t])
    total = 0.0
    agreed = 0.0
    for t in range(log_weights.size):
        weight = math.exp(log_weights[t] - first[t] - second[t] - highest)
        total += weight
        agreed += weight * agreement[t]
    return agreed / total


@compile_cached
def compare_raters(  # type: ignore[no-untyped-def]
    order, clusters, indptr, rater_ids, answer_ids, log_matrices, log_prior, agreement, out_sums
):
    """Count how often each pair of raters agrees, and how often independent raters would agree."""
    raters = out_sums.shape[0]
    residuals = agreement[:, :, 0] * 0.0
    last = clusters[:1].repeat(raters * raters) * 0 - 1
    cluster_pairs = last.copy()
    count = 0
    cluster = -1
    log_weights = log_prior.copy()
    for i in order:
        if clusters[i] != cluster:
            _add_residuals_of_cluster(cluster_pairs[:count], residuals, out_sums)
            count = 0
            cluster = clusters[i]
        log_weights[:] = log_prior
        for v in range(indptr[i], indptr[i + 1]):
            log_weights += log_matrices[rater_ids[v], answer_ids[v]]
        for v in range(indptr[i], indptr[i + 1]):
            for w in range(v + 1, indptr[i + 1]):
                r = min(rater_ids[v], rater_ids[w])
                s = max(rater_ids[v], rater_ids[w])
                e = _agreement_probability(
                    log_weights,
                    log_matrices[rater_ids[v], answer_ids[v]],
                    log_matrices[rater_ids[w], answer_ids[w]],
                    agreement[r, s],
                )
                agreed = 1.0 if answer_ids[v] == answer_ids[w] else 0.0
                pair = r * raters + s
                if last[pair] != cluster:
                    last[pair] = cluster
                    cluster_pairs[count] = pair
                    count += 1
                residuals[r, s] += agreed - e
                out_sums[r, s, 0] += 1
                out_sums[r, s, 1] += agreed
                out_sums[r, s, 2] += e
                out_sums[r, s, 3] += e * (1 - e)
    _add_residuals_of_cluster(cluster_pairs[:count], residuals, out_sums)


@compile_cached
def _add_residuals_of_cluster(rater_pairs, residuals, out_sums):  # type: ignore[no-untyped-def]
    """Add the squared residuals of a cluster of items to `out_sums`, and set the residuals to 0."""
    raters = residuals.shape[0]
    for pair in rater_pairs:
        r = pair // raters
        s = pair % raters
        out_sums[r, s, 4] += residuals[r, s] ** 2
        out_sums[r, s, 5] += 1
        residuals[r, s] = 0.0


@compile_cached
def draw_vote_orders_and_write_p_valid(indptr, codes, table, prior, draws, out_p_valid):  # type: ignore[no-untyped-def]
    """Compute P(valid) of each item after each of its votes, with the votes in random order."""
    for i in range(indptr.size - 1):
        first, last = indptr[i], indptr[i + 1]
        unused = codes[first:last].copy()
        invalid, valid = 1 - prior[i], prior[i]
        for v in range(first, last):
            remaining = last - v
            at = int(draws[v] * remaining)
            code = unused[at]
            unused[at] = unused[remaining - 1]
            invalid *= table[code, 0]
            valid *= table[code, 1]
            total = invalid + valid
            invalid, valid = (invalid / total, valid / total) if total > 0 else (np.nan, np.nan)
            out_p_valid[v] = valid


@compile_cached
def apply_stop_rule(indptr, p_valid_after_vote, prior, low, high, min_votes, max_votes, out_n_votes, out_p_valid):  # type: ignore[no-untyped-def]
    """Compute how many votes each item gets under a stop rule, and P(valid) after these votes."""
    for i in range(indptr.size - 1):
        votes = min(max_votes, indptr[i + 1] - indptr[i])
        out_n_votes[i] = votes
        for position in range(min_votes - 1, votes - 1):
            if not low < p_valid_after_vote[indptr[i] + position] < high:
                out_n_votes[i] = position + 1
                break
        out_p_valid[i] = p_valid_after_vote[indptr[i] + out_n_votes[i] - 1] if out_n_votes[i] else prior[i]


@compile_cached
def assign_item_ids_to_segments(first_segments):  # type: ignore[no-untyped-def]
    """Give each item an id in order of first appearance, and return the number of items.

    A segment is a group of successive votes on the same item. On input, ``first_segments[i]`` is the first segment on
    the item of segment i. It is replaced by the id of this item.
    """
    count = 0
    for segment in range(first_segments.size):
        if first_segments[segment] == segment:
            first_segments[segment] = count
            count += 1
        else:
            first_segments[segment] = first_segments[first_segments[segment]]
    return count


@compile_cached
def group_segments_by_item(  # type: ignore[no-untyped-def]
    item_of_segment, segment_starts, rater_ids, answer_ids, indptr, out_rater_ids, out_answer_ids
):
    """Group votes by item: join all segments of each item. A segment is successive votes on the same item."""
    for segment in range(item_of_segment.size):
        indptr[item_of_segment[segment] + 1] += segment_starts[segment + 1] - segment_starts[segment]
    for i in range(indptr.size - 1):
        indptr[i + 1] += indptr[i]
    for segment in range(item_of_segment.size):
        at = indptr[item_of_segment[segment]]
        for vote in range(segment_starts[segment], segment_starts[segment + 1]):
            out_rater_ids[at] = rater_ids[vote]
            out_answer_ids[at] = answer_ids[vote]
            at += 1
        indptr[item_of_segment[segment]] = at
    # By now each start is the start of the next item.
    for i in range(indptr.size - 1, 0, -1):
        indptr[i] = indptr[i - 1]
    indptr[0] = 0


@compile_cached
def list_rater_pairs(order, starts, item_ids, indptr, rater_ids, answer_ids):  # type: ignore[no-untyped-def]
    """List pairs of raters with common items; rows: first rater, second rater, common items, equal answers.

    The votes of rater r are ``order[starts[r]:starts[r + 1]]``; a rater has at most one vote per item.
    """
    raters = starts.size - 1
    common = np.zeros(raters, np.int64)
    equal = np.zeros(raters, np.int64)
    partners = np.empty(raters, np.int64)
    table = np.empty((4, max(raters, 1)), np.int64)
    size = 0
    for r in range(raters):
        count = 0
        for position in range(starts[r], starts[r + 1]):
            vote = order[position]
            item = item_ids[vote]
            for other in range(indptr[item], indptr[item + 1]):
                s = rater_ids[other]
                if s > r:
                    if common[s] == 0:
                        partners[count] = s
                        count += 1
                    common[s] += 1
                    equal[s] += answer_ids[other] == answer_ids[vote]
        if size + count > table.shape[1]:
            larger = np.empty((4, max(size + count, 2 * table.shape[1])), np.int64)
            larger[:, :size] = table[:, :size]
            table = larger
        for s in partners[:count]:
            table[0, size] = r
            table[1, size] = s
            table[2, size] = common[s]
            table[3, size] = equal[s]
            common[s] = 0
            equal[s] = 0
            size += 1
    return table[:, :size]


@compile_cached
def multiply_rows(table, first, second, out):  # type: ignore[no-untyped-def]
    """Compute the product of pairs of rows, summed over columns."""
    for pair in range(first.size):
        total = 0.0
        for column in range(table.shape[1]):
            total += table[first[pair], column] * table[second[pair], column]
        out[pair] = total
