"""Models of timm and torchvision, with the library's weights or a checkpoint's."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from reassess.data.sources import is_offline
from reassess.errors import DataError, Fix, SourceError, importing
from reassess.formats.files import check_input, suffix_of
from reassess.formats.predictions.prediction_arrays import torch_error
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.preprocessing import Transform, read_transform
from reassess.text import some

_HELD_AS = ("state_dict", "model", "model_state_dict")  # what training scripts call the weights in a checkpoint
_PARALLEL = "module."  # prefix of every name if a model was trained on several devices
_MOST_SECONDS = 10  # for the first answer of the hub


def with_weights(build: Callable[[bool, int | None], Any], path: Path) -> Any:
    """A model with the weights in a file, and as many outputs as they have."""
    weights = _loaded(path)
    model = build(False, None)
    head, of_head = list(model.named_parameters())[-1]
    outputs = weights[head].shape[0] if head in weights and weights[head].ndim else of_head.shape[0]
    if outputs != of_head.shape[0]:
        model = build(False, int(outputs))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        own = set(model.state_dict())
        lacking, others = sorted(own - set(weights)), sorted(set(weights) - own)
        found = f"lacking: {some(lacking, most=3) or 'none'}; others: {some(others, most=3) or 'none'}"
        raise DataError(
            "wrong-weights",
            "weights do not fit this model",
            where=path,
            found=found if lacking or others else str(error).splitlines()[-1].strip(),
            fix="name the model that they were trained for",
        ) from error
    return model


def _loaded(path: Path) -> dict[str, Any]:
    """The weights in a file by their names; no other Python object is loaded."""
    suffix = suffix_of(path, (".pt", ".pth", ".bin", ".tar", ".ckpt", ".safetensors"), "a checkpoint")
    check_input(path)
    try:
        if suffix == ".safetensors":
            from safetensors.torch import load_file

            held = load_file(path)
        else:
            import torch

            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise whatever their parts raise
        fix = "torch.save(model.state_dict(), path)"
        raise torch_error(path, error, "weights", "tensors by their names", fix) from error
    held = next((held[name] for name in _HELD_AS if isinstance(held, dict) and isinstance(held.get(name), dict)), held)
    if not isinstance(held, dict) or not held or not all(hasattr(value, "ndim") for value in held.values()):
        raise DataError(
            "wrong-weights",
            "file has no named weights",
            where=path,
            found=type(held).__name__,
            fix="torch.save(model.state_dict(), path)",
        )
    return {name.removeprefix(_PARALLEL): tensor for name, tensor in held.items()}


@contextmanager
def fetching(library: str) -> Iterator[None]:
    """Let a library fetch weights; offline only those that it has fetched before, likewise if its hub is silent.

    The Hugging Face hub, from which timm has its weights, is asked once: its own client would try for a minute.
    """
    with ExitStack() as changes:
        if is_offline():
            import torch.hub

            changes.enter_context(patch.object(torch.hub, "download_url_to_file", _refuse))
            changes.enter_context(redirect_stderr(StringIO()))
            changes.enter_context(redirect_stdout(StringIO()))
        try:
            from huggingface_hub import constants
        except ImportError:  # then timm fetches no weights from there
            yield
            return
        if is_offline() or (library == "timm" and not _answers(constants.ENDPOINT)):
            changes.enter_context(patch.object(constants, "HF_HUB_OFFLINE", True))
        yield


def _refuse(*_: object, **__: object) -> None:
    raise OSError("they are not here, and no network is used")


def _answers(address: str) -> bool:
    """Whether a hub can be reached; that it refuses is an answer."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(address, timeout=_MOST_SECONDS)
    except Exception:  # of whatever library of HTTP it is
        return False
    return True


def open_timm(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """A model of timm; its own configuration says how images are prepared."""
    with importing("timm", extra="timm", purpose="a model of timm"):
        import timm
    if not timm.is_model(name):
        raise _unknown(source, name, timm.list_models())

    def build(pretrained: bool, outputs: int | None) -> Any:
        return timm.create_model(name, pretrained=pretrained, **({} if outputs is None else {"num_classes": outputs}))

    model = _built(source, build)
    transform = None if source.transform else _of_timm(source, timm.data.resolve_model_data_config(model))
    return _opened(source, model, transform, device, f"timm {timm.__version__}")


def open_torchvision(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """A model of torchvision with its newest weights, which say how images are prepared."""
    with importing("torchvision", extra="torchvision", purpose="a model of torchvision"):
        import torchvision
    models = torchvision.models.list_models(module=torchvision.models)
    if name not in models:
        raise _unknown(source, name, models)
    weights = torchvision.models.get_model_weights(name).DEFAULT

    def build(pretrained: bool, outputs: int | None) -> Any:
        options = {} if outputs is None else {"num_classes": outputs}
        return torchvision.models.get_model(name, weights=weights if pretrained else None, **options)

    model = _built(source, build)
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
    fix = f"did you mean {' or '.join(f'{library}:{each}' for each in near)}?" if near else None
    return DataError("unknown-model", f"{library} has no model with this name", where=source.name, fix=fix)


def _of_timm(source: ModelSource, given: dict[str, Any]) -> Transform:
    """The transform that timm's own evaluation would use."""
    height, width = given["input_size"][1:]
    scaled = int(height / given["crop_pct"]), int(width / given["crop_pct"])
    squashed = given["crop_mode"] == "squash"
    fits = given["input_size"][0] == 3 and (squashed or (given["crop_mode"] == "center" and height == width))
    if not fits:
        raise DataError(
            "no-transform",
            "image preparation of this model is not supported",
            where=source.name,
            found=f"input {given['input_size']}, crop {given['crop_mode']}",
            fix=Fix("describe it: {transform}", transform="FILE"),
        )
    return Transform(
        size=scaled if squashed else scaled[0],
        crop=(height, width),
        mean=tuple(given["mean"]),
        deviation=tuple(given["std"]),
        interpolation=given["interpolation"],
    )


def _built(source: ModelSource, build: Callable[[bool, int | None], Any]) -> Any:
    """The model with its weights, and with as many outputs as they have."""
    if source.checkpoint is not None:
        return with_weights(build, Path(source.checkpoint))
    try:
        with fetching(source.name.partition(":")[0]):
            model = build(True, None)
    except (OSError, RuntimeError, ValueError) as error:  # each library raises its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        fix = Fix("{checkpoint}: weights from torch.save(model.state_dict(), FILE), or safetensors", checkpoint="FILE")
        raise SourceError(
            "download", "weights of the model could not be downloaded", where=source.name, found=reason, fix=fix
        ) from error
    if getattr(model, "num_classes", None) == 0:
        raise DataError(
            "wrong-model", "model has no classes", where=source.name, fix="choose one that was trained to classify"
        )
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

    facts = {"weights": _hash(model), "library": f"{library}, torch {torch.__version__}", "device": str(where)}
    return ImageModel(source.name, function, transform, source.outputs, facts)


def _device(given: str | None) -> Any:
    import torch

    try:
        device = torch.device(given if given is not None else "cuda" if torch.cuda.is_available() else "cpu")
        torch.zeros(1, device=device).add(1).cpu()  # some are but names: meta holds no values
    except Exception as error:  # whatever a build without it raises
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            "unknown-device", "device not found", allowed="cpu, cuda, cuda:1, mps ...", found=f"{given}: {reason}"
        ) from error
    return device


def _hash(model: Any) -> str:
    """SHA-256 of the weights and their names."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
