"""timm's evaluator of ReaL labels, for a part of the images in any order, and in any folder.

    python examples/timm_validate.py

Instead of a model, the script measures the original labels, as scores that are 1 for one class.
"""

import numpy as np

from reassess import read_original_labels
from reassess.integrations.timm import RealLabelsImagenet  # instead of timm.data's

original = read_original_labels()
rows = np.random.default_rng(0).permutation(len(original))[:10_000]
filenames = [f"{original.images[row][:-5]}_n01440764.png" for row in rows]

real_labels = RealLabelsImagenet(filenames)
for batch in np.array_split(rows, 40):
    real_labels.add_result(np.eye(1000, dtype=np.float32)[original.indices[batch]])
top1, top5 = real_labels.get_accuracy(k=1), real_labels.get_accuracy(k=5)
print(f"ReaL accuracy of the original labels: top-1 {top1:.3f} %, top-5 {top5:.3f} %, on 10,000 images in any order")
