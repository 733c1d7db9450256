"""What the examples on CIFAR-10 share: the published files, the pictures, and a small network."""

import io
import os
import zipfile
from collections.abc import Callable
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCH = 250
EPOCH = 200  # steps, on all training images


def found(name: str) -> Path:
    """A file in one of the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def read_images(path: Path) -> tuple[list[str], torch.Tensor]:
    """Names, and pictures from 0 to 255, uint8, shape (N, 3, 32, 32)."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = torch.empty((len(names), 3, 32, 32), dtype=torch.uint8)
        for row, name in enumerate(names):
            pictures[row] = torch.from_numpy(np.array(Image.open(io.BytesIO(archive.read(name))))).permute(2, 0, 1)
    return names, pictures


def step(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution that halves the picture."""
    return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def wide() -> list[nn.Module]:
    """The layers of a network with about 110,000 weights."""
    return [*step(3, 32), *step(32, 64), *step(64, 128), nn.Flatten(), nn.Linear(2048, 10)]


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures with about mean 0 and deviation 1."""
    return (pictures.float() / 255 - 0.47) / 0.25


def train(
    net: nn.Module,
    steps: int,
    pictures: torch.Tensor,
    targets: torch.Tensor,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = nn.functional.cross_entropy,
    seed: int = 0,
) -> None:
    """Minimize the loss in so many steps; every other batch is mirrored."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    batches = chain.from_iterable(torch.randperm(len(targets), generator=rng).split(BATCH) for _ in repeat(None))
    for number, rows in enumerate(islice(batches, steps)):
        batch = as_input(pictures[rows])
        value = loss(net(batch.flip(3) if number % 2 else batch), targets[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()


def outputs(net: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    """What a trained network says, float32, shape (N, 10)."""
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(as_input(part)) for part in pictures.split(500)])
