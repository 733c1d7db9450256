"""ReaL accuracy in JAX: a compiled step for batches of equal size; the last batch is padded and masked.

    python examples/jax_accuracy.py

Instead of a model, the script measures the original labels, as scores that are 1 for one class.
"""

import operator
from functools import reduce

import jax
import numpy as np

from reassess import padded_ids, read_labels, read_original_labels
from reassess.integrations.jax import Counts, accuracy, count_hits

BATCH = 256
labels, original = read_labels(), read_original_labels()
valid = padded_ids(labels, labels.find(original.images))  # joined by path


@jax.jit
def step(class_ids: jax.Array, valid: jax.Array, mask: jax.Array) -> Counts:
    """Return the counts of a batch."""
    scores = jax.nn.one_hot(class_ids, 1000)  # your model's scores
    return count_hits(scores, valid, mask=mask)


def batches() -> list[np.ndarray]:
    """Split the rows of all images into batches of equal size; the last is padded with -1."""
    rows = np.arange(len(original.images))
    return np.split(np.pad(rows, (0, -len(rows) % BATCH), constant_values=-1), -(-len(rows) // BATCH))


total = reduce(operator.add, (step(original.indices[rows], valid[rows], rows >= 0) for rows in batches()))
percent = 100 * accuracy(total)[1]
n_empty = int(total.n_without_valid_class)
print(f"ReaL top-1: {int(total.hits[0]):,} of {int(total.n):,}, {percent:.2f} %; {n_empty:,} without a valid class")
