"""ReaL accuracy as a metric of Keras, on any backend: KERAS_BACKEND names it.

    KERAS_BACKEND=torch python examples/keras_metric.py

In place of a model, the original labels are judged: its input is the label, its scores are 1 for this class.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow says at the start what it runs on

import keras

from reassess import padded_ids, read_labels, read_original
from reassess.integrations.keras import RealAccuracyMetric

labels, original = read_labels(), read_original()
valid = padded_ids(labels, labels.find(original.images))  # joined by path

model = keras.Sequential([keras.layers.Embedding(1000, 1000, embeddings_initializer="identity")])
top1, top5 = RealAccuracyMetric(k=1), RealAccuracyMetric(k=5)
# evaluate() demands a loss; none takes padded ids, while those of several labels take multi-hot.
model.compile(loss=lambda target, scores: keras.ops.zeros_like(scores[:, 0]), metrics=[top1, top5])  # noqa: ARG005
found = model.evaluate(original.indices, valid, batch_size=256, verbose=0, return_dict=True)

for metric in (top1, top5):
    counts = metric.counts()
    print(f"{metric.name}: {counts.hits:,} of {counts.n:,}, {100 * found[metric.name]:.2f} %")
