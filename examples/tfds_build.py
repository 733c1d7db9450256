"""ImageNet's validation images with ReaL labels, scores and votes, as a data set of TensorFlow Datasets.

    python examples/tfds_build.py [MANUAL_DIR]

MANUAL_DIR holds ILSVRC2012_img_val.tar, and the data set is kept where TFDS keeps the others. Without it, a few images
are made, and the data set is built of them in a folder that does not last.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow says at the start what it runs on

import tensorflow_datasets as tfds
from PIL import Image

import reassess.integrations.tfds  # noqa: F401 - makes imagenet_real known


def build(name: str, manual_dir: str | Path, data_dir: str | None) -> None:
    """Print the first examples of the data set, built unless it is there, and how many raters said yes."""
    given = tfds.download.DownloadConfig(manual_dir=manual_dir)
    options = {"download_and_prepare_kwargs": {"download_config": given}, "data_dir": data_dir}
    dataset = tfds.load(name, split="validation", **options)
    said_yes = answers = 0
    for row, example in enumerate(tfds.as_numpy(dataset)):
        if row < 5:
            valid, scores = example["real_label"], example["scores"]
            asked = ", ".join(f"{i} {p:.2f}" for i, p in zip(scores["class"], scores["score"], strict=True))
            print(f"{example['file_name'].decode()}: valid {valid.tolist()}, scores {asked or 'none: never rated'}")
        said_yes += example["votes"]["yes"].sum()
        answers += sum(example["votes"][answer].sum() for answer in ("no", "maybe", "yes"))
    print(f"{said_yes:,} of {answers:,} answers are yes")


def make_images(folder: Path) -> None:
    """Images of one colour each under the names of the first validation images."""
    for number in range(1, 9):
        Image.new("RGB", (32, 32), (30 * number, 90, 0)).save(folder / f"ILSVRC2012_val_{number:08d}.JPEG")


tfds.disable_progress_bar()
if len(sys.argv) > 1:
    build("imagenet_real", sys.argv[1], data_dir=None)
else:
    with tempfile.TemporaryDirectory() as made:
        make_images(Path(made))
        build("imagenet_real/subset", made, data_dir=f"{made}/built")
