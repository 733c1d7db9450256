"""Find wrong labels in an image benchmark, and measure models by better labels.

The names in the docs can be imported from here, such as `reassess.evaluate`. Subpackages, such as
`reassess.evaluation`, also have the types of results, and names that only the command line needs. A name is loaded on
first use, so ``import reassess`` is fast. Modules inside a subpackage are internal, except in `reassess.integrations`.
"""

from functools import cache
from typing import Any

__version__ = "0.1.0"


@cache
def _load_lazy_names() -> tuple[Any, Any, list[str]]:
    """Return the functions `__getattr__` and `__dir__` for this package, and the list of its public names."""
    import lazy_loader  # imported on first use, since this takes longer than the rest of the package

    return lazy_loader.attach_stub(__name__, __file__)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    get, _, names = _load_lazy_names()
    return sorted(["__version__", *names]) if name == "__all__" else get(name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
