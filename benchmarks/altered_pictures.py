"""How many altered pictures are found near to the original: the table of docs/scan.md.

`python -m benchmarks.altered_pictures` prints it for pictures of CIFAR-10, of `images.zip` in one of the folders of
REASSESS_DATA, and for parts of photographs that scikit-image brings along.
"""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import skimage.data
from PIL import Image, ImageEnhance, ImageOps

from reassess.data import open_images
from reassess.data.near_duplicates import MOST_BITS, Fingerprint, FingerprintReader, ImageBatch, near_groups

Picture = Image.Image
OF_CIFAR, PARTS = 3_000, 20  # pictures, and parts of each photograph
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


def cropped(share: float) -> Callable[[Picture], Picture]:
    """Without a share of each side, half of it at either end."""

    def crop(picture: Picture) -> Picture:
        left, top = round(picture.width * share / 2), round(picture.height * share / 2)
        return picture.crop((left, top, picture.width - left, picture.height - top))

    return crop


def as_jpeg(picture: Picture) -> Picture:
    """After it was kept with losses."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file)


ALTERED: Mapping[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 50": as_jpeg,
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "cropped by 5 %": cropped(0.05),
    "cropped by 10 %": cropped(0.1),
    "brighter by 30 %": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "darker by 30 %": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "in shades of grey": lambda picture: picture.convert("L"),
    "mirrored": ImageOps.mirror,
}


def of_cifar() -> list[Picture]:
    """Pictures of CIFAR-10, drawn at random."""
    folders = map(Path, os.environ.get("REASSESS_DATA", "").split(os.pathsep))
    with zipfile.ZipFile(next(folder / "images.zip" for folder in folders if (folder / "images.zip").exists())) as pack:
        names = sorted(name for name in pack.namelist() if name.endswith((".png", ".jpg")))
        drawn = np.random.default_rng(0).permutation(len(names))[:OF_CIFAR]
        return [Image.open(io.BytesIO(pack.read(names[row]))).convert("RGB") for row in drawn.tolist()]


def of_photographs() -> list[Picture]:
    """Parts of half the width and the height, anywhere in a photograph."""
    rng, parts = np.random.default_rng(0), []
    for name in PHOTOGRAPHS:
        path = next(Path(skimage.data.__file__).parent.glob(f"{name}.*"))
        photograph = Image.open(path).convert("RGB")
        width, height = photograph.width // 2, photograph.height // 2
        for _ in range(PARTS):
            left, top = int(rng.integers(photograph.width - width)), int(rng.integers(photograph.height - height))
            parts.append(photograph.crop((left, top, left + width, top + height)))
    return parts


def fingerprints_of(pictures: list[Picture]) -> list[Fingerprint | str]:
    """What `scan` keeps of pictures."""
    path = Path(mkdtemp()) / "pictures.zip"
    with zipfile.ZipFile(path, "w") as pack:
        for number, picture in enumerate(pictures):
            file = io.BytesIO()
            picture.save(file, "PNG")
            pack.writestr(f"{number:05d}.png", file.getvalue())
    return FingerprintReader([open_images(path)], near=True)(ImageBatch(0, range(len(pictures))))


def found(originals: list[Fingerprint | str], altered: list[Fingerprint | str]) -> tuple[float, float]:
    """Percent that are near to the original, and that are so by the hashes of whole pictures alone."""
    near = by_hash = 0
    for one, other in zip(originals, altered, strict=True):
        assert isinstance(one, Fingerprint)
        assert isinstance(other, Fingerprint)
        near += one.digest == other.digest or bool(near_groups([one, other], lambda *_: None))
        hashes = (int.from_bytes(each.hashes[:8]) for each in (one, other))
        by_hash += (next(hashes) ^ next(hashes)).bit_count() <= MOST_BITS
    return 100 * near / len(originals), 100 * by_hash / len(originals)


if __name__ == "__main__":
    sets = {"CIFAR-10": of_cifar(), "photographs": of_photographs()}
    originals = {name: fingerprints_of(pictures) for name, pictures in sets.items()}
    print(f"| altered | {' | '.join(sets)} | by pHash at {MOST_BITS} bits alone |\n|---|---|---|---|")
    for what, alter in ALTERED.items():
        shares = [
            found(originals[name], fingerprints_of([alter(one) for one in pictures])) for name, pictures in sets.items()
        ]
        near, by_hash = (" | ".join(f"{share[i]:.1f} %" for share in shares) for i in (0, 1))
        print(f"| {what} | {near} | {by_hash.replace(' | ', ', ')} |", flush=True)
