"""ReaL labels in a tf.data pipeline: one line adds them, by file name, to images in any order.

    python examples/tensorflow_labels.py

In place of a model, the original labels are judged; with TFDS, `images` is
``tfds.load("imagenet2012", split="validation", shuffle_files=True)``, whose elements name their files too.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow says at the start what it runs on

import tensorflow as tf

from reassess import read_original
from reassess.integrations.tensorflow import with_real_labels

original = read_original()
images = tf.data.Dataset.from_tensor_slices({"file_name": list(original.images), "predicted": original.indices})
images = images.shuffle(50_000, seed=1).batch(256)

hits = scored = 0
for batch in with_real_labels(images, encoding="multi-hot"):
    valid = batch["real_label"]
    hits += tf.math.count_nonzero(tf.gather(valid, batch["predicted"], batch_dims=1))
    scored += tf.math.count_nonzero(tf.reduce_any(valid, axis=1))  # an image without a valid class counts nowhere
print(f"ReaL accuracy of the original labels: {hits:,} of {scored:,}, {100 * hits / scored:.2f} %")
