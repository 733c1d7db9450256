"""Time of `predict`, against a loop that decodes the same images and calls the same model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
import torchvision
from PIL import Image

from reassess import ModelSource, predict
from reassess.proposals import open_model

NAME, BATCH = "mobilenet_v3_small", 64


def write_images(folder: Path, count: int) -> list[Path]:
    """Write random parts of scikit-image's photographs, resized to the size of an ImageNet image."""
    folder.mkdir()
    rng, data = np.random.default_rng(0), Path(skimage.__file__).parent / "data"
    photographs = [Image.open(data / name).convert("RGB") for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        width, height = (3 * side // 4 for side in photograph.size)
        left, top = rng.integers(0, width // 3), rng.integers(0, height // 3)
        part = photograph.crop((left, top, left + width, top + height)).resize((500, 375))
        part.save(folder / f"{number:04d}.jpg", quality=90)
    return sorted(folder.iterdir())


@pytest.mark.parametrize(("count", "workers"), [(128, 0), (128, 1), (1536, 1)])
def test_predict_is_as_fast_as_a_loop(compare: Callable[..., None], tmp_path: Path, count: int, workers: int) -> None:
    """With one worker, `predict` starts a process only for many images."""
    net = torchvision.models.get_model(NAME).eval()
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    model = open_model(ModelSource(f"torchvision:{NAME}", checkpoint=tmp_path / "weights.pth"))
    transform = torchvision.models.get_model_weights(NAME).DEFAULT.transforms()
    paths = write_images(tmp_path / "images", count)

    def loop() -> None:
        with torch.inference_mode():
            for start in range(0, count, BATCH):
                batch = paths[start : start + BATCH]
                net(torch.stack([transform(Image.open(path).convert("RGB")) for path in batch]))

    def run() -> None:
        predict(
            [model], tmp_path / "out.npy", images=tmp_path / "images", batch_size=BATCH, workers=workers, force=True
        )

    name = f"predict, {count:,} images, workers={workers}"
    compare(name, run, loop, against="a loop", limit="<= 1.1", rounds=7)
