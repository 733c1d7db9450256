"""ReaL accuracy in JAX: one compiled step for batches of one size, the last of them filled up and masked.

    python examples/jax_accuracy.py

In place of a model, the original labels are judged, as scores that are 1 for one class.
"""

import operator
from functools import reduce

import jax
import numpy as np

from reassess import padded_ids, read_labels, read_original
from reassess.integrations.jax import Counts, accuracy, count_hits

BATCH = 256
labels, original = read_labels(), read_original()
valid = padded_ids(labels, labels.find(original.images))  # joined by path


@jax.jit
def step(said: jax.Array, valid: jax.Array, mask: jax.Array) -> Counts:
    """What a model's evaluation step gives back."""
    scores = jax.nn.one_hot(said, 1000)  # here stands the model
    return count_hits(scores, valid, mask=mask)


def batches() -> list[np.ndarray]:
    """Rows of the images, as many in each batch; the last is filled up with -1, which is masked."""
    rows = np.arange(len(original.images))
    return np.split(np.pad(rows, (0, -len(rows) % BATCH), constant_values=-1), -(-len(rows) // BATCH))


total = reduce(operator.add, (step(original.indices[rows], valid[rows], rows >= 0) for rows in batches()))
percent = 100 * accuracy(total)[1]
print(f"ReaL top-1: {int(total.hits[0]):,} of {int(total.n):,}, {percent:.2f} %; {int(total.empty):,} empty")
