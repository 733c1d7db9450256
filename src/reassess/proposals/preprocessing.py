"""Preprocessing of images: resize, crop to the centre, and normalize."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_known, check_range
from reassess.data.image_decoding import MAX_PIXELS
from reassess.errors import DataError, add_error_place
from reassess.formats.files import as_path, check_suffix, read_lines
from reassess.formats.json_files import read_json, wrong_json_error

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
_MAX_SIDE = 10_000


@dataclass(frozen=True)
class Transform:
    """The preprocessing of images for a model: resize, crop and normalize.

    Parameters
    ----------
    size
        Pixels of the shorter side after resizing; or height and width after resizing, which may change the proportions.
    crop
        Height and width of the central part to keep. Where the image is smaller, the part is black.
    mean, deviation
        Values per channel (red, green, blue; in [0, 1]): the mean is subtracted, then the result is divided by the
        deviation.
    interpolation
        Method to resize images, by its name in Pillow.

    Raises
    ------
    DataError
        A value has the wrong type or is out of range.

    Examples
    --------
    >>> from PIL import Image
    >>> transform = Transform(256, (224, 224), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    >>> pixels = transform.resize_and_crop(Image.new("RGB", (640, 480), "white"))
    >>> pixels.shape, transform.normalize(pixels[None]).max()
    ((224, 224, 3), np.float32(2.0))
    """

    size: int | tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        for name, sides in (("size", self.size), ("crop", self.crop)):
            check_range(sides, 1, _MAX_SIDE, value_name=name)
        scale = "if the value is for pixels from 0 to 255, divide it by 255"
        check_range(self.mean, -1, 1, value_name="mean", fix=scale)
        check_range(self.deviation, 1 / 1024, 1, value_name="deviation", fix=scale)
        check_known([self.interpolation], INTERPOLATIONS, value_name="interpolation")

    def resize_and_crop(self, image: Any) -> npt.NDArray[np.uint8]:
        """Resize and crop an RGB image; return uint8 of shape (height, width, 3).

        Sides and offsets are rounded as in torchvision, so that the pixels are the same.
        """
        from PIL import Image

        width, height = self._find_resized_size(*image.size)
        if width * height > MAX_PIXELS:
            raise DataError(
                "too-long",
                "image would have too many pixels after resizing",
                allowed=f"at most {MAX_PIXELS:,} pixels",
                found=f"{image.width:,} x {image.height:,} pixels, resized to {width:,} x {height:,}",
            )
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling[self.interpolation.upper()])
        left, top = _crop_offset(width, self.crop[1]), _crop_offset(height, self.crop[0])
        return np.asarray(image.crop((left, top, left + self.crop[1], top + self.crop[0])))

    def normalize(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Normalize pixels for the model; return float32 of the same shape (..., 3)."""
        unit = pixels.astype(np.float32) / np.float32(255)
        mean, deviation = (np.array(values, np.float32) for values in (self.mean, self.deviation))
        return np.asarray((unit - mean) / deviation, np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the transform as a dict for JSON, in the form that `read_transform` reads."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    def _find_resized_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height after resizing."""
        if isinstance(self.size, tuple):
            return self.size[1], self.size[0]
        longer = int(self.size * max(width, height) / min(width, height))
        return (self.size, longer) if width <= height else (longer, self.size)


def _crop_offset(side: int, crop: int) -> int:
    """Return where the centre crop begins on a side of an image; negative if the side is below the crop."""
    return round((side - crop) / 2) if side >= crop else -((crop - side) // 2)


def read_transform(path: str | Path) -> Transform:
    """Read a transform from a JSON or TOML file.

    The file contains ``size`` (the shorter side, or [height, width]), ``crop`` (a side, or [height, width]), ``mean``
    and ``deviation`` (three numbers each, for values from 0 to 1) and, if it is not bilinear, ``interpolation``.
    """
    path = as_path(path)
    suffix = check_suffix(path, (".json", ".toml"), "a transform")
    with add_error_place(path):
        values = read_json(path) if suffix == ".json" else _read_toml(path)
        names = [field.name for field in fields(Transform)]
        if not isinstance(values, dict):
            raise wrong_json_error("a transform", values, where=path, allowed=f"an object with {', '.join(names)}")
        check_known(list(values), names, value_name="value")
        missing = [name for name in names[:-1] if name not in values]
        if missing:
            raise DataError(
                "missing-value",
                "value is missing",
                found=f"no {' and no '.join(missing)}",
                fix="add all missing values",
            )
        size = values["size"]
        return Transform(
            size=_read_pixel_count(size, "size")
            if not isinstance(size, list)
            else _read_height_and_width(size, "size"),
            crop=_read_height_and_width(values["crop"], "crop"),
            mean=_read_channels(values["mean"], "mean"),
            deviation=_read_channels(values["deviation"], "deviation"),
            interpolation=values.get("interpolation", Transform.interpolation),
        )


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raise `DataError` if the file is not TOML."""
    text = "\n".join(read_lines(path))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError("unreadable-file", "file is not TOML", found=str(error)) from error


def _read_pixel_count(value: object, name: str) -> int:
    """Check that a value is a whole number of pixels, and return it."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(
            "not-a-number",
            f"{name} is not a whole number",
            allowed="one number for a square, or [height, width]",
            found=repr(value),
        )
    return value


def _read_height_and_width(value: object, name: str) -> tuple[int, int]:
    """Read height and width from a list of two sides, or from one side."""
    sides = [_read_pixel_count(side, name) for side in (value if isinstance(value, list) else [value, value])]
    if len(sides) != 2:
        raise DataError(
            "wrong-shape",
            f"{name} is neither a number of pixels nor [height, width]",
            allowed="one number for a square, or [height, width]",
            found=repr(value),
        )
    return sides[0], sides[1]


def _read_channels(value: object, name: str) -> tuple[float, float, float]:
    """Read three numbers: for red, green and blue."""
    if not (isinstance(value, list) and len(value) == 3 and all(type(part) in (int, float) for part in value)):
        raise DataError(
            "wrong-shape",
            f"{name} does not have one number per color channel",
            allowed="[red, green, blue]",
            found=repr(value),
        )
    return float(value[0]), float(value[1]), float(value[2])
