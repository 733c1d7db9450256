"""Preprocessing equals torchvision's bit by bit, and is read from a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import Transform
from reassess.proposals import read_transform
from tests.helpers import Needs, code_of, fault_of

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOOD = {"size": 256, "crop": 224, "mean": list(MEAN), "deviation": list(DEVIATION)}
side = st.integers(1, 90)


@pytest.fixture(scope="module")
def torchvision_transforms(needs: Needs) -> Any:
    needs("torchvision")
    from torchvision import transforms

    return transforms


@given(
    picture=st.tuples(side, side),
    size=side | st.tuples(side, side),
    crop=st.tuples(side, side),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]),
)
def test_pixels_equal_pixels_of_torchvision(
    torchvision_transforms: Any, picture: Any, size: Any, crop: Any, interpolation: Any
) -> None:
    from PIL import Image

    t = torchvision_transforms
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*picture, 3), np.uint8))
    steps = [t.Resize(size, t.InterpolationMode(interpolation)), t.CenterCrop(crop), t.ToTensor()]
    expected = t.Compose([*steps, t.Normalize(MEAN, DEVIATION)])(image).permute(1, 2, 0).numpy()
    transform = Transform(size, crop, MEAN, DEVIATION, interpolation)
    np.testing.assert_array_equal(transform.normalize(transform.resize_and_crop(image)), expected)


def test_too_large_resized_image_raises(needs: Needs) -> None:
    needs("PIL")
    from PIL import Image

    transform = Transform(1000, (224, 224), MEAN, DEVIATION)
    assert fault_of(transform.resize_and_crop, Image.new("RGB", (1, 101))) == (
        "too-long",
        "1 x 101 pixels, resized to 1,000 x 101,000",
    )
    assert transform.resize_and_crop(Image.new("RGB", (1, 100))).shape == (224, 224, 3)


def write(path: Path, document: Any) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(document))
    else:
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in document.items()))
    return path


@pytest.mark.parametrize("suffix", [".json", ".toml", ".TOML"])
def test_transform_is_read_from_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"t{suffix}", {**GOOD, "interpolation": "bicubic"})
    assert read_transform(path) == Transform(256, (224, 224), MEAN, DEVIATION, "bicubic")
    path = write(path, {**GOOD, "size": [256, 320], "crop": [224, 288]})
    transform = Transform((256, 320), (224, 288), MEAN, DEVIATION, "bilinear")
    assert read_transform(str(path)) == transform
    assert read_transform(write(path, transform.to_json())) == transform


@pytest.mark.parametrize(
    ("change", "code", "found"),
    [
        ({"size": 0}, "out-of-range", "0"),
        ({"size": 1e3}, "not-a-number", "1000.0"),
        ({"size": True}, "not-a-number", "True"),
        ({"crop": [1, 2, 3]}, "wrong-shape", "[1, 2, 3]"),
        ({"crop": [1, "2"]}, "not-a-number", "'2'"),
        ({"mean": [123.7, 116.3, 103.5]}, "out-of-range", "123.7"),
        ({"deviation": [1, 1, 0]}, "out-of-range", "0.0"),
        ({"mean": [0.5, 0.5]}, "wrong-shape", "[0.5, 0.5]"),
        ({"std": 1}, "unknown-name", "'std'"),
        ({"crop": None, "deviation": None}, "missing-value", "no crop and no deviation"),
        ({"interpolation": "cubic"}, "unknown-name", "'cubic'"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_wrong_value_raises(tmp_path: Path, change: dict[str, Any], code: str, found: str, suffix: str) -> None:
    document = {name: value for name, value in (GOOD | change).items() if value is not None}
    path = write(tmp_path / f"t{suffix}", document)
    assert fault_of(read_transform, path) == (code, found)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("t.json", b"{", "not-json"),
        ("t.json", b"[" * 100_000, "not-json"),
        ("t.json", b'{"size": 8, "size": 9}', "duplicate-name"),
        ("t.json", b"[1]", "wrong-json"),
        ("t.toml", b"size 3", "unreadable-file"),
        ("t.toml", b"\xff", "not-utf-8"),
        ("t.json", b"", "empty-file"),
        ("t.yaml", b"size: 3", "wrong-suffix"),
    ],
)
def test_file_without_transform_raises(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert code_of(read_transform, path) == code
