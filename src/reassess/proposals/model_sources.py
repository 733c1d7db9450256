"""Open a model by its name, from a library or a file."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from reassess.errors import DataError
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.onnx_models import open_onnx
from reassess.proposals.python_models import open_python
from reassess.proposals.torch_models import open_timm, open_torchvision


def takers(models: Sequence[str], option: str) -> list[str]:
    """List the models that take an option given for all of them; if none does, all, so that it is refused."""
    return [model for model in models if ModelSource(model).takes(option)] or list(models)


def open_model(source: str | ModelSource, *, device: str | None = None) -> ImageModel:
    """Open a model, or one of this name, with its weights and its preprocessing.

    A Python function runs the code of its module. `device` is where the model runs, as PyTorch calls it; by default a
    GPU if there is one, where it computes in mixed precision.
    """
    if isinstance(source, str):
        source = ModelSource(source)
    with redirect_stdout(sys.stderr):  # keep prints of libraries out of the result
        return _opened(source, device)


def _opened(source: ModelSource, device: str | None) -> ImageModel:
    kind, _, name = source.name.partition(":")
    if kind == "timm" and name:
        return open_timm(source, name, device)
    if kind == "torchvision" and name:
        return open_torchvision(source, name, device)
    if kind == "onnx" and name:
        if source.checkpoint is not None:
            raise DataError(
                "checkpoint-not-used",
                "ONNX files have their own weights",
                where=source.name,
                fix="leave the checkpoint out",
            )
        return open_onnx(source, name, device)
    if kind == "python" and name:
        return open_python(source, name, device)
    raise DataError(
        "unknown-model",
        "not a model",
        where=source.name,
        allowed="timm:NAME, torchvision:NAME, onnx:FILE or python:module:function",
        fix=f"did you mean timm:{source.name}?" if source.name and ":" not in source.name else None,
    )
