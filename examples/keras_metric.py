"""ReaL accuracy as a Keras metric, on any backend (KERAS_BACKEND).

    KERAS_BACKEND=torch python examples/keras_metric.py

Instead of a real model, the script uses one whose input is the original label, and whose score is 1 for this class.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's messages about the device

import keras

from reassess import padded_ids, read_labels, read_original_labels
from reassess.integrations.keras import RealAccuracyMetric

labels, original = read_labels(), read_original_labels()
valid = padded_ids(labels, labels.find(original.images))  # joined by path

model = keras.Sequential([keras.layers.Embedding(1000, 1000, embeddings_initializer="identity")])
top1, top5 = RealAccuracyMetric(k=1), RealAccuracyMetric(k=5)
# evaluate() needs a loss, and no loss of Keras takes padded ids. With multi-hot targets, use a loss for several labels.
model.compile(loss=lambda target, scores: keras.ops.zeros_like(scores[:, 0]), metrics=[top1, top5])  # noqa: ARG005
results = model.evaluate(original.indices, valid, batch_size=256, verbose=0, return_dict=True)

for metric in (top1, top5):
    counts = metric.counts()
    print(f"{metric.name}: {counts.hits:,} of {counts.n:,}, {100 * results[metric.name]:.2f} %")
