"""ReaL labels as a column of a Hugging Face dataset, joined by file name.

    python examples/huggingface_labels.py

Instead of a model, the script measures the original labels, with a dataset that has only file names. For imagenet-1k,
streamed or not, write ``with_real_labels(load_dataset("imagenet-1k", split="validation"))``: images have file names.
"""

from datasets import Dataset, disable_progress_bars

from reassess import read_original_labels
from reassess.integrations.huggingface import with_real_labels

disable_progress_bars()
original = read_original_labels()
images = Dataset.from_dict({"file_name": original.images, "predicted": original.indices}).shuffle(seed=1)

labelled = with_real_labels(images, image_column="file_name")
scored = labelled.filter(lambda row: row["real_label"])  # images with an empty label set do not count
hits = sum(row["predicted"] in row["real_label"] for row in scored)
print(f"ReaL accuracy of the original labels: {hits:,} of {len(scored):,}, {100 * hits / len(scored):.2f} %")
