"""Preprocessing of images: resized, cropped to the center, and their values shifted and scaled."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_range
from reassess.data.image_decoding import MOST_PIXELS
from reassess.errors import DataError, at
from reassess.formats.files import as_path, read_lines, suffix_of
from reassess.formats.json_files import read_json, wrong_json_error

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
_MOST_SIDE = 10_000


@dataclass(frozen=True)
class Transform:
    """From an image to a model's input.

    Parameters
    ----------
    size
        Pixels of the shorter side after resizing; or height and width after resizing, whatever the shape of the image.
    crop
        Height and width of the part in the middle that is kept; black where the image is smaller.
    mean, deviation
        What is subtracted from each of red, green and blue, which are from 0 to 1, and by what the rest is divided.
    interpolation
        How pixels are made when an image is resized, as Pillow calls it.

    Raises
    ------
    DataError
        A value has another form or is out of range.

    Examples
    --------
    >>> from PIL import Image
    >>> transform = Transform(256, (224, 224), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    >>> pixels = transform.cut(Image.new("RGB", (640, 480), "white"))
    >>> pixels.shape, transform.scaled(pixels[None]).max()
    ((224, 224, 3), np.float32(2.0))
    """

    size: int | tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        for name, sides in (("size", self.size), ("crop", self.crop)):
            check_range(sides, 1, _MOST_SIDE, what=name)
        scale = "give it for values from 0 to 1: divide by 255 what is meant for values from 0 to 255"
        check_range(self.mean, -1, 1, what="mean", fix=scale)
        check_range(self.deviation, 1 / 1024, 1, what="deviation", fix=scale)
        check_known([self.interpolation], INTERPOLATIONS, thing="interpolation")

    def cut(self, image: Any) -> npt.NDArray[np.uint8]:
        """The part of an RGB image that the model sees, uint8, shape (height, width, 3).

        Sides and offsets are rounded as in torchvision, so that the pixels are the same.
        """
        from PIL import Image

        width, height = self._resized(*image.size)
        if width * height > MOST_PIXELS:
            raise DataError(
                "too-long",
                "image is too long for its width",
                allowed=f"at most {MOST_PIXELS:,} pixels once it is resized",
                found=f"{image.width:,} x {image.height:,} pixels",
            )
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling[self.interpolation.upper()])
        left, top = _offset(width, self.crop[1]), _offset(height, self.crop[0])
        return np.asarray(image.crop((left, top, left + self.crop[1], top + self.crop[0])))

    def scaled(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Pixels as a model takes them, float32, of the same shape (..., 3)."""
        unit = pixels.astype(np.float32) / np.float32(255)
        mean, deviation = (np.array(values, np.float32) for values in (self.mean, self.deviation))
        return np.asarray((unit - mean) / deviation, np.float32)

    def to_json(self) -> dict[str, Any]:
        """The object that a file of it holds."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        if isinstance(self.size, tuple):
            return self.size[1], self.size[0]
        longer = int(self.size * max(width, height) / min(width, height))
        return (self.size, longer) if width <= height else (longer, self.size)


def _offset(side: int, kept: int) -> int:
    """Where the middle part of a side begins; below 0 if the side is shorter."""
    return round((side - kept) / 2) if side >= kept else -((kept - side) // 2)


def read_transform(path: str | Path) -> Transform:
    """Read a transform from a file of JSON or TOML.

    It holds ``size`` (the shorter side, or [height, width]), ``crop`` (a side, or [height, width]), ``mean`` and
    ``deviation`` (three numbers each, for values from 0 to 1) and, if it is not bilinear, ``interpolation``.
    """
    path = as_path(path)
    suffix = suffix_of(path, (".json", ".toml"), "a transform")
    with at(path):
        given = read_json(path) if suffix == ".json" else _read_toml(path)
        names = [field.name for field in fields(Transform)]
        if not isinstance(given, dict):
            raise wrong_json_error("a transform", given, where=path, allowed=f"an object with {', '.join(names)}")
        check_known(list(given), names, thing="value")
        lacking = [name for name in names[:-1] if name not in given]
        if lacking:
            raise DataError(
                "missing-value", "value is missing", found=f"no {' and no '.join(lacking)}", fix="give each of them"
            )
        size = given["size"]
        return Transform(
            size=_side(size, "size") if not isinstance(size, list) else _sides(size, "size"),
            crop=_sides(given["crop"], "crop"),
            mean=_colours(given["mean"], "mean"),
            deviation=_colours(given["deviation"], "deviation"),
            interpolation=given.get("interpolation", Transform.interpolation),
        )


def _read_toml(path: Path) -> dict[str, Any]:
    text = "\n".join(read_lines(path))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError("unreadable-file", "file is not TOML", found=str(error)) from error


def _side(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(
            "not-a-number", f"{name} is not a whole number", allowed="a side, or [height, width]", found=repr(value)
        )
    return value


def _sides(value: object, name: str) -> tuple[int, int]:
    sides = [_side(side, name) for side in (value if isinstance(value, list) else [value, value])]
    if len(sides) != 2:
        raise DataError(
            "wrong-shape", f"{name} does not have two sides", allowed="a side, or [height, width]", found=repr(value)
        )
    return sides[0], sides[1]


def _colours(value: object, name: str) -> tuple[float, float, float]:
    if not (isinstance(value, list) and len(value) == 3 and all(type(part) in (int, float) for part in value)):
        raise DataError(
            "wrong-shape",
            f"{name} does not have one number per color channel",
            allowed="[red, green, blue]",
            found=repr(value),
        )
    return float(value[0]), float(value[1]), float(value[2])
