"""Models in ONNX files, run by onnxruntime."""

import hashlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError, Fix, importing
from reassess.formats.files import check_input, sha256, suffix_of
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.preprocessing import Transform, read_transform
from reassess.text import some

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_onnx(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """A model in a file, with the transform that goes with it."""
    if source.checkpoint is not None:
        raise DataError(
            "unused-option",
            "ONNX files have their own weights",
            where=source.name,
            fix="leave the checkpoint out",
        )
    for package in ("onnxruntime", "onnx"):
        with importing(package, extra="onnx", purpose="a model in an ONNX file"):
            import_module(package)
    import onnxruntime

    path = Path(name)
    suffix_of(path, (".onnx",), "an ONNX model")
    check_input(path)
    if source.transform is None:
        raise DataError(
            "no-transform",
            "ONNX files do not say how images are prepared",
            where=source.name,
            fix=Fix("describe it: {transform}, with size, crop, mean and deviation", transform="FILE"),
        )
    transform = read_transform(source.transform)
    given = "cpu" if device is None else device
    there = [name for name, each in _PROVIDERS.items() if each in onnxruntime.get_available_providers()]
    if given not in there:
        raise DataError(
            "unknown-device", "onnxruntime does not have this device", allowed=", ".join(there), found=given
        )
    try:
        session = onnxruntime.InferenceSession(path, providers=[_PROVIDERS[given]])
    except Exception as error:  # onnxruntime raises many kinds of its own
        reason = str(error).splitlines()[0]
        raise DataError(
            "unreadable-file", "ONNX file cannot be loaded", where=path, found=reason, fix="export it anew"
        ) from error
    facts = {"weights": _hash(path), "library": f"onnxruntime {onnxruntime.__version__}", "device": given}
    return ImageModel(source.name, _function(path, session, transform), transform, source.outputs, facts)


def _function(path: Path, session: Any, transform: Transform) -> Callable[[npt.NDArray[np.uint8]], Any]:
    """The scores of pixels, in the layout, the type and the batches that the model takes."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(outputs) != 1:
        raise DataError(
            "several-outputs",
            "ONNX file has several outputs",
            where=path,
            allowed="one, the scores",
            found=some([each.name for each in outputs], most=3),
            fix="export the model with its scores only",
        )
    form = inputs[0].shape
    last = len(form) == 4 and form[1] != 3 and form[3] == 3
    sides = list(transform.crop)
    shape = [form[0], *sides, 3] if last else [form[0], 3, *sides]
    fits = len(inputs) == 1 and len(form) == 4 and inputs[0].type in _TYPES
    if not fits or any(isinstance(size, int) and size != mine for size, mine in zip(form, shape, strict=True)):
        raise DataError(
            "wrong-input",
            "ONNX file does not take images",
            where=path,
            allowed=f"one input of floats, (images, 3, {sides[0]}, {sides[1]}) as the transform says",
            found="; ".join(f"{each.type} {each.shape}" for each in inputs),
            fix="give crop in the transform as the model takes it",
        )
    fixed = form[0] if isinstance(form[0], int) else None
    dtype, name, output = _TYPES[inputs[0].type], inputs[0].name, outputs[0].name

    def run(pixels: npt.NDArray[np.uint8]) -> Any:
        scaled = transform.scaled(pixels).astype(dtype, copy=False)
        batch = scaled if last else np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        return session.run([output], {name: batch})[0]

    def in_fixed_batches(pixels: npt.NDArray[np.uint8]) -> Any:
        assert fixed is not None
        full = np.concatenate([pixels, np.zeros((-len(pixels) % fixed, *pixels.shape[1:]), np.uint8)])
        return np.concatenate([run(full[at : at + fixed]) for at in range(0, len(full), fixed)])[: len(pixels)]

    return run if fixed is None else in_fixed_batches


def _hash(path: Path) -> str:
    """SHA-256 of a model's file, and of the files beside it that hold its weights."""
    import onnx

    tensors = _tensors(onnx.load(path, load_external_data=False))
    others = {each.value for tensor in tensors for each in tensor.external_data if each.key == "location"}
    files = [path, *(path.parent / other for other in sorted(others))]
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()


def _tensors(message: Any) -> Iterator[Any]:
    """All tensors in an ONNX message: weights, constants of nodes, and those of graphs inside nodes."""
    import onnx

    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if hasattr(value, "__len__") else [value]:
                yield from _tensors(part)
