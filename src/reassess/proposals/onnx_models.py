"""Models in ONNX files, run by onnxruntime."""

import hashlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError, Fix, require_package
from reassess.formats.files import check_input, check_suffix, sha256
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.preprocessing import Transform, read_transform
from reassess.text import join_first

_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_PROVIDERS_BY_DEVICE = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_onnx(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """Open the model in an ONNX file, with its transform."""
    if source.checkpoint is not None:
        raise DataError(
            "unused-option",
            "ONNX files have their own weights",
            where=source.name,
            fix="remove the checkpoint",
        )
    for package in ("onnxruntime", "onnx"):
        with require_package(package, extra="onnx", purpose="a model in an ONNX file"):
            import_module(package)
    import onnxruntime

    path = Path(name)
    check_suffix(path, (".onnx",), "an ONNX model")
    check_input(path)
    if source.transform is None:
        raise DataError(
            "no-transform",
            "ONNX files do not say how images are prepared",
            where=source.name,
            fix=Fix("describe the preparation: {transform}, with size, crop, mean and deviation", transform="FILE"),
        )
    transform = read_transform(source.transform)
    device = "cpu" if device is None else device
    available = onnxruntime.get_available_providers()
    devices = [name for name, provider in _PROVIDERS_BY_DEVICE.items() if provider in available]
    if device not in devices:
        raise DataError(
            "unknown-device", "onnxruntime does not have this device", allowed=", ".join(devices), found=device
        )
    try:
        session = onnxruntime.InferenceSession(path, providers=[_PROVIDERS_BY_DEVICE[device]])
    except Exception as error:  # onnxruntime raises many types of errors
        reason = str(error).splitlines()[0]
        raise DataError(
            "unreadable-file", "ONNX file cannot be loaded", where=path, found=reason, fix="export the file again"
        ) from error
    identifying_facts = {
        "weights": _hash_model_files(path),
        "library": f"onnxruntime {onnxruntime.__version__}",
        "device": device,
    }
    return ImageModel(
        source.name, _make_scoring_function(path, session, transform), transform, source.outputs, identifying_facts
    )


def _make_scoring_function(path: Path, session: Any, transform: Transform) -> Callable[[npt.NDArray[np.uint8]], Any]:
    """Make a function that runs the model on images. It converts the pixels to the model's layout and type."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(outputs) != 1:
        raise DataError(
            "several-outputs",
            "ONNX file has several outputs",
            where=path,
            allowed="one output, the scores",
            found=join_first([output.name for output in outputs], max_items=3),
            fix="export the model with its scores only",
        )
    input_shape = inputs[0].shape
    is_channels_last = len(input_shape) == 4 and input_shape[1] != 3 and input_shape[3] == 3
    sides = list(transform.crop)
    shape = [input_shape[0], *sides, 3] if is_channels_last else [input_shape[0], 3, *sides]
    takes_images = len(inputs) == 1 and len(input_shape) == 4 and inputs[0].type in _NUMPY_TYPES
    if not takes_images or any(
        isinstance(size, int) and size != needed for size, needed in zip(input_shape, shape, strict=True)
    ):
        raise DataError(
            "wrong-input",
            "ONNX file does not take images",
            where=path,
            allowed=f"one float input of shape (images, 3, {sides[0]}, {sides[1]}), the size that the transform gives",
            found="; ".join(f"{arg.type} {arg.shape}" for arg in inputs),
            fix="change the crop in the transform",
        )
    batch_size = input_shape[0] if isinstance(input_shape[0], int) else None
    dtype, name, output = _NUMPY_TYPES[inputs[0].type], inputs[0].name, outputs[0].name

    def run(pixels: npt.NDArray[np.uint8]) -> Any:
        """Run the model on a batch."""
        scaled = transform.normalize(pixels).astype(dtype, copy=False)
        batch = scaled if is_channels_last else np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        return session.run([output], {name: batch})[0]

    def run_in_fixed_batches(pixels: npt.NDArray[np.uint8]) -> Any:
        """Run the model on full batches; the last batch is filled up with zeros."""
        assert batch_size is not None
        full = np.concatenate([pixels, np.zeros((-len(pixels) % batch_size, *pixels.shape[1:]), np.uint8)])
        return np.concatenate([run(full[start : start + batch_size]) for start in range(0, len(full), batch_size)])[
            : len(pixels)
        ]

    return run if batch_size is None else run_in_fixed_batches


def _hash_model_files(path: Path) -> str:
    """Hash a model's file, and the files with its weights."""
    import onnx

    tensors = _iterate_tensors(onnx.load(path, load_external_data=False))
    locations = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    files = [path, *(path.parent / location for location in sorted(locations))]
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()


def _iterate_tensors(message: Any) -> Iterator[Any]:
    """Yield all tensors in an ONNX message: weights, constants, and tensors of graphs inside nodes."""
    import onnx

    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if hasattr(value, "__len__") else [value]:
                yield from _iterate_tensors(part)
