"""ImageNet's validation images with ReaL labels, scores and votes, as a dataset of TensorFlow Datasets.

    python examples/tfds_build.py [MANUAL_DIR]

MANUAL_DIR contains ILSVRC2012_img_val.tar; the dataset is written to TFDS's data folder. Without MANUAL_DIR, the script
generates a few images, and writes the dataset to a temporary folder.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's messages about the device

import tensorflow_datasets as tfds
from PIL import Image

import reassess.integrations.tfds  # noqa: F401 - registers imagenet_real


def build(name: str, manual_dir: str | Path, data_dir: str | None) -> None:
    """Build the dataset if it does not exist; print its first examples, and the number of yes answers."""
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    options = {"download_and_prepare_kwargs": {"download_config": config}, "data_dir": data_dir}
    dataset = tfds.load(name, split="validation", **options)
    yes_answers = answers = 0
    for row, example in enumerate(tfds.as_numpy(dataset)):
        if row < 5:
            valid, scores = example["real_label"], example["scores"]
            pairs = ", ".join(f"{i} {p:.2f}" for i, p in zip(scores["class"], scores["score"], strict=True))
            print(f"{example['file_name'].decode()}: valid {valid.tolist()}, scores {pairs or '(unrated image)'}")
        yes_answers += example["votes"]["yes"].sum()
        answers += sum(example["votes"][answer].sum() for answer in ("no", "maybe", "yes"))
    print(f"{yes_answers:,} of {answers:,} answers are yes")


def make_images(folder: Path) -> None:
    """Write images of one colour each, with the names of the first validation images."""
    for number in range(1, 9):
        Image.new("RGB", (32, 32), (30 * number, 90, 0)).save(folder / f"ILSVRC2012_val_{number:08d}.JPEG")


tfds.disable_progress_bar()
if len(sys.argv) > 1:
    build("imagenet_real", sys.argv[1], data_dir=None)
else:
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder))
        build("imagenet_real/subset", folder, data_dir=f"{folder}/built")
