"""Are the labels of an image-classification benchmark right, and how good is a model, judged by labels that are?

The names that the docs use are here: `reassess.evaluate`. The room of a name has more, such as `reassess.evaluation`:
the types of results, and what the command line needs. A name is loaded when it is first used, so that ``import
reassess`` costs nothing. Modules inside a room are internal, except those of `reassess.integrations`.
"""

from functools import cache
from typing import Any

__version__ = "0.1.0"


@cache
def _stub() -> tuple[Any, Any, list[str]]:
    import lazy_loader  # on first use: it takes longer to import than this package

    return lazy_loader.attach_stub(__name__, __file__)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    get, _, names = _stub()
    return sorted(["__version__", *names]) if name == "__all__" else get(name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
