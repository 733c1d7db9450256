"""Measure how many altered images are near duplicates of the original: the table of docs/scan.md.

`python -m benchmarks.altered_images` prints it. The images are from CIFAR-10 (`images.zip` in a folder of
REASSESS_DATA), and parts of scikit-image's photographs.
"""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageEnhance, ImageOps

from reassess.data.fingerprints import Fingerprints, make_fingerprint, stack_fingerprints
from reassess.data.near_duplicates import MAX_DIFFERENT_BITS, group_exact_duplicates, group_near_duplicates

Alteration = Callable[[Image.Image], Image.Image]
CIFAR_IMAGES, PARTS_PER_PHOTOGRAPH = 3_000, 20
PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock_motion",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "ihc",
    "moon",
    "motorcycle_left",
    "motorcycle_right",
    "retina",
    "rocket",
)


def crop_by(share: float) -> Alteration:
    """Remove a share of the width and of the height, half of it at each edge."""

    def crop(image: Image.Image) -> Image.Image:
        left, top = round(image.width * share / 2), round(image.height * share / 2)
        return image.crop((left, top, image.width - left, image.height - top))

    return crop


def compress(image: Image.Image) -> Image.Image:
    """Save as JPEG, and read again."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file)


ALTERATIONS: Mapping[str, Alteration] = {
    "JPEG, quality 50": compress,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped by 5 %": crop_by(0.05),
    "cropped by 10 %": crop_by(0.1),
    "brighter by 30 %": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "darker by 30 %": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "greyscale": lambda image: image.convert("L"),
    "mirrored": ImageOps.mirror,
}


def draw_cifar() -> list[Image.Image]:
    """Draw images of CIFAR-10 at random."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    with zipfile.ZipFile(next(folder / "images.zip" for folder in folders if (folder / "images.zip").exists())) as pack:
        names = sorted(name for name in pack.namelist() if name.endswith((".png", ".jpg")))
        rows = np.random.default_rng(0).permutation(len(names))[:CIFAR_IMAGES]
        return [Image.open(io.BytesIO(pack.read(names[row]))).convert("RGB") for row in rows.tolist()]


def draw_parts() -> list[Image.Image]:
    """Draw parts of photographs at random, with half the width and half the height."""
    rng, parts = np.random.default_rng(0), []
    for name in PHOTOGRAPHS:
        path = next(Path(skimage.data.__file__).parent.glob(f"{name}.*"))
        photograph = Image.open(path).convert("RGB")
        width, height = photograph.width // 2, photograph.height // 2
        for _ in range(PARTS_PER_PHOTOGRAPH):
            left, top = int(rng.integers(photograph.width - width)), int(rng.integers(photograph.height - height))
            parts.append(photograph.crop((left, top, left + width, top + height)))
    return parts


def fingerprint(images: list[Image.Image]) -> Fingerprints:
    """Compute the fingerprints that `scan` compares."""
    fingerprints = [make_fingerprint(image.convert("RGB"), needs_hashes=True) for image in images]
    return stack_fingerprints(fingerprints, needs_hashes=True)


def recall(originals: Fingerprints, altered: Fingerprints) -> tuple[float, float]:
    """Return the percentage of images near their original, by `scan` and by the hash of the whole image only."""
    pairs = np.stack([originals, altered], axis=1)
    near = sum(bool(group_exact_duplicates(pair) or group_near_duplicates(pair, lambda *_: None)) for pair in pairs)
    different_bits = np.bitwise_count(originals["hashes"][:, 0] ^ altered["hashes"][:, 0])
    by_hash = np.count_nonzero(different_bits <= MAX_DIFFERENT_BITS)
    return 100 * near / len(originals), 100 * by_hash / len(originals)


if __name__ == "__main__":
    sets = {"CIFAR-10": draw_cifar(), "photographs": draw_parts()}
    originals = {name: fingerprint(images) for name, images in sets.items()}
    print(f"| alteration | {' | '.join(sets)} | only by pHash, at most {MAX_DIFFERENT_BITS} bits |\n|---|---|---|---|")
    for title, alter in ALTERATIONS.items():
        recalls = [
            recall(originals[name], fingerprint([alter(image) for image in images])) for name, images in sets.items()
        ]
        near, by_hash = (" | ".join(f"{percent[i]:.1f} %" for percent in recalls) for i in (0, 1))
        print(f"| {title} | {near} | {by_hash.replace(' | ', ', ')} |", flush=True)
