"""Models of timm and torchvision, with the weights that these give or those of a checkpoint."""

import hashlib
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError, MissingPackageError, SourceError
from reassess.proposals.checkpoints import with_weights
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.preprocessing import Transform, read_transform
from reassess.proposals.weight_downloads import fetching

__all__ = ["open_timm", "open_torchvision"]


def open_timm(source: ModelSource, name: str, device: str | None, *, offline: bool) -> ImageModel:
    """A model of timm; its own configuration says how pictures are prepared."""
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError("timm", extra="timm", purpose="a model of timm") from error
    if not timm.is_model(name):
        raise _unknown(source, name, timm.list_models())

    def build(pretrained: bool, outputs: int | None) -> Any:
        return timm.create_model(name, pretrained=pretrained, **({} if outputs is None else {"num_classes": outputs}))

    model = _built(source, build, offline)
    transform = None if source.transform else _of_timm(source, timm.data.resolve_model_data_config(model))
    return _opened(source, model, transform, device, f"timm {timm.__version__}")


def open_torchvision(source: ModelSource, name: str, device: str | None, *, offline: bool) -> ImageModel:
    """A model of torchvision with its newest weights, which say how pictures are prepared."""
    try:
        import torchvision
    except ImportError as error:
        raise MissingPackageError("torchvision", extra="torchvision", purpose="a model of torchvision") from error
    models = torchvision.models.list_models(module=torchvision.models)
    if name not in models:
        raise _unknown(source, name, models)
    weights = torchvision.models.get_model_weights(name).DEFAULT

    def build(pretrained: bool, outputs: int | None) -> Any:
        options = {} if outputs is None else {"num_classes": outputs}
        return torchvision.models.get_model(name, weights=weights if pretrained else None, **options)

    model = _built(source, build, offline)
    preset = weights.transforms()
    transform = Transform(
        size=preset.resize_size[0],
        crop=(preset.crop_size[0], preset.crop_size[0]),
        mean=tuple(preset.mean),
        deviation=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )
    return _opened(source, model, transform, device, f"torchvision {torchvision.__version__}")


def _unknown(source: ModelSource, name: str, known: Sequence[str]) -> DataError:
    near = get_close_matches(name, known, n=3)
    library = source.name.partition(":")[0]
    mend = f"did you mean {' or '.join(f'{library}:{each}' for each in near)}?" if near else None
    return DataError(f"{library} has no model of this name", where=source.name, mend=mend)


def _of_timm(source: ModelSource, given: dict[str, Any]) -> Transform:
    """The transform that timm's own evaluation would use."""
    height, width = given["input_size"][1:]
    scaled = int(height / given["crop_pct"]), int(width / given["crop_pct"])
    squashed = given["crop_mode"] == "squash"
    fits = given["input_size"][0] == 3 and (squashed or (given["crop_mode"] == "center" and height == width))
    if not fits:
        raise DataError(
            "pictures for this model are prepared in a way that cannot be had here",
            where=source.name,
            found=f"input {given['input_size']}, crop {given['crop_mode']}",
            mend="say how: transform=FILE",
        )
    return Transform(
        size=scaled if squashed else scaled[0],
        crop=(height, width),
        mean=tuple(given["mean"]),
        deviation=tuple(given["std"]),
        interpolation=given["interpolation"],
    )


def _built(source: ModelSource, build: Callable[[bool, int | None], Any], offline: bool) -> Any:
    """The model with its weights, and with as many outputs as they have."""
    if source.checkpoint is not None:
        return with_weights(build, Path(source.checkpoint))
    try:
        with fetching(source.name.partition(":")[0], offline=offline):
            model = build(True, None)
    except (OSError, RuntimeError, ValueError) as error:  # each library raises its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        mend = "give a file of them: checkpoint=FILE (weights as torch.save(model.state_dict(), FILE) or safetensors)"
        raise SourceError(
            "the weights of the model cannot be had", where=source.name, found=reason, mend=mend
        ) from error
    if getattr(model, "num_classes", None) == 0:
        raise DataError("the model has no classes", where=source.name, mend="choose one that was trained to classify")
    return model


def _opened(
    source: ModelSource, model: Any, transform: Transform | None, device: str | None, library: str
) -> ImageModel:
    import torch

    if source.transform is not None:
        transform = read_transform(source.transform)
    assert transform is not None
    where = _device(device)
    model = model.eval().to(where)
    mean, deviation = (
        torch.tensor(values, device=where)[:, None, None] for values in (transform.mean, transform.deviation)
    )

    def function(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        batch = torch.from_numpy(pixels).to(where).permute(0, 3, 1, 2)
        batch = batch.to(torch.float32, memory_format=torch.contiguous_format).div_(255).sub_(mean).div_(deviation)
        with torch.inference_mode(), torch.autocast(where.type, torch.float16, enabled=where.type == "cuda"):
            scores = model(batch)
        return np.asarray(scores.float().cpu())

    facts = {
        "weights": _hash(model),
        "library": f"{library}, torch {torch.__version__}",
        "device": str(where),
    }
    return ImageModel(source.name, function, transform, source.outputs, facts)


def _device(given: str | None) -> Any:
    import torch

    try:
        device = torch.device(given if given is not None else "cuda" if torch.cuda.is_available() else "cpu")
        torch.zeros(1, device=device).add(1).cpu()  # some are but names: meta holds no values
    except Exception as error:  # whatever a build without it raises
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError("no such device", allowed="cpu, cuda, cuda:1, mps ...", found=f"{given}: {reason}") from error
    return device


def _hash(model: Any) -> str:
    """SHA-256 of the weights and their names."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
