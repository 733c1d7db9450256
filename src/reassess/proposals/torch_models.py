"""Models of timm and torchvision, with the weights of the library or of a checkpoint."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from reassess.data.sources import is_offline
from reassess.errors import DataError, FetchError, Fix, require_package
from reassess.formats.files import check_input, check_suffix
from reassess.formats.predictions.prediction_arrays import torch_error
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.proposals.preprocessing import Transform, read_transform
from reassess.text import join_first

_WEIGHT_KEYS = ("state_dict", "model", "model_state_dict")  # of the weights in checkpoints of training scripts
_PARALLEL_PREFIX = "module."  # prefix of each name if the model was trained on several devices
_HUB_TIMEOUT = 10  # seconds


class _ModelBuilder(Protocol):
    """Builds a model, with the library's weights (`pretrained`) or with random weights."""

    def __call__(self, pretrained: bool, n_outputs: int | None) -> Any: ...


def build_with_checkpoint(build: _ModelBuilder, path: Path) -> Any:
    """Build a model with the weights in a file; the weights define the number of outputs."""
    weights = _load_weights(path)
    model = build(False, None)
    head, head_weights = list(model.named_parameters())[-1]
    outputs = weights[head].shape[0] if head in weights and weights[head].ndim else head_weights.shape[0]
    if outputs != head_weights.shape[0]:
        model = build(False, int(outputs))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        needed = set(model.state_dict())
        missing, unexpected = sorted(needed - set(weights)), sorted(set(weights) - needed)
        key_differences = (
            f"missing: {join_first(missing, max_items=3) or 'none'}; unexpected: "
            f"{join_first(unexpected, max_items=3) or 'none'}"
        )
        raise DataError(
            "wrong-weights",
            "weights do not fit this model",
            where=path,
            found=key_differences if missing or unexpected else str(error).splitlines()[-1].strip(),
            fix="use the model that the weights were trained for",
        ) from error
    return model


def _load_weights(path: Path) -> dict[str, Any]:
    """Load the named weights in a checkpoint file, and no other Python objects."""
    suffix = check_suffix(path, (".pt", ".pth", ".bin", ".tar", ".ckpt", ".safetensors"), "a checkpoint")
    check_input(path)
    try:
        if suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            import torch

            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many types of errors
        fix = "torch.save(model.state_dict(), path)"
        raise torch_error(path, error, "weights", "tensors by their names", fix) from error
    if isinstance(content, dict):
        content = next((content[key] for key in _WEIGHT_KEYS if isinstance(content.get(key), dict)), content)
    if not isinstance(content, dict) or not content or not all(hasattr(value, "ndim") for value in content.values()):
        raise DataError(
            "wrong-weights",
            "file has no named weights",
            where=path,
            found=type(content).__name__,
            fix="torch.save(model.state_dict(), path)",
        )
    return {name.removeprefix(_PARALLEL_PREFIX): tensor for name, tensor in content.items()}


@contextmanager
def allow_downloads_if_online(library: str) -> Iterator[None]:
    """Let a library download weights during a block; offline, it uses only cached weights.

    Only cached weights are used offline, or if the hub of the library is unreachable. timm's weights come from the
    Hugging Face hub. We first send one request to this hub, because its client would retry for a minute.
    """
    with ExitStack() as changes:
        if is_offline():
            import torch.hub

            changes.enter_context(patch.object(torch.hub, "download_url_to_file", _refuse_download))
            changes.enter_context(redirect_stderr(StringIO()))
            changes.enter_context(redirect_stdout(StringIO()))
        try:
            from huggingface_hub import constants
        except ImportError:  # without this package, timm does not use the hub
            yield
            return
        if is_offline() or (library == "timm" and not _is_reachable(constants.ENDPOINT)):
            changes.enter_context(patch.object(constants, "HF_HUB_OFFLINE", True))
        yield


def _refuse_download(*_: object, **__: object) -> None:
    """Raise an error; this function replaces the download function of a library."""
    raise OSError("weights are not in the cache, and downloads are disabled")


def _is_reachable(url: str) -> bool:
    """Return whether a server answers a request."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(url, timeout=_HUB_TIMEOUT)
    except Exception:  # the type depends on the HTTP library
        return False
    return True


def open_timm(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """Open a timm model, with the preprocessing of its own configuration."""
    with require_package("timm", extra="timm", purpose="a model of timm"):
        import timm
    if not timm.is_model(name):
        raise _unknown_model_error(source, name, timm.list_models())

    def build(pretrained: bool, n_outputs: int | None) -> Any:
        return timm.create_model(
            name, pretrained=pretrained, **({} if n_outputs is None else {"num_classes": n_outputs})
        )

    model = _build_from_source(source, build)
    transform = None if source.transform else _timm_transform(source, timm.data.resolve_model_data_config(model))
    return _make_model(source, model, transform, device, f"timm {timm.__version__}")


def open_torchvision(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """Open a torchvision model with its newest weights and their preprocessing."""
    with require_package("torchvision", extra="torchvision", purpose="a model of torchvision"):
        import torchvision
    models = torchvision.models.list_models(module=torchvision.models)
    if name not in models:
        raise _unknown_model_error(source, name, models)
    weights = torchvision.models.get_model_weights(name).DEFAULT

    def build(pretrained: bool, n_outputs: int | None) -> Any:
        options = {} if n_outputs is None else {"num_classes": n_outputs}
        return torchvision.models.get_model(name, weights=weights if pretrained else None, **options)

    model = _build_from_source(source, build)
    preset = weights.transforms()
    transform = Transform(
        size=preset.resize_size[0],
        crop=(preset.crop_size[0], preset.crop_size[0]),
        mean=tuple(preset.mean),
        deviation=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )
    return _make_model(source, model, transform, device, f"torchvision {torchvision.__version__}")


def _unknown_model_error(source: ModelSource, name: str, names: Sequence[str]) -> DataError:
    """Create the error for an unknown model, with similar names."""
    near = get_close_matches(name, names, n=3)
    library = source.name.partition(":")[0]
    fix = f"did you mean {' or '.join(f'{library}:{match}' for match in near)}?" if near else None
    return DataError("unknown-model", f"{library} has no model with this name", where=source.name, fix=fix)


def _timm_transform(source: ModelSource, config: dict[str, Any]) -> Transform:
    """Convert the configuration of a timm model to a transform."""
    height, width = config["input_size"][1:]
    scaled = int(height / config["crop_pct"]), int(width / config["crop_pct"])
    squashed = config["crop_mode"] == "squash"
    is_supported = config["input_size"][0] == 3 and (squashed or (config["crop_mode"] == "center" and height == width))
    if not is_supported:
        raise DataError(
            "no-transform",
            "image preparation of this model is not supported",
            where=source.name,
            found=f"input {config['input_size']}, crop {config['crop_mode']}",
            fix=Fix("describe the preparation: {transform}", transform="FILE"),
        )
    return Transform(
        size=scaled if squashed else scaled[0],
        crop=(height, width),
        mean=tuple(config["mean"]),
        deviation=tuple(config["std"]),
        interpolation=config["interpolation"],
    )


def _build_from_source(source: ModelSource, build: _ModelBuilder) -> Any:
    """Build a model with the weights of its checkpoint, or with the library's weights."""
    if source.checkpoint is not None:
        return build_with_checkpoint(build, Path(source.checkpoint))
    try:
        with allow_downloads_if_online(source.name.partition(":")[0]):
            model = build(True, None)
    except (OSError, RuntimeError, ValueError) as error:  # depends on the library
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        fix = Fix("{checkpoint}: weights from torch.save(model.state_dict(), FILE), or safetensors", checkpoint="FILE")
        raise FetchError(
            "download", "weights of the model could not be downloaded", where=source.name, found=reason, fix=fix
        ) from error
    if getattr(model, "num_classes", None) == 0:
        raise DataError(
            "wrong-model", "model has no classes", where=source.name, fix="choose a model that was trained to classify"
        )
    return model


def _make_model(
    source: ModelSource, model: Any, transform: Transform | None, device: str | None, library: str
) -> ImageModel:
    """Create the `ImageModel` of a PyTorch model on a device."""
    import torch

    if source.transform is not None:
        transform = read_transform(source.transform)
    assert transform is not None
    torch_device = _open_device(device)
    model = model.eval().to(torch_device)
    mean, deviation = (
        torch.tensor(values, device=torch_device)[:, None, None] for values in (transform.mean, transform.deviation)
    )

    def compute_scores(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        batch = torch.from_numpy(pixels).to(torch_device).permute(0, 3, 1, 2)
        batch = batch.to(torch.float32, memory_format=torch.contiguous_format).div_(255).sub_(mean).div_(deviation)
        with (
            torch.inference_mode(),
            torch.autocast(torch_device.type, torch.float16, enabled=torch_device.type == "cuda"),
        ):
            scores = model(batch)
        return np.asarray(scores.float().cpu())

    identifying_facts = {
        "weights": _hash_weights(model),
        "library": f"{library}, torch {torch.__version__}",
        "device": torch_device.type,  # without its number, so that several GPUs can share a run
    }
    return ImageModel(source.name, compute_scores, transform, source.outputs, identifying_facts)


def _open_device(name: str | None) -> Any:
    """Open a PyTorch device; raise `DataError` if the device does not work."""
    import torch

    try:
        device = torch.device(name if name is not None else "cuda" if torch.cuda.is_available() else "cpu")
        torch.zeros(1, device=device).add(1).cpu()  # fails for devices without values, such as meta
    except Exception as error:  # the type depends on the build of PyTorch
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            "unknown-device", "device not found", allowed="cpu, cuda, cuda:1, mps ...", found=f"{name}: {reason}"
        ) from error
    return device


def _hash_weights(model: Any) -> str:
    """Hash the weights and their names with SHA-256."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
