"""A model as a function of anyone's own, in a module that Python finds."""

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
from reassess.text import nearest

_INSTALLED = "site-packages"  # folder of modules that are not part of the model


def open_python(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """The function of a module; the module is imported, from the working folder too, and so its code runs."""
    for option, given in (("transform", source.transform), ("checkpoint", source.checkpoint), ("device", device)):
        if given is not None:
            raise DataError(
                "unused-option",
                f"functions take no {option}",
                where=source.name,
                fix=f"choose the {option} in its code",
            )
    module_name, _, called = name.rpartition(":")
    if not module_name or module_name.startswith(".") or not called:
        raise DataError("wrong-syntax", "function is not named", where=source.name, allowed="python:module:function")
    folder = str(Path.cwd())
    with _found_in(folder):
        module = _imported(source.name, module_name)
        function = _function(source.name, module, called)

    def quiet(images: Any) -> Any:
        with _found_in(folder), redirect_stdout(sys.stderr):  # keep prints of the code out of the result
            return function(images)

    return ImageModel(source.name, quiet, None, source.outputs, _facts(module))


@contextmanager
def _found_in(folder: str) -> Iterator[None]:
    """Find modules in a folder, as a script there would; also modules that a function imports later."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # if the code took it away
            sys.path.remove(folder)


def _imported(model: str, name: str) -> ModuleType:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # of anyone's code
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise DataError(
                "import-failed",
                "module not found",
                where=model,
                found=str(error),
                fix="check its name; modules are looked for in the working folder and in PYTHONPATH",
            ) from error
        raise _fails(model, name, error) from error


def _function(model: str, module: ModuleType, called: str) -> Callable[[Any], Any]:
    try:
        function = getattr(module, called)
    except AttributeError as error:
        functions = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise DataError(
            "import-failed", "module does not have this function", where=model, fix=nearest(called, functions)
        ) from error
    except (Exception, SystemExit) as error:  # of a module with a __getattr__ of its own
        raise _fails(model, module.__name__, error) from error
    if not callable(function):
        raise DataError("wrong-type", "not a function", where=model, found=type(function).__name__)
    return function  # type: ignore[no-any-return]


def _fails(model: str, name: str, error: BaseException) -> DataError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({Path(last.filename).name}, line {last.lineno})"
    return DataError(
        "import-failed",
        "module cannot be imported",
        where=model,
        found=f"{type(error).__name__}: {error}{place}",
        fix=f"fix its code, or install what it needs; python -c 'import {name}' shows the whole error",
    )


def _facts(module: ModuleType) -> dict[str, str]:
    """The hashes of the module's file, and of the modules in its folder that are imported by now."""
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file():
        return {}
    facts = {"code": sha256(Path(file))}
    folder = Path(file).resolve().parent
    if _INSTALLED in folder.parts:
        return facts
    for name, other in sorted(sys.modules.items()):
        own = Path(getattr(other, "__file__", None) or ".").resolve()
        is_beside = folder in own.parents and _INSTALLED not in own.parts and own.is_file()
        if is_beside and other is not module and name != "__main__":
            facts[f"code of {name}"] = sha256(own)
    return facts
