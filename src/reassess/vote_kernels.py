"""The compiled loops over votes: grouping them, and finding them in a sparse tensor."""

from reassess.kernels import compiled

__all__ = ["find_set", "group"]


@compiled
def group(ids, indptr, order):  # type: ignore[no-untyped-def]
    """Order that groups rows by id, keeping the order within a group; two passes, so linear in the rows.

    Parameters
    ----------
    ids
        Integers in [0, groups), shape (n,).
    indptr
        Written: int64, shape (groups + 1,), zero before; the rows of group g are ``order[indptr[g]:indptr[g + 1]]``.
    order
        Written: int64, shape (n,).
    """
    for i in range(ids.size):
        indptr[ids[i] + 1] += 1
    for g in range(indptr.size - 1):
        indptr[g + 1] += indptr[g]
    for i in range(ids.size):
        order[indptr[ids[i]]] = i
        indptr[ids[i]] += 1
    # Each start has moved on to the next group's start.
    for g in range(indptr.size - 1, 0, -1):
        indptr[g] = indptr[g - 1]
    indptr[0] = 0


@compiled
def find_set(words, found):  # type: ignore[no-untyped-def]
    """Positions of the words that are not 0, eight looked at in one go.

    Parameters
    ----------
    words
        Unsigned integers, shape (n,).
    found
        Written: int64, shape (n,) or more.

    Returns
    -------
    How many there are.
    """
    count = 0
    whole = words.size & ~7
    for start in range(0, whole, 8):
        any_set = words[start]
        for j in range(1, 8):
            any_set |= words[start + j]
        if any_set:
            for j in range(start, start + 8):
                if words[j]:
                    found[count] = j
                    count += 1
    for j in range(whole, words.size):
        if words[j]:
            found[count] = j
            count += 1
    return count
