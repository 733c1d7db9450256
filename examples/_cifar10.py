"""Shared code of the examples on CIFAR-10: files, images, and a small network."""

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
EPOCH = 200  # steps for all training images


def find_file(name: str) -> Path:
    """Find a file in the folders of REASSESS_DATA."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    return next(folder / name for folder in folders if (folder / name).exists())


def read_images(path: Path) -> tuple[list[str], torch.Tensor]:
    """Read names and images; images have shape (N, 3, 32, 32), uint8, 0 to 255."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        images = torch.empty((len(names), 3, 32, 32), dtype=torch.uint8)
        for row, name in enumerate(names):
            images[row] = torch.from_numpy(np.array(Image.open(io.BytesIO(archive.read(name))))).permute(2, 0, 1)
    return names, images


def downsample(inputs: int, outputs: int) -> list[nn.Module]:
    """Return the layers of a convolution that halves width and height."""
    return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def wide_layers() -> list[nn.Module]:
    """Return the layers of a network with about 110,000 weights."""
    return [*downsample(3, 32), *downsample(32, 64), *downsample(64, 128), nn.Flatten(), nn.Linear(2048, 10)]


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Scale images to mean 0 and standard deviation 1, approximately."""
    return (images.float() / 255 - 0.47) / 0.25


def train(
    net: nn.Module,
    steps: int,
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = nn.functional.cross_entropy,
    seed: int = 0,
) -> None:
    """Minimize the loss for a number of steps; every second batch is mirrored."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    batches = chain.from_iterable(torch.randperm(len(targets), generator=rng).split(BATCH) for _ in repeat(None))
    for number, rows in enumerate(islice(batches, steps)):
        batch = normalize(images[rows])
        value = loss(net(batch.flip(3) if number % 2 else batch), targets[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()


def compute_logits(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Compute the logits of a trained network, float32, shape (N, 10)."""
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(normalize(part)) for part in images.split(500)])
