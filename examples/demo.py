"""Read ImageNet's ReaL labels, and evaluate the original labels as if they were a model's predictions."""

import hashlib
from collections import Counter

from reassess import LabelSets, Predictions, evaluate, read_labels, read_original_labels
from reassess.data import fetch

labels, original = read_labels("imagenet-real"), read_original_labels("imagenet-original")

for name in ("imagenet-real", "imagenet-original"):
    print(f"{name:18} sha256 {hashlib.sha256(fetch(name).read_bytes()).hexdigest()}")


def count_by_size(sets: LabelSets) -> str:
    """Count images by their number of labels."""
    sizes = Counter(sets.sizes.tolist())
    return ", ".join(f"{size}: {count:,}" for size, count in sorted(sizes.items()))


print(f"\n{labels}\nlabels per image: {count_by_size(labels)}")
print("\nThe original labels, as if they were a model:")
print(evaluate(Predictions.from_ids(original.indices, original.images), labels, original=original))
