"""What `predict` costs around a model: beside decoding and bare forward passes of the same images in one loop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import torch
import torchvision
from PIL import Image

from reassess import ModelSource, open_model, predict

NAME, IMAGES, BATCH = "mobilenet_v3_small", 128, 64


@pytest.fixture(scope="module")
def images(tmp_path_factory: Any) -> Path:
    """Parts of scikit-image's photographs, in the size of an image of ImageNet."""
    folder = tmp_path_factory.mktemp("images")
    rng, data = np.random.default_rng(0), Path(skimage.__file__).parent / "data"
    photographs = [Image.open(data / name).convert("RGB") for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    for number in range(IMAGES):
        photograph = photographs[number % len(photographs)]
        width, height = (3 * side // 4 for side in photograph.size)
        left, top = rng.integers(0, width // 3), rng.integers(0, height // 3)
        part = photograph.crop((left, top, left + width, top + height)).resize((500, 375))
        part.save(folder / f"{number:03d}.jpg", quality=90)
    return folder


@pytest.mark.parametrize("workers", [0, 1])
def test_around_a_model(compare: Callable[..., None], images: Path, tmp_path: Path, workers: int) -> None:
    net = torchvision.models.get_model(NAME).eval()
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    model = open_model(ModelSource(f"torchvision:{NAME}", checkpoint=tmp_path / "weights.pth"))
    prepared = torchvision.models.get_model_weights(NAME).DEFAULT.transforms()
    paths = sorted(images.iterdir())

    def loop() -> None:
        with torch.inference_mode():
            for at in range(0, IMAGES, BATCH):
                net(torch.stack([prepared(Image.open(path).convert("RGB")) for path in paths[at : at + BATCH]]))

    def run() -> None:
        predict([model], tmp_path / "out.npy", images=images, batch=BATCH, workers=workers, force=True)

    decoding = "in the same process" if workers == 0 else "in another process"
    compare(f"predict, {IMAGES} images, decoding {decoding}", run, loop, against="one loop", must="<= 1.1", rounds=7)
