"""Models that are Python functions of the user, in an importable module."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from reassess.errors import DataError
from reassess.formats.files import sha256
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.text import join_first, suggest_name

_PACKAGES_FOLDER = "site-packages"  # folder of installed modules, which are not part of the model


def open_python(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """Open a Python function as a model. The module of the function is imported, so its code runs."""
    for option, value in (("transform", source.transform), ("checkpoint", source.checkpoint), ("device", device)):
        if value is not None:
            raise DataError(
                "unused-option",
                f"a model that is a Python function takes no {option}",
                where=source.name,
                fix=f"set the {option} in the code of the function",
            )
    module_name, _, function_name = name.rpartition(":")
    if not module_name or module_name.startswith(".") or not function_name:
        raise DataError(
            "wrong-syntax", "not the name of a Python function", where=source.name, allowed="python:module:function"
        )
    folder = str(Path.cwd())
    with _importing_from(folder):
        module = _import_module(source.name, module_name)
        function = _get_function(source.name, module, function_name)

    def run(images: Any) -> Any:
        """Call the function. During the call, it can import modules from the working folder."""
        with _importing_from(folder), redirect_stdout(sys.stderr):  # keep prints of the user's code out of the result
            return function(images)

    return ImageModel(source.name, run, None, source.outputs, _hash_code(module))


@contextmanager
def _importing_from(folder: str) -> Iterator[None]:
    """Let Python import modules from a folder, during a block."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the code of the model may have removed it
            sys.path.remove(folder)


def _import_module(model: str, name: str) -> ModuleType:
    """Import a module; raise `DataError` if the import fails."""
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # user code may raise anything
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise DataError(
                "import-failed",
                "module not found",
                where=model,
                found=str(error),
                fix="check its name; modules must be in the working folder or in PYTHONPATH",
            ) from error
        raise _import_error(model, name, error) from error


def _get_function(model: str, module: ModuleType, name: str) -> Callable[[Any], Any]:
    """Return the function of a module; raise `DataError` if the function is missing."""
    try:
        function = getattr(module, name)
    except AttributeError as error:
        functions = {key: value for key, value in vars(module).items() if callable(value) and not key.startswith("_")}
        own_functions = [
            key for key, value in functions.items() if getattr(value, "__module__", None) == module.__name__
        ]
        raise DataError(
            "import-failed",
            "module does not have this function",
            where=model,
            allowed=join_first(own_functions, max_items=5) if own_functions else None,
            fix=suggest_name(name, functions),
        ) from error
    except (Exception, SystemExit) as error:  # the module may define __getattr__
        raise _import_error(model, module.__name__, error) from error
    if not callable(function):
        raise DataError("wrong-type", "not a function", where=model, found=type(function).__name__)
    return function  # type: ignore[no-any-return]


def _import_error(model: str, name: str, error: BaseException) -> DataError:
    """Create the error for a module whose code fails."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({Path(last.filename).name}, line {last.lineno})"
    return DataError(
        "import-failed",
        "module cannot be imported",
        where=model,
        found=f"{type(error).__name__}: {error}{place}",
        fix=f"fix its code, or install missing packages; python -c 'import {name}' shows the whole error",
    )


def _hash_code(module: ModuleType) -> dict[str, str]:
    """Hash the module's file, and the imported modules in its folder."""
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file():
        return {}
    facts = {"code of the module": sha256(Path(file))}
    folder = Path(file).resolve().parent
    if _PACKAGES_FOLDER in folder.parts:
        return facts
    parts_of = cache(lambda path: Path(path).resolve().parts)  # far fewer folders than modules are imported
    for name, imported in sorted(sys.modules.items()):
        path = getattr(imported, "__file__", None)
        if not isinstance(path, str) or imported is module or name == "__main__":
            continue
        parts = parts_of(path.rpartition(os.sep)[0])
        if parts[: len(folder.parts)] == folder.parts and _PACKAGES_FOLDER not in parts and Path(path).is_file():
            facts[f"code of {name}"] = sha256(Path(path))
    return facts
