"""Predictions in array files: npy, npz, PyTorch tensors and safetensors."""

import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core import Classes, Predictions
from reassess.errors import DataError, require_package
from reassess.formats.archives import check_size, check_unpacked_size, open_archive, read_npy
from reassess.formats.files import check_input
from reassess.formats.predictions.output_lists import (
    check_output_count,
    describe_assumed_order,
    require_class_list_for_ids,
)

_NAMES = ("names", "filenames", "paths")
_FOLD = "fold"  # the held-out fold of each image
_TORCH_REFUSES = "Weights only load failed"


@dataclass(frozen=True)
class ArrayContent:
    """The content of an array file: the array, image names if any, and a description, such as "npy"."""

    array: npt.NDArray[Any]
    description: str
    image_names: Sequence[str] | None = None
    is_bfloat16: bool = False


def predictions_from_array(
    content: ArrayContent, classes: Classes, output_class_ids: npt.NDArray[np.int64] | None
) -> Predictions:
    """Make predictions from an array; see `formats.predictions.read_predictions`."""
    array = content.array
    if array.ndim and not len(array):
        raise DataError("empty-file", "array has no rows", found=f"shape {array.shape}", fix="write the array again")
    shape = "x".join(str(size) for size in array.shape)
    if array.dtype.kind in "iu" and not content.is_bfloat16:
        require_class_list_for_ids(classes, output_class_ids)
        predictions = Predictions.from_ids(array, content.image_names, output_class_ids=output_class_ids)
        kind = f"top-{predictions.max_k} ids"
    elif array.dtype.kind == "f" or content.is_bfloat16:
        check_output_count(array.shape, classes, output_class_ids)
        read = Predictions.from_bfloat16 if content.is_bfloat16 else Predictions.from_scores
        predictions = read(array, content.image_names, output_class_ids=output_class_ids)
        kind = f"{predictions.dtype} scores{describe_assumed_order(classes, output_class_ids)}"
    else:
        raise DataError(
            "wrong-type",
            "array has neither ids nor scores",
            allowed="integers or floats",
            found=f"{array.dtype} {array.shape}",
        )
    return replace(predictions, detected_format=f"{content.description} {shape}, {kind}")


def read_npy_content(path: Path) -> ArrayContent:
    """Memory-map the array of an npy file, which may be larger than memory."""
    return ArrayContent(read_npy(path), "npy")


def read_npz_content(path: Path) -> ArrayContent:
    """Read the only array of an npz file, and the image names."""
    with open_archive(path) as archive:
        names_keys = [name for name in _NAMES if name in archive]
        keys = [name for name in archive if name not in (*_NAMES, _FOLD)]
        if len(keys) != 1 or len(names_keys) > 1:
            raise DataError(
                "ambiguous-array",
                "several arrays could be the predictions" if len(names_keys) < 2 else "two arrays have image names",
                allowed=f"one array of ids or scores, and one of {', '.join(_NAMES)}",
                found=", ".join(archive) or "no array",
                fix="save one array of predictions per file",
            )
        names = _read_names(archive[names_keys[0]], f"{path}, array {names_keys[0]}") if names_keys else None
        ignored = f" ({_FOLD} ignored)" if _FOLD in archive else ""
        return ArrayContent(array=archive[keys[0]], description=f"npz array {keys[0]!r}{ignored}", image_names=names)


def _read_names(array: npt.NDArray[Any], where: str) -> list[str]:
    """Read image names from an array of text, bytes or integers."""
    if array.ndim == 1 and array.dtype.kind in "SUiu":
        try:
            texts: list[str] = (np.strings.decode(array, "utf-8") if array.dtype.kind == "S" else array).tolist()
            return [str(text) for text in texts]
        except UnicodeDecodeError:
            pass
    raise DataError(
        "missing-image-names",
        "array has no image names",
        where=where,
        allowed="text of shape (N,)",
        found=f"{array.dtype} {array.shape}",
        fix="save names.astype(str)",
    )


def read_torch_content(path: Path) -> ArrayContent:
    """Read the only tensor of a pt or pth file, without running code from the file."""
    with require_package("torch", extra="torch", purpose=f"reading {path.suffix} files"):
        import torch
    check_input(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                check_unpacked_size(path, file)
        with warnings.catch_warnings(action="ignore"):  # the error below says the same
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # torch and zipfile raise whatever their parts raise
        allowed = "a tensor, or a dict with one tensor and a list of names"
        raise torch_error(path, error, "plain tensors", allowed, "torch.save(scores.cpu(), path)") from error
    return _find_only_tensor(path, loaded if isinstance(loaded, dict) else {type(loaded).__name__: loaded})


def torch_error(path: Path, error: Exception, content: str, allowed: str, fix: str) -> DataError:
    """Make the error for a file that torch cannot load; omit torch's advice, which is unsafe."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(
        "unreadable-file",
        f"file cannot be loaded as {content}",
        where=path,
        allowed=f"{allowed}; other Python objects are never loaded",
        found="other Python objects" if reason.startswith(_TORCH_REFUSES) else reason,
        fix=fix,
    )


def read_safetensors_content(path: Path) -> ArrayContent:
    """Read the only tensor of a safetensors file."""
    with require_package("safetensors", extra="torch", purpose="reading .safetensors files"):
        from safetensors.torch import load_file
    from safetensors import SafetensorError

    check_input(path)
    try:
        return _find_only_tensor(path, load_file(path), path.stat().st_size)
    except SafetensorError as error:
        raise DataError(
            "damaged-file",
            "file is not a complete safetensors file",
            where=path,
            found=str(error),
            fix="get or write the file again",
        ) from error


def _find_only_tensor(path: Path, loaded: dict[str, Any], max_bytes: int | None = None) -> ArrayContent:
    """Return the only tensor of a file; raise for several tensors, or a tensor larger than `max_bytes`."""
    import torch

    names = [loaded[name] for name in _NAMES if name in loaded]
    tensors = [value for name, value in loaded.items() if isinstance(value, torch.Tensor) and name not in _NAMES]
    if len(tensors) != 1 or len(names) > 1:
        raise DataError(
            "ambiguous-array",
            "several tensors could be the predictions",
            where=path,
            allowed=f"one tensor of ids or scores, and one list of {', '.join(_NAMES)}",
            found=", ".join(map(str, loaded)) or "nothing",
            fix="save one tensor of predictions per file",
        )
    tensor = tensors[0].detach()
    declared = tensor.numel() * tensor.element_size()
    check_size(path, "tensor", declared, max_bytes)
    bfloat16 = tensor.dtype == torch.bfloat16
    try:
        if tensor.device.type != "cpu":
            raise TypeError("tensor has no values")
        array = tensor.contiguous().view(torch.int16).numpy() if bfloat16 else tensor.numpy()
        names_array = (
            names[0].numpy() if names and isinstance(names[0], torch.Tensor) else np.array(names[0] if names else [])
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            "wrong-type",
            "tensor of this type cannot be read",
            where=path,
            allowed="a dense tensor of float16, bfloat16, float32 or float64 scores, or of integer ids",
            found=str(tensor.dtype),
            fix="torch.save(scores.float().cpu(), path)",
        ) from error
    return ArrayContent(
        array=array,
        description=path.suffix.lower().lstrip("."),
        image_names=_read_names(names_array, f"{path}, names") if names else None,
        is_bfloat16=bfloat16,
    )
