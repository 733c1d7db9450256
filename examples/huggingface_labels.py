"""ReaL labels in a Hugging Face data set: one line adds a column of them, by file name.

    python examples/huggingface_labels.py

In place of a model, the original labels are judged, and the data set holds names alone. Of imagenet-1k it is
``with_real_labels(load_dataset("imagenet-1k", split="validation"))``, streamed or not: its images name their files.
"""

from datasets import Dataset, disable_progress_bars

from reassess import read_original
from reassess.integrations.huggingface import with_real_labels

disable_progress_bars()
original = read_original()
images = Dataset.from_dict({"file_name": original.images, "predicted": original.indices}).shuffle(seed=1)

labelled = with_real_labels(images, image="file_name")
scored = labelled.filter(lambda row: row["real_label"])  # an image without a valid class counts nowhere
hits = sum(row["predicted"] in row["real_label"] for row in scored)
print(f"ReaL accuracy of the original labels: {hits:,} of {len(scored):,}, {100 * hits / len(scored):.2f} %")
