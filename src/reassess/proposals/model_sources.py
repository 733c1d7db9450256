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
    """Models that take an option given for all of them; if none does, all, so that it is refused.

    >>> takers(["python:m:f", "timm:resnet18"], "device"), takers(["python:m:f"], "device")
    (['timm:resnet18'], ['python:m:f'])
    """
    return [model for model in models if ModelSource(model).takes(option)] or list(models)


def open_model(source: str | ModelSource, *, device: str | None = None) -> ImageModel:
    r"""A model that is ready to run, with its weights and its preprocessing.

    Parameters
    ----------
    source
        The model, or its name, see `ModelSource`. A Python function runs the code of its module.
    device
        Where it runs, as PyTorch calls it; by default a GPU if there is one. There it computes in mixed precision.

    Raises
    ------
    DataError
        The model is unknown; or one of its files, or the device, cannot be used.
    SourceError
        Its weights cannot be had.
    MissingPackageError
        The library is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import numpy as np
    >>> folder = mkdtemp()
    >>> code = "import numpy as np\ndef scores(images): return np.array([[np.mean(each), 9.5] for each in images])"
    >>> _ = (Path(folder) / "mean_and_more.py").write_text(code)
    >>> sys.path.append(folder)
    >>> model = open_model("python:mean_and_more:scores")
    >>> model.scores([np.full((8, 8, 3), 200, np.uint8)])
    array([[200. ,   9.5]])
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
