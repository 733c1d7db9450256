"""Pictures are prepared as torchvision does it, to the bit; and a file says how."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess import Transform, read_transform
from reassess.errors import DataError
from tests.helpers import message

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOOD = {"size": 256, "crop": 224, "mean": list(MEAN), "deviation": list(DEVIATION)}
side = st.integers(1, 90)


@pytest.fixture(scope="module")
def torchvision_transforms(needs: Callable[[str], None]) -> Any:
    needs("torchvision")
    from torchvision import transforms

    return transforms


@given(
    picture=st.tuples(side, side),
    size=side | st.tuples(side, side),
    crop=st.tuples(side, side),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]),
)
def test_pixels_are_those_of_torchvision(
    torchvision_transforms: Any, picture: Any, size: Any, crop: Any, interpolation: Any
) -> None:
    from PIL import Image

    t = torchvision_transforms
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*picture, 3), np.uint8))
    steps = [t.Resize(size, t.InterpolationMode(interpolation)), t.CenterCrop(crop), t.ToTensor()]
    expected = t.Compose([*steps, t.Normalize(MEAN, DEVIATION)])(image).permute(1, 2, 0).numpy()
    transform = Transform(size, crop, MEAN, DEVIATION, interpolation)
    np.testing.assert_array_equal(transform.scaled(transform.cut(image)), expected)


def test_a_picture_that_would_be_too_large_once_resized_is_refused(needs: Callable[[str], None]) -> None:
    needs("PIL")
    from PIL import Image

    transform = Transform(1000, (224, 224), MEAN, DEVIATION)
    with pytest.raises(DataError) as caught:
        transform.cut(Image.new("RGB", (1, 101)))
    assert str(caught.value) == (
        "image is too long for its width\n  allowed: at most 100,000,000 pixels once it is resized\n"
        "  found:   1 x 101 pixels"
    )
    assert transform.cut(Image.new("RGB", (1, 100))).shape == (224, 224, 3)


def write(path: Path, given: Any) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(given))
    else:
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
    return path


@pytest.mark.parametrize("suffix", [".json", ".toml", ".TOML"])
def test_a_file_says_how_pictures_are_prepared(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"t{suffix}", {**GOOD, "interpolation": "bicubic"})
    assert read_transform(path) == Transform(256, (224, 224), MEAN, DEVIATION, "bicubic")
    path = write(path, {**GOOD, "size": [256, 320], "crop": [224, 288]})
    assert read_transform(str(path)) == Transform((256, 320), (224, 288), MEAN, DEVIATION, "bilinear")


def test_what_a_transform_writes_is_read_again(tmp_path: Path) -> None:
    for size in (256, (256, 320)):
        transform = Transform(size, (224, 288), MEAN, DEVIATION, "lanczos")
        assert read_transform(write(tmp_path / "t.json", transform.to_json())) == transform


SCALE = "\n  fix:     give it for values from 0 to 1: divide by 255 what is meant for values from 0 to 255"
SIDES = "\n  allowed: a side, or [height, width]\n  found:   "
KNOWN = "size, crop, mean, deviation, interpolation"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"size": 0}, "size out of range{}\n  allowed: 1 to 10000\n  found:   0"),
        ({"size": 1e3}, "size is no whole number{}" + SIDES + "1000.0"),
        ({"size": True}, "size is no whole number{}" + SIDES + "True"),
        ({"crop": [1, 2, 3]}, "crop has not two sides{}" + SIDES + "[1, 2, 3]"),
        ({"crop": [1, "2"]}, "crop is no whole number{}" + SIDES + "'2'"),
        ({"mean": [123.7, 116.3, 103.5]}, "mean out of range{}\n  allowed: -1 to 1\n  found:   123.7" + SCALE),
        ({"deviation": [1, 1, 0]}, "deviation out of range{}\n  allowed: 0.0009765625 to 1\n  found:   0.0" + SCALE),
        (
            {"mean": [0.5, 0.5]},
            "mean is not one number for each colour{}\n  allowed: [red, green, blue]\n  found:   [0.5, 0.5]",
        ),
        ({"std": 1}, f"unknown value{{}}\n  allowed: {KNOWN}\n  found:   'std'"),
        (
            {"interpolation": "cubic"},
            "unknown interpolation{}\n  allowed: nearest, bilinear, bicubic, lanczos, box, hamming\n  found:   'cubic'",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_a_wrong_value_is_named(tmp_path: Path, change: dict[str, Any], expected: str, suffix: str) -> None:
    path = write(tmp_path / f"t{suffix}", GOOD | change)
    assert message(read_transform, path) == expected.format(f"\n  where:   {path}")


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", {"size": 8, "mean": [0, 0, 0]})
    assert message(read_transform, path) == (
        f"value is missing\n  where:   {path}\n  found:   no crop and no deviation\n  fix:     give each of them"
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.json", b"{", "file cannot be read\n  where:   {}\n  allowed: JSON\n  found:   Expecting property name"),
        ("t.json", b"[" * 100_000, "file cannot be read\n  where:   {}\n  allowed: JSON\n  found:   "),
        (
            "t.json",
            b'{"size": 8, "size": 9}',
            "a key is named twice\n  where:   {}\n  found:   size\n  fix:     leave one out",
        ),
        ("t.json", b"[1]", "file is not a JSON object\n  where:   {}\n  allowed: size, crop, mean and deviation"),
        ("t.toml", b"size 3", "file cannot be read\n  where:   {}\n  allowed: TOML\n  found:   "),
        ("t.toml", b"\xff", "file is not UTF-8 text\n  where:   {}\n  found:   the byte 0xff"),
        ("t.json", b"", "file is empty\n  where:   {}"),
        ("t.yaml", b"size: 3", "wrong kind of file for a transform\n  where:   {}\n  allowed: .json, .toml"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert message(read_transform, path).startswith(expected.format(path))
