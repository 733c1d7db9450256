"""A model as a function of anyone's own, in a module that Python finds."""

import inspect
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from reassess.errors import DataError
from reassess.formats.files import sha256
from reassess.proposals.image_models import ImageModel, ModelSource

__all__ = ["open_python"]


def open_python(source: ModelSource, name: str, device: str | None) -> ImageModel:
    """The function of a module; the module is imported, from the working folder too, and so its code runs."""
    for option, given in (("transform", source.transform), ("checkpoint", source.checkpoint), ("device", device)):
        if given is not None:
            raise DataError(f"a function takes no {option}", where=source.name, mend=f"choose the {option} in its code")
    module_name, _, called = name.rpartition(":")
    if not module_name or not called:
        raise DataError("a function is not named", where=source.name, allowed="python:module:function")
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        module = import_module(module_name)
        function = getattr(module, called)
        file = inspect.getsourcefile(module)
    except (Exception, SystemExit) as error:  # of anyone's code
        raise DataError(
            "the function cannot be had",
            where=source.name,
            found=f"{type(error).__name__}: {error}",
            mend="check its name; modules are looked for in the working folder and in PYTHONPATH",
        ) from error
    finally:
        sys.path.remove(folder)
    if not callable(function):
        raise DataError("this is no function", where=source.name, found=type(function).__name__)
    facts = {} if file is None else {"code": sha256(Path(file))}

    def quiet(pictures: Any) -> Any:
        with redirect_stdout(sys.stderr):  # what the code prints is no result
            return function(pictures)

    return ImageModel(source.name, quiet, None, source.outputs, facts)
