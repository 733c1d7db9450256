"""A model by its name: from which library or file it comes."""

from reassess.errors import DataError
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.onnx_models import open_onnx
from reassess.proposals.python_models import open_python
from reassess.proposals.torch_models import open_timm, open_torchvision

__all__ = ["open_model"]


def open_model(source: str | ModelSource, *, device: str | None = None, offline: bool = False) -> ImageModel:
    """A model that is ready to run, with its weights and its preprocessing.

    Parameters
    ----------
    source
        The model; or its name alone, see `ModelSource`. That of a Python function runs the code of its module.
    device
        Where it runs, as PyTorch calls it; by default a GPU if there is one. There it computes in mixed precision.
    offline
        Use no network for its weights.

    Raises
    ------
    DataError
        There is no such model; or a file of it, or the device, cannot be used.
    SourceError
        Its weights cannot be had.
    MissingPackageError
        The library is not installed.
    """
    if isinstance(source, str):
        source = ModelSource(source)
    kind, _, name = source.name.partition(":")
    if kind == "timm" and name:
        return open_timm(source, name, device, offline=offline)
    if kind == "torchvision" and name:
        return open_torchvision(source, name, device, offline=offline)
    if kind == "onnx" and name:
        if source.checkpoint is not None:
            raise DataError("an ONNX file holds its weights", where=source.name, mend="leave the checkpoint out")
        return open_onnx(source, name, device)
    if kind == "python" and name:
        return open_python(source, name, device)
    raise DataError(
        "this names no model",
        where=source.name,
        allowed="timm:NAME, torchvision:NAME, onnx:FILE or python:module:function",
        mend=f"did you mean timm:{source.name}?" if source.name and ":" not in source.name else None,
    )
