"""ReaL labels in a tf.data pipeline, joined by file name, so that images may come in any order.

    python examples/tensorflow_labels.py

Instead of a model, the script measures the original labels. With TFDS, `images` is
``tfds.load("imagenet2012", split="validation", shuffle_files=True)``: its elements have file names too.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's messages about the device

import tensorflow as tf

from reassess import read_original_labels
from reassess.integrations.tensorflow import with_real_labels

original = read_original_labels()
images = tf.data.Dataset.from_tensor_slices({"file_name": list(original.images), "predicted": original.indices})
images = images.shuffle(50_000, seed=1).batch(256)

hits = scored = 0
for batch in with_real_labels(images, encoding="multi-hot"):
    valid = batch["real_label"]
    hits += tf.math.count_nonzero(tf.gather(valid, batch["predicted"], batch_dims=1))
    scored += tf.math.count_nonzero(tf.reduce_any(valid, axis=1))  # images with an empty label set do not count
print(f"ReaL accuracy of the original labels: {hits:,} of {scored:,}, {100 * hits / scored:.2f} %")
