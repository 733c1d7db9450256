"""The compiled loop over what a subset covers if one thing is left out, and another one is taken in."""

from reassess.numeric.jit import compiled

__all__ = ["count_changes"]


@compiled
def _gain(counts, first, second, has_first, has_second, weight):  # type: ignore[no-untyped-def]
    """Add a row's weight for each thing with which a subset covers it, that has things of the row or none."""
    for k in range(first.size):
        if (has_first or first[k]) and (has_second or second[k]):
            counts[k] += weight


@compiled
def count_changes(first, second, weights, subset, counts):  # type: ignore[no-untyped-def]
    """For a subset of K things, the weight that it covers without each thing and with each.

    A row is covered by a subset that has one of its first things and one of its second things. Only a row of which the
    subset has one alone of a kind is covered otherwise without a thing.
    """
    none = subset.size
    for row in range(weights.size):
        firsts = seconds = 0
        one = other = none  # the last of each kind, which is the only one where there is one
        for k in range(none):
            if subset[k]:
                if first[row, k]:
                    firsts += 1
                    one = k
                if second[row, k]:
                    seconds += 1
                    other = k
                if firsts > 1 and seconds > 1:
                    break
        weight = weights[row]
        covered = firsts > 0 and seconds > 0
        if covered:
            counts[none, none] += weight
        else:
            _gain(counts[none], first[row], second[row], firsts > 0, seconds > 0, weight)
        for kind in range(2):
            count, left_out = (firsts, one) if kind == 0 else (seconds, other)
            if count != 1 or (kind == 1 and firsts == 1 and one == other):
                continue
            if covered:
                counts[left_out, none] -= weight
            else:
                _gain(counts[left_out], first[row], second[row], firsts > 0, seconds > 0, -weight)
            has_first = firsts > 0 and not (firsts == 1 and one == left_out)
            has_second = seconds > 0 and not (seconds == 1 and other == left_out)
            _gain(counts[left_out], first[row], second[row], has_first, has_second, weight)
    for i in range(none + 1):
        base = counts[none, none] + (counts[i, none] if i < none else 0)
        for k in range(none):
            counts[i, k] += base + (counts[none, k] if i < none else 0)
        if i < none:
            counts[i, none] = base
