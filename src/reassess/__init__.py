"""Are the labels of an image-classification benchmark right, and how good is a model, judged by labels that are?

Every public name stands in the face of one room, such as `reassess.aggregation.by_em`, and can be had from here:
`reassess.by_em`. A name is loaded when it is first used, so that ``import reassess`` costs nothing. The modules inside
a room are internal, but for those of `reassess.integrations`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_FACES = (
    "errors",
    "core",
    "formats",
    "evaluation",
    "aggregation",
    "comparison",
    "data",
    "proposals",
    "cleaning",
    "report",
    "numeric",
)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted({"__version__"}.union(*(import_module(f"{__name__}.{face}").__all__ for face in _FACES)))
    if not name.startswith("_"):
        for face in _FACES:
            module = import_module(f"{__name__}.{face}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
