"""Models that are Python functions of the user, in an importable module."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from reassess.errors import DataError
from reassess.formats.files import sha256
from reassess.proposals.image_models import ImageModel, ModelSource
from reassess.text import join_first, suggest_name

_INSTALLED = "site-packages"  # folder of installed modules, which are not part of the model


def open_python(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """Open the function of a module. Importing the module, also from the working folder, runs its code."""
    for option, value in (("transform", source.transform), ("checkpoint", source.checkpoint), ("device", device)):
        if value is not None:
            raise DataError(
                "unused-option",
                f"functions take no {option}",
                where=source.name,
                fix=f"set the {option} in the code of the function",
            )
    module_name, _, function_name = name.rpartition(":")
    if not module_name or module_name.startswith(".") or not function_name:
        raise DataError(
            "wrong-syntax", "not the name of a Python function", where=source.name, allowed="python:module:function"
        )
    folder = str(Path.cwd())
    with _search_in(folder):
        module = _import(source.name, module_name)
        function = _function(source.name, module, function_name)

    def run(images: Any) -> Any:
        with _search_in(folder), redirect_stdout(sys.stderr):  # keep prints of the user's code out of the result
            return function(images)

    return ImageModel(source.name, run, None, source.outputs, _facts(module))


@contextmanager
def _search_in(folder: str) -> Iterator[None]:
    """Search a folder for modules during a block, as Python does for a script in that folder."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the code of the model may have removed it
            sys.path.remove(folder)


def _import(model: str, name: str) -> ModuleType:
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


def _function(model: str, module: ModuleType, name: str) -> Callable[[Any], Any]:
    try:
        function = getattr(module, name)
    except AttributeError as error:
        functions = {key: value for key, value in vars(module).items() if callable(value) and not key.startswith("_")}
        own = [key for key, value in functions.items() if getattr(value, "__module__", None) == module.__name__]
        raise DataError(
            "import-failed",
            "module does not have this function",
            where=model,
            allowed=join_first(own, max_items=5) if own else None,
            fix=suggest_name(name, functions),
        ) from error
    except (Exception, SystemExit) as error:  # the module may define __getattr__
        raise _import_error(model, module.__name__, error) from error
    if not callable(function):
        raise DataError("wrong-type", "not a function", where=model, found=type(function).__name__)
    return function  # type: ignore[no-any-return]


def _import_error(model: str, name: str, error: BaseException) -> DataError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({Path(last.filename).name}, line {last.lineno})"
    return DataError(
        "import-failed",
        "module cannot be imported",
        where=model,
        found=f"{type(error).__name__}: {error}{place}",
        fix=f"fix its code, or install missing packages; python -c 'import {name}' shows the whole error",
    )


def _facts(module: ModuleType) -> dict[str, str]:
    """Hash the module's file, and the other imported modules in its folder."""
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file():
        return {}
    facts = {"code": sha256(Path(file))}
    folder = Path(file).resolve().parent
    if _INSTALLED in folder.parts:
        return facts
    for name, imported in sorted(sys.modules.items()):
        path = Path(getattr(imported, "__file__", None) or ".").resolve()
        is_beside = folder in path.parents and _INSTALLED not in path.parts and path.is_file()
        if is_beside and imported is not module and name != "__main__":
            facts[f"code of {name}"] = sha256(path)
    return facts
