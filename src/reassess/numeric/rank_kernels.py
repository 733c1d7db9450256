"""Compiled loops that rank classes by score.

Scores are read as signed integers of the same width, and mapped to integer keys in the same order, with -0 equal to +0.
So one loop serves float16, bfloat16, float32 and float64, integer loops vectorise where float loops would not, and only
one row at a time is copied.
"""

import numpy as np

from reassess.numeric.jit import compile_cached

_NO_TARGET, _NOT_A_NUMBER = -1, -2  # instead of a rank


@compile_cached
def _count_better_classes(keys, target):  # type: ignore[no-untyped-def]
    """Count the classes that rank before `target`: higher keys, and equal keys with a lower class id."""
    key = keys[target]
    above = np.int32(0)
    level = np.int32(0)
    for j in range(keys.size):
        above = np.int32(above + (keys[j] > key))
        level = np.int32(level + (keys[j] == key))
    if level > 1:
        for j in range(keys.size):
            above = np.int32(above + ((keys[j] == key) & (np.int32(j) < np.int32(target))))
    return above


@compile_cached
def _first_id_with_key(keys, key):  # type: ignore[no-untyped-def]
    """Find the lowest class id whose key is `key`. The loop has no early exit, so that it vectorises."""
    first = np.int32(keys.size)
    for j in range(keys.size):
        first = min(first, np.int32(j) if keys[j] == key else np.int32(keys.size))
    return first


@compile_cached
def _write_sort_keys(row, lowest_bits, infinity_bits, columns, keys):  # type: ignore[no-untyped-def]
    """Store a sortable key for each score of a row; return the lowest and the highest key, to detect a NaN."""
    low, top = infinity_bits, lowest_bits
    if columns.size == 0:
        for j in range(row.size):
            keys[j] = row[j] if row[j] >= 0 else lowest_bits - row[j]
            key = keys[j]  # in the narrow type, unlike the difference
            low = key if key < low else low
            top = key if key > top else top
    else:
        for j in range(row.size):
            if columns[j] >= 0:
                keys[columns[j]] = row[j] if row[j] >= 0 else lowest_bits - row[j]
                key = keys[columns[j]]
                low = key if key < low else low
                top = key if key > top else top
    return low, top


@compile_cached
def rank_targets(  # type: ignore[no-untyped-def]
    bits, lowest_bits, infinity_bits, columns, rows, indptr, targets, ranks, top1, keys
):
    """Rank the target classes of each row from 0, and find the row's top-1 class, in one pass over the scores.

    Return -1, or the first row with a NaN.
    """
    for i in range(rows.size):
        low, top = _write_sort_keys(bits[rows[i]], lowest_bits, infinity_bits, columns, keys)
        if low < -infinity_bits or top > infinity_bits:
            return i
        best = -1
        for t in range(indptr[i], indptr[i + 1]):
            ranks[t] = _count_better_classes(keys, targets[t])
            if ranks[t] == 0:
                best = targets[t]
        top1[i] = _first_id_with_key(keys, top) if best < 0 else best
    return -1


@compile_cached
def _count_better_classes_and_detect_nan(row, target):  # type: ignore[no-untyped-def]
    """Count the classes that rank before `target`, as `_count_better_classes` does; -2 if the row contains a NaN."""
    value = row[target]
    above, below = np.int32(0), np.int32(0)
    for j in range(row.size):
        above = np.int32(above + (row[j] > value))
        below = np.int32(below + (row[j] < value))
    if above + below < row.size - 1 or value != value:  # a tie, or a NaN, whose comparisons are all false
        level = np.int32(0)
        for j in range(row.size):
            level = np.int32(level + (row[j] == value))
        if above + below + level < row.size:
            return np.int32(_NOT_A_NUMBER)
        for j in range(row.size):
            above = np.int32(above + ((row[j] == value) & (np.int32(j) < np.int32(target))))
    return above


@compile_cached
def _rank_best_of_row(row, targets, start, end):  # type: ignore[no-untyped-def]
    """Return the best rank of ``targets[start:end]`` among one image's scores; -1 without targets, -2 with a NaN."""
    best = targets[start] if start < end else 0
    for t in range(start + 1, end):
        if row[targets[t]] > row[best] or (row[targets[t]] == row[best] and targets[t] < best):
            best = targets[t]
    rank = _count_better_classes_and_detect_nan(row, best)
    return rank if start < end or rank == _NOT_A_NUMBER else np.int32(_NO_TARGET)


@compile_cached
def rank_best_targets(scores, starts, ends, targets, ranks):  # type: ignore[no-untyped-def]
    """Store the rank of the best target of each row in `ranks`.

    The targets of row i are ``targets[starts[i]:ends[i]]``. Ranks are as in `rank_targets`. Return -1, or the first row
    with a NaN.
    """
    for i in range(scores.shape[0]):
        ranks[i] = _rank_best_of_row(scores[i], targets, starts[i], ends[i])
        if ranks[i] == _NOT_A_NUMBER:
            return i
    return -1


@compile_cached
def rank_best_targets_from_bits(  # type: ignore[no-untyped-def]
    bits, lowest_bits, infinity_bits, starts, ends, targets, ranks, keys
):
    """Do the same as `rank_best_targets`, from the bits of scores; `keys` is a buffer for one row."""
    for i in range(bits.shape[0]):
        low, top = _write_sort_keys(bits[i], lowest_bits, infinity_bits, np.empty(0, np.int64), keys)
        if low < -infinity_bits or top > infinity_bits:
            return i
        ranks[i] = _rank_best_of_row(keys, targets, starts[i], ends[i])
    return -1


@compile_cached
def count_ranks_below(ranks, limits):  # type: ignore[no-untyped-def]
    """Count the ranks below each limit; the last number is the count of all ranks. Negative ranks are ignored."""
    counts = np.zeros(limits.size + 1, np.int64)
    for rank in ranks:
        if rank >= 0:
            for t in range(limits.size):
                counts[t] += rank < limits[t]
            counts[limits.size] += 1
    return counts


@compile_cached
def find_nonzero_columns(multi_hot):  # type: ignore[no-untyped-def]
    """Return `indptr` and `columns`: row i is nonzero in ``columns[indptr[i]:indptr[i + 1]]``."""
    indptr, columns = np.empty(len(multi_hot) + 1, np.int64), np.empty(4 * len(multi_hot), np.int64)
    count = _find_nonzero(multi_hot, indptr, columns)
    if count > columns.size:  # seldom: most images have one valid class
        columns = np.empty(count, np.int64)
        _find_nonzero(multi_hot, indptr, columns)
    return indptr, columns[:count]


@compile_cached
def _find_nonzero(multi_hot, indptr, columns):  # type: ignore[no-untyped-def]
    """Fill `indptr`, and store as many nonzero columns as fit into `columns`; return the number of nonzero columns."""
    flat = multi_hot.reshape(multi_hot.size).view(np.uint8)
    blocks = flat.size // 64
    words = flat[: 64 * blocks].view(np.uint64)
    row, count = 0, 0
    indptr[0] = 0
    for block in range(blocks):
        first = 8 * block
        union = words[first] | words[first + 1] | words[first + 2] | words[first + 3]
        if union | words[first + 4] | words[first + 5] | words[first + 6] | words[first + 7]:
            for w in range(first, first + 8):
                if words[w]:
                    row, count = _add_nonzero(flat, 8 * w, 8 * w + 8, multi_hot.shape[1], row, count, indptr, columns)
    row, count = _add_nonzero(flat, 64 * blocks, flat.size, multi_hot.shape[1], row, count, indptr, columns)
    indptr[row + 1 :] = count
    return count


@compile_cached
def _add_nonzero(flat, start, end, width, row, count, indptr, columns):  # type: ignore[no-untyped-def]
    """Append the columns of nonzero bytes of a matrix to `columns`, for the bytes from `start` to `end`.

    Return the row of the last nonzero byte, and the number of columns so far.
    """
    for position in range(start, end):
        if flat[position]:
            while position >= (row + 1) * width:
                row += 1
                indptr[row] = count
            if count < columns.size:
                columns[count] = position - row * width
            count += 1
    return row, count


@compile_cached
def remove_padding(padded_ids, padding, n_outputs):  # type: ignore[no-untyped-def]
    """Remove the padding of a table of ids; return the first invalid row (-1 if all are valid), `indptr` and `ids`.

    The ids of row i are ``ids[indptr[i]:indptr[i + 1]]``. A row is invalid if an id is out of range or listed twice.
    """
    indptr, ids = np.zeros(len(padded_ids) + 1, np.int64), np.empty(padded_ids.size, np.int64)
    last_row = np.full(n_outputs, -1)  # the last row with each id
    count = 0
    for i in range(padded_ids.shape[0]):
        for j in range(padded_ids.shape[1]):
            class_id = padded_ids[i, j]
            if class_id != padding:
                if class_id < 0 or class_id >= n_outputs or last_row[class_id] == i:
                    return i, indptr, ids[:count]
                last_row[class_id] = i
                ids[count] = class_id
                count += 1
        indptr[i + 1] = count
    return -1, indptr, ids[:count]
