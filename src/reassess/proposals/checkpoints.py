"""The weights of a model from a file of its user; no other Python object is loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reassess.errors import DataError
from reassess.formats.files import check_input, suffix_of
from reassess.text import some

__all__ = ["with_weights"]

_HELD_AS = ("state_dict", "model", "model_state_dict")  # what training scripts call the weights in a checkpoint
_PARALLEL = "module."  # stands before every name where a model was trained on several devices


def with_weights(build: Callable[[bool, int | None], Any], path: Path) -> Any:
    """A model with the weights in a file, and as many outputs as they have.

    Parameters
    ----------
    build
        Makes the model: with the weights of its library or without, and with so many outputs, or its own number.
    path
        A checkpoint of PyTorch, or safetensors.

    Raises
    ------
    DataError
        The file holds no weights, or those of another model.
    """
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
            "the weights are not those of this model",
            where=path,
            found=found if lacking or others else str(error).splitlines()[-1].strip(),
            mend="name the model that they were trained for",
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
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            "the file cannot be loaded as weights",
            where=path,
            allowed="tensors by their names; other Python objects are never loaded",
            found="other Python objects" if reason.startswith("Weights only load failed") else reason,
            mend="torch.save(model.state_dict(), path)",
        ) from error
    held = next((held[name] for name in _HELD_AS if isinstance(held, dict) and isinstance(held.get(name), dict)), held)
    if not isinstance(held, dict) or not held or not all(hasattr(value, "ndim") for value in held.values()):
        raise DataError(
            "the file holds no weights by their names",
            where=path,
            found=type(held).__name__,
            mend="torch.save(model.state_dict(), path)",
        )
    return {name.removeprefix(_PARALLEL): tensor for name, tensor in held.items()}
