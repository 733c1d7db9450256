"""ReaL accuracy in an evaluation loop of PyTorch: two added lines, and the dataset `ImageNetReaL`.

    python examples/torchvision_evaluate.py [ROOT]

ROOT contains ImageNet's validation images, in a folder val or as ILSVRC2012_img_val.tar; torchvision downloads the
model's weights. Without ROOT, the script generates a few images, and the model is not trained.
"""

import sys
import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.models import ResNet18_Weights, resnet18

from reassess import RealAccuracy
from reassess.integrations.torchvision import ImageNetReaL


def evaluate(root: str | Path, *, trained: bool) -> None:
    """Print the dataset and the model's ReaL accuracy."""
    weights = ResNet18_Weights.DEFAULT
    model = resnet18(weights=weights if trained else None).eval()
    dataset = ImageNetReaL(root, transform=weights.transforms())
    real = RealAccuracy()  # added
    with torch.inference_mode():
        for images, target in DataLoader(dataset, batch_size=64):
            real.update(model(images), target)  # added
    print(f"{dataset}\n\n{real.compute()}")


def make_images(folder: Path) -> None:
    """Write images of one colour each, with the names of the first validation images."""
    for number in range(1, 9):
        Image.new("RGB", (256, 256), (30 * number, 90, 0)).save(folder / f"ILSVRC2012_val_{number:08d}.JPEG")


if len(sys.argv) > 1:
    evaluate(sys.argv[1], trained=True)
else:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder))
        evaluate(folder, trained=False)
