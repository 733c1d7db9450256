"""Check, before any work, that optional packages are installed, without importing them."""

from collections.abc import Mapping
from importlib.util import find_spec

from reassess.errors import MissingPackageError

# The modules that each extra needs. Packages have the name of their module, except those in _PACKAGE_NAMES.
EXTRA_MODULES: Mapping[str, tuple[str, ...]] = {
    "annotate": ("sqlalchemy", "alembic", "starlette", "uvicorn", "jinja2", "msgspec", "PIL"),
    "confident": ("cleanlab",),
    "dask": ("distributed",),
    "machine": ("openai", "PIL"),
    "onnx": ("onnxruntime", "onnx", "PIL"),
    "report": ("matplotlib", "jinja2", "PIL"),
    "scan": ("PIL",),
    "timm": ("torch", "timm", "PIL"),
    "torchvision": ("torch", "torchvision", "PIL"),
}
_PACKAGE_NAMES = {"PIL": "pillow"}


def check_packages(extra: str, purpose: str) -> None:
    """Raise `MissingPackageError` if a package of an optional extra is not installed."""
    for module in EXTRA_MODULES[extra]:
        if not _is_installed(module):
            raise MissingPackageError(_PACKAGE_NAMES.get(module, module), extra=extra, purpose=purpose)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
